"""A figure's cells and its default crop, from what was evaluated for it."""

from __future__ import annotations

from collections.abc import Sequence

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import Crop, FigureCell, crop_around
from synthcomp_core.figures.paper.layout import FigureStyle
from synthcomp_core.metrics import ErrorMap
from synthcomp_core.metrics.tiles import worst_tiles
from synthcomp_core.variants import Evaluation


def figure_cell(evaluation: Evaluation, style: FigureStyle) -> FigureCell:
    """The cell of a variant, with the maps that the figure's style asks for."""
    return FigureCell(
        evaluation.rendering.image,
        evaluation.row,
        error_map=evaluation.error_image() if style.error_maps else None,
        bit_map=evaluation.bit_image() if style.bit_maps else None,
    )


def default_crop(error_maps: Sequence[ErrorMap], side: int) -> Crop:
    """The square of ``side`` pixels, as far as it fits, around the tile of that side with the highest error in any map.

    error_maps: FLIP errors (H, W), all of one size. The middle of the image if there is no error at all.
    """
    if side < 1:
        raise SynthcompError(f"A crop has at least 1 pixel per side, not {side}.")
    height, width = error_maps[0].shape
    worst = worst_tiles(error_maps, side=side, count=1)
    return crop_around(worst[0].centre if worst else (width / 2, height / 2), side, (width, height))
