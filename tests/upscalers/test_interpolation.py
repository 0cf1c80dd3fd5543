"""Interpolation is Pillow's, at exactly the size asked for and without a shift."""

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import SynthcompError
from synthcomp_core.upscalers.interpolation import METHODS, Interpolation

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (53, 37), (106, 74), (81, 56), (160, 5), (20, 11)])
def test_it_is_pillow_s_resize(method: str, size: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    expected = PillowImage.fromarray(image).resize(size, PillowImage.Resampling[method.upper()])
    upscaled = Interpolation(method).upscale(image, size)
    assert upscaled.dtype == np.uint8 and upscaled.flags.writeable
    np.testing.assert_array_equal(upscaled, np.asarray(expected))


def test_the_id_is_the_method() -> None:
    assert [Interpolation(method).id for method in METHODS] == ["nearest", "bilinear", "bicubic", "lanczos"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40)])
def test_the_smallest_images_can_be_enlarged(method: str, size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    assert (Interpolation(method).upscale(image, (7, 80)) == 90).all()


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(128, 96), (97, 71), (333, 201)])
def test_a_spot_stays_where_it_was(method: str, size: tuple[int, int]) -> None:
    """The centre of gravity of a blob, in fractions of the image, moves by under 0.05 pixel of the result."""
    width, height = 64, 48
    y, x = np.mgrid[0:height, 0:width]
    blob = 220 * np.exp(-((x - 25.3) ** 2 + (y - 20.8) ** 2) / (2 * 4.0**2))
    image = np.repeat(blob.round().astype(np.uint8)[..., None], 3, axis=2)
    upscaled = Interpolation(method).upscale(image, size)[..., 0].astype(float)
    rows, columns = np.indices(upscaled.shape) + 0.5
    at_x = (upscaled * columns).sum() / upscaled.sum()
    at_y = (upscaled * rows).sum() / upscaled.sum()
    weights = image[..., 0].astype(float)
    assert at_x == pytest.approx((weights * (x + 0.5)).sum() / weights.sum() * size[0] / width, abs=0.05)
    assert at_y == pytest.approx((weights * (y + 0.5)).sum() / weights.sum() * size[1] / height, abs=0.05)


def test_wrong_methods_and_sizes_are_refused_in_a_sentence() -> None:
    with pytest.raises(SynthcompError, match="use one of nearest, bilinear, bicubic, lanczos"):
        Interpolation("fsr1")
    with pytest.raises(SynthcompError, match="at least 1"):
        Interpolation("bicubic").upscale(np.zeros((4, 4, 3), np.uint8), (0, 8))


def test_progress_ends_at_one() -> None:
    reports: list[float] = []
    Interpolation("bicubic").upscale(
        np.zeros((4, 4, 3), np.uint8), (8, 8), on_progress=lambda fraction, stage: reports.append(fraction)
    )
    assert reports[0] == 0 and reports[-1] == 1
