"""Pick one image: a bundled frame, a file of a data set folder, or an upload; the choice lives in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import (
    EXTENSIONS,
    Image,
    LoadedImage,
    image_sha256,
    png_bytes,
    read_image,
    thumbnail_png,
)
from synthcomp_core.library.sources import SAMPLES, image_sources, source_images, subfolders_walked
from synthcomp_core.runtime import usable_cores
from synthcomp_core.storage import last_part, project_relative
from synthcomp_core.ui import query
from synthcomp_core.ui.gallery import GalleryItem, show_drop_target, show_gallery
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

UPLOAD = "upload"
UPLOAD_TYPES = [extension.removeprefix(".") for extension in EXTENSIONS]
_THUMBNAIL_SIDE = 192
_MAX_GALLERY = 24


@dataclass(frozen=True)
class PickedImage:
    """The image picked, where it comes from, its lossless PNG for the viewer, and the digest of its pixels.

    dataset: "samples", "NAME/test", ... or "upload". path: None for an upload. choice: what links call it: its name, or
    its path where two images of the data set have one name; "" for an upload.
    """

    dataset: str
    name: str
    image: Image
    png: bytes
    path: Path | None
    sha256: str
    choice: str = ""

    @property
    def argument(self) -> str:
        """What commands call it: its path, from the project's folder if it lies there; of an upload, its name."""
        return self.name if self.path is None else project_relative(self.path)


@dataclass(frozen=True)
class ImagePickerState:
    """What the picker remembers. clicked: the thumbnail clicked since the last run, "" for none.

    name, content: of the file dropped, pasted or uploaded last. file_id: of the file uploaded last; is_uploaded:
    whether that is the one. source: picked last, on any page. images: by source, the image picked there last.
    """

    clicked: str = ""
    source: str = SAMPLES
    name: str = ""
    content: bytes = b""
    file_id: str = ""
    is_uploaded: bool = False
    images: Mapping[str, str] = field(default_factory=dict)


def sources() -> list[str]:
    """What an image can be picked from: the bundled samples, data sets and their splits, folders, an upload."""
    return [*image_sources(), UPLOAD]


def pick_image() -> PickedImage | None:
    """Draw the picker; return the image picked, or None (after one sentence) if there is none."""
    options = sources()
    source = _pick_source(options)
    if source == UPLOAD:
        return _pick_upload()
    try:
        paths = source_images(source)
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None
    show_drop_target("drop", _take_dropped)
    if not paths:
        st.error(f"There are no images in the folder of {plain(source)}; choose another source.")
        return None
    name = _pick_name(source, list(paths))
    if walked := subfolders_walked(source, list(paths.values())):
        st.caption(walked)
    _show_thumbnails(source, paths, name)
    path = paths[name]
    try:
        loaded, png, sha256 = _load_file(str(path), path.stat().st_mtime)
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None
    return _picked(source, loaded, png, sha256, path, name)


def _pick_source(options: list[str]) -> str:
    """The choice of the source; the address holds it unless it is the samples."""
    linked = query.arrived("source")
    if not query.is_set("source") and query.arrived("image"):
        linked = SAMPLES
    if linked and linked not in options:
        query.say_unavailable("source", linked, what="the image source")
        query.write("image", "")  # Here, an image of this name would be another one.
    elif linked:
        st.session_state["source_choice"] = linked
    elif load_state(ImagePickerState).clicked == UPLOAD:
        store_state(replace(load_state(ImagePickerState), clicked=""))
        st.session_state["source_choice"] = UPLOAD
    state = load_state(ImagePickerState)
    if st.session_state.get("source_choice") not in options:
        st.session_state["source_choice"] = state.source if state.source in options else SAMPLES
    source = str(st.selectbox("Image from", options, key="source_choice"))
    query.write_own("source", "" if source == SAMPLES else source)
    store_state(replace(state, source=source))
    return source


def _pick_name(source: str, names: list[str]) -> str:
    """The choice of an image of a folder; the address always holds it."""
    state = load_state(ImagePickerState)
    linked = _choice_called(query.arrived("image"), names)
    wanted = state.images.get(source, "")
    if linked and linked not in names:
        query.say_unavailable("image", linked, what="the image")
    elif linked:
        wanted = linked
    if state.clicked in names:
        wanted = state.clicked
    is_moved = wanted in (state.clicked, linked) and wanted in names
    held = st.session_state.get("image_choice")
    if is_moved or held not in names:
        st.session_state["image_choice"] = wanted if wanted in names else names[0]
    name = str(st.selectbox("Image", names, key="image_choice"))
    query.write_own("image", name)
    store_state(replace(state, clicked="", images={**state.images, source: name}))
    return name


