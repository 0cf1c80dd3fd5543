"""Augmentation of training patches: a smaller scale, another orientation, other colours; drawn per sample and step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images import resize

Bytes = NDArray[np.uint8]
Name = Literal["downscale", "transpose", "channels", "gamma"]
_SHARE = 0.5  # of the samples that each augmentation changes
MOST_DOWNSCALED = 2.0  # per side
_GAMMA = 1.4  # exponents from its inverse to it, evenly in the logarithm


@dataclass(frozen=True)
class Draw:
    """What is done to one sample. zoom: the crop's side over the patch's; channels: their order; gamma: exponent."""

    zoom: float = 1.0
    transpose: bool = False
    channels: tuple[int, int, int] = (0, 1, 2)
    gamma: float = 1.0


def draw(names: tuple[Name, ...], generator: np.random.Generator) -> Draw:
    """What each of the named augmentations does to a sample; the same numbers are drawn whichever are named.

    downscale: a crop up to twice as large, made smaller. transpose: rows and columns exchanged. channels: red, green
    and blue in another order. gamma: samples to a power.
    """
    chosen = generator.random(4) < _SHARE
    zoom = float(generator.uniform(1.0, MOST_DOWNSCALED))
    order = generator.permutation(3)
    exponent = float(_GAMMA ** generator.uniform(-1.0, 1.0))
    return Draw(
        zoom=zoom if chosen[0] and "downscale" in names else 1.0,
        transpose=bool(chosen[1] and "transpose" in names),
        channels=(int(order[0]), int(order[1]), int(order[2])) if chosen[2] and "channels" in names else (0, 1, 2),
        gamma=exponent if chosen[3] and "gamma" in names else 1.0,
    )


def apply(patch: Bytes, drawn: Draw, side: int) -> Bytes:
    """The (side, side, 3) patch of a square crop, (S, S, 3) with S from ``side`` on."""
    if patch.shape[0] != side:
        patch = resize(np.ascontiguousarray(patch), (side, side), method="bicubic")
    if drawn.transpose:
        patch = patch.transpose(1, 0, 2)
    if drawn.channels != (0, 1, 2):
        patch = patch[..., list(drawn.channels)]
    if drawn.gamma != 1.0:
        patch = gamma_levels(drawn.gamma)[patch]
    return patch


def gamma_levels(gamma: float) -> Bytes:
    """What each of the 256 levels becomes, (256,) uint8."""
    levels: Bytes = np.floor(255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    return levels
