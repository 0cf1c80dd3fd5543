"""Rate-distortion curves from a results table: means over images of per-image values, and what is odd about them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import ResultsError
from synthcomp_core.library.renderings import is_files
from synthcomp_core.metrics import DECIBEL_METRICS, METRICS
from synthcomp_core.progress import counted
from synthcomp_core.results.formats.loaded import LoadedResults
from synthcomp_core.results.rows import MEAN_IMAGE

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

_DECIBEL_DECIMALS = 2
MIN_POINTS = 4  # Bjontegaard's measure fits a cubic.
_NAMING_COLUMNS = (
    *("dataset", "image", "variant", "codec", "quality", "distortion", "trained_on", "scale", "upscaler"),
    *("bpp", "error"),
)
_POINT = re.compile(r"-[qp]\d+(?:\.\d+)?(?=-|\+|$)")
_TARGET = re.compile(r"(-(?:bytes|bpp|psnr|msssim|ssimulacra2|flip))_?\d+(?:\.\d+)?(?=-|\+|$)")


_FILES_POINT = re.compile(r"_q\d+(?=_)")


@dataclass(frozen=True)
class RDPoint:
    """A variant's mean over images. rate: bits per pixel; value: of the metric; estimated: not from bitstreams.

    num_images: how many were averaged; num_identical: how many more were left out as identical (infinite value).
    label: what people call it, "" for the variant's id.
    """

    variant: str
    quality: float | None
    rate: float
    value: float
    num_images: int
    num_identical: int
    estimated: bool
    label: str = ""

    @property
    def shown(self) -> str:
        """The variant's name in sentences and charts."""
        return self.label or self.variant


@dataclass(frozen=True, eq=False)
class RDCurve:
    """The variants of one codec, snapshot family and scaling on one data set, in order of rising rate.

    name: the variant id without its quality. rates, values: (points, images), NaN where not measured, values inf where
    identical. identical: points at which every image is identical to its reference; they are not among ``points``.
    source: the file the curve comes from. label: what people call it, "" for the name (see :mod:`.labels`).
    """

    name: str
    dataset: str
    metric: str
    decibels: bool
    codec: str
    distortion: str | None
    trained_on: str | None
    scale: float | None
    upscaler: str | None
    points: tuple[RDPoint, ...]
    identical: tuple[RDPoint, ...]
    images: tuple[str, ...]
    rates: FloatArray
    values: FloatArray
    source: str = ""
    label: str = ""

    @property
    def shown(self) -> str:
        """The curve's name in sentences and charts."""
        return self.label or self.name

    @property
    def mean_rates(self) -> FloatArray:
        """The points' rates in bits per pixel, rising."""
        return np.array([point.rate for point in self.points])

    @property
    def mean_values(self) -> FloatArray:
        """The points' values of the metric."""
        return np.array([point.value for point in self.points])

    @property
    def published(self) -> bool:
        """Whether the points are published means over a data set whose single images are not in the table."""
        return self.images == (MEAN_IMAGE,)

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return METRICS[self.metric].higher_is_better

    @property
    def axis_label(self) -> str:
        """The metric's name with its unit."""
        info = METRICS[self.metric]
        return f"{info.label} [dB]" if self.decibels else info.heading

    def value_text(self, value: float) -> str:
        """A value of the metric with as many decimals as carry meaning, and its unit."""
        info = METRICS[self.metric]
        if self.decibels:
            return f"{value:.{_DECIBEL_DECIMALS}f} dB"
        return f"{value:.{info.decimals}f} {info.unit}".rstrip()


def curve_name(variant: str) -> str:
    """A variant id without its quality.

    >>> curve_name("mbt2018-q4-mse@x2-rcan")
    'mbt2018-mse@x2-rcan'
    >>> curve_name("avif-q60+444")
    'avif+444'
    >>> curve_name("webp-psnr35")
    'webp-psnr'
    """
    if is_files(variant):  # Renderings made elsewhere, in folders such as mbt2018_q4_mse_fullres.
        return _FILES_POINT.sub("", variant, count=1)
    codec, at, scaling = variant.partition("@")
    without = _POINT.sub("", codec, count=1)
    return (_TARGET.sub(r"\1", codec, count=1) if without == codec else without) + at + scaling


