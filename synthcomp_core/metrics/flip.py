"""FLIP: NVIDIA's LDR error between alternating images, as a map, its mean and its colours."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import PEAK, check_pair

FLIP_PPD = 67.0  # 0.7 m from a 0.7 m wide display of 3840 pixels, rounded.
# FLIP's widest kernel: 3 sigma of the blue-yellow contrast sensitivity, sqrt(0.04 / (2 pi^2)) degrees.
_FLIP_RADIUS = math.ceil(3 * math.sqrt(0.04 / (2 * math.pi**2)) * FLIP_PPD)
_STRIP_ROWS = 256

ErrorMap = NDArray[np.float32]  # (H, W), 0..1


def flip(reference: Image, image: Image) -> float:
    """Mean LDR-FLIP error in 0..1 at 67 pixels per degree, by NVIDIA's evaluator. ImageError on unequal sizes.

    >>> black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    >>> flip(white, white)
    0.0
    >>> flip(black, white) > 0.9
    True
    """
    return mean_error(flip_error(reference, image))


def mean_error(error_map: ErrorMap) -> float:
    """FLIP's mean, 0..1, of an error map (H, W)."""
    return float(error_map.mean(dtype=np.float64))


def flip_error(reference: Image, image: Image) -> ErrorMap:
    """LDR-FLIP error of every pixel, (H, W) float32, 0..1 (Andersson et al. 2020). ImageError on unequal sizes.

    Strips overlap by the radius of the widest kernel, so that the result is that of the whole image, bit for bit.
    """
    check_pair(reference, image)
    height, width = reference.shape[:2]
    result = np.empty((height, width), np.float32)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        start, stop = max(top - _FLIP_RADIUS, 0), min(bottom + _FLIP_RADIUS, height)
        first, second = reference[start:stop], image[start:stop]
        # Equal strips have no error; the evaluator would take its time to find that out.
        same = np.array_equal(first, second)
        result[top:bottom] = 0.0 if same else _evaluated(first, second)[top - start : bottom - start]
    return result


def flip_colours(error_map: ErrorMap) -> Image:
    """An error map (H, W) in NVIDIA's magma colours, (H, W, 3): black = no error, pale yellow = 1."""
    levels = np.floor(np.clip(error_map, 0.0, 1.0) * np.float32(PEAK) + np.float32(0.5)).astype(np.uint8)
    colours: Image = _magma()[levels]
    return colours


@cache
def _magma() -> NDArray[np.uint8]:
    """(256, 3): the colour map of Matplotlib that NVIDIA's evaluator has, too."""
    from matplotlib import colormaps

    colours: NDArray[np.uint8] = np.rint(colormaps["magma"](np.arange(256))[:, :3] * PEAK).astype(np.uint8)
    return colours


def _evaluated(first: Image, second: Image) -> ErrorMap:
    from flip_evaluator import evaluate

    inputs = [part.astype(np.float32) / np.float32(PEAK) for part in (first, second)]
    result: NDArray[np.float32] = evaluate(
        *inputs, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": FLIP_PPD}
    )[0]
    return result[:, :, 0]
