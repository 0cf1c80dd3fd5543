"""The juxtapose preview on the Compare page: streamlit-image-comparison, fenced in, and only on request.

It shows JPEGs made of two images and loads its script from knightlab.com, so it never appears on a page unless someone
asks for it; nothing is measured on its images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec

import streamlit as st
from PIL import Image as PillowImage

from synthcomp_core.images import Image
from synthcomp_core.ui.compare.run import Compared
from synthcomp_core.ui.widgets.image_picker import PickedImage

WARNING = (
    "A lossy preview: it shows JPEGs, and its script comes from cdn.knightlab.com, so it needs the internet. "
    "Judge quality in the viewer above."
)
_WIDTH = 1000
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._@+-]")  # The package writes labels into its script as they are.


def show_preview(picked: PickedImage, shown: Sequence[Compared]) -> None:
    """Draw the expander with the choice of two images and the preview."""
    with st.expander("Juxtapose preview", icon=":material/public:", key="juxtapose", on_change="rerun") as box:
        if not box.open:
            return
        images = {"original": picked.image} | {str(one.variant): one.rendered.rendering.image for one in shown}
        names = list(images)
        left, right = st.columns(2)
        first = str(left.selectbox("Left", names, index=0, key="juxtapose_left"))
        second = str(right.selectbox("Right", names, index=len(names) - 1, key="juxtapose_right"))
        show_juxtapose(images[first], images[second], labels=(first, second))


def show_juxtapose(first: Image, second: Image, *, labels: tuple[str, str]) -> None:
    """Draw the switch that loads the preview of two (H, W, 3) images and, once it is on, the preview."""
    if find_spec("streamlit_image_comparison") is None:
        st.caption("The juxtapose preview needs the package streamlit-image-comparison.")
        return
    st.caption(WARNING)
    if not st.toggle("Load the preview from the internet", value=False, key="juxtapose_loaded"):
        return
    draw(first, second, labels)


def draw(first: Image, second: Image, labels: tuple[str, str]) -> None:
    """Draw the preview itself, in memory, and leave Pillow's limit against decompression bombs as it was."""
    before = PillowImage.MAX_IMAGE_PIXELS
    try:
        from streamlit_image_comparison import image_comparison

        image_comparison(
            img1=PillowImage.fromarray(first),
            img2=PillowImage.fromarray(second),
            label1=_UNSAFE.sub(" ", labels[0]),
            label2=_UNSAFE.sub(" ", labels[1]),
            width=_WIDTH,
            in_memory=True,
        )
    finally:
        PillowImage.MAX_IMAGE_PIXELS = before
