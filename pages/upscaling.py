"""Upscaling: FSR 1, NVIDIA Image Scaling, Snapdragon GSR 1, RCAN and interpolation against the native image."""

import streamlit as st

from synthcomp_core.ui.upscaling.benchmark import show_benchmark, start_image, start_samples
from synthcomp_core.ui.upscaling.choice import ANY_IMAGE, pick_choice, pick_source
from synthcomp_core.ui.upscaling.pictures import compute_picture, show_figure_of, show_pictures
from synthcomp_core.ui.upscaling.sample_choice import opened_samples, pick_sample, pick_samples
from synthcomp_core.ui.upscaling.sample_pictures import read_sample, show_sample
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.image_picker import PickedImage, pick_image
from synthcomp_core.ui.widgets.text import plain


def compare_image() -> None:
    """Show an image against what upscalers make of it, and measure all modes on request."""
    with st.sidebar:
        picked: PickedImage | None = pick_image()
        choice = pick_choice()
    if picked is None:
        show_benchmark(None)
        return
    missing = show_pictures(picked, choice)
    pressed = st.button("Run the benchmark", type="primary", icon=":material/play_arrow:", key="fsr_run")
    failure = start_image(picked, choice) if pressed else None
    if failure is not None:
        st.error(plain(failure))
    show_benchmark(picked)
    show_figure_of(picked, choice)
    if missing is not None:
        compute_picture(picked, *missing)
        st.rerun()


def compare_samples() -> None:
    """Show screenshots that were taken in a game, native against FSR's modes, and measure them all on request."""
    with st.sidebar:
        source = pick_samples()
    if source is None:
        st.info("Name a folder of samples in the sidebar, or add a zip of one.")
        show_benchmark(None)
        return
    samples = opened_samples(source)
    if samples is None:
        show_benchmark(None)
        return
    with st.sidebar:
        choice = pick_sample(samples)
    missing = show_sample(samples, choice)
    if st.button("Evaluate the samples", type="primary", icon=":material/play_arrow:", key="fsr_evaluate"):
        start_samples(samples)
    show_benchmark(samples)
    if missing is not None:
        read_sample(samples, missing)
        st.rerun()


enter_through_app()
with st.sidebar:
    source = pick_source()
if source == ANY_IMAGE:
    compare_image()
else:
    compare_samples()
