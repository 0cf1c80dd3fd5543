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

from synthcomp_core.codecs.phases import HYPER_STRIDE, LATENT_STRIDE

if TYPE_CHECKING:
    from torch import nn


_NOISE_BITS = 24  # as many as torch.rand draws for a float32


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
    """Uniform noise for y (B, M, H/16, W/16) and z (B, N, H/64, W/64): in [-0.5, 0.5), or int32 from 0 to 2^24 - 1.

    Integers pass through Fabric's module as they are, which makes floats bfloat16 under bf16-mixed.
    """

    y: Tensor
    z: Tensor


def draw_noise(
    model: Any, batch: int, height: int, width: int, generator: torch.Generator, *, integers: bool = False
) -> Noise:
    """Noise for a batch of (height, width) patches, on the generator's device."""
    side = -(-height // HYPER_STRIDE), -(-width // HYPER_STRIDE)
    shapes = (batch, int(model.M), height // LATENT_STRIDE, width // LATENT_STRIDE), (batch, int(model.N), *side)
    device = generator.device
    if integers:
        y, z = (
            torch.randint(1 << _NOISE_BITS, shape, generator=generator, device=device, dtype=torch.int32)
            for shape in shapes
        )
    else:
        y, z = (torch.rand(shape, generator=generator, device=device) - 0.5 for shape in shapes)
    return Noise(y, z)


def _centred(noise: Tensor) -> Tensor:
    """Noise in [-0.5, 0.5) float32, of either kind."""
    return noise if noise.is_floating_point() else noise.float() * 2.0**-_NOISE_BITS - 0.5


def train_forward(
    model: nn.Module,
    x: Tensor,
    noise: Noise,
    *,
    surrogate: str = "mixed",
    entropy_only: bool = False,
    float32_latents: bool = False,
) -> Forward:
    """Differentiable pass over x (B, 3, H, W) in [0, 1], H and W multiples of 64.

    Convolutions run in the precision of the surrounding autocast; latents, likelihoods and bits in float32.
    entropy_only: no gradient reaches g_a, and g_s is left out: x_hat is x. float32_latents: the last layer of g_a and
    the first of g_s run in float32 even so; a large latent has no digits behind the point in bfloat16.
    """
    net: Any = model
    with torch.set_grad_enabled(torch.is_grad_enabled() and not entropy_only):
        y, features = _analysis(net, x) if float32_latents else (net.g_a(x), None)
    z = net.h_a(y).float()
    y = y.float()
    z_noisy = z + _centred(noise.z)
    bits_z = _bits(_factorised_likelihood(net.entropy_bottleneck, z_noisy))
    z_hat = z_noisy
    if surrogate == "mixed":
        medians = net.entropy_bottleneck.quantiles[:, 0, 1].detach()[None, :, None, None]
        z_hat = z + (torch.round(z - medians) + medians - z).detach()
    y_noisy = y + _centred(noise.y)
    scales, means = _entropy_parameters(net, net.h_s(z_hat), net.context_prediction(y_noisy))
    bits_y = _bits(_gaussian_likelihood(net.gaussian_conditional, y_noisy, scales, means))
    if entropy_only:
        return Forward(x, bits_y, bits_z)
    y_hat = y_noisy
    if surrogate == "mixed":
        y_hat = y + (torch.round(y - means) + means - y).detach()
    x_hat = net.g_s(y_hat) if features is None else _synthesis(net, y_hat, features)
    return Forward(x_hat.float(), bits_y, bits_z)


def _analysis(net: Any, x: Tensor) -> tuple[Tensor, torch.dtype]:
    """y, by a last layer in float32, and the format of the features before it."""
    *layers, last = net.g_a
    for layer in layers:
        x = layer(x)
    with float32_region(x.device.type):
        return last(x.float()), x.dtype


def _synthesis(net: Any, y_hat: Tensor, dtype: torch.dtype) -> Tensor:
    """x_hat of y_hat, by a first layer in float32 and features of ``dtype`` behind it."""
    first, *layers = net.g_s
    with float32_region(y_hat.device.type):
        x: Tensor = first(y_hat.float()).to(dtype)
    for layer in layers:
        x = layer(x)
    return x


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
