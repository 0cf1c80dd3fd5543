"""The one way from an image to a row: render a variant, measure it, and map its errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from synthcomp_core.images import Image
from synthcomp_core.library.renderings import is_files
from synthcomp_core.metrics import DEFAULT_METRICS, ErrorMap, Metrics, Reference, flip_colours, flip_error, measure
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants.bit_map import bit_map_image
from synthcomp_core.variants.rendered_files import read_rendering
from synthcomp_core.variants.rendering import Rendering
from synthcomp_core.variants.rows import result_row
from synthcomp_core.variants.targets import render
from synthcomp_core.variants.variant import Variant

ERROR_MAP = "error_map"
_RENDERED = 0.6  # The share of the whole after which the image is expected.
# Metrics that share work stand together.
_FIRST = (("psnr_rgb", "psnr_y"), ("flip",), ("ssimulacra2",), ("ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y"))


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


def evaluate(
    image: Image,
    variant: Variant,
    *,
    dataset: str,
    image_name: str,
    metrics: Collection[str] = DEFAULT_METRICS,
    want: Collection[str] = (),
    reference: Reference | None = None,
    precision: str = "auto",
    device: str | None = None,
    on_stage: OnStage | None = None,
    on_progress: OnProgress = silent,
) -> Evaluation:
    """Send an (H, W, 3) image through a variant and measure the result against it.

    A variant ``files:NAME`` is not rendered but read: the file of the image's name in a set of the library.
    dataset, image_name: the row's names. metrics: see ``measure``. want: ``ERROR_MAP`` to have the map, computed once,
    also without FLIP. reference: of the image, where several variants of it are measured. precision, device: see
    ``render``. on_stage: called with what is there so far, first when the image is rendered - or known to the encoder,
    before it is decoded - then after each group of metrics; the rest is None. SynthcompError for an unknown variant.

    >>> import numpy as np
    >>> frame = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    >>> variant = Variant.parse("none@x2-bicubic")
    >>> evaluation = evaluate(frame, variant, dataset="noise", image_name="0.png", metrics=("psnr_rgb", "flip"))
    >>> evaluation.row.variant, evaluation.row.bpp
    ('none@x2-bicubic', 6.0)
    >>> evaluation.rendering.coded_image.shape, evaluation.error_map.shape
    ((12, 16, 3), (24, 32))
    """
    tell, measured = on_stage or (lambda evaluation: None), Metrics()

    def so_far(rendering: Rendering, error_map: ErrorMap | None = None) -> Evaluation:
        row = result_row(rendering, measured, dataset=dataset, image_name=image_name)
        return Evaluation(rendering, measured, row, error_map)

    on_preview = None if on_stage is None else lambda preview: tell(so_far(preview))
    if is_files(variant.codec):
        rendering = read_rendering(image, variant, image_name)
    else:
        render_it = partial(render, reference=reference, precision=precision, device=device, on_preview=on_preview)
        rendering = render_it(image, variant, on_progress=span(on_progress, 0.0, _RENDERED))
    measured, groups = _known_and_left(rendering, metrics)
    evaluation = so_far(rendering)
    tell(evaluation)
    if ERROR_MAP in want and "flip" not in metrics:
        tell(evaluation := so_far(rendering, _flip_map(image, rendering.image, reference)))
    for number, group in enumerate(groups):
        share = span(on_progress, *(_RENDERED + (1 - _RENDERED) * done / len(groups) for done in (number, number + 1)))
        error_map = evaluation.error_map
        if "flip" in group:
            share(0.0, "FLIP")
            error_map = _flip_map(image, rendering.image, reference)
        values = measure(reference or image, rendering.image, metrics=group, error_map=error_map, on_progress=share)
        measured = dataclasses.replace(measured, **{name: getattr(values, name) for name in group})
        evaluation = so_far(rendering, error_map)
        tell(evaluation)
    return evaluation


def _flip_map(image: Image, rendered: Image, reference: Reference | None) -> ErrorMap:
    features = None if reference is None else reference.flip_features()
    return flip_error(image, rendered, features=features)


def _known_and_left(rendering: Rendering, metrics: Collection[str]) -> tuple[Metrics, list[tuple[str, ...]]]:
    """The metrics that the search for a target has measured, but FLIP, which comes with its map; the groups left."""
    values = dataclasses.asdict(rendering.measured or Metrics())
    known = {name: values[name] for name in metrics if name != "flip" and values.get(name) is not None}
    return Metrics(**known), _groups([name for name in metrics if name not in known])


def _groups(metrics: Collection[str]) -> list[tuple[str, ...]]:
    """The metrics in the order in which they are measured: what is quick or looked at first comes first."""
    ordered = [tuple(name for name in group if name in metrics) for group in _FIRST]
    rest = tuple(name for name in metrics if not any(name in group for group in _FIRST))
    return [group for group in (*ordered, rest) if group]
