"""Renderings made for a page: computed once, measured, with the images that the viewer shows."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np
import streamlit as st
from cachetools import LRUCache
from numpy.typing import NDArray

from synthcomp_core.images import Image, image_sha256, png_bytes
from synthcomp_core.metrics import ErrorMap, flip_colours
from synthcomp_core.metrics.tiles import tile_means
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import ERROR_MAP, Rendering, Variant, evaluate
from synthcomp_core.variants.snapshots_of import weights_of

RenderedKey = tuple[str, ...]

_MAX_CACHED_BYTES = 512 * 2**20
_EVALUATED = 0.92  # The share of the whole after which the PNGs are written.


@dataclass(frozen=True)
class Rendered:
    """One variant of one image, ready to be shown.

    png: of the final image. flip_png: of the FLIP error map. tile_errors: mean FLIP of every tile, (rows, columns),
    taken from the map before it became colours. bit_map_png: None for a codec without a bit map. coded_png: of the
    coded image before upscaling, None if nothing was upscaled. kept_by: the run whose files these are, None if they
    were computed here.
    """

    rendering: Rendering
    row: ResultRow
    png: bytes
    flip_png: bytes
    tile_errors: NDArray[np.float64]
    bit_map_png: bytes | None = None
    coded_png: bytes | None = None
    kept_by: str | None = None

    @property
    def cached_bytes(self) -> int:
        """Roughly the memory that keeping this takes."""
        images = self.rendering.image.nbytes + (self.rendering.coded_image.nbytes if self.coded_png else 0)
        pngs = (self.png, self.flip_png, self.bit_map_png or b"", self.coded_png or b"")
        return images + sum(map(len, pngs)) + len(self.rendering.bitstream) + self.tile_errors.nbytes


class RenderedCache:
    """The most recently used renderings, up to a number of bytes; shared by all sessions, safe between threads.

    A rendering that is larger than all of the cache is not kept.
    """

    def __init__(self, max_bytes: int = _MAX_CACHED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._items: MutableMapping[RenderedKey, Rendered] = LRUCache(
            max_bytes, getsizeof=lambda rendered: rendered.cached_bytes
        )
        self._lock = threading.Lock()  # Looking up reorders the items.

    def get(self, key: RenderedKey) -> Rendered | None:
        with self._lock:
            return self._items.get(key)

    def put(self, key: RenderedKey, rendered: Rendered) -> None:
        if rendered.cached_bytes <= self._max_bytes:
            with self._lock:
                self._items[key] = rendered

    def clear(self) -> None:
        with self._lock:
            self._items.clear()


@st.cache_resource
def rendered_cache() -> RenderedCache:
    """The one cache of this server."""
    return RenderedCache()


def rendered_key(image_hash: str, variant: Variant) -> RenderedKey:
    """What a rendering depends on: the image (see ``image_sha256``), the variant, and the weights of its snapshots."""
    return (image_hash, str(variant), *weights_of(variant))


def render_for_page(
    image: Image, variant: Variant, *, dataset: str, image_name: str, on_progress: OnProgress
) -> Rendered:
    """Render and measure a variant, or take it from the cache; SynthcompError for a variant that is not available."""
    key = rendered_key(image_sha256(image), variant)
    cached = rendered_cache().get(key)
    if cached is not None:
        on_progress(1.0, "from the cache")
        return dataclasses.replace(cached, row=dataclasses.replace(cached.row, dataset=dataset, image=image_name))
    evaluation = evaluate(
        image,
        variant,
        dataset=dataset,
        image_name=image_name,
        want=(ERROR_MAP,),
        on_progress=span(on_progress, 0.0, _EVALUATED),
    )
    if evaluation.error_map is None:
        raise ValueError(f"the error map of {variant} was asked for and not made")
    on_progress(_EVALUATED, "images")
    rendered = ready_to_show(evaluation.rendering, evaluation.row, evaluation.error_map, evaluation.bit_image())
    rendered_cache().put(key, rendered)
    on_progress(1.0, "done")
    return rendered


def ready_to_show(
    rendering: Rendering,
    row: ResultRow,
    error_map: ErrorMap,
    bit_image: Image | None = None,
    *,
    kept_by: str | None = None,
) -> Rendered:
    """A rendering with its PNGs and tile errors. error_map: FLIP's, (H, W); bit_image: (H, W, 3), None without one."""
    was_upscaled = rendering.coded_image.shape != rendering.image.shape
    return Rendered(
        rendering=rendering,
        row=row,
        png=png_bytes(rendering.image),
        flip_png=png_bytes(flip_colours(error_map)),
        tile_errors=tile_means(error_map),
        bit_map_png=None if bit_image is None else png_bytes(bit_image),
        coded_png=png_bytes(rendering.coded_image) if was_upscaled else None,
        kept_by=kept_by,
    )
