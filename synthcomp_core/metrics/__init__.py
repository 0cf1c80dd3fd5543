"""Full-reference metrics of 8-bit sRGB images: one file each; here their table, and measuring several at once.

All run in bounded memory and without torch: planes go through the filters in strips of rows, so that a 4096x2160 pair
needs little beyond the images.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.metrics.flip import ErrorMap, flip, flip_colours, flip_error, mean_error
from synthcomp_core.metrics.pairs import check_pair, luma, rgb_planes, shaved
from synthcomp_core.metrics.psnr import mean_squared_error, psnr, psnr_y
from synthcomp_core.metrics.reference import Reference
from synthcomp_core.metrics.ssim import MSSSIM_MIN_SIDE, msssim, msssim_y, similarity, ssim, ssim_y
from synthcomp_core.metrics.ssimulacra2 import SSIMULACRA2_MIN_SIDE, ssimulacra2
from synthcomp_core.progress import OnProgress, silent

__all__ = [
    "DECIBEL_METRICS",
    "DEFAULT_METRICS",
    "LUMA_METRICS",
    "METRICS",
    "MSSSIM_MIN_SIDE",
    "SHOWN_METRICS",
    "SSIMULACRA2_MIN_SIDE",
    "ErrorMap",
    "MetricInfo",
    "Metrics",
    "Reference",
    "bits_per_pixel",
    "check_pair",
    "flip",
    "flip_colours",
    "flip_error",
    "luma",
    "mean_squared_error",
    "measure",
    "msssim",
    "msssim_y",
    "psnr",
    "psnr_y",
    "shaved",
    "ssim",
    "ssim_y",
    "ssimulacra2",
]


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is shown. unit: "dB" or empty. decimals: how many carry meaning."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    decimals: int

    @property
    def heading(self) -> str:
        """The label with its unit, as above a column.

        >>> METRICS["psnr_rgb"].heading, METRICS["flip"].heading
        ('PSNR RGB [dB]', 'FLIP')
        """
        return f"{self.label} [{self.unit}]" if self.unit else self.label


@dataclass(frozen=True)
class Metrics:
    """The values of one image against its reference; None = not measured. psnr_rgb, psnr_y: dB, inf if identical."""

    psnr_rgb: float | None = None
    psnr_y: float | None = None
    ssim_rgb: float | None = None
    ssim_y: float | None = None
    msssim_rgb: float | None = None
    msssim_y: float | None = None
    flip: float | None = None
    ssimulacra2: float | None = None


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo("psnr_rgb", "PSNR RGB", "dB", True, 2),
        MetricInfo("psnr_y", "PSNR Y", "dB", True, 2),
        MetricInfo("ssim_rgb", "SSIM RGB", "", True, 4),
        MetricInfo("ssim_y", "SSIM Y", "", True, 4),
        MetricInfo("msssim_rgb", "MS-SSIM RGB", "", True, 4),
        MetricInfo("msssim_y", "MS-SSIM Y", "", True, 4),
        MetricInfo("flip", "FLIP", "", False, 4),
        MetricInfo("ssimulacra2", "SSIMULACRA2", "", True, 2),
    )
}
DEFAULT_METRICS: tuple[str, ...] = tuple(METRICS)
LUMA_METRICS: tuple[str, ...] = ("psnr_y", "ssim_y", "msssim_y")
SHOWN_METRICS = ("psnr_rgb", "ssim_rgb", "msssim_rgb", "flip", "ssimulacra2")  # Where there is no room for all.
DECIBEL_METRICS = ("ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y")  # At most 1; often given as -10 log10(1 - value).


def bits_per_pixel(num_bytes: int, width: int, height: int) -> float:
    """Rate in bits per pixel of the width x height reference image.

    >>> bits_per_pixel(64_800, width=1920, height=1080)
    0.25
    """
    return num_bytes * 8 / (width * height)


def measure(
    reference: Image | Reference,
    image: Image,
    *,
    metrics: Collection[str] = DEFAULT_METRICS,
    error_map: ErrorMap | None = None,
    on_progress: OnProgress = silent,
) -> Metrics:
    """The metrics named, of ``image`` against ``reference``; the others and those the size rules out are None.

    reference: as a :class:`Reference` where several images are measured against it. error_map: FLIP's, where it has
    been computed, so that its mean costs nothing. ImageError on unequal sizes, SynthcompError for a name that is not
    in METRICS.

    >>> import numpy as np
    >>> black, grey = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 16, np.uint8)
    >>> measured = measure(black, grey, metrics=("psnr_rgb", "msssim_rgb"))
    >>> round(measured.psnr_rgb, 2), measured.msssim_rgb, measured.flip  # Too small for MS-SSIM; FLIP not asked for.
    (24.05, None, None)
    """
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise SynthcompError(f"Unknown metric {unknown[0]!r}: use {', '.join(METRICS)}.")
    check_pair(reference.image if isinstance(reference, Reference) else reference, image)
    values: dict[str, float | None] = {}
    stages = _stages(reference, image, error_map, values)
    wanted = [stage for stage in stages if set(stage[1]) & set(metrics)]
    for number, (label, _, compute) in enumerate(wanted):
        on_progress(number / len(wanted), label)
        compute(set(metrics))
    on_progress(1.0, "measured")
    return Metrics(**{name: value for name, value in values.items() if name in metrics})


_Stage = tuple[str, tuple[str, ...], Callable[[set[str]], None]]


def _stages(
    known: Image | Reference, image: Image, error_map: ErrorMap | None, values: dict[str, float | None]
) -> list[_Stage]:
    """What :func:`measure` does in turn: a label, the metrics it measures, and the call that stores them."""
    kept = known if isinstance(known, Reference) else None
    reference = known.image if isinstance(known, Reference) else known

    def both_similarities(kind: str, metrics: set[str]) -> None:
        planes = rgb_planes(reference, image) if kind == "rgb" else [(luma(reference), luma(image))]
        result = similarity(planes, multiscale=f"msssim_{kind}" in metrics)
        values[f"ssim_{kind}"], values[f"msssim_{kind}"] = result.ssim, result.msssim

    def single(name: str, function: Callable[[Image, Image], float | None]) -> _Stage:
        return METRICS[name].label, (name,), lambda metrics: values.update({name: function(reference, image)})

    def mean_flip(reference: Image, image: Image) -> float:
        features = None if kept is None or error_map is not None else kept.flip_features()
        return mean_error(flip_error(reference, image, features=features) if error_map is None else error_map)

    def score(reference: Image, image: Image) -> float | None:
        return ssimulacra2(reference, image, scales=None if kept is None else kept.ssimulacra2_scales())

    return [
        single("psnr_rgb", psnr),
        single("psnr_y", psnr_y),
        ("SSIM and MS-SSIM RGB", ("ssim_rgb", "msssim_rgb"), lambda metrics: both_similarities("rgb", metrics)),
        ("SSIM and MS-SSIM Y", ("ssim_y", "msssim_y"), lambda metrics: both_similarities("y", metrics)),
        single("flip", mean_flip),
        single("ssimulacra2", score),
    ]
