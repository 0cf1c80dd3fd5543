"""Charts of the FSR benchmark: points with intervals per mode, and a metric against RCAS sharpness."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from synthcomp_core.figures import palette
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import counted, plural
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


def mode_points(table: FsrTable, metric: str) -> go.Figure:
    """A group of points per scale, one per treatment: the mean of ``metric`` over the images.

    With several images, the line through a point is the 95 % confidence of that mean.
    """
    import plotly.graph_objects as go

    means = [mean for mean in table.means() if getattr(mean.metrics, metric) is not None]
    figure = go.Figure()
    for label in dict.fromkeys(mean.treatment.label for mean in means):
        own = [mean for mean in means if mean.treatment.label == label]
        errors = [table.confidence(mean.treatment, metric) for mean in own]
        figure.add_scatter(
            name=html.escape(label),
            mode="markers",
            x=[mean.treatment.mode_label for mean in own],
            y=[getattr(mean.metrics, metric) for mean in own],
            error_y={"type": "data", "array": errors} if any(error is not None for error in errors) else None,
            offsetgroup=label,
            marker={"color": _colour(own[0].treatment), "size": 11, "symbol": _symbol(own[0].treatment)},
            hovertemplate=f"%{{x}}: %{{y:.{METRICS[metric].decimals}f}}<extra>{html.escape(label)}</extra>",
        )
    interval = ", lines: 95 % confidence of the mean" if table.num_images > 1 else ""
    better = "higher" if METRICS[metric].higher_is_better else "lower"
    figure.update_layout(
        title={
            "text": f"{METRICS[metric].heading} by mode: {html.escape(table.source)}, "
            f"{counted(table.num_images, 'image')}",
            "subtitle": {"text": f"{better} is better{interval}"},
        },
        xaxis_title="mode (scale per side)",
        yaxis_title=METRICS[metric].heading,
        scattermode="group",
        legend={"orientation": "h", "y": -0.25},
        height=460,
    )
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
            text=f"best: {best.stops:g} {plural(best.stops, 'stop')}",
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


def _symbol(treatment: Treatment) -> str:
    """A marker for a treatment whose colour another one may share."""
    return "diamond" if treatment.sharpened is False or "_s" in treatment.method else "circle"


def _colour(treatment: Treatment) -> str:
    if treatment.method == "fsr1":
        return _SHARPENED if treatment.sharpened else _UNSHARPENED
    return _COLOURS.get(treatment.method.partition("_s")[0], palette.BLACK)
