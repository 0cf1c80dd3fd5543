"""Renderings made for a page: computed once, measured, with the pictures that the viewer shows."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from dataclasses import dataclass

import streamlit as st

from synthcomp_core.batch.plan import upscaler_snapshot
from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.figures.bit_map import bit_map_image
from synthcomp_core.images import Image, image_sha256, png_bytes
from synthcomp_core.library.snapshots import find_snapshot
from synthcomp_core.metrics import flip_map
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.table import ResultRow
from synthcomp_core.variants import Rendering, Variant, measure_rendering, render, result_row

_MAX_CACHED_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Rendered:
    """One variant of one image, ready to be shown: PNG bytes of the final image, the FLIP map and the bit map."""

    rendering: Rendering
    row: ResultRow
    png: bytes
    flip_png: bytes
    bit_map_png: bytes | None

    @property
    def cached_bytes(self) -> int:
        """What keeping this costs in memory, roughly."""
        held = (self.rendering.image.nbytes, len(self.png), len(self.flip_png), len(self.bit_map_png or b""))
        return sum(held) + len(self.rendering.bitstream)


class RenderedCache:
    """The most recently used renderings, up to a number of bytes; shared by all sessions, safe between threads."""

    def __init__(self, max_bytes: int = _MAX_CACHED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._items: OrderedDict[tuple[str, ...], Rendered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...]) -> Rendered | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: tuple[str, ...], rendered: Rendered) -> None:
        with self._lock:
            self._items[key] = rendered
            self._items.move_to_end(key)
            while len(self._items) > 1 and sum(item.cached_bytes for item in self._items.values()) > self._max_bytes:
                self._items.popitem(last=False)


@st.cache_resource
def rendered_cache() -> RenderedCache:
    """The one cache of this server."""
    return RenderedCache()


def rendered_key(image: Image, variant: Variant) -> tuple[str, ...]:
    """What a rendering depends on: the image's content, the variant, and the weights behind its snapshots."""
    return variant_key(image_sha256(image), variant)


def variant_key(image_hash: str, variant: Variant) -> tuple[str, ...]:
    """As :func:`rendered_key`, for an image whose ``image_sha256`` is known."""
    codec_is_learned = variant.codec.partition("-q")[0] not in FAMILIES
    weights = find_snapshot(variant.codec).sha256 if codec_is_learned else ""
    upscaler = upscaler_snapshot(variant)
    return image_hash, str(variant), weights, "" if upscaler is None else upscaler.sha256


def render_for_page(
    image: Image, variant: Variant, *, dataset: str, image_name: str, on_progress: OnProgress
) -> Rendered:
    """Render and measure a variant, or take it from the cache; SynthcompError for a variant that is not at hand."""
    key = rendered_key(image, variant)
    cached = rendered_cache().get(key)
    if cached is not None:
        on_progress(1.0, "from the cache")
        return dataclasses.replace(cached, row=dataclasses.replace(cached.row, dataset=dataset, image=image_name))
    rendering = render(image, variant, on_progress=span(on_progress, 0.0, 0.6))
    metrics = measure_rendering(image, rendering, on_progress=span(on_progress, 0.6, 0.85))
    on_progress(0.85, "error map")
    flip_png = png_bytes(flip_map(image, rendering.image))
    on_progress(0.95, "pictures")
    height, width = image.shape[:2]
    bit_map_png = None
    if rendering.bit_map is not None:
        coded_height, coded_width = rendering.coded_image.shape[:2]
        bit_map_png = png_bytes(bit_map_image(rendering.bit_map, (coded_width, coded_height), (width, height)))
    rendered = Rendered(
        rendering=rendering,
        row=result_row(rendering, metrics, dataset=dataset, image_name=image_name),
        png=png_bytes(rendering.image),
        flip_png=flip_png,
        bit_map_png=bit_map_png,
    )
    rendered_cache().put(key, rendered)
    on_progress(1.0, "done")
    return rendered
