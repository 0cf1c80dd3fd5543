"""Link values: what the page's address asks for, read, checked and written; one plain sentence for each one ignored.

Nearly every value belongs to a widget with ``bind="query-params"``, which Streamlit reads from the address and writes
back. Streamlit drops a value that its widget cannot take, without a word, so a page calls the check that fits the
widget just before it draws it:

=============================  ==========================================================================
widget                         check before it is drawn
=============================  ==========================================================================
selectbox, segmented control   ``check_choice(key, options)``; ``keep_among`` too if the options can change
multiselect, pills             ``check_choices(key, options)``; ``keep_among`` too if the options can change
slider, number_input           ``check_number(key, low, high)``
toggle, checkbox               ``check_switch(key)``
=============================  ==========================================================================

A value without a widget is read by ``text``, ``number`` or ``is_set`` and written by ``write``. A choice that the page
always writes, also where it is the default, so that the address describes what is on screen, is read by ``arrived`` and
written by ``write_own`` (several at once by ``arrived_choices`` and ``write_own_choices``); ``begin_run`` tells a link
from the page's own address.

Whatever stands in the address, none of these raises: a value of 400 digits, NaN, a repeated value or markup is ignored
with one sentence.

Bind whole numbers to a slider, or to a number_input of floats: Streamlit 1.67 fails on ``inf`` in one of integers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

_MAX_SHOWN = 80  # Characters of a value that a sentence repeats.
_MAX_NUMBER_LENGTH = 40  # No number of interest is longer; what is, need not be parsed.
_SWITCHES = ("true", "false")
_SEPARATOR = "\n"  # Between several values of one key, as they are remembered.
_MAX_WRITTEN = 64  # More values than a slider passes while one run is under way.


@dataclass(frozen=True)
class _Written:
    """What a session wrote into the address of the page that it is on: by key the values, latest last."""

    page: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def begin_run() -> None:
    """Tell links from the session's own values; app.py calls it before a page runs.

    Who comes to a page, or goes back to an earlier address of it, does so by a link, whatever was written before.
    """
    context = get_script_run_ctx()
    if context is not None and (went_back() or load_state(_Written).page != context.page_script_hash):
        store_state(_Written(context.page_script_hash))


def went_back() -> bool:
    """Whether this run is for an address of the page's past, to which the browser has gone back, or on again."""
    context = get_script_run_ctx(suppress_warning=True)
    return context is not None and context.is_history_navigation


def check_choice(key: str, options: Collection[str], *, what: str = "") -> None:
    """Say that the link's value is ignored if it is not among ``options``. what: its name, by default from the key."""
    if (asked := _asked(key)) and (len(asked) > 1 or asked[0] not in options):
        say_unavailable(key, ", ".join(asked), what=what)


def check_choices(key: str, options: Collection[str], *, what: str = "") -> None:
    """As :func:`check_choice`, for a parameter that may be repeated: one sentence per value not in ``options``."""
    for asked in dict.fromkeys(_asked(key)):
        if asked not in options:
            say_unavailable(key, asked, what=what)


def check_number(key: str, low: float, high: float, *, what: str = "") -> None:
    """Say that the link's value is ignored if it is not one finite number from ``low`` to ``high``."""
    if asked := _asked(key):
        value = _parsed(asked)
        if value is None or not low <= value <= high:
            _say_no_number(key, ", ".join(asked), low, high, what)


def check_switch(key: str, *, what: str = "") -> None:
    """Say that the link's value is ignored if it is neither ``true`` nor ``false``."""
    if (asked := _asked(key)) and (len(asked) > 1 or asked[0].lower() not in _SWITCHES):
        st.warning(f"{_setting(key, ', '.join(asked), what)}, which is neither true nor false; it was ignored.")


def keep_among(key: str, options: Collection[str]) -> None:
    """Return a widget to its default if its remembered choice is no longer an option; call it before it is drawn.

    Of several values, those that still are options stay; none left: the default.
    """
    held = st.session_state.get(key)
    values = held if isinstance(held, list) else [held]
    kept = [value for value in values if value in options]
    if held is None or kept == values:
        return
    if kept:
        st.session_state[key] = kept
    else:
        del st.session_state[key]


