"""Who is ahead in what: a dot per variant on a line per metric, from the worst to the best of those compared."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synthcomp_core.figures.curve_styles import SYMBOLS
from synthcomp_core.figures.palette import codec_colour
from synthcomp_core.results.columns import measured_columns
from synthcomp_core.results.rows import ResultRow

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ROW_HEIGHT, _FRAME_HEIGHT, _LEGEND_LINE = 44, 120, 20  # pixels


def ranking_chart(rows: Sequence[ResultRow], *, image: str) -> go.Figure:
    """A line per column of the table, best on the right: bytes and the metrics measured, each over its own range.

    Equal values stand at the middle. Variants of one codec share its colour and differ in their markers.
    """
    import plotly.graph_objects as go

    columns = [column for column in measured_columns(rows) if column.heading != "bpp"]  # As bytes.
    figure = go.Figure()
    numbers: dict[str, int] = {}
    for row in rows:
        colour = codec_colour(row.codec or row.variant)
        number = numbers[colour] = numbers.get(colour, -1) + 1
        xs, ys, texts = [], [], []
        for column in columns:
            known = [float(v) for other in rows if isinstance(v := column.value(other), int | float)]
            value = column.value(row)
            if isinstance(value, int | float):
                xs.append(_merit(float(value), known, higher_is_better=bool(column.higher_is_better)))
                ys.append(html.escape(column.heading))
                texts.append(html.escape(f"{row.variant}: {column.text(row)}"))
        figure.add_scatter(
            x=xs,
            y=ys,  # type: ignore[arg-type]  # Stubs: numbers only.
            text=texts, mode="markers", name=html.escape(row.variant),
            marker={"color": colour, "size": 13, "symbol": SYMBOLS[number % len(SYMBOLS)], "opacity": 0.85},
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        title={"text": "Best on the right", "subtitle": {"text": html.escape(f"{image}: 1 image")}},
        xaxis={"title": "worst to best of those compared", "range": [-0.06, 1.06], "showticklabels": False},
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "y": -0.15, "yanchor": "top", "x": 0},
        margin={"l": 10, "r": 10, "t": 60},
        height=_FRAME_HEIGHT + _ROW_HEIGHT * len(columns) + _LEGEND_LINE * len(rows),
        template="plotly_white",
    )
    return figure


def _merit(value: float, known: Sequence[float], *, higher_is_better: bool) -> float:
    """The place of a value between the worst (0) and the best (1); infinite PSNR is the best."""
    finite = [other for other in known if math.isfinite(other)]
    if not math.isfinite(value) or not finite:
        return 1.0
    low, high = min(finite), max(finite)
    if low == high:
        return 0.5
    place = (value - low) / (high - low)
    return place if higher_is_better else 1 - place
