"""A rate-distortion chart as a file: an interactive page that works offline, or an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.curve_styles import DASHES, REFERENCE_DASH, SYMBOLS, curve_key, curve_styles
from synthcomp_core.figures.rd_chart import RATE_TITLE, images_text, legend_label, mode_bar, rd_chart
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.curves import RDCurve
from synthcomp_core.storage import atomic_path, write_text

IMAGE_FORMATS = (".png", ".svg", ".pdf")
# matplotlib's marker for each of SYMBOLS, and its line for each dash.
_MARKERS = dict(zip(SYMBOLS, ("o", "D", "s", "^", "P", "*", "v", "h", "p", "X", "d", "H", "8", "<", ">"), strict=True))
_LINES: dict[str, str | tuple[float, tuple[float, ...]]] = dict(
    zip((*DASHES, REFERENCE_DASH), ("-", ":", (0, (9, 3)), "-.", (0, (9, 3, 2, 3)), "--"), strict=True)
)
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

    .html: interactive, with everything it needs inside. .png, .svg, .pdf: drawn by matplotlib, which draws no bands.
    SynthcompError for bands in these, and for another suffix.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        figure = rd_chart(curves, references=references, log_rate=log_rate, bands=bands)
        write_text(path, figure.to_html(include_plotlyjs=True, config=mode_bar(path.stem)))
    elif suffix in IMAGE_FORMATS and bands:
        raise SynthcompError(f"{path.name}: bands can only be drawn in .html; write that, or leave them out.")
    elif suffix in IMAGE_FORMATS:
        _write_image(path, suffix.removeprefix("."), curves, references, log_rate)
    else:
        raise SynthcompError(f"{path.name}: charts are written as .html, {', '.join(IMAGE_FORMATS)}.")


def _write_image(
    path: Path, image_format: str, curves: Sequence[RDCurve], references: Sequence[RDCurve], log_rate: bool
) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = [*curves, *references]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    styles = curve_styles(curves, references)
    for curve in shown:
        style = styles[curve_key(curve)]
        axes.plot(
            curve.mean_rates,
            curve.mean_values,
            label=legend_label(curve, shown, escape=False),
            color=style.colour,
            marker=_MARKERS[style.shape],
            markerfacecolor="none" if style.is_open else None,
            markersize=5,
            linestyle=_LINES[style.dash],
        )
    if log_rate:
        axes.set_xscale("log")
    axes.set_xlabel(RATE_TITLE)
    if shown:
        axes.set_ylabel(shown[0].axis_label.replace("$", r"\$"))
        axes.set_title(
            f"{METRICS[shown[0].metric].label} over rate: {images_text(shown)}".replace("$", r"\$"), fontsize=10
        )
        axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    with rc_context({"pdf.fonttype": 42}), atomic_path(path) as temporary:  # TrueType: publishers refuse Type 3.
        figure.savefig(temporary, format=image_format, dpi=_DPI)
