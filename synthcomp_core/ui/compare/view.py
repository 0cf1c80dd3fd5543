"""How the Compare page shows its results: the viewer, the table, the ranking, the worst tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.ranking_chart import ranking_chart
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.metrics import METRICS
from synthcomp_core.metrics.tiles import TILE_SIDE, WorstTile, worst_of_means
from synthcomp_core.results.columns import measured_columns
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.ui import query
from synthcomp_core.ui.compare.choice import ComparisonChoice
from synthcomp_core.ui.compare.run import Compared, Comparison, comparison_so_far, stop_everything
from synthcomp_core.ui.compare.state import CompareState, Computed
from synthcomp_core.ui.viewer import (
    DEFAULT_URL_PARAM,
    MAX_PICTURES,
    FooterSide,
    Picture,
    ViewerFooter,
    ViewState,
    bit_map_of,
    error_map_of,
    main_metric,
    row_detail,
    seen_view,
    show_viewer,
)
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, crops_taken, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.metric_strip import show_metric_strip
from synthcomp_core.ui.widgets.share import show_share_button
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import JobStatus
from synthcomp_core.variants.names import variant_name

_POLL_S = 0.25
FIGURE_KEY, VIEWER_KEY = "compare", "compare_viewer"
_ORIGINALS = 1  # Images in the viewer before the first variant.
MAX_SHOWN = MAX_PICTURES - _ORIGINALS
_TILE_ZOOM = 4.0
ORIGINAL = "original"


def shown_results(choice: ComparisonChoice, comparison: Comparison) -> list[Compared]:
    """The results for the viewer: those chosen with :func:`pick_shown`, or the first ones if none is or all fit in."""
    is_choice = len(_variants(choice, comparison)) > MAX_SHOWN
    wanted = (st.session_state.get("shown") or []) if is_choice else []
    chosen = [compared for compared in comparison.results if str(compared.variant) in wanted]
    return chosen or list(comparison.results[:MAX_SHOWN])


def pick_shown(choice: ComparisonChoice, comparison: Comparison) -> None:
    """Draw a choice of what is compared for the viewer if that is more than it holds, also before it is computed."""
    options = _variants(choice, comparison)
    if len(options) <= MAX_SHOWN:
        return
    linked, held = query.values("shown"), st.session_state.get("shown") or []
    if choice.lock is not None and (comparison.missing or comparison.is_working):
        # Which variant of a matched codec it will be is not known yet.
        awaited = tuple(f"{family}-" for family in choice.lock.families)
        options = list(dict.fromkeys([*options, *(name for name in [*linked, *held] if name.startswith(awaited))]))
    if not set(linked) <= set(held):  # What was chosen here may have ceased to be compared: that is no faulty link.
        query.check_choices("shown", options, what="the shown variant")
    query.keep_among("shown", options)
    st.multiselect(
        f"Images in the viewer, at most {MAX_SHOWN} (if none is chosen, the first {MAX_SHOWN})",
        options,
        max_selections=MAX_SHOWN,
        key="shown",
        bind="query-params",
    )


def forget_shown() -> None:
    """Drop the choice of images for the viewer when a link promises others and does not choose among them itself."""
    if not query.values("shown"):
        st.session_state.pop("shown", None)


def _variants(choice: ComparisonChoice, comparison: Comparison) -> list[str]:
    """All that is compared, in the order of the results: the variants chosen and those matched so far."""
    found = (compared.variant for compared in comparison.results)
    return [str(variant) for variant in dict.fromkeys([*choice.variants, *found])]


def show_comparison(picked: PickedImage, choice: ComparisonChoice, comparison: Comparison) -> None:
    """Draw the viewer with the original and the results; while work is under way, again and again.

    A fragment, so that when the viewer reports the view in which it has come to rest, only this runs again.
    """
    shown_before = _signature(comparison)

    def draw() -> None:
        if crops_taken(FIGURE_KEY):
            st.rerun(scope="app")  # The figure panel, which takes the crops, lies outside of the fragment.
        now = comparison_so_far(picked, choice) if comparison.is_working else comparison
        if _signature(now) != shown_before:
            st.rerun(scope="app")  # The numbers below show what has been finished.
        _show_pictures(picked, now, shown_results(choice, now))

    st.fragment(draw, run_every=_POLL_S if comparison.is_working else None)()


def show_progress(picked: PickedImage, choice: ComparisonChoice) -> None:
    """Draw how far the work is and Stop, without a word on what is computed; the page runs again when it is over."""

    def draw() -> None:
        now = comparison_so_far(picked, choice)
        if not now.is_working:
            st.rerun(scope="app")
        done = _num_finished(now)
        total = done + len(now.under_way)
        st.progress(_fraction(now), text=f"Computing: {done} of {total} done. The blind test continues when all are.")
        st.button("Stop", key="blind_stop", on_click=stop_everything, icon=":material/stop:")

    st.fragment(draw, run_every=_POLL_S)()


def _signature(comparison: Comparison) -> tuple[object, ...]:
    """What changes when a result is finished or nothing is under way any more."""
    done = tuple(str(compared.variant) for compared in comparison.results if compared.rendered.is_complete)
    return done, comparison.failures, comparison.is_working


def _pictures(picked: PickedImage, shown: Sequence[Compared]) -> tuple[list[Picture], list[Picture]]:
    """The original and the results, named by their place, so that the pair on screen survives another λ or image."""
    height, width = picked.image.shape[:2]
    pictures = [Picture(ORIGINAL, f"Original · {picked.name}", picked.png, width, height, f"{width}x{height}", None)]
    overlays: list[Picture] = []
    for number, compared in enumerate(shown, start=1):
        pictures.append(_picture(slot(number), compared, (width, height)))
        overlays.extend(_overlays(pictures[-1], compared))
    return pictures, overlays


def show_share(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """Draw the button that hands out the viewer as a file."""
    rows = {slot(number): compared.row for number, compared in enumerate(shown, start=1)}
    show_share_button(*_pictures(picked, shown), rows, name=picked.name, key="compare", viewer=VIEWER_KEY)


def _show_pictures(picked: PickedImage, comparison: Comparison, shown: Sequence[Compared]) -> None:
    state = load_state(CompareState)
    pictures, overlays = _pictures(picked, shown)
    view = show_viewer(
        pictures,
        overlays=overlays,
        key=VIEWER_KEY,
        state=state.view,
        jump=state.jumps,
        reports=True,
        crops=crops_on_picture(picked, FIGURE_KEY),
        on_crops=partial(take_crops, key=FIGURE_KEY),
        footer=_footer(comparison, shown),
        on_stop=stop_everything,
    )
    asked = {DEFAULT_URL_PARAM: str(view)}
    if comparison.results or comparison.under_way:
        asked["computed"] = "1"  # So that it opens with its images, not with a button.
    with st.popover("Link to this view", icon=":material/link:"):
        st.code(query.address(**asked), language=None, wrap_lines=True)
        st.caption(
            "Opens this page with these picks and this view." if picked.path else "Links cannot include an upload."
        )


def _picture(key: str, compared: Compared, size: tuple[int, int]) -> Picture:
    return Picture(key, variant_name(compared.variant), compared.rendered.png, *size, row_detail(compared.row), None)


def _overlays(picture: Picture, compared: Compared) -> list[Picture]:
    """The maps of a result, and what was coded before upscaling, over its image."""
    rendered = compared.rendered
    overlays = []
    if rendered.flip_png is not None:
        overlays.append(error_map_of(picture, rendered.flip_png))
    if rendered.bit_map_png is not None and rendered.rendering.bit_map is not None:
        largest = float(rendered.rendering.bit_map.max())
        overlays.append(bit_map_of(picture, rendered.bit_map_png, largest=largest))
    if rendered.coded_png is not None:
        height, width = rendered.rendering.coded_image.shape[:2]
        detail = f"{width}x{height}, as coded"
        key = f"{picture.key}-coded"
        overlays.append(Picture(key, "Coded image", rendered.coded_png, width, height, detail, picture.key))
    return overlays


def _footer(comparison: Comparison, shown: Sequence[Compared]) -> ViewerFooter:
    sides = tuple(
        FooterSide(slot(number), variant_name(compared.variant), compared.row.num_bytes, main_metric(compared.row))
        for number, compared in enumerate(shown, start=1)
    )
    if not comparison.under_way:
        return ViewerFooter(sides)
    running = _running(comparison)
    waiting = len(comparison.under_way) - len(running)
    stage = ", ".join(f"{name}: {status.text}" for name, status in running[:2])
    if waiting:
        stage = f"{stage}; {waiting} more in the queue" if stage else f"{waiting} in the queue"
    return ViewerFooter(sides, stage=stage, fraction=_fraction(comparison))


def _running(comparison: Comparison) -> list[tuple[str, JobStatus[Computed]]]:
    return [(name, status) for name, status in comparison.under_way if status.position == 0]


def _fraction(comparison: Comparison) -> float:
    """How much of the work is done, 0 to 1, while some is under way."""
    done = _num_finished(comparison)
    total = done + len(comparison.under_way)
    return min((done + sum(status.fraction for _, status in _running(comparison))) / total, 1.0)


def _num_finished(comparison: Comparison) -> int:
    """How many results are measured to the end; one that is not counts as under way."""
    return sum(compared.rendered.is_complete for compared in comparison.results)


def known_view() -> ViewState:
    """The view in which the viewer last came to rest."""
    return seen_view(VIEWER_KEY).view or ViewState()


def slot(number: int) -> str:
    """The viewer's key of the result at a place, counted from 1."""
    return f"p{number}"


