"""No upscaler shifts the image: the best sub-pixel alignment with the reference is within 0.05 pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import fourier_shift
from skimage.registration import phase_cross_correlation

from synthcomp_core.images import Image, coded_size, resize
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.upscalers.neural import import_upscaler
from tests.upscalers.networks import bilinear_rcan

UPSCALERS = [
    "bilinear",
    "bicubic",
    "lanczos",
    "fsr1",
    "fsr1_off",
    "fsr1_s0",
    "nis",
    "nis_s0",
    "gsr1",
    "gsr1_edge",
    "rcan",
]


def scene(width: int, height: int) -> Image:
    """Smooth blobs of many sizes and a few edges, not periodic."""
    generator = np.random.default_rng(11)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.full((height, width, 3), 110.0)
    for _ in range(160):
        centre_x, centre_y, radius = generator.uniform(0, width), generator.uniform(0, height), generator.uniform(2, 14)
        blob = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))
        picture += blob[..., None] * generator.uniform(-70, 70, 3)
    picture[height // 3 : height // 2, width // 4 : width // 2] += 40
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [1.5, 2.0])
@pytest.mark.parametrize("size", [(243, 181), (200, 151)])
@pytest.mark.parametrize("upscaler_id", UPSCALERS)
def test_the_image_comes_back_where_it_was(
    upscaler_id: str, scale: float, size: tuple[int, int], artifacts: Path
) -> None:
    if upscaler_id == "rcan":
        import_upscaler(bilinear_rcan().state_dict(), id="rcan-x2-games")
    reference = scene(*size)
    shifts = []
    # What the picture itself adds to the estimate turns with the picture; a shift of the upscaler's does not.
    for picture in (reference, np.ascontiguousarray(reference[::-1, ::-1])):
        low = resize(picture, coded_size(*size, scale))
        upscaled = parse_upscaler(upscaler_id, scale=scale).upscale(low, size)
        assert upscaled.shape == picture.shape
        shifts.append(measured_shift(picture, upscaled))
    shift = np.mean(shifts, axis=0)
    assert np.abs(shift).max() <= 0.05, f"(down, right) {shift}"


def measured_shift(reference: Image, image: Image) -> np.ndarray:
    """(down, right) in pixels, to 1/200."""
    return phase_cross_correlation(reference.mean(2), image.mean(2), upsample_factor=200, normalization=None)[0]


def test_the_measurement_sees_a_shift_of_a_tenth_of_a_pixel() -> None:
    """An upscaler that mistakes the corner of a pixel for its centre would shift by a quarter or more."""
    reference = scene(243, 181).astype(np.float64)
    spectrum = np.fft.fft2(reference, axes=(0, 1))
    shifted = np.fft.ifft2(fourier_shift(spectrum, (0, 0.1, 0)), axes=(0, 1)).real
    assert measured_shift(reference, shifted) == pytest.approx((0, -0.1), abs=0.01)
