"""The legend below the rate-distortion chart, which takes the place of the one inside where the window is narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from synthcomp_core.figures.curve_styles import CurveKey, CurveStyle, curve_key
from synthcomp_core.figures.rd_chart import legend_label
from synthcomp_core.results.curves import RDCurve
from synthcomp_core.results.labels import family_title
from synthcomp_core.ui.widgets.state import load_state, store_state

_KEY = "narrow_legend"
_FOLDER = Path(__file__).parent
# How dashes and markers look in text, by plotly's names: filled and open.
_LINES = {"solid": "━", "dot": "┈", "dash": "╌", "longdash": "╍", "dashdot": "┅", "longdashdot": "┉"}
_MARKS = {
    **{"circle": ("●", "○"), "diamond": ("◆", "◇"), "square": ("■", "□"), "triangle-up": ("▲", "△")},
    **{"cross": ("✚", "✛"), "star": ("★", "☆"), "triangle-down": ("▼", "▽"), "hexagon": ("⬢", "⬡")},
    **{"pentagon": ("⬟", "⬠"), "x": ("✖", "✕"), "bowtie": ("⧓", "⋈"), "hourglass": ("⧗", "⧖")},
    **{"star-diamond": ("✦", "✧"), "triangle-left": ("◀", "◁"), "triangle-right": ("▶", "▷")},
}


@dataclass(frozen=True)
class LegendState:
    """isolated: the codec that was tapped, whose curves alone are shown; "" for all."""

    isolated: str = ""


def isolated_codec(curves: Sequence[RDCurve]) -> str:
    """The codec that was tapped in the legend; "" where all are shown."""
    isolated = load_state(LegendState).isolated
    return isolated if any(curve.codec == isolated for curve in curves) else ""


def show_narrow_legend(curves: Sequence[RDCurve], styles: Mapping[CurveKey, CurveStyle]) -> None:
    """Draw the legend. A tap on an entry leaves the curves of its codec alone; a second brings the others back.

    The curves of a codec stand below its name, if it has several; those of the others come first.
    """
    families: dict[str, list[RDCurve]] = {}
    for curve in curves:
        families.setdefault(curve.codec, []).append(curve)

    def picked() -> None:
        codec = (st.session_state.get(_KEY) or {}).get("picked")
        if codec in families:
            store_state(LegendState("" if load_state(LegendState).isolated == codec else codec))

    ordered = sorted(families.items(), key=lambda family: len(family[1]) > 1)
    data = {
        "isolated": isolated_codec(curves),
        "families": [
            {
                "codec": codec,
                "title": family_title(own[0]) if len(own) > 1 else "",
                "entries": [_entry(curve, curves, styles[curve_key(curve)]) for curve in own],
            }
            for codec, own in ordered
        ],
    }
    _component()(data=data, key=_KEY, on_picked_change=picked)


def _entry(curve: RDCurve, curves: Sequence[RDCurve], style: CurveStyle) -> dict[str, str]:
    closed, opened = _MARKS.get(style.shape, ("●", "○"))
    line = _LINES[style.dash] + (opened if style.is_open else closed)
    return {"label": legend_label(curve, curves, escape=False), "line": line, "colour": style.colour}


@cache
def _component() -> Any:
    return st.components.v2.component(
        "synthcomp_narrow_legend",
        html='<div class="narrow-legend" role="group" aria-label="Curves"></div>',
        css=(_FOLDER / "legend.css").read_text(encoding="utf-8"),
        js=(_FOLDER / "legend.js").read_text(encoding="utf-8"),
    )
