"""SSIMULACRA2, by the package of that name."""

from __future__ import annotations

import io

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import check_pair

SSIMULACRA2_MIN_SIDE = 8


def ssimulacra2(reference: Image, image: Image) -> float | None:
    """SSIMULACRA2 by the package of that name: 100 = identical, may be negative; None under 8 pixels per side.

    Slow, and some 400 bytes of memory per pixel. ImageError on unequal sizes.
    """
    from ssimulacra2 import compute_ssimulacra2

    check_pair(reference, image)
    if min(reference.shape[:2]) < SSIMULACRA2_MIN_SIDE:
        return None
    return float(compute_ssimulacra2(_ppm(reference), _ppm(image)))


def _ppm(image: Image) -> io.BytesIO:
    """The image as an uncompressed file in memory, for libraries that only read files."""
    height, width = image.shape[:2]
    return io.BytesIO(f"P6 {width} {height} 255\n".encode() + image.tobytes())
