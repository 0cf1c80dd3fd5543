"""Advice on all images of a source: the batch runner carries it out, and the page shows how far it has come."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from synthcomp_core.batch.folder_plan import folder_plan
from synthcomp_core.batch.journal import JOURNAL, Entry, read_journal
from synthcomp_core.batch.launch import last_output, start_verb, stop_run
from synthcomp_core.batch.runner import PreparedRun, prepare
from synthcomp_core.batch.status import RunSummary, read_run, run_words
from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.library.run_record import Stage
from synthcomp_core.library.sources import source_path
from synthcomp_core.progress import duration, plural
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.ui.advise import Question, command_words, read_off, show_found
from synthcomp_core.ui.run_control import may_run, remember, show_dry_run
from synthcomp_core.ui.widgets.image_picker import UPLOAD, PickedImage
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.variants.advice import ladder
from synthcomp_core.variants.candidates import ADVICE_METRICS

_POLL_S = 2.0


@dataclass(frozen=True)
class UnderWay:
    """A question that is being answered, by its words, and the folder of the run that does so."""

    words: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Begun:
    """A program that was begun on this page, and the question that it answers."""

    process: subprocess.Popen[bytes]
    question: UnderWay


@dataclass(frozen=True)
class FolderAdviceState:
    """What the page remembers: the question asked last, by its words, and what it takes; the program begun last."""

    words: tuple[str, ...] = ()
    prepared: PreparedRun | None = None
    begun: Begun | None = None


def show_folder_answer(picked: PickedImage, question: Question) -> None:
    """Draw what the search would take, the button that starts it, and the answer as far as it is there.

    It is the run of the verb `advise`, so that either goes on where the other stopped. picked: one of the images.
    """
    if picked.dataset == UPLOAD:
        st.info("An upload is a single image: ask about this image, or put the images into a data set first.")
        return
    words = tuple(command_words(question, str(source_path(picked.dataset))))
    try:
        prepared = _prepared(picked, question, words)
    except (SynthcompError, OSError) as error:
        st.error(plain(sentence_of(error)))
        return
    show_dry_run(prepared)
    under_way = _under_way(prepared.folder)
    if under_way is not None and under_way.words != words:
        other = f", {shlex.join(['synthcomp', *under_way.words])}" if under_way.words else ""
        st.info(
            plain(f"Another question is being answered{other}. Wait until it is done or stop it, then ask this one.")
        )
    if not may_run():
        st.caption(
            "Runs can only be started from a browser on the machine that runs the app; the command below does the same."
        )
    elif under_way is None and st.button("Advise", type="primary", icon=":material/lightbulb:", key="advise_all"):
        try:
            process = start_verb(words, prepared.plan)
        except OSError as error:
            st.error(plain(sentence_of(error)))
            return
        remember(process)
        store_state(FolderAdviceState(words, prepared, Begun(process, UnderWay(words, prepared.folder))))
        st.rerun()
    _draw_until_done(picked, question, prepared, words)


def _prepared(picked: PickedImage, question: Question, words: tuple[str, ...]) -> PreparedRun:
    """What the question takes; remembered, because every image is hashed for it."""
    state = load_state(FolderAdviceState)
    if state.prepared is not None and state.words == words:
        return state.prepared
    variants = [str(variant) for variant in question.variants]
    prepared = prepare(folder_plan(source_path(picked.dataset), variants, purpose="advise", metrics=ADVICE_METRICS))
    store_state(replace(state, words=words, prepared=prepared))
    return prepared


def _under_way(folder: Path) -> UnderWay | None:
    """The question that is being answered: by the program begun on this page, or by the run of this folder."""
    begun = load_state(FolderAdviceState).begun
    if begun is not None and begun.process.poll() is None:
        return begun.question
    run = read_run(folder)
    if run is None or run.stage != Stage.RUNNING:
        return None
    return UnderWay(run_words(folder), folder)


def _draw_until_done(picked: PickedImage, question: Question, prepared: PreparedRun, words: tuple[str, ...]) -> None:
    """The answer of the images done so far, drawn again and again while the search goes on."""
    before = _under_way(prepared.folder)
    working = before is not None

    def draw() -> None:
        under_way = _under_way(prepared.folder)
        if working and under_way != before:
            store_state(replace(load_state(FolderAdviceState), prepared=None))  # Less is left to do.
            st.rerun(scope="app")
        if under_way is not None:
            _show_progress(read_run(under_way.folder))
        try:
            rows = _rows_so_far(question, prepared, whole_images_only=working)
        except SynthcompError as error:
            st.error(plain(str(error)))
            return
        begun = load_state(FolderAdviceState).begun
        has_failed = begun is not None and begun.question.words == words and begun.process.poll() not in (None, 0)
        if has_failed and not working and not rows:
            st.error(plain(last_output(prepared.folder)))
        command = shlex.join(["synthcomp", *words])
        if rows:
            show_found(picked, question, rows, command)
        elif not working:
            st.code(command, language=None, wrap_lines=True)

    st.fragment(draw, run_every=_POLL_S if working else None)()


def _show_progress(run: RunSummary | None) -> None:
    if run is None or run.stage != Stage.RUNNING or not run.total:
        st.progress(0.0, text="starting")
        return
    left = "" if run.eta_s is None else f"; about {duration(run.eta_s)} left"
    st.progress(min(1.0, run.done / run.total), text=f"{run.done:,} of {run.total:,} {plural(run.total, 'task')}{left}")
    if may_run() and st.button("Stop", key="advise_all_stop", icon=":material/stop:"):
        try:
            stop_run(run)
            st.toast("It stops once the tasks in flight are finished.")
        except (SynthcompError, OSError) as error:
            st.error(plain(sentence_of(error)))


def _rows_so_far(question: Question, prepared: PreparedRun, *, whole_images_only: bool) -> list[ResultRow]:
    """The rows that the journal has of the question's variants, and of those that say where lower resolutions pay."""
    hashes = {(task.dataset, task.image.name): task.image_sha256 for task in prepared.tasks}
    entries = [
        entry
        for entry in read_journal(prepared.folder / JOURNAL).values()
        if hashes.get((entry.row.dataset, entry.row.image)) == entry.image_sha256
    ]
    asked = {str(variant) for variant in question.variants}
    answers = [entry.row for entry in entries if entry.row.variant in asked and _has_all(entry)]
    if whole_images_only:
        number = {image: sum(row.image == image for row in answers) for image in {row.image for row in answers}}
        answers = [row for row in answers if number[row.image] == len(asked)]
    if not answers:
        return []
    try:
        more = {str(variant) for variant in ladder(read_off(answers, question), answers).variants}
    except SynthcompError:  # Nothing keeps to the constraint, which the answer says.
        return answers
    return answers + [entry.row for entry in entries if entry.row.variant in more - asked]


def _has_all(entry: Entry) -> bool:
    return entry.row.error is not None or set(ADVICE_METRICS) <= set(entry.metrics)
