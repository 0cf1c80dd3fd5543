"""Upscaling: FSR 1, NVIDIA Image Scaling, Snapdragon GSR 1, RCAN and interpolation against the native image."""

import streamlit as st

from synthcomp_core.ui.upscaling.benchmark import last_result, run_image, run_samples, show_charts, show_table
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
        return
    missing = show_pictures(picked, choice)
    pressed = st.button("Run the benchmark", type="primary", icon=":material/play_arrow:", key="fsr_run")
    work = st.container()
    failure = run_image(picked, choice, work.empty()) if pressed else None
    if failure is not None:
        st.error(plain(failure))
    elif pressed:
        st.rerun()
    result = last_result(picked)
    if result is not None:
        show_table(result.table)
        show_charts(result)
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
        return
    samples = opened_samples(source)
    if samples is None:
        return
    with st.sidebar:
        choice = pick_sample(samples)
    missing = show_sample(samples, choice)
    pressed = st.button("Evaluate the samples", type="primary", icon=":material/play_arrow:", key="fsr_evaluate")
    failure = run_samples(samples, st.container()) if pressed else None
    if failure is not None:
        st.error(plain(failure))
    result = last_result(samples)
    if result is not None:
        show_table(result.table)
        show_charts(result)
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
