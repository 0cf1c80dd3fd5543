"""What a chart of rate-distortion curves says, in sentences: who wins where, where half resolution pays, domain gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.metrics import METRICS
from synthcomp_core.results.bd import LITTLE_OVERLAP, BDResult, bd, bits_phrase
from synthcomp_core.results.crossover import crossover, quality_over_log_rate
from synthcomp_core.results.curves import FloatArray, RDCurve
from synthcomp_core.results.domain_gap import domain_gap

_STEPS = 600  # Rates at which the curves are compared.
_SHORTEST = 0.04  # A lead over less than this share of the range (in log rate) is no lead: it is within the noise.
_MARGIN = 1.02  # Free beyond the outermost points, as a ratio of rates.
_MOST_DEFAULT = 9
_PER_MODEL = 2


@dataclass(frozen=True)
class Lead:
    """A range of rates, in bits per pixel, over which one curve is the best.

    margin: by how much it leads over ``runner_up``, which is second over most of the range, on average over log rate,
    in the metric's unit and positive whichever direction is better; None without a runner-up.
    """

    name: str
    low: float
    high: float
    runner_up: str | None
    margin: float | None


def competing_rates(curves: Sequence[RDCurve]) -> tuple[float, float] | None:
    """The rates, in bits per pixel, from the lowest of all to the highest at which two codecs can still be compared.

    A curve of a single point, such as images that were not coded but only scaled, compares with nothing. None if no
    curve has two points.
    """
    highest: dict[str, float] = {}
    lowest = math.inf
    for curve in curves:
        lowest = min(lowest, *curve.mean_rates) if curve.points else lowest
        if len(curve.points) > 1:
            highest[curve.codec] = max(float(curve.mean_rates.max()), highest.get(curve.codec, 0.0))
    if not highest:
        return None
    ends = sorted(highest.values(), reverse=True)
    # The second highest of several: beyond it one codec is alone.
    high = ends[min(1, len(ends) - 1)]
    return (lowest / _MARGIN, high * _MARGIN) if lowest < high else None


def leads(curves: Sequence[RDCurve]) -> tuple[Lead, ...]:
    """Who is best at which rates, from low to high, where at least two of the curves (of one data set) have a value.

    The curves are interpolated by PCHIP over log rate, each between its own points only.
    """
    compared = [curve for curve in curves if len(curve.points) > 1 and curve.mean_rates.min() < curve.mean_rates.max()]
    if len(compared) < 2:
        return ()
    low = min(curve.mean_rates.min() for curve in compared)
    high = max(curve.mean_rates.max() for curve in compared)
    log_rates = np.linspace(math.log(low), math.log(high), _STEPS)
    values = np.stack([_within(curve, log_rates) for curve in compared])
    usable = np.isfinite(values).sum(axis=0) > 1
    if not usable.any():
        return ()
    log_rates, values = log_rates[usable], values[:, usable]
    best = _without_short_runs(np.argmax(np.where(np.isnan(values), -np.inf, values), axis=0))
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    return tuple(
        _lead(compared, values[:, first:last], log_rates[first:last], int(best[first]))
        for first, last in zip(starts, [*starts[1:], len(best)], strict=True)
    )


def _lead(curves: Sequence[RDCurve], values: FloatArray, log_rates: FloatArray, winner: int) -> Lead:
    others = np.where(np.isnan(values), -np.inf, values)
    others[winner] = -np.inf
    second = int(np.bincount(np.argmax(others, axis=0), minlength=len(curves)).argmax())
    differences = values[winner] - values[second]
    known = np.isfinite(differences)
    low, high = (float(math.exp(end)) for end in (log_rates[0], log_rates[-1]))
    if not known.any():
        return Lead(curves[winner].shown, low, high, None, None)
    return Lead(curves[winner].shown, low, high, curves[second].shown, float(differences[known].mean()))


def _within(curve: RDCurve, log_rates: FloatArray) -> FloatArray:
    """The curve's quality at these rates, NaN beyond its own points."""
    rates = np.log(curve.mean_rates)
    inside = (log_rates >= rates.min()) & (log_rates <= rates.max())
    return np.where(inside, quality_over_log_rate(curve)(log_rates), np.nan)