def rd_curves(
    table: pd.DataFrame, metric: str, *, decibels: bool = False, dataset: str | None = None, source: str = ""
) -> list[RDCurve]:
    """The curves in a results table, by data set and name, in order of appearance.

    Rows with an error, without a rate, or without the metric do not count; the rate is bpp, or bpp_estimated if no
    bitstream was measured. decibels: -10 log10(1 - value) of every image, for SSIM and MS-SSIM. dataset: only this one.
    ResultsError for an unknown metric.
    """
    if metric not in METRICS:
        raise ResultsError(f"Unknown metric {metric!r}: use {', '.join(METRICS)}.")
    if decibels and metric not in DECIBEL_METRICS:
        raise ResultsError(f"{METRICS[metric].label} is not shown in dB; only {', '.join(DECIBEL_METRICS)} are.")
    rate = table["bpp"].fillna(table["bpp_estimated"])
    wanted = table[metric].notna() & (rate > 0) & table["error"].isna()
    if dataset is not None:
        wanted &= table["dataset"] == dataset
    table = table.loc[:, [*_NAMING_COLUMNS, metric]].assign(rate=rate)  # Few columns: the table may be long.
    if not wanted.all():
        table = table[wanted]
    if table.empty:
        return []
    values = table[metric].to_numpy()
    if decibels:
        with np.errstate(divide="ignore"):
            values = -10 * np.log10(np.maximum(1 - values, 0))
    return _grouped(table, values, metric, decibels, source)


def _grouped(table: pd.DataFrame, values: FloatArray, metric: str, decibels: bool, source: str) -> list[RDCurve]:
    import pandas as pd

    dataset_codes, datasets = pd.factorize(table["dataset"])
    variant_codes, variants = pd.factorize(table["variant"])
    image_codes, images = pd.factorize(table["image"])
    image_names = np.asarray(images, dtype=object)
    names = [curve_name(str(variant)) for variant in variants]
    name_codes, unique_names = pd.factorize(np.array(names, dtype=object))
    curve_codes = dataset_codes * len(unique_names) + name_codes[variant_codes]
    order = np.argsort(curve_codes, kind="stable")
    starts = np.flatnonzero(np.diff(curve_codes[order], prepend=-1))
    rate, quality, estimated = table["rate"].to_numpy(), table["quality"].to_numpy(), table["bpp"].isna().to_numpy()
    curves = []
    for rows in np.split(order, starts[1:]):
        first = table.iloc[rows[0]]
        points, row_points = _renumbered(variant_codes[rows])
        used, row_images = _renumbered(image_codes[rows])
        matrices = np.full((3, len(points), len(used)), np.nan)
        matrices[0, row_points, row_images] = rate[rows]
        matrices[1, row_points, row_images] = values[rows]
        matrices[2, row_points, row_images] = estimated[rows]
        qualities = np.full(len(points), np.nan)
        qualities[row_points] = quality[rows]
        curve = RDCurve(
            name=names[variant_codes[rows[0]]],
            dataset=str(datasets[dataset_codes[rows[0]]]),
            metric=metric,
            decibels=decibels,
            codec=_text(first["codec"]) or names[variant_codes[rows[0]]].partition("@")[0],
            distortion=_text(first["distortion"]),
            trained_on=_text(first["trained_on"]),
            scale=None if math.isnan(first["scale"]) else float(first["scale"]),
            upscaler=_text(first["upscaler"]),
            points=(),
            identical=(),
            images=tuple(image_names[used].tolist()),
            rates=matrices[0],
            values=matrices[1],
            source=source,
        )
        labels = [str(variants[code]) for code in points]
        curves.append(_with_points(curve, labels, qualities, np.nanmax(matrices[2], axis=1) > 0))
    return curves


