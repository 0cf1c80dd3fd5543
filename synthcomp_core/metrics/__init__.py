"""Full-reference metrics of 8-bit sRGB images: one definition each, in bounded memory and without torch.

Planes are taken through the filters in strips of rows, so that a 4096x2160 pair needs little beyond the images.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import ImageError, SynthcompError
from synthcomp_core.images import Image, check_image
from synthcomp_core.progress import OnProgress, silent

Plane = NDArray[Any]  # (H, W), 0..255: uint8 as read, float32 when halved, float64 luma

PEAK = 255.0
# ITU-R BT.601, studio range, as MATLAB's rgb2ycbcr, for R, G, B in 0..255.
_LUMA_OFFSET = 16.0
_LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0
# Wang, Bovik, Sheikh, Simoncelli 2004, section III-B.
SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2
# Wang, Simoncelli, Bovik 2003: the exponents of the five scales.
_MSSSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MSSSIM_MIN_SIDE = (SSIM_WINDOW - 1) * 2 ** (len(_MSSSIM_WEIGHTS) - 1) + 1
FLIP_PPD = 67.0  # 0.7 m from a 0.7 m wide display of 3840 pixels, rounded.
# FLIP's widest kernel: 3 sigma of the blue-yellow contrast sensitivity, sqrt(0.04 / (2 pi^2)) degrees.
_FLIP_RADIUS = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * FLIP_PPD)
SSIMULACRA2_MIN_SIDE = 8
_STRIP_ROWS = 32  # Small enough for the strips to stay in the processor's cache.
_FLIP_STRIP_ROWS = 256


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is shown. unit: "dB" or empty. decimals: how many carry meaning."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    decimals: int


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
DEFAULT_METRICS: tuple[str, ...] = tuple(name for name in METRICS if name != "ssimulacra2")


def bits_per_pixel(num_bytes: int, width: int, height: int) -> float:
    """Rate in bits a pixel of the width x height reference image."""
    return num_bytes * 8 / (width * height)


def psnr(reference: Image, image: Image) -> float:
    """PSNR in dB over all RGB samples of two (H, W, 3) images; inf when identical. ImageError on unequal sizes."""
    _check_pair(reference, image)
    total = 0.0
    for first, second in _strips(reference, image):
        difference = first.astype(np.float64).ravel() - second.ravel()
        total += float(difference @ difference)  # Exact: whole numbers far below 2^53.
    return _decibels(total / reference.size)


def psnr_y(reference: Image, image: Image) -> float:
    """PSNR in dB (peak 255) of unrounded luma (see :func:`luma`); inf when identical. ImageError on unequal sizes."""
    _check_pair(reference, image)
    total = 0.0
    for first, second in _strips(reference, image):
        difference = (first.astype(np.float64) - second) @ _LUMA_WEIGHTS
        # Not a product of vectors: BLAS sums them in an order that depends on its threads.
        total += float(np.square(difference).sum())
    return _decibels(total / (reference.shape[0] * reference.shape[1]))


def luma(image: Image) -> NDArray[np.float64]:
    """BT.601 studio-range luma (H, W), 16..235, not rounded: 16 + 65.481 R + 128.553 G + 24.966 B, RGB in 0..1."""
    plane = np.empty(image.shape[:2])
    for top in range(0, len(image), _STRIP_ROWS):
        plane[top : top + _STRIP_ROWS] = image[top : top + _STRIP_ROWS].astype(np.float64) @ _LUMA_WEIGHTS
    plane += _LUMA_OFFSET
    return plane


def ssim(reference: Image, image: Image) -> float | None:
    """SSIM, at most 1, mean over R, G and B; None under 11 pixels a side. ImageError on unequal sizes.

    Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, only windows wholly inside, K1 0.01, K2 0.03, range 255.
    """
    _check_pair(reference, image)
    return _similarity(_rgb_planes(reference, image), multiscale=False).ssim


def ssim_y(reference: Image, image: Image) -> float | None:
    """SSIM (see :func:`ssim`) of unrounded luma (see :func:`luma`), range 255."""
    _check_pair(reference, image)
    return _similarity([(luma(reference), luma(image))], multiscale=False).ssim


def msssim(reference: Image, image: Image) -> float | None:
    """MS-SSIM in 0..1, mean over R, G and B; None under 161 pixels a side. ImageError on unequal sizes.

    Wang, Simoncelli, Bovik 2003 as pytorch-msssim defines it: five scales, 2x2 means with a zero before odd sides.
    """
    _check_pair(reference, image)
    return _similarity(_rgb_planes(reference, image), multiscale=True).msssim


def msssim_y(reference: Image, image: Image) -> float | None:
    """MS-SSIM (see :func:`msssim`) of unrounded luma (see :func:`luma`), range 255."""
    _check_pair(reference, image)
    return _similarity([(luma(reference), luma(image))], multiscale=True).msssim


def flip(reference: Image, image: Image) -> float:
    """Mean LDR-FLIP error in 0..1 at 67 pixels per degree, by NVIDIA's evaluator. ImageError on unequal sizes."""
    return float(flip_error(reference, image).mean(dtype=np.float64))


