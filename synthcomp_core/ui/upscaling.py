"""The parts of the Upscaling page: the two sources, the table, the charts, the viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.fsr_chart import mode_bars, sharpness_chart
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.images import png_bytes
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import span
from synthcomp_core.results.fsr_tables import fsr_csv, fsr_markdown, mean_columns, row_columns
from synthcomp_core.results.text_tables import TableColumn
from synthcomp_core.ui import query
from synthcomp_core.ui.viewer import MAX_PICTURES, Picture, show_viewer
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers import FSR_MODES, list_upscalers
from synthcomp_core.upscalers.fsr_benchmark import (
    SharpnessCurve,
    benchmark_upscalers,
    evaluate_image,
    evaluate_samples,
    sharpness_curve,
    upscaled,
)
from synthcomp_core.upscalers.fsr_table import DEFAULT_METRICS, FsrMean, FsrTable
from synthcomp_core.variants import Variant

ANY_IMAGE, SAMPLES_FOLDER = "any image", "FSR samples"
SOURCES = [ANY_IMAGE, SAMPLES_FOLDER]
_MAX_STOPS = 2.0
_BEST = "◀"


@dataclass(frozen=True)
class FsrSettings:
    """What to compare on an image: upscaler ids, scales per side, metrics; whether to draw a sharpness curve."""

    upscaler_ids: tuple[str, ...]
    scales: tuple[float, ...]
    metrics: tuple[str, ...]
    with_curve: bool


@dataclass(frozen=True)
class FsrResult:
    """The table of a benchmark; of an image also the image, and its sharpness curve at the largest scale if wanted."""

    table: FsrTable
    settings: FsrSettings | None = None
    picked: PickedImage | None = None
    curve: SharpnessCurve | None = None


@dataclass(frozen=True)
class UpscalingState:
    """What the page remembers: the result that it shows until the next one is ready."""

    result: FsrResult | None = None


def last_result() -> FsrResult | None:
    """The result to show; None before the first."""
    return load_state(UpscalingState).result


def pick_source() -> str:
    """Draw the choice between the two sources."""
    query.check_choice("fsr_source", SOURCES, what="the source")
    return str(
        st.segmented_control(
            "Compare on", SOURCES, default=ANY_IMAGE, required=True, key="fsr_source", bind="query-params"
        )
    )


def pick_settings() -> tuple[FsrSettings, bool]:
    """Draw the form for an image; the settings and whether its button was pressed."""
    available = [info.id for info in list_upscalers() if info.available and not info.id.startswith("fsr1")]
    defaults = [name for name in benchmark_upscalers() if not name.startswith("fsr1")]
    query.check_choices("fsr_against", available, what="the upscaler")
    query.check_choices("fsr_modes", list(FSR_MODES), what="the mode")
    query.check_number("fsr_stops", 0.0, _MAX_STOPS, what="the sharpness")
    query.check_switch("fsr_curve", what="the sharpness curve")
    with st.form("fsr"):
        left, middle, right = st.columns([3, 3, 2], gap="medium")
        others = left.multiselect("Against FSR 1", available, default=defaults, key="fsr_against", bind="query-params")
        modes = middle.multiselect(
            "Modes", list(FSR_MODES), default=list(FSR_MODES), key="fsr_modes", bind="query-params"
        )
        stops = right.slider(
            "Sharpness [stops]", 0.0, _MAX_STOPS, 0.2, 0.05, key="fsr_stops", bind="query-params",
            help="RCAS: 0 is the sharpest; AMD recommends 0.2. FSR without sharpening is always included.",
        )  # fmt: skip
        curve = left.toggle("Sharpness curve", key="fsr_curve", bind="query-params")
        pressed = right.form_submit_button("Run the benchmark", type="primary", icon=":material/play_arrow:")
    upscalers = ("fsr1_off", f"fsr1_s{stops:g}", *others)
    return FsrSettings(upscalers, tuple(FSR_MODES[mode] for mode in modes), DEFAULT_METRICS, curve), pressed


def run_image(picked: PickedImage, settings: FsrSettings, place: DeltaGenerator) -> str | None:
    """Run the benchmark on an image, its stages shown at ``place``; a sentence if that fails, else None."""
    if not settings.scales:
        return "Pick at least one mode."
    try:
        with place.container(), stages("Benchmark") as on_progress:
            share = 0.7 if settings.with_curve else 1.0
            table = evaluate_image(
                picked.image,
                picked.name,
                upscaler_ids=settings.upscaler_ids,
                scales=settings.scales,
                metrics=settings.metrics,
                on_progress=span(on_progress, 0.0, share),
            )
            curve = None
            if settings.with_curve:
                curve = sharpness_curve(
                    picked.image,
                    scale=max(settings.scales),
                    metrics=settings.metrics,
                    on_progress=span(on_progress, share, 1.0),
                )
    except SynthcompError as failure:
        return str(failure)
    store_state(UpscalingState(FsrResult(table, settings, picked, curve)))
    return None


def pick_samples() -> tuple[Path | bytes | None, bool]:
    """Draw the fields for samples, a folder on this machine or a zip; what was given and whether to evaluate it."""
    st.caption(
        "A folder in the thesis's layout: 1-native.png, 1-q2.png to 1-q5.png, the same with -sharpened, and optionally "
        "1-native_x2_SR.png."
    )
    left, right = st.columns(2, gap="medium")
    folder = left.text_input("Folder on this machine", key="fsr_folder", bind="query-params")
    archive = right.file_uploader("or a zip of one", type=["zip"], key="fsr_zip")
    pressed = st.button("Evaluate the samples", type="primary", icon=":material/play_arrow:")
    if archive is not None:
        return archive.getvalue(), pressed
    return (Path(folder).expanduser() if folder else None), pressed


def run_samples(source: Path | bytes | None, place: DeltaGenerator) -> str | None:
    """Evaluate samples, the stages shown at ``place``; a sentence if that fails, else None."""
    if source is None:
        return "Enter a folder, or add a zip."
    try:
        with place.container(), stages("Samples") as on_progress, tempfile.TemporaryDirectory() as scratch:
            if isinstance(source, bytes):
                path = Path(scratch) / "samples.zip"
                path.write_bytes(source)
            else:
                path = source
            table = evaluate_samples(path, on_progress=on_progress)
    except SynthcompError as failure:
        return str(failure)
    store_state(UpscalingState(FsrResult(table)))
    return None


def show_table(table: FsrTable) -> None:
    """The verdict, the table of means with the best of each mode marked, the rows, what failed, and the exports."""
    st.markdown(plain(table.verdict()))
    means = table.means()
    mode, *columns = mean_columns(table.measured)
    cells = {plain(column.heading): _marked(column, means) for column in columns}
    st.table(pd.DataFrame(cells, index=pd.Index([mode.text(mean) for mean in means], name=mode.heading)))
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


def _marked(column: TableColumn[FsrMean], means: Sequence[FsrMean]) -> list[str]:
    """A column's cells in Markdown, the best at each scale in bold and marked."""
    best = column.best(means)
    texts = [column.text(mean) for mean in means]
    if column.decimals is None:
        texts = [plain(text) for text in texts]
    return [f"**{text}** {_BEST}" if number in best else text for number, text in enumerate(texts)]


