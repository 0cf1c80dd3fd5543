"""The one way from an image to a row: render a variant, measure it, and map its errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass

from synthcomp_core.images import Image
from synthcomp_core.metrics import DEFAULT_METRICS, ErrorMap, Metrics, flip_colours, flip_error, measure
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants.bit_map import bit_map_image
from synthcomp_core.variants.rendering import Rendering
from synthcomp_core.variants.rows import result_row
from synthcomp_core.variants.targets import render
from synthcomp_core.variants.variant import Variant

ERROR_MAP = "error_map"
_RENDERED, _MAPPED = 0.6, 0.8  # Shares of the whole in which the image, and then the error map, is expected.


@dataclass(frozen=True)
class Evaluation:
    """One variant of one image: the rendering, its metrics and their row, and FLIP's error map.

    error_map: (H, W) float32 in 0..1, None where neither FLIP nor the map was asked for.
    """

    rendering: Rendering
    metrics: Metrics
    row: ResultRow
    error_map: ErrorMap | None = None

    def error_image(self) -> Image | None:
        """The error map in magma colours, (H, W, 3); None without a map."""
        return None if self.error_map is None else flip_colours(self.error_map)

    def bit_image(self) -> Image | None:
        """The bits per latent position in viridis colours, (H, W, 3) of the reference's size; None without a map."""
        rendering = self.rendering
        if rendering.bit_map is None:
            return None
        (height, width), (rows, columns) = rendering.image.shape[:2], rendering.coded_image.shape[:2]
        return bit_map_image(rendering.bit_map, (columns, rows), (width, height))


OnStage = Callable[[Evaluation], None]


def unheard(evaluation: Evaluation) -> None:
    """The ``on_stage`` of a caller that waits for the end."""


def evaluate(
    image: Image,
    variant: Variant,
    *,
    dataset: str,
    image_name: str,
    metrics: Collection[str] = DEFAULT_METRICS,
    want: Collection[str] = (),
    precision: str = "auto",
    device: str | None = None,
    on_stage: OnStage = unheard,
    on_progress: OnProgress = silent,
) -> Evaluation:
    """Send an (H, W, 3) image through a variant and measure the result against it.

    dataset, image_name: the row's names. metrics: see ``measure``. want: ``ERROR_MAP`` to have the map also where FLIP
    is not among the metrics; it is computed once and serves both. precision, device: see ``render``. on_stage: called
    with what is there so far, first when the image is rendered, then when the error map is ready; what is still to
    come is None. SynthcompError for a variant that is not available.

    >>> import numpy as np
    >>> frame = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    >>> variant = Variant.parse("none@x2-bicubic")
    >>> evaluation = evaluate(frame, variant, dataset="noise", image_name="0.png", metrics=("psnr_rgb", "flip"))
    >>> evaluation.row.variant, evaluation.row.bpp
    ('none@x2-bicubic', 6.0)
    >>> evaluation.rendering.coded_image.shape, evaluation.error_map.shape
    ((12, 16, 3), (24, 32))
    """
    rendering = render(
        image, variant, precision=precision, device=device, on_progress=span(on_progress, 0.0, _RENDERED)
    )
    nothing = Metrics()
    row = result_row(rendering, nothing, dataset=dataset, image_name=image_name)
    evaluation = Evaluation(rendering, nothing, row)
    on_stage(evaluation)
    if "flip" in metrics or ERROR_MAP in want:
        on_progress(_RENDERED, "FLIP")
        evaluation = dataclasses.replace(evaluation, error_map=flip_error(image, rendering.image))
        on_stage(evaluation)
    measured = measure(
        image,
        rendering.image,
        metrics=metrics,
        error_map=evaluation.error_map,
        on_progress=span(on_progress, _MAPPED, 1.0),
    )
    row = result_row(rendering, measured, dataset=dataset, image_name=image_name)
    return dataclasses.replace(evaluation, metrics=measured, row=row)
