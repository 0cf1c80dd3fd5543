"""SSIM and MS-SSIM, over R, G and B or of luma."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import PEAK, Plane, check_pair, luma, rgb_planes
from synthcomp_core.runtime import in_bands

# Wang, Bovik, Sheikh, Simoncelli 2004, section III-B.
SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_STRIP_ROWS = 64
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2
# Wang, Simoncelli, Bovik 2003: the exponents of the five scales.
_MSSSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MSSSIM_MIN_SIDE = (SSIM_WINDOW - 1) * 2 ** (len(_MSSSIM_WEIGHTS) - 1) + 1


def ssim(reference: Image, image: Image) -> float | None:
    """SSIM of (H, W, 3) uint8 images, at most 1, mean over R, G and B; None under 11 pixels per side.

    ImageError on unequal sizes.

    Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, only windows wholly inside, K1 0.01, K2 0.03, range 255.

    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    >>> round(ssim(noise, noise), 6)
    1.0
    >>> ssim(noise[:10], noise[:10]) is None
    True
    """
    check_pair(reference, image)
    return similarity(rgb_planes(reference, image), multiscale=False).ssim


def ssim_y(reference: Image, image: Image) -> float | None:
    """SSIM (see :func:`ssim`) of the unrounded luma (see :func:`.pairs.luma`) of (H, W, 3) uint8 images, range 255."""
    check_pair(reference, image)
    return similarity([(luma(reference), luma(image))], multiscale=False).ssim


def msssim(reference: Image, image: Image) -> float | None:
    """MS-SSIM of (H, W, 3) uint8 images, 0..1, mean over R, G and B; None under 161 pixels per side.

    ImageError on unequal sizes.

    Wang, Simoncelli, Bovik 2003 as pytorch-msssim defines it: five scales, 2x2 means with a zero before odd sides.
    """
    check_pair(reference, image)
    return similarity(rgb_planes(reference, image), multiscale=True).msssim


def msssim_y(reference: Image, image: Image) -> float | None:
    """MS-SSIM (see :func:`msssim`) of unrounded luma (see :func:`.pairs.luma`), range 255; images (H, W, 3) uint8."""
    check_pair(reference, image)
    return similarity([(luma(reference), luma(image))], multiscale=True).msssim


@dataclass(frozen=True)
class Similarity:
    """Both indices of a pair, means over its planes; None where the image is too small."""

    ssim: float | None
    msssim: float | None


def similarity(planes: list[tuple[Plane, Plane]], *, multiscale: bool) -> Similarity:
    """SSIM and, when asked for, MS-SSIM: means over the planes (pairs of (H, W) arrays in 0..255)."""
    smaller_side = min(planes[0][0].shape)
    if smaller_side < SSIM_WINDOW:
        return Similarity(None, None)
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
    return Similarity(single / len(planes), multi / len(planes) if multiscale else None)


@cache
def _half_window() -> NDArray[np.float64]:
    """The middle and right half of the Gaussian window, whose sum over both halves is 1."""
    offsets = np.arange(SSIM_WINDOW // 2 + 1)
    half = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    normalised: NDArray[np.float64] = half / (half[0] + 2 * half[1:].sum())
    return normalised


def _ssim_of_plane(first: Plane, second: Plane) -> tuple[float, float]:
    """(mean SSIM, mean contrast-structure term) over all windows that lie wholly inside the plane."""
    from synthcomp_core.metrics import ssim_kernels as kernels

    height, width = first.shape
    margin = SSIM_WINDOW // 2
    rows = height - 2 * margin
    sums = np.zeros((-(-rows // _STRIP_ROWS), 2))

    def strip(top: int, bottom: int) -> None:
        x, y = (np.ascontiguousarray(plane[top : bottom + 2 * margin], np.float64) for plane in (first, second))
        kernels.strip_sums(x, y, _half_window(), _C1, _C2, sums[top // _STRIP_ROWS])

    in_bands(rows, _STRIP_ROWS, strip)
    total, total_contrast = sums.sum(axis=0) / (rows * (width - 2 * margin))
    return float(total), float(total_contrast)


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
