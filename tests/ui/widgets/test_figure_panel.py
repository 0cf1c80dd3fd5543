"""The figure panel's crops: around a point, and always inside of the image."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.figures.paper.drawing import Crop, crop_around
from tests.clock import LIMIT_S


@pytest.mark.parametrize(
    ("centre", "side", "size", "expected"),
    [
        ((100, 80), 40, (200, 176), Crop(80, 60, 40, 40)),
        ((0, 0), 40, (200, 176), Crop(0, 0, 40, 40)),
        ((200, 176), 40, (200, 176), Crop(160, 136, 40, 40)),
        ((10, 10), 160, (100, 300), Crop(0, 0, 100, 160)),
        ((0.4, 0.6), 1, (1, 1), Crop(0, 0, 1, 1)),
    ],
)
def test_a_crop_lies_around_its_centre_as_far_as_the_image_lets_it(
    centre: tuple[float, float], side: int, size: tuple[int, int], expected: Crop
) -> None:
    assert crop_around(centre, side, size) == expected


def picking() -> None:
    """A page whose panel is not drawn, in whose viewer a crop is picked before the first run."""
    import streamlit as st

    from synthcomp_core.figures.paper.drawing import Crop
    from synthcomp_core.ui.widgets.figure_panel import crops_taken, take_crops

    if "picked" not in st.session_state:
        st.session_state["picked"] = True
        take_crops([Crop(1, 2, 30, 40)], "here")
        st.text(f"{crops_taken('there')}")
    st.text(f"{crops_taken('here')}")


def test_a_page_runs_again_once_for_crops_that_were_picked() -> None:
    app = AppTest.from_function(picking, default_timeout=LIMIT_S)
    assert [[text.value for text in app.run().text] for _ in range(2)] == [["False", "True"], ["False"]]
