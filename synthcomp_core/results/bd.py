"""Comparing rate-distortion curves: Bjontegaard deltas with intervals, crossover rates, the domain gap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from synthcomp_core.errors import ResultsError
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.curves import (
    MIN_POINTS,
    FloatArray,
    RDCurve,
    RDPoint,
    curve_name,
    lint_curve,
    of_images,
    rd_curves,
    with_distinct_names,
)
from synthcomp_core.results.formats import LoadedResults

__all__ = [
    "BDResult",
    "Crossover",
    "DomainGap",
    "RDCurve",
    "RDPoint",
    "bd",
    "bd_metric",
    "bd_per_image",
    "bd_rate",
    "bd_table",
    "crossover",
    "curve_name",
    "curves_of",
    "domain_gap",
    "find_curve",
    "lint_curve",
    "metric_label",
    "of_images",
    "rd_curves",
    "with_distinct_names",
]

METHODS = ("akima", "pchip", "cubic")
_FEWEST = {"akima": 2, "pchip": 2, "cubic": MIN_POINTS}
LITTLE_OVERLAP = 0.5
_CONFIDENCE = 0.95
_CROSSOVER_STEPS = 2000


@dataclass(frozen=True)
class BDResult:
    """A curve against its anchor.

    rate_percent: the bits more (or, negative, less) for the same metric, in %. metric_delta: the metric gained at the
    same rate, in its own unit. None where it cannot be told. overlap: the range of the metric both curves cover, as a
    share of what either covers; overlap_low, overlap_high: its ends, in the metric's unit. rate_low, rate_high: the
    95 % bootstrap interval of rate_percent over images. num_images: averaged in both; 0 for published means.
    """

    name: str
    anchor: str
    dataset: str
    metric: str
    method: str
    rate_percent: float | None
    metric_delta: float | None
    overlap: float
    overlap_low: float | None
    overlap_high: float | None
    rate_low: float | None
    rate_high: float | None
    num_images: int
    warnings: tuple[str, ...]


def metric_label(metric: str, *, decibels: bool = False) -> str:
    """The metric's name with its unit, as an axis shows it."""
    info = METRICS[metric]
    unit = "dB" if decibels else info.unit
    return f"{info.label} [{unit}]" if unit else info.label


def bd_rate(anchor: RDCurve, test: RDCurve, *, method: str = "akima") -> float | None:
    """BD-rate in % by the ``bjontegaard`` package: average difference of log rate over the metric both curves cover.

    Negative: ``test`` needs fewer bits. The points are taken by rising quality, so that curves that are not monotone
    over the rate still count; of points with equal quality the cheapest. None without overlap or with too few points.
    """
    return _bd_rate(_by_quality(anchor), _by_quality(test), method)


def bd_metric(anchor: RDCurve, test: RDCurve, *, method: str = "akima") -> float | None:
    """BD-metric (BD-PSNR for a PSNR): average difference of the metric over the log rates both curves cover."""
    from bjontegaard import bd_psnr

    curves = []
    for curve in (anchor, test):
        rates, kept = np.unique(curve.mean_rates, return_index=True)
        curves.append((rates, curve.mean_values[kept]))
    (rates_a, values_a), (rates_b, values_b) = curves
    if min(len(rates_a), len(rates_b)) < _fewest(method) or _overlap(rates_a, rates_b)[0] == 0:
        return None
    delta = bd_psnr(rates_a, values_a, rates_b, values_b, method=method, require_matching_points=False, min_overlap=0)
    return float(delta) if math.isfinite(delta) else None


def _fewest(method: str) -> int:
    if method not in METHODS:
        raise ResultsError(f"Unknown interpolation {method!r}: use {', '.join(METHODS)}.")
    return _FEWEST[method]


def _by_quality(curve: RDCurve) -> tuple[FloatArray, FloatArray]:
    """(rates, qualities), the quality strictly rising; of a metric that falls with quality its negative."""
    return _rising(curve.mean_rates, curve.mean_values if curve.higher_is_better else -curve.mean_values)


