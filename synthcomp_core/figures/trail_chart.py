"""The chart of a trail: what has been rendered of one image, as rate against a metric, with the classical curves."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.figures.palette import codec_colour
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.rows import ResultRow

if TYPE_CHECKING:
    import plotly.graph_objects as go


def trail_chart(
    points: Mapping[str, ResultRow], curves: Sequence[ResultRow], metric: str, *, marks: Mapping[str, str]
) -> go.Figure:
    """Rate in bits per pixel of the reference against ``metric``.

    points: the rows rendered, by the name to show; customdata holds their variants' ids. curves: rows of classical
    codecs, joined to one line per family. marks: by variant id, a letter to write beside its point. Identical images,
    whose PSNR is infinite, and unmeasured ones are left out.
    """
    import plotly.graph_objects as go

    info = METRICS[metric]
    figure = go.Figure()
    for family in dict.fromkeys(CodecId.family_of(row.variant) for row in curves):
        own = [row for row in curves if CodecId.family_of(row.variant) == family and _is_drawn(row, metric)]
        own.sort(key=lambda row: row.bpp or 0.0)
        figure.add_scatter(
            name=html.escape(FAMILIES[family].label if family in FAMILIES else family),
            legendgroup=family,
            mode="lines",
            x=[row.bpp for row in own],
            y=[getattr(row, metric) for row in own],
            line={"color": codec_colour(family), "width": 1.5, "dash": "dot"},
            hoverinfo="skip",
        )
    for name, row in points.items():
        if _is_drawn(row, metric):
            mark = marks.get(row.variant, "")
            figure.add_scatter(
                name=html.escape(name),
                mode="markers+text" if mark else "markers",
                x=[row.bpp],
                y=[getattr(row, metric)],
                text=[f"<b>{html.escape(mark)}</b>"],
                textposition="top center",
                customdata=np.array([row.variant]),
                marker={
                    "color": codec_colour(CodecId.family_of(row.variant)),
                    "size": 13 if mark else 9,
                    "symbol": "circle" if row.scale is None else "diamond",
                },
                hovertemplate=f"%{{x:.3f}} bpp, %{{y:.{info.decimals}f}}<extra>{html.escape(name)}</extra>",
                showlegend=False,
            )
    better = "higher" if info.higher_is_better else "lower"
    figure.update_layout(
        xaxis_title="rate [bpp]",
        yaxis_title=f"{info.heading} ({better} is better)",
        yaxis_autorange=None if info.higher_is_better else "reversed",
        height=360,
        margin={"l": 60, "r": 10, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def _is_drawn(row: ResultRow, metric: str) -> bool:
    value = getattr(row, metric)
    return row.bpp is not None and value is not None and value != float("inf")
