"""A small stand-in for a large image, on which a search finds out cheaply where it had better begin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from synthcomp_core.codecs.targets import Target
from synthcomp_core.images import Image
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.variants.search import Guess, QualitySearch
from synthcomp_core.variants.trials import RATES, Trials, excess, is_below
from synthcomp_core.variants.variant import Variant

TILE_SIDE = 64  # Pixels; whole blocks of every codec, so that seams cost few bits.
_BLOCK_SIDE = 4 * TILE_SIDE
_FEWEST = 3  # Blocks per side: MS-SSIM needs 161 pixels.
_SEAMS = 1.25  # What the tiles' edges cost: bytes per pixel over the image's, on the bundled frames 1.1 to 1.4.
_STEPS = 25  # Of the levels, the stand-in tries one in so many parts of the range.


def guess_of(
    image: Image,
    variant: Variant,
    target: Target,
    levels: Sequence[str],
    *,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> Guess | None:
    """Where among ``levels`` the search for a target on an (H, W, 3) image had better begin; None where it is small.

    Found on a mosaic of tiles, at a twentieth of what it takes on the image.
    """
    stand_in = mosaic(image)
    every = len(levels) // _STEPS
    if stand_in is None or every == 0:
        return None
    share = _share(target, stand_in.size / image.size)
    trials = Trials(stand_in, variant, target, levels, precision=precision, device=device)
    search = QualitySearch(
        levels[::every],
        lambda codec, on_tried: trials.value(codec, on_tried) / share,
        name_of=str,
        on_progress=on_progress,
        neighbours=0,
    )
    low = search.bisect(is_below(target), excess=excess(target))
    ends = (low, low + 1) if low + 1 < len(search.levels) else (low - 1, low)
    here, there = (excess(target)(search.value(search.levels[end])) for end in ends)
    slope = there - here
    if not slope or not math.isfinite(slope) or not math.isfinite(here):
        return Guess(float(low * every), 0.0)
    return Guess((ends[0] - here / slope) * every, slope / every)


def _share(target: Target, area: float) -> float:
    """What the stand-in has of the image's value, given its share of the area."""
    if target.kind.quantity not in RATES:
        return 1.0
    return _SEAMS * (area if target.kind.quantity == "bytes" else 1.0)


def mosaic(image: Image) -> Image | None:
    """Every sixteenth of an (H, W, 3) image, in tiles from all over it; None for one below 768 pixels per side.

    >>> mosaic(np.zeros((1080, 1920, 3), np.uint8)).shape
    (256, 448, 3)
    """
    height, width = image.shape[:2]
    rows, columns = height // _BLOCK_SIDE, width // _BLOCK_SIDE
    if min(rows, columns) < _FEWEST:
        return None
    blocks = image[: rows * _BLOCK_SIDE, : columns * _BLOCK_SIDE].reshape(rows, _BLOCK_SIDE, columns, _BLOCK_SIDE, 3)
    begin = (_BLOCK_SIDE - TILE_SIDE) // 2
    tiles = blocks[:, begin : begin + TILE_SIDE, :, begin : begin + TILE_SIDE]
    return np.ascontiguousarray(tiles).reshape(rows * TILE_SIDE, columns * TILE_SIDE, 3)