def _without_short_runs(best: NDArray[np.intp]) -> NDArray[np.intp]:
    """The winners, those of short runs replaced by the one before (at the beginning: by the one after)."""
    kept = best.copy()
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    runs = list(zip(starts, [*starts[1:], len(best)], strict=True))
    long = [run for run in runs if run[1] - run[0] >= _SHORTEST * len(best)]
    if not long:
        return kept
    for first, last in runs:
        if (first, last) not in long:
            before = [run for run in long if run[1] <= first]
            kept[first:last] = best[before[-1][0] if before else long[0][0]]
    return kept


def winner_sentences(curves: Sequence[RDCurve]) -> list[str]:
    """Who wins where among the curves of one data set; empty where no two of them can be compared."""
    found = leads(curves)
    if not found:
        return []
    info = METRICS[curves[0].metric]
    if len(found) == 1:
        lead = found[0]
        return [f"{lead.name} has the best {info.label} at all rates compared{_led(curves[0], lead)}."]
    parts = []
    for number, lead in enumerate(found):
        if number == 0:
            where = f"below {lead.high:.2g} bpp"
        elif number == len(found) - 1:
            where = f"above {lead.low:.2g} bpp"
        else:
            where = f"from {lead.low:.2g} to {lead.high:.2g} bpp"
        parts.append(f"{lead.name} {where}{_led(curves[0], lead)}")
    return [f"Best {info.label}: {'; '.join(parts)}."]


def _led(curve: RDCurve, lead: Lead) -> str:
    if lead.runner_up is None or lead.margin is None:
        return ""
    ahead = curve.value_text(abs(lead.margin))
    # The same weights may stand for both curves.
    if ahead == curve.value_text(0.0):
        return f", level with {lead.runner_up}"
    return f", on average {ahead} ahead of {lead.runner_up}"


def learned_sentence(curves: Sequence[RDCurve]) -> str | None:
    """How many bits the best learned codec needs against the best classical one, for the same metric; None unknown."""
    learned = [curve for curve in curves if curve.distortion is not None and len(curve.points) > 1]
    classical = [curve for curve in curves if curve.distortion is None and not curve.published]
    classical = [curve for curve in classical if len(curve.points) > 1 and curve.codec != "none"]
    if not classical:
        return None
    anchor = _best(classical)
    results = [
        (curve, result)
        for curve in learned
        if _covered(result := bd(anchor, curve), curve) >= LITTLE_OVERLAP and result.rate_percent is not None
    ]
    if not results:
        return None
    curve, best = min(results, key=lambda pair: pair[1].rate_percent or 0.0)
    return (
        f"Learned: {curve.shown} {bits_phrase(best.rate_percent or 0.0)} {anchor.shown}, the best classical codec "
        f"({anchor.value_text(best.overlap_low or 0.0)} to {anchor.value_text(best.overlap_high or 0.0)})."
    )


def _covered(result: BDResult, curve: RDCurve) -> float:
    """The share of the curve's own range of the metric over which it is compared; 0 where it has none."""
    span = float(np.ptp(curve.mean_values))
    if result.overlap_low is None or result.overlap_high is None or span == 0:
        return 0.0
    return (result.overlap_high - result.overlap_low) / span


def _best(curves: Sequence[RDCurve]) -> RDCurve:
    """The curve that needs the fewest bits against the first one."""
    rates = {curve.name: bd(curves[0], curve).rate_percent for curve in curves[1:]}
    return min(curves, key=lambda curve: 0.0 if curve is curves[0] else (rates[curve.name] or 0.0))


def scaling_sentences(curves: Sequence[RDCurve]) -> list[str]:
    """For each codec, training and metric of one data set: up to which rate a lower resolution pays, at its best.

    Compared is the upscaled curve that meets the one at full resolution at the highest rate.
    """
    full = {(c.codec, c.distortion, c.trained_on): c for c in curves if c.scale is None and len(c.points) > 1}
    best: dict[tuple[str, str | None, str | None], tuple[float, str]] = {}
    for curve in curves:
        key = (curve.codec, curve.distortion, curve.trained_on)
        if curve.scale is None or len(curve.points) < 2 or key not in full:
            continue
        found = crossover(curve, full[key])
        if found.low is None:
            continue
        pays_until = found.rates[-1] if found.rates else found.low
        if pays_until >= best.get(key, (-math.inf, ""))[0]:
            best[key] = pays_until, found.sentence
    return [sentence for _, sentence in best.values()]


