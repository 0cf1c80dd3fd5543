"""The search over the qualities of one codec, for whoever aims at a size or at a metric's value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from synthcomp_core.progress import OnProgress

T = TypeVar("T")

# Encoders are monotone in their quality only almost: on each side of the bisection's end so many levels are looked at.
NEIGHBOURS = (2, 2)
_PATIENCE = 2  # Steps along the line in a row that may fail to halve the range.


# Where the excess (see ``bisect``) is expected to fall to zero: a level's place, or one between two; None: nowhere.
# Given are place and excess of up to two levels tried, the nearest first.
Forecast = Callable[[Sequence[tuple[int, float]]], float | None]


class QualitySearch(Generic[T]):
    """What was tried of a codec's levels, which rise in quality.

    levels: qualities, or what else names a codec's points. try_level: encodes and measures one; it gets a progress
    callback of its own. name_of: a level for the stage. neighbours: how many levels are tried below the end and above.
    """

    def __init__(
        self,
        levels: Sequence[T],
        try_level: Callable[[T, OnProgress], float],
        *,
        name_of: Callable[[T], str],
        on_progress: OnProgress,
        neighbours: tuple[int, int] = NEIGHBOURS,
    ) -> None:
        self.levels, self.values = levels, dict[T, float]()
        self._try_level, self._name_of, self._on_progress = try_level, name_of, on_progress
        self._neighbours = neighbours
        self._expected = min(len(levels), len(levels).bit_length() + sum(neighbours))

    def value(self, level: T) -> float:
        """What a level reaches, tried at most once."""
        if level not in self.values:
            done = min(len(self.values) / self._expected, 0.99)
            stage = f"trying {self._name_of(level)}"
            self._on_progress(done, stage)

            def report(fraction: float, _: str) -> None:
                self._on_progress(done + fraction * min(1 / self._expected, 0.99 - done), stage)

            self.values[level] = self._try_level(level, report)
        return self.values[level]

    def bisect(
        self,
        is_below: Callable[[float], bool],
        *,
        excess: Callable[[float], float] | None = None,
        forecast: Forecast | None = None,
        is_enough: Callable[[float], bool] = lambda value: False,
        may_waver: Callable[[float], bool] = lambda value: True,
    ) -> int:
        """Try the levels around the highest whose value is still ``is_below``, which holds from the lowest on.

        excess: how far a value lies from what is aimed at, about linear in the level. With it most steps go where the
        line through two values crosses zero, which takes half as many as halving the range. forecast: knows better
        than that line, and where to begin. is_enough: of a value that need not be improved on, so that the search ends
        there. may_waver: of the value at the end, whether a lower level may have a better one. Returns the end's place.
        """
        low, high, patience, reach = 0, len(self.levels) - 1, _PATIENCE, 0
        while low < high:
            width, middle = high - low, (low + high + 1) // 2
            is_open = not self._is_tried(low) or not self._is_tried(high + 1)
            # A line may creep up on its end from one side: then the range is halved, or if it is open, left behind.
            if excess is not None and (is_open or patience > 0):
                middle = self._crossing(low, high, excess, forecast, reach=reach if is_open else 0, otherwise=middle)
                reach = 2 * reach or int(len(self.values) > 0)
            value = self.value(self.levels[middle])
            if is_enough(value):
                return middle
            if is_below(value):
                low = middle
            else:
                high = middle - 1
            patience = _PATIENCE if 2 * (high - low) <= width else patience - 1
        below, above = self._neighbours
        below = below if may_waver(self.value(self.levels[low])) else 0
        for index in range(max(0, low - below), min(len(self.levels), low + above + 1)):
            self.value(self.levels[index])
        return low

    def _is_tried(self, index: int) -> bool:
        return index < len(self.levels) and self.levels[index] in self.values

    def _crossing(
        self,
        low: int,
        high: int,
        excess: Callable[[float], float],
        forecast: Forecast | None,
        *,
        reach: int,
        otherwise: int,
    ) -> int:
        """The index in low + 1 .. high where the excess is expected to fall to zero.

        reach: how far to go beyond, so that the end comes to lie between two values tried.
        """
        tried = [index for index in range(len(self.levels)) if self._is_tried(index)]
        nearest = sorted(tried, key=lambda index: max(low - index, index - high - 1))[:2]
        known = [(index, excess(self.values[self.levels[index]])) for index in nearest]
        place = None
        if all(math.isfinite(here) for _, here in known):
            place = (forecast or line_crossing)(known)
            if place is None or not math.isfinite(place):
                place = line_crossing(known)
        if place is None:
            return otherwise
        if nearest:
            place += reach if nearest[0] <= low else -reach
        return max(low + 1, min(high, math.floor(place)))


def line_crossing(known: Sequence[tuple[float, float]]) -> float | None:
    """Where the line through two points (place, excess) crosses zero; None of fewer, or where it does not.

    >>> line_crossing([(10, -1.0), (20, 4.0)])
    12.0
    """
    if len(known) < 2:
        return None
    (here, own), (there, other) = known[:2]
    return None if own == other else here - own * (there - here) / (other - own)
