"""The work behind the Compare page: which results there are, and the jobs that compute those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.kept import find_kept
from synthcomp_core.codecs import default_codec_id
from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import file_sha256
from synthcomp_core.ui import query
from synthcomp_core.ui.compare.choice import ComparisonChoice, IsoLock
from synthcomp_core.ui.compare.kept import kept_entries, rendered_of
from synthcomp_core.ui.compare.state import CompareState, Computed
from synthcomp_core.ui.render_cache import (
    Rendered,
    RenderedKey,
    render_for_page,
    rendered_cache,
    rendered_key,
)
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.work_queue import JobState, JobStatus, Work, server_queue, session_id
from synthcomp_core.variants import Variant
from synthcomp_core.variants.matching import BYTES, ISO_QUANTITIES, IsoMatch, match
from synthcomp_core.variants.names import family_name, variant_name


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
    """What is known of a choice. missing: how many variants, matched ones included, nobody has asked for yet.

    under_way: what is being computed or waits for it, as (what it is, how far it is). failed, computing: the variants
    that failed, and those that are being computed or wait for it.
    """

    picked: PickedImage
    results: tuple[Compared, ...]
    missing: int
    failures: tuple[str, ...]
    under_way: tuple[tuple[str, JobStatus[Computed]], ...] = ()
    failed: frozenset[Variant] = frozenset()
    computing: frozenset[Variant] = frozenset()

    @property
    def is_working(self) -> bool:
        """Whether something is under way."""
        return bool(self.under_way)


def comparison_so_far(picked: PickedImage, choice: ComparisonChoice) -> Comparison:
    """The available results of a choice, and what its jobs have published since; starts nothing but what was asked for.

    A job whose variant is no longer chosen is stopped.
    """
    image_hash = picked.sha256
    wanted = {rendered_key(image_hash, variant): variant for variant in choice.variants}
    families = choice.lock.families if choice.lock is not None else ()
    locks = {_lock_key(image_hash, choice.lock, family): family for family in families}
    names = {key: variant_name(variant) for key, variant in wanted.items()}
    under_way = _look_at_jobs(names | {key: family_name(family) for key, family in locks.items()})
    if choice.lock is not None:
        _start_locks(picked, choice.lock, load_state(CompareState).locks_asked)
    state = load_state(CompareState)
    results, failures, missing = [], [], 0
    held: dict[RenderedKey, Rendered] = {}
    for key in wanted:
        rendered = _available(state, key, picked)
        if key in state.failures:
            failures.append(f"{wanted[key]}: {state.failures[key]}")
        elif rendered is not None:
            results.append(Compared(rendered))
            held[key] = rendered
        missing += rendered is None and key not in state.failures and key not in state.jobs
    for lock_key in locks:
        found = state.matches.get(lock_key)
        rendered = _available(state, rendered_key(image_hash, found.variant), picked) if found is not None else None
        if lock_key in state.failures:
            failures.append(state.failures[lock_key])
        elif found is not None and rendered is not None and all(found.variant != other.variant for other in results):
            results.append(Compared(rendered, match_note(found)))
            held[rendered_key(image_hash, found.variant)] = rendered
        missing += rendered is None and lock_key not in state.failures and lock_key not in state.jobs
    store_state(replace(state, held=held))
    return Comparison(
        picked,
        tuple(results),
        missing,
        tuple(failures),
        under_way,
        failed=frozenset(wanted[key] for key in wanted if key in state.failures),
        computing=frozenset(wanted[key] for key in wanted if key in state.jobs),
    )


def start_missing(picked: PickedImage, choice: ComparisonChoice) -> None:
    """Put what is missing or failed into the server's queue; a variant that fails does not affect the others."""
    store_state(replace(load_state(CompareState), failures={}))
    for variant in choice.variants:
        key = rendered_key(picked.sha256, variant)
        if _available(load_state(CompareState), key, picked) is None:
            _submit(key, _rendering(picked, variant))
    store_state(replace(load_state(CompareState), locks_asked=()))
    if choice.lock is not None:
        _start_locks(picked, choice.lock, choice.lock.families)


def start_promised(picked: PickedImage, choice: ComparisonChoice) -> None:
    """Start what a link promises.

    An earlier address of the page, to which the browser has gone back, promises nothing more: what it names may have
    been stopped, or never have been asked for.
    """
    if query.went_back() and load_state(CompareState).has_begun:
        query.write("computed", "")
    else:
        start_missing(picked, choice)


def start_one(picked: PickedImage, variant: Variant) -> None:
    """Put one variant into the queue, also one that has failed before; nothing for one that is there or under way."""
    state, key = load_state(CompareState), rendered_key(picked.sha256, variant)
    failures = {other: why for other, why in state.failures.items() if other != key}
    store_state(replace(state, failures=failures))
    if key not in state.jobs and _available(state, key, picked) is None:
        _submit(key, _rendering(picked, variant))


def _start_locks(picked: PickedImage, lock: IsoLock, asked: Sequence[str]) -> None:
    """Put the matching of the families ``asked`` into the queue, once the anchor has been measured."""
    state = load_state(CompareState)
    store_state(replace(state, locks_asked=tuple(asked)))
    anchor_key = rendered_key(picked.sha256, lock.anchor)
    anchor = _available(state, anchor_key, picked)
    if anchor_key not in state.failures and (anchor is None or not anchor.is_complete):
        return
    store_state(replace(state, locks_asked=()))
    for family in lock.families:
        if family not in asked:
            continue
        lock_key = _lock_key(picked.sha256, lock, family)
        if anchor is None:
            _fail(lock_key, f"{family} cannot be matched: {lock.anchor} has no result.")
        elif not _is_matched(lock_key, picked):
            _submit(lock_key, _matching(picked, lock, family, anchor.row))


