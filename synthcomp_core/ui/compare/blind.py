"""The blind test on the Compare page: two unnamed variants beside the original, a vote, the next pair, a tally.

Names, sizes and numbers are hidden until the votes are counted. Which variant stands on which side is drawn by lot.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import pandas as pd
import streamlit as st

from synthcomp_core.results.votes import Vote, now, tally, tally_columns, votes_csv
from synthcomp_core.ui.compare.run import Compared
from synthcomp_core.ui.viewer import Picture, show_viewer
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

Pair = tuple[str, str]
LEFT, RIGHT = "X", "Y"
# Nobody compares two images in less; the second click of a double click comes sooner, and was not meant for this pair.
_LEAST_LOOK_S = 0.7


@dataclass(frozen=True)
class BlindState:
    """The test so far. pair: shown now, as (left, right), by variant id. image: the digest of the image it is of.

    asked: how often each pair of an image was shown, so that all come up equally often. shown_at: when the pair was
    first drawn, on a clock that never goes back, in seconds.
    """

    votes: tuple[Vote, ...] = ()
    pair: Pair | None = None
    image: str = ""
    asked: Mapping[tuple[str, Pair], int] = field(default_factory=dict)
    shown_at: float = 0.0


def pick_blind() -> bool:
    """Draw the switch; whether the test is on."""
    return bool(
        st.toggle(
            "Blind test",
            key="blind",
            help="Shows two of the computed variants at a time without their names, and counts which you prefer.",
        )
    )


def show_blind(picked: PickedImage, results: Sequence[Compared]) -> None:
    """Draw the pair, the buttons to vote and what has been counted so far."""
    by_id = {str(compared.variant): compared for compared in results}
    if len(by_id) < 2:
        st.info("A blind test needs at least two computed variants: compute some first.")
        show_votes()
        return
    pair = _present_pair(picked, list(by_id))
    height, width = picked.image.shape[:2]
    pictures = [Picture("original", "Original", picked.png, width, height)]
    for label, variant in zip((LEFT, RIGHT), pair, strict=True):
        pictures.append(Picture(label.lower(), label, by_id[variant].rendered.png, width, height))
    at_left, at_equal, at_right = st.columns(3)
    for place, key, label, preferred in (
        (at_left, "left", f"{LEFT} is better", pair[0]),
        (at_equal, "none", "No difference", ""),
        (at_right, "right", f"{RIGHT} is better", pair[1]),
    ):
        place.button(label, key=f"vote_{key}", on_click=_vote, args=(picked, pair, preferred), width="stretch")
    # Not in the address: a link to the view would not say which pair it is of.
    show_viewer(pictures, key="blind_viewer", url_param=None)
    show_votes()


def show_votes() -> None:
    """Draw the tally and its exports, folded so that it does not tell what is being shown."""
    votes = load_state(BlindState).votes
    if not votes:
        return
    with st.expander(f"Votes so far: {len(votes)}", key="blind_votes"):
        pairs = tally(votes)
        columns = {column.heading: [plain(column.text(pair)) for pair in pairs] for column in tally_columns()}
        st.table(pd.DataFrame(columns))
        st.caption("The interval is the 95 % Wilson interval for a binomial share, over the votes with a preference.")
        st.download_button(
            "Votes as CSV",
            votes_csv(votes),
            "votes.csv",
            "text/csv",
            key="votes_csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.button("Forget all votes", key="votes_forget", on_click=_forget, icon=":material/delete:")


def _present_pair(picked: PickedImage, variants: Sequence[str]) -> Pair:
    """The pair on screen, or the next: one of those asked least often, its sides drawn by lot."""
    state = load_state(BlindState)
    if state.pair is not None and state.image == picked.sha256 and set(state.pair) <= set(variants):
        return state.pair
    pairs = [(first, second) for first, second in combinations(sorted(variants), 2)]
    asked = {pair: state.asked.get((picked.sha256, pair), 0) for pair in pairs}
    chosen = random.choice([pair for pair in pairs if asked[pair] == min(asked.values())])
    count = {**state.asked, (picked.sha256, chosen): asked[chosen] + 1}
    pair = chosen if random.random() < 0.5 else (chosen[1], chosen[0])
    store_state(replace(state, pair=pair, image=picked.sha256, asked=count, shown_at=time.monotonic()))
    return pair


def _vote(picked: PickedImage, pair: Pair, preferred: str) -> None:
    """Count a vote on the pair on screen; a click on one that is not, or not long enough to be looked at, is none."""
    state = load_state(BlindState)
    is_on_screen = (state.pair, state.image) == (pair, picked.sha256)
    if not is_on_screen or time.monotonic() - state.shown_at < _LEAST_LOOK_S:
        return
    vote = Vote(now(), picked.dataset, picked.name, pair[0], pair[1], preferred)
    store_state(replace(state, votes=(*state.votes, vote), pair=None))


def _forget() -> None:
    store_state(BlindState())
