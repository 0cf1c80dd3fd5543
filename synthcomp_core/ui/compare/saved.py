"""Saved comparisons on the Compare page: save what the address says under a name, open it again, delete it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.library.comparisons import delete_comparison, list_comparisons, save_comparison
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain


@dataclass(frozen=True)
class SavedState:
    """failure: why the comparison last asked for could not be saved or deleted; "" if it could."""

    failure: str = ""


def show_saved(picked: PickedImage | None) -> None:
    """Draw the name to save under, and the saved comparisons to open or delete."""
    saved = list_comparisons()
    # By its key it stays open when its number changes.
    with st.expander(f"Saved comparisons ({len(saved)})", icon=":material/bookmarks:", key="saved_comparisons"):
        can_save = picked is not None and picked.path is not None
        at_name, at_button = st.columns([3, 2], vertical_alignment="bottom", gap="small")
        at_name.text_input("Name", key="comparison_name", placeholder="half-against-full", max_chars=64)
        at_button.button(
            "Save",
            key="save_comparison",
            icon=":material/save:",
            on_click=_save,
            disabled=not can_save,
            width="stretch",
        )
        if picked is not None and picked.path is None:
            st.caption("A comparison of an upload cannot be saved; put the image into a data set first.")
        if failure := load_state(SavedState).failure:
            st.error(plain(failure))
        for comparison in saved:
            at_link, at_delete = st.columns([5, 3], gap="small")
            at_link.link_button(
                plain(comparison.name), f"?{urlencode(comparison.pairs)}", icon=":material/open_in_new:",
                help="Opens in a new tab.", width="stretch",
            )  # fmt: skip
            at_delete.button(
                "Delete", key=f"delete_{comparison.name}", on_click=_delete, args=(comparison.name,),
                width="stretch",
            )  # fmt: skip


def _save() -> None:
    pairs = query.pairs()
    if not query.is_set("computed"):
        pairs.append(("computed", "1"))  # So that it opens with its images, not with a button.
    name = str(st.session_state.get("comparison_name", "")).strip()
    _carry_out(lambda: save_comparison(name, pairs))


def _delete(name: str) -> None:
    _carry_out(lambda: delete_comparison(name))


def _carry_out(change: Callable[[], object]) -> None:
    """Make a change to what is saved, or keep the sentence that says why it failed."""
    try:
        change()
        store_state(SavedState(""))
    except (SynthcompError, OSError) as error:
        store_state(SavedState(sentence_of(error)))
