"""The viewer of the Upscaling page: the native image against every method or mode, each computed once and kept."""

from __future__ import annotations

import threading
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

import streamlit as st
from cachetools import LRUCache

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import image_sha256, png_bytes
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
_Key = tuple[str, str, float]
_PSNR = METRICS["psnr_rgb"]


@dataclass(frozen=True)
class UpscaledPicture:
    """An image brought back to its size: its PNG and its PSNR against native; or why there is none."""

    png: bytes
    psnr: float = 0.0
    error: str | None = None


class PictureCache:
    """The most recently used images, up to a number of bytes; shared by all sessions, safe between threads."""

    def __init__(self, max_bytes: int = _MAX_CACHED_BYTES) -> None:
        self._items: MutableMapping[_Key, UpscaledPicture] = LRUCache(
            max_bytes, getsizeof=lambda picture: len(picture.png) + 1
        )
        self._lock = threading.Lock()  # Looking up reorders the items.

    def get(self, key: _Key) -> UpscaledPicture | None:
        with self._lock:
            return self._items.get(key)

    def put(self, key: _Key, picture: UpscaledPicture) -> None:
        with self._lock:
            self._items[key] = picture


@st.cache_resource
def picture_cache() -> PictureCache:
    """The one cache of this server."""
    return PictureCache()


def show_pictures(picked: PickedImage, choice: UpscalingChoice) -> tuple[str, float] | None:
    """Draw the viewer with the images that are there; (upscaler id, scale) of the first one still to be computed."""
    digest = _digest(picked)
    wanted = choice.pictures[: MAX_PICTURES - 1]
    found = {pair: picture_cache().get((digest, *pair)) for pair in wanted}
    missing = [pair for pair, picture in found.items() if picture is None]
    height, width = picked.image.shape[:2]
    pictures = [Picture("native", f"Native · {picked.name}", picked.png, width, height, f"{width}x{height}")]
    sides = [FooterSide("native", "Native")]
    for (upscaler_id, scale), picture in found.items():
        if picture is None or picture.error is not None:
            continue
        key, label = f"{upscaler_id}@x{scale:g}", f"{method_label(upscaler_id, scale)}, x{scale:g}"
        value = f"{picture.psnr:.{_PSNR.decimals}f} {_PSNR.unit}"
        pictures.append(Picture(key, label, picture.png, width, height, f"{_PSNR.label} {value}"))
        sides.append(FooterSide(key, label, metric=f"{_PSNR.label} {value}"))
    stage = f"upscaling: {method_label(*missing[0])}, x{missing[0][1]:g}" if missing else ""
    show_viewer(
        pictures,
        key="fsr_viewer",
        # The other side is the viewer's to choose: the first one that is there.
        state=ViewState(left="native"),
        crops=crops_on_picture(picked, "fsr"),
        on_crops=lambda crops: take_crops(crops, "fsr"),
        footer=ViewerFooter(tuple(sides), stage, (len(wanted) - len(missing)) / len(wanted) if missing else None),
    )
    if len(pictures) > 1:
        numbers = ViewerFooter(tuple(sides))
        show_share_button(pictures, (), {}, name=picked.name, key="fsr", footer=numbers)
    for picture in found.values():
        if picture is not None and picture.error is not None:
            st.error(plain(picture.error))
    return missing[0] if missing else None


def compute_picture(picked: PickedImage, upscaler_id: str, scale: float) -> None:
    """Compute one image for the viewer; what goes wrong is kept in its place."""
    try:
        enlarged, _ = upscaled(picked.image, upscaler_id, scale)
        picture = UpscaledPicture(png_bytes(enlarged), psnr(picked.image, enlarged))
    except SynthcompError as error:
        picture = UpscaledPicture(b"", error=str(error))
    picture_cache().put((_digest(picked), upscaler_id, scale), picture)


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
