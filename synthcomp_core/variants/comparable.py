"""Means that can be ranked although some renderings are identical to the original, with an infinite PSNR."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from synthcomp_core.metrics import METRICS
from synthcomp_core.metrics.means import finite_mean
from synthcomp_core.results.rows import ResultRow

ImageKey = tuple[str, str]  # data set and name


def image_key(row: ResultRow) -> ImageKey:
    """Which image a row is about."""
    return row.dataset, row.image


def partly_identical(by_variant: Mapping[str, Sequence[ResultRow]], metric: str) -> frozenset[ImageKey]:
    """The images to leave out, so that finite means of ``metric`` are over the same ones.

    Those on which it is infinite for a variant that is not identical on all images. None if that would be every image.
    """
    found: set[ImageKey] = set()
    for rows in by_variant.values():
        identical = {image_key(row) for row in rows if getattr(row, metric) == math.inf}
        found |= identical if len(identical) < len(rows) else set()
    images = {image_key(row) for rows in by_variant.values() for row in rows}
    return frozenset() if found == images else frozenset(found)


def comparable_means(
    by_variant: Mapping[str, Sequence[ResultRow]], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Each variant's means of what was measured, by metric: over the same images, inf if identical on all of them."""
    means: dict[str, dict[str, float]] = {name: {} for name in by_variant}
    for metric in metrics:
        left_out = partly_identical(by_variant, metric)
        for name, rows in by_variant.items():
            values = [getattr(row, metric) for row in rows if image_key(row) not in left_out]
            is_identical = values and all(value == math.inf for value in values)
            mean = math.inf if is_identical else finite_mean(values)
            if mean is not None:
                means[name][metric] = mean
    return means


def reached_text(value: float, metric: str) -> str:
    """A mean in words.

    >>> reached_text(38.5, "psnr_rgb"), reached_text(math.inf, "psnr_rgb")
    ('PSNR RGB 38.50 dB', 'identical to the original')
    """
    info = METRICS[metric]
    if value == math.inf:
        return "identical to the original"
    return f"{info.label} {value:.{info.decimals}f} {info.unit}".rstrip()
