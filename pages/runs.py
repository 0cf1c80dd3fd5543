"""Runs: every batch run and training, its progress, what failed, and how to start, stop, repeat or resume it."""

import streamlit as st

from synthcomp_core.ui.run_control import show_start
from synthcomp_core.ui.runs import pick_run, show_run
from synthcomp_core.ui.widgets.entry import enter_through_app

enter_through_app()
with st.sidebar:
    show_start()
name = pick_run()
if name is not None:
    show_run(name)
