"""Live: send one image through two variants now, and look at what comes out."""

import streamlit as st

from synthcomp_core.ui.live.run import apply_matched_quality, can_match, last_result, match_side, render_sides
from synthcomp_core.ui.live.side import show_side, side_pictures
from synthcomp_core.ui.viewer import Picture, show_viewer
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.figure_panel import crops_on_picture, show_figure_panel, take_crops
from synthcomp_core.ui.widgets.image_picker import pick_image
from synthcomp_core.ui.widgets.metric_strip import show_metric_strip
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_picker import pick_variant

MATCH_HELP = "Search the quality whose bytes come closest from below."

enter_through_app()
st.title("Live", anchor=False)
st.caption(
    "Pick an image and two variants, render, and compare them down to the pixel. Everything runs on this machine."
)

picked = pick_image()
apply_matched_quality()
with st.form("variants", border=True):
    variant_a = pick_variant("a", default_codec="mbt2018-q4-mse-games")
    variant_b = pick_variant("b", default_codec="webp")
    submitted = st.form_submit_button("Render both", type="primary", icon=":material/play_arrow:", key="render")
work = st.container()
failure = st.session_state.pop("live_failure", None)
if failure is not None:
    st.error(plain(failure))

result = last_result()
shown = None
if picked is not None:
    height, width = picked.image.shape[:2]
    shown = result if result is not None and result.picked.png == picked.png else None
    overlays: list[Picture] = []
    pictures = [Picture("original", f"Original · {picked.name}", picked.png, width, height, f"{width}x{height}", None)]
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

match_clicked = None
if shown is not None:
    rows = [(side.side, side.rendered.row) for side in shown.sides if side.rendered is not None]
    for side in shown.sides:
        if side.error is not None:
            st.error(f"{side.side}: {plain(side.error)}")
    if rows:
        show_metric_strip(rows)
    for side, other, column in zip(shown.sides, reversed(shown.sides), st.columns(2, gap="large"), strict=True):
        with column:
            if side.rendered is not None:
                show_side(side.side, side.rendered, shown.picked)
            if other.rendered is not None and can_match(side.variant):
                match_label = f"Match {side.side}'s bytes to {other.side}"
                if st.button(match_label, key=f"match_{side.side}", icon=":material/balance:", help=MATCH_HELP):
                    match_clicked = (side, other)
    if rows:
        show_figure_panel(shown.picked, [side.variant for side in shown.sides if side.rendered is not None], key="live")

opened_by_link = "rendered" in st.query_params and result is None
if picked is not None and (submitted or opened_by_link):
    st.query_params["rendered"] = "1"
    render_sides(picked, {"A": variant_a, "B": variant_b}, work)
    st.rerun()
if match_clicked is not None and shown is not None:
    st.session_state["live_failure"] = match_side(shown, *match_clicked, work)
    st.rerun()
