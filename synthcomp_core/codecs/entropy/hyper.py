"""The hyper-synthesis in strips of rows, each computed when it is asked for.

So that a bitstream that ends early is refused before much was computed, and the activations of a large image, four
times as many numbers as its latents, need not exist at once. As all of it is exact, strips cannot change a result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from synthcomp_core.codecs.entropy.exact import ExactConvolution

FIRST_POSITIONS = 8192  # latents of the first strip, which all of a 1080p image fits into
STRIP_POSITIONS = 40_000  # latents of the others: fewer would cost more halos
_UPSAMPLING = 4  # rows of latents per row of hyper-latents


@dataclass(frozen=True)
class HyperField:
    """h_s of ``z_hat`` (rows, columns, N) units, of which ``strip`` rows of z (with a halo) are computed at a time."""

    layers: tuple[ExactConvolution, ...]
    z_hat: Tensor

    @property
    def height(self) -> int:
        """Rows of latents."""
        return _UPSAMPLING * self.z_hat.shape[0]

    @property
    def width(self) -> int:
        """Columns of latents."""
        return _UPSAMPLING * self.z_hat.shape[1]

    def strips(self) -> list[tuple[int, int]]:
        """(first, last) rows of latents of each strip, last exclusive."""
        found: list[tuple[int, int]] = []
        top = 0
        while top < self.height:
            positions = STRIP_POSITIONS if found else min(FIRST_POSITIONS, STRIP_POSITIONS)
            rows = max(1, positions // (_UPSAMPLING * self.width)) * _UPSAMPLING
            found.append((top, min(top + rows, self.height)))
            top += rows
        return found

    def rows(self, first: int, last: int) -> Tensor:
        """Activations (last - first, columns, M or 2 M) of rows of latents, both multiples of 4."""
        top, bottom = first // _UPSAMPLING, last // _UPSAMPLING
        halo = _halo(self.layers)
        begin, end = max(0, top - halo), min(self.z_hat.shape[0], bottom + halo)
        x = self.z_hat[begin:end]
        for layer in self.layers:
            x = layer(x)
        return x[(top - begin) * _UPSAMPLING : (bottom - begin) * _UPSAMPLING]


def _halo(layers: tuple[ExactConvolution, ...]) -> int:
    """Rows of z beside a strip that it depends on: each layer reaches one row of its own input further."""
    reach, resolution = 0.0, 1
    for layer in layers:
        reach += 1 / resolution
        resolution *= 2 if layer.shuffle or len(layer.phases) > 1 else 1
    return math.ceil(reach)


def hyper_field(layers: tuple[ExactConvolution, ...], z_hat: object) -> HyperField:
    """The field of hyper-latents in a numpy array."""
    return HyperField(layers, torch.as_tensor(z_hat))