def show_numbers(shown: Sequence[Compared], others: Sequence[Compared]) -> None:
    """The metric table of everything compared, numbered as in the viewer, and the ranking per metric."""
    everything = [*shown, *others]
    numbers = [str(number + _ORIGINALS) for number in range(1, len(shown) + 1)] + ["–"] * len(others)
    show_metric_strip([(number, compared.row) for number, compared in zip(numbers, everything, strict=True)])
    for compared in everything:
        if compared.note is not None:
            st.caption(plain(compared.note))
        if compared.rendered.kept_by is not None:
            run = plain(compared.rendered.kept_by)
            st.caption(f"{plain(str(compared.variant))} was taken from the run {run}.")
    if len(everything) > 1:
        st.subheader("Ranking", anchor=False)
        rows = [compared.row for compared in everything]
        ranked = ranking(rows)
        # One below the other: in half of the width the table would have to be scrolled.
        st.table(
            pd.DataFrame(
                {plain(heading): [plain(text) for text in texts] for heading, texts in ranked},
                index=[str(place) for place in range(1, len(everything) + 1)],
            )
        )
        chart = ranking_chart(rows, image=rows[0].image)
        st.plotly_chart(chart, key="ranking_chart", config=mode_bar("ranking"), alt=chart_alt(chart))


