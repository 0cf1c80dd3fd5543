"""FLIP's kernels against NVIDIA's evaluator: mean to 1e-4, map to 1e-3."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from numpy.typing import NDArray

from synthcomp_core.images import Image
from synthcomp_core.metrics import flip, flip_colours, flip_error
from tests.pages.conftest import frame

MEAN_TOLERANCE, MAP_TOLERANCE = 1e-4, 1e-3
BLACK, WHITE, RED, GREEN, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def evaluated(reference: Image, image: Image, *, magma: bool = False) -> NDArray[np.float32]:
    """NVIDIA's map (H, W, 1), or its colours (H, W, 3), at 67 pixels per degree."""
    from flip_evaluator import evaluate

    inputs = [part.astype(np.float32) / np.float32(255) for part in (reference, image)]
    return evaluate(*inputs, "LDR", applyMagma=magma, computeMeanError=False, parameters={"ppd": 67.0})[0]


def flat(colour: tuple[int, int, int], height: int = 24, width: int = 31) -> Image:
    return np.tile(np.array(colour, np.uint8), (height, width, 1))


def noisy(height: int, width: int, seed: int, amplitude: float) -> tuple[Image, Image]:
    generator = np.random.default_rng(seed)
    reference = frame(seed, width, height)
    noise = generator.normal(0, amplitude, reference.shape)
    return reference, np.clip(reference + noise, 0, 255).astype(np.uint8)


def random_pair(height: int, width: int) -> tuple[Image, Image]:
    generator = np.random.default_rng(height * width)
    first, second = generator.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return first, second


def checker(height: int, width: int) -> Image:
    rows, columns = np.mgrid[:height, :width]
    return np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


PAIRS: dict[str, tuple[Image, Image]] = {
    "1x1": (flat(BLACK, 1, 1), flat(GREEN, 1, 1)),
    "1x40": random_pair(1, 40),
    "40x1": random_pair(40, 1),
    "2x3": random_pair(2, 3),
    "odd": noisy(37, 53, 1, 12.0),
    "even": noisy(64, 96, 2, 12.0),
    "tall": noisy(301, 21, 3, 30.0),
    "wide": noisy(21, 301, 4, 30.0),
    "slight": noisy(75, 90, 5, 1.0),
    "random": random_pair(70, 90),
    "strip and one": noisy(65, 40, 6, 20.0),
    "two strips less one": noisy(127, 40, 7, 20.0),
    "black to white": (flat(BLACK), flat(WHITE)),
    "green to blue": (flat(GREEN), flat(BLUE)),
    "blue to green": (flat(BLUE), flat(GREEN)),
    "red to black": (flat(RED), flat(BLACK)),
    "one level": (flat((128, 128, 128)), flat((129, 128, 128))),
    "dark": (flat((1, 0, 2)), flat((0, 3, 0))),
    "checker": (checker(45, 46), flat((128, 128, 128), 45, 46)),
    "checker and its inverse": (checker(45, 46), 255 - checker(45, 46)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_mean_and_map_are_those_of_nvidias_evaluator(name: str) -> None:
    reference, image = PAIRS[name]
    expected = evaluated(reference, image)[:, :, 0]
    assert flip(reference, image) == pytest.approx(float(expected.mean(dtype=np.float64)), abs=MEAN_TOLERANCE)
    np.testing.assert_allclose(flip_error(reference, image), expected, rtol=0, atol=MAP_TOLERANCE)


@pytest.mark.slow
def test_a_4k_pair_is_that_of_nvidias_evaluator() -> None:
    tile, other = noisy(540, 1024, 8, 8.0)
    reference, image = np.tile(tile, (4, 4, 1)), np.tile(other, (4, 4, 1))
    expected = evaluated(reference, image)[:, :, 0]
    error_map = flip_error(reference, image)
    assert error_map.shape == (2160, 4096)
    assert float(error_map.mean(dtype=np.float64)) == pytest.approx(float(expected.mean(dtype=np.float64)), abs=1e-4)
    np.testing.assert_allclose(error_map, expected, rtol=0, atol=MAP_TOLERANCE)


def test_no_error_where_nothing_differs_and_none_beyond_one() -> None:
    reference, image = noisy(600, 20, 9, 40.0)
    image[:300] = reference[:300]
    error_map = flip_error(reference, image)
    assert (error_map[:290] == 0).all()
    assert error_map[310:].mean() > 0.05
    assert flip_error(flat(GREEN), flat(BLUE)).max() <= 1.0


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("synthcomp_core.metrics.flip")  # The package offers a function of this name.
    reference, image = noisy(200, 60, 10, 25.0)
    in_strips = flip_error(reference, image)
    monkeypatch.setattr(module, "_STRIP_ROWS", 200)
    np.testing.assert_array_equal(flip_error(reference, image), in_strips)


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_the_number_of_threads_does_not_matter(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, image = noisy(300, 60, 11, 25.0)
    expected = flip_error(reference, image)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    np.testing.assert_array_equal(flip_error(reference, image), expected)


def test_colours_are_nvidias_magma() -> None:
    reference, image = random_pair(40, 50)
    error_map = evaluated(reference, image)[:, :, 0]
    np.testing.assert_array_equal(flip_colours(error_map), np.rint(evaluated(reference, image, magma=True) * 255))


def test_a_view_of_an_image_measures_as_its_copy() -> None:
    reference, image = noisy(80, 90, 12, 20.0)
    expected = flip_error(reference[::2, ::-1].copy(), image[::2, ::-1].copy())
    np.testing.assert_array_equal(flip_error(reference[::2, ::-1], image[::2, ::-1]), expected)
