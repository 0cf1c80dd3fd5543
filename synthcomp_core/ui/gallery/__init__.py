"""A strip of thumbnails to click: a small Streamlit component."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class GalleryItem:
    """One thumbnail: its id, the label below it, and its PNG bytes."""

    id: str
    label: str
    png: bytes


def show_gallery(items: Sequence[GalleryItem], *, selected: str, key: str, on_pick: Callable[[str], None]) -> None:
    """Draw the strip with one item marked; a click calls ``on_pick(id)`` before the rerun it causes."""

    def picked() -> None:
        chosen = (st.session_state.get(key) or {}).get("picked")
        if chosen in {item.id for item in items}:
            on_pick(str(chosen))

    data = {
        "selected": selected,
        # A thumbnail is about 20 kB: it travels with the element rather than as a separate file.
        "items": [{"id": item.id, "label": item.label, "png": _data_url(item.png)} for item in items],
    }
    _component()(data=data, key=key, on_picked_change=picked)


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "synthcomp_gallery",
        html='<div class="strip" role="listbox" aria-label="Bundled frames"></div>',
        css=(_FOLDER / "gallery.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "gallery.js").read_text(encoding="utf-8"),
    )
