"""Synthcomp: compress and upscale rendered images, and compare what comes out."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from synthcomp_core.ui import query
from synthcomp_core.ui.gate import Gate
from synthcomp_core.ui.layout import SIDEBAR_WIDTH
from synthcomp_core.ui.served_page import StyledPage


def run() -> None:
    """Draw the app for one visitor; Streamlit runs this file as a script whenever something changes."""
    # An icon from the project: Streamlit fetches its material icons and emoji for the tab from the internet.
    st.set_page_config(
        page_title="Synthcomp",
        page_icon=Path(__file__).parent / "synthcomp_core/ui/icon.png",
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
    )
    page = st.navigation(
        [
            st.Page("pages/live.py", title="Live", icon=":material/compare:", default=True),
            st.Page("pages/compare.py", title="Compare", icon=":material/grid_view:"),
            st.Page("pages/advise.py", title="Advise", icon=":material/lightbulb:"),
            st.Page("pages/upscaling.py", title="Upscaling", icon=":material/zoom_out_map:"),
            st.Page("pages/rate_distortion.py", title="Rate-distortion", icon=":material/show_chart:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/timeline:"),
        ],
        position="top",
    )
    query.begin_run()
    page.run()


if __name__ == "__main__":
    run()
else:  # `streamlit run app.py` finds the server here.
    app = st.App(__file__, middleware=[Middleware(Gate), Middleware(StyledPage)])
