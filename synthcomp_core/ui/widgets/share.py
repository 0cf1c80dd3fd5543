"""The button that hands out what a viewer shows as one HTML file, to be opened anywhere, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from synthcomp_core.figures.viewer.page import share_page
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import safe_name
from synthcomp_core.ui.viewer import Picture, ViewerFooter, seen_view


def show_share_button(
    pictures: Sequence[Picture],
    overlays: Sequence[Picture],
    rows: Mapping[str, ResultRow],
    *,
    name: str,
    key: str,
    viewer: str,
    footer: ViewerFooter | None = None,
) -> None:
    """Draw the button; the file is made when it is clicked, and opens in the view that the viewer has then.

    rows: by the key of their image. name: of the image. viewer: the viewer's key; its view is known as it is reported.
    footer: the numbers in the viewer's footer, if not the rows'.
    """
    seen = seen_view(viewer)
    st.download_button(
        "Share as a page",
        lambda: share_page(
            pictures, title=f"Synthcomp: {name}", overlays=overlays, rows=rows, footer=footer, state=seen.view
        ),
        f"{safe_name(Path(name).stem)}-comparison.html",
        "text/html",
        key=f"{key}_share",
        on_click="ignore",
        icon=":material/share:",
        help="One HTML file with this viewer, the lossless images and the numbers. It opens offline in any browser.",
    )
