"""The benchmark of the Upscaling page, of an image or of samples: in the server's queue, row by row, and its charts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.fsr_chart import mode_points, sharpness_chart
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.metrics import METRICS, Reference
from synthcomp_core.progress import OnProgress, plural, span
from synthcomp_core.results.fsr_tables import fsr_csv, fsr_markdown, mean_columns, row_columns
from synthcomp_core.results.text_tables import TableColumn
from synthcomp_core.ui import query
from synthcomp_core.ui.upscaling.choice import UpscalingChoice
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import Job, JobState, JobStatus, server_queue, session_id
from synthcomp_core.upscalers.fsr_benchmark import (
    DEFAULT_STOPS,
    SharpnessCurve,
    evaluate_image,
    evaluate_samples,
    sharpness_curve,
)
from synthcomp_core.upscalers.fsr_samples import SampleSet
from synthcomp_core.upscalers.fsr_table import FsrMean, FsrTable
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshots_of import weights_of

_BEST = "◀"
_POLL_S = 0.5
_PLACE = "upscaling"  # In the server's queue.


@dataclass(frozen=True)
class FsrResult:
    """What has been measured so far: the table, and of an image its sharpness curve at the largest scale if wanted.

    lacks_curve: whether the curve is wanted and not there yet.
    """

    table: FsrTable
    curve: SharpnessCurve | None = None
    lacks_curve: bool = False


@dataclass(frozen=True)
class UpscalingState:
    """What the page remembers: the job of the benchmark that was begun last.

    about: what it is of, see ``_about``. methods: (upscaler id, scale) of those measured on an image. name: of the
    image or the samples. origin: of the samples, "" for an image.
    """

    job: Job[FsrResult] | None = None
    about: Hashable = None
    methods: tuple[tuple[str, float], ...] = ()
    name: str = ""
    origin: str = ""


def start_image(picked: PickedImage, choice: UpscalingChoice) -> str | None:
    """Begin the benchmark on an image; a sentence if nothing was picked that it could measure, else None."""
    if not choice.scales:
        return "Pick at least one mode."
    if not choice.metrics:
        return "Pick at least one metric."

    def measure(on_progress: OnProgress, publish: Callable[[FsrResult], None]) -> None:
        count, points = len(choice.scales) * len(choice.upscaler_ids), len(DEFAULT_STOPS) + 1
        share = count / (count + points) if choice.with_curve else 1.0
        reference = Reference(picked.image)
        table = evaluate_image(
            picked.image, picked.name, upscaler_ids=choice.upscaler_ids, scales=choice.scales, metrics=choice.metrics,
            reference=reference, on_table=lambda table: publish(FsrResult(table, lacks_curve=choice.with_curve)),
            on_progress=span(on_progress, 0.0, share),
        )  # fmt: skip
        if not choice.with_curve:
            publish(FsrResult(table))
            return
        publish(FsrResult(table, lacks_curve=True))
        curve = sharpness_curve(
            picked.image, scale=max(choice.scales), metrics=choice.metrics, reference=reference,
            on_progress=lambda fraction, _: on_progress(share + (1 - share) * fraction, "sharpness curve"),
        )  # fmt: skip
        publish(FsrResult(table, curve))

    methods = tuple((upscaler_id, scale) for scale in choice.scales for upscaler_id in choice.upscaler_ids)
    about = _about(picked, methods)
    job = server_queue().submit(session_id(), _PLACE, (about, methods, choice.metrics, choice.with_curve), measure)
    store_state(UpscalingState(job, about, methods, picked.name))
    return None


def start_samples(samples: SampleSet) -> None:
    """Begin the evaluation of samples."""

    def measure(on_progress: OnProgress, publish: Callable[[FsrResult], None]) -> None:
        table = evaluate_samples(
            samples, on_table=lambda table: publish(FsrResult(table)), on_progress=on_progress
        )  # fmt: skip
        publish(FsrResult(table))

    about = _about(samples, ())
    job = server_queue().submit(session_id(), _PLACE, about, measure)
    store_state(UpscalingState(job, about, name=samples.name, origin=samples.origin))


def _about(of: PickedImage | SampleSet, methods: Sequence[tuple[str, float]]) -> Hashable:
    """What a result depends on: the image and the weights of networks among the methods, or the samples' files."""
    if isinstance(of, SampleSet):
        return of.origin, of.versions()
    return of.sha256, of.name, tuple(weights_of(Variant("none", scale, method)) for method, scale in methods)


def show_benchmark(of: PickedImage | SampleSet | None) -> None:
    """Draw what the benchmark of an image or of samples has measured; a line for one of something else under way."""
    state = load_state(UpscalingState)
    job = state.job
    if job is None:
        return
    if of is None or state.about != _about(of, state.methods):
        if not job.status().is_over:
            _mention(state.name, job)
        elif isinstance(of, SampleSet) and of.origin == state.origin:
            st.info(plain(f"Files of {of.name} have changed since they were evaluated: evaluate the samples again."))
        return
    if job.status().state == JobState.DROPPED:  # The browser was away, and is back.
        job = server_queue().take_up(job)
        store_state(replace(state, job=job))
    status = job.status()
    if not status.is_over:
        _follow(job)
        return
    _say_how_it_ended(status)
    if status.latest is not None:
        show_table(status.latest.table)
        show_charts(status.latest)


