"""Rate-distortion: results tables as sentences, curves and BD-rates."""

import streamlit as st

from synthcomp_core.ui.rate_distortion.bd_panel import show_bd_table
from synthcomp_core.ui.rate_distortion.choice import all_curves, pick_curves, pick_dataset, pick_view
from synthcomp_core.ui.rate_distortion.sources import add_results, pick_results
from synthcomp_core.ui.rate_distortion.view import (
    show_answer,
    show_chart,
    show_clicked,
    show_crossover,
    show_domain_gap,
    show_warnings,
)
from synthcomp_core.ui.widgets.entry import enter_through_app

enter_through_app()
notices = st.container()
with st.sidebar:
    at_dataset = st.container()
    loaded = pick_results(notices)
    choice = pick_view()
    at_curves = st.container()
    added = add_results(choice.metric, loaded, notices)
with at_dataset:
    dataset = pick_dataset(loaded, added)
if not loaded and not added:
    st.info("Pick results in the sidebar, or add your own results file.")
    st.stop()
every = all_curves([*loaded, *added], choice, dataset)
with at_curves:
    curves = pick_curves(every)
if not every:
    st.info(f"No row of these results has {choice.metric_label} and a rate; pick another metric.")
elif not curves:
    st.info("Pick at least one curve in the sidebar.")
else:
    show_answer(curves, every)
    clicked = show_chart(curves, choice)
    if clicked is not None:
        show_clicked(curves, *clicked)
    show_bd_table(curves)
    show_warnings(curves)
    show_crossover(curves)
    show_domain_gap(every)
