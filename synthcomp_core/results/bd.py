"""Bjontegaard deltas between rate-distortion curves, with intervals over images and warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.bd_doubts import all_methods, doubts, single_point_percent
from synthcomp_core.results.curves import MIN_POINTS, FloatArray, RDCurve, find_curve, lint_curve, of_images
from synthcomp_core.results.text_tables import TableColumn, csv_table

METHODS = ("akima", "pchip", "cubic")
_FEWEST = {"akima": 2, "pchip": 2, "cubic": MIN_POINTS}
LITTLE_OVERLAP = 0.5  # Of the range of the metric: with less, a BD-rate says little.
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class BDResult:
    """A curve against its anchor.

    rate_percent: how many more bits (negative: fewer) it needs for the same metric, in %; of a curve with a single
    point, at that point's quality. metric_delta: what it gains
    in the metric at the same rate, in the metric's unit. None if it cannot be computed. overlap: the range of the
    metric that both curves cover, as a share of what either covers; overlap_low, overlap_high: its ends, in the
    metric's unit. rate_low, rate_high: the 95 % bootstrap interval of rate_percent over images. num_images: averaged
    in both; 0 for published means.
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


def bits_phrase(rate_percent: float) -> str:
    """A BD-rate in words; the same weights may stand for both curves.

    >>> bits_phrase(-12.34), bits_phrase(0.01)
    ('needs 12.3 % fewer bits than', 'needs as many bits as')
    """
    size = f"{abs(rate_percent):.1f}"
    return (
        "needs as many bits as"
        if size == "0.0"
        else f"needs {size} % {'more' if rate_percent > 0 else 'fewer'} bits than"
    )


WARNINGS = "warnings"


def bd_columns(results: Sequence[BDResult], *, labels: Mapping[str, str] | None = None) -> list[TableColumn[BDResult]]:
    """The columns of a BD table: curve, data set, BD-rate with its interval, BD-metric, overlap, images, warnings.

    labels: what the curves are called, by their names.
    """
    called = labels or {}
    decimals = max((METRICS[result.metric].decimals for result in results), default=2)
    return [
        TableColumn("curve", lambda result: called.get(result.name, result.name)),
        TableColumn("data set", lambda result: result.dataset),
        TableColumn("BD-rate [%]", lambda result: result.rate_percent, 2, signed=True),
        TableColumn("95 % low [%]", lambda result: result.rate_low, 2, signed=True),
        TableColumn("95 % high [%]", lambda result: result.rate_high, 2, signed=True),
        TableColumn("BD-metric", lambda result: result.metric_delta, decimals, signed=True),
        TableColumn("overlap [%]", lambda result: 100 * result.overlap, 1),
        TableColumn("images", lambda result: result.num_images or None, 0),
        TableColumn(WARNINGS, lambda result: "; ".join(result.warnings)),
    ]


def bd_csv(results: Sequence[BDResult]) -> str:
    """The table as CSV, with the anchor, metric and interpolation in every row."""
    context: list[TableColumn[BDResult]] = [
        TableColumn("anchor", lambda result: result.anchor),
        TableColumn("metric", lambda result: result.metric),
        TableColumn("method", lambda result: result.method),
    ]
    return csv_table([*context, *bd_columns(results)], results)


