"""Advise: which codec to take for an image, at which quality and resolution, under one constraint."""

import streamlit as st

from synthcomp_core.ui.advise import pick_question, show_answer
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.image_picker import pick_image
from synthcomp_core.ui.widgets.text import plain

enter_through_app()
with st.sidebar:
    picked = pick_image()
    question = pick_question()
if isinstance(question, str):
    st.info(plain(question))
elif picked is not None:
    show_answer(picked, question)