def text(key: str) -> str:
    """The link's value as it stands, the last one if repeated; "" if it has none, or outside a running app."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return ""
    return st.query_params.get(key, "")


def number(key: str, default: float, *, low: float, high: float, what: str = "") -> float:
    """The link's number; after one sentence, the nearer of ``low`` and ``high`` if it lies outside of their range, or
    the default if it is not one finite number.
    """
    asked = _asked(key)
    if not asked:
        return default
    value = _parsed(asked)
    if value is None:
        _say_no_number(key, ", ".join(asked), low, high, what)
        return default
    clamped = min(max(value, low), high)
    if clamped != value:
        setting = _setting(key, asked[0], what)
        st.warning(f"{setting}, which is not from {low:g} to {high:g}; {clamped:g} is used instead.")
    return clamped


def values(key: str) -> list[str]:
    """The link's values of a parameter that may be repeated."""
    return _asked(key)


def is_set(key: str) -> bool:
    """Whether the link has this parameter, whatever its value."""
    return key in st.query_params


def pairs() -> list[tuple[str, str]]:
    """All that the address holds, (key, value), a repeated key once per value."""
    return [(key, value) for key in st.query_params for value in st.query_params.get_all(key)]


def write(key: str, value: str = "1") -> None:
    """Put a value that belongs to no widget into the page's address; an empty one removes it."""
    if value and st.query_params.get_all(key) != [value]:
        st.query_params[key] = value
    elif not value and key in st.query_params:
        del st.query_params[key]


def arrived(key: str) -> str:
    """The value that came with a link; "" if the address has none, or one that this session wrote there itself.

    A browser that has not yet heard of the newest value sends an older one of the session's own: that is no link.
    """
    value = text(key)
    return "" if value in _written(key) else value


def write_own(key: str, value: str) -> None:
    """Put the present value of a choice into the address, and remember it as the session's own."""
    _note_written(key, value)
    write(key, value)


def arrived_choices(key: str) -> list[str] | None:
    """As :func:`arrived`, for a parameter that may be repeated: its values, none where a link clears the choice.

    None if the address does not have it, or holds what this session wrote there itself.
    """
    values = st.query_params.get_all(key)
    if not values or _SEPARATOR.join(values) in _written(key):
        return None
    return [value for value in values if value]


def write_own_choices(key: str, values: Sequence[str]) -> None:
    """As :func:`write_own`, for several values; none are written as an empty one, which clears the choice."""
    present = list(values) or [""]
    _note_written(key, _SEPARATOR.join(present))
    if st.query_params.get_all(key) != present:
        st.query_params[key] = present


def address(**replaced: str) -> str:
    """The page's address with all its values, some of them replaced; from its ``?`` on if the host is not known."""
    kept = [(key, value) for key, value in pairs() if key not in replaced]
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode([*kept, *replaced.items()])}"


def _written(key: str) -> tuple[str, ...]:
    return load_state(_Written).values.get(key, ())


def _note_written(key: str, value: str) -> None:
    state, written = load_state(_Written), _written(key)
    if not written or written[-1] != value:
        store_state(replace(state, values={**state.values, key: (*written, value)[-_MAX_WRITTEN:]}))


def _asked(key: str) -> list[str]:
    """The link's values that are not empty: an empty one is what Streamlit writes for a widget that was cleared."""
    return [value for value in st.query_params.get_all(key) if value]


def _parsed(asked: list[str]) -> float | None:
    if len(asked) > 1 or len(asked[0]) > _MAX_NUMBER_LENGTH:
        return None
    try:
        value = float(asked[0])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def say_unavailable(key: str, asked: str, *, what: str = "") -> None:
    """Say that a link's value is not available and was ignored. what: its name, by default from the key."""
    name, value = _named(key, what), _quoted(asked)
    st.warning(f"This link refers to {name} {value}, which is not available; it was ignored.")


def _say_no_number(key: str, asked: str, low: float, high: float, what: str) -> None:
    st.warning(f"{_setting(key, asked, what)}, which is not a number from {low:g} to {high:g}; it was ignored.")


def _setting(key: str, asked: str, what: str) -> str:
    return f"This link sets {_named(key, what)} to {_quoted(asked)}"


def _named(key: str, what: str) -> str:
    return plain(what or key.replace("_", " "))


def _quoted(asked: str) -> str:
    return f"“{plain(asked[:_MAX_SHOWN])}”"
