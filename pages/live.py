"""Live: send one image through two variants now, and compare the results."""

import streamlit as st

from synthcomp_core.ui import query
from synthcomp_core.ui.live.run import LiveResult, SideResult, last_result, match_side, render_sides, take_failure
from synthcomp_core.ui.live.side import show_side, side_pictures
from synthcomp_core.ui.viewer import Picture, show_viewer
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import PickedImage, pick_image
from synthcomp_core.ui.widgets.metric_strip import show_metric_strip
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_picker import pick_variant

MATCH_HELP = "Find the highest quality that does not exceed the other side's size."


def show_images(picked: PickedImage, shown: LiveResult | None) -> None:
    """Draw the viewer with the original and what is rendered of it."""
    height, width = picked.image.shape[:2]
    pictures = [Picture("original", f"Original · {picked.name}", picked.png, width, height, f"{width}x{height}", None)]
    overlays: list[Picture] = []
    for side in shown.sides if shown else ():
        if side.rendered is not None:
            picture, side_overlays = side_pictures(side.side, side.rendered)
            pictures.append(picture)
            overlays.extend(side_overlays)
    show_viewer(
        pictures,
        overlays=overlays,
        key="live_viewer",
        crops=crops_on_picture(picked, "live"),
        on_crops=lambda crops: take_crops(crops, "live"),
    )


def show_numbers(shown: LiveResult) -> tuple[SideResult, SideResult] | None:
    """Draw metrics, downloads and the figure panel; the (side, other) whose sizes a click asks to match, if any."""
    clicked = None
    for side in shown.sides:
        if side.error is not None:
            st.error(f"{side.side}: {plain(side.error)}")
    rendered = [(side.side, side.rendered.row) for side in shown.sides if side.rendered is not None]
    if not rendered:
        return None
    show_metric_strip(rendered)
    for side, other, column in zip(shown.sides, reversed(shown.sides), st.columns(2, gap="large"), strict=True):
        with column:
            if side.rendered is not None:
                show_side(side.side, side.rendered, shown.picked)
            if other.rendered is not None and side.searchable:
                label = f"Match {side.side}'s bytes to {other.side}"
                if st.button(label, key=f"match_{side.side}", icon=":material/balance:", help=MATCH_HELP):
                    clicked = side, other
    show_figure_panel(shown.picked, [side.variant for side in shown.sides if side.rendered is not None], key="live")
    return clicked


enter_through_app()
st.title("Live", anchor=False)
st.caption("Pick an image and two variants, render, and compare them pixel by pixel. Everything runs on this machine.")

picked = pick_image()
# No form: the range and default of the quality follow the codec at once.
with st.container(border=True):
    variants = {
        "A": pick_variant("a", default_codec="mbt2018-q4-mse-games"),
        "B": pick_variant("b", default_codec="webp"),
    }
    submitted = st.button("Render both", type="primary", icon=":material/play_arrow:", key="render")
work = st.container()
failure = take_failure()
if failure is not None:
    st.error(plain(failure))

result = last_result()
match_clicked = None
if picked is not None:
    shown = result if result is not None and result.picked.png == picked.png else None
    show_images(picked, shown)
    if shown is not None:
        match_clicked = show_numbers(shown)
    if submitted or (query.is_set("rendered") and result is None):
        query.write("rendered")
        render_sides(picked, variants, work)
        st.rerun()
    if shown is not None and match_clicked is not None:
        match_side(shown, *match_clicked, work)
        st.rerun()
