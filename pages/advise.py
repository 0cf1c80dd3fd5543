"""Advise: which codec to take, at which quality and resolution, under one constraint on an image or on many."""

import streamlit as st

from synthcomp_core.ui.advise import has_promise, pick_question, pick_scope, show_answer
from synthcomp_core.ui.advise_folder import show_folder_answer
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.image_picker import pick_image
from synthcomp_core.ui.widgets.text import plain

enter_through_app()
linked = has_promise()
with st.sidebar:
    picked = pick_image()
    is_about_all = pick_scope()
    question = pick_question()
if isinstance(question, str):
    st.info(plain(question))
elif picked is not None and is_about_all:
    show_folder_answer(picked, question)
elif picked is not None:
    show_answer(picked, question, linked)