def ranking(rows: Sequence[ResultRow]) -> list[tuple[str, list[str]]]:
    """For each column of the table, its heading and the variants with their values: best first, unmeasured last."""
    return [
        (column.heading, [f"{row.variant}: {column.text(row)}" for row in column.ranked(rows)])
        for column in measured_columns(rows)
        if column.heading != METRICS["psnr_y"].heading  # One column less, or the table has to be scrolled.
    ]


def find_worst(picked: PickedImage, shown: Sequence[Compared]) -> list[WorstTile]:
    """The tiles in which the images shown differ most from the original by FLIP, worst first."""
    measured = [compared for compared in shown if compared.rendered.tile_errors.size]
    if not measured or len(measured) < len(shown):
        return []
    return worst_of_means([compared.rendered.tile_errors for compared in shown], picked.image.shape[:2])


def show_worst_tiles(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """A button for each of the worst tiles; a click moves the viewer there."""
    tiles = find_worst(picked, shown)
    if not tiles:
        return
    st.subheader("Where the images differ most", anchor=False)
    st.caption(
        f"The tiles of {TILE_SIDE} pixels with the highest mean FLIP in any of the images shown. Click one to go there."
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
    state = load_state(CompareState)
    before = known_view()
    x, y = tile.centre
    view = replace(
        before,
        mode="swipe" if before.mode == "single" else before.mode,
        left=ORIGINAL,
        right=slot(tile.picture + 1),
        zoom=max(before.zoom, _TILE_ZOOM),
        x=x / width,
        y=y / height,
    )
    # The same tile may be asked for again, after the viewer was moved by hand.
    store_state(replace(state, view=view, jumps=state.jumps + 1))
