"""Stochastic Gumbel annealing: gradient descent on latents whose rounding is a random choice that slowly hardens.

Yang, Bamler, Mandt 2020, "Improving inference for neural image compression", section 3.2. Latents are rounded to whole
steps from their means; where these depend on the latents themselves, those of the step before stand in for them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synthcomp_core.codecs.effort.network import Network, round_to
from synthcomp_core.codecs.effort.tile import Tile
from synthcomp_core.progress import OnProgress

_RATE = 0.01  # of Adam, in steps of the lattice
_LAST_RATE = 0.05  # The part of it that is left at the end, along a half cosine.
_WARM, _COLD = 0.5, 0.05  # Temperatures of the choice between the two neighbours.
_EDGE = 1e-5


def anneal(
    network: Network, tile: Tile, steps: int, *, generator: torch.Generator, on_progress: OnProgress
) -> tuple[Tensor, Tensor | None]:
    """The y and z of a tile after so many steps."""
    y = tile.y.clone().requires_grad_()
    z = None if tile.z is None else tile.z.clone().requires_grad_()
    variables = [variable for variable in (y, z) if variable is not None]
    adam = torch.optim.Adam(variables, lr=_RATE)
    means = _first_means(network, tile)
    for step in range(steps):
        on_progress(step / steps, f"step {step + 1} of {steps}")
        done = step / max(1, steps - 1)
        temperature = _WARM * (_COLD / _WARM) ** done
        for group in adam.param_groups:
            group["lr"] = _RATE * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)
        hyper, bits_z = None, torch.zeros((), device=y.device)
        if z is not None and tile.inner_z is not None:
            z_soft = network.medians + _soft_round(z - network.medians, temperature, generator)
            z_soft = torch.where(tile.inner_z, z_soft, round_to(z, network.medians))
            hyper, bits_z = network.hyper(z_soft), network.bits_of_prior(z_soft).sum()
        y_soft = means + _soft_round(y - means, temperature, generator)
        y_soft = torch.where(tile.inner_y, y_soft, round_to(y, means))
        side = network.side_information(hyper, y_soft)
        bits = network.bits(y_soft, side).sum() + bits_z
        cost = bits + network.distort(network.decode(y_soft), tile.x, tile.counted)
        gradients = torch.autograd.grad(cost / tile.x[0, 0].numel(), variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.grad = gradient
        adam.step()
        means = side.means.detach()
    return y.detach(), None if z is None else z.detach()


@torch.no_grad()
def _first_means(network: Network, tile: Tile) -> Tensor:
    hyper = None if tile.z is None else network.hyper(round_to(tile.z, network.medians))
    return network.side_information(hyper, tile.y.round()).means


def _soft_round(values: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Each value as a random mixture of its two neighbours, the nearer the likelier; equations 8 and 9."""
    below = values.floor()
    fraction = values - below
    logits = torch.stack([-torch.atanh(part.clamp(max=1 - _EDGE)) for part in (fraction, 1 - fraction)])
    uniform = torch.rand(logits.shape, generator=generator).clamp(1e-9, 1 - 1e-7).to(values.device)
    gumbel = -torch.log(-torch.log(uniform))
    return below + torch.softmax((logits / temperature + gumbel) / temperature, dim=0)[1]
