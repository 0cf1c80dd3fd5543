"""Charts of the FSR benchmark: bars per mode, and a metric against RCAS sharpness."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from synthcomp_core.figures import palette
from synthcomp_core.metrics import METRICS
from synthcomp_core.upscalers.fsr_benchmark import SharpnessCurve
from synthcomp_core.upscalers.fsr_table import FsrTable, Treatment

if TYPE_CHECKING:
    import plotly.graph_objects as go

_UNSHARPENED, _SHARPENED = palette.SKY_BLUE, palette.BLUE
# A method has the same colour in every chart.
_COLOURS = {
    "rcan": palette.VERMILION,
    "bicubic": palette.GREY,
    "lanczos": palette.GREEN,
    "bilinear": palette.PURPLE,
    "nearest": palette.YELLOW,
    "nis": "#117733",
    "gsr1": palette.ORANGE,
    "gsr1_edge": "#882255",
}


def mode_bars(table: FsrTable, metric: str) -> go.Figure:
    """A group of bars per scale, one bar per treatment: the mean of ``metric`` over the images."""
    import plotly.graph_objects as go

    means = [mean for mean in table.means() if getattr(mean.metrics, metric) is not None]
    figure = go.Figure()
    for label in dict.fromkeys(mean.treatment.label for mean in means):
        own = [mean for mean in means if mean.treatment.label == label]
        values = [getattr(mean.metrics, metric) for mean in own]
        figure.add_bar(
            name=html.escape(label),
            x=[mean.treatment.mode_label for mean in own],
            y=values,
            text=[f"{value:.3g}" for value in values],
            marker_color=_colour(own[0].treatment),
        )
    values = [getattr(mean.metrics, metric) for mean in means]
    figure.update_layout(
        title=f"{METRICS[metric].heading} by mode: {html.escape(table.source)}, {_images(table.num_images)}",
        xaxis_title="mode (scale per side)",
        yaxis_title=METRICS[metric].heading,
        barmode="group",
        height=420,
    )
    if values and min(values) > 0:
        # Bars of 30.1 and 30.4 dB look alike from zero; the axis says where it begins.
        margin = (max(values) - min(values)) or abs(values[0]) * 0.1
        figure.update_yaxes(range=[max(0.0, min(values) - margin), max(values) + 0.25 * margin])
    return figure


def sharpness_chart(curve: SharpnessCurve, metric: str, image_name: str) -> go.Figure:
    """``metric`` against RCAS sharpness in stops, EASU alone as a dashed line, the best point named."""
    import plotly.graph_objects as go

    sharpened = sorted(
        (point for point in curve.points if point.stops is not None), key=lambda point: point.stops or 0.0
    )
    figure = go.Figure(
        go.Scatter(
            x=[point.stops for point in sharpened],
            y=[getattr(point.metrics, metric) for point in sharpened],
            mode="lines+markers",
            name="FSR 1, sharpened",
            line_color=_SHARPENED,
        )
    )
    for point in curve.points:
        if point.stops is None:
            figure.add_hline(
                y=getattr(point.metrics, metric),
                line_dash="dash",
                line_color=_UNSHARPENED,
                annotation_text="not sharpened",
            )
    best = curve.best(metric)
    if best.stops is not None:
        figure.add_annotation(
            x=best.stops,
            y=getattr(best.metrics, metric),
            text=f"best: {best.stops:g} stops",
            showarrow=True,
            arrowhead=2,
        )
    figure.update_layout(
        title=f"{METRICS[metric].heading} against sharpness, x{curve.scale:g}: {html.escape(image_name)}, 1 image",
        xaxis_title="RCAS sharpness [stops; 0 = sharpest]",
        yaxis_title=METRICS[metric].heading,
        height=420,
    )
    return figure


def _images(number: int) -> str:
    return f"{number} image{'s' * (number != 1)}"


def _colour(treatment: Treatment) -> str:
    if treatment.method == "fsr1":
        return _SHARPENED if treatment.sharpened else _UNSHARPENED
    return _COLOURS.get(treatment.method.partition("_s")[0], palette.BLACK)