def flip_error(reference: Image, image: Image) -> NDArray[np.float32]:
    """LDR-FLIP error of every pixel, (H, W), 0..1 (Andersson et al. 2020). ImageError on unequal sizes."""
    return _flip_in_strips(reference, image, magma=False)[:, :, 0]


def flip_map(reference: Image, image: Image) -> Image:
    """The FLIP error map in NVIDIA's magma colours: black = no error, pale yellow = 1. ImageError on unequal sizes."""
    return np.rint(_flip_in_strips(reference, image, magma=True) * PEAK).astype(np.uint8)


def difference_map(reference: Image, image: Image, *, gain: float = 1.0) -> Image:
    """``gain`` times the absolute difference of every sample, clipped to 255. ImageError on unequal sizes."""
    _check_pair(reference, image)
    by_difference = np.minimum(np.rint(np.arange(256) * gain), PEAK).astype(np.uint8)
    return by_difference[np.maximum(reference, image) - np.minimum(reference, image)]


def ssimulacra2(reference: Image, image: Image) -> float | None:
    """SSIMULACRA2 by the package of that name: 100 = identical, may be negative; None under 8 pixels a side.

    Slow, and some 400 bytes of memory a pixel. ImageError on unequal sizes.
    """
    from ssimulacra2 import compute_ssimulacra2

    _check_pair(reference, image)
    if min(reference.shape[:2]) < SSIMULACRA2_MIN_SIDE:
        return None
    return float(compute_ssimulacra2(_ppm(reference), _ppm(image)))


def measure(
    reference: Image,
    image: Image,
    *,
    metrics: Collection[str] = DEFAULT_METRICS,
    on_progress: OnProgress = silent,
) -> Metrics:
    """The metrics named, of ``image`` against ``reference``; the others and those the size rules out are None.

    ImageError on unequal sizes, SynthcompError for a name not in METRICS.
    """
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise SynthcompError(f"Unknown metric {unknown[0]!r}: use {', '.join(METRICS)}.")
    _check_pair(reference, image)
    values: dict[str, float | None] = {}
    stages = _stages(reference, image, values)
    wanted = [stage for stage in stages if set(stage[1]) & set(metrics)]
    for number, (label, _, compute) in enumerate(wanted):
        on_progress(number / len(wanted), label)
        compute(set(metrics))
    on_progress(1.0, "measured")
    return Metrics(**{name: value for name, value in values.items() if name in metrics})


_Stage = tuple[str, tuple[str, ...], Callable[[set[str]], None]]


def _stages(reference: Image, image: Image, values: dict[str, float | None]) -> list[_Stage]:
    """What :func:`measure` does in turn: a label, the metrics it gives, and the call that puts them in ``values``."""

    def similarity(kind: str, metrics: set[str]) -> None:
        planes = _rgb_planes(reference, image) if kind == "rgb" else [(luma(reference), luma(image))]
        result = _similarity(planes, multiscale=f"msssim_{kind}" in metrics)
        values[f"ssim_{kind}"], values[f"msssim_{kind}"] = result.ssim, result.msssim

    def single(name: str, function: Callable[[Image, Image], float | None]) -> _Stage:
        return METRICS[name].label, (name,), lambda metrics: values.update({name: function(reference, image)})

    return [
        single("psnr_rgb", psnr),
        single("psnr_y", psnr_y),
        ("SSIM and MS-SSIM RGB", ("ssim_rgb", "msssim_rgb"), lambda metrics: similarity("rgb", metrics)),
        ("SSIM and MS-SSIM Y", ("ssim_y", "msssim_y"), lambda metrics: similarity("y", metrics)),
        single("flip", flip),
        single("ssimulacra2", ssimulacra2),
    ]


def _check_pair(reference: Image, image: Image) -> None:
    check_image(reference)
    check_image(image)
    if reference.shape != image.shape:
        sizes = [f"{width}x{height}" for height, width, _ in (reference.shape, image.shape)]
        raise ImageError(
            f"The reference is {sizes[0]} and the image {sizes[1]}: "
            "metrics compare images of the same size, so crop or resize one of them."
        )


def _strips(reference: Image, image: Image) -> Iterator[tuple[Image, Image]]:
    for top in range(0, len(reference), _STRIP_ROWS):
        yield reference[top : top + _STRIP_ROWS], image[top : top + _STRIP_ROWS]


def _decibels(mean_squared_error: float) -> float:
    return 10 * math.log10(PEAK**2 / mean_squared_error) if mean_squared_error > 0 else math.inf


def _rgb_planes(reference: Image, image: Image) -> list[tuple[Plane, Plane]]:
    return [(reference[:, :, channel], image[:, :, channel]) for channel in range(3)]


