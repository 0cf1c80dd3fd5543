"""What a page or panel remembers between reruns: one frozen record of its own type instead of loose session keys.

A record is a frozen dataclass whose fields all have defaults. The session holds one per type, or one per type and
panel where several panels of a kind exist:

    state = load_state(PanelState, "live")
    store_state(replace(state, crops="0,0,64,64"), "live")

Load, change and store where the change happens: Streamlit may end a run at any call.
"""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

_Record = TypeVar("_Record")


def load_state(record_type: type[_Record], panel: str = "") -> _Record:
    """The session's record of this type for a panel; one of defaults before the first was stored."""
    held = st.session_state.get(state_key(record_type, panel))
    # A record of a class that has been reloaded since is not of this type: start anew.
    return held if isinstance(held, record_type) else record_type()


def store_state(record: object, panel: str = "") -> None:
    """Remember a record in place of the one of its type for this panel."""
    st.session_state[state_key(type(record), panel)] = record


def state_key(record_type: type[object], panel: str = "") -> str:
    """The key in the session under which a record is kept."""
    return f"state:{record_type.__name__}:{panel}"
