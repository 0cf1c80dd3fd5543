"""The chart of the rate-distortion page and what is said of it: answers, warnings, crossover, domain gap."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.curve_styles import curve_styles
from synthcomp_core.figures.domain_gap_chart import domain_gap_chart
from synthcomp_core.figures.rd_chart import (
    image_curves_chart,
    mode_bar,
    points_beyond,
    rd_chart,
    scatter_chart,
)
from synthcomp_core.library.sources import image_sources
from synthcomp_core.progress import counted
from synthcomp_core.results.answers import chart_answer, competing_rates
from synthcomp_core.results.crossover import crossover
from synthcomp_core.results.curves import RDCurve, lint_curve
from synthcomp_core.results.domain_gap import domain_gap
from synthcomp_core.results.labels import shown_names
from synthcomp_core.ui import query
from synthcomp_core.ui.rate_distortion.choice import PER_IMAGE, SCATTER, RDChoice
from synthcomp_core.ui.rate_distortion.legend import isolated_codec, show_narrow_legend
from synthcomp_core.ui.widgets.compare_link import compare_link
from synthcomp_core.ui.widgets.named_choice import pick_one
from synthcomp_core.ui.widgets.text import plain

CAMERA = ["SVG", "PNG"]
_HEIGHT = 560  # Of the chart, in CSS pixels.
_MAX_KEPT = 16
_ANSWERS = 3  # Sentences above the chart; on a phone, more would push it out of view.
_BEYOND = 6  # Variants named that lie off the axis.
_CHART = "rd_chart_box"
_NARROW = 800  # Width of the window, in CSS pixels, up to which the legend stands below the chart.
_STYLE = f"<style>@media (max-width: {_NARROW}px) {{.st-key-{_CHART} g.legend {{display: none}}}}</style>"


def show_answer(shown: Sequence[RDCurve], every: Sequence[RDCurve]) -> None:
    """Say in a few sentences what the curves ``shown`` say; ``every``: all curves of the data set."""
    _, sentences = _answer((tuple(shown), tuple(every)))
    if sentences:
        st.markdown("  \n".join(plain(sentence) for sentence in sentences[:_ANSWERS]))
    if len(sentences) > _ANSWERS:
        with st.expander(f"{len(sentences) - _ANSWERS} more"):
            st.markdown("  \n".join(plain(sentence) for sentence in sentences[_ANSWERS:]))


def show_chart(curves: Sequence[RDCurve], choice: RDChoice) -> tuple[str, str, str] | None:
    """Draw the chart; the (variant, image, data set) of a clicked point, image "" for a mean."""
    chart = st.container(key=_CHART)
    own = [curve for curve in curves if not curve.published] or list(curves)
    references = [curve for curve in curves if not any(curve is one for one in own)]
    if choice.view == PER_IMAGE:
        figure = image_curves_chart(curves, log_rate=choice.log_rate)
    elif choice.view == SCATTER:
        figure = scatter_chart(curves, log_rate=choice.log_rate)
    else:
        rates = competing_rates(curves)
        figure = rd_chart(own, references=references, log_rate=choice.log_rate, bands=choice.bands, rates=rates)
        _name_beyond(curves, rates)
    figure.update_layout(height=_HEIGHT)
    if isolated := isolated_codec(curves):
        figure.update_traces(visible="legendonly")
        figure.update_traces(visible=True, selector={"legendgroup": isolated})
    st.html(_STYLE)
    show_narrow_legend(curves, curve_styles(own, references))
    at_html, at_camera = st.columns([1, 3], vertical_alignment="bottom")
    query.check_choice("camera", CAMERA)
    camera = at_camera.segmented_control(
        "The chart's camera button saves as", CAMERA, default=CAMERA[0], required=True, key="camera",
        bind="query-params",
    )  # fmt: skip
    config = mode_bar("rate-distortion", str(camera).lower())
    clicked = chart.plotly_chart(
        figure, key="rd_chart", on_select="rerun", selection_mode="points", config=config, alt=chart_alt(figure)
    )
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
        variant, image, dataset = points[0]["customdata"][:3]
        return str(variant), str(image), str(dataset)
    return None


def show_clicked(curves: Sequence[RDCurve], variant: str, image: str, dataset: str) -> None:
    """Name the clicked point of a curve on a data set and offer it in Compare; image "" for a mean."""
    name = next((point.shown for curve in curves for point in curve.points if point.variant == variant), variant)
    st.markdown(f"**{plain(name)}**" + (f" on {plain(image)}" if image else " (mean over images)"))
    asked = compare_link([variant])
    if dataset in image_sources():
        asked = compare_link([variant], source=dataset, image=image)
    else:
        st.caption(plain(f"The images of {dataset} are not available here, so Compare will show another image."))
    st.page_link("pages/compare.py", label="Open in Compare", icon=":material/grid_view:", query_params=asked)


def show_warnings(curves: Sequence[RDCurve]) -> None:
    """List what makes curves doubtful."""
    about: dict[str, list[str]] = {}
    several = len({curve.dataset for curve in curves}) > 1
    for curve in curves:
        for warning in lint_curve(curve):
            about.setdefault(warning, []).append(f"{curve.shown} on {curve.dataset}" if several else curve.shown)
    if about:
        # Curves that are not monotone come first: that is the gravest.
        ordered = sorted(about, key=lambda warning: "not monotone" not in warning)
        with st.expander(f"{counted(len(about), 'warning')} about these curves", expanded=False):
            lines = [f"{', '.join(about[warning])}: {warning}" for warning in ordered]
            st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def show_crossover(curves: Sequence[RDCurve]) -> None:
    """In a sentence, the rate at which two curves change places."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    if len(names) < 2:
        return
    st.subheader("Crossover", anchor=False)
    labels = shown_names(curves)
    # By default: a curve at lower resolution against the same codec at full resolution.
    upscaled = [curve.name for curve in curves if curve.scale is not None] or names[:1]
    scaled = next((name for name in upscaled if name.partition("@")[0] in names), upscaled[0])
    partner = scaled.partition("@")[0]
    left, right = st.columns(2)
    name_of = labels.__getitem__
    with left:
        first = pick_one("Curve", names, key="first", name_of=name_of, default=scaled, what="the curve")
    others = names.index(partner) if partner in names and partner != scaled else (1 if names[0] == scaled else 0)
    with right:
        second = pick_one("against", names, key="second", name_of=name_of, default=names[others], what="the curve")
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        pair = [curve_on(curves, name, dataset) for name in (first, second)]
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
        chart = domain_gap_chart(gap)
        st.plotly_chart(chart, key=f"gap_{number}", config=mode_bar(f"domain-gap-{number}"), alt=chart_alt(chart))


def _name_beyond(curves: Sequence[RDCurve], rates: tuple[float, float] | None) -> None:
    beyond = [] if rates is None else points_beyond(curves, rates)
    if beyond:
        named = ", ".join(f"{point.shown} at {point.rate:.3g} bpp" for point in beyond[:_BEYOND])
        more = f" and {len(beyond) - _BEYOND} more" if len(beyond) > _BEYOND else ""
        st.caption(plain(f"Off the axis, where no two codecs compete: {named}{more}."))


def curve_on(curves: Sequence[RDCurve], name: str, dataset: str) -> RDCurve | None:
    """The curve of this name on this data set."""
    return next((curve for curve in curves if curve.name == name and curve.dataset == dataset), None)


@st.cache_resource(show_spinner=False, max_entries=_MAX_KEPT, hash_funcs={RDCurve: id})
def _answer(
    curves: tuple[tuple[RDCurve, ...], tuple[RDCurve, ...]],
) -> tuple[tuple[tuple[RDCurve, ...], tuple[RDCurve, ...]], list[str]]:
    # With what it was made of, so that no other curve can take over an identity while the entry exists.
    return curves, chart_answer(*curves)
