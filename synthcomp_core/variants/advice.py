"""Advice on how to ship images: what each codec makes of a constraint, who wins by how much, and how sure that is.

It is read off rows of a results table, of one image or of many, whose variants aim at the constraint; see
:mod:`.candidates`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.codecs import FAMILIES
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.metrics import METRICS
from synthcomp_core.metrics.means import finite_mean, half_width
from synthcomp_core.progress import counted
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants.candidates import ADVICE_METRICS
from synthcomp_core.variants.comparable import comparable_means, image_key, partly_identical, reached_text
from synthcomp_core.variants.names import resolution_name, upscaler_name
from synthcomp_core.variants.scale_crossover import ScaleCrossover, rungs, scale_crossover
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS
from synthcomp_core.variants.variant import Variant

BASELINE = "jpeg"


@dataclass(frozen=True)
class Option:
    """What one variant makes of the images at the constraint. Values are means over ``images``.

    variant: with its target. settled: as people set it, with the quality used, where it is the same for all images.
    values: the metrics measured, inf if identical on all images (see :mod:`.comparable`). errors: why images are
    missing. encode_s, decode_s: seconds per image, of single runs.
    """

    variant: Variant
    settled: str
    num_bytes: float
    values: dict[str, float]
    encode_s: float
    decode_s: float
    images: int
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Who wins by one quantity: a metric at a size, or "bytes" at a quality.

    margin: over the runner-up, and baseline_margin: over JPEG, both positive; in the metric's unit, or in % of bytes.
    low, high: the 95 % interval of the margin's mean over the images; None for a single image. left_out: on how many
    images an option is identical to the original, though not on all, so that they count for neither value nor margin.
    """

    quantity: str
    winner: Option
    runner_up: Option | None
    margin: float | None
    low: float | None
    high: float | None
    baseline_margin: float | None
    sentence: str
    left_out: int = 0

    @property
    def is_sure(self) -> bool | None:
        """Whether the interval leaves no doubt who wins; None where there is no interval."""
        return None if self.low is None else self.low > 0


@dataclass(frozen=True)
class Advice:
    """The answer. options: those that keep to the constraint, best first, by the last of the verdicts.

    front: the options that no other beats in every metric (at a quality: in bytes and every metric). scaling: whether a
    lower resolution pays for the winner's codec, in a sentence, None where none was tried; crossover: at which sizes it
    does. left_out: a sentence for each variant that cannot keep to the constraint, or takes too long to encode.
    """

    target: Target
    images: int
    options: tuple[Option, ...]
    front: tuple[Option, ...]
    verdicts: tuple[Verdict, ...]
    scaling: str | None
    crossover: ScaleCrossover | None
    left_out: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The answer in words: the verdicts, then what is known of lower resolutions."""
        more = (self.scaling, None if self.crossover is None else self.crossover.sentence)
        return (*(verdict.sentence for verdict in self.verdicts), *(one for one in more if one is not None))


@dataclass(frozen=True)
class Ladder:
    """The further measurements that say at which sizes a lower resolution pays: variants, and the metric they need."""

    variants: tuple[Variant, ...]
    metric: str


def advice(
    rows: Sequence[ResultRow],
    target: Target,
    *,
    max_encode_s: float | None = None,
    ladder_rows: Sequence[ResultRow] = (),
) -> Advice:
    """What the rows of variants that aim at ``target`` advise. max_encode_s: per image; slower ones are left out.

    ladder_rows: of the variants of :func:`ladder`; without them it is not said at which sizes a lower resolution pays.
    SynthcompError if no variant keeps to the target on every image.
    """
    by_variant: dict[str, list[ResultRow]] = {}
    for row in rows:
        by_variant.setdefault(row.variant, []).append(row)
    images = {(row.dataset, row.image) for row in rows}
    options, left_out = [], []
    for name, own in by_variant.items():
        failed = [row for row in own if row.error is not None]
        measured = [row for row in own if row.error is None]
        if failed or len(measured) < len(images):
            why = failed[0].error if failed else "it was not carried out"
            more = f" (and on {counted(len(failed) - 1, 'more image')})" if len(failed) > 1 else ""
            left_out.append(f"{name}: {why}{more}")
            continue
        option = _option(name, measured)
        if max_encode_s is not None and option.encode_s > max_encode_s:
            left_out.append(f"{name}: encoding takes {option.encode_s:.2f} s per image, more than {max_encode_s:g} s.")
            continue
        options.append(option)
    if not options:
        raise SynthcompError(f"No variant meets the constraint: {target.shown}. {' '.join(left_out[:3])}")
    kept = {str(option.variant): by_variant[str(option.variant)] for option in options}
    means = comparable_means(kept, ADVICE_METRICS)
    options = [dataclasses.replace(option, values=means[str(option.variant)]) for option in options]
    quantities = (
        ["bytes"] if not _is_rate(target) else [n for n in ADVICE_METRICS if any(n in o.values for o in options)]
    )
    verdicts = [_verdict(quantity, options, kept, target, len(images)) for quantity in quantities]
    best = verdicts[-1].quantity
    ranked = sorted(options, key=lambda option: -_merit(option, best))
    front = _front(ranked, ADVICE_METRICS if _is_rate(target) else ("bytes", *ADVICE_METRICS))
    scaling = _scaling_sentence(verdicts[-1], ranked)
    crossover = None if not ladder_rows else _crossover(verdicts[-1], ranked, [*rows, *ladder_rows], target)
    return Advice(target, len(images), tuple(ranked), front, tuple(verdicts), scaling, crossover, tuple(left_out))


def ladder(found: Advice, rows: Sequence[ResultRow]) -> Ladder:
    """What to measure next for the crossover between the winner's codec at full and at its best lower resolution.

    rows: those that ``found`` was read off. Without variants where only one resolution was tried.
    """
    verdict = found.verdicts[-1]
    metric = _metric(verdict, found.target)
    pair = _resolutions(verdict, found.options)
    if pair is None:
        return Ladder((), metric)
    full, lower = pair
    is_full_ahead = _merit(full, verdict.quantity) >= _merit(lower, verdict.quantity)
    return Ladder(tuple(rungs(full.variant, lower.variant, rows, downwards=is_full_ahead)), metric)


def _metric(verdict: Verdict, target: Target) -> str:
    return target.kind.quantity if verdict.quantity == "bytes" else verdict.quantity


def _resolutions(verdict: Verdict, ranked: Sequence[Option]) -> tuple[Option, Option] | None:
    """The winner's codec at full resolution, and at its best lower one."""
    own = [o for o in ranked if o.variant.codec_id.family == verdict.winner.variant.codec_id.family]
    full = next((option for option in own if option.variant.scale is None), None)
    lower = next((option for option in own if option.variant.scale is not None), None)
    return None if full is None or lower is None else (full, lower)


