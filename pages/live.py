"""Live: send one image through two variants now, and compare the results."""

from collections.abc import Mapping

import streamlit as st

from synthcomp_core.ui.live.side import show_side
from synthcomp_core.ui.live.sides import Side, match_failure, update_sides
from synthcomp_core.ui.live.time_this import show_time_this
from synthcomp_core.ui.live.trail import show_trail
from synthcomp_core.ui.live.view import FIGURE_KEY, show_match_button, show_share, show_sides
from synthcomp_core.ui.widgets.adopt_panel import show_adopt_panel
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.figure_panel import show_figure_panel
from synthcomp_core.ui.widgets.image_picker import PickedImage, pick_image
from synthcomp_core.ui.widgets.open_result import show_open_result
from synthcomp_core.ui.widgets.published_models import show_published_models
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_picker import pick_variant

DEFAULTS = {"A": "mbt2018-q4-mse-games", "B": "webp-q75"}


def show_exports(picked: PickedImage, sides: Mapping[str, Side]) -> None:
    """Draw the downloads of both sides and the figure panel."""
    finished = {name: side.rendered for name, side in sides.items() if side.is_current and side.rendered is not None}
    for (name, rendered), column in zip(finished.items(), st.columns(2, gap="large"), strict=False):
        with column:
            show_side(name, rendered, picked)
    if finished:
        show_figure_panel(picked, [rendered.rendering.variant for rendered in finished.values()], key=FIGURE_KEY)


enter_through_app()
with st.sidebar:
    picked = pick_image()
    variants = {}
    for name, default in DEFAULTS.items():
        with st.container(border=True):
            variants[name] = pick_variant(name.lower(), default=default)
            if picked is not None:
                show_match_button(picked, name, variants[name])
                show_open_result(name, picked, variants[name])
    show_published_models()
    show_adopt_panel()
if picked is not None:
    sides = update_sides(picked, variants)
    show_sides(picked, sides)
    if (failure := match_failure()) is not None:
        st.error(plain(failure))
    show_time_this(picked, sides)
    show_trail(picked, sides)
    show_share(picked, sides)
    show_exports(picked, sides)
