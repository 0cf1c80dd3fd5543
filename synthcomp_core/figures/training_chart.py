"""The curves of a training: the points of its log as a plotly figure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synthcomp_core.figures.palette import BLUE, VERMILION
from synthcomp_core.figures.rd_chart import RATE_TITLE
from synthcomp_core.training.folder import LogPoint

if TYPE_CHECKING:
    import plotly.graph_objects as go

# The quantities drawn, as far as there are values, in this order: title and unit of the axis.
_AXES = {
    "loss": "Loss",
    "bpp": RATE_TITLE,
    "psnr": "PSNR [dB]",
    "distortion": "Distortion",
    "lr": "Learning rate",
    "skipped": "Skipped steps",
}
_COLOURS = {"train": BLUE, "validation": VERMILION}
MAX_POINTS = 1000  # Per curve. More cannot be distinguished on screen, and every refresh sends them again.
_ROW_PIXELS = 240


def training_chart(points: Sequence[LogPoint], *, name: str) -> go.Figure:
    """Loss, rate, PSNR, distortion, learning rate and skipped steps, each in its own axes, as far as there are values.

    Training as a line, validation with markers; of more than MAX_POINTS points every n-th is drawn.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    shown = [quantity for quantity in _AXES if any(point.name == quantity for point in points)]
    rows = max(1, (len(shown) + 1) // 2)
    figure = make_subplots(rows=rows, cols=2, shared_xaxes=True, vertical_spacing=0.35 / (rows + 1))
    drawn: set[str] = set()  # Phases that are in the legend.
    for number, quantity in enumerate(shown):
        row, column = number // 2 + 1, number % 2 + 1
        for phase, colour in _COLOURS.items():
            series = _thinned([point for point in points if (point.name, point.phase) == (quantity, phase)])
            if not series:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[point.step for point in series],
                    y=[point.value for point in series],
                    mode="lines" if phase == "train" else "lines+markers",
                    line={"color": colour, "width": 1.5},
                    name=phase,
                    legendgroup=phase,
                    showlegend=phase not in drawn,
                    hovertemplate=f"step %{{x}}<br>{quantity} %{{y:.5g}}<extra>{phase}</extra>",
                ),
                row=row,
                col=column,
            )
            drawn.add(phase)
        figure.update_yaxes(title_text=_AXES[quantity], row=row, col=column)
        figure.update_xaxes(title_text="Step", rangemode="tozero", showticklabels=True, row=row, col=column)
        if quantity == "lr":
            figure.update_yaxes(type="log", row=row, col=column)
    figure.update_layout(
        title={"text": html.escape(name, quote=False)},
        template="plotly_white",
        height=_ROW_PIXELS * rows + 100,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        margin={"t": 70, "b": 40},
        uirevision=name,  # A refresh keeps the zoom.
    )
    return figure


def _thinned(series: list[LogPoint]) -> list[LogPoint]:
    if len(series) <= MAX_POINTS:
        return series
    stride = -(-len(series) // MAX_POINTS)
    return [*series[:-1:stride], series[-1]]