def _rising(rates: FloatArray, qualities: FloatArray) -> tuple[FloatArray, FloatArray]:
    order = np.lexsort((rates, qualities))
    kept = order[np.flatnonzero(np.diff(qualities[order], prepend=-np.inf) > 0)]
    return rates[kept], qualities[kept]


def _overlap(first: FloatArray, second: FloatArray) -> tuple[float, float, float]:
    """(share of the union, low end, high end) of the range that two sets of values have in common."""
    if not len(first) or not len(second):
        return 0.0, math.nan, math.nan
    low, high = max(first.min(), second.min()), min(first.max(), second.max())
    union = max(first.max(), second.max()) - min(first.min(), second.min())
    return (float((high - low) / union) if high > low else 0.0), float(low), float(high)


def _bd_rate(anchor: tuple[FloatArray, FloatArray], test: tuple[FloatArray, FloatArray], method: str) -> float | None:
    from bjontegaard import bd_rate as package_bd_rate

    if min(len(anchor[0]), len(test[0])) < _fewest(method) or _overlap(anchor[1], test[1])[0] == 0:
        return None
    with np.errstate(over="ignore"):
        percent = package_bd_rate(*anchor, *test, method=method, require_matching_points=False, min_overlap=0)
    return float(percent) if math.isfinite(percent) else None


def bd(anchor: RDCurve, test: RDCurve, *, method: str = "akima", bootstrap: int = 0, seed: int = 0) -> BDResult:
    """A curve against an anchor, with overlap, warnings and, with ``bootstrap`` > 0 resamplings, an interval.

    Where both are of one data set but of different images, both are averaged over the images they share. ResultsError
    when the curves are of different metrics.
    """
    if (anchor.metric, anchor.decibels) != (test.metric, test.decibels):
        raise ResultsError(f"{test.name} is measured in {test.metric}, its anchor {anchor.name} in {anchor.metric}.")
    warnings = [f"anchor {anchor.name} {warning}" for warning in lint_curve(anchor)] + list(lint_curve(test))
    if anchor.dataset != test.dataset:
        warnings.append(f"data sets differ: {test.dataset}, anchor {anchor.dataset}")
    elif anchor.published != test.published:
        warnings.append("one curve is a published mean, so that its images are unknown")
    elif set(anchor.images) != set(test.images):
        shared = set(anchor.images) & set(test.images)
        if not shared:
            warnings.append("the curves have no image in common")
        else:
            warnings.append(f"only the {len(shared)} images that both curves have are averaged")
            anchor, test = of_images(anchor, shared), of_images(test, shared)
    base, other = _by_quality(anchor), _by_quality(test)
    overlap, low, high = _overlap(base[1], other[1])
    if overlap == 0:
        warnings.append("no overlap: no quality that both curves reach")
    elif overlap < LITTLE_OVERLAP:
        warnings.append(f"little overlap, {overlap:.0%} of the range of {METRICS[test.metric].label}")
    if min(len(base[0]), len(other[0])) < _fewest(method) and overlap > 0:
        warnings.append(f"too few points for {method} interpolation")
    interval = _interval(anchor, test, method, bootstrap, seed) if bootstrap else None
    ends = sorted((low, high) if test.higher_is_better else (-low, -high))
    return BDResult(
        name=test.name,
        anchor=anchor.name,
        dataset=test.dataset,
        metric=test.metric,
        method=method,
        rate_percent=_bd_rate(base, other, method),
        metric_delta=bd_metric(anchor, test, method=method),
        overlap=overlap,
        overlap_low=ends[0] if overlap else None,
        overlap_high=ends[1] if overlap else None,
        rate_low=interval[0] if interval else None,
        rate_high=interval[1] if interval else None,
        num_images=0 if test.published else len(test.images),
        warnings=tuple(warnings),
    )


