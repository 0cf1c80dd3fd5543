"""A small stand-in for a large image, on which a search finds out cheaply where it had better go."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from synthcomp_core.codecs.targets import Target
from synthcomp_core.images import Image
from synthcomp_core.progress import silent
from synthcomp_core.variants.search import QualitySearch, line_crossing
from synthcomp_core.variants.trials import RATES, Trials, excess, is_below
from synthcomp_core.variants.variant import Variant

TILE_SIDE = 64  # Pixels; whole blocks of every codec, so that seams cost few bits.
_BLOCK_SIDE = 4 * TILE_SIDE
_FEWEST = 3  # Blocks per side: MS-SSIM needs 161 pixels.
_SEAMS = 1.25  # What the tiles' edges cost: bytes per pixel over the image's, on the bundled frames 1.1 to 1.4.
_STEPS = 25  # Of the levels, the stand-in tries one in so many parts of the range.
_CLOSE = 4  # Of those parts: within so many the image's own values are taken to lie on a line.
_ROUNDS = 4  # In which the stand-in is tried around the place where a corrected curve crosses zero.


class StandIn:
    """What a mosaic of the image makes of a variant's levels, at a twentieth of what they take on the image."""

    def __init__(
        self,
        mosaic: Image,
        area: float,
        variant: Variant,
        target: Target,
        levels: Sequence[str],
        *,
        precision: str = "auto",
        device: str | None = None,
    ) -> None:
        share = _share(target, area)
        self._trials = Trials(mosaic, variant, target, levels, precision=precision, device=device)
        self._every, self._target = len(levels) // _STEPS, target
        self._search = QualitySearch(
            levels[:: self._every],
            lambda codec, on_tried: self._trials.value(codec, on_tried) / share,
            name_of=str,
            on_progress=silent,
            neighbours=(0, 0),
        )

    def crossing(self, known: Sequence[tuple[int, float]]) -> float | None:
        """Where the excess on the image is expected to fall to zero (see ``Forecast``).

        By as much as the image differs from the stand-in at the levels known - by a line through both of two - the
        stand-in's curve is taken to be off elsewhere. Two need no stand-in where their line hardly leaves them.
        """
        if len(known) > 1:
            (place, _), (other, _) = known
            line, gap = line_crossing(known), abs(place - other)
            is_between = known[0][1] * known[1][1] < 0
            if line is not None and (gap <= _CLOSE * self._every if is_between else abs(line - place) <= gap):
                return line
            # Noise tilts the line through two levels that lie close together.
            known = known if gap > self._every else known[:1]
        if not known:
            self._search.bisect(is_below(self._target), excess=excess(self._target))
        for place, _ in known:
            self._try_around(place)
        corrected = self._corrected(known)
        found = None
        for _ in range(_ROUNDS):
            found = self._zero(corrected)
            if found is None or not self._try_around(found):
                break
        return found

    def _try_around(self, place: float) -> bool:
        """Try the stand-in's levels on either side of a place; whether one of them was new."""
        levels, before = self._search.levels, len(self._search.values)
        low = max(0, min(len(levels) - 2, math.floor(place / self._every)))
        for level in levels[low : low + 2]:
            self._search.value(level)
        return len(self._search.values) > before

    def _samples(self) -> list[tuple[float, float]]:
        """(place, excess) of what was tried, by rising place, where the excess is finite."""
        distance = excess(self._target)
        values = self._search.values
        tried = [(number * self._every, level) for number, level in enumerate(self._search.levels) if level in values]
        found = [(float(place), distance(values[level])) for place, level in tried]
        return [(place, value) for place, value in found if math.isfinite(value)]

    def _corrected(self, known: Sequence[tuple[int, float]]) -> Callable[[float], float]:
        """What is to be added to the stand-in's excess at a place."""
        samples = self._samples()
        if not known or len(samples) < 2:
            return lambda place: 0.0
        places, values = zip(*samples, strict=True)
        offsets = [(place, value - float(np.interp(place, places, values))) for place, value in known]
        here, offset = offsets[0]
        if len(offsets) < 2:
            return lambda place: offset
        slope = (offsets[1][1] - offset) / (offsets[1][0] - here)
        return lambda place: offset + slope * (place - here)

    def _zero(self, correction: Callable[[float], float]) -> float | None:
        """Where the corrected curve rises through zero, or its nearest line would beyond its ends."""
        sign = 1 if self._target.kind.rises else -1
        points = [(place, sign * (value + correction(place))) for place, value in self._samples()]
        if len(points) < 2:
            return None
        for first, second in itertools.pairwise(points):
            if first[1] < 0 <= second[1]:
                return line_crossing((first, second))
        is_above = points[0][1] >= 0
        (end, value), (inner, other) = (points[0], points[1]) if is_above else (points[-1], points[-2])
        outwards = math.copysign(self._every, end - inner)
        # A curve that does not come nearer to zero at its end is followed by a step at a time.
        return end - value * (inner - end) / (other - value) if abs(value) < abs(other) else end + outwards


def stand_in(
    image: Image,
    variant: Variant,
    target: Target,
    levels: Sequence[str],
    *,
    precision: str = "auto",
    device: str | None = None,
) -> StandIn | None:
    """The stand-in of an (H, W, 3) image for a search among ``levels``; None where it is small, or the levels few."""
    tiles = mosaic(image)
    if tiles is None or len(levels) < _STEPS:
        return None
    return StandIn(tiles, tiles.size / image.size, variant, target, levels, precision=precision, device=device)


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
