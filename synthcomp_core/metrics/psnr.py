"""PSNR of 8-bit images over RGB samples, and of luma."""

from __future__ import annotations

import math

import numpy as np

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import LUMA_WEIGHTS, PEAK, check_pair, strips


def psnr(reference: Image, image: Image) -> float:
    """PSNR in dB over all RGB samples of two (H, W, 3) uint8 images; inf when identical. ImageError on unequal sizes.

    >>> black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 16, np.uint8)
    >>> round(psnr(black, grey), 3)  # 20 log10(255 / 16)
    24.048
    >>> psnr(grey, grey)
    inf
    """
    return decibels(mean_squared_error(reference, image))


def mean_squared_error(reference: Image, image: Image) -> float:
    """Mean squared difference over all RGB samples of (H, W, 3) uint8 images, in 8-bit levels.

    ImageError on unequal sizes.

    >>> mean_squared_error(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 16, np.uint8))
    256.0
    """
    check_pair(reference, image)
    total = 0.0
    for first, second in strips(reference, image):
        difference = first.astype(np.float64).ravel() - second.ravel()
        total += float(difference @ difference)  # Exact: whole numbers far below 2^53.
    return total / reference.size


def psnr_y(reference: Image, image: Image) -> float:
    """PSNR in dB (peak 255) of the unrounded luma (see :func:`.pairs.luma`) of (H, W, 3) uint8 images.

    inf when identical. ImageError on unequal sizes.
    """
    check_pair(reference, image)
    total = 0.0
    for first, second in strips(reference, image):
        difference = (first.astype(np.float64) - second) @ LUMA_WEIGHTS
        # Not a product of vectors: BLAS sums them in an order that depends on its threads.
        total += float(np.square(difference).sum())
    return decibels(total / (reference.shape[0] * reference.shape[1]))


def decibels(mean_squared_error: float, *, peak: float = PEAK) -> float:
    """10 log10(peak^2 / MSE) in dB; inf for an MSE of 0."""
    return 10 * math.log10(peak**2 / mean_squared_error) if mean_squared_error > 0 else math.inf
