"""Closed-form start of the transforms: the Karhunen-Loeve transform (KLT) of the images, as a cascade of convolutions.

A convolution with stride 2 can hold any linear map of 2x2 blocks in four of its taps, and the transposed convolution
the map back. Four of them make a transform of 16x16 blocks, here the principal components of the blocks of each stage's
output: an orthonormal, energy-compacting transform, the best linear one for Gaussian sources at high rate (Goyal 2001,
"Theoretical foundations of transform coding"). GDN starts next to the identity. A training that begins here first fits
the entropy model, at a fraction of the cost of full steps, and then has to learn what a linear block transform lacks.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

GAMMA = 1e-3  # GDN's gamma on its diagonal: within a percent of the identity for the signals of every stage.
QUIET = 0.1  # Weights of what the cascade does not use, relative to the usual initialisation.
SMALLEST_SCALE = 0.2
CHUNK = 64  # Images at a time through a transform.
# The best uniform step D of orthonormal coefficients of [0, 1] pixels for lambda 255^2 MSE + bpp, at high rate: the
# distortion a coefficient adds is D^2 / 12 over three samples per pixel, its rate falls by log2 D.
STEP = math.sqrt(18 / (math.log(2) * 255**2))


@torch.no_grad()
def linear_start(net: nn.Module, x: Tensor, lmbda: float) -> None:
    """Set a mbt2018 model's transforms to the cascaded KLT of x, (B, 3, H, W) in [0, 1], and its inverse, in place.

    lmbda: of the MSE loss; it sets the scale of the latents against the rounding step 1. The entropy model starts at
    the standard deviation of each latent channel. H and W are multiples of 16.
    """
    model: Any = net
    for layer in (*model.g_a, *model.g_s):
        if hasattr(layer, "gamma"):
            layer.gamma.copy_(layer.gamma_reparam.init(GAMMA * torch.eye(len(layer.gamma))))
    signal = x
    used = _used(model)
    for stage in range(4):
        scale = math.sqrt(lmbda) / STEP if stage == 3 else 1.0
        _set_block_transform(model.g_a[2 * stage], model.g_s[6 - 2 * stage], signal[:, : used[stage]], scale)
        signal = _apply(model.g_a[2 * stage : 2 * stage + 2], signal)
    last = model.entropy_parameters[-1]
    last.weight.mul_(QUIET)
    last.bias.zero_()
    last.bias[: used[-1]] = signal[:, : used[-1]].std(dim=(0, 2, 3)).clamp(min=SMALLEST_SCALE)


def _used(model: Any) -> list[int]:
    """How many channels the cascade uses, from the image's 3 to those of the latents."""
    used = [3]
    for index in (0, 2, 4, 6):
        used.append(min(4 * used[-1], model.g_a[index].out_channels))
    return used


def _set_block_transform(forward: Any, backward: Any, signal: Tensor, scale: float) -> None:
    """Principal components of 2x2 blocks of ``signal`` (B, C, H, W) into a convolution, their inverse into another."""
    channels = signal.shape[1]
    mean = signal.double().mean(dim=(0, 2, 3)).float()
    covariance = torch.zeros(4 * channels, 4 * channels, dtype=torch.float64)
    for part in torch.split(signal, CHUNK):
        flat = functional.pixel_unshuffle(part - mean[:, None, None], 2).permute(1, 0, 2, 3).flatten(1)
        covariance += (flat @ flat.T).double()
    basis = torch.linalg.eigh(covariance).eigenvectors.flip(1).T  # Rows by falling variance.
    kept = min(len(basis), forward.out_channels)
    taps = basis[:kept].reshape(kept, channels, 2, 2).float()
    forward.weight.mul_(QUIET)
    forward.weight[:kept] = 0
    forward.weight[:kept, :channels, 2:4, 2:4] = taps * scale
    forward.bias.zero_()
    forward.bias[:kept] = -(taps * mean[:, None, None]).sum(dim=(1, 2, 3)) * scale
    backward.weight.mul_(QUIET)  # (in, out, 5, 5)
    backward.weight[:, :channels] = 0
    backward.weight[:kept, :channels, 2:4, 2:4] = taps / scale
    backward.bias.zero_()
    backward.bias[:channels] = mean


def _apply(layers: nn.Module, signal: Tensor) -> Tensor:
    return torch.cat([layers(part) for part in torch.split(signal, CHUNK)])
