"""Records of pages and panels: one per type and panel, defaults before the first is stored."""

from __future__ import annotations

from dataclasses import dataclass

from streamlit.testing.v1 import AppTest

from synthcomp_core.ui.widgets.state import state_key
from tests.clock import LIMIT_S


@dataclass(frozen=True)
class Counted:
    """A record for these tests."""

    runs: int = 0


def page() -> None:
    import dataclasses

    import streamlit as st

    from synthcomp_core.ui.widgets.state import load_state, store_state
    from tests.ui.widgets.test_state import Counted

    for panel in ("", "left"):
        state = load_state(Counted, panel)
        store_state(dataclasses.replace(state, runs=state.runs + (2 if panel else 1)), panel)
        st.text(f"{load_state(Counted, panel).runs}")


def test_each_panel_has_a_record_of_its_own_that_outlives_the_run() -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S).run().run()
    assert not app.exception
    assert [text.value for text in app.text] == ["2", "4"]


def test_a_record_of_another_type_under_the_key_is_replaced_by_defaults() -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S)
    app.session_state[state_key(Counted)] = "of a class that was reloaded"
    app.run()
    assert not app.exception
    assert [text.value for text in app.text] == ["1", "2"]
