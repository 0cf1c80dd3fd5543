"""Runs: every batch run and training, its progress, what failed, and how to repeat or resume it."""

import streamlit as st

from synthcomp_core.ui.runs import pick_run, show_run
from synthcomp_core.ui.widgets.entry import enter_through_app

enter_through_app()
st.title("Runs", anchor=False)
st.caption("Batch runs and trainings below artifacts/runs. This page only reads their files, and refreshes by itself.")

name = pick_run()
if name is not None:
    show_run(name)
