"""Every page is entered through app.py, even if a link to it is the first request to a new server."""

from __future__ import annotations

import runpy

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from synthcomp_core.storage import PROJECT_ROOT


def enter_through_app() -> None:
    """Run app.py in place of the page while Streamlit serves the pages folder by itself; call it first on a page.

    Streamlit finds ``pages/`` and builds its own navigation until ``st.navigation`` has been called once in the
    process. A link to a page opened before then would show that navigation, without app.py's page configuration.
    app.py runs the same page again, and this run of it stops. (A rerun instead would lose a click on a button.)
    """
    if PagesManager.uses_pages_directory:
        runpy.run_path(str(PROJECT_ROOT / "app.py"), run_name="__main__")
        st.stop()