@dataclass(frozen=True)
class _Similarity:
    ssim: float | None
    msssim: float | None


def _similarity(planes: list[tuple[Plane, Plane]], *, multiscale: bool) -> _Similarity:
    """SSIM and, when asked for, MS-SSIM: means over the planes of what each plane gives."""
    smaller_side = min(planes[0][0].shape)
    if smaller_side < SSIM_WINDOW:
        return _Similarity(None, None)
    multiscale = multiscale and smaller_side >= MSSSIM_MIN_SIDE
    single, multi = 0.0, 0.0
    for first, second in planes:
        value, contrast = _ssim_of_plane(first, second)
        single += value
        if multiscale:
            product = max(contrast, 0.0) ** _MSSSIM_WEIGHTS[0]
            for weight in _MSSSIM_WEIGHTS[1:]:
                first, second = _halve(first), _halve(second)
                value, contrast = _ssim_of_plane(first, second)
                product *= max(value if weight == _MSSSIM_WEIGHTS[-1] else contrast, 0.0) ** weight
            multi += product
    return _Similarity(single / len(planes), multi / len(planes) if multiscale else None)


@cache
def _window() -> NDArray[np.float64]:
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    window = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    return window / window.sum()


def _ssim_of_plane(first: Plane, second: Plane) -> tuple[float, float]:
    """(mean SSIM, mean contrast-structure term) over all windows that lie wholly inside the plane."""
    from scipy.ndimage import correlate1d

    height, width = first.shape
    margin = SSIM_WINDOW // 2
    total, total_contrast = 0.0, 0.0
    for top in range(0, height - 2 * margin, _STRIP_ROWS):
        x = first[top : top + _STRIP_ROWS + 2 * margin].astype(np.float64)
        y = second[top : top + _STRIP_ROWS + 2 * margin].astype(np.float64)
        # The variances enter only as their sum, so that four means suffice: x, y, x^2 + y^2, x y.
        moments = np.stack([x, y, x * x + y * y, x * y])
        moments = correlate1d(moments, _window(), axis=1)[:, margin:-margin]
        mean_x, mean_y, square, product = correlate1d(moments, _window(), axis=2)[:, :, margin:-margin]
        mean_product = mean_x * mean_y
        mean_square = mean_x * mean_x + mean_y * mean_y
        contrast = (2 * (product - mean_product) + _C2) / (square - mean_square + _C2)
        total_contrast += float(contrast.sum())
        contrast *= (2 * mean_product + _C1) / (mean_square + _C1)
        total += float(contrast.sum())
    windows = (height - 2 * margin) * (width - 2 * margin)
    return total / windows, total_contrast / windows


def _halve(plane: Plane) -> Plane:
    """Means of 2x2 blocks; an odd side is preceded by zeros, as pytorch-msssim's padded pooling does."""
    padded = np.pad(plane, [(side % 2, 0) for side in plane.shape])
    # Four halvings of 8-bit samples need 16 bits: exact in float32.
    dtype = np.float64 if plane.dtype == np.float64 else np.float32
    total: Plane = padded[0::2, 0::2].astype(dtype)
    for rows, columns in ((0, 1), (1, 0), (1, 1)):
        total += padded[rows::2, columns::2]
    total *= 0.25
    return total


def _flip_in_strips(reference: Image, image: Image, *, magma: bool) -> NDArray[np.float32]:
    """FLIP's error (H, W, 1), or its colours (H, W, 3), 0..1.

    Strips overlap by the radius of the widest kernel, so that the result is that of the whole image, bit for bit.
    """
    from flip_evaluator import evaluate

    def error(first: Image, second: Image) -> NDArray[np.float32]:
        inputs = [part.astype(np.float32) / np.float32(PEAK) for part in (first, second)]
        result: NDArray[np.float32] = evaluate(
            *inputs, "LDR", applyMagma=magma, computeMeanError=False, parameters={"ppd": FLIP_PPD}
        )[0]
        return result

    _check_pair(reference, image)
    height, width = reference.shape[:2]
    result = np.empty((height, width, 3 if magma else 1), np.float32)
    for top in range(0, height, _FLIP_STRIP_ROWS):
        bottom = min(top + _FLIP_STRIP_ROWS, height)
        start, stop = max(top - _FLIP_RADIUS, 0), min(bottom + _FLIP_RADIUS, height)
        first, second = reference[start:stop], image[start:stop]
        if np.array_equal(first, second):
            result[top:bottom] = error(first[:1, :1], second[:1, :1])
        else:
            result[top:bottom] = error(first, second)[top - start : bottom - start]
    return result


def _ppm(image: Image) -> io.BytesIO:
    """The image as an uncompressed file in memory, for libraries that only read files."""
    height, width = image.shape[:2]
    return io.BytesIO(f"P6 {width} {height} 255\n".encode() + image.tobytes())
