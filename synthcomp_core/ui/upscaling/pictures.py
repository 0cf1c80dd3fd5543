"""The viewer of the Upscaling page: the native image against every method or mode, each made once and kept."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, MutableMapping, Sequence
from dataclasses import dataclass

import streamlit as st
from cachetools import LRUCache

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import Crop
from synthcomp_core.images import Image, image_sha256, png_bytes
from synthcomp_core.metrics import METRICS, psnr
from synthcomp_core.ui.upscaling.choice import UpscalingChoice
from synthcomp_core.ui.viewer import (
    MAX_PICTURES,
    FooterSide,
    Picture,
    ViewerFooter,
    ViewState,
    show_viewer,
)
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.share import show_share_button
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers.fsr_benchmark import method_label, upscaled
from synthcomp_core.variants import Variant

_MAX_CACHED_BYTES = 384 * 2**20
_PSNR = METRICS["psnr_rgb"]


@dataclass(frozen=True)
class UpscaledPicture:
    """An image brought back to its size: its PNG, (width, height) and PSNR against native; or why there is none."""

    png: bytes
    size: tuple[int, int] = (0, 0)
    psnr: float = math.inf
    error: str | None = None

    @property
    def metric(self) -> str:
        """The PSNR for people."""
        return f"{_PSNR.label}: identical" if self.psnr == math.inf else f"{_PSNR.label} {self.psnr:.2f} {_PSNR.unit}"


@dataclass(frozen=True)
class Entry:
    """One place in the viewer beside the native image. picture: None until it is made."""

    key: str
    label: str
    picture: UpscaledPicture | None


class PictureCache:
    """The most recently used images, up to a number of bytes; shared by all sessions, safe between threads."""

    def __init__(self, max_bytes: int = _MAX_CACHED_BYTES) -> None:
        self._items: MutableMapping[Hashable, UpscaledPicture] = LRUCache(
            max_bytes, getsizeof=lambda picture: len(picture.png) + 1
        )
        self._lock = threading.Lock()  # Looking up reorders the items.

    def get(self, key: Hashable) -> UpscaledPicture | None:
        with self._lock:
            return self._items.get(key)

    def put(self, key: Hashable, picture: UpscaledPicture) -> None:
        with self._lock:
            self._items[key] = picture


@st.cache_resource
def picture_cache() -> PictureCache:
    """The one cache of this server."""
    return PictureCache()


def show_pictures(picked: PickedImage, choice: UpscalingChoice) -> tuple[str, float] | None:
    """Draw the viewer with the images that are there; (upscaler id, scale) of the first one still to be computed."""
    digest = _digest(picked)
    found = {pair: picture_cache().get((digest, *pair)) for pair in choice.pictures[: MAX_PICTURES - 1]}
    labels = {pair: f"{method_label(*pair)}, x{pair[1]:g}" for pair in found}
    missing = next((pair for pair, picture in found.items() if picture is None), None)
    height, width = picked.image.shape[:2]
    show_against_native(
        Picture("native", f"Native · {picked.name}", picked.png, width, height, f"{width}x{height}"),
        [Entry(f"{pair[0]}@x{pair[1]:g}", labels[pair], picture) for pair, picture in found.items()],
        name=picked.name,
        key="fsr",
        stage="" if missing is None else f"upscaling: {labels[missing]}",
        crops=crops_on_picture(picked, "fsr"),
    )
    return missing


def show_against_native(
    native: Picture,
    entries: Sequence[Entry],
    *,
    name: str,
    key: str,
    stage: str = "",
    crops: Sequence[Crop] | None = None,
) -> None:
    """Draw the viewer with the native image and the entries that are made, the button to share it, and what failed.

    name: of the native image. key: of the viewer. stage: what is being made. crops: on the images, for a figure; None
    where no figure is made of them.
    """
    made = [entry for entry in entries if entry.picture is not None and entry.picture.error is None]
    sides = (
        FooterSide("native", "Native"),
        *(FooterSide(entry.key, entry.label, metric=entry.picture.metric) for entry in made if entry.picture),
    )
    pictures = [
        native,
        *(
            Picture(entry.key, entry.label, entry.picture.png, native.width, native.height, entry.picture.metric)
            for entry in made
            if entry.picture
        ),
    ]
    done = sum(entry.picture is not None for entry in entries) / len(entries) if stage else None
    show_viewer(
        pictures,
        key=f"{key}_viewer",
        # The other side is the viewer's to choose: the first one that is there.
        state=ViewState(left="native"),
        crops=crops or (),
        on_crops=None if crops is None else lambda picked: take_crops(picked, key),
        footer=ViewerFooter(sides, stage, done),
    )
    if len(pictures) > 1:
        show_share_button(pictures, (), {}, name=name, key=key, footer=ViewerFooter(sides))
    for entry in entries:
        if entry.picture is not None and entry.picture.error is not None:
            st.error(plain(entry.picture.error))


def compute_picture(picked: PickedImage, upscaler_id: str, scale: float) -> None:
    """Compute one image for the viewer; what goes wrong is kept in its place."""
    try:
        enlarged, _ = upscaled(picked.image, upscaler_id, scale)
        picture = upscaled_picture(picked.image, enlarged)
    except SynthcompError as error:
        picture = UpscaledPicture(b"", error=str(error))
    picture_cache().put((_digest(picked), upscaler_id, scale), picture)


def upscaled_picture(native: Image, enlarged: Image) -> UpscaledPicture:
    """The (H, W, 3) image for the viewer, with its PSNR against the native one of the same size."""
    height, width = enlarged.shape[:2]
    return UpscaledPicture(png_bytes(enlarged, fast=True), (width, height), psnr(native, enlarged))


def show_figure_of(picked: PickedImage, choice: UpscalingChoice) -> None:
    """The panel that makes a publication figure of the images shown."""
    variants: Sequence[Variant] = [Variant("none", scale, upscaler_id) for upscaler_id, scale in choice.pictures]
    if variants:
        show_figure_panel(picked, variants, key="fsr")


@st.cache_data(show_spinner=False, max_entries=64)
def _digest_of(png: bytes, _picked: PickedImage) -> str:
    return image_sha256(_picked.image)


def _digest(picked: PickedImage) -> str:
    return _digest_of(picked.png, picked)