def _mention(name: str, job: Job[FsrResult]) -> None:
    """A line that a benchmark of something else is under way, until it is over."""

    def draw() -> None:
        if job.status().is_over:
            st.rerun(scope="app")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain(f"The benchmark of {name} is not finished yet."), width="content")
            st.button("Stop", key="fsr_stop", icon=":material/stop:", on_click=job.stop)

    st.fragment(draw, run_every=_POLL_S)()


def _follow(job: Job[FsrResult]) -> None:
    """The progress of a benchmark and its growing table, drawn again and again until it is over."""

    def draw() -> None:
        status = job.status()
        if status.is_over:
            st.rerun(scope="app")
        table = None if status.latest is None else status.latest.table
        done = "" if table is None else f"{len(table.rows)} of {table.num_planned} measured; "
        st.progress(status.fraction, text=plain(done + status.text))
        st.button("Stop", key="fsr_stop", icon=":material/stop:", on_click=job.stop)
        if table is not None:
            _show_means(table)

    # In one place, which the result replaces: else the grown table would stand beside the final one for a moment.
    with st.container():
        st.fragment(draw, run_every=_POLL_S)()


def _say_how_it_ended(status: JobStatus[FsrResult]) -> None:
    """Why a benchmark failed, and how far it came, if not to its end."""
    if status.error is not None:
        st.error(plain(status.error))
    if status.state == JobState.DONE:
        return
    ended = "It ended" if status.state == JobState.FAILED else "Stopped"
    result = status.latest
    if result is None:
        st.warning(f"{ended} before anything was measured.")
    elif not result.table.is_whole:
        st.warning(
            f"{ended} after {len(result.table.rows)} of {result.table.num_planned} measurements; scales at which a "
            "method is missing are not judged."
        )
    elif result.lacks_curve:
        st.warning(f"{ended} before the sharpness curve was measured.")


def show_table(table: FsrTable) -> None:
    """The verdict, the table of means with the best of each mode marked, the rows, what failed, and the exports."""
    st.markdown(plain(table.verdict()))
    _show_means(table)
    if table.num_images > 1 or table.errors:
        with st.expander("All images"):
            values = {
                column.heading: [column.value(row) for row in table.rows] for column in row_columns(table.measured)
            }
            st.dataframe(pd.DataFrame(values), hide_index=True)
    for row in table.errors:
        st.error(plain(row.error or ""))
    csv, markdown = st.columns([1, 5])
    csv.download_button(
        "CSV", fsr_csv(table), "fsr.csv", "text/csv", on_click="ignore", icon=":material/download:", key="fsr_csv"
    )
    markdown.download_button(
        "Markdown", fsr_markdown(table), "fsr.md", "text/markdown", on_click="ignore", icon=":material/download:"
    )


def _show_means(table: FsrTable) -> None:
    means = table.means()
    mode, *columns = mean_columns(table.measured)
    cells = {plain(column.heading): _marked(column, means) for column in columns}
    st.table(pd.DataFrame(cells, index=pd.Index([mode.text(mean) for mean in means], name=mode.heading)))


def _marked(column: TableColumn[FsrMean], means: Sequence[FsrMean]) -> list[str]:
    """A column's cells in Markdown, the best at each scale in bold and marked."""
    best = column.best(means)
    texts = [column.text(mean) for mean in means]
    if column.decimals is None:
        texts = [plain(text) for text in texts]
    return [f"**{text}** {_BEST}" if number in best else text for number, text in enumerate(texts)]


def show_charts(result: FsrResult) -> None:
    """Points per mode and the sharpness curve, if any, for a chosen metric."""
    means = result.table.means()
    names = [name for name in result.table.measured if any(getattr(mean.metrics, name) is not None for mean in means)]
    if not names:
        return
    query.check_choice("fsr_metric", names, what="the metric")
    query.keep_among("fsr_metric", names)
    metric = str(st.selectbox("Metric of the charts", names, key="fsr_metric", bind="query-params"))
    points = mode_points(result.table, metric)
    st.plotly_chart(points, key="fsr_points", config=mode_bar("fsr-modes"), alt=chart_alt(points))
    if result.curve is not None:
        chart = sharpness_chart(result.curve, metric, result.table.source)
        st.plotly_chart(chart, key="fsr_sharpness", config=mode_bar("fsr-sharpness"), alt=chart_alt(chart))
        best = result.curve.best(metric)
        where = "without sharpening" if best.stops is None else f"at {best.stops:g} {plural(best.stops, 'stop')}"
        st.markdown(plain(f"{METRICS[metric].heading} is best {where}."))
