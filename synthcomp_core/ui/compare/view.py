"""What the Compare page shows of its results: the viewer, the table, the ranking, the worst tiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from synthcomp_core.figures.paper.drawing import Crop
from synthcomp_core.metrics.tiles import TILE_SIDE, WorstTile, worst_of_means
from synthcomp_core.results.bundle import cell_text, table_columns
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.ui.compare.choice import complain_about_all, keep_among
from synthcomp_core.ui.compare.run import Compared, Comparison
from synthcomp_core.ui.viewer import DEFAULT_URL_PARAM, MAX_PICTURES, Picture, ViewState, show_viewer
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.metric_strip import show_metric_strip
from synthcomp_core.ui.widgets.text import plain

VIEWER_HEIGHT = 720
FIGURE_KEY = "compare"
_VIEW, _KNOWN, _PICKED = "compare_view", "compare_known_view", "compare_picked_now"
_ORIGINALS = 1  # Pictures in the viewer before the first variant.
_TILE_ZOOM = 4.0
ORIGINAL = "original"


def pick_shown(comparison: Comparison) -> list[Compared]:
    """Draw the choice of the pictures in the viewer, where there are more than it holds; give those."""
    results = comparison.results
    most = MAX_PICTURES - 1
    if len(results) <= most:
        return list(results)
    options = [str(compared.variant) for compared in results]
    complain_about_all("shown", options)
    keep_among("shown", options)
    wanted = st.multiselect(
        f"Pictures in the viewer, at most {most} (none named: the first {most})",
        options,
        default=[],
        max_selections=most,
        key="shown",
        bind="query-params",
    )
    return [compared for compared in results if str(compared.variant) in wanted] or list(results[:most])


@st.fragment
def show_pictures(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """Draw the viewer with the original and the pictures, and the link to the view.

    Pictures are called by their place, so that the pair on screen survives another λ or image. A fragment, so that a
    view come to rest, which the viewer reports, runs nothing but this, and does not stop a computation.
    """
    if st.session_state.pop(_PICKED, False):
        st.rerun(scope="app")  # The figure panel, which takes the crops, lies outside of the fragment.
    height, width = picked.image.shape[:2]
    pictures = [Picture(ORIGINAL, f"Original · {picked.name}", picked.png, width, height, f"{width}x{height}", None)]
    overlays: list[Picture] = []
    for number, compared in enumerate(shown, start=1):
        key = slot(number)
        row = compared.row
        pictures.append(Picture(key, row.variant, compared.rendered.png, width, height, _detail(row), None))
        overlays.append(Picture(f"{key}-flip", "FLIP error map", compared.rendered.flip_png, width, height, "", key))
        if compared.rendered.bit_map_png is not None:
            bits = Picture(f"{key}-bits", "Bit map", compared.rendered.bit_map_png, width, height, "", key)
            overlays.append(bits)
        if compared.coded_png is not None:
            low_height, low_width = compared.rendered.rendering.coded_image.shape[:2]
            detail = f"{low_width}x{low_height}, as coded"
            overlays.append(
                Picture(f"{key}-coded", "Coded picture", compared.coded_png, low_width, low_height, detail, key)
            )
    st.session_state[_KNOWN] = show_viewer(
        pictures,
        overlays=overlays,
        key="compare_viewer",
        height=VIEWER_HEIGHT,
        state=st.session_state.get(_VIEW),
        on_state_change=_nothing_more,
        crops=crops_on_picture(picked, FIGURE_KEY),
        on_crops=_take_crops,
    )
    with st.popover("Link to this view", icon=":material/link:"):
        st.code(current_link(known_view()), language=None, wrap_lines=True)
        st.caption("Opens this page with these picks and this view." if picked.path else "An upload does not travel.")


def _nothing_more() -> None:
    """The fragment's rerun takes the view over; there is nothing else to do when it changes."""


def _take_crops(crops: Sequence[Crop]) -> None:
    take_crops(crops, FIGURE_KEY)
    st.session_state[_PICKED] = True


def known_view() -> ViewState:
    """The view in which the viewer came to rest last."""
    view: ViewState = st.session_state.get(_KNOWN) or ViewState()
    return view


