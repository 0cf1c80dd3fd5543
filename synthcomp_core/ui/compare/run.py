"""The work behind the Compare page: which results there are, and computing those that are missing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.kept import KeptRendering, find_kept, journal_paths, read_entries, read_kept
from synthcomp_core.batch.tasks import file_sha256
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import image_sha256, png_bytes, read_image
from synthcomp_core.metrics import flip_colours, flip_error
from synthcomp_core.metrics.tiles import error_of_map, tile_means
from synthcomp_core.progress import OnProgress
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.ui.compare.choice import ComparisonChoice, IsoLock
from synthcomp_core.ui.render_cache import Rendered, render_for_page, rendered_cache, variant_key
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.stages import stages
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import BYTES, ISO_QUANTITIES, IsoMatch, match

_Key = tuple[str, ...]
_MEMORY = "compare_memory"


@dataclass(frozen=True)
class Compared:
    """One variant of the image: its pictures, and the mean FLIP of its tiles.

    coded_png: the coded picture before upscaling, None where nothing was upscaled. kept_by: the run that the picture
    was taken from, None when it was computed here. note: what the iso lock has to say of it.
    """

    rendered: Rendered
    tile_errors: NDArray[np.float64]
    coded_png: bytes | None = None
    kept_by: str | None = None
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


@dataclass
class _Memory:
    """What a session keeps beside the renderings, which the server's cache holds: small things, by what made them."""

    tile_errors: dict[_Key, NDArray[np.float64]] = dataclasses.field(default_factory=dict)
    coded_pngs: dict[_Key, bytes] = dataclasses.field(default_factory=dict)
    kept_by: dict[_Key, str] = dataclasses.field(default_factory=dict)
    matches: dict[_Key, IsoMatch] = dataclasses.field(default_factory=dict)
    failures: dict[_Key, str] = dataclasses.field(default_factory=dict)
    # The pictures on screen stay, also when the cache drops them for those of another session.
    held: dict[_Key, Rendered] = dataclasses.field(default_factory=dict)


def comparison_so_far(picked: PickedImage, choice: ComparisonChoice) -> Comparison:
    """The results at hand for a choice, without computing anything."""
    memory = _memory()
    image_hash = image_sha256(picked.image)
    results, failures, missing = [], [], 0
    held: dict[_Key, Rendered] = {}
    for variant in choice.variants:
        key = _key(image_hash, variant)
        if key in memory.failures:
            failures.append(f"{variant}: {memory.failures[key]}")
            continue
        compared = _at_hand(memory, key, picked)
        if compared is None:
            missing += 1
        else:
            results.append(compared)
            held[key] = compared.rendered
    for family in choice.lock.families if choice.lock is not None else ():
        lock_key = _lock_key(image_hash, choice.lock, family)
        if lock_key in memory.failures:
            failures.append(memory.failures[lock_key])
            continue
        found = memory.matches.get(lock_key)
        compared = _at_hand(memory, _key(image_hash, found.variant), picked) if found is not None else None
        if found is None or compared is None:
            missing += 1
        elif all(found.variant != other.variant for other in results):
            results.append(dataclasses.replace(compared, note=match_note(found)))
            held[_key(image_hash, found.variant)] = compared.rendered
    memory.held = held
    return Comparison(picked, tuple(results), missing, tuple(failures))


def compute_missing(picked: PickedImage, choice: ComparisonChoice, place: DeltaGenerator) -> None:
    """Compute what is missing, with its stages at ``place``; a variant that fails leaves the others' results.

    A rerun of the page, such as a click on Stop, ends the work; what was finished stays.
    """
    memory = _memory()
    image_hash = image_sha256(picked.image)
    memory.failures.clear()
    for number, variant in enumerate(choice.variants, start=1):
        key = _key(image_hash, variant)
        if _at_hand(memory, key, picked) is None:
            _compute(memory, key, picked, variant, f"{number} of {len(choice.variants)}: {variant}", place)
    if choice.lock is None:
        return
    anchor = _at_hand(memory, _key(image_hash, choice.lock.anchor), picked)
    for family in choice.lock.families:
        lock_key = _lock_key(image_hash, choice.lock, family)
        if anchor is None:
            memory.failures[lock_key] = f"{family} cannot be matched: {choice.lock.anchor} has no result."
            continue
        if lock_key not in memory.matches and not _match(memory, lock_key, picked, anchor.row, choice.lock, place):
            continue
        variant = memory.matches[lock_key].variant
        key = _key(image_hash, variant)
        if _at_hand(memory, key, picked) is None:
            _compute(memory, key, picked, variant, str(variant), place)


