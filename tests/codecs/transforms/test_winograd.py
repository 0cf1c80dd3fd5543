"""The compiled layers against torch's own convolutions, at even and odd sizes of tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from synthcomp_core.codecs.checkpoints import random_weights
from synthcomp_core.codecs.tile_kernel import EXACT_WIDTH, FLOAT_WIDTH, ROWS, exact_tile, float_tile, panels
from synthcomp_core.codecs.transforms import analyse, build_transforms, synthesise, winograd
from synthcomp_core.runtime import compiled
from synthcomp_core.training.generated_images import generated_image

SIZES = [(4, 4), (8, 12), (10, 22), (6, 70)]  # less than a tile, whole tiles, parts of tiles, more tiles than a pass


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gdn_of(channels: int) -> tuple[Tensor, Tensor]:
    return random_tensor(channels, seed=8).abs() + 0.5, random_tensor(channels, channels, seed=9).abs() / 50


def plain_gdn(x: Tensor, beta: Tensor, gamma: Tensor, inverse: bool) -> Tensor:
    norm = functional.conv2d(x * x, gamma.double()[:, :, None, None], beta.double())
    return x * norm.sqrt() if inverse else x / norm.sqrt()


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.abs().max()) < 3e-5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [(8, 16), (24, 40)])  # 40: the last panel is not full
def test_convolution_with_gdn_is_torchs(size: tuple[int, int], channels: tuple[int, int]) -> None:
    x = random_tensor(1, channels[0], *size)
    weight, bias = random_tensor(channels[1], channels[0], 5, 5, seed=1), random_tensor(channels[1], seed=2)
    expected = functional.conv2d(x.double(), weight.double(), bias.double(), stride=2, padding=2)
    assert_close(winograd.convolution(weight, bias, winograd.Gdn())(x), expected)
    beta, gamma = gdn_of(channels[1])
    found = winograd.convolution(weight, bias, winograd.Gdn(beta, gamma))(x)
    assert_close(found, plain_gdn(expected, beta, gamma, False))


@pytest.mark.parametrize("size", SIZES)
def test_transposed_convolution_with_inverse_gdn_is_torchs(size: tuple[int, int]) -> None:
    x = random_tensor(1, 24, *size)
    weight, bias = random_tensor(24, 32, 5, 5, seed=1), random_tensor(32, seed=2)
    expected = functional.conv_transpose2d(
        x.double(), weight.double(), bias.double(), stride=2, padding=2, output_padding=1
    )
    assert_close(winograd.deconvolution(weight, bias, winograd.Gdn())(x), expected)
    beta, gamma = gdn_of(32)
    found = winograd.deconvolution(weight, bias, winograd.Gdn(beta, gamma))(x)
    assert_close(found, plain_gdn(expected, beta, gamma, True))


@pytest.mark.parametrize("size", SIZES)
def test_the_layers_at_the_pixels_are_torchs(size: tuple[int, int]) -> None:
    levels = torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(3)).float()
    weight, bias = random_tensor(32, 3, 5, 5, seed=1), random_tensor(32, seed=2)
    beta, gamma = gdn_of(32)
    expected = functional.conv2d(levels.double() / 255, weight.double(), bias.double(), stride=2, padding=2)
    found = winograd.from_pixels(weight, bias, winograd.Gdn(beta, gamma))(levels)
    assert_close(found, plain_gdn(expected, beta, gamma, False))
    x, weight, bias = random_tensor(1, 16, *size), random_tensor(12, 16, 3, 3, seed=4), random_tensor(12, seed=5)
    expected = functional.conv2d(x.double(), weight.double(), bias.double(), padding=1) * 255
    assert_close(winograd.to_pixels(weight, bias)(x), functional.pixel_shuffle(expected, 2))


def test_threads_do_not_change_a_layer() -> None:
    x = random_tensor(1, 8, 40, 72)
    layer = winograd.convolution(random_tensor(16, 8, 5, 5), random_tensor(16), winograd.Gdn(*gdn_of(16)))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = layer(x)
        torch.set_num_threads(3)
        assert torch.equal(layer(x), alone)
    finally:
        torch.set_num_threads(threads)


def test_whole_transforms_agree_with_the_general_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    card, tensors = random_weights("mbt2018", 32, 48)
    image = generated_image(3, width=192, height=128)
    options = {"device": torch.device("cpu"), "dtype": torch.float32}
    fast = build_transforms(tensors, card.architecture, **options)
    monkeypatch.setattr(winograd, "fits", lambda tensors: False)
    general = build_transforms(tensors, card.architecture, **options)
    assert len(general.g_a) == 7 and len(fast.g_a) == 4
    with torch.inference_mode():
        (y, z), (y_general, z_general) = analyse(fast, image), analyse(general, image)
        assert z is not None and z_general is not None
        assert np.abs(y - y_general).max() < 1e-4 * np.abs(y_general).max()
        assert np.abs(z - z_general).max() < 1e-4 * np.abs(z_general).max()
        difference = synthesise(fast, y).astype(int) - synthesise(general, y)
    assert np.abs(difference).max() <= 1


@compiled()
def _exact_product(x: np.ndarray, weight: np.ndarray, out: np.ndarray) -> None:
    for panel in range(weight.shape[0]):
        for row in range(0, x.shape[0], ROWS):
            exact_tile(
                x, row * x.shape[1], x.shape[1], weight, panel * weight.shape[1] * EXACT_WIDTH, weight.shape[1],
                out, row * out.shape[1] + panel * EXACT_WIDTH, out.shape[1],
            )  # fmt: skip


@compiled()
def _float_product(x: np.ndarray, weight: np.ndarray, out: np.ndarray) -> None:
    for panel in range(weight.shape[0]):
        for row in range(0, x.shape[0], ROWS):
            float_tile(
                x, row * x.shape[1], x.shape[1], weight, panel * weight.shape[1] * FLOAT_WIDTH, weight.shape[1],
                out, row * out.shape[1] + panel * FLOAT_WIDTH, out.shape[1],
            )  # fmt: skip


def test_tiles_are_matrix_products_and_add_to_what_is_there() -> None:
    generator = np.random.default_rng(0)
    weight = generator.integers(-(2**23), 2**23, (50, 20)).astype(float)
    x = generator.integers(-(2**24), 2**24, (8, 50)).astype(float)
    out = np.ones((8, 24))
    _exact_product(x, panels(weight, EXACT_WIDTH), out)
    expected = np.array([[int(v) for v in row] for row in x], object) @ np.array(
        [[int(v) for v in row] for row in weight], object
    )
    assert (out[:, :20] == (expected + 1).astype(float)).all() and (out[:, 20:] == 1).all()
    small = generator.integers(-9, 9, (8, 50)).astype(np.float32)
    narrow = generator.integers(-9, 9, (50, 20)).astype(np.float32)
    sums = np.zeros((8, 32), np.float32)
    _float_product(small, panels(narrow, FLOAT_WIDTH), sums)
    assert (sums[:, :20] == small @ narrow).all() and (sums[:, 20:] == 0).all()