def bd_rate(anchor: RDCurve, test: RDCurve, *, method: str = "akima") -> float | None:
    """BD-rate in % by the ``bjontegaard`` package: average difference of log rate over the metric both curves cover.

    Negative: ``test`` needs fewer bits. The points are taken by rising quality, so that curves that are not monotone
    over the rate still count; of points with equal quality the cheapest. None without overlap or with too few points.

    >>> from synthcomp_core.results.curves import rd_curves
    >>> from synthcomp_core.results.rows import ResultRow
    >>> from synthcomp_core.results.table import rows_table
    >>> rows = [
    ...     ResultRow("frames", "0.png", variant=f"{codec}-q{q}", quality=q, bpp=rate * share, psnr_rgb=30 + q)
    ...     for codec, share in (("jpeg", 1.0), ("webp", 0.8))
    ...     for q, rate in enumerate((0.25, 0.5, 1.0, 2.0))
    ... ]
    >>> jpeg, webp = rd_curves(rows_table(rows), metric="psnr_rgb")
    >>> round(bd_rate(jpeg, webp), 3)
    -20.0
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
    """(rates, qualities), the quality strictly rising: the metric, or its negative if it falls with quality."""
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

    Curves of one data set but different images are both averaged over the images they share. ResultsError when the
    curves are of different metrics.
    """
    if (anchor.metric, anchor.decibels) != (test.metric, test.decibels):
        raise ResultsError(f"{test.name} is measured in {test.metric}, its anchor {anchor.name} in {anchor.metric}.")
    warnings = [f"anchor {anchor.shown} {warning}" for warning in lint_curve(anchor)] + list(lint_curve(test))
    anchor, test = _paired(anchor, test, warnings)
    base, other = _by_quality(anchor), _by_quality(test)
    overlap, low, high = _overlap(base[1], other[1])
    percent = _bd_rate(base, other, method)
    single = single_point_percent(base, other, method) if overlap == 0 else None
    if single is not None:
        percent = single
        warnings.append("a single point's rate difference, at its quality; no average over a range")
    elif overlap == 0:
        warnings.append("no overlap: the curves reach no common quality")
    elif overlap < LITTLE_OVERLAP:
        warnings.append(f"little overlap, {overlap:.0%} of the range of {METRICS[test.metric].label}")
    if min(len(base[0]), len(other[0])) < _fewest(method) and overlap > 0:
        warnings.append(f"too few points for {method} interpolation")
    elif overlap > 0:
        others = all_methods(lambda name: _bd_rate(base, other, name), method, METHODS)
        warnings += doubts(method, percent, others, {f"anchor {anchor.shown}": base, test.shown: other})
    interval = _interval(anchor, test, method, bootstrap, seed) if bootstrap else None
    ends = sorted((low, high) if test.higher_is_better else (-low, -high))
    return BDResult(
        name=test.name,
        anchor=anchor.name,
        dataset=test.dataset,
        metric=test.metric,
        method=method,
        rate_percent=percent,
        metric_delta=bd_metric(anchor, test, method=method),
        overlap=overlap,
        overlap_low=ends[0] if overlap or single is not None else None,
        overlap_high=ends[1] if overlap or single is not None else None,
        rate_low=interval[0] if interval else None,
        rate_high=interval[1] if interval else None,
        num_images=0 if test.published else len(test.images),
        warnings=tuple(warnings),
    )


def _paired(anchor: RDCurve, test: RDCurve, warnings: list[str]) -> tuple[RDCurve, RDCurve]:
    """The curves over the images that both have; what is wrong with comparing them is added to the warnings."""
    if anchor.dataset != test.dataset:
        warnings.append(f"data sets differ: {test.dataset}, anchor {anchor.dataset}")
    elif anchor.published != test.published:
        warnings.append("one curve is a published mean over unknown images")
    elif set(anchor.images) != set(test.images):
        shared = set(anchor.images) & set(test.images)
        if not shared:
            warnings.append("the curves have no image in common")
        else:
            images = "image" if len(shared) == 1 else f"{len(shared)} images"
            warnings.append(f"averaged over the {images} that both curves have")
            anchor, test = of_images(anchor, shared), of_images(test, shared)
    return anchor, test


def _interval(anchor: RDCurve, test: RDCurve, method: str, bootstrap: int, seed: int) -> tuple[float, float] | None:
    """The interval of the BD-rate over images drawn with replacement; None if the curves share fewer than two images.

    The mean of a point is over those drawn images that were measured at it, as for the point itself.
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
        with np.errstate(invalid="ignore"):  # A point that no drawn image has becomes NaN and is left out.
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
    """The BD-rate in % on each image that both curves have; empty for published means."""
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
    """All other curves against the anchor: against its curve on the same data set, if any.

    anchor: a curve, or the name of one or more of ``curves``; ResultsError naming the curves if it is unknown.
    """
    if bootstrap > limits.BOOTSTRAP:
        raise ResultsError(f"{bootstrap:,} resamplings are more than the {limits.BOOTSTRAP:,} that are drawn.")
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
