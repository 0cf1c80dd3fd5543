"""The benchmark of the Upscaling page: run on an image or on samples, its table row by row, and its charts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.fsr_chart import mode_points, sharpness_chart
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.metrics import METRICS, Reference
from synthcomp_core.results.fsr_tables import fsr_csv, fsr_markdown, mean_columns, row_columns
from synthcomp_core.results.text_tables import TableColumn
from synthcomp_core.ui import query
from synthcomp_core.ui.upscaling.choice import UpscalingChoice
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers.fsr_benchmark import SharpnessCurve, evaluate_image, evaluate_samples, sharpness_curve
from synthcomp_core.upscalers.fsr_samples import SampleSet
from synthcomp_core.upscalers.fsr_table import FsrMean, FsrRow, FsrTable

_BEST = "◀"
_REDRAW_S = 0.5  # How often the growing table is drawn.


@dataclass(frozen=True)
class FsrResult:
    """The table of a benchmark; of an image also the image, and its sharpness curve at the largest scale if wanted.

    origin: of the samples that it is of, "" for an image.
    """

    table: FsrTable
    picked: PickedImage | None = None
    curve: SharpnessCurve | None = None
    origin: str = ""


@dataclass(frozen=True)
class UpscalingState:
    """What the page remembers: the result that it shows until the next one is ready."""

    result: FsrResult | None = None


def last_result(of: PickedImage | SampleSet) -> FsrResult | None:
    """The result to show for an image or for samples; None before there is one of them."""
    result = load_state(UpscalingState).result
    if result is None:
        return None
    if isinstance(of, SampleSet):
        return result if result.origin == of.origin else None
    return result if result.picked is not None and result.picked.png == of.png else None


def run_image(picked: PickedImage, choice: UpscalingChoice, place: DeltaGenerator) -> str | None:
    """Run the benchmark on an image, its table growing at ``place``; a sentence if that fails, else None."""
    if not choice.scales:
        return "Pick at least one mode."
    if not choice.metrics:
        return "Pick at least one metric."
    with place.container():
        bar = st.progress(0.0, text="Benchmark")
        st.button("Stop", key="fsr_stop", icon=":material/stop:")
        growing = st.empty()
    rows: list[FsrRow] = []
    drawn = 0.0
    expected = len(choice.scales) * len(choice.upscaler_ids)

    def show(row: FsrRow) -> None:
        nonlocal drawn
        rows.append(row)
        bar.progress(len(rows) / expected, text=plain(f"{row.treatment.label}, {row.treatment.mode_label}"))
        # Kept at once, so that Stop keeps what was measured.
        store_state(UpscalingState(FsrResult(FsrTable(picked.name, tuple(rows), choice.metrics), picked)))
        now = time.monotonic()
        if now - drawn > _REDRAW_S or len(rows) == expected:
            drawn = now
            with growing.container():
                _show_means(FsrTable(picked.name, tuple(rows), choice.metrics))

    reference = Reference(picked.image)
    try:
        table = evaluate_image(
            picked.image, picked.name, upscaler_ids=choice.upscaler_ids, scales=choice.scales, metrics=choice.metrics,
            reference=reference, on_row=show,
        )  # fmt: skip
        curve = None
        if choice.with_curve:
            bar.progress(1.0, text="Sharpness curve")
            curve = sharpness_curve(picked.image, scale=max(choice.scales), metrics=choice.metrics, reference=reference)
    except SynthcompError as failure:
        return str(failure)
    store_state(UpscalingState(FsrResult(table, picked, curve)))
    place.empty()  # Else the grown table would stand beside the final one until the page has been drawn.
    return None


def run_samples(samples: SampleSet, place: DeltaGenerator) -> str | None:
    """Evaluate samples, the stages shown at ``place``; a sentence if that fails, else None."""
    try:
        with place.container(), stages("Samples") as on_progress:
            table = evaluate_samples(samples, on_progress=on_progress)
    except SynthcompError as failure:
        return str(failure)
    store_state(UpscalingState(FsrResult(table, origin=samples.origin)))
    return None


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
    if result.curve is not None and result.picked is not None:
        chart = sharpness_chart(result.curve, metric, result.picked.name)
        st.plotly_chart(chart, key="fsr_sharpness", config=mode_bar("fsr-sharpness"), alt=chart_alt(chart))
        best = result.curve.best(metric)
        where = "without sharpening" if best.stops is None else f"at {best.stops:g} stops"
        st.markdown(plain(f"{METRICS[metric].heading} is best {where}."))
