"""The slider that many know, from streamlit-image-comparison, fenced in: a preview, and only when it is asked for.

It shows JPEGs made of the pictures and loads its script from knightlab.com, so it is never part of a page that has
not been told to load it; nothing is read off its pictures.
"""

from __future__ import annotations

import re
from importlib.util import find_spec

import streamlit as st
from PIL import Image as PillowImage

from synthcomp_core.images import Image

WARNING = (
    "A lossy preview: its pictures are JPEGs, and its script comes from cdn.knightlab.com, so it needs the internet. "
    "Judge pixels in the viewer above."
)
_WIDTH = 1000
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._@+-]")  # The package writes labels into its script as they are.


def show_juxtapose(first: Image, second: Image, *, labels: tuple[str, str]) -> None:
    """Draw the choice to load the preview of two (H, W, 3) images and, once it is made, the preview."""
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
