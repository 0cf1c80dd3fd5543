"""The work behind the Live page's buttons: render both sides, match bytes; results stay in the session."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.errors import SynthcompError
from synthcomp_core.ui.render_cache import Rendered, render_for_page
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import match_bytes

_RESULT = "live_result"


@dataclass(frozen=True)
class SideResult:
    """What became of one side: a rendering, or the sentence that says why there is none."""

    side: str
    variant: Variant
    rendered: Rendered | None
    error: str | None


@dataclass(frozen=True)
class LiveResult:
    """Both sides of the image that was rendered last in this session."""

    picked: PickedImage
    sides: tuple[SideResult, SideResult]


def last_result() -> LiveResult | None:
    """The result that this session shows, until the next one is ready."""
    return st.session_state.get(_RESULT)


def render_sides(picked: PickedImage, variants: dict[str, Variant], place: DeltaGenerator) -> None:
    """Render both sides with their stages shown at ``place``; one side's failure leaves the other's result."""
    results = []
    for side, variant in variants.items():
        rendered, error = None, None
        try:
            with place.container(), stages(f"{side}: {variant}") as on_progress:
                rendered = render_for_page(
                    picked.image, variant, dataset=picked.dataset, image_name=picked.name, on_progress=on_progress
                )
        except SynthcompError as failure:
            error = str(failure)
        results.append(SideResult(side, variant, rendered, error))
    first, second = results
    st.session_state[_RESULT] = LiveResult(picked, (first, second))


def can_match(variant: Variant) -> bool:
    """Whether a variant's codec has a quality that can be searched."""
    family = FAMILIES.get(variant.codec.partition("-q")[0])
    return family is not None and family.qualities is not None


def match_side(result: LiveResult, side: SideResult, other: SideResult, place: DeltaGenerator) -> str | None:
    """Search the quality at which ``side`` takes the other's bytes and set its slider; a sentence on failure."""
    if other.rendered is None:
        return f"{other.side} has no result to match."
    try:
        with place.container(), stages(f"{side.side}: matching {other.rendered.row.num_bytes:,} bytes") as on_progress:
            match = match_bytes(
                result.picked.image, side.variant, other.rendered.rendering.num_bytes, on_progress=on_progress
            )
    except SynthcompError as failure:
        return str(failure)
    quality = match.variant.codec.rpartition("-q")[2]
    # The slider already stands in this run; the next run's start sets it.
    st.session_state["live_matched"] = (side.side.lower(), int(quality))
    render_sides(result.picked, _with(result, side, match.variant), place)
    return None


def apply_matched_quality() -> None:
    """Move the slider of a side whose bytes were matched in the run before; call it before the sliders are drawn."""
    if "live_matched" in st.session_state:
        side, quality = st.session_state.pop("live_matched")
        st.session_state[f"{side}_quality"] = quality


def _with(result: LiveResult, changed: SideResult, variant: Variant) -> dict[str, Variant]:
    return {side.side: variant if side is changed else side.variant for side in result.sides}