def current_link(view: ViewState) -> str:
    """The page's address with its picks and a view; from the question mark on where the address is not known."""
    pairs = [(key, value) for key in st.query_params for value in st.query_params.get_all(key)]
    pairs = [(key, value) for key, value in pairs if key != DEFAULT_URL_PARAM]
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode([*pairs, (DEFAULT_URL_PARAM, str(view))])}"


def slot(number: int) -> str:
    """The viewer's key of the picture at a place, counted from 1."""
    return f"p{number}"


def show_numbers(shown: Sequence[Compared], others: Sequence[Compared]) -> None:
    """The metric table of everything compared, numbered as in the viewer, and the ranking per metric."""
    everything = [*shown, *others]
    numbers = [str(number + _ORIGINALS) for number in range(1, len(shown) + 1)] + ["–"] * len(others)
    show_metric_strip([(number, compared.row) for number, compared in zip(numbers, everything, strict=True)])
    for compared in everything:
        if compared.note is not None:
            st.caption(plain(compared.note))
        if compared.kept_by is not None:
            st.caption(f"{plain(str(compared.variant))} was taken from the run {plain(compared.kept_by)}.")
    if len(everything) > 1:
        st.subheader("Ranking", anchor=False)
        ranked = ranking([compared.row for compared in everything])
        st.table(
            pd.DataFrame(
                {plain(heading): [plain(text) for text in texts] for heading, texts in ranked},
                index=[str(place) for place in range(1, len(everything) + 1)],
            )
        )


def ranking(rows: Sequence[ResultRow]) -> list[tuple[str, list[str]]]:
    """Per column of the table its heading and the variants with their values, best first; what lacks it comes last."""
    ranked = []
    for column in table_columns(rows):
        sign = -1.0 if column.higher_is_better else 1.0
        values = [(column.value(row), row.variant) for row in rows]
        measured = sorted(
            ((value, variant) for value, variant in values if value is not None), key=lambda pair: sign * pair[0]
        )
        texts = [f"{variant}: {cell_text(value, column.decimals)}" for value, variant in measured]
        texts += [f"{variant}: {cell_text(None, 0)}" for value, variant in values if value is None]
        ranked.append((column.heading, texts))
    return ranked


def find_worst(picked: PickedImage, shown: Sequence[Compared]) -> list[WorstTile]:
    """The tiles in which the pictures shown differ most from the original by FLIP, worst first."""
    if not shown:
        return []
    return worst_of_means([compared.tile_errors for compared in shown], picked.image.shape[:2])


def show_worst_tiles(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """A button for each of the worst tiles; a click moves the viewer there."""
    tiles = find_worst(picked, shown)
    if not tiles:
        return
    st.subheader("Where the pictures differ most", anchor=False)
    st.caption(
        f"The tiles of {TILE_SIDE} pixels with the highest mean FLIP in any of the pictures shown. A click jumps there."
    )
    for place, (tile, column) in enumerate(zip(tiles, st.columns(len(tiles)), strict=True), start=1):
        variant = str(shown[tile.picture].variant)
        column.button(
            f"{place}: FLIP {tile.error:.3f}",
            key=f"worst_{place}",
            help=plain(f"x {tile.x}, y {tile.y}, worst in {variant}"),
            icon=":material/my_location:",
            on_click=_jump,
            args=(tile, picked.image.shape[1], picked.image.shape[0]),
            width="stretch",
        )


def _jump(tile: WorstTile, width: int, height: int) -> None:
    view = known_view()
    x, y = tile.centre
    before = st.session_state.get(_VIEW)
    # The viewer moves when it is told something new: a hair beside the middle when it was there before.
    nudge = 2e-6 if before is not None and abs(before.x - x / width) < 1e-6 else 0.0
    mode = "swipe" if view.mode == "single" else view.mode
    st.session_state[_VIEW] = dataclasses.replace(
        view,
        mode=mode,
        left=ORIGINAL,
        right=slot(tile.picture + 1),
        zoom=max(view.zoom, _TILE_ZOOM),
        x=min(x / width + nudge, 1.0),
        y=y / height,
    )


def _detail(row: ResultRow) -> str:
    parts = [] if row.bpp is None else [f"{row.bpp:.3f} bpp"]
    if row.psnr_rgb is not None:
        parts.append("identical" if row.psnr_rgb == float("inf") else f"{row.psnr_rgb:.2f} dB")
    return ", ".join(parts)
