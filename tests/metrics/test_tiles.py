"""Worst tiles: where the error was put is where they are."""

from __future__ import annotations

import numpy as np
import pytest

from synthcomp_core.errors import ImageError
from synthcomp_core.metrics import flip_error
from synthcomp_core.metrics.tiles import WorstTile, tile_means, worst_tiles
from tests.pages.conftest import frame


def test_means_of_tiles_are_those_of_their_pixels_also_at_the_edges() -> None:
    error_map = np.random.default_rng(1).random((70, 45)).astype(np.float32)
    means = tile_means(error_map, side=32)
    assert means.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            part = error_map[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
            assert means[row, column] == pytest.approx(part.astype(float).mean(), abs=1e-12)


def test_the_tiles_with_planted_errors_come_worst_first() -> None:
    error_map = np.full((100, 130), 0.01)
    error_map[32:64, 96:128] = 0.9
    error_map[0:32, 128:130] = 0.5
    first, second, third = worst_tiles([error_map], side=32, count=3)
    assert first == WorstTile(96, 32, 32, 32, pytest.approx(0.9), 0)
    assert second == WorstTile(128, 0, 2, 32, pytest.approx(0.5), 0)
    assert (third.x, third.y) == (0, 0)
    assert first.centre == (112, 48)


def test_a_place_counts_once_with_the_picture_in_which_it_is_worst() -> None:
    calm, rough = np.zeros((64, 64)), np.zeros((64, 64))
    calm[:32, :32] = 0.4
    rough[:32, :32] = 0.6
    calm[32:, 32:] = 0.2
    tiles = worst_tiles([calm, rough], side=32)
    assert [(tile.x, tile.y, tile.picture) for tile in tiles] == [(0, 0, 1), (32, 32, 0)]


def test_identical_pictures_have_no_worst_tile() -> None:
    assert worst_tiles([np.zeros((40, 40))]) == []


def test_a_spoilt_corner_is_found_by_flip() -> None:
    reference = frame(1, 256, 192)
    spoilt = reference.copy()
    spoilt[140:180, 200:240] = 255 - spoilt[140:180, 200:240]
    tile = worst_tiles([flip_error(reference, spoilt)], side=64, count=1)[0]
    assert (tile.x, tile.y) == (192, 128)


def test_maps_of_unequal_sizes_and_none_at_all_are_refused() -> None:
    with pytest.raises(ImageError, match="one size"):
        worst_tiles([np.zeros((4, 4)), np.zeros((4, 5))])
    with pytest.raises(ImageError, match="no error map"):
        worst_tiles([])
