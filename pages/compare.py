"""Compare: one image through a matrix of codecs and upscalers, side by side down to the pixel."""

import streamlit as st

from synthcomp_core.ui import query
from synthcomp_core.ui.compare.blind import pick_blind, show_blind
from synthcomp_core.ui.compare.choice import pick_comparison
from synthcomp_core.ui.compare.export import show_copy_anything
from synthcomp_core.ui.compare.juxtapose import show_preview
from synthcomp_core.ui.compare.matrix_map import show_matrix_map
from synthcomp_core.ui.compare.run import Comparison, comparison_so_far, start_failed, start_missing, start_promised
from synthcomp_core.ui.compare.saved import show_saved
from synthcomp_core.ui.compare.view import (
    FIGURE_KEY,
    find_worst,
    forget_shown,
    known_view,
    pick_shown,
    show_comparison,
    show_numbers,
    show_progress,
    show_share,
    show_worst_tiles,
    shown_results,
)
from synthcomp_core.ui.widgets.entry import enter_through_app
from synthcomp_core.ui.widgets.figure_panel import show_figure_panel
from synthcomp_core.ui.widgets.image_picker import pick_image
from synthcomp_core.ui.widgets.text import plain


def compute_label(comparison: Comparison) -> str:
    """What the button says: what it would do, or why there is nothing to do."""
    failed = len(comparison.failures)
    if comparison.missing:
        return f"Compute {comparison.missing} missing" + (f" and {failed} failed" if failed else "")
    if comparison.is_working:
        return f"Computing {len(comparison.under_way)}"
    return f"Try {failed} failed again" if failed else "Everything is computed"


enter_through_app()
with st.sidebar:
    compute_place = st.empty()
    picked = pick_image()
    choice = pick_comparison()
    is_blind = pick_blind()
    show_saved(picked)
if picked is None:
    st.stop()
comparison = comparison_so_far(picked, choice)
if query.arrived("computed"):  # A link promises the results.
    query.write_own("computed", "1")
    forget_shown()
    if comparison.missing:
        start_promised(picked, choice)
        comparison = comparison_so_far(picked, choice)
if compute_place.button(
    compute_label(comparison),
    key="compute",
    type="primary",
    icon=":material/play_arrow:",
    disabled=not comparison.missing and (comparison.is_working or not comparison.failures),
    width="stretch",
):
    query.write_own("computed", "1")
    start_missing(picked, choice)
    st.rerun()

if is_blind:
    if comparison.is_working:
        show_progress(picked, choice)
    else:
        show_blind(picked, comparison.results)
    st.stop()
viewer_place = st.container()  # Filled when it is known which images are chosen for the viewer.
for failure in comparison.failures:
    st.error(plain(failure))
if comparison.failures:
    st.button("Try again", key="again", icon=":material/refresh:", on_click=start_failed, args=(picked, choice))
pick_shown(choice, comparison)
with viewer_place:
    show_comparison(picked, choice, comparison)
shown = shown_results(choice, comparison)
show_matrix_map(picked, choice, comparison, shown)
if comparison.results:
    others = [compared for compared in comparison.results if compared not in shown]
    show_worst_tiles(picked, shown)
    show_numbers(shown, others)
    show_share(picked, shown)
    extra = tuple(compared.variant for compared in comparison.results if compared.variant not in choice.matrix)
    worst = find_worst(picked, shown)
    show_figure_panel(picked, extra, key=FIGURE_KEY, view=known_view, axes=choice.axes, worst=worst)
    show_copy_anything(picked, [*shown, *others])
    show_preview(picked, shown)
elif not comparison.missing and not comparison.is_working:
    st.info("Pick at least one point of the matrix, or name a variant.")
