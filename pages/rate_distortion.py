"""Rate-distortion: results tables as curves, BD-rates and sentences."""

import streamlit as st

from synthcomp_core.ui.rate_distortion.sources import pick_results
from synthcomp_core.ui.rate_distortion.view import (
    pick_curves,
    pick_view,
    show_bd_table,
    show_chart,
    show_clicked,
    show_crossover,
    show_domain_gap,
    show_warnings,
)
from synthcomp_core.ui.widgets.entry import enter_through_app

enter_through_app()
st.title("Rate-distortion", anchor=False)
st.caption("Pick results, a metric and an anchor. All choices are in the address bar, so a link reopens this view.")

loaded = pick_results()
choice = pick_view()
if not loaded:
    st.info("Pick results above, or add your own results file.")
    st.stop()
curves = pick_curves(loaded, choice)
if curves:
    clicked = show_chart(curves, choice)
    if clicked is not None:
        show_clicked(*clicked)
    show_warnings(curves)
    show_bd_table(curves)
    show_crossover(curves)
    show_domain_gap(curves)
