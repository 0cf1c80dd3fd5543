"""Two images of one size: the check, their strips of rows, their planes, and luma."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import ImageError
from synthcomp_core.images import Image, check_image

Plane = NDArray[Any]  # (H, W), 0..255: uint8 as read, float32 when halved, float64 luma

PEAK = 255.0
STRIP_ROWS = 32  # Small enough for the strips to stay in the processor's cache.
# ITU-R BT.601, studio range, as MATLAB's rgb2ycbcr, for R, G, B in 0..255.
LUMA_OFFSET = 16.0
LUMA_WEIGHTS: NDArray[np.float64] = np.array([65.481, 128.553, 24.966]) / 255.0


def check_pair(reference: Image, image: Image) -> None:
    """ImageError unless both are images, (H, W, 3) uint8, of the same size."""
    check_image(reference)
    check_image(image)
    if reference.shape != image.shape:
        sizes = [f"{width}x{height}" for height, width, _ in (reference.shape, image.shape)]
        raise ImageError(
            f"The reference is {sizes[0]} and the image {sizes[1]}: "
            "metrics compare images of the same size, so crop or resize one of them."
        )


def shaved(image: Image, border: int) -> Image:
    """An (H, W, 3) uint8 image without ``border`` pixels on each side; ImageError when nothing is left.

    Papers on super-resolution leave out as many as their factor, because the pixels at the border have no neighbours.

    >>> shaved(np.zeros((10, 12, 3), np.uint8), 4).shape
    (2, 4, 3)
    """
    height, width = image.shape[:2]
    if border < 0 or 2 * border >= min(height, width):
        raise ImageError(
            f"A border of {border} pixels cannot be shaved off an image of {width} x {height}: "
            f"shave 0 to {(min(height, width) - 1) // 2}."
        )
    return image[border : height - border, border : width - border]


def strips(reference: Image, image: Image) -> Iterator[tuple[Image, Image]]:
    """Strips (up to STRIP_ROWS, W, 3) of the same rows of two (H, W, 3) images, from the top down."""
    for top in range(0, len(reference), STRIP_ROWS):
        yield reference[top : top + STRIP_ROWS], image[top : top + STRIP_ROWS]


def rgb_planes(reference: Image, image: Image) -> list[tuple[Plane, Plane]]:
    """The planes R, G, B of both (H, W, 3) uint8 images, each (H, W)."""
    return [(reference[:, :, channel], image[:, :, channel]) for channel in range(3)]


def luma(image: Image) -> NDArray[np.float64]:
    """BT.601 studio-range luma (H, W), 16..235, not rounded, of an (H, W, 3) uint8 image.

    16 + 65.481 R + 128.553 G + 24.966 B, RGB in 0..1.
    """
    plane = np.empty(image.shape[:2])
    for top in range(0, len(image), STRIP_ROWS):
        plane[top : top + STRIP_ROWS] = image[top : top + STRIP_ROWS].astype(np.float64) @ LUMA_WEIGHTS
    plane += LUMA_OFFSET
    return plane
