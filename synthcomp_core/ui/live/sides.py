"""The two sides of the Live page: what each should show, the job that renders it, and what is there so far.

The page says at every run which variants it wants. A side whose variant or image has changed gets a new job in the
server's queue, which replaces the one under way; until its image is there, the side keeps the one before, marked as
outdated. Only a rendering that is expected to take long waits for a click.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress
from synthcomp_core.ui.live.expected import server_timings
from synthcomp_core.ui.render_cache import Rendered, RenderedKey, cached_rendering, render_for_page, rendered_key
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.variant_picker import want_variant
from synthcomp_core.ui.work_queue import Job, JobState, JobStatus, server_queue, session_id
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import match_bytes

LONG_S = 10.0  # A rendering that should take longer waits for a click.
_FIRST_LOOK_S = 0.5  # So long a run waits for an image before it draws the page without it.


@dataclass(frozen=True)
class Side:
    """One side of the page.

    key: of the rendering wanted; None before the first. job: under way or over, None for what came from the cache or
    has not been asked for. rendered: what is shown; rendered_key: which rendering that is, so that another key marks it
    as outdated. error: why there is none. expected_s: how long the rendering should take, where it waits for a click.
    """

    variant: Variant
    key: RenderedKey | None = None
    job: Job[Rendered] | None = None
    rendered: Rendered | None = None
    rendered_key: RenderedKey | None = None
    error: str | None = None
    expected_s: float | None = None

    @property
    def is_current(self) -> bool:
        """Whether what is shown is what is wanted."""
        return self.rendered is not None and self.rendered_key == self.key

    @property
    def is_finished(self) -> bool:
        """Whether what is shown is what is wanted, and measured to the end."""
        return self.is_current and self.rendered is not None and self.rendered.is_complete

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will come unless somebody asks for it."""
        return self.job is None or self.job.status().is_over

    @property
    def is_dropped(self) -> bool:
        """Whether the work ended because this page's browser was away; it is back now."""
        return self.job is not None and self.job.status().state == JobState.DROPPED

    @property
    def is_stopped(self) -> bool:
        """Whether somebody ended the work."""
        return self.job is not None and self.job.status().state == JobState.STOPPED


@dataclass(frozen=True)
class Match:
    """A search for the quality at which a side has the other's size, with the image and the variant it began with.

    other: the side whose size it is; other_key: of the rendering that has it.
    """

    side: str
    job: Job[Variant]
    image: str
    variant: Variant
    other: str
    other_key: RenderedKey | None


@dataclass(frozen=True)
class LiveState:
    """What the page remembers.

    image: the digest of the image that the sides belong to. allowed: renderings that take long and were asked for by a
    click. match: under way or over and not yet taken. failure: of a match, said until a control is moved.
    """

    image: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)
    allowed: frozenset[RenderedKey] = frozenset()
    match: Match | None = None
    failure: str | None = None


def update_sides(picked: PickedImage, variants: Mapping[str, Variant]) -> Mapping[str, Side]:
    """Bring the sides to what is wanted now, starting and replacing jobs, and wait a moment for the first image."""
    state = load_state(LiveState)
    is_same = state.image == picked.sha256
    sides = {}
    for name, variant in variants.items():
        before = state.sides.get(name) if is_same else None
        sides[name] = _updated(name, picked, variant, before, state.allowed)
    is_as_before = is_same and all(side.key == state.sides[name].key for name, side in sides.items())
    failure = state.failure if is_as_before else None
    state = replace(state, image=picked.sha256, sides=sides, failure=failure)
    if state.match is not None and not _is_wanted(state.match, state):
        state.match.job.stop()
        if is_same and not _has_its_size(state.match, state):
            state = replace(state, failure=_not_matched(state.match.side, state.match.other))
        state = replace(state, match=None)
    store_state(state)
    _wait_for_an_image(list(sides.values()))
    return look_at_sides()


def look_at_sides() -> Mapping[str, Side]:
    """The sides with what their jobs have published since."""
    state = load_state(LiveState)
    sides = {name: _looked_at(side) for name, side in state.sides.items()}
    store_state(replace(load_state(LiveState), sides=sides))
    return sides


def is_asked_for(sides: Mapping[str, Side]) -> bool:
    """Whether a click has asked for a rendering that nobody has started yet; the page has to be drawn anew."""
    allowed = load_state(LiveState).allowed
    return any(
        side.error is None and (side.key is None or (side.expected_s is not None and side.key in allowed))
        for side in sides.values()
    )


def is_working(sides: Mapping[str, Side]) -> bool:
    """Whether a side or a match is under way."""
    match = load_state(LiveState).match
    return any(not side.is_settled for side in sides.values()) or (match is not None and not match.job.status().is_over)


def allow(key: RenderedKey | None) -> None:
    """Let a rendering that takes long be computed; the click on its button."""
    state = load_state(LiveState)
    if key is not None:
        store_state(replace(state, allowed=state.allowed | {key}))


def try_again(name: str) -> None:
    """Ask anew for what was stopped or has failed; the click on its button."""
    state = load_state(LiveState)
    # Without the job that has failed: the next look at it would take its error over again.
    side = replace(state.sides[name], key=None, job=None, error=None)
    store_state(replace(state, sides={**state.sides, name: side}))


