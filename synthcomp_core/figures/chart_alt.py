"""A chart in a sentence or three, for who cannot see it: its title and its axes."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BREAK, _TAG = re.compile(r"<br\s*/?>"), re.compile(r"<[^>]*>")


def chart_alt(figure: go.Figure, *, title: str = "") -> str:
    """The text alternative of a chart. title: of one that has none of its own.

    >>> import plotly.graph_objects as go
    >>> layout = {"title": {"text": "PSNR over rate:<br>a&amp;b"}, "xaxis": {"title": "Rate"}, "yaxis": {"title": "dB"}}
    >>> chart_alt(go.Figure(layout=layout))
    'Chart: PSNR over rate: a&b. Vertical axis: dB. Horizontal axis: Rate.'
    """
    shown = _plain(figure.layout.title.text) or title
    parts = [f"Chart: {shown}" if shown else "Chart"]
    for what, axes in (("Vertical", figure.select_yaxes()), ("Horizontal", figure.select_xaxes())):
        named = [text for axis in axes if (text := _plain(axis.title.text))]
        if named:
            parts.append(f"{what} {'axis' if len(set(named)) == 1 else 'axes'}: {', '.join(dict.fromkeys(named))}")
    return ". ".join(parts) + "."


def _plain(text: str | None) -> str:
    """A plotly text without its markup, in one line."""
    return html.unescape(_TAG.sub("", _BREAK.sub(" ", text or ""))).strip()
