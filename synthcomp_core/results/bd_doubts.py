"""What makes a Bjontegaard rate doubtful: interpolations that disagree, curves that saturate, a single common point."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Points = tuple[FloatArray, FloatArray]  # (rates, qualities), the qualities strictly rising

_DISAGREEMENT = math.log(1.15)  # Methods that differ by more than 15 % of the rate
_IMPLAUSIBLE = math.log(10)  # A tenfold rate, or a tenth
# A part of a curve that takes half as much rate again, or more, for less than this share of its range of the metric.
_FLAT_RATE, _FLAT_SHARE = 1.5, 0.02


def single_point_percent(anchor: Points, test: Points, method: str) -> float | None:
    """The rate difference in % at the quality of the only point of one curve, inside the range of the other.

    The rate of the other curve is interpolated over its quality, as a logarithm, by ``method``. None unless exactly one
    of the curves has a single point, and that lies within the other's range.

    >>> anchor = np.array([0.1, 0.2, 0.4, 0.8]), np.array([30.0, 35, 40, 45])
    >>> round(single_point_percent(anchor, (np.array([0.18]), np.array([36.0])), "akima"), 2)
    -21.65
    """
    if len(test[0]) == 1 and len(anchor[0]) > 1:
        expected = rate_at(anchor, float(test[1][0]), method)
        return None if expected is None else 100 * (float(test[0][0]) / expected - 1)
    if len(anchor[0]) == 1 and len(test[0]) > 1:
        found = rate_at(test, float(anchor[1][0]), method)
        return None if found is None else 100 * (found / float(anchor[0][0]) - 1)
    return None


def rate_at(points: Points, quality: float, method: str) -> float | None:
    """The rate in bits per pixel at which a curve reaches a quality; None outside its range."""
    from bjontegaard.interpolation import interpolate

    rates, qualities = points
    if not qualities[0] <= quality <= qualities[-1]:
        return None
    # A cubic through fewer points than it has coefficients is none.
    chosen = "akima" if method == "cubic" and len(rates) < 4 else method
    return float(10 ** interpolate(qualities, np.log10(rates), chosen)(quality))


def doubts(
    method: str, percent: float | None, others: Mapping[str, float | None], curves: Mapping[str, Points]
) -> list[str]:
    """Phrases on what makes ``percent``, by ``method``, doubtful. others: the values of the other interpolations.

    curves: anchor and test by their names, within the range that both cover.
    """
    found = []
    shown = ", ".join(f"{name} {_shown(value)}" for name, value in others.items())
    known = [value for value in (percent, *others.values()) if value is not None]
    logs = [_log(value) for value in known]
    if percent is None:
        if any(value is not None for value in others.values()):
            found.append(f"{method} gives no finite rate here; {shown}")
    elif max(abs(_log(percent) - log) for log in logs) > _DISAGREEMENT:
        cause = (
            "the cubic overshoots between the points" if _is_odd_one(method, percent, others) else "look at the curves"
        )
        found.append(f"the interpolations disagree ({method} {_shown(percent)}, {shown}): {cause}")
    if percent is not None and abs(_log(percent)) > _IMPLAUSIBLE:
        found.append(f"a difference of {_shown(percent)} is hardly an average: the curves share little but a flat end")
    for name, points in curves.items():
        flat = _flat_part(points)
        if flat is not None:
            low, high, gain = flat
            found.append(f"{name} is saturated: from {low:.3g} to {high:.3g} bpp it gains only {gain:.2%} of its range")
    return found


def all_methods(rate: Callable[[str], float | None], method: str, methods: tuple[str, ...]) -> dict[str, float | None]:
    """The rate by every method but ``method``."""
    return {other: rate(other) for other in methods if other != method}


def _is_odd_one(method: str, percent: float, others: Mapping[str, float | None]) -> bool:
    """Whether the cubic is the one that stands apart from the two piecewise methods, which agree."""
    values = {method: percent, **others}
    cubic, *local = (values.get(name) for name in ("cubic", "akima", "pchip"))
    if cubic is None or any(value is None for value in local):
        return False
    first, second = (_log(value) for value in local if value is not None)
    return abs(first - second) < min(abs(first - _log(cubic)), abs(second - _log(cubic)))


def _flat_part(points: Points) -> tuple[float, float, float] | None:
    """(rate, rate, gain as a share of the range) of the last steps of a curve that cost rate and gain nothing."""
    rates, qualities = points
    span = qualities[-1] - qualities[0] if len(qualities) > 2 else 0.0
    if span <= 0:
        return None
    start = len(rates) - 1
    while start > 0 and (qualities[-1] - qualities[start - 1]) / span < _FLAT_SHARE:
        start -= 1
    if rates[-1] < _FLAT_RATE * rates[start]:
        return None
    return float(rates[start]), float(rates[-1]), float((qualities[-1] - qualities[start]) / span)


def _log(percent: float) -> float:
    return math.log(max(1 + percent / 100, 1e-9))


def _shown(percent: float | None) -> str:
    return "none" if percent is None else f"{percent:+,.1f} %"
