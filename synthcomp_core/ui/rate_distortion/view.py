"""The parts of the rate-distortion page: curves, chart, BD table, crossover, domain gap. Every choice is in the URL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from synthcomp_core.figures.palette import FEWER_BITS, MORE_BITS, see_through
from synthcomp_core.figures.rd_chart import (
    domain_gap_chart,
    image_curves_chart,
    mode_bar,
    rd_chart,
    scatter_chart,
)
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.bd import METHODS, WARNINGS, BDResult, bd_columns, bd_csv, bd_per_image, bd_table
from synthcomp_core.results.crossover import crossover
from synthcomp_core.results.curves import DECIBEL_METRICS, RDCurve, curves_of, find_curve, lint_curve
from synthcomp_core.results.domain_gap import domain_gap
from synthcomp_core.results.formats import LoadedResults
from synthcomp_core.results.text_tables import latex_table, markdown_table
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.text import plain

MEANS, PER_IMAGE, SCATTER = "means", "per image", "scatter"
VIEWS = [MEANS, PER_IMAGE, SCATTER]
CAMERA = ["SVG", "PNG"]
_MAX_KEPT = 16
_FEWEST_DRAWS, _MOST_DRAWS = 100, 500
_ALL_DRAWS = 4000  # Over all curves together: each draw takes most of a millisecond.
_BD_RATE = "BD-rate [%]"
_FULL_COLOUR, _MOST_OPAQUE = 100.0, 0.45  # The BD-rate in % from which a cell has its full colour, and its opacity.


@dataclass(frozen=True)
class RDChoice:
    """What the page shows: the metric, whether in dB, the kind of chart, a logarithmic rate, confidence bands."""

    metric: str
    decibels: bool
    view: str
    log_rate: bool
    bands: bool


def pick_view() -> RDChoice:
    """Draw the row of controls."""
    query.check_choice("metric", METRICS)
    query.check_choice("chart", VIEWS)
    for switch in ("log_rate", "bands", "in_db"):
        query.check_switch(switch)
    at_metric, at_view, at_switches = st.columns([2, 2, 3], gap="medium", vertical_alignment="bottom")
    metric = str(at_metric.selectbox("Metric", list(METRICS), key="metric", bind="query-params"))
    view = str(
        at_view.segmented_control("Chart", VIEWS, default=MEANS, required=True, key="chart", bind="query-params")
    )
    switches = at_switches.columns(3)
    log_rate = switches[0].toggle("Log rate", key="log_rate", bind="query-params")
    bands = switches[1].toggle("95 % bands", key="bands", bind="query-params", disabled=view != MEANS)
    decibels = False
    if metric in DECIBEL_METRICS:
        decibels = switches[2].toggle("In dB", key="in_db", bind="query-params", help="-10 log10(1 - value)")
    return RDChoice(metric, decibels, view, log_rate, bands)


def pick_curves(loaded: Sequence[LoadedResults], choice: RDChoice) -> list[RDCurve]:
    """The curves to show: all of them, except those that are hidden."""
    _, curves = _curves(tuple(loaded), choice.metric, choice.decibels)
    if not curves:
        st.info(f"No row of these results has {plain(METRICS[choice.metric].label)} and a rate; pick another metric.")
        return []
    names = list(dict.fromkeys(curve.name for curve in curves))
    query.check_choices("hide", names, what="the curve")
    query.keep_among("hide", names)
    hidden = st.multiselect("Hide curves", names, key="hide", bind="query-params")
    return [curve for curve in curves if curve.name not in hidden]


def show_chart(curves: Sequence[RDCurve], choice: RDChoice) -> tuple[str, str] | None:
    """Draw the chart; the (variant, image) of a clicked point, image "" for a mean."""
    if choice.view == PER_IMAGE:
        figure = image_curves_chart(curves, log_rate=choice.log_rate)
    elif choice.view == SCATTER:
        figure = scatter_chart(curves, log_rate=choice.log_rate)
    else:
        own = [curve for curve in curves if not curve.published] or list(curves)
        references = [curve for curve in curves if not any(curve is one for one in own)]
        figure = rd_chart(own, references=references, log_rate=choice.log_rate, bands=choice.bands)
    figure.update_layout(height=560)
    chart = st.container()
    at_html, at_camera = st.columns([1, 3], vertical_alignment="bottom")
    query.check_choice("camera", CAMERA)
    camera = at_camera.segmented_control(
        "The chart's camera button saves as", CAMERA, default=CAMERA[0], required=True, key="camera",
        bind="query-params",
    )  # fmt: skip
    config = mode_bar("rate-distortion", str(camera).lower())
    clicked = chart.plotly_chart(figure, key="rd_chart", on_select="rerun", selection_mode="points", config=config)
    at_html.download_button(
        "Chart as HTML",
        lambda: figure.to_html(include_plotlyjs=True),
        "rate-distortion.html",
        "text/html",
        on_click="ignore",
        icon=":material/download:",
        help="One file that works offline.",
    )
    points = clicked.selection.points if clicked else []
    if points and points[0].get("customdata"):
        variant, image = points[0]["customdata"][:2]
        return str(variant), str(image)
    return None


def show_clicked(variant: str, image: str) -> None:
    """Name the clicked point and offer it in Compare; image "" for a mean."""
    st.markdown(f"**{plain(variant)}**" + (f" on {plain(image)}" if image else " (mean over images)"))
    query = {"variant": variant, "computed": "1", **({"image": image} if image else {})}
    st.page_link("pages/compare.py", label="Open in Compare", icon=":material/grid_view:", query_params=query)


def show_warnings(curves: Sequence[RDCurve]) -> None:
    """List what makes curves doubtful."""
    about: dict[str, list[str]] = {}
    several = len({curve.dataset for curve in curves}) > 1
    for curve in curves:
        for warning in lint_curve(curve):
            about.setdefault(warning, []).append(f"{curve.name} on {curve.dataset}" if several else curve.name)
    if about:
        # Curves that are not monotone come first: that is the gravest.
        ordered = sorted(about, key=lambda warning: "not monotone" not in warning)
        with st.expander(f"{len(about)} warning{'s' * (len(about) != 1)} about these curves", expanded=True):
            lines = [f"{', '.join(about[warning])}: {warning}" for warning in ordered]
            st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def show_bd_table(curves: Sequence[RDCurve]) -> None:
    """BD-rate of every curve against a chosen anchor, with exports."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    if len(names) < 2:
        return
    st.subheader("BD-rate", anchor=False)
    query.check_choice("anchor", names)
    query.check_choice("method", METHODS, what="the interpolation")
    query.keep_among("anchor", names)
    left, right = st.columns([3, 1])
    preferred = next((name for name in ("jpeg", "JPEG") if name in names), names[0])
    anchor = left.selectbox("Anchor", names, index=names.index(preferred), key="anchor", bind="query-params")
    method = right.selectbox("Interpolation", list(METHODS), key="method", bind="query-params")
    draws = max(_FEWEST_DRAWS, min(_MOST_DRAWS, _ALL_DRAWS // len(curves)))
    _, results = _bd_table(tuple(curves), str(anchor), str(method), draws)
    _show_bd_frame(results)
    has_interval = any(result.rate_low is not None for result in results)
    interval = f" Interval: 95 % of {draws} resamplings of the images." if has_interval else ""
    label = plain(METRICS[curves[0].metric].label)
    st.caption(f"Negative: fewer bits than {plain(str(anchor))} for the same {label}.{interval}")
    _offer_bd_table(results)
    _show_bd_of_images(curves, str(anchor), str(method))


def _show_bd_frame(results: Sequence[BDResult]) -> None:
    columns = bd_columns(results)
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
        key="bd_table",
    )


def _offer_bd_table(results: Sequence[BDResult]) -> None:
    columns = bd_columns(results)
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
    query.check_choice("single", names, what="the curve")
    query.keep_among("single", names)
    chosen = st.selectbox(
        "BD-rate on single images", names, index=None, key="single", bind="query-params", placeholder="Pick a curve"
    )
    if chosen is None:
        return
    rows = []
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        base, test = _find(curves, anchor, dataset), _find(curves, chosen, dataset)
        if base is not None and test is not None:
            _, percents = _bd_per_image(base, test, method)
            rows += [(image, dataset, percent) for image, percent in percents.items()]
    frame = pd.DataFrame(rows, columns=["image", "data set", _BD_RATE]).astype({_BD_RATE: "float64"})
    st.dataframe(
        frame.sort_values(_BD_RATE, na_position="last").style.map(_coloured, subset=[_BD_RATE]),
        column_config={_BD_RATE: st.column_config.NumberColumn(format="%.2f")},
        hide_index=True,
        key="bd_images",
    )
    known = frame[_BD_RATE].dropna()
    if len(known):
        st.caption(
            f"{plain(chosen)} against {plain(anchor)}: {known.median():+.1f} % in the median of {len(known)} images, "
            f"from {known.min():+.1f} to {known.max():+.1f} %."
        )


def show_crossover(curves: Sequence[RDCurve]) -> None:
    """In a sentence, the rate at which two curves change places."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    if len(names) < 2:
        return
    st.subheader("Crossover", anchor=False)
    for key in ("first", "second"):
        query.check_choice(key, names, what="the curve")
        query.keep_among(key, names)
    # By default: a curve at lower resolution against the same codec at full resolution.
    upscaled = [curve.name for curve in curves if curve.scale is not None] or names[:1]
    scaled = next((name for name in upscaled if name.partition("@")[0] in names), upscaled[0])
    partner = scaled.partition("@")[0]
    left, right = st.columns(2)
    first = left.selectbox("Curve", names, index=names.index(scaled), key="first", bind="query-params")
    others = names.index(partner) if partner in names and partner != scaled else (1 if names[0] == scaled else 0)
    second = right.selectbox("against", names, index=others, key="second", bind="query-params")
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        pair = [_find(curves, str(name), dataset) for name in (first, second)]
        if pair[0] is not None and pair[1] is not None and pair[0] is not pair[1]:
            st.markdown(f"**{plain(dataset)}:** {plain(crossover(pair[0], pair[1]).sentence)}")


def show_domain_gap(curves: Sequence[RDCurve]) -> None:
    """What training on another domain costs, if models of two training sets are shown."""
    gaps = domain_gap(curves)
    if not gaps:
        return
    st.subheader("Domain gap", anchor=False)
    for number, gap in enumerate(gaps):
        for sentence in gap.sentences:
            st.markdown(plain(sentence))
        st.plotly_chart(domain_gap_chart(gap), key=f"gap_{number}", config=mode_bar(f"domain-gap-{number}"))


def _find(curves: Sequence[RDCurve], name: str, dataset: str) -> RDCurve | None:
    return next((curve for curve in curves if curve.name == name and curve.dataset == dataset), None)


def _coloured(rate_percent: object) -> str:
    # The same two colours as in the chart of the domain gap.
    if not isinstance(rate_percent, float) or math.isnan(rate_percent):
        return ""
    opacity = min(abs(rate_percent) / _FULL_COLOUR, 1) * _MOST_OPAQUE
    return f"background-color: {see_through(FEWER_BITS if rate_percent < 0 else MORE_BITS, opacity)}"


# Tables and curves are compared by identity: hashing a million rows costs more than computing the curves. An entry
# holds what it was made of, so that no other object can take over an identity while the entry exists.
@st.cache_resource(show_spinner="Drawing curves", max_entries=_MAX_KEPT, hash_funcs={LoadedResults: id})
def _curves(
    loaded: tuple[LoadedResults, ...], metric: str, decibels: bool
) -> tuple[tuple[LoadedResults, ...], list[RDCurve]]:
    return loaded, curves_of(loaded, metric, decibels=decibels)


@st.cache_resource(show_spinner="Computing BD-rates", max_entries=_MAX_KEPT, hash_funcs={RDCurve: id})
def _bd_table(
    curves: tuple[RDCurve, ...], anchor: str, method: str, draws: int
) -> tuple[tuple[RDCurve, ...], list[BDResult]]:
    return curves, bd_table(curves, anchor, method=method, bootstrap=draws)


@st.cache_resource(show_spinner="Computing BD-rates", max_entries=_MAX_KEPT, hash_funcs={RDCurve: id})
def _bd_per_image(base: RDCurve, test: RDCurve, method: str) -> tuple[tuple[RDCurve, RDCurve], dict[str, float | None]]:
    return (base, test), bd_per_image(base, test, method=method)
