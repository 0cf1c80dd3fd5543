"""Choices by name: of those picked, the ones that are no longer an option are dropped, and the others stay."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from streamlit.testing.v1 import AppTest

from tests.clock import LIMIT_S


def page() -> None:
    import streamlit as st

    from synthcomp_core.ui.widgets.named_choice import pick_many

    options = str(st.session_state.get("available", "jpeg webp avif")).split()
    pick_many("Codecs", options, key="codecs", default=["jpeg"], name_of=str.upper, widget=st.multiselect)


@pytest.mark.parametrize(
    ("available", "kept"),
    [("jpeg avif", ["avif"]), ("jpeg webp", ["webp"]), ("jpeg jxl", ["jpeg"]), ("jxl", [])],
)
def test_what_is_no_longer_an_option_is_dropped_and_the_rest_stays(available: str, kept: Sequence[str]) -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S).run()
    app.multiselect(key="codecs").set_value(["webp", "avif"]).run()
    app.session_state["available"] = available
    app.run()
    assert not app.exception and not app.warning
    assert app.multiselect(key="codecs").value == kept
