"""Choices that people see by name and the address holds by id.

Of a widget that is bound to the address Streamlit writes what it shows, so these are not bound: ids are read from the
address when they arrive, and written there in every run. A value that is not available gets one sentence. As of bound
widgets, Streamlit keeps the choice through a visit to another page (``persist_state="session"``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, Protocol

import streamlit as st

from synthcomp_core.ui import query
from synthcomp_core.upscalers import list_upscalers


def upscaler_title(upscaler_id: str) -> str:
    """What the lists call an upscaler.

    >>> upscaler_title("lanczos"), upscaler_title("gsr1_edge")
    ('Lanczos', 'Snapdragon GSR 1, following edges')
    """
    names = {info.id: info.name for info in list_upscalers()}
    return names.get(upscaler_id, upscaler_id)


class ManyWidget(Protocol):
    """``st.multiselect`` or ``st.pills`` of several options, with all that is not the same for each already set."""

    def __call__(
        self,
        label: str,
        options: Sequence[str],
        *,
        format_func: Callable[[str], str],
        key: str,
        persist_state: Literal["session"],
    ) -> object: ...


def pick_many(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: Collection[str],
    name_of: Callable[[str], str],
    widget: ManyWidget,
    what: str = "",
) -> list[str]:
    """Draw a widget of several options and return the ids picked, in the widget's order.

    default: the ids that are picked at first, and where none of those picked is an option any more. name_of: what
    people call an id. what: one's name in sentences.
    """
    linked = query.arrived_choices(key)
    if linked is not None:  # What the session wrote itself may have ceased to be an option: that is no faulty link.
        query.check_choices(key, options, what=what)
    if linked is not None and (not linked or any(value in options for value in linked)):
        st.session_state[key] = [value for value in linked if value in options]
    query.keep_among(key, options)
    if key not in st.session_state:
        st.session_state[key] = [value for value in default if value in options]
    picked = widget(label, options, format_func=name_of, key=key, persist_state="session")
    values = [str(value) for value in picked] if isinstance(picked, list) else []
    query.write_own_choices(key, values)
    return values


def pick_one(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    name_of: Callable[[str], str],
    default: str = "",
    what: str = "",
    help: str | None = None,
) -> str:
    """Draw a select box and return the id picked. default: at first, "" for the first. what: its name in sentences."""
    linked = query.arrived(key)
    if linked:
        query.check_choice(key, options, what=what)
    if linked and linked in options:
        st.session_state[key] = linked
    query.keep_among(key, options)
    if default in options and key not in st.session_state:
        st.session_state[key] = default
    value = str(st.selectbox(label, options, format_func=name_of, key=key, help=help, persist_state="session"))
    query.write_own(key, value)
    return value
