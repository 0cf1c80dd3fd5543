"""The trail: every variant rendered of an image in this session, as a chart to click, a table and a CSV.

The curves of the classical codecs are filled in while the server has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd
import streamlit as st

from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.figures.trail_chart import trail_chart
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.columns import measured_columns
from synthcomp_core.results.rows import ResultRow, rows_to_csv
from synthcomp_core.ui import query
from synthcomp_core.ui.live.sides import Side
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.named_choice import pick_one
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_picker import want_variant
from synthcomp_core.ui.work_queue import Job, JobState, server_queue, session_id
from synthcomp_core.variants import Variant, evaluate
from synthcomp_core.variants.names import variant_name

Rows = tuple[ResultRow, ...]
CURVE_VARIANTS = tuple(
    f"{family}-q{quality}" for quality in (50, 15, 85, 30, 70) for family in ("jpeg", "webp", "avif")
)
_METRICS = ("ssimulacra2", "psnr_rgb", "flip", "msssim_rgb", "ssim_rgb", "psnr_y")
_POLL_S = 2.0
_LATER_S = 1.5  # So long the chart of a page that has just been opened lets the images go first.
_MAX_IMAGES = 50


@dataclass(frozen=True)
class TrailState:
    """What the session has rendered. rows: by image and variant. curves: by image. job: that fills in the curves.

    was_open: whether the page has been drawn before.
    """

    rows: Mapping[str, Mapping[str, ResultRow]] = field(default_factory=dict)
    curves: Mapping[str, Rows] = field(default_factory=dict)
    job: Job[Rows] | None = None
    clicked: str = ""
    was_open: bool = False


def note_trail(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Remember what the sides show, once it is measured."""
    state = load_state(TrailState)
    own = dict(state.rows.get(picked.sha256, {}))
    for side in sides.values():
        if side.rendered is not None and side.rendered.is_complete:
            row = side.rendered.row
            own.setdefault(str(side.rendered.rendering.settled), replace(row, variant=_settled_id(side)))
    kept = {**{image: rows for image, rows in state.rows.items() if image != picked.sha256}, picked.sha256: own}
    store_state(replace(state, rows=dict(list(kept.items())[-_MAX_IMAGES:])))