def _interval(anchor: RDCurve, test: RDCurve, method: str, bootstrap: int, seed: int) -> tuple[float, float] | None:
    """The interval of the BD-rate over images drawn with replacement; None under two images that both curves have.

    A point's mean is over those drawn images that were measured at it, as the point itself is.
    """
    if anchor.dataset != test.dataset or anchor.published or test.published:
        return None
    held = set(test.images)
    shared = [image for image in anchor.images if image in held]
    if len(shared) < 2:
        return None
    counts = np.random.default_rng(seed).multinomial(len(shared), np.full(len(shared), 1 / len(shared)), bootstrap)
    means = []
    for curve in (anchor, test):
        index = {image: column for column, image in enumerate(curve.images)}
        chosen = [index[image] for image in shared]
        rates, values = curve.rates[:, chosen], curve.values[:, chosen]
        finite = np.isfinite(values)
        with np.errstate(invalid="ignore"):  # A point that no drawn image has becomes NaN, which is left out.
            number = (counts @ finite.T).astype(np.float64)
            rates = (counts @ np.where(finite, rates, 0).T) / number
            values = (counts @ np.where(finite, values, 0).T) / number
        means.append((rates, values if curve.higher_is_better else -values))
    drawn = [
        _bd_rate(_rising(means[0][0][draw], means[0][1][draw]), _rising(means[1][0][draw], means[1][1][draw]), method)
        for draw in range(bootstrap)
    ]
    finite = [value for value in drawn if value is not None]
    if len(finite) < bootstrap / 2:
        return None
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def bd_per_image(anchor: RDCurve, test: RDCurve, *, method: str = "akima") -> dict[str, float | None]:
    """BD-rate in % of every image that both curves have; none for published means."""
    if anchor.dataset != test.dataset or anchor.published or test.published:
        return {}
    shared = set(anchor.images)
    return {
        image: bd_rate(of_images(anchor, [image]), of_images(test, [image]), method=method)
        for image in test.images
        if image in shared
    }


def bd_table(
    curves: Sequence[RDCurve], anchor: str | RDCurve, *, method: str = "akima", bootstrap: int = 0, seed: int = 0
) -> list[BDResult]:
    """All curves but the anchor against it: against the anchor's curve on the same data set where there is one.

    anchor: a curve, or the name of some of ``curves``. ResultsError naming the curves when there is no such name.
    """
    anchors = [anchor] if isinstance(anchor, RDCurve) else [find_curve(curves, anchor)]
    if not isinstance(anchor, RDCurve):
        anchors += [curve for curve in curves if curve.name == anchors[0].name]
    results = []
    for curve in curves:
        if any(curve is other for other in anchors):
            continue
        base = next((other for other in anchors if other.dataset == curve.dataset), anchors[0])
        results.append(bd(base, curve, method=method, bootstrap=bootstrap, seed=seed))
    return results


def curves_of(loaded: Iterable[LoadedResults], metric: str, *, decibels: bool = False) -> list[RDCurve]:
    """The curves of several loaded files (see :func:`rd_curves`); equal names have their file added."""
    return with_distinct_names(
        [curve for part in loaded for curve in rd_curves(part.table, metric, decibels=decibels, source=part.name)]
    )


def find_curve(curves: Sequence[RDCurve], name: str) -> RDCurve:
    """The curve of this name, or the one a variant of this name lies on; ResultsError naming the curves at hand."""
    for curve in curves:
        if curve.name == name:
            return curve
    for curve in curves:
        if any(point.variant == name for point in (*curve.points, *curve.identical)):
            return curve
    names = ", ".join(dict.fromkeys(curve.name for curve in curves)) or "none"
    raise ResultsError(f"There is no curve {name!r}; at hand: {names}.")


@dataclass(frozen=True)
class Crossover:
    """Where two curves meet. rates: bits a pixel, rising. low, high: the rates both cover, or None.

    better_below, better_above: the better curve's name at the lowest and highest common rate; None without any.
    sentence: all of it in words.
    """

    first: str
    second: str
    rates: tuple[float, ...]
    low: float | None
    high: float | None
    better_below: str | None
    better_above: str | None
    sentence: str


