"""The BD-rates of the curves shown, as a table, on single images, and as text to copy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from synthcomp_core.figures.palette import FEWER_BITS, MORE_BITS, see_through
from synthcomp_core.metrics import METRICS
from synthcomp_core.progress import counted
from synthcomp_core.results.bd import (
    LITTLE_OVERLAP,
    METHODS,
    WARNINGS,
    BDResult,
    bd_columns,
    bd_csv,
    bd_per_image,
    bd_table,
)
from synthcomp_core.results.curves import RDCurve, find_curve
from synthcomp_core.results.labels import shown_names
from synthcomp_core.results.text_tables import MISSING, latex_table, markdown_table
from synthcomp_core.ui import query
from synthcomp_core.ui.rate_distortion.view import curve_on
from synthcomp_core.ui.widgets.named_choice import pick_one
from synthcomp_core.ui.widgets.text import plain

_MAX_KEPT = 16
_FEWEST_DRAWS, _MOST_DRAWS = 100, 500
_ALL_DRAWS = 4000  # Over all curves together: each draw takes most of a millisecond.
_BD_RATE = "BD-rate [%]"
_FULL_COLOUR, _MOST_OPAQUE = 100.0, 0.45  # The BD-rate in % from which a cell has its full colour, and its opacity.


def show_bd_table(curves: Sequence[RDCurve]) -> None:
    """BD-rate of every curve against a chosen anchor, with exports."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    if len(names) < 2:
        return
    st.subheader("BD-rate", anchor=False)
    labels = shown_names(curves)
    query.check_choice("method", METHODS, what="the interpolation")
    left, right = st.columns([3, 1])
    preferred = next((name for name in ("jpeg", "JPEG") if name in names), names[0])
    with left:
        anchor = pick_one("Anchor", names, key="anchor", name_of=labels.__getitem__, default=preferred)
    method = right.selectbox("Interpolation", list(METHODS), key="method", bind="query-params")
    draws = max(_FEWEST_DRAWS, min(_MOST_DRAWS, _ALL_DRAWS // len(curves)))
    _, results = _bd_table(tuple(curves), anchor, str(method), draws)
    telling = [result for result in results if result.overlap >= LITTLE_OVERLAP]
    doubtful = [result for result in results if result.overlap < LITTLE_OVERLAP]
    if telling:
        _show_bd_frame(telling, labels, key="bd_table")
    else:
        st.caption(f"No curve shares at least {LITTLE_OVERLAP:.0%} of the metric's range with {plain(labels[anchor])}.")
    has_interval = any(result.rate_low is not None for result in results)
    interval = f" Interval: 95 % of {draws} resamplings of the images." if has_interval else ""
    label = plain(METRICS[curves[0].metric].label)
    st.caption(f"Negative: fewer bits than {plain(labels[anchor])} for the same {label}.{interval}")
    if doubtful:
        label = f"{counted(len(doubtful), 'curve')} with little overlap, about which a BD-rate says little"
        with st.expander(label):
            _show_bd_frame(doubtful, labels, key="bd_table_doubtful")
    _offer_bd_table(results, labels)
    _show_bd_of_images(curves, anchor, str(method))


def _show_bd_frame(results: Sequence[BDResult], labels: Mapping[str, str], *, key: str) -> None:
    columns = bd_columns(results, labels=labels)
    # Published means have neither a number of images nor an interval: columns without any value are not shown.
    known = [column for column in columns if any(column.value(result) is not None for result in results)]
    shown = [column for column in columns if column in known or column.heading == _BD_RATE]
    decimals = {column.heading: column.decimals for column in shown if column.decimals is not None}
    frame = pd.DataFrame({column.heading: [column.value(result) for result in results] for column in shown})
    frame = frame.astype(dict.fromkeys(decimals, "float64"))
    st.dataframe(
        frame.sort_values(_BD_RATE, na_position="last").style.map(_coloured, subset=[_BD_RATE]),
        column_config={
            **{heading: st.column_config.NumberColumn(format=f"%.{digits}f") for heading, digits in decimals.items()},
            WARNINGS: st.column_config.TextColumn(width="large"),
        },
        hide_index=True,
        key=key,
        placeholder=MISSING,
    )


def _offer_bd_table(results: Sequence[BDResult], labels: Mapping[str, str]) -> None:
    columns = bd_columns(results, labels=labels)
    without_warnings = [column for column in columns if column.heading != WARNINGS]
    for place, (kind, text, suffix) in zip(
        st.columns(3),
        (
            ("CSV", bd_csv(results), "csv"),
            ("Markdown", markdown_table(columns, results), "md"),
            ("LaTeX", latex_table(without_warnings, results), "tex"),
        ),
        strict=True,
    ):
        place.download_button(
            f"Table as {kind}", text, f"bd-rate.{suffix}", "text/plain", on_click="ignore", icon=":material/download:"
        )


def _show_bd_of_images(curves: Sequence[RDCurve], anchor: str, method: str) -> None:
    """BD-rate of one curve on each single image, if the images are known."""
    names = list(dict.fromkeys(curve.name for curve in curves if curve.name != anchor and not curve.published))
    if not names or find_curve(curves, anchor).published:
        return
    labels = shown_names(curves)
    chosen = pick_one(
        "BD-rate on single images", ["", *names], key="single", what="the curve",
        name_of=lambda name: labels.get(name, "Pick a curve"),
    )  # fmt: skip
    if not chosen:
        return
    rows = []
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        base, test = curve_on(curves, anchor, dataset), curve_on(curves, chosen, dataset)
        if base is not None and test is not None:
            _, percents = _bd_per_image(base, test, method)
            rows += [(image, dataset, percent) for image, percent in percents.items()]
    frame = pd.DataFrame(rows, columns=["image", "data set", _BD_RATE]).astype({_BD_RATE: "float64"})
    st.dataframe(
        frame.sort_values(_BD_RATE, na_position="last").style.map(_coloured, subset=[_BD_RATE]),
        column_config={_BD_RATE: st.column_config.NumberColumn(format="%.2f")},
        hide_index=True,
        key="bd_images",
        placeholder=MISSING,
    )
    known = frame[_BD_RATE].dropna()
    if len(known):
        st.caption(
            f"{plain(labels[chosen])} against {plain(labels[anchor])}: {known.median():+.1f} % as the median over "
            f"{counted(len(known), 'image')}, from {known.min():+.1f} to {known.max():+.1f} %."
        )


def _coloured(rate_percent: object) -> str:
    # The same two colours as in the chart of the domain gap.
    if not isinstance(rate_percent, float) or math.isnan(rate_percent):
        return ""
    opacity = min(abs(rate_percent) / _FULL_COLOUR, 1) * _MOST_OPAQUE
    return f"background-color: {see_through(FEWER_BITS if rate_percent < 0 else MORE_BITS, opacity)}"


@st.cache_resource(show_spinner="Computing BD-rates", max_entries=_MAX_KEPT, hash_funcs={RDCurve: id})
def _bd_table(
    curves: tuple[RDCurve, ...], anchor: str, method: str, draws: int
) -> tuple[tuple[RDCurve, ...], list[BDResult]]:
    return curves, bd_table(curves, anchor, method=method, bootstrap=draws)


@st.cache_resource(show_spinner="Computing BD-rates", max_entries=_MAX_KEPT, hash_funcs={RDCurve: id})
def _bd_per_image(base: RDCurve, test: RDCurve, method: str) -> tuple[tuple[RDCurve, RDCurve], dict[str, float | None]]:
    return (base, test), bd_per_image(base, test, method=method)
