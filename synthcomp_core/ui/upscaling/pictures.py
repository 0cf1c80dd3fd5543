"""The viewer of the Upscaling page: the native image against every method or mode, each made once and kept."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.paper.drawing import Crop
from synthcomp_core.images import Image, png_bytes
from synthcomp_core.metrics import METRICS, psnr
from synthcomp_core.ui.bytes_cache import BytesCache
from synthcomp_core.ui.upscaling.choice import UpscalingChoice
from synthcomp_core.ui.viewer import (
    MAX_PICTURES,
    FooterSide,
    Picture,
    ViewerFooter,
    ViewState,
    show_viewer,
)
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, crops_taken, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.share import show_share_button
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers.fsr_benchmark import method_label, upscaled
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshots_of import weights_of

_MAX_CACHED_BYTES = 384 * 2**20
_MOST = MAX_PICTURES - 1  # The native image is one, too.
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


@dataclass(frozen=True)
class OwnPictures:
    """What this session shows, by key, also where the server's cache has let it go; and what could not be made, until
    somebody asks for it again.
    """

    pictures: Mapping[Hashable, UpscaledPicture] = field(default_factory=dict)


@st.cache_resource
def picture_cache() -> BytesCache[UpscaledPicture]:
    """The one cache of this server."""
    return BytesCache(_MAX_CACHED_BYTES, lambda picture: len(picture.png) + 1)


def kept_picture(key: Hashable) -> UpscaledPicture | None:
    """What was made under this key, or why it could not be made in this session; None for neither."""
    own = load_state(OwnPictures).pictures
    found = picture_cache().get(key) or own.get(key)
    if found is not None and key not in own:
        store_state(OwnPictures({**own, key: found}))
    return found


def keep_picture(key: Hashable, picture: UpscaledPicture) -> None:
    """Keep what was made for everybody, and a failure, whose cause may pass, only for this session."""
    if picture.error is None:
        picture_cache().put(key, picture)
    store_state(OwnPictures({**load_state(OwnPictures).pictures, key: picture}))


def drop_others(keys: Collection[Hashable]) -> None:
    """Leave it to the server's cache to keep what this session shows no longer."""
    own = load_state(OwnPictures).pictures
    store_state(OwnPictures({key: picture for key, picture in own.items() if key in keys or picture.error is not None}))


def show_failures(errors: Sequence[str], *, key: str) -> None:
    """Draw each error, and the button to try again; nothing without errors. key: of the viewer."""
    for error in errors:
        st.error(plain(error))
    if errors:
        st.button("Try again", key=f"{key}_again", icon=":material/refresh:", on_click=_forget_failures)


def _forget_failures() -> None:
    own = load_state(OwnPictures).pictures
    store_state(OwnPictures({key: picture for key, picture in own.items() if picture.error is None}))


def show_pictures(picked: PickedImage, choice: UpscalingChoice) -> tuple[str, float] | None:
    """Draw the viewer with the images that are there; (upscaler id, scale) of the first one still to be computed."""
    keys = {pair: _key(picked, *pair) for pair in choice.pictures[:_MOST]}
    drop_others(keys.values())
    found = {pair: kept_picture(key) for pair, key in keys.items()}
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
    if left_out := [method_label(*pair) for pair in choice.pictures[_MOST:]]:
        names = ", ".join(left_out)
        st.caption(plain(f"The viewer holds {MAX_PICTURES} images with the native one; pick fewer to see {names}."))
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

    def draw() -> None:
        if crops_taken(key):
            st.rerun(scope="app")  # The figure panel lies outside of the fragment.
        show_viewer(
            pictures,
            key=f"{key}_viewer",
            # The other side is the viewer's to choose: the first one that is there.
            state=ViewState(left="native"),
            reports=True,  # A page that is shared opens in this view.
            crops=crops or (),
            on_crops=None if crops is None else partial(take_crops, key=key),
            footer=ViewerFooter(sides, stage, done),
        )

    st.fragment(draw)()  # What the viewer reports runs nothing else again.
    if len(pictures) > 1:
        show_share_button(pictures, (), {}, name=name, key=key, viewer=f"{key}_viewer", footer=ViewerFooter(sides))
    show_failures([entry.picture.error for entry in entries if entry.picture and entry.picture.error], key=key)


def compute_picture(picked: PickedImage, upscaler_id: str, scale: float) -> None:
    """Compute one image for the viewer; what goes wrong is kept in its place."""
    key = _key(picked, upscaler_id, scale)
    try:
        enlarged, _ = upscaled(picked.image, upscaler_id, scale)
        picture = upscaled_picture(picked.image, enlarged)
    except SynthcompError as error:
        picture = UpscaledPicture(b"", error=str(error))
    keep_picture(key, picture)


def upscaled_picture(native: Image, enlarged: Image) -> UpscaledPicture:
    """The (H, W, 3) image for the viewer, with its PSNR against the native one of the same size."""
    height, width = enlarged.shape[:2]
    return UpscaledPicture(png_bytes(enlarged, fast=True), (width, height), psnr(native, enlarged))


def show_figure_of(picked: PickedImage, choice: UpscalingChoice) -> None:
    """The panel that makes a publication figure of the images shown."""
    variants: Sequence[Variant] = [Variant("none", scale, upscaler_id) for upscaler_id, scale in choice.pictures]
    if variants:
        show_figure_panel(picked, variants, key="fsr")


def _key(picked: PickedImage, upscaler_id: str, scale: float) -> Hashable:
    """What a picture depends on: the image, the method, the scale, and the weights of a network."""
    return picked.sha256, upscaler_id, scale, weights_of(Variant("none", scale, upscaler_id))