def default_curves(curves: Sequence[RDCurve], dataset: str | None = None) -> list[RDCurve]:
    """The curves to open a chart with, at most 9 of a data set: few enough to read, and those that decide.

    All, if there are no more. Else every classical codec at full resolution; of each learned model the training for
    the metric shown, by the best two training sets; and of the best of them the best lower resolution.
    """
    own = [curve for curve in curves if dataset is None or curve.dataset == dataset]
    if len(own) <= _MOST_DEFAULT:
        return own
    able = [curve for curve in own if curve.points]
    chosen = [curve for curve in able if curve.distortion is None and curve.scale is None]
    wanted = "ms-ssim" if own[0].metric.startswith("msssim") else "mse"
    learned = [curve for curve in able if curve.distortion is not None]
    for codec in dict.fromkeys(curve.codec for curve in learned):
        of_codec = [curve for curve in learned if curve.codec == codec]
        fitting = [curve for curve in of_codec if curve.distortion == wanted] or of_codec
        ranked = _ranked([curve for curve in fitting if curve.scale is None])[:_PER_MODEL]
        chosen += ranked
        trained = ranked[0].trained_on if ranked else None
        chosen += _ranked([c for c in fitting if c.scale is not None and c.trained_on == trained])[:1]
    names = {(curve.dataset, curve.name) for curve in chosen[:_MOST_DEFAULT]}
    return [curve for curve in own if (curve.dataset, curve.name) in names]


def _ranked(curves: Sequence[RDCurve]) -> list[RDCurve]:
    """The curves, the one that needs the fewest bits first; of single points, the one of the best metric."""
    if len(curves) < 2:
        return list(curves)
    if any(len(curve.points) < 2 for curve in curves):
        sign = -1 if curves[0].higher_is_better else 1
        return sorted(curves, key=lambda curve: sign * float(curve.mean_values.mean()))
    rates = [bd(curves[0], curve).rate_percent or 0.0 for curve in curves]
    return [curves[number] for number in sorted(range(len(curves)), key=rates.__getitem__)]


def gap_sentences(curves: Sequence[RDCurve]) -> list[str]:
    """What training on another kind of images costs, for the models trained for the metric's own distortion."""
    wanted = "ms-ssim" if curves and curves[0].metric.startswith("msssim") else "mse"
    fitting = [curve for curve in curves if curve.distortion == wanted and curve.scale is None]
    return [sentence for gap in domain_gap(fitting) for sentence in gap.sentences]


def chart_answer(shown: Sequence[RDCurve], every: Sequence[RDCurve]) -> list[str]:
    """The sentences above a chart of the curves ``shown``; ``every``: all curves of these results.

    Per data set: who wins where and learned against classical, of the curves shown; up to which rate a lower
    resolution pays, and the domain gap, of all.
    """
    datasets = list(dict.fromkeys(curve.dataset for curve in shown))
    sentences = []
    for dataset in datasets:
        own = [curve for curve in shown if curve.dataset == dataset]
        measured = [curve for curve in own if not curve.published]
        # Published curves are something to compare with, not something to choose.
        found = winner_sentences(measured) or winner_sentences(own)
        if (learned := learned_sentence(own)) is not None:
            found.append(learned)
        fitting = [curve for curve in own if curve.scale is not None]
        models = {(curve.codec, curve.distortion, curve.trained_on) for curve in fitting}
        found += scaling_sentences([c for c in every if c.dataset == dataset and _model(c) in models])
        found += gap_sentences([curve for curve in every if curve.dataset == dataset])[:2]
        prefix = f"{dataset}: " if len(datasets) > 1 else ""
        sentences += [prefix + sentence for sentence in found]
    return sentences


def _model(curve: RDCurve) -> tuple[str, str | None, str | None]:
    return curve.codec, curve.distortion, curve.trained_on
