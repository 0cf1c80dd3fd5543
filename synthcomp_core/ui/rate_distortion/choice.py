"""What the rate-distortion page shows: metric, kind of chart, data set and curves. Every choice is in the URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from synthcomp_core.metrics import DECIBEL_METRICS, METRICS
from synthcomp_core.progress import counted
from synthcomp_core.results.answers import default_curves
from synthcomp_core.results.curves import RDCurve, curves_of
from synthcomp_core.results.formats import LoadedResults
from synthcomp_core.results.labels import shown_names, with_labels
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.named_choice import pick_many, pick_one
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants.curve_names import curve_label

MEANS, PER_IMAGE, SCATTER = "means", "per image", "scatter"
VIEWS = [MEANS, PER_IMAGE, SCATTER]
ALL_DATASETS = "all data sets"
_MAX_KEPT = 16


@dataclass(frozen=True)
class RDChoice:
    """What the page shows: the metric, whether in dB, the kind of chart, a logarithmic rate, confidence bands."""

    metric: str
    decibels: bool
    view: str
    log_rate: bool
    bands: bool

    @property
    def metric_label(self) -> str:
        """The metric's name, safe in Markdown."""
        return plain(METRICS[self.metric].label)


@dataclass(frozen=True)
class RDState:
    """What the page remembers.

    added: names of added results seen so far; default: the curves last shown by default; results: the names of those
    picked last; proposed: the data set last proposed for a pasted curve.
    """

    added: tuple[str, ...] = ()
    default: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    proposed: str = ""


def pick_view() -> RDChoice:
    """Draw metric, kind of chart and switches."""
    query.check_choice("chart", VIEWS)
    for switch in ("log_rate", "bands", "in_db"):
        query.check_switch(switch)
    metric = pick_one("Metric", list(METRICS), key="metric", name_of=lambda name: METRICS[name].heading)
    view = str(st.segmented_control("Chart", VIEWS, default=MEANS, required=True, key="chart", bind="query-params"))
    log_rate = st.toggle("Log rate", key="log_rate", bind="query-params")
    bands = st.toggle("95 % bands", key="bands", bind="query-params", disabled=view != MEANS)
    decibels = False
    if metric in DECIBEL_METRICS:
        decibels = st.toggle("In dB", key="in_db", bind="query-params", help="-10 log10(1 - value)")
    return RDChoice(metric, decibels, view, log_rate, bands)


def dataset_names(loaded: Sequence[LoadedResults]) -> list[str]:
    """The data sets of these results, in the order in which they appear."""
    return list(dict.fromkeys(str(name) for results in loaded for name in results.table["dataset"].unique()))


def follow_results(chosen: Sequence[str], loaded: Sequence[LoadedResults]) -> None:
    """Forget what was picked of other results where none of them is picked any more; call it before that is drawn.

    A choice of curves made there could fit in part, and would hide the rest. chosen: names of the results picked.
    """
    state = load_state(RDState)
    if not chosen:
        return
    store_state(replace(state, results=tuple(chosen)))
    if state.results and not set(chosen) & set(state.results):
        st.session_state.pop("curves", None)
        if st.session_state.get("dataset") not in (*dataset_names(loaded), ALL_DATASETS):  # That of an added curve.
            st.session_state.pop("dataset", None)


def pick_dataset(loaded: Sequence[LoadedResults], added: Sequence[LoadedResults]) -> str | None:
    """Draw the choice of a data set; None for all of them. The one of results just added is shown at once."""
    names = dataset_names([*loaded, *added])
    options = [*names, ALL_DATASETS] if len(names) > 1 else names
    if not options:
        return None
    query.check_choice("dataset", options, what="the data set")
    query.keep_among("dataset", options)
    state = load_state(RDState)
    new = [results for results in added if results.name not in state.added]
    if new:
        st.session_state["dataset"] = dataset_names(new)[0]
        store_state(replace(state, added=tuple(results.name for results in added)))
    chosen = str(st.selectbox("Data set", options, key="dataset", bind="query-params"))
    return None if chosen == ALL_DATASETS else chosen


def all_curves(loaded: Sequence[LoadedResults], choice: RDChoice, dataset: str | None) -> list[RDCurve]:
    """Every curve of the results on a data set (None: on all)."""
    _, curves = _curves(tuple(loaded), choice.metric, choice.decibels)
    return [curve for curve in curves if dataset is None or curve.dataset == dataset]


def pick_curves(curves: Sequence[RDCurve]) -> list[RDCurve]:
    """Draw the choice of curves, which opens with a readable selection; those chosen."""
    names = list(dict.fromkeys(curve.name for curve in curves))
    datasets = dict.fromkeys(curve.dataset for curve in curves)
    opened = {curve.name for dataset in datasets for curve in default_curves(curves, dataset)}
    default = tuple(name for name in names if name in opened)
    labels = shown_names(curves)
    state = load_state(RDState)
    held = st.session_state.get("curves")
    moved = held is not None and state.default != default and set(held) == set(state.default)
    if moved:  # Nobody has chosen: the selection follows metric and results.
        st.session_state["curves"] = list(default)
    store_state(replace(state, default=default))
    chosen = pick_many(
        "Curves", names, key="curves", default=default, name_of=labels.__getitem__, what="the curve",
        widget=partial(st.multiselect, help=f"Available: {counted(len(names), 'curve')}."),
    )  # fmt: skip
    return [curve for curve in curves if curve.name in chosen]


# Tables and curves are compared by identity: hashing a million rows costs more than computing the curves. An entry
# holds what it was made of, so that no other object can take over an identity while the entry exists.
@st.cache_resource(show_spinner="Drawing curves", max_entries=_MAX_KEPT, hash_funcs={LoadedResults: id})
def _curves(
    loaded: tuple[LoadedResults, ...], metric: str, decibels: bool
) -> tuple[tuple[LoadedResults, ...], list[RDCurve]]:
    return loaded, with_labels(curves_of(loaded, metric, decibels=decibels), curve_label)
