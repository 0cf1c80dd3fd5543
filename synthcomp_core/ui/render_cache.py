"""Renderings made for a page: computed once, measured, with the images that the viewer shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from synthcomp_core.images import Image, image_sha256, png_bytes
from synthcomp_core.library.renderings import is_files
from synthcomp_core.metrics import ErrorMap, Metrics, Reference, flip_colours
from synthcomp_core.metrics.tiles import tile_means
from synthcomp_core.progress import OnProgress
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.ui.bytes_cache import BytesCache
from synthcomp_core.variants import ERROR_MAP, Evaluation, Rendering, Variant, evaluate
from synthcomp_core.variants.snapshots_of import weights_of

RenderedKey = tuple[str, ...]


_MAX_CACHED_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Rendered:
    """One variant of one image, ready to be shown.

    The image comes first; its maps and metrics follow, so that a page can show each when it is there.

    png: of the final image. row: what is measured so far. flip_png: of the FLIP error map; None until there is one.
    tile_errors: mean FLIP of every tile, (rows, columns), taken from the map before it became colours; empty until
    then. bit_map_png: None for a codec without a bit map. coded_png: of the coded image before upscaling, None if
    nothing was upscaled. kept_by: the run whose files these are, None if they were computed here. is_complete: whether
    nothing more will come.
    """

    rendering: Rendering
    row: ResultRow
    png: bytes
    flip_png: bytes | None = None
    tile_errors: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    bit_map_png: bytes | None = None
    coded_png: bytes | None = None
    kept_by: str | None = None
    is_complete: bool = False

    @property
    def cached_bytes(self) -> int:
        """Roughly the memory that keeping this takes."""
        images = self.rendering.image.nbytes + (self.rendering.coded_image.nbytes if self.coded_png else 0)
        pngs = (self.png, self.flip_png or b"", self.bit_map_png or b"", self.coded_png or b"")
        return images + sum(map(len, pngs)) + len(self.rendering.bitstream) + self.tile_errors.nbytes


@st.cache_resource
def rendered_cache() -> BytesCache[Rendered]:
    """The one cache of this server."""
    return BytesCache(_MAX_CACHED_BYTES, lambda rendered: rendered.cached_bytes)


@st.cache_resource(max_entries=1, show_spinner=False)
def last_reference(image_hash: str, _image: Image) -> Reference:
    """The image that was rendered last, with what metrics work out of it alone: one variant follows another.

    image_hash: see ``image_sha256``. One is kept for the server, since it may take 280 MB.
    """
    return Reference(_image)


def rendered_key(image_hash: str, variant: Variant) -> RenderedKey:
    """What a rendering depends on: the image (see ``image_sha256``), the variant, and the weights of its snapshots."""
    return (image_hash, str(variant), *weights_of(variant))


def cached_rendering(image: Image, variant: Variant, *, dataset: str, image_name: str) -> Rendered | None:
    """The complete rendering if the cache has it, its row named as asked; SynthcompError for a variant that is not
    available.
    """
    cached = rendered_cache().get(rendered_key(image_sha256(image), variant))
    if cached is None:
        return None
    return dataclasses.replace(cached, row=dataclasses.replace(cached.row, dataset=dataset, image=image_name))


def render_for_page(
    image: Image,
    variant: Variant,
    *,
    dataset: str,
    image_name: str,
    on_progress: OnProgress,
    on_ready: Callable[[Rendered], None] | None = None,
) -> Rendered:
    """Render and measure a variant, or take it from the cache; SynthcompError for a variant that is not available.

    on_ready: called with what is there so far, first when there is an image; None = the caller waits for the end.
    """
    publish = on_ready or (lambda rendered: None)
    cached = cached_rendering(image, variant, dataset=dataset, image_name=image_name)
    if cached is not None:
        on_progress(1.0, "from the cache")
        publish(cached)
        return cached
    so_far: Rendered | None = None

    def extend(evaluation: Evaluation) -> None:
        nonlocal so_far
        if so_far is not None and np.array_equal(so_far.rendering.image, evaluation.rendering.image):
            so_far = _with_map(dataclasses.replace(so_far, rendering=evaluation.rendering), evaluation)
        else:
            so_far = _with_image(evaluation)
        publish(so_far)

    evaluation = evaluate(
        image,
        variant,
        dataset=dataset,
        image_name=image_name,
        want=(ERROR_MAP,),
        reference=last_reference(image_sha256(image), image),
        on_stage=None if on_ready is None else extend,
        on_progress=on_progress,
    )
    if evaluation.error_map is None:
        raise ValueError(f"the error map of {variant} was asked for and not made")
    rendered = dataclasses.replace(_with_map(so_far or _with_image(evaluation), evaluation), is_complete=True)
    if not is_files(variant.codec):  # Their files may change, which no key would tell.
        rendered_cache().put(rendered_key(image_sha256(image), variant), rendered)
    publish(rendered)
    on_progress(1.0, "done")
    return rendered


def _with_image(evaluation: Evaluation) -> Rendered:
    """The image, ready to be shown before anything is measured."""
    rendering, bit_image = evaluation.rendering, evaluation.bit_image()
    was_upscaled = rendering.coded_image.shape != rendering.image.shape
    return Rendered(
        rendering=rendering,
        row=evaluation.row,
        png=png_bytes(rendering.image, fast=True),
        bit_map_png=None if bit_image is None else png_bytes(bit_image, fast=True),
        coded_png=png_bytes(rendering.coded_image, fast=True) if was_upscaled else None,
    )


def _with_map(rendered: Rendered, evaluation: Evaluation) -> Rendered:
    """The same with the metrics measured since, and with the error map where there is a new one."""
    rendered = dataclasses.replace(rendered, row=evaluation.row)
    if evaluation.error_map is None or rendered.flip_png is not None:
        return rendered
    return dataclasses.replace(
        rendered,
        flip_png=png_bytes(flip_colours(evaluation.error_map), fast=True),
        tile_errors=tile_means(evaluation.error_map),
    )


def ready_to_show(rendering: Rendering, row: ResultRow, error_map: ErrorMap, *, kept_by: str) -> Rendered:
    """The rendering that a run has kept, measured there. error_map: FLIP's, (H, W)."""
    evaluation = Evaluation(rendering, Metrics(), row, error_map)
    return dataclasses.replace(_with_map(_with_image(evaluation), evaluation), kept_by=kept_by, is_complete=True)
