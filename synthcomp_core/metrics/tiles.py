"""Where images differ most from their reference: the tiles of the highest mean FLIP error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import ImageError

TILE_SIDE = 128
COUNT = 5


@dataclass(frozen=True)
class WorstTile:
    """A tile in pixels, x and y of its top left corner. error: its mean FLIP, 0..1, in image number ``picture``."""

    x: int
    y: int
    width: int
    height: int
    error: float
    picture: int

    @property
    def centre(self) -> tuple[float, float]:
        """The tile's middle, in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2


def tile_means(error_map: NDArray[np.floating[Any]], *, side: int = TILE_SIDE) -> NDArray[np.float64]:
    """Mean error of every tile, (rows, columns), of an (H, W) error map.

    Tiles lie on a grid of ``side`` pixels from the top left; those at the right and bottom are what is left over.

    >>> error_map = np.zeros((3, 4), np.float32)
    >>> error_map[2, 3] = 1
    >>> tile_means(error_map, side=2)
    array([[0. , 0. ],
           [0. , 0.5]])
    """
    rows = np.arange(0, error_map.shape[0], side)
    columns = np.arange(0, error_map.shape[1], side)
    sums = np.add.reduceat(np.add.reduceat(error_map.astype(np.float64), rows, axis=0), columns, axis=1)
    heights = np.minimum(side, error_map.shape[0] - rows)
    widths = np.minimum(side, error_map.shape[1] - columns)
    means: NDArray[np.float64] = sums / np.outer(heights, widths)
    return means


def worst_tiles(
    error_maps: Sequence[NDArray[np.floating[Any]]], *, side: int = TILE_SIDE, count: int = COUNT
) -> list[WorstTile]:
    """The ``count`` tiles with the highest error in any of the maps (each (H, W), one size), worst first.

    A place counts once, with the image in which it is worst; ties go to the upper left. Tiles without any error are
    left out, so that identical images have none. ImageError for no maps or unequal sizes.
    """
    if not error_maps:
        raise ImageError("There is no error map to look for the worst tiles in.")
    if len({error_map.shape for error_map in error_maps}) > 1:
        raise ImageError("The worst tiles are looked for in error maps of one size; these differ.")
    return worst_of_means(
        [tile_means(error_map, side=side) for error_map in error_maps], error_maps[0].shape, side, count
    )


def worst_of_means(
    means: Sequence[NDArray[np.float64]], shape: tuple[int, ...], side: int = TILE_SIDE, count: int = COUNT
) -> list[WorstTile]:
    """As :func:`worst_tiles`, from the maps' tile means; ``shape``: (height, width) of the maps."""
    stack = np.stack(means)
    highest = stack.max(axis=0)
    order = np.argsort(-highest, axis=None, kind="stable")[:count]
    tiles = []
    for row, column in zip(*np.unravel_index(order, highest.shape), strict=True):
        error = float(highest[row, column])
        if error > 0:
            x, y = int(column) * side, int(row) * side
            width, height = min(side, shape[1] - x), min(side, shape[0] - y)
            tiles.append(WorstTile(x, y, width, height, error, int(stack[:, row, column].argmax())))
    return tiles
