"""The search over the qualities of one codec, for whoever aims at a size or at a metric's value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from synthcomp_core.progress import OnProgress

T = TypeVar("T")

# Encoders are monotone in their quality only almost: around the bisection's end this many neighbours are looked at.
NEIGHBOURS = 2
_HALVING_STEP = 2


class QualitySearch(Generic[T]):
    """What was tried of a codec's levels, which rise in quality.

    levels: qualities, or what else names a codec's points. try_level: encodes and measures one; it gets a progress
    callback of its own. name_of: a level for the stage.
    """

    def __init__(
        self,
        levels: Sequence[T],
        try_level: Callable[[T, OnProgress], float],
        *,
        name_of: Callable[[T], str],
        on_progress: OnProgress,
        neighbours: int = NEIGHBOURS,
    ) -> None:
        self.levels, self.values = levels, dict[T, float]()
        self._try_level, self._name_of, self._on_progress = try_level, name_of, on_progress
        self._neighbours = neighbours
        self._expected = min(len(levels), len(levels).bit_length() + 2 * neighbours)

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

    def bisect(self, is_below: Callable[[float], bool], *, excess: Callable[[float], float] | None = None) -> None:
        """Try the levels around the highest whose value is still ``is_below``, which holds from the lowest on.

        excess: how far a value lies from what is aimed at, about linear in the level. With it most steps go where the
        line through two values crosses zero, which takes half as many as halving the range.
        """
        low, high, step = 0, len(self.levels) - 1, 0
        while low < high:
            middle = (low + high + 1) // 2
            # A line may creep up on its end from one side: every third step halves.
            if excess is not None and step % 3 != _HALVING_STEP:
                middle = self._crossing(low, high, excess, otherwise=middle)
            if is_below(self.value(self.levels[middle])):
                low = middle
            else:
                high = middle - 1
            step += 1
        for index in range(max(0, low - self._neighbours), min(len(self.levels), low + self._neighbours + 1)):
            self.value(self.levels[index])

    def _crossing(self, low: int, high: int, excess: Callable[[float], float], *, otherwise: int) -> int:
        """The index in low + 1 .. high where the line through the two nearest values tried falls to zero."""
        tried = [index for index, level in enumerate(self.levels) if level in self.values]
        if len(tried) < 2:
            return otherwise
        first, second = sorted(tried, key=lambda index: max(low - index, index - high - 1))[:2]
        here, there = (excess(self.values[self.levels[index]]) for index in (first, second))
        if here == there or not math.isfinite(here - there):
            return otherwise
        crossing = first + (second - first) * here / (here - there)
        return max(low + 1, min(high, math.floor(crossing)))
