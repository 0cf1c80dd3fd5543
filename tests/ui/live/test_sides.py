"""The sides of the Live page: what a click on one of their buttons leads to."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.clock import LIMIT_S


def page() -> None:
    """A side whose rendering has failed, a click on "Try again", and a fragment's next look at the side."""
    import streamlit as st

    from synthcomp_core.errors import SynthcompError
    from synthcomp_core.ui.live.sides import LiveState, Side, is_asked_for, look_at_sides, try_again
    from synthcomp_core.ui.widgets.state import store_state
    from synthcomp_core.ui.work_queue import WorkQueue
    from synthcomp_core.variants import Variant

    def fail(*_: object) -> None:
        raise SynthcompError("It failed.")

    job = WorkQueue(1).submit("", "live-A", ("key",), fail)  # type: ignore[var-annotated]
    job.wait(lambda status: status.is_over, 60)
    store_state(LiveState("image", {"A": Side(Variant("webp-q75"), ("key",), job)}))
    st.text(str(look_at_sides()["A"].error))
    try_again("A")
    sides = look_at_sides()
    st.text(str(sides["A"].error))
    st.text(str(is_asked_for(sides)))


def test_what_has_failed_is_asked_for_again_by_a_click() -> None:
    app = AppTest.from_function(page, default_timeout=LIMIT_S).run()
    assert not app.exception
    assert [text.value for text in app.text] == ["It failed.", "None", "True"]


def outdated_page() -> None:
    """A click on "Match A's bytes to B" while B still shows what its controls asked for before."""
    from types import SimpleNamespace
    from typing import Any

    import streamlit as st

    from synthcomp_core.ui.live.sides import LiveState, Side, match_failure, match_status, start_match
    from synthcomp_core.ui.widgets.state import store_state
    from synthcomp_core.variants import Variant

    rendered: Any = SimpleNamespace(row=SimpleNamespace(num_bytes=1000))
    picked: Any = SimpleNamespace(sha256="image")
    sides = {
        "A": Side(Variant("jpeg-q75"), ("A",)),
        "B": Side(Variant("avif-q20"), ("B", "new"), None, rendered, ("B", "old")),
    }
    store_state(LiveState("image", sides))
    start_match(picked, "A", "B")
    st.text(str(match_status()))
    st.text(str(match_failure()))


def test_the_size_of_an_outdated_side_is_not_matched() -> None:
    app = AppTest.from_function(outdated_page, default_timeout=LIMIT_S).run()
    assert not app.exception
    status, failure = (text.value for text in app.text)
    assert status == "None"
    assert failure == "A was not matched: B does not show what its controls ask for yet."
