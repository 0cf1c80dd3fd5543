"""Every page is entered through app.py, also when a link to it is the first thing a new server is asked for."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def enter_through_app() -> None:
    """Start the run again through app.py when Streamlit serves the pages folder by itself; call it first on a page.

    Streamlit finds ``pages/`` and makes a navigation of its own until ``st.navigation`` has been called once in the
    process. A link to a page that is opened before would show that navigation, without app.py's page configuration.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
