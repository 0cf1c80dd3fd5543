"""Small Streamlit components to pick an image: thumbnails to click, and the page as a place to drop or paste one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

MAX_DROPPED_BYTES = 64 * 2**20  # As much as an upload may have (.streamlit/config.toml).
_MAX_NAME_LENGTH = 200
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class GalleryItem:
    """One thumbnail: its id, the label below it, and its PNG bytes."""

    id: str
    label: str
    png: bytes


def show_gallery(
    items: Sequence[GalleryItem], *, label: str, selected: str, key: str, on_pick: Callable[[str], None]
) -> None:
    """Draw the strip with one item marked; a click calls ``on_pick(id)`` before the rerun it causes.

    label: what a screen reader calls the strip.
    """

    def picked() -> None:
        chosen = (st.session_state.get(key) or {}).get("picked")
        if chosen in {item.id for item in items}:
            on_pick(str(chosen))

    data = {
        "label": label,
        "selected": selected,
        # A thumbnail is about 20 kB: it travels with the element rather than as a separate file.
        "items": [{"id": item.id, "label": item.label, "png": _data_url(item.png)} for item in items],
    }
    _component()(data=data, key=key, on_picked_change=picked)


def show_drop_target(key: str, on_drop: Callable[[str, bytes], None]) -> None:
    """Take a file that is dropped anywhere on the page or pasted: ``on_drop(name, content)`` before a rerun.

    Draws nothing but, while a file is dragged over the page, a frame around it. A browser may send anything: what is
    not a name and bytes is ignored.
    """

    def dropped() -> None:
        file = (st.session_state.get(key) or {}).get("file")
        if not isinstance(file, dict) or not isinstance(file.get("name"), str):
            return
        try:
            content = base64.b64decode(str(file.get("content")), validate=True)
        except (binascii.Error, ValueError):
            return
        on_drop(Path(file["name"]).name[:_MAX_NAME_LENGTH] or "pasted.png", content)

    _drop_component()(data={"max_bytes": MAX_DROPPED_BYTES}, key=key, on_file_change=dropped)


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "synthcomp_gallery",
        html='<div class="strip" role="listbox" aria-label="Images"></div>',
        css=(_FOLDER / "gallery.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "gallery.js").read_text(encoding="utf-8"),
    )


@cache
def _drop_component() -> Any:
    return st.components.v2.component(
        "synthcomp_drop",
        html='<div class="drop" role="status"></div>',
        css=(_FOLDER / "drop.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "drop.js").read_text(encoding="utf-8"),
    )
