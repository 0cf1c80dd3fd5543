"""Pick one image: a bundled frame, a file of a data set folder, or an upload; the choice lives in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, LoadedImage, list_images, png_bytes, read_image, thumbnail_png
from synthcomp_core.storage import artifacts_dir
from synthcomp_core.ui import query
from synthcomp_core.ui.gallery import GalleryItem, show_gallery
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

SAMPLES = "samples"
UPLOAD = "upload"
UPLOAD_TYPES = ["png", "jpg", "jpeg", "webp", "avif", "jxl", "jp2", "bmp", "tif", "tiff"]
_THUMBNAIL_SIDE = 192
_MAX_GALLERY = 24


@dataclass(frozen=True)
class PickedImage:
    """The image picked, where it comes from, and its lossless PNG for the viewer.

    dataset: "samples", "NAME/test", ... or "upload". path: None for an upload.
    """

    dataset: str
    name: str
    image: Image
    png: bytes
    path: Path | None


@dataclass(frozen=True)
class ImagePickerState:
    """What the picker remembers. clicked: the frame clicked in the gallery since the last run, "" for none."""

    clicked: str = ""


def sources() -> list[str]:
    """What an image can be picked from: the bundled samples, every folder of images under artifacts/data, an upload."""
    data = artifacts_dir() / "data"
    folders = (
        [path for path in sorted(data.glob("*")) + sorted(data.glob("*/*")) if path.is_dir()] if data.is_dir() else []
    )
    named = [path.relative_to(data).as_posix() for path in folders if list_images(path)]
    return [SAMPLES, *named, UPLOAD]


def pick_image() -> PickedImage | None:
    """Draw the picker; return the image picked, or None (after one sentence) if there is none."""
    options = sources()
    query.check_choice("source", options, what="the image source")
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="bottom")
    source = left.segmented_control(
        "Image from", options, default=SAMPLES, required=True, key="source", bind="query-params"
    )
    if source == UPLOAD:
        return _pick_upload()
    folder = artifacts_dir() / SAMPLES if source in (None, SAMPLES) else artifacts_dir() / "data" / str(source)
    paths = {path.name: path for path in list_images(folder)} if folder.is_dir() else {}
    if not paths:
        st.error(f"There are no images in the folder of {plain(str(source))}; choose another source.")
        return None
    names = list(paths)
    query.check_choice("image", names, what="the image")
    clicked = load_state(ImagePickerState).clicked
    store_state(ImagePickerState())
    if clicked in paths:
        st.session_state["image"] = clicked
    query.keep_among("image", names)  # Another source starts with its first image.
    name = str(right.selectbox("Image", names, key="image", bind="query-params"))
    if len(names) <= _MAX_GALLERY:
        show_gallery(
            [
                GalleryItem(item, _readable(item), _thumbnail(str(path), path.stat().st_mtime))
                for item, path in paths.items()
            ],
            selected=name,
            key="gallery",
            # The select box is already drawn when the gallery reports; it takes the new value in the next run.
            on_pick=lambda item: store_state(ImagePickerState(item)),
        )
    path = paths[name]
    try:
        loaded, png = _load_file(str(path), path.stat().st_mtime)
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None
    return _picked(str(source or SAMPLES), loaded, png, path)


def _pick_upload() -> PickedImage | None:
    uploaded = st.file_uploader(
        "Drop an image here", type=UPLOAD_TYPES, key="uploaded", help="Stays on this machine; links cannot include it."
    )
    if uploaded is None:
        st.info("Upload an image to send it through the codecs.")
        return None
    try:
        loaded, png = _load_upload(uploaded.name, uploaded.getvalue())
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None
    return _picked(UPLOAD, loaded, png, None)


def _picked(dataset: str, loaded: LoadedImage, png: bytes, path: Path | None) -> PickedImage:
    for note in loaded.notes:
        st.info(plain(f"{loaded.name}: {note}"))
    return PickedImage(dataset, loaded.name, loaded.image, png, path)


def _readable(name: str) -> str:
    return Path(name).stem.replace("_", " ")


@st.cache_data(show_spinner=False)
def _thumbnail(path: str, modified: float) -> bytes:
    return thumbnail_png(read_image(Path(path)).image, _THUMBNAIL_SIDE)


@st.cache_data(show_spinner="Reading the image", max_entries=16)
def _load_file(path: str, modified: float) -> tuple[LoadedImage, bytes]:
    loaded = read_image(Path(path))
    return loaded, png_bytes(loaded.image)


@st.cache_data(show_spinner="Reading the image", max_entries=4)
def _load_upload(name: str, content: bytes) -> tuple[LoadedImage, bytes]:
    loaded = read_image(content, name=name)
    return loaded, png_bytes(loaded.image)