def _crossover(
    verdict: Verdict, ranked: Sequence[Option], rows: Sequence[ResultRow], target: Target
) -> ScaleCrossover | None:
    pair = _resolutions(verdict, ranked)
    if pair is None:
        return None
    full, lower = pair
    row = next(row for row in rows if row.variant == str(full.variant))
    return scale_crossover(
        full.variant, lower.variant, rows, _metric(verdict, target), codec_label=_codec_label(full.variant, row)
    )


def _is_rate(target: Target) -> bool:
    return target.kind.quantity in ("bytes", "bpp")


def _option(name: str, rows: Sequence[ResultRow]) -> Option:
    def mean(values: Sequence[float | None]) -> float:
        known = finite_mean(values)
        return math.nan if known is None else known

    variant = Variant.parse(name)
    qualities = {row.quality for row in rows}
    return Option(
        variant,
        _settled(variant, rows[0], qualities),
        mean([row.num_bytes for row in rows]),
        {},
        mean([row.encode_s for row in rows]),
        mean([row.decode_s for row in rows]),
        len(rows),
    )


def _settled(variant: Variant, row: ResultRow, qualities: set[float | None]) -> str:
    """The option for people: codec, quality or its range, and resolution."""
    label = _codec_label(variant, row)
    known = sorted(quality for quality in qualities if quality is not None)
    if known:
        label += f" quality {known[0]:g}" if len(known) == 1 else f" quality {known[0]:g} to {known[-1]:g}"
    resolution = resolution_name(variant.scale)
    return f"{label} at {resolution}" + ("" if variant.scale is None else f" with {upscaler_name(variant)}")


def _codec_label(variant: Variant, row: ResultRow) -> str:
    codec_id = variant.codec_id
    label = FAMILIES[codec_id.family].label if not codec_id.is_learned else _learned_label(row)
    return label + "".join(f" {option}" for option in codec_id.options)


def _learned_label(row: ResultRow) -> str:
    distortion = DISTORTION_LABELS.get((row.distortion or "").replace("-", ""), row.distortion)
    trained = f" for {distortion}" if distortion else ""
    return f"{row.codec or 'learned'}{trained}" + (f" on {row.trained_on}" if row.trained_on else "")


def _merit(option: Option, quantity: str) -> float:
    """Higher is better."""
    if quantity == "bytes":
        return -option.num_bytes
    value = option.values.get(quantity, math.nan)
    if math.isnan(value):
        return -math.inf
    return value if METRICS[quantity].higher_is_better else -value


def _front(options: Sequence[Option], quantities: Sequence[str]) -> tuple[Option, ...]:
    """The options that no other one beats: worse in none of the quantities, and better in one."""

    def merits(option: Option) -> tuple[float, ...]:
        return tuple(_merit(option, quantity) for quantity in quantities)

    def beats(first: Option, second: Option) -> bool:
        pairs = list(zip(merits(first), merits(second), strict=True))
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    return tuple(option for option in options if not any(beats(other, option) for other in options))


