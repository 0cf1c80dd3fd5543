"""The matrix of the Compare page as a small map: a cell per variant, done, computing or missing, to click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import streamlit as st

from synthcomp_core.ui.compare.choice import ComparisonChoice
from synthcomp_core.ui.compare.run import Compared, Comparison, start_one
from synthcomp_core.ui.compare.state import CompareState
from synthcomp_core.ui.compare.view import MAX_SHOWN, ORIGINAL, known_view, slot
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants import Variant
from synthcomp_core.variants.names import scaling_name
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS, MatrixCell, matrix_cells


class CellState(Enum):
    """How far a cell is: its icon, and what a click does."""

    DONE = (":material/check_circle:", "done; a click shows it in the viewer")
    COMPUTING = (":material/hourglass_top:", "being computed")
    FAILED = (":material/error:", "failed; a click tries it again")
    MISSING = (":material/radio_button_unchecked:", "not computed yet; a click computes it")
    ABSENT = (":material/block:", "no snapshot of it is installed")

    @property
    def icon(self) -> str:
        """The icon's Material name."""
        return self.value[0]

    @property
    def words(self) -> str:
        """The state for people, with what a click does."""
        return self.value[1]


def cell_state(cell: MatrixCell, comparison: Comparison) -> CellState:
    """How far the variant of a cell is."""
    if cell.variant is None:
        return CellState.ABSENT
    if cell.variant in comparison.computing:
        return CellState.COMPUTING
    if any(compared.variant == cell.variant for compared in comparison.results):
        return CellState.DONE
    return CellState.FAILED if cell.variant in comparison.failed else CellState.MISSING


def show_matrix_map(
    picked: PickedImage, choice: ComparisonChoice, comparison: Comparison, shown: Sequence[Compared]
) -> None:
    """Draw the map, a row per resolution; nothing for a matrix of fewer than two cells."""
    cells = [] if choice.axes is None else matrix_cells(choice.axes)
    if len(cells) < 2:
        return
    st.subheader("Matrix", anchor=False)
    for scaling in dict.fromkeys(cell.scaling for cell in cells):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(f"**{plain(scaling_name(scaling))}**", width="content")
            for cell in [cell for cell in cells if cell.scaling == scaling]:
                _show_cell(cell, cell_state(cell, comparison), picked, shown, comparison.results)


def _show_cell(
    cell: MatrixCell, state: CellState, picked: PickedImage, shown: Sequence[Compared], results: Sequence[Compared]
) -> None:
    label = f"q{cell.quality} {DISTORTION_LABELS[cell.distortion]} {cell.trained_on}"
    key = f"cell_{cell.quality}_{cell.distortion}_{cell.trained_on}_{cell.scaling}"
    st.button(
        plain(label), key=key, icon=state.icon, help=plain(f"{cell.variant or label}: {state.words}"),
        disabled=state in (CellState.ABSENT, CellState.COMPUTING), on_click=_click,
        args=(cell.variant, state, picked, _variants(shown), _variants(results)),
    )  # fmt: skip


def _variants(compared: Sequence[Compared]) -> tuple[Variant, ...]:
    return tuple(one.variant for one in compared)


def _click(
    variant: Variant, state: CellState, picked: PickedImage, shown: Sequence[Variant], results: Sequence[Variant]
) -> None:
    if state is not CellState.DONE:
        start_one(picked, variant)
        return
    before = known_view()
    on_left = next((one for number, one in enumerate(shown, start=1) if slot(number) == before.left), None)
    if variant not in shown:  # The viewer holds only so many, in the order of the results: the last one makes room.
        wanted = {*shown[: MAX_SHOWN - 1], variant}
        shown = [one for one in results if one in wanted]
        st.session_state["shown"] = [str(one) for one in shown]
    places = {one: slot(number) for number, one in enumerate(shown, start=1)}
    place = places[variant]
    left = before.left if on_left is None else places.get(on_left, ORIGINAL)
    view = replace(
        before,
        mode="swipe" if before.mode in ("single", "loupe") else before.mode,  # Those show the left image alone.
        left=ORIGINAL if left == place else left,
        right=place,
    )
    held = load_state(CompareState)
    store_state(replace(held, view=view, jumps=held.jumps + 1))
