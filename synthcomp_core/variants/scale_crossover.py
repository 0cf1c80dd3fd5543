"""Below or above which size a lower resolution pays, from what was measured of one codec at both resolutions.

An answer to a constraint measures one point of each. Further qualities of both, the rungs, make them curves.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthcomp_core.codecs import CodecId
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.crossover import meetings, quality_through
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants.names import resolution_name, upscaler_name
from synthcomp_core.variants.snapshots_of import codec_cards
from synthcomp_core.variants.targets import levels_of
from synthcomp_core.variants.variant import Variant

_SHARES = (1 / 3, 2 / 3)  # Where the rungs stand between the quality at the constraint and the end of the range.


@dataclass(frozen=True)
class ScaleCrossover:
    """Where a lower resolution pays for a codec. Sizes are means over the images, in bytes.

    metric: by which. pays: from and to which size it does, within low to high, the sizes that both resolutions were
    measured at, None where they have none in common. sentence: all of it in words.
    """

    metric: str
    pays: tuple[tuple[float, float], ...]
    low: float | None
    high: float | None
    sentence: str


def rungs(full: Variant, lower: Variant, rows: Sequence[ResultRow], *, downwards: bool) -> list[Variant]:
    """The variants to measure for a crossover between two that aim at a constraint, at fixed qualities.

    rows: those of both, whose qualities they start from. downwards: towards lower qualities, where full resolution is
    ahead at the constraint, else towards higher ones. None for a family with a single quality.
    """
    found: list[Variant] = []
    for variant in (full, lower):
        levels = levels_of(variant.codec_id)
        known = [row.quality for row in rows if row.variant == str(variant) and row.quality is not None]
        if len(levels) < 2 or not known:
            continue
        settled, qualities = statistics.median(known), _qualities(variant.codec_id, levels)
        start = min(range(len(levels)), key=lambda index: abs(qualities[index] - settled))
        end = 0 if downwards else len(levels) - 1
        indices = dict.fromkeys(round(start + share * (end - start)) for share in _SHARES)
        found += [dataclasses.replace(variant, codec=levels[index]) for index in indices]
    return found


def scale_crossover(
    full: Variant, lower: Variant, rows: Sequence[ResultRow], metric: str, *, codec_label: str
) -> ScaleCrossover | None:
    """Where ``lower`` pays against ``full``, read off all rows of either codec and scaling; None below two points.

    Between the points the metric is interpolated over the logarithm of the size (PCHIP); nothing is extrapolated.
    """
    images = {(row.dataset, row.image) for row in rows}
    curves = [_points(variant, rows, metric, len(images)) for variant in (lower, full)]
    if any(len(points) < 2 for points in curves):
        return None
    scaling = f"{resolution_name(lower.scale).capitalize()} with {upscaler_name(lower)}"
    label = METRICS[metric].label
    low, high = (max(points[0][0] for points in curves), min(points[-1][0] for points in curves))
    if low >= high:
        sentence = (
            f"{scaling} and full resolution share no range of sizes for {codec_label}, so they were not compared."
        )
        return ScaleCrossover(metric, (), None, None, sentence)
    qualities = [
        quality_through(
            np.array([size for size, _ in points]),
            np.array([value for _, value in points]),
            higher_is_better=METRICS[metric].higher_is_better,
        )
        for points in curves
    ]
    ahead, sizes = meetings(qualities[0], qualities[1], low, high)
    edges = (low, *sizes, high)
    pays = tuple((edges[i], edges[i + 1]) for i in range(0 if ahead else 1, len(edges) - 1, 2))
    where = _where(pays, low, high)
    sentence = (
        f"{scaling} {where} for {codec_label} ({label}, measured from {_kilo(low)} to {_kilo(high)} kB per image)."
    )
    return ScaleCrossover(metric, pays, low, high, sentence)


def _where(pays: Sequence[tuple[float, float]], low: float, high: float) -> str:
    if not pays:
        return "does not pay at any size searched"
    if pays[0] == (low, high):
        return "pays at every size searched"
    parts = []
    for begin, end in pays:
        if begin == low:
            parts.append(f"below {_kilo(end)} kB")
        elif end == high:
            parts.append(f"above {_kilo(begin)} kB")
        else:
            parts.append(f"from {_kilo(begin)} to {_kilo(end)} kB")
    return f"pays {' and '.join(parts)}"


def _kilo(num_bytes: float) -> str:
    """Bytes in kB, three digits.

    >>> _kilo(38_210), _kilo(1_234_000)
    ('38.2', '1,230')
    """
    kilobytes = num_bytes / 1000
    return f"{float(f'{kilobytes:.3g}'):,.12g}"


def _points(variant: Variant, rows: Sequence[ResultRow], metric: str, images: int) -> list[tuple[float, float]]:
    """(mean bytes, mean value) of every variant of this codec, scale and upscaler measured on all images, rising."""
    kin: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        value = getattr(row, metric)
        if row.error is None and row.num_bytes and value is not None and math.isfinite(value):
            kin.setdefault(row.variant, []).append((row.num_bytes, value))
    means = {}
    for name, pairs in kin.items():
        if len(pairs) == images and _kind(Variant.parse(name)) == _kind(variant):
            means[math.fsum(size for size, _ in pairs) / images] = math.fsum(value for _, value in pairs) / images
    return sorted(means.items())


def _kind(variant: Variant) -> tuple[object, ...]:
    """What variants of one curve have in common."""
    codec_id = variant.codec_id
    cards = codec_cards(codec_id)
    family = (cards[0].architecture, cards[0].distortion, cards[0].trained_on) if cards else codec_id.family
    return family, codec_id.options, variant.scale, variant.upscaler


def _qualities(codec_id: CodecId, levels: Sequence[str]) -> list[float]:
    if codec_id.is_learned:
        return [float(card.quality or 0.0) for card in codec_cards(codec_id)]
    return [float(CodecId.parse(level).quality or 0.0) for level in levels]
