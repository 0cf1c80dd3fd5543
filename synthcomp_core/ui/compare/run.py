"""The work behind the Compare page: which results there are, and computing those that are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.kept import KeptRendering, find_kept, journal_paths, read_entries, read_kept
from synthcomp_core.codecs import default_codec_id
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import image_sha256
from synthcomp_core.metrics import flip_error
from synthcomp_core.progress import OnProgress
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import file_sha256
from synthcomp_core.ui import query
from synthcomp_core.ui.compare.choice import ComparisonChoice, IsoLock
from synthcomp_core.ui.compare.state import CompareState
from synthcomp_core.ui.render_cache import (
    Rendered,
    RenderedKey,
    ready_to_show,
    render_for_page,
    rendered_cache,
    rendered_key,
)
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import BYTES, ISO_QUANTITIES, IsoMatch, match


@dataclass(frozen=True)
class Compared:
    """One variant of the image. note: what the iso lock has to say about it, if anything."""

    rendered: Rendered
    note: str | None = None

    @property
    def variant(self) -> Variant:
        """The variant compared."""
        return self.rendered.rendering.variant

    @property
    def row(self) -> ResultRow:
        """Its row of the results table."""
        return self.rendered.row


@dataclass(frozen=True)
class Comparison:
    """What is known of a choice. missing: how many variants, matched ones included, are still to be computed."""

    picked: PickedImage
    results: tuple[Compared, ...]
    missing: int
    failures: tuple[str, ...]


def comparison_so_far(picked: PickedImage, choice: ComparisonChoice) -> Comparison:
    """The available results of a choice, without computing anything."""
    state = load_state(CompareState)
    image_hash = image_sha256(picked.image)
    results, failures, missing = [], [], 0
    held: dict[RenderedKey, Rendered] = {}
    for variant in choice.variants:
        key = rendered_key(image_hash, variant)
        if key in state.failures:
            failures.append(f"{variant}: {state.failures[key]}")
            continue
        rendered = _available(state, key, picked)
        if rendered is None:
            missing += 1
        else:
            results.append(Compared(rendered))
            held[key] = rendered
    for family in choice.lock.families if choice.lock is not None else ():
        lock_key = _lock_key(image_hash, choice.lock, family)
        if lock_key in state.failures:
            failures.append(state.failures[lock_key])
            continue
        found = state.matches.get(lock_key)
        rendered = _available(state, rendered_key(image_hash, found.variant), picked) if found is not None else None
        if found is None or rendered is None:
            missing += 1
        elif all(found.variant != other.variant for other in results):
            results.append(Compared(rendered, match_note(found)))
            held[rendered_key(image_hash, found.variant)] = rendered
    store_state(replace(state, held=held))
    return Comparison(picked, tuple(results), missing, tuple(failures))


def opens_by_itself(comparison: Comparison) -> bool:
    """Whether the link asks for results and this session has not computed any."""
    return query.is_set("computed") and not comparison.results and not load_state(CompareState).opened


def compute_missing(picked: PickedImage, choice: ComparisonChoice, place: DeltaGenerator) -> None:
    """Compute what is missing, with its stages at ``place``; a variant that fails does not affect the others.

    A rerun of the page, such as a click on Stop, ends the work; what was finished stays.
    """
    store_state(replace(load_state(CompareState), opened=True, failures={}))
    image_hash = image_sha256(picked.image)
    for number, variant in enumerate(choice.variants, start=1):
        _compute(image_hash, picked, variant, f"{number} of {len(choice.variants)}: {variant}", place)
    if choice.lock is None:
        return
    anchor = _available(load_state(CompareState), rendered_key(image_hash, choice.lock.anchor), picked)
    for family in choice.lock.families:
        lock_key = _lock_key(image_hash, choice.lock, family)
        if anchor is None:
            _fail(lock_key, f"{family} cannot be matched: {choice.lock.anchor} has no result.")
            continue
        found = load_state(CompareState).matches.get(lock_key) or _match(
            lock_key, picked, anchor.row, choice.lock, place
        )
        if found is not None:
            _compute(image_hash, picked, found.variant, str(found.variant), place)


def forget_failures() -> None:
    """Let the next computation try again what failed."""
    store_state(replace(load_state(CompareState), failures={}))


def match_note(found: IsoMatch) -> str:
    """What an iso lock reached, or the sentence that says why it is not within its tolerance."""
    if found.why_not is not None:
        return found.why_not
    info = ISO_QUANTITIES[found.quantity]
    reached, target = (f"{value:,.{info.decimals}f}{info.unit}" for value in (found.value, found.target))
    return f"{found.variant} holds {info.label} at {reached} (target: {target})."


def _lock_key(image_hash: str, lock: IsoLock | None, family: str) -> RenderedKey:
    if lock is None:
        raise ValueError("there is no iso lock")
    return (*rendered_key(image_hash, lock.anchor), lock.quantity, family)


def _available(state: CompareState, key: RenderedKey, picked: PickedImage) -> Rendered | None:
    rendered = rendered_cache().get(key) or state.held.get(key)
    if rendered is None:
        return None
    row = replace(rendered.row, dataset=picked.dataset, image=picked.name)
    return replace(rendered, row=row)


def _fail(key: RenderedKey, why: str) -> None:
    state = load_state(CompareState)
    store_state(replace(state, failures={**state.failures, key: why}))


def _compute(image_hash: str, picked: PickedImage, variant: Variant, title: str, place: DeltaGenerator) -> None:
    key = rendered_key(image_hash, variant)
    if _available(load_state(CompareState), key, picked) is not None:
        return
    try:
        with place.container(), stages(title) as on_progress:
            kept = _find_kept(picked, variant)
            if kept is None:
                rendered = render_for_page(
                    picked.image, variant, dataset=picked.dataset, image_name=picked.name, on_progress=on_progress
                )
            else:
                rendered = _from_kept(kept, picked, on_progress)
                rendered_cache().put(key, rendered)
            state = load_state(CompareState)
            store_state(replace(state, held={**state.held, key: rendered}))
    except SynthcompError as failure:
        _fail(key, str(failure))


def _match(
    lock_key: RenderedKey, picked: PickedImage, anchor: ResultRow, lock: IsoLock, place: DeltaGenerator
) -> IsoMatch | None:
    family = lock_key[-1]
    info = ISO_QUANTITIES[lock.quantity]
    target = anchor.num_bytes if lock.quantity == BYTES else getattr(anchor, lock.quantity)
    try:
        if target is None:
            raise SynthcompError(f"{info.label} was not measured for {lock.anchor}; hold another quantity.")
        # An upscaled anchor is met by the codec at full resolution: the question is which of the two ways is better.
        with place.container(), stages(f"{family}: matching {info.label}") as on_progress:
            found = match(
                picked.image,
                Variant(str(default_codec_id(family))),
                lock.quantity,
                float(target),
                on_progress=on_progress,
            )
    except SynthcompError as failure:
        _fail(lock_key, f"{family}: {failure}")
        return None
    state = load_state(CompareState)
    store_state(replace(state, matches={**state.matches, lock_key: found}))
    return found


def _from_kept(kept: KeptRendering, picked: PickedImage, on_progress: OnProgress) -> Rendered:
    on_progress(0.0, f"kept by run {kept.run}")
    rendering = read_kept(kept, picked.image)
    on_progress(0.2, "error map")
    rendered = ready_to_show(rendering, kept.row, flip_error(picked.image, rendering.image), kept_by=kept.run)
    on_progress(1.0, "done")
    return rendered


def _find_kept(picked: PickedImage, variant: Variant) -> KeptRendering | None:
    journals = journal_paths()
    if picked.path is None or not journals:
        return None
    entries = [
        (journal.parent.name, entry)
        for journal in journals
        for entry in _entries(str(journal), journal.stat().st_mtime)
    ]
    return find_kept(entries, file_sha256(picked.path), variant)


@st.cache_data(show_spinner=False, max_entries=8)
def _entries(journal: str, modified: float) -> list[Entry]:
    return read_entries(Path(journal))
