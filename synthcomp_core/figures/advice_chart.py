"""What codecs make of a constraint, as a chart: quality (or bytes) against the time that encoding takes."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from synthcomp_core.figures.palette import codec_colour
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import counted

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from synthcomp_core.variants.advice import Advice

_HEIGHT = 420


def advice_chart(advice: Advice, quantity: str) -> go.Figure:
    """A marker per option: ``quantity`` (a metric, or "bytes") over the seconds of encoding an image, on a log axis.

    Options of the Pareto front are filled; diamonds were coded at a lower resolution.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for option in advice.options:
        value = option.num_bytes if quantity == "bytes" else option.values.get(quantity)
        if value is None:
            continue
        symbol = ("circle" if option.variant.scale is None else "diamond") + ("" if option in advice.front else "-open")
        figure.add_scatter(
            x=[max(option.encode_s, 1e-3)],
            y=[value],
            mode="markers+text",
            text=html.escape(option.variant.codec_id.family),
            textposition="top center",
            name=html.escape(option.settled),
            marker={"color": codec_colour(option.variant.codec_id.family), "size": 13, "symbol": symbol},
            hovertemplate=f"{html.escape(option.settled)}<br>%{{y}}<br>%{{x:.2f}} s<extra></extra>",
            showlegend=False,
        )
    heading = "bytes" if quantity == "bytes" else METRICS[quantity].heading
    images = counted(advice.images, "image")
    figure.update_layout(
        title={
            "text": f"{heading} at {html.escape(advice.target.shown)}: {images}",
            "subtitle": {"text": "filled: Pareto front; diamonds: lower resolution"},
        },
        xaxis={"title": "Encoding [s per image, single runs]", "type": "log"},
        yaxis={"title": heading},
        height=_HEIGHT,
        template="plotly_white",
    )
    return figure
