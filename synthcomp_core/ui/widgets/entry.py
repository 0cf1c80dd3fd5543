"""Every page is entered through app.py, even if a link to it is the first request to a new server."""

from __future__ import annotations

import runpy
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from synthcomp_core.storage import PROJECT_ROOT

_APP = "app.py"
_ALONE = (
    "A page cannot be served on its own, since only app.py checks who may reach it (docs/robustness.md): stop this "
    "server and run `python -m streamlit run app.py`."
)


def enter_through_app() -> None:
    """Run app.py in place of the page while Streamlit serves the pages folder by itself; call it first on a page.

    Streamlit finds ``pages/`` and builds its own navigation until ``st.navigation`` has been called once in the
    process. A link to a page opened before then would show that navigation, without app.py's page configuration.
    app.py runs the same page again, and this run of it stops. (A rerun instead would lose a click on a button.)

    A page that a server was started with (``streamlit run pages/live.py``) shows a sentence instead: no gate
    (ui/gate.py) would stand before it.
    """
    context = get_script_run_ctx()
    if context is not None and Path(context.main_script_path).resolve().parent == PROJECT_ROOT / "pages":
        st.error(_ALONE)
        st.stop()
    if PagesManager.uses_pages_directory:
        runpy.run_path(str(PROJECT_ROOT / _APP), run_name="__main__")
        st.stop()