def show_trail(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Draw the controls of the chart, and the chart with its export once a rendering is measured.

    The controls are always there: what they are bound to would leave the address and come back, each time as a step of
    the browser's history.
    """
    note_trail(picked, sides)
    state = load_state(TrailState)
    store_state(replace(state, was_open=True))
    at_metric, at_click, at_curves = st.columns([3, 3, 4], gap="medium", vertical_alignment="bottom")
    with at_metric:
        metric = pick_one(
            "Trail: rate against",
            _METRICS,
            key="trail_metric",
            name_of=lambda name: METRICS[name].heading,
            what="the metric of the trail",
        )
    target = str(
        at_click.segmented_control(
            "A click on a point sets",
            ["A", "B"],
            default="A",
            required=True,
            key="trail_click",
            persist_state="session",
        )
    )
    query.check_switch("trail_curves", what="the classical curves")
    with_curves = at_curves.toggle(
        "Classical curves",
        value=True,
        key="trail_curves",
        bind="query-params",
        help="JPEG, WebP and AVIF at five qualities each, computed while the server has nothing else to do.",
    )
    if not state.rows.get(picked.sha256):
        st.caption("The chart appears once a rendering of this image has been measured.")
        return
    if not state.was_open:
        _draw_later()
        return
    filling = _fill_curves(picked) if with_curves and all(side.is_settled for side in sides.values()) else False
    st.fragment(_draw, run_every=_POLL_S if filling else None)(picked, sides, metric, target, with_curves, filling)


def _draw_later() -> None:
    """Draw the page once more in a moment: a browser that loads plotly does nothing else for a second or more."""
    calls: list[None] = []

    def draw() -> None:
        if calls:
            st.rerun(scope="app")
        calls.append(None)

    st.fragment(draw, run_every=_LATER_S)()


def _draw(
    picked: PickedImage, sides: Mapping[str, Side], metric: str, target: str, with_curves: bool, filling: bool
) -> None:
    if filling and not _fill_curves(picked):
        st.rerun(scope="app")
    state = load_state(TrailState)
    rows = state.rows.get(picked.sha256, {})
    points = {variant_name(Variant.parse(variant)): row for variant, row in rows.items()}
    marks: dict[str, str] = {}
    for name, side in sides.items():
        if side.rendered is not None and side.is_current:
            marks[_settled_id(side)] = marks.get(_settled_id(side), "") + name
    curves = state.curves.get(picked.sha256, ()) if with_curves else ()
    chart = trail_chart(points, curves, metric, marks=marks)
    clicked = st.plotly_chart(
        chart,
        key="trail_chart",
        on_select="rerun",
        selection_mode="points",
        config=mode_bar("trail"),
        alt=chart_alt(chart, title="trail of this image"),
    )
    _take_click(clicked.selection.points if clicked else [], target)
    shown = [*rows.values(), *(row for row in curves if row.variant not in rows)]
    with st.expander(f"Table of the trail ({len(shown)})"):
        columns = {plain(column.heading): [column.text(row) for row in shown] for column in measured_columns(shown)}
        st.table(pd.DataFrame(columns, index=[plain(variant_name(Variant.parse(row.variant))) for row in shown]))
        st.download_button(
            "Trail as CSV",
            rows_to_csv(shown),
            "trail.csv",
            "text/csv",
            key="trail_csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _take_click(points: list[dict[str, object]], target: str) -> None:
    """Move a side to the point that was clicked; once, since Streamlit keeps a selection until there is another.

    Only the click moves it: another target is for the next one.
    """
    state = load_state(TrailState)
    variants = [str(point["customdata"]) for point in points if "customdata" in point]
    chosen = variants[0] if variants else ""
    if chosen == state.clicked:
        return
    store_state(replace(state, clicked=chosen))
    if chosen:
        want_variant(target.lower(), Variant.parse(chosen))
        st.rerun(scope="app")


def _fill_curves(picked: PickedImage) -> bool:
    """Take over what the curves' job has published, and start or take it up where that is due; whether it goes on."""
    state = load_state(TrailState)
    name = ("curves", picked.sha256)
    job = state.job if state.job is not None and state.job.name == name else None
    if job is None and len(state.curves.get(picked.sha256, ())) < len(CURVE_VARIANTS):
        job = server_queue().submit(session_id(), "live-curves", name, _curves_work(picked), is_idle=True)
    if job is None:
        return False
    status = job.status()
    if status.state == JobState.DROPPED:
        job = server_queue().take_up(job)
    curves = {**state.curves, **({picked.sha256: status.latest} if status.latest else {})}
    store_state(replace(state, job=job, curves=dict(list(curves.items())[-_MAX_IMAGES:])))
    return not job.status().is_over


def _curves_work(picked: PickedImage) -> Callable[[OnProgress, Callable[[Rows], None]], None]:
    rows: list[ResultRow] = []

    def work(on_progress: OnProgress, publish: Callable[[Rows], None]) -> None:
        for number, text in list(enumerate(CURVE_VARIANTS))[len(rows) :]:
            share = span(on_progress, number / len(CURVE_VARIANTS), (number + 1) / len(CURVE_VARIANTS))
            evaluation = evaluate(
                picked.image,
                Variant(text),
                dataset=picked.dataset,
                image_name=picked.name,
                metrics=_METRICS,
                on_progress=share,
            )
            rows.append(evaluation.row)
            publish(tuple(rows))

    return work


def _settled_id(side: Side) -> str:
    return "" if side.rendered is None else str(side.rendered.rendering.settled)