def _choice_called(linked: str, names: list[str]) -> str:
    """The choice that a link means: tables of results have an image's name also where the choices are paths."""
    found = [] if linked in names else [name for name in names if last_part(name) == linked]
    return found[0] if len(found) == 1 else linked


def _show_thumbnails(source: str, paths: Mapping[str, Path], name: str) -> None:
    """Thumbnails to click; with many files, those whose names hold what is searched for."""
    names = list(paths)
    if len(names) > _MAX_GALLERY:
        sought = str(st.text_input("Search", key="image_search", placeholder="part of a name")).lower().strip()
        names = [item for item in names if sought in item.lower()]
        if len(names) > _MAX_GALLERY:
            place = names.index(name) if name in names else 0
            first = min(max(0, place - _MAX_GALLERY // 2), len(names) - _MAX_GALLERY)
            st.caption(f"{_MAX_GALLERY} of {len(names)} images around the one picked.")
            names = names[first : first + _MAX_GALLERY]
    show_gallery(
        [GalleryItem(item, _readable(item), png) for item, png in zip(names, _thumbnails(names, paths), strict=True)],
        label=f"Images of {source}",
        selected=name,
        key="gallery",
        # The select box is already drawn when the gallery reports; it takes the new value in the next run.
        on_pick=lambda item: store_state(replace(load_state(ImagePickerState), clicked=item)),
    )


def _take_dropped(name: str, content: bytes) -> None:
    state = load_state(ImagePickerState)
    store_state(replace(state, clicked=UPLOAD, name=name, content=content, is_uploaded=False))


def _forget_removed() -> None:
    """Let go of the upload when it is removed from its field; one that another page has forgotten stays."""
    state = load_state(ImagePickerState)
    if state.is_uploaded and st.session_state.get("uploaded") is None:
        store_state(replace(state, name="", content=b"", is_uploaded=False))


def _pick_upload() -> PickedImage | None:
    query.write_own("image", "")
    show_drop_target("drop", _take_dropped)
    uploaded = st.file_uploader(
        "Upload an image", type=UPLOAD_TYPES, key="uploaded", help="Stays on this machine; links cannot include it.",
        max_upload_size=limits.IMAGE_UPLOAD_BYTES // limits.MIB, on_change=_forget_removed,
    )  # fmt: skip
    state = load_state(ImagePickerState)
    if uploaded is not None and uploaded.file_id != state.file_id:
        state = replace(
            state, name=uploaded.name, content=uploaded.getvalue(), file_id=uploaded.file_id, is_uploaded=True
        )
        store_state(state)
    if not state.name:
        st.info("Drop an image anywhere on the page, paste one, or choose a file.")
        return None
    try:
        loaded, png, sha256 = _load_upload(last_part(state.name), state.content)
    except SynthcompError as error:
        st.error(plain(str(error)))
        return None
    return _picked(UPLOAD, loaded, png, sha256, None, "")


def _picked(dataset: str, loaded: LoadedImage, png: bytes, sha256: str, path: Path | None, choice: str) -> PickedImage:
    for note in loaded.notes:
        st.info(plain(f"{loaded.name}: {note}"))
    return PickedImage(dataset, loaded.name, loaded.image, png, path, sha256, choice)


def _readable(name: str) -> str:
    return Path(name).stem.replace("_", " ")


def _thumbnails(names: Sequence[str], paths: Mapping[str, Path]) -> list[bytes]:
    """The thumbnails of files: decoding them takes all cores, and at the first visit a second or more."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(_thumbnail_of, (paths[name] for name in names)))


def _thumbnail_of(path: Path) -> bytes:
    """The thumbnail of a file; a grey one of a file that cannot be read, so that the others are shown."""
    try:
        return _thumbnail(str(path), path.stat().st_mtime)
    except (SynthcompError, OSError):
        return thumbnail_png(np.full((9, 16, 3), 128, np.uint8), _THUMBNAIL_SIDE)


@lru_cache(maxsize=512)  # Of functools, not of Streamlit: it is called from threads.
def _thumbnail(path: str, modified: float) -> bytes:
    return thumbnail_png(read_image(Path(path)).image, _THUMBNAIL_SIDE)


# As resources, which are handed out without a copy: nobody writes into an image.
@st.cache_resource(show_spinner=False, max_entries=16)
def _load_file(path: str, modified: float) -> tuple[LoadedImage, bytes, str]:
    return _with_png(read_image(Path(path)))


@st.cache_resource(show_spinner=False, max_entries=4)
def _load_upload(name: str, content: bytes) -> tuple[LoadedImage, bytes, str]:
    return _with_png(read_image(content, name=name))


def _with_png(loaded: LoadedImage) -> tuple[LoadedImage, bytes, str]:
    return loaded, png_bytes(loaded.image, fast=True), image_sha256(loaded.image)
