"""Clicks on the trail's chart: which side they move, and how often."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.clock import LIMIT_S


def page() -> None:
    """A click on a point while A is the target, then the same selection with B as the target."""
    from unittest import mock

    import streamlit as st

    from synthcomp_core.ui.live import trail

    targets = st.session_state.setdefault("targets", ["A", "B"])
    moved = st.session_state.setdefault("moved", [])
    with mock.patch.object(trail, "want_variant", lambda side, variant: moved.append(f"{side} {variant}")):
        if targets:
            trail._take_click([{"customdata": "webp-q40"}], targets.pop(0))
    st.text(str(moved))


def test_another_target_does_not_apply_the_last_click_again() -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S).run()
    assert not app.exception
    assert app.session_state["targets"] == []
    assert app.text[0].value == "['a webp-q40']"
