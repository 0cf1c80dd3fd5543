"""Run a function over an image in overlapping tiles and blend them so that no seam shows.

Neighbouring tiles share a margin on both sides of their seam. What lies far from the seam is cropped, as there a tile
feels its own zero padding; close to it the two results are cross-faded with weights that sum to one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.progress import OnProgress, span

FloatImage = NDArray[np.float32]  # (H, W, 3), sRGB-encoded, of whatever range, not clipped


FADE = 8  # input pixels, half of them on each side of a seam


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input pixels: what it reads (start..stop) and the seams on its sides.

    seam_before, seam_after: where it meets its neighbours, the image's border where it has none.
    """

    start: int
    stop: int
    seam_before: int
    seam_after: int


@dataclass(frozen=True)
class TilePlan:
    """Tiles over an image: their rows and columns, and the margin in input pixels around every seam."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    margin: int

    @property
    def num_tiles(self) -> int:
        return len(self.rows) * len(self.columns)


def plan_tiles(width: int, height: int, *, max_pixels: int, margin: int) -> TilePlan:
    """The fewest, nearly equal tiles of at most ``max_pixels`` input pixels each, margins included.

    A tile keeps at least a core of two margins (and 16 pixels) per side, even when that exceeds ``max_pixels``.
    """
    smallest = max(2 * margin, 16)
    best = TilePlan(_spans(height, 1, margin), _spans(width, 1, margin), margin)
    if width * height <= max_pixels:
        return best
    fewest = math.inf
    for num_rows in range(1, max(1, height // smallest) + 1):
        rows = _spans(height, num_rows, margin)
        tallest = max(row.stop - row.start for row in rows)
        widest = max_pixels // tallest
        num_columns = math.ceil(width / max(widest - 2 * margin, smallest)) if widest < width else 1
        num_columns = min(num_columns, max(1, width // smallest))
        columns = _spans(width, num_columns, margin)
        read = sum(row.stop - row.start for row in rows) * sum(column.stop - column.start for column in columns)
        fits = tallest * max(column.stop - column.start for column in columns) <= max_pixels
        # What counts is the work: pixels read. A plan that fits the memory beats any that does not.
        cost = read if fits else read * 1e6
        if cost < fewest:
            fewest, best = cost, TilePlan(rows, columns, margin)
    return best


def run_tiled(
    function: Callable[[FloatImage, OnProgress], FloatImage],
    picture: FloatImage,
    plan: TilePlan,
    scale: int,
    on_progress: OnProgress,
) -> FloatImage:
    """``function`` (h, w, 3) -> (h * scale, w * scale, 3) over all tiles of ``picture``, blended into one result.

    The callback is called before every tile, and by ``function`` within one; cancelling from it stops at once.
    """
    height, width = picture.shape[:2]
    if plan.num_tiles == 1:
        return function(picture, on_progress)
    out = np.zeros((height * scale, width * scale, 3), np.float32)
    for number, (row, column) in enumerate((row, column) for row in plan.rows for column in plan.columns):
        stage = f"tile {number + 1} of {plan.num_tiles}"
        on_progress(number / plan.num_tiles, stage)
        part = span(on_progress, number / plan.num_tiles, (number + 1) / plan.num_tiles)
        tile = np.ascontiguousarray(picture[row.start : row.stop, column.start : column.stop])
        enlarged = function(tile, lambda fraction, _, part=part, stage=stage: part(fraction, stage))  # type: ignore[misc]
        weights = _weights(row, plan.margin, scale)[:, None] * _weights(column, plan.margin, scale)[None, :]
        target = out[row.start * scale : row.stop * scale, column.start * scale : column.stop * scale]
        target += enlarged * weights[..., None]
    return out


def _spans(size: int, count: int, margin: int) -> tuple[Span, ...]:
    seams = [round(size * number / count) for number in range(count + 1)]
    return tuple(
        Span(max(0, before - margin), min(size, after + margin), before, after) for before, after in pairwise(seams)
    )


def _weights(tile: Span, margin: int, scale: int) -> NDArray[np.float32]:
    """The weight of a tile's output samples along one axis: 1 in its core, fading over the seams, 0 beyond."""
    positions = (np.arange((tile.stop - tile.start) * scale) + 0.5) / scale + tile.start
    weights = np.ones(len(positions))
    fade = min(2 * margin, FADE)
    if fade and tile.seam_before > tile.start:
        weights *= np.clip((positions - tile.seam_before) / fade + 0.5, 0, 1)
    if fade and tile.seam_after < tile.stop:
        weights *= np.clip((tile.seam_after - positions) / fade + 0.5, 0, 1)
    return weights.astype(np.float32)