def _verdict(
    quantity: str, options: Sequence[Option], rows: dict[str, list[ResultRow]], target: Target, images: int
) -> Verdict:
    ranked = sorted(options, key=lambda option: -_merit(option, quantity))
    winner = ranked[0]
    runner_up = next((o for o in ranked[1:] if o.variant.codec_id.family != winner.variant.codec_id.family), None)
    baseline = next((o for o in ranked if o.variant.codec_id.family == BASELINE), None)
    margin = low = high = baseline_margin = None
    left_out = frozenset() if quantity == "bytes" else partly_identical(rows, quantity)
    rows = {name: [row for row in own if image_key(row) not in left_out] for name, own in rows.items()}
    if runner_up is not None:
        margin, low, high = _margin(rows[str(winner.variant)], rows[str(runner_up.variant)], quantity)
    if baseline is not None and baseline is not winner:
        baseline_margin = _margin(rows[str(winner.variant)], rows[str(baseline.variant)], quantity)[0]
    verdict = Verdict(quantity, winner, runner_up, margin, low, high, baseline_margin, "", len(left_out))
    return dataclasses.replace(verdict, sentence=_sentence(verdict, target, images))


def _scaling_sentence(verdict: Verdict, ranked: Sequence[Option]) -> str | None:
    """How the winner's codec fares at its best lower resolution against full resolution."""
    pair = _resolutions(verdict, ranked)
    if pair is None:
        return None
    full, lower = pair
    gain = _merit(lower, verdict.quantity) - _merit(full, verdict.quantity)
    if verdict.quantity == "bytes":
        share = 100 * abs(gain) / full.num_bytes
        return f"{lower.settled} takes {share:.1f} % {'fewer' if gain > 0 else 'more'} bytes than full resolution."
    info = METRICS[verdict.quantity]
    if not math.isfinite(gain):  # One of them is identical to the original.
        return None
    amount = f"{abs(gain):.{info.decimals}f} {info.unit}".rstrip()
    return f"{lower.settled} is {amount} {'better' if gain > 0 else 'worse'} in {info.label} than full resolution."


def _margin(
    winner: Sequence[ResultRow], other: Sequence[ResultRow], quantity: str
) -> tuple[float | None, float | None, float | None]:
    """(mean, low, high) of the winner's lead per image: in the metric's unit, or in % of the other's bytes."""
    others = {image_key(row): row for row in other}
    leads = []
    for row in winner:
        rival = others.get(image_key(row))
        if rival is None:
            continue
        if quantity == "bytes":
            if row.num_bytes is not None and rival.num_bytes:
                leads.append(100 * (1 - row.num_bytes / rival.num_bytes))
            continue
        own, theirs = getattr(row, quantity), getattr(rival, quantity)
        if own is not None and theirs is not None and math.isfinite(own - theirs):
            leads.append((own - theirs) * (1 if METRICS[quantity].higher_is_better else -1))
    if not leads:
        return None, None, None
    mean, half = math.fsum(leads) / len(leads), half_width(leads)
    return (mean, None, None) if half is None else (mean, mean - half, mean + half)


def _sentence(verdict: Verdict, target: Target, images: int) -> str:
    winner, quantity = verdict.winner, verdict.quantity
    which = "this image" if images == 1 else f"these {images} images"
    if quantity == "bytes":
        reached, decimals, lead = f"{winner.num_bytes:,.0f} bytes", 1, " % fewer than"
    else:
        info = METRICS[quantity]
        unit = f" {info.unit}" if info.unit else ""
        reached = reached_text(winner.values[quantity], quantity)
        if verdict.left_out and winner.values[quantity] < math.inf:
            reached += f" over the {counted(images - verdict.left_out, 'image')} that no option reproduces exactly"
        decimals, lead = info.decimals, f"{unit} {'above' if info.higher_is_better else 'below'}"
    text = f"For {which} at {target.shown}: {winner.settled}, {reached}"
    if verdict.runner_up is not None and verdict.margin is not None:
        text += f", {verdict.margin:.{decimals}f}{lead} {verdict.runner_up.settled}"
        if verdict.low is not None and verdict.high is not None:
            sure = "" if verdict.is_sure else ", which may be chance"
            text += f" (95 % interval {verdict.low:.{decimals}f} to {verdict.high:.{decimals}f}{sure})"
    elif verdict.runner_up is not None and winner.values.get(quantity) == math.inf:
        second = verdict.runner_up.values.get(quantity)
        text += f", {'as is' if second == math.inf else 'ahead of'} {verdict.runner_up.settled}"
        text += f", which reaches {reached_text(second, quantity)}" if second is not None and second < math.inf else ""
    if verdict.baseline_margin is not None:
        is_same = verdict.runner_up is not None and verdict.runner_up.variant.codec_id.family == BASELINE
        text += "" if is_same else f", {verdict.baseline_margin:.{decimals}f}{lead} JPEG"
    return text + "."
