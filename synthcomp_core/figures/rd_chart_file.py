"""A rate-distortion chart as a file: an interactive page that works offline, or an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.palette import codec_colour
from synthcomp_core.figures.rd_chart import curve_label, images_text, mode_bar, rd_chart
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.curves import RDCurve
from synthcomp_core.storage import atomic_path, write_text

IMAGE_FORMATS = (".png", ".svg", ".pdf")
_MARKERS = "oDs^P*vh"
_DPI = 200  # Of a PNG.


def write_rd_chart(
    path: Path,
    curves: Sequence[RDCurve],
    *,
    references: Sequence[RDCurve] = (),
    log_rate: bool = False,
    bands: bool = False,
) -> None:
    """Write the chart of :func:`synthcomp_core.figures.rd_chart.rd_chart` in the format the suffix names.

    .html: interactive, with everything it needs inside. .png, .svg, .pdf: drawn by matplotlib, without bands.
    SynthcompError for another suffix.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        figure = rd_chart(curves, references=references, log_rate=log_rate, bands=bands)
        write_text(path, figure.to_html(include_plotlyjs=True, config=mode_bar(path.stem)))
    elif suffix in IMAGE_FORMATS:
        _write_image(path, suffix.removeprefix("."), curves, references, log_rate)
    else:
        raise SynthcompError(f"{path.name}: charts are written as .html, {', '.join(IMAGE_FORMATS)}.")


def _write_image(
    path: Path, image_format: str, curves: Sequence[RDCurve], references: Sequence[RDCurve], log_rate: bool
) -> None:
    from matplotlib.figure import Figure

    shown = [*curves, *references]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, curve in enumerate(shown):
        axes.plot(
            curve.mean_rates,
            curve.mean_values,
            label=curve_label(curve, shown, escape=False),
            color=codec_colour(curve.codec),
            marker=_MARKERS[number % len(_MARKERS)],
            markerfacecolor="none" if curve.scale is not None else None,
            markersize=5,
            linestyle="--" if any(curve is reference for reference in references) else "-",
        )
    if log_rate:
        axes.set_xscale("log")
    axes.set_xlabel("Rate [bit per pixel]")
    if shown:
        axes.set_ylabel(shown[0].axis_label.replace("$", r"\$"))
        axes.set_title(
            f"{METRICS[shown[0].metric].label} over rate: {images_text(shown)}".replace("$", r"\$"), fontsize=10
        )
        axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=image_format, dpi=_DPI)
