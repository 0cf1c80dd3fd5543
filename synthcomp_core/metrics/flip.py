"""FLIP: NVIDIA's LDR error between alternating images, as a map, its mean and its colours.

Andersson, Nilsson, Akenine-Moller, Oskarsson, Astrom, Fairchild 2020, at 67 pixels per degree. The kernels are our own
(flip_kernels.py), held to NVIDIA's evaluator by tests; they go strip by strip, so that no plane of the whole image is
held but the map itself.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import PEAK, check_pair
from synthcomp_core.runtime import in_bands

FLIP_PPD = 67.0  # 0.7 m from a 0.7 m wide display of 3840 pixels, rounded.
# Contrast sensitivity: a sum of Gaussians a sqrt(pi / b) exp(-pi^2 x^2 / b), x in degrees; blue-yellow has two.
_LUMA_B, _RED_GREEN_B = 0.0047, 0.0053
_BLUE_YELLOW = ((34.1, 0.04), (13.5, 0.025))  # (a, b)
_MARGIN = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * FLIP_PPD)  # 3 sigma of the widest
_FEATURE_SIGMA = 0.5 * 0.082 * FLIP_PPD  # pixels
_NEGLIGIBLE = 1e-6  # Filter taps this small beside the largest are left out.
_STRIP_ROWS = 64
FEATURES = 5

ErrorMap = NDArray[np.float32]  # (H, W), 0..1
Features = NDArray[np.float32]  # (H, 5, W): L*, a*, b*, and the magnitudes of edges and of points
_Taps = NDArray[np.float64]  # The right half of a filter, its middle first.


def flip(reference: Image, image: Image) -> float:
    """Mean LDR-FLIP error in 0..1 of (H, W, 3) uint8 images at 67 pixels per degree. ImageError on unequal sizes."""
    return mean_error(flip_error(reference, image))


def mean_error(error_map: ErrorMap) -> float:
    """FLIP's mean, 0..1, of an error map (H, W)."""
    return float(error_map.mean(dtype=np.float64))


def flip_error(reference: Image, image: Image, *, features: Features | None = None) -> ErrorMap:
    """LDR-FLIP error of every pixel of (H, W, 3) uint8 images, (H, W) float32, 0..1. ImageError on unequal sizes.

    features: those of the reference by :func:`flip_features`, where they are known.
    """
    from synthcomp_core.metrics import flip_kernels as kernels

    check_pair(reference, image)
    height, width = reference.shape[:2]
    result = np.empty((height, width), np.float32)
    largest = _largest_distance()

    def strip(top: int, bottom: int) -> None:
        around = slice(max(top - _MARGIN, 0), bottom + _MARGIN)
        if np.array_equal(reference[around], image[around]):
            result[top:bottom] = 0.0
            return
        first = _strip_features(reference, top, bottom) if features is None else features[top:bottom]
        kernels.strip_errors(first, _strip_features(image, top, bottom), largest, result[top:bottom])

    in_bands(height, _STRIP_ROWS, strip)
    return result


def flip_features(image: Image) -> Features:
    """What FLIP compares of an (H, W, 3) uint8 image, (H, 5, W) float32; for a reference of many comparisons."""
    height, width = image.shape[:2]
    features = np.empty((height, FEATURES, width), np.float32)

    def strip(top: int, bottom: int) -> None:
        features[top:bottom] = _strip_features(image, top, bottom)

    in_bands(height, _STRIP_ROWS, strip)
    return features


def _strip_features(image: Image, top: int, bottom: int) -> Features:
    """The features (bottom - top, 5, W) of some rows."""
    from synthcomp_core.metrics import flip_kernels as kernels

    height, width = image.shape[:2]
    start, stop = max(top - _MARGIN, 0), min(bottom + _MARGIN, height)
    filters = _filters()
    planes = [np.empty((stop - start, width + 2 * _MARGIN), np.float32) for _ in range(3)]
    kernels.opponent(np.ascontiguousarray(image[start:stop]), _linear_levels(), *planes, _MARGIN)
    maps = np.empty((kernels.MAPS, stop - start, width), np.float32)
    kernels.filter_rows(*planes, filters, _MARGIN, maps)
    # Rows above and below the image are its first and last ones again.
    rows = np.clip(np.arange(top - _MARGIN, bottom + _MARGIN), 0, height - 1) - start
    features = np.empty((bottom - top, FEATURES, width), np.float32)
    kernels.strip_features(maps, rows, filters, _MARGIN, features)
    return features


