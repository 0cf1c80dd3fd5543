"""Every page is entered through app.py, also when a link to it is the first thing a new server is asked for."""

from __future__ import annotations

import runpy

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from synthcomp_core.storage import PROJECT_ROOT


def enter_through_app() -> None:
    """Run app.py in place of the page when Streamlit serves the pages folder by itself; call it first on a page.

    Streamlit finds ``pages/`` and makes a navigation of its own until ``st.navigation`` has been called once in the
    process. A link to a page that is opened before would show that navigation, without app.py's page configuration.
    app.py then runs the same page again, and this run of it stops. (A rerun instead would lose a button's press.)
    """
    if PagesManager.uses_pages_directory:
        runpy.run_path(str(PROJECT_ROOT / "app.py"))
        st.stop()
