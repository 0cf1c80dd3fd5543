"""A figure's cells from an image: an evaluation, and the maps that the figure's style asks for."""

from __future__ import annotations

from collections.abc import Sequence

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import Crop, FigureCell
from synthcomp_core.figures.paper.layout import FigureStyle
from synthcomp_core.images import Image
from synthcomp_core.metrics import flip_error
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.variants import Variant, evaluate


def render_cell(
    reference: Image,
    variant: Variant,
    style: FigureStyle,
    *,
    dataset: str,
    image_name: str,
    on_progress: OnProgress = silent,
) -> FigureCell:
    """Evaluate a variant of an image for a figure; SynthcompError for an unknown variant."""
    evaluation = evaluate(reference, variant, dataset=dataset, image_name=image_name, on_progress=on_progress)
    return FigureCell(
        evaluation.rendering.image,
        evaluation.row,
        error_map=evaluation.error_image() if style.error_maps else None,
        bit_map=evaluation.bit_image() if style.bit_maps else None,
    )



def worst_crop(reference: Image, cells: Sequence[FigureCell], side: int) -> Crop:
    """The square of ``side`` pixels, or the whole image where that is smaller, in which the cells' FLIP is worst.

    Only whole squares of a grid of half the side are looked at.
    """
    if side < 1:
        raise SynthcompError(f"A crop has at least one pixel a side, not {side}.")
    height, width = reference.shape[:2]
    crop_width, crop_height = min(side, width), min(side, height)
    best = (-1.0, 0, 0)
    for cell in cells:
        error_map = flip_error(reference, cell.image)
        for y in range(0, height - crop_height + 1, max(1, side // 2)):
            for x in range(0, width - crop_width + 1, max(1, side // 2)):
                error = float(error_map[y : y + crop_height, x : x + crop_width].mean(dtype="float64"))
                if error > best[0]:
                    best = (error, x, y)
    _, x, y = best
    return Crop(x, y, crop_width, crop_height)
