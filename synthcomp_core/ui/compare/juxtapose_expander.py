"""The juxtapose preview on the Compare page: two pictures to choose, and the fence around it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from synthcomp_core.ui.compare.juxtapose import show_juxtapose
from synthcomp_core.ui.compare.run import Compared
from synthcomp_core.ui.widgets.image_picker import PickedImage


def show_preview(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """Draw the expander with the choice of two pictures and the preview."""
    with st.expander("Juxtapose preview", icon=":material/public:", key="juxtapose", on_change="rerun") as box:
        if not box.open:
            return
        images = {"original": picked.image} | {str(one.variant): one.rendered.rendering.image for one in shown}
        names = list(images)
        left, right = st.columns(2)
        first = str(left.selectbox("Left", names, index=0, key="juxtapose_left"))
        second = str(right.selectbox("Right", names, index=len(names) - 1, key="juxtapose_right"))
        show_juxtapose(images[first], images[second], labels=(first, second))
