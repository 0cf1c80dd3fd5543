"""Where two rate-distortion curves cross: from which rate on the other one is better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synthcomp_core.metrics import METRICS
from synthcomp_core.results.curves import FloatArray, RDCurve

QualityOverLogRate = Callable[[float | FloatArray], FloatArray]
_STEPS = 2000  # At which the curves are compared; two crossings within one step would be missed.


@dataclass(frozen=True)
class Crossover:
    """Where two curves meet. rates: bits per pixel, rising. low, high: the rates both cover, None if there are none.

    sentence: all of it in words, with the better curve on either side.
    """

    first: str
    second: str
    rates: tuple[float, ...]
    low: float | None
    high: float | None
    sentence: str


def crossover(first: RDCurve, second: RDCurve) -> Crossover:
    """The rates at which two curves have the same metric, on PCHIP interpolations over log rate.

    "At how many bits per pixel does half resolution stop paying off?" is first = half, second = full resolution.
    """
    spans = [
        (curve.mean_rates.min(), curve.mean_rates.max()) if curve.points else (math.nan, math.nan)
        for curve in (first, second)
    ]
    low, high = (float(end) for end in (max(span[0] for span in spans), min(span[1] for span in spans)))
    names = (first.shown, second.shown)
    if not low < high or min(len(first.points), len(second.points)) < 2:
        ranges = [f"{name} covers {span[0]:.3g} to {span[1]:.3g} bpp" for name, span in zip(names, spans, strict=True)]
        sentence = f"{' and '.join(ranges)}: they share no range of rates, so they cannot be compared at equal rates."
        return Crossover(*names, (), None, None, sentence)
    common = f"{METRICS[first.metric].label}, common rates {low:.3g} to {high:.3g} bpp"
    if _are_equal(first, second, low, high):
        return Crossover(*names, (), low, high, f"{names[0]} and {names[1]} are equal at all common rates ({common}).")
    starts_ahead, places = _meetings(first, second, low, high)
    ends_ahead = starts_ahead != bool(len(places) % 2)
    below, above = names[0 if starts_ahead else 1], names[0 if ends_ahead else 1]
    if not places:
        other = names[1 if starts_ahead else 0]
        sentence = f"{below} is better than {other} at all common rates ({common})."
    elif len(places) == 1:
        sentence = f"Below {places[0]:.3g} bpp {below} is better, above it {above} ({common})."
    else:
        listed = ", ".join(f"{rate:.3g}" for rate in places)
        sentence = f"The curves cross at {listed} bpp; {below} is better below, {above} above ({common})."
    return Crossover(*names, places, low, high, sentence)


def _are_equal(first: RDCurve, second: RDCurve, low: float, high: float) -> bool:
    """Whether the curves differ by less than is shown of the metric at all rates that both cover."""
    grid = np.linspace(math.log(low), math.log(high), _STEPS)
    most = float(np.abs(quality_over_log_rate(first)(grid) - quality_over_log_rate(second)(grid)).max())
    return first.value_text(most) == first.value_text(0.0)


def _meetings(first: RDCurve, second: RDCurve, low: float, high: float) -> tuple[bool, tuple[float, ...]]:
    """(whether the first curve is ahead at the rate ``low``, the rates up to ``high`` at which the curves meet)."""
    return meetings(quality_over_log_rate(first), quality_over_log_rate(second), low, high)


def meetings(
    first_quality: QualityOverLogRate, second_quality: QualityOverLogRate, low: float, high: float
) -> tuple[bool, tuple[float, ...]]:
    """Whether the first is ahead at the rate ``low``, and the rates up to ``high`` at which both meet."""
    from scipy.optimize import brentq

    def lead(log_rate: float | FloatArray) -> FloatArray:
        return np.asarray(first_quality(log_rate) - second_quality(log_rate))

    grid = np.linspace(math.log(low), math.log(high), _STEPS)
    ahead = lead(grid) > 0
    changes = np.flatnonzero(ahead[1:] != ahead[:-1])
    places = tuple(float(math.exp(brentq(lead, grid[index], grid[index + 1]))) for index in changes)
    return bool(ahead[0]), places


def quality_over_log_rate(curve: RDCurve) -> QualityOverLogRate:
    """The curve's metric over the logarithm of its rate, negated if lower is better, by PCHIP; at least two rates."""
    return quality_through(curve.mean_rates, curve.mean_values, higher_is_better=curve.higher_is_better)


def quality_through(rates: FloatArray, values: FloatArray, *, higher_is_better: bool) -> QualityOverLogRate:
    """As :func:`quality_over_log_rate`, of points: rates in any unit, and a metric's values; at least two rates."""
    from scipy.interpolate import PchipInterpolator

    unique, kept = np.unique(rates, return_index=True)
    sign = 1 if higher_is_better else -1
    quality: QualityOverLogRate = PchipInterpolator(np.log(unique), sign * values[kept])
    return quality
