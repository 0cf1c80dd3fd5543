"""The domain gap as a chart: what it costs to code images of one kind with a model trained on another."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from synthcomp_core.figures.palette import FEWER_BITS, MORE_BITS, NEUTRAL
from synthcomp_core.results.domain_gap import DomainGap

if TYPE_CHECKING:
    import plotly.graph_objects as go


def domain_gap_chart(gap: DomainGap) -> go.Figure:
    """The BD-rates of a domain gap as a heat map, training set x data set; blue: fewer bits, orange: more."""
    import plotly.graph_objects as go

    matrix = np.array([[np.nan if value is None else value for value in row] for row in gap.rate_percent])
    largest = max((abs(value) for row in gap.rate_percent for value in row if value is not None), default=1.0) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            # plotly's stubs know no lists of names here.
            x=[html.escape(name, quote=False) for name in gap.tested_on],  # type: ignore[arg-type]
            y=[html.escape(name, quote=False) for name in gap.trained_on],  # type: ignore[arg-type]
            zmin=-largest,
            zmax=largest,
            colorscale=[(0, FEWER_BITS), (0.5, NEUTRAL), (1, MORE_BITS)],
            text=[["" if value is None else f"{value:+.1f} %" for value in row] for row in gap.rate_percent],  # type: ignore[arg-type]
            texttemplate="%{text}",
            colorbar={"title": "BD-rate [%]"},
            hovertemplate="trained on %{y}, tested on %{x}: %{z:+.2f} %<extra></extra>",
        )
    )
    figure.update_layout(
        title={"text": html.escape(f"{gap.family}: BD-rate against training on {gap.reference}", quote=False)},
        xaxis={"title": "Tested on (data set)", "type": "category"},
        yaxis={"title": "Trained on (data set)", "type": "category"},
        template="plotly_white",
    )
    return figure
