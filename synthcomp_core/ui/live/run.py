"""The work behind the Live page's buttons: render both sides, match sizes; the session keeps the results."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.errors import SynthcompError
from synthcomp_core.ui.render_cache import Rendered, render_for_page
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.variant_picker import want_quality
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import match_bytes


@dataclass(frozen=True)
class SideResult:
    """What became of one side: a rendering, or the sentence that says why there is none."""

    side: str
    variant: Variant
    rendered: Rendered | None
    error: str | None

    @property
    def searchable(self) -> bool:
        """Whether the side's codec has a quality that can be searched for."""
        return self.variant.codec_id.searchable


@dataclass(frozen=True)
class LiveResult:
    """Both sides of the image that was rendered last in this session."""

    picked: PickedImage
    sides: tuple[SideResult, SideResult]


@dataclass(frozen=True)
class LiveState:
    """What the page remembers. result: shown until the next one is ready. failure: of a match, to be shown once."""

    result: LiveResult | None = None
    failure: str | None = None


def last_result() -> LiveResult | None:
    """The result that this session shows, until the next one is ready."""
    return load_state(LiveState).result


def take_failure() -> str | None:
    """Why the match before this run failed, if it did; said once."""
    state = load_state(LiveState)
    store_state(replace(state, failure=None))
    return state.failure


def render_sides(picked: PickedImage, variants: dict[str, Variant], place: DeltaGenerator) -> None:
    """Render both sides with their stages shown at ``place``; a side that fails does not affect the other."""
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
    store_state(replace(load_state(LiveState), result=LiveResult(picked, (first, second))))


def match_side(result: LiveResult, side: SideResult, other: SideResult, place: DeltaGenerator) -> None:
    """Find the quality at which ``side`` takes at most the other's bytes, render it, and move its slider there."""
    try:
        if other.rendered is None:
            raise SynthcompError(f"{other.side} has no result to match.")
        with place.container(), stages(f"{side.side}: matching {other.rendered.row.num_bytes:,} bytes") as on_progress:
            match = match_bytes(
                result.picked.image, side.variant, other.rendered.rendering.num_bytes, on_progress=on_progress
            )
    except SynthcompError as failure:
        store_state(replace(load_state(LiveState), failure=str(failure)))
        return
    quality = match.variant.codec_id.quality
    if quality is not None:
        want_quality(side.side.lower(), int(quality))
    variants = {each.side: match.variant if each is side else each.variant for each in result.sides}
    render_sides(result.picked, variants, place)
