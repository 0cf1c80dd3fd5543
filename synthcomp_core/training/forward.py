"""The forward passes of a compression model: with training surrogates, and with the latents a decoder will have.

The weights and layers are CompressAI's; only the order in which they are called is ours. CompressAI's own
``forward`` feeds the context model and the decoder ``round(y)`` (in training: y + noise), while a bitstream holds
``round(y - means)`` and the decoder rebuilds ``round(y - means) + means``. Training therefore takes
* the rate from y + uniform noise (Balle 2017): its density is a differentiable stand-in for the probabilities;
* the reconstruction, with ``surrogate="mixed"`` (Minnen and Singh 2020, section 3.3), from the rounded latents
  ``round(y - means) + means`` with a straight-through gradient, so that the decoder trains on what it will get;
  with ``surrogate="noise"`` from the noisy latents, as CompressAI's examples do.
Validation rebuilds the latents exactly as a decoder does, wavefront by wavefront.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from synthcomp_core.training.plan import HYPER_STRIDE

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Forward:
    """One forward pass: x_hat (B, 3, H, W), unclipped, and the bits of y and z of each image, (B,) float32."""

    x_hat: Tensor
    bits_y: Tensor
    bits_z: Tensor

    def bits_per_pixel(self) -> Tensor:
        """Mean bits per pixel over the batch (scalar)."""
        pixels = self.x_hat.shape[-1] * self.x_hat.shape[-2]
        return (self.bits_y + self.bits_z).mean() / pixels


@dataclass(frozen=True)
class Noise:
    """Uniform noise in [-0.5, 0.5) for y (B, M, H/16, W/16) and z (B, N, H/64, W/64)."""

    y: Tensor
    z: Tensor


def draw_noise(model: Any, batch: int, height: int, width: int, generator: torch.Generator) -> Noise:
    """Noise for a batch of (height, width) patches; made on the CPU so that every device draws the same."""
    channels_y, channels_z = int(model.M), int(model.N)
    y = torch.rand((batch, channels_y, height // 16, width // 16), generator=generator) - 0.5
    z = (
        torch.rand((batch, channels_z, -(-height // HYPER_STRIDE), -(-width // HYPER_STRIDE)), generator=generator)
        - 0.5
    )
    return Noise(y, z)


def train_forward(
    model: nn.Module, x: Tensor, noise: Noise, *, surrogate: str = "mixed", entropy_only: bool = False
) -> Forward:
    """Differentiable pass over x (B, 3, H, W) in [0, 1], H and W multiples of 64.

    Convolutions run in the precision of the surrounding autocast; latents, likelihoods and bits in float32.
    entropy_only: no gradient reaches g_a, and g_s is left out: x_hat is x.
    """
    net: Any = model
    with torch.set_grad_enabled(torch.is_grad_enabled() and not entropy_only):
        y = net.g_a(x)
    z = net.h_a(y).float()
    y = y.float()
    z_noisy = z + noise.z
    bits_z = _bits(_factorised_likelihood(net.entropy_bottleneck, z_noisy))
    z_hat = z_noisy
    if surrogate == "mixed":
        medians = net.entropy_bottleneck.quantiles[:, 0, 1].detach()[None, :, None, None]
        z_hat = z + (torch.round(z - medians) + medians - z).detach()
    y_noisy = y + noise.y
    scales, means = _entropy_parameters(net, net.h_s(z_hat), net.context_prediction(y_noisy))
    bits_y = _bits(_gaussian_likelihood(net.gaussian_conditional, y_noisy, scales, means))
    if entropy_only:
        return Forward(x, bits_y, bits_z)
    y_hat = y_noisy
    if surrogate == "mixed":
        y_hat = y + (torch.round(y - means) + means - y).detach()
    return Forward(net.g_s(y_hat).float(), bits_y, bits_z)


@torch.no_grad()
def quantised_forward(model: nn.Module, x: Tensor) -> Forward:
    """The pass a bitstream makes: x (B, 3, H, W) in [0, 1], H and W multiples of 64, to the decoder's x_hat.

    Bits are the ideal code length of the integer symbols. The latents are rebuilt in wavefronts: with a 5x5
    causal mask all positions of equal w + 3h depend on earlier ones only.
    """
    net: Any = model
    y = net.g_a(x)
    z = net.h_a(y).float()
    y = y.float()
    bottleneck = net.entropy_bottleneck
    medians = bottleneck.quantiles[:, 0, 1][None, :, None, None]
    z_hat = torch.round(z - medians) + medians
    bits_z = _bits(_factorised_likelihood(bottleneck, z_hat))
    params = net.h_s(z_hat).float()
    y_hat, likelihood = _wavefront(net, y, params)
    return Forward(net.g_s(y_hat).float(), _bits(likelihood), bits_z)


def _wavefront(net: Any, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    batch, channels, height, width = y.shape
    context = net.context_prediction
    weight = (context.weight * context.mask).float()
    # Offsets of the 12 causal neighbours in the 5x5 window, and their (M, 2M) matrices.
    offsets = [(row, column) for row in range(3) for column in range(5) if row < 2 or column < 2]
    matrix = torch.cat([weight[:, :, row, column] for row, column in offsets], dim=1).T.contiguous()
    padded = functional.pad(y.new_zeros(y.shape), (2, 2, 2, 2)).permute(0, 2, 3, 1).contiguous()
    y_last, params_last = y.permute(0, 2, 3, 1), params.permute(0, 2, 3, 1)
    likelihood = y.new_ones((batch, height, width, channels))
    rows_all = torch.arange(height, device=y.device)
    for front in range(width + 3 * (height - 1)):
        columns = front - 3 * rows_all
        valid = (columns >= 0) & (columns < width)
        rows, columns = rows_all[valid], columns[valid]
        neighbours = torch.cat([padded[:, rows + row, columns + column] for row, column in offsets], dim=-1)
        ctx = neighbours @ matrix + context.bias.float()
        joined = torch.cat((params_last[:, rows, columns], ctx), dim=-1).permute(0, 2, 1)[..., None]
        gaussian = net.entropy_parameters(joined).float()[..., 0].permute(0, 2, 1)
        scales, means = gaussian.chunk(2, -1)
        values = torch.round(y_last[:, rows, columns] - means) + means
        padded[:, rows + 2, columns + 2] = values
        likelihood[:, rows, columns] = _gaussian_likelihood(net.gaussian_conditional, values, scales, means)
    y_hat = padded[:, 2:-2, 2:-2].permute(0, 3, 1, 2).contiguous()
    return y_hat, likelihood.permute(0, 3, 1, 2)


def _entropy_parameters(net: Any, params: Tensor, ctx: Tensor) -> tuple[Tensor, Tensor]:
    gaussian = net.entropy_parameters(torch.cat((params, ctx), dim=1)).float()
    scales, means = gaussian.chunk(2, 1)
    return scales, means


def _gaussian_likelihood(conditional: Any, values: Tensor, scales: Tensor, means: Tensor) -> Tensor:
    with float32_region(values.device.type):
        likelihood: Tensor = conditional.likelihood_lower_bound(conditional._likelihood(values, scales, means))
        return likelihood


def _factorised_likelihood(bottleneck: Any, z: Tensor) -> Tensor:
    batch, channels, height, width = z.shape
    values = z.permute(1, 0, 2, 3).reshape(channels, 1, -1)
    with float32_region(z.device.type):
        likelihood: Tensor = bottleneck.likelihood_lower_bound(bottleneck._likelihood(values)[0])
    return likelihood.reshape(channels, batch, height, width).permute(1, 0, 2, 3)


def _bits(likelihood: Tensor) -> Tensor:
    return -torch.log2(likelihood).sum(dim=(1, 2, 3))


@contextmanager
def float32_region(device_type: str) -> Iterator[None]:
    """Autocast off: likelihoods near 0 and 1 have no digits left in bfloat16."""
    with torch.autocast(device_type, enabled=False):
        yield