def show_charts(result: FsrResult) -> None:
    """Bars per mode and the sharpness curve, if any, for a chosen metric."""
    means = result.table.means()
    names = [name for name in result.table.measured if any(getattr(mean.metrics, name) is not None for mean in means)]
    if not names:
        return
    query.check_choice("fsr_metric", names, what="the metric")
    query.keep_among("fsr_metric", names)
    metric = str(st.selectbox("Metric of the charts", names, key="fsr_metric", bind="query-params"))
    st.plotly_chart(mode_bars(result.table, metric), key="fsr_bars", config=mode_bar("fsr-modes"))
    if result.curve is not None and result.picked is not None:
        st.plotly_chart(
            sharpness_chart(result.curve, metric, result.picked.name),
            key="fsr_sharpness",
            config=mode_bar("fsr-sharpness"),
        )
        best = result.curve.best(metric)
        where = "without sharpening" if best.stops is None else f"at {best.stops:g} stops"
        st.markdown(plain(f"{METRICS[metric].heading} is best {where}."))


def show_pictures(result: FsrResult) -> None:
    """The viewer with native and every method at a chosen mode, and the figure panel for the same images."""
    if result.picked is None or result.settings is None:
        return
    scales = [f"{scale:g}" for scale in result.settings.scales]
    query.check_choice("fsr_view_scale", scales, what="the scale in the viewer")
    query.keep_among("fsr_view_scale", scales)
    scale = float(
        str(
            st.selectbox(
                "Scale in the viewer", scales, index=len(scales) - 1, key="fsr_view_scale", bind="query-params"
            )
        )
    )
    picked = result.picked
    height, width = picked.image.shape[:2]
    pictures = [Picture("native", f"Native · {picked.name}", picked.png, width, height)]
    variants: list[Variant] = []
    at_scale = [row for row in result.table.rows if row.treatment.scale == scale]
    for upscaler_id, row in zip(result.settings.upscaler_ids, at_scale, strict=True):
        if row.error is not None:
            continue
        pictures.append(
            Picture(
                key=upscaler_id,
                label=row.treatment.label,
                png=_upscaled_png(picked.png, upscaler_id, scale, picked),
                width=width,
                height=height,
                detail=f"x{scale:g}, {row.metrics.psnr_rgb:.2f} dB",
            )
        )
        variants.append(Variant("none", scale, upscaler_id))
    show_viewer(
        pictures[:MAX_PICTURES],
        key="fsr_viewer",
        crops=crops_on_picture(picked, "fsr"),
        on_crops=lambda crops: take_crops(crops, "fsr"),
    )
    if variants:
        show_figure_panel(picked, variants, key="fsr")


@st.cache_data(show_spinner="Upscaling for the viewer", max_entries=32)
def _upscaled_png(png: bytes, upscaler_id: str, scale: float, _picked: PickedImage) -> bytes:
    enlarged, _ = upscaled(_picked.image, upscaler_id, scale)
    return png_bytes(enlarged)