def _renumbered(codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(the codes that occur, rising; each code's position among them). np.unique would sort a million rows for it."""
    occurs = np.zeros(int(codes.max()) + 1, dtype=bool)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _with_points(
    curve: RDCurve, variants: Sequence[str], qualities: FloatArray, estimated: NDArray[np.bool_]
) -> RDCurve:
    """The curve with its mean points, and its matrices in their order."""
    measured = np.isfinite(curve.values)
    identical = np.isinf(curve.values)
    points = []
    for index, variant in enumerate(variants):
        # A point at which all images are identical still has a rate.
        averaged = measured[index] if measured[index].any() else identical[index]
        quality = None if np.isnan(qualities[index]) else float(qualities[index])
        points.append(
            RDPoint(
                variant=variant,
                quality=quality,
                rate=float(curve.rates[index][averaged].mean()),
                value=float(curve.values[index][averaged].mean()),
                num_images=int(measured[index].sum()),
                num_identical=int(identical[index].sum()),
                estimated=bool(estimated[index]),
            )
        )
    order = sorted(range(len(points)), key=lambda index: (points[index].rate, points[index].value))
    kept = [index for index in order if math.isfinite(points[index].value)]
    return dataclasses.replace(
        curve,
        points=tuple(points[index] for index in kept),
        identical=tuple(points[index] for index in order if not math.isfinite(points[index].value)),
        rates=curve.rates[kept],
        values=curve.values[kept],
    )


def of_images(curve: RDCurve, images: Iterable[str]) -> RDCurve:
    """The curve over these of its images; points that none of them has are left out."""
    chosen = set(images)
    columns = [index for index, image in enumerate(curve.images) if image in chosen]
    rates, values = curve.rates[:, columns], curve.values[:, columns]
    rows = [index for index in range(len(curve.points)) if not np.isnan(values[index]).all()]
    part = dataclasses.replace(
        curve, images=tuple(curve.images[index] for index in columns), rates=rates[rows], values=values[rows]
    )
    points = [curve.points[index] for index in rows]
    qualities = np.array([np.nan if point.quality is None else point.quality for point in points])
    estimated = np.array([point.estimated for point in points], dtype=bool)
    return _with_points(part, [point.variant for point in points], qualities, estimated)


def within_rates(curve: RDCurve, low: float, high: float) -> RDCurve:
    """The curve with only its points at ``low`` to ``high`` bits per pixel."""
    kept = [index for index, point in enumerate(curve.points) if low <= point.rate <= high]
    return dataclasses.replace(
        curve,
        points=tuple(curve.points[index] for index in kept),
        identical=tuple(point for point in curve.identical if low <= point.rate <= high),
        rates=curve.rates[kept],
        values=curve.values[kept],
    )


def with_distinct_names(curves: Sequence[RDCurve]) -> list[RDCurve]:
    """The curves, with the file added to the names of those that share name and data set with another."""
    keys = [(curve.dataset, curve.name) for curve in curves]
    return [
        dataclasses.replace(curve, name=f"{curve.name} [{curve.source}]")
        if curve.source and keys.count(key) > 1
        else curve
        for curve, key in zip(curves, keys, strict=True)
    ]


def curves_of(loaded: Iterable[LoadedResults], metric: str, *, decibels: bool = False) -> list[RDCurve]:
    """The curves of several loaded files (see :func:`rd_curves`); the file is added to names that would be equal."""
    return with_distinct_names(
        [curve for part in loaded for curve in rd_curves(part.table, metric, decibels=decibels, source=part.name)]
    )


def find_curve(curves: Sequence[RDCurve], name: str) -> RDCurve:
    """The curve of this name, or the one on which a variant of this name lies; else ResultsError naming all curves."""
    for curve in curves:
        if curve.name == name:
            return curve
    for curve in curves:
        if any(point.variant == name for point in (*curve.points, *curve.identical)):
            return curve
    names = ", ".join(dict.fromkeys(curve.name for curve in curves)) or "none"
    raise ResultsError(f"There is no curve {name!r}; available: {names}.")


def lint_curve(curve: RDCurve) -> tuple[str, ...]:
    """A phrase for everything that makes the curve doubtful: not monotone, few points, uneven images, estimates."""

    def place(point: RDPoint) -> str:
        return f"{point.shown} ({point.rate:.3f} bpp, {curve.value_text(point.value)})"

    warnings = []
    for lower, upper in zip(curve.points, curve.points[1:], strict=False):
        if (lower.value - upper.value) * (1 if curve.higher_is_better else -1) > 0:
            side = "above" if curve.higher_is_better else "below"
            warnings.append(f"not monotone: {place(lower)} lies {side} {place(upper)}")
    if len(curve.points) < MIN_POINTS and not (curve.identical and not curve.points):
        warnings.append(f"only {counted(len(curve.points), 'point')}, fewer than {MIN_POINTS}")
    if len({point.num_images + point.num_identical for point in curve.points}) > 1:
        counts = [point.num_images + point.num_identical for point in curve.points]
        warnings.append(f"the points average {min(counts)} to {max(counts)} images")
    identical = [point for point in (*curve.points, *curve.identical) if point.num_identical]
    if identical:
        worst = max(identical, key=lambda point: point.num_identical)
        warnings.append(
            f"identical images are left out of the mean: {worst.num_identical} of "
            f"{worst.num_images + worst.num_identical} at {worst.shown}"
        )
    if any(point.estimated for point in curve.points):
        warnings.append("rates are estimates, not bitstream sizes")
    return tuple(warnings)
