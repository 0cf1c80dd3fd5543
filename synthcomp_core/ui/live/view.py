"""How the Live page shows its sides: the viewer first, then the numbers, filled in as they come."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from synthcomp_core.ui.live.side import side_pictures
from synthcomp_core.ui.live.sides import (
    Side,
    allow,
    has_size,
    is_asked_for,
    is_working,
    look_at_sides,
    match_status,
    start_match,
    stop_everything,
    take_match,
    try_again,
)
from synthcomp_core.ui.viewer import FooterSide, Picture, ViewerFooter, main_metric, show_viewer
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, crops_taken, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.metric_strip import show_metric_strip
from synthcomp_core.ui.widgets.share import show_share_button
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import JobStatus
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import variant_name

_POLL_S = 0.25
FIGURE_KEY, VIEWER_KEY = "live", "live_viewer"
MATCH_HELP = "Find the highest quality that does not exceed the other side's size, if that is known."


def show_match_button(picked: PickedImage, name: str, variant: Variant) -> None:
    """Draw the button that brings a side to the other's size, where its codec has a quality to search."""
    (other,) = {"A", "B"} - {name}
    if variant.codec_id.searchable:
        st.button(
            f"Match {name}'s bytes to {other}",
            key=f"match_{name}",
            icon=":material/balance:",
            help=MATCH_HELP,
            on_click=start_match,
            args=(picked, name, other),
            disabled=not has_size(picked, other),
            width="stretch",
        )


def show_sides(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Draw the viewer and the numbers; while work is under way they alone are drawn again and again."""
    working = is_working(sides)

    def draw() -> None:
        now = look_at_sides()
        # The rest of the page shows what has been finished or picked, and starts what a button in here has asked for.
        if crops_taken(FIGURE_KEY) or take_match() or is_asked_for(now) or (working and not is_working(now)):
            st.rerun(scope="app")
        _draw(picked, now)

    st.fragment(draw, run_every=_POLL_S if working else None)()


def live_pictures(picked: PickedImage, sides: Mapping[str, Side]) -> tuple[list[Picture], list[Picture]]:
    """The original and what there is of the sides, and the maps over them."""
    height, width = picked.image.shape[:2]
    pictures = [Picture("original", f"Original · {picked.name}", picked.png, width, height, f"{width}x{height}", None)]
    overlays: list[Picture] = []
    for name, side in sides.items():
        if side.rendered is not None:
            picture, side_overlays = side_pictures(name, side.rendered, is_current=side.is_current)
            pictures.append(picture)
            overlays.extend(side_overlays)
    return pictures, overlays


def show_share(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Draw the button that hands out the viewer as a file, once there is something to compare."""
    rows = {name.lower(): side.rendered.row for name, side in sides.items() if side.rendered is not None}
    if rows:
        show_share_button(*live_pictures(picked, sides), rows, name=picked.name, key="live", viewer=VIEWER_KEY)


def _draw(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    pictures, overlays = live_pictures(picked, sides)
    show_viewer(
        pictures,
        overlays=overlays,
        key=VIEWER_KEY,
        crops=crops_on_picture(picked, FIGURE_KEY),
        on_crops=partial(take_crops, key=FIGURE_KEY),
        reports=True,  # A page that is shared opens in this view.
        footer=_footer(sides),
        on_stop=stop_everything,
    )
    for name, side in sides.items():
        _show_state(name, side)
    rows = [(name, side.rendered.row) for name, side in sides.items() if side.is_current and side.rendered is not None]
    if rows:
        show_metric_strip(rows)


def _footer(sides: Mapping[str, Side]) -> ViewerFooter:
    shown = tuple(
        FooterSide(
            name.lower(),
            f"{name} · {variant_name(side.rendered.rendering.settled)}",
            side.rendered.row.num_bytes,
            main_metric(side.rendered.row),
        )
        for name, side in sides.items()
        if side.rendered is not None
    )
    outdated = [name for name, side in sides.items() if not side.is_current]
    stale = f"waiting for {' and '.join(outdated)}" if outdated else ""
    under_way: list[tuple[str, JobStatus[Any]]] = [
        (f"{name}: ", side.job.status()) for name, side in sides.items() if side.job is not None
    ]
    match = match_status()
    if match is not None:
        under_way.append(("matching: ", match))
    under_way = [(prefix, status) for prefix, status in under_way if not status.is_over]
    if not under_way:
        return ViewerFooter(shown, stale=stale)
    fraction = sum(status.fraction for _, status in under_way) / len(under_way)
    stage = ", ".join(prefix + status.text for prefix, status in under_way)
    return ViewerFooter(shown, stage=stage, fraction=fraction, stale=stale)


def _show_state(name: str, side: Side) -> None:
    """Say why a side shows nothing new, with the button that changes it."""
    if side.error is not None:
        st.error(f"{name}: {plain(side.error)}")
        if side.key is not None:
            st.button("Try again", key=f"again_{name}", on_click=try_again, args=(name,), icon=":material/refresh:")
    elif side.expected_s is not None:
        st.button(
            f"Render {name} (about {side.expected_s:.0f} s)",
            key=f"allow_{name}",
            on_click=allow,
            args=(side.key,),
            icon=":material/play_arrow:",
            help="Moving a control renders that side by itself, unless that is expected to take long.",
        )
    elif side.is_stopped and not side.is_finished:
        what = f"Measure {name}" if side.is_current else f"Render {name}"
        st.button(what, key=f"again_{name}", on_click=try_again, args=(name,), icon=":material/play_arrow:")