def stop_everything() -> None:
    """End the work of this page; what is finished stays."""
    state = load_state(LiveState)
    for side in state.sides.values():
        if side.job is not None:
            side.job.stop()
    if state.match is not None:
        state.match.job.stop()


def has_size(picked: PickedImage, name: str) -> bool:
    """Whether a side shows a rendering of this image of known size, which the other could match."""
    state = load_state(LiveState)
    return state.image == picked.sha256 and name in state.sides and _num_bytes(state.sides[name]) is not None


def _num_bytes(side: Side) -> int | None:
    """The size of what a side shows; None without a rendering, and for one made elsewhere of which no rate is known."""
    return None if side.rendered is None else side.rendered.row.num_bytes


def start_match(picked: PickedImage, name: str, other: str) -> None:
    """Search for the quality at which side ``name`` takes at most the bytes of side ``other``."""
    state = load_state(LiveState)
    target = state.sides[other]
    variant, num_bytes = state.sides[name].variant, _num_bytes(target)
    if num_bytes is None:
        return
    if not target.is_current:
        why = f"{name} was not matched: {other} does not show what its controls ask for yet."
        store_state(replace(state, failure=why))
        return

    def search(on_progress: OnProgress, publish: Callable[[Variant], None]) -> None:
        publish(match_bytes(picked.image, variant, num_bytes, on_progress=on_progress).variant)

    job = server_queue().submit(session_id(), "live-match", (picked.sha256, str(variant), num_bytes), search)
    match = Match(name, job, picked.sha256, variant, other, target.key)
    store_state(replace(state, match=match, failure=None))


def _is_wanted(match: Match, state: LiveState) -> bool:
    """Whether the side that is being matched still has the image and the variant that the match began with, and the
    other one the size.
    """
    side = state.sides.get(match.side)
    is_as_begun = side is not None and (match.image, match.variant) == (state.image, side.variant)
    return is_as_begun and _has_its_size(match, state)


def _has_its_size(match: Match, state: LiveState) -> bool:
    """Whether the other side still asks for the rendering whose size is searched for."""
    other = state.sides.get(match.other)
    return other is not None and other.key == match.other_key


def _not_matched(name: str, other: str) -> str:
    return (
        f"{name} was not matched to {other}, whose controls have been moved since: press “Match {name}'s bytes to "
        f"{other}” again once {other} shows what they ask for."
    )


def take_match() -> bool:
    """Move the controls of a side whose match is over to what was found; whether the page has to be drawn anew."""
    state = load_state(LiveState)
    match = state.match
    if match is None or not (status := match.job.status()).is_over:
        return False
    if status.latest is not None and _is_wanted(match, state):
        want_variant(match.side.lower(), status.latest)
    store_state(replace(state, match=None, failure=status.error))
    return True


def match_status() -> JobStatus[Variant] | None:
    """How far the search for a size is; None without one."""
    match = load_state(LiveState).match
    return None if match is None else match.job.status()


def match_failure() -> str | None:
    """Why the last match failed, if it did and the controls are as they were."""
    return load_state(LiveState).failure


def _updated(
    name: str, picked: PickedImage, variant: Variant, before: Side | None, allowed: frozenset[RenderedKey]
) -> Side:
    try:
        key = rendered_key(picked.sha256, variant)
        is_asked_anew = before is not None and (before.is_dropped or (before.expected_s and key in allowed))
        if before is not None and before.key == key and not is_asked_anew:
            return before
        shown = Side(variant, key) if before is None else replace(before, variant=variant, key=key)
        shown = replace(shown, job=None, error=None, expected_s=None)
        if before is not None and before.job is not None:
            before.job.stop()
        cached = cached_rendering(picked.image, variant, dataset=picked.dataset, image_name=picked.name)
        if cached is not None:
            return replace(shown, rendered=cached, rendered_key=key)
        expected_s = server_timings().expected_s(picked.image, variant)
        if expected_s > LONG_S and key not in allowed:
            return replace(shown, expected_s=expected_s)
        return replace(shown, job=_start(name, picked, variant, key))
    except SynthcompError as error:
        return Side(variant, error=str(error))


def _start(name: str, picked: PickedImage, variant: Variant, key: RenderedKey) -> Job[Rendered]:
    def render(on_progress: OnProgress, publish: Callable[[Rendered], None]) -> None:
        rendered = render_for_page(
            picked.image,
            variant,
            dataset=picked.dataset,
            image_name=picked.name,
            on_progress=on_progress,
            on_ready=publish,
        )
        server_timings().note(rendered.rendering)

    return server_queue().submit(session_id(), f"live-{name}", key, render)


def _looked_at(side: Side) -> Side:
    if side.job is None:
        return side
    status = side.job.status()
    if status.latest is not None:
        side = replace(side, rendered=status.latest, rendered_key=side.key)
    return replace(side, error=status.error)


def _wait_for_an_image(sides: list[Side]) -> None:
    """Wait until one of the jobs under way has an image, or is over; not for long."""
    jobs = [side.job for side in sides if side.job is not None and not side.job.status().is_over]
    if not jobs or any(job.status().latest is not None for job in jobs):
        return
    end = time.monotonic() + _FIRST_LOOK_S
    jobs[0].wait(
        lambda _: any((status := job.status()).latest is not None or status.is_over for job in jobs),
        max(0.0, end - time.monotonic()),
    )