def flip_colours(error_map: ErrorMap) -> Image:
    """An error map (H, W) in NVIDIA's magma colours, (H, W, 3) uint8: black = no error, pale yellow = 1."""
    levels = np.floor(np.clip(error_map, 0.0, 1.0) * np.float32(PEAK) + np.float32(0.5)).astype(np.uint8)
    colours: Image = _magma()[levels]
    return colours


@cache
def _magma() -> NDArray[np.uint8]:
    """(256, 3): the colour map of Matplotlib that NVIDIA's evaluator has, too."""
    from matplotlib import colormaps

    colours: NDArray[np.uint8] = np.rint(colormaps["magma"](np.arange(256))[:, :3] * PEAK).astype(np.uint8)
    return colours


@cache
def _filters() -> tuple[NDArray[np.float32], ...]:
    """Right halves of the seven filters along a row: of Y, Cx, twice Cz; and g, g', g'' of the features."""

    def gaussian(b: float) -> _Taps:
        degrees = np.arange(_MARGIN + 1) / FLIP_PPD
        taps: _Taps = np.exp(-(math.pi**2) * degrees**2 / b)
        return taps

    blue_yellow = [gaussian(b) for _, b in _BLUE_YELLOW]
    shares = [a / math.sqrt(b) * _sum(taps) ** 2 for (a, b), taps in zip(_BLUE_YELLOW, blue_yellow, strict=True)]
    offsets = np.arange(math.ceil(3 * _FEATURE_SIGMA) + 1)
    smooth = np.exp(-(offsets**2) / (2 * _FEATURE_SIGMA**2))
    slope = offsets * smooth
    curvature = (offsets**2 / _FEATURE_SIGMA**2 - 1) * smooth
    # The positive taps of a derivative sum to 1, and the negative ones to -1.
    rising, falling = _sum(np.maximum(curvature, 0)), -_sum(np.minimum(curvature, 0))
    halves = (
        _normalised(gaussian(_LUMA_B)),
        _normalised(gaussian(_RED_GREEN_B)),
        *(_normalised(taps) * math.sqrt(share / sum(shares)) for taps, share in zip(blue_yellow, shares, strict=True)),
        _normalised(smooth),
        slope / slope.sum(),
        np.where(curvature > 0, curvature / rising, curvature / falling),
    )
    return tuple(_trimmed(half) for half in halves)


def _sum(half: _Taps) -> float:
    return float(half[0] + 2 * half[1:].sum())


def _normalised(half: _Taps) -> _Taps:
    return half / _sum(half)


def _trimmed(half: _Taps) -> NDArray[np.float32]:
    kept = np.flatnonzero(np.abs(half) > _NEGLIGIBLE * np.abs(half).max())[-1] + 1
    return half[:kept].astype(np.float32)


@cache
def _linear_levels() -> NDArray[np.float32]:
    """(256,): the linear light of each 8-bit sRGB level (IEC 61966-2-1)."""
    level = np.arange(256) / PEAK
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _largest_distance() -> np.float32:
    """The HyAB distance of pure green and pure blue in Hunt-adjusted CIELAB, to the power of 0.7."""

    def adjusted(x: float, y: float, z: float) -> tuple[float, float, float]:
        f_x, f_y, f_z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z))
        lightness = 116 * f_y - 16
        return lightness, 0.01 * lightness * 500 * (f_x - f_y), 0.01 * lightness * 200 * (f_y - f_z)

    white_x, white_z = 0.950428545, 1.088900371
    green = adjusted(0.35758434 / white_x, 0.71516868, 0.11919478 / white_z)
    blue = adjusted(0.18048079 / white_x, 0.07219232, 0.95053215 / white_z)
    distance = abs(green[0] - blue[0]) + math.hypot(green[1] - blue[1], green[2] - blue[2])
    return np.float32(distance**0.7)
