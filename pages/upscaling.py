"""Upscaling: FSR 1, NVIDIA Image Scaling, Snapdragon GSR 1, RCAN and interpolation against the native image."""

import streamlit as st

from synthcomp_core.ui.upscaling.benchmark import last_result, run_image, run_samples, show_charts, show_table
from synthcomp_core.ui.upscaling.choice import ANY_IMAGE, pick_choice, pick_samples, pick_source
from synthcomp_core.ui.upscaling.pictures import compute_picture, show_figure_of, show_pictures
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
    """Measure screenshots that were taken in a game."""
    with st.sidebar:
        source, pressed = pick_samples()
    failure = run_samples(source, st.container()) if pressed else None
    if failure is not None:
        st.error(plain(failure))
    result = last_result(None)
    if result is not None:
        show_table(result.table)
        show_charts(result)
    elif failure is None:
        st.info("Name a folder of samples in the sidebar, or add a zip of one, and evaluate it.")


enter_through_app()
with st.sidebar:
    source = pick_source()
if source == ANY_IMAGE:
    compare_image()
else:
    compare_samples()