def forget_failures() -> None:
    """Let the next computation try again what failed."""
    _memory().failures.clear()


def match_note(found: IsoMatch) -> str:
    """What an iso lock reached, or the sentence that says why it is not within its tolerance."""
    if found.why_not is not None:
        return found.why_not
    info = ISO_QUANTITIES[found.quantity]
    reached = f"{found.value:,.{info.decimals}f}{info.unit}"
    return f"{found.variant} holds {info.label} at {reached} (asked for: {found.target:,.{info.decimals}f}{info.unit})."


def _memory() -> _Memory:
    memory: _Memory = st.session_state.setdefault(_MEMORY, _Memory())
    return memory


def _key(image_hash: str, variant: Variant) -> _Key:
    try:
        return variant_key(image_hash, variant)
    except SynthcompError:
        return image_hash, str(variant), "absent"


def _lock_key(image_hash: str, lock: IsoLock | None, family: str) -> _Key:
    if lock is None:
        raise ValueError("there is no iso lock")
    return (*_key(image_hash, lock.anchor), lock.quantity, family)


def _at_hand(memory: _Memory, key: _Key, picked: PickedImage) -> Compared | None:
    rendered = rendered_cache().get(key) or memory.held.get(key)
    if rendered is None:
        return None
    if key not in memory.tile_errors:
        memory.tile_errors[key] = tile_means(error_of_map(read_image(rendered.flip_png, name="error map").image))
    rendering = rendered.rendering
    if rendering.coded_image.shape != rendering.image.shape and key not in memory.coded_pngs:
        memory.coded_pngs[key] = png_bytes(rendering.coded_image)
    row = dataclasses.replace(rendered.row, dataset=picked.dataset, image=picked.name)
    return Compared(
        dataclasses.replace(rendered, row=row),
        memory.tile_errors[key],
        coded_png=memory.coded_pngs.get(key),
        kept_by=memory.kept_by.get(key),
    )


def _compute(
    memory: _Memory, key: _Key, picked: PickedImage, variant: Variant, title: str, place: DeltaGenerator
) -> None:
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
                memory.kept_by[key] = kept.run
            memory.held[key] = rendered
    except SynthcompError as failure:
        memory.failures[key] = str(failure)


def _match(
    memory: _Memory, lock_key: _Key, picked: PickedImage, anchor: ResultRow, lock: IsoLock, place: DeltaGenerator
) -> bool:
    family = lock_key[-1]
    info = ISO_QUANTITIES[lock.quantity]
    target = anchor.num_bytes if lock.quantity == BYTES else getattr(anchor, lock.quantity)
    try:
        if target is None:
            raise SynthcompError(f"{info.label} was not measured for {lock.anchor}; hold another quantity.")
        # An upscaled anchor is met by the codec at full resolution: the question is which of the two ways is better.
        with place.container(), stages(f"{family}: matching {info.label}") as on_progress:
            memory.matches[lock_key] = match(
                picked.image, Variant(f"{family}-q0"), lock.quantity, float(target), on_progress=on_progress
            )
    except SynthcompError as failure:
        memory.failures[lock_key] = f"{family}: {failure}"
        return False
    return True


def _from_kept(kept: KeptRendering, picked: PickedImage, on_progress: OnProgress) -> Rendered:
    on_progress(0.0, f"kept by run {kept.run}")
    rendering = read_kept(kept, picked.image)
    on_progress(0.2, "error map")
    flip_png = png_bytes(flip_colours(flip_error(picked.image, rendering.image)))
    on_progress(1.0, "done")
    return Rendered(rendering, kept.row, png_bytes(rendering.image), flip_png, None)


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
