"""Link values: whatever the address holds, a page shows one plain sentence per value it ignores, and never fails."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.clock import LIMIT_S

DIGITS = "9" * 400
HOSTILE = [
    DIGITS,
    "9" * 5000,
    "-1e999",
    "nan",
    "inf",
    "-inf",
    "seven",
    "0x10",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\u0000",
    "1,5",
]


def page() -> None:
    import streamlit as st

    from synthcomp_core.ui import query

    colours = ["red", "green"]
    query.check_choice("colour", colours, what="the colour")
    query.check_choices("tags", colours)
    query.check_number("size_pt", 5, 12)
    query.check_number("dpi", 100, 1200)
    query.check_number("stops", 0, 2)
    query.check_switch("log")
    st.selectbox("colour", colours, key="colour", bind="query-params")
    st.multiselect("tags", colours, key="tags", bind="query-params")
    st.number_input("size", 5.0, 12.0, 8.0, 0.5, key="size_pt", bind="query-params")
    st.number_input("dpi", 100.0, 1200.0, 300.0, 50.0, key="dpi", bind="query-params")
    st.slider("stops", 0.0, 2.0, 0.2, 0.05, key="stops", bind="query-params")
    st.toggle("log", key="log", bind="query-params")
    st.text(f"{query.number('zoom', 1.0, low=0.5, high=64):g}")


def run(**values: str | list[str]) -> AppTest:
    app = AppTest.from_function(page, default_timeout=LIMIT_S)
    for key, value in values.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def shown(app: AppTest) -> list[object]:
    numbers = [widget.value for widget in app.number_input]
    return [app.selectbox[0].value, app.multiselect[0].value, *numbers, app.slider[0].value, app.toggle[0].value]


DEFAULTS = ["red", [], 8.0, 300.0, 0.2, False]


NAMES = {
    "colour": "the colour",
    "tags": "tags",
    "size_pt": "size pt",
    "dpi": "dpi",
    "stops": "stops",
    "log": "log",
    "zoom": "zoom",
}


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: value[:12])
def test_each_hostile_value_is_one_sentence_and_leaves_the_default(value: str) -> None:
    app = run(**dict.fromkeys(NAMES, value))
    assert shown(app) == DEFAULTS
    assert app.text[0].value == "1"
    sentences = [warning.value for warning in app.warning]
    assert len(sentences) == len(NAMES)
    for name in NAMES.values():
        assert sum(f" {name} " in sentence.partition("“")[0] for sentence in sentences) == 1, name
    for sentence in sentences:
        assert sentence.startswith("This link ") and sentence.endswith("; it was ignored.")
        assert "<script>" not in sentence
        assert len(sentence) < 400


def test_values_that_fit_are_taken_without_a_word() -> None:
    app = run(colour="green", tags=["red", "green"], size_pt="9.5", dpi="450", stops="1", log="true", zoom="8")
    assert shown(app) == ["green", ["red", "green"], 9.5, 450.0, 1.0, True]
    assert app.text[0].value == "8"
    assert not app.warning


def test_each_unknown_value_of_a_repeated_parameter_is_named_once() -> None:
    app = run(tags=["red", "blue", "blue", "pink"])
    assert [("blue" in one.value, "pink" in one.value) for one in app.warning] == [(True, False), (False, True)]
    assert app.multiselect[0].value == ["red"]


@pytest.mark.parametrize("key", ["size_pt", "dpi", "stops"])
@pytest.mark.parametrize("value", ["-5", "1201", "99999"])
def test_a_number_out_of_range_names_the_range(key: str, value: str) -> None:
    app = run(**{key: value})
    low, high = {"size_pt": (5, 12), "dpi": (100, 1200), "stops": (0, 2)}[key]
    assert f"not a number from {low} to {high}" in app.warning[0].value.replace("\\", "")
    assert shown(app) == DEFAULTS


@pytest.mark.parametrize(("asked", "taken"), [("100", "64"), ("-3", "0.5"), ("12.5", "12.5"), ("", "1")])
def test_a_number_without_a_widget_is_moved_into_its_range_and_that_is_said(asked: str, taken: str) -> None:
    app = run(zoom=asked)
    assert app.text[0].value == taken
    is_moved = asked in ("100", "-3")
    assert len(app.warning) == is_moved
    assert not is_moved or app.warning[0].value.endswith(f"; {taken} is used instead.")


def test_a_cleared_widget_s_empty_value_is_no_fault() -> None:
    assert not run(tags="", colour="").warning


def shrinking_page() -> None:
    import streamlit as st

    from synthcomp_core.ui import query

    options = ["red", "green", "blue"] if st.toggle("all", value=True) else ["green"]
    for key in ("tags", "others"):
        query.keep_among(key, options)
    st.multiselect("tags", options, key="tags", bind="query-params")
    st.multiselect("others", options, key="others", bind="query-params")


def test_of_several_values_those_stay_that_can_still_be_chosen() -> None:
    app = AppTest.from_function(shrinking_page, default_timeout=LIMIT_S).run()
    app.multiselect[0].set_value(["red", "green"])
    app.multiselect[1].set_value(["blue"]).run()
    app.toggle[0].set_value(False).run()
    assert not app.exception
    assert [widget.value for widget in app.multiselect] == [["green"], []]


def address_page() -> None:
    import streamlit as st

    from synthcomp_core.ui import query

    st.text(query.address(view="grid~a&b"))
    st.text(str(query.is_set("done")))
    query.write("done")
    query.write("gone", "")
    st.text(query.text("done") + query.text("gone"))


def test_the_address_keeps_every_value_and_replaces_the_one_named() -> None:
    app = AppTest.from_function(address_page, default_timeout=LIMIT_S)
    app.query_params["variant"] = ["jpeg-q50", "none@x2-bicubic"]
    app.query_params["view"] = "swipe"
    app.query_params["gone"] = "1"
    app.run()
    assert not app.exception
    link, was_set, read = (text.value for text in app.text)
    assert link.endswith("?variant=jpeg-q50&variant=none%40x2-bicubic&gone=1&view=grid~a%26b")
    assert (was_set, read) == ("False", "1")
    assert list(app.query_params["done"]) == ["1"] and "gone" not in app.query_params
