"""Where the pixels of an output lie in the input: image centres coincide, so that nothing is shifted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import ImageError


def source_positions(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of ``target`` output pixels along one axis of ``source`` pixels: the pixel before it, and how far past.

    The first is from -1 to source - 1, the second in [0, 1). Output pixel i lies at (i + 0.5) source / target - 0.5.

    >>> before, past = source_positions(2, 4)
    >>> before.tolist(), past.tolist()
    ([-1, 0, 0, 1], [0.75, 0.25, 0.75, 0.25])
    """
    positions = (np.arange(target, dtype=np.float64) + 0.5) * source / target - 0.5
    before = np.floor(positions)
    # Rounding to float32 must not make a whole pixel of it.
    past = np.minimum((positions - before).astype(np.float32), np.nextafter(np.float32(1), np.float32(0)))
    return before.astype(np.int64), past


def check_target(size: tuple[int, int]) -> None:
    """ImageError unless both sides of (width, height) are at least one pixel."""
    if size[0] < 1 or size[1] < 1:
        raise ImageError(f"An image cannot be upscaled to {size[0]} x {size[1]}: both sides must be at least 1.")
