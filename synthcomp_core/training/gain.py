"""Closed-form start for another lambda: change the step size of a trained model's latents.

All layers next to the latents y are linear, so y can be multiplied by a gain, and everything that reads it
divided by the same gain, without changing any other quantity: quantisation then gets finer (gain above 1) or
coarser. At high rate the best step goes as lambda^-1/2 (d rate / d step = -1 / (step ln 2) against
d distortion / d step ~ step), so a neighbour on the ladder starts near its optimum instead of having to learn
the new scale through small gradient steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from synthcomp_core.training.forward import quantised_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

GAINS = tuple(2 ** (exponent / 4) for exponent in range(-10, 13))  # 0.18 to 8, in steps of a quarter octave.


@torch.no_grad()
def apply_gain(model: nn.Module, gain: float) -> None:
    """Multiply the latents y of a mbt2018-like model by ``gain``, in place, all else staying as it is."""
    net: Any = model
    net.g_a[-1].weight.mul_(gain)
    net.g_a[-1].bias.mul_(gain)
    for reader in (net.g_s[0], net.h_a[0], net.context_prediction):
        reader.weight.div_(gain)
    net.entropy_parameters[-1].weight.mul_(gain)
    net.entropy_parameters[-1].bias.mul_(gain)


@torch.no_grad()
def search_gain(model: nn.Module, x: Tensor, loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> tuple[float, float]:
    """The gain of :data:`GAINS` with the least ``loss(x_hat, x, bpp)`` on real quantised latents of x, and that loss.

    The losses fall to one minimum along the gains, so the search walks from 1 in the falling direction. The model
    is left with the gain found.
    """
    measured: dict[int, float] = {}

    def loss_at(index: int) -> float:
        if index not in measured:
            apply_gain(model, GAINS[index])
            result = quantised_forward(model, x)
            measured[index] = float(loss(result.x_hat, x, result.bits_per_pixel()))
            apply_gain(model, 1 / GAINS[index])
        return measured[index]

    best = GAINS.index(1.0)
    direction = 1 if loss_at(best + 1) < loss_at(best) else -1
    while 0 <= best + direction < len(GAINS) and loss_at(best + direction) < loss_at(best):
        best += direction
    apply_gain(model, GAINS[best])
    return GAINS[best], measured[best]
