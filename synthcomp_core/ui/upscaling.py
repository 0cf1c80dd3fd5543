"""The parts of the Upscaling page: the two sources, the table, the charts, the viewer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.fsr_chart import mode_bars, scale_label, sharpness_chart
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.images import png_bytes
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import span
from synthcomp_core.ui.viewer import MAX_PICTURES, Picture, show_viewer
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage, complain_about_url
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.upscalers import FSR_MODES, list_upscalers
from synthcomp_core.upscalers.fsr_benchmark import (
    DEFAULT_METRICS,
    FsrTable,
    SharpnessCurve,
    benchmark_upscalers,
    evaluate_image,
    evaluate_samples,
    sharpness_curve,
    table_csv,
    table_markdown,
    upscaled,
)
from synthcomp_core.variants import Variant

ANY_IMAGE, SAMPLES_FOLDER = "any image", "FSR samples"
SOURCES = [ANY_IMAGE, SAMPLES_FOLDER]
_RESULT = "fsr_result"


@dataclass(frozen=True)
class FsrSettings:
    """What to compare on an image: upscaler ids, scales a side, metrics; whether to draw a sharpness curve."""

    upscaler_ids: tuple[str, ...]
    scales: tuple[float, ...]
    metrics: tuple[str, ...]
    with_curve: bool


@dataclass(frozen=True)
class FsrResult:
    """What the session shows: the table; for an image also the image and its sharpness curve at the largest scale."""

    table: FsrTable
    settings: FsrSettings | None = None
    picked: PickedImage | None = None
    curve: SharpnessCurve | None = None


def last_result() -> FsrResult | None:
    """The result that this session shows, until the next one is ready."""
    return st.session_state.get(_RESULT)


def pick_source() -> str:
    """Draw the choice between the two sources."""
    complain_about_url("fsr_source", SOURCES)
    return str(
        st.segmented_control(
            "Compare on", SOURCES, default=ANY_IMAGE, required=True, key="fsr_source", bind="query-params"
        )
    )


def pick_settings() -> tuple[FsrSettings, bool]:
    """Draw the form of source (b); the settings and whether its button was pressed."""
    available = [info.id for info in list_upscalers() if info.available and not info.id.startswith("fsr1")]
    defaults = [name for name in benchmark_upscalers() if not name.startswith("fsr1")]
    with st.form("fsr"):
        left, middle, right = st.columns([3, 3, 2], gap="medium")
        others = left.multiselect("Against FSR 1", available, default=defaults, key="fsr_against", bind="query-params")
        modes = middle.multiselect(
            "Modes", list(FSR_MODES), default=list(FSR_MODES), key="fsr_modes", bind="query-params"
        )
        stops = right.slider(
            "Sharpness [stops]", 0.0, 2.0, 0.2, 0.05, key="fsr_stops", bind="query-params",
            help="RCAS: 0 is sharpest; AMD recommends 0.2. FSR without sharpening is always compared too.",
        )  # fmt: skip
        curve = left.toggle("Sharpness curve", key="fsr_curve", bind="query-params")
        slow = middle.toggle("SSIMULACRA2 (slow)", key="fsr_ssimulacra2", bind="query-params")
        pressed = right.form_submit_button("Run the benchmark", type="primary", icon=":material/play_arrow:")
    metrics = (*DEFAULT_METRICS, *(["ssimulacra2"] if slow and "ssimulacra2" not in DEFAULT_METRICS else []))
    upscalers = ("fsr1_off", f"fsr1_s{stops:g}", *others)
    return FsrSettings(upscalers, tuple(FSR_MODES[mode] for mode in modes), metrics, curve), pressed


def run_image(picked: PickedImage, settings: FsrSettings, place: DeltaGenerator) -> str | None:
    """Evaluate source (b) with its stages shown at ``place``; a sentence when it cannot be done."""
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
    st.session_state[_RESULT] = FsrResult(table, settings, picked, curve)
    return None


def pick_samples() -> tuple[Path | bytes | None, bool]:
    """Draw source (a): a folder on this machine or a zip; what was given and whether the button was pressed."""
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
    """Evaluate source (a); a sentence when it cannot be done."""
    if source is None:
        return "Name a folder, or add a zip."
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
    st.session_state[_RESULT] = FsrResult(table)
    return None


def show_table(table: FsrTable) -> None:
    """The verdict, the table of means with the best of each mode marked, the rows, what failed, and the exports."""
    st.markdown(plain(table.verdict()))
    headings = [plain(METRICS[name].heading) for name in table.measured]
    rows = []
    for mean in table.means():
        cells = []
        for name in table.measured:
            value = getattr(mean.metrics, name)
            text = "–" if value is None else f"{value:.{METRICS[name].decimals}f}"
            cells.append(f"**{text}** ◀" if name in mean.best and value is not None else text)
        seconds = "–" if mean.upscale_s is None else f"{mean.upscale_s:.2f}"
        rows.append([scale_label(mean.treatment), plain(mean.treatment.label), *cells, seconds])
    st.table(pd.DataFrame(rows, columns=["mode", "method", *headings, "time [s]"]).set_index("mode"))
    if table.num_images > 1 or table.errors:
        with st.expander("Every image"):
            st.dataframe(_row_frame(table), hide_index=True)
    for row in table.errors:
        st.error(plain(row.error or ""))
    csv, markdown = st.columns([1, 5])
    csv.download_button(
        "CSV", table_csv(table), "fsr.csv", "text/csv", on_click="ignore", icon=":material/download:", key="fsr_csv"
    )
    markdown.download_button(
        "Markdown", table_markdown(table), "fsr.md", "text/markdown", on_click="ignore", icon=":material/download:"
    )


def show_charts(result: FsrResult) -> None:
    """Bars per mode and, where there is one, the sharpness curve, for a chosen metric."""
    names = list(result.table.measured)
    complain_about_url("fsr_metric", names)
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
    """The viewer, native and every method at a chosen mode, and the figure of the same."""
    if result.picked is None or result.settings is None:
        return
    scales = [f"{scale:g}" for scale in result.settings.scales]
    complain_about_url("fsr_view_scale", scales)
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


def _row_frame(table: FsrTable) -> pd.DataFrame:
    return pd.DataFrame(
        [
            [row.image, scale_label(row.treatment), row.treatment.label]
            + [getattr(row.metrics, name) for name in table.measured]
            + [row.error or ""]
            for row in table.rows
        ],
        columns=["image", "mode", "method", *(METRICS[name].heading for name in table.measured), "error"],
    )