def stop_everything() -> None:
    """End what is under way; finished results stay, and what was begun counts as missing."""
    query.write("computed", "")  # The address promises it no longer: to load the page anew starts nothing.
    store_state(replace(load_state(CompareState), locks_asked=()))
    for job in load_state(CompareState).jobs.values():
        job.stop()


def start_failed(picked: PickedImage, choice: ComparisonChoice) -> None:
    """Put what failed into the queue again, and nothing else that is missing."""
    failed = load_state(CompareState).failures
    for variant in choice.variants:
        if rendered_key(picked.sha256, variant) in failed:
            start_one(picked, variant)
    lock = choice.lock
    if lock is None:
        return
    again = {_lock_key(picked.sha256, lock, family): family for family in lock.families}
    again = {key: family for key, family in again.items() if key in failed}
    state = load_state(CompareState)
    store_state(replace(state, failures={key: why for key, why in state.failures.items() if key not in again}))
    _start_locks(picked, lock, [*state.locks_asked, *again.values()])


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


def _is_matched(lock_key: RenderedKey, picked: PickedImage) -> bool:
    state = load_state(CompareState)
    found = state.matches.get(lock_key)
    return found is not None and _available(state, rendered_key(picked.sha256, found.variant), picked) is not None


def _fail(key: RenderedKey, why: str) -> None:
    state = load_state(CompareState)
    store_state(replace(state, failures={**state.failures, key: why}))


def _submit(key: RenderedKey, work: Work[Computed]) -> None:
    state = load_state(CompareState)
    job = server_queue().submit(session_id(), f"compare {key}", key, work)
    store_state(replace(state, jobs={**state.jobs, key: job}, has_begun=True))


def _look_at_jobs(wanted: Mapping[RenderedKey, str]) -> tuple[tuple[str, JobStatus[Computed]], ...]:
    """Take over what the jobs have published; what is still under way."""
    state = load_state(CompareState)
    jobs, held = dict(state.jobs), dict(state.held)
    matches, failures = dict(state.matches), dict(state.failures)
    under_way = []
    for key, job in state.jobs.items():
        status = job.status()
        if key in wanted and status.state == JobState.DROPPED:  # The browser was away, and is back.
            jobs[key] = server_queue().take_up(job)
            status = jobs[key].status()
        if key not in wanted:
            job.stop()
        elif status.latest is not None:
            if status.latest.match is not None:
                matches[key] = status.latest.match
            if status.latest.rendered is not None:
                held[_key_of(key, status.latest)] = status.latest.rendered
        if key not in wanted or status.is_over:
            del jobs[key]
            _forget_begun(held, key if status.latest is None else _key_of(key, status.latest))
        else:
            under_way.append((wanted[key], status))
        if status.error is not None:
            failures[key] = status.error
    store_state(replace(state, jobs=jobs, held=held, matches=matches, failures=failures))
    return tuple(under_way)


def _forget_begun(held: dict[RenderedKey, Rendered], key: RenderedKey) -> None:
    """Drop a rendering whose job has ended before it was measured to the end: it counts as missing."""
    if key in held and not held[key].is_complete:
        del held[key]


def _key_of(key: RenderedKey, computed: Computed) -> RenderedKey:
    """The key of the rendering that a job has published: its own, or that of the variant which a search found."""
    return key if computed.match is None else rendered_key(key[0], computed.match.variant)


def _rendering(picked: PickedImage, variant: Variant) -> Work[Computed]:
    journals = kept_entries()

    def work(on_progress: OnProgress, publish: Callable[[Computed], None]) -> None:
        _render(picked, variant, journals, on_progress, lambda rendered: publish(Computed(rendered)))

    return work


def _render(
    picked: PickedImage,
    variant: Variant,
    journals: list[tuple[str, Entry]],
    on_progress: OnProgress,
    publish: Callable[[Rendered], None],
) -> Rendered:
    kept = find_kept(journals, file_sha256(picked.path), variant) if picked.path is not None and journals else None
    rendered = None if kept is None else rendered_of(kept, picked, on_progress)
    if rendered is None:
        return render_for_page(
            picked.image,
            variant,
            dataset=picked.dataset,
            image_name=picked.name,
            on_progress=on_progress,
            on_ready=publish,
        )
    # Not into the server's cache: other pages want the bitstream and the maps, which a run does not keep.
    publish(rendered)
    return rendered


def _matching(picked: PickedImage, lock: IsoLock, family: str, anchor: ResultRow) -> Work[Computed]:
    """The work that brings a classical family to the anchor's value and renders what was found."""
    journals = kept_entries()
    info = ISO_QUANTITIES[lock.quantity]

    def work(on_progress: OnProgress, publish: Callable[[Computed], None]) -> None:
        target = anchor.num_bytes if lock.quantity == BYTES else getattr(anchor, lock.quantity)
        if target is None:
            why = "is not known" if lock.quantity == BYTES else "was not measured"
            raise SynthcompError(f"The {info.label} of {lock.anchor} {why}; hold another quantity.")
        # An upscaled anchor is met by the codec at full resolution: the question is which of the two ways is better.
        start = Variant(str(default_codec_id(family)))
        try:
            found = match(picked.image, start, lock.quantity, float(target), on_progress=span(on_progress, 0.0, 0.6))
        except SynthcompError as error:
            raise SynthcompError(f"{family}: {error}") from error
        publish(Computed(match=found))
        _render(
            picked,
            found.variant,
            journals,
            span(on_progress, 0.6, 1.0),
            lambda rendered: publish(Computed(rendered, found)),
        )

    return work