def crossover(first: RDCurve, second: RDCurve) -> Crossover:
    """The rates at which two curves give the same metric, on PCHIP interpolations over log rate.

    "At how many bits a pixel does half resolution stop paying?" is first = half, second = full resolution.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import brentq

    label = METRICS[first.metric].label
    spans = [
        (curve.mean_rates.min(), curve.mean_rates.max()) if curve.points else (math.nan, math.nan)
        for curve in (first, second)
    ]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    if not low < high or min(len(first.points), len(second.points)) < 2:
        ranges = [
            f"{curve.name} covers {span[0]:.3g} to {span[1]:.3g} bpp"
            for curve, span in zip((first, second), spans, strict=True)
        ]
        sentence = f"{' and '.join(ranges)}: they share no range of rates, so it cannot be told which is better where."
        return Crossover(first.name, second.name, (), None, None, None, None, sentence)
    functions = []
    for curve in (first, second):
        rates, kept = np.unique(curve.mean_rates, return_index=True)
        sign = 1 if curve.higher_is_better else -1
        functions.append(PchipInterpolator(np.log(rates), sign * curve.mean_values[kept]))

    def lead(log_rate: float | FloatArray) -> FloatArray:
        return np.asarray(functions[0](log_rate) - functions[1](log_rate))

    grid = np.linspace(math.log(low), math.log(high), _CROSSOVER_STEPS)
    ahead = lead(grid) > 0
    changes = np.flatnonzero(ahead[1:] != ahead[:-1])
    meetings = tuple(float(math.exp(brentq(lead, grid[index], grid[index + 1]))) for index in changes)
    names = (first.name, second.name)
    below, above = names[0 if ahead[0] else 1], names[0 if ahead[-1] else 1]
    common = f"{label}, common rates {low:.3g} to {high:.3g} bpp"
    if not meetings:
        other = names[1] if below == names[0] else names[0]
        sentence = f"{below} is better than {other} at all common rates ({common})."
    elif len(meetings) == 1:
        sentence = f"Below {meetings[0]:.3g} bpp {below} is better, above it {above} ({common})."
    else:
        places = ", ".join(f"{rate:.3g}" for rate in meetings)
        sentence = f"The curves cross at {places} bpp; {below} is better below, {above} above ({common})."
    return Crossover(*names, meetings, float(low), float(high), below, above, sentence)


@dataclass(frozen=True)
class DomainGap:
    """What training on another domain costs, for one family of models (the curve's name without the training set).

    rate_percent[i][j]: BD-rate in % on the data set tested_on[j] of the model trained on trained_on[i], against the
    model trained on ``reference``; None where it cannot be told.
    """

    family: str
    reference: str
    trained_on: tuple[str, ...]
    tested_on: tuple[str, ...]
    rate_percent: tuple[tuple[float | None, ...], ...]
    sentences: tuple[str, ...]


def domain_gap(curves: Sequence[RDCurve], *, reference: str | None = None, method: str = "akima") -> list[DomainGap]:
    """A matrix for every family of models that was trained on at least two sets.

    reference: the training set to compare with (default: the first). Families without it are left out.
    """
    families: dict[str, list[RDCurve]] = {}
    for curve in curves:
        if curve.trained_on is not None:
            family = curve.name.replace(f"-{curve.trained_on}", "", 1)
            families.setdefault(family, []).append(curve)
    gaps = []
    for family, members in families.items():
        trained = list(dict.fromkeys(str(curve.trained_on) for curve in members))
        base = reference or trained[0]
        if len(trained) < 2 or base not in trained:
            continue
        tested = list(dict.fromkeys(curve.dataset for curve in members))
        by_place = {(str(curve.trained_on), curve.dataset): curve for curve in members}
        matrix, sentences = [], []
        for training in trained:
            row: list[float | None] = []
            for dataset in tested:
                anchor, test = by_place.get((base, dataset)), by_place.get((training, dataset))
                percent = None if anchor is None or test is None else bd(anchor, test, method=method).rate_percent
                row.append(percent)
                if percent is not None and training != base:
                    more = "more" if percent >= 0 else "fewer"
                    sentences.append(
                        f"On {dataset}, {family} trained on {training} needs {abs(percent):.1f} % {more} bits "
                        f"than trained on {base}."
                    )
            matrix.append(tuple(row))
        gaps.append(DomainGap(family, base, tuple(trained), tuple(tested), tuple(matrix), tuple(sentences)))
    return gaps
