"""Upscaling: AMD FSR 1.0, RCAN and interpolation against the native image."""

import streamlit as st

from synthcomp_core.ui.upscaling import (
    ANY_IMAGE,
    last_result,
    pick_samples,
    pick_settings,
    pick_source,
    run_image,
    run_samples,
    show_charts,
    show_pictures,
    show_table,
)
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.image_picker import pick_image
from synthcomp_core.ui.widgets.text import plain

enter_through_app()
st.title("Upscaling", anchor=False)
st.caption("Downscale an image, upscale it with FSR 1, RCAN and interpolation, and compare with the native image.")

failure = None
if pick_source() == ANY_IMAGE:
    picked = pick_image()
    settings, pressed = pick_settings()
    work = st.container()
    if pressed and picked is not None:
        failure = run_image(picked, settings, work)
else:
    source, pressed = pick_samples()
    work = st.container()
    if pressed:
        failure = run_samples(source, work)
if failure is not None:
    st.error(plain(failure))
result = last_result()
if result is not None:
    show_table(result.table)
    show_charts(result)
    show_pictures(result)
