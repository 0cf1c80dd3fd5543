"""The Advise page: one image, one constraint, and the answer in sentences with what it rests on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st

from synthcomp_core.codecs import FAMILIES
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.advice_chart import advice_chart
from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.metrics import Reference
from synthcomp_core.progress import OnProgress, span
from synthcomp_core.results.rows import ResultRow, rows_to_csv
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.compare_link import compare_link
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.ui.widgets.named_choice import pick_many, upscaler_title
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import Job, JobState, server_queue, session_id
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant
from synthcomp_core.variants.advice import Advice, advice, ladder
from synthcomp_core.variants.advice_table import advice_columns
from synthcomp_core.variants.candidates import candidates, lossy_families, rows_for_image
from synthcomp_core.variants.names import family_name
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS, learned_points

# What people ask for: the target's word, the label of its limit, lowest, highest, default, step, and the factor to
# the target's unit.
_CONSTRAINTS = {
    "size": ("bytes", "at most kB", 0.1, 100_000.0, 100.0, 10.0, 1000.0),
    "rate": ("bpp", "at most bpp", 0.001, 24.0, 0.5, 0.05, 1.0),
    "PSNR": ("psnr", "at least PSNR RGB [dB]", 1.0, 99.0, 38.0, 0.5, 1.0),
    "MS-SSIM": ("msssim", "at least MS-SSIM RGB", 0.01, 0.9999, 0.98, 0.005, 1.0),
    "SSIMULACRA2": ("ssimulacra2_", "at least SSIMULACRA2", 1.0, 99.0, 70.0, 1.0, 1.0),
    "FLIP": ("flip", "at most FLIP", 0.001, 0.99, 0.05, 0.005, 1.0),
}
_DEFAULT_FAMILIES = ("jpeg", "webp", "avif", "jxl")
_SCOPES = ("this image", "all images")
_SCALES = ("1", "1.5", "2")
_POLL_S = 0.5
_SEARCHED = 0.8  # The search's share of the work; the rest says at which sizes lower resolutions pay.
_COMPARED = 4  # Variants that the link to Compare carries.


def _family_name(family: str) -> str:
    """A family for people: all qualities of a learned one go by the id of one snapshot."""
    if family in FAMILIES:
        return family_name(family)
    point = next((point for point in learned_points() if point.id == family), None)
    return family if point is None else f"{point.model}, {DISTORTION_LABELS[point.distortion]}, {point.trained_on}"


@dataclass(frozen=True)
class Question:
    """What is asked: the constraint, the families and what of them is tried, the most seconds for encoding, if any."""

    target: Target
    families: tuple[str, ...]
    variants: tuple[Variant, ...]
    max_encode_s: float | None


@dataclass(frozen=True)
class AdviseState:
    """What the page remembers: the job of the question asked last, and that question with its image."""

    job: Job[tuple[ResultRow, ...]] | None = None
    question: Question | None = None
    image: str = ""


def pick_question() -> Question | str:
    """Draw the controls; the question, or a sentence on why there is none."""
    names = list(_CONSTRAINTS)
    query.check_choice("constraint", names, what="the constraint")
    name = str(st.selectbox("Constraint", names, key="constraint", bind="query-params"))
    word, label, low, high, default, step, factor = _CONSTRAINTS[name]
    key = f"limit_{word.rstrip('_')}"  # Each has a range of its own, and so a field of its own.
    query.check_number(key, low, high, what="the limit")
    value = float(st.number_input(label, low, high, default, step, key=key, format="%.4g", bind="query-params"))
    families = lossy_families()
    query.check_choices("scales", _SCALES, what="the scale")
    chosen = pick_many(
        "Codecs",
        families,
        key="families",
        default=_DEFAULT_FAMILIES,
        name_of=_family_name,
        widget=partial(st.multiselect, help="For a learned codec, all qualities are tried, which takes longer."),
        what="the codec",
    )
    scales = st.pills(
        "Scales", _SCALES, selection_mode="multi", default=["1", "2"], key="scales", bind="query-params",
        help="Side of the original divided by the coded side; 1 is full resolution.",
    )  # fmt: skip
    upscalers = [info.id for info in list_upscalers() if info.available]
    enlarging = pick_many(
        "Upscalers for lower resolutions",
        upscalers,
        key="upscalers",
        default=["lanczos"],
        name_of=upscaler_title,
        widget=st.multiselect,
        what="the upscaler",
    )
    query.check_number("max_encode_s", 0.0, 3600.0, what="the time limit")
    most = float(
        st.number_input(
            "Longest encoding time [s], 0 for no limit", 0.0, 3600.0, 0.0, 0.5, key="max_encode_s", bind="query-params"
        )
    )
    if not chosen or not scales:
        return "Pick at least one codec and one scale in the sidebar."
    if not enlarging and any(float(scale) > 1 for scale in scales):
        return "Pick at least one upscaler for lower resolutions in the sidebar, or only scale 1."
    try:
        target = Target.of(word, round(value * factor) if word == "bytes" else value)
        variants = candidates(target, families=chosen, scales=[float(scale) for scale in scales], upscalers=enlarging)
    except SynthcompError as error:
        return str(error)
    return Question(target, tuple(chosen), tuple(variants), most or None)


def pick_scope() -> bool:
    """Draw the choice of what the question is about; whether it is all images of the source."""
    query.check_choice("about", _SCOPES, what="the images")
    scope = st.segmented_control(
        "Images", _SCOPES, default=_SCOPES[0], required=True, key="about", bind="query-params",
        help="For all images of the source, the answer comes with an interval that shows how sure it is.",
    )  # fmt: skip
    return scope == _SCOPES[1]


def has_promise() -> bool:
    """Whether a link promises an answer; asked before anything is drawn, and once: what comes later is no link's."""
    linked = bool(query.arrived("asked"))
    if linked:
        query.write_own("asked", "1")
    return linked


def show_answer(picked: PickedImage, question: Question, linked: bool) -> None:
    """Draw the button, and the answer to the question as far as it is there. linked: whether a link promises it."""
    asked = st.button("Advise", type="primary", icon=":material/lightbulb:", key="advise")
    # A link to an answer asks by itself; later questions wait for the button, since a search takes a while. So do
    # those to which the browser goes back, which may never have been asked, or were stopped.
    if asked:
        query.write_own("asked", "1")
    if asked or (linked and not (query.went_back() and load_state(AdviseState).job is not None)):
        _ask(picked, question)
    elif linked:
        query.write("asked", "")
    state = load_state(AdviseState)
    if state.job is None or state.question != question or state.image != picked.sha256:
        st.info("Press Advise to search the quality of every codec for this constraint.")
        return
    job = state.job
    if not (job.is_stopping or job.status().state == JobState.STOPPED):
        query.write_own("asked", "1")  # So that the address opens with the answer.
    if job.status().state == JobState.DROPPED:  # The browser was away, and is back.
        job = server_queue().take_up(job)
        store_state(replace(state, job=job))
    _draw_until_done(picked, question, job)


def _stop(job: Job[tuple[ResultRow, ...]]) -> None:
    query.write("asked", "")  # The address promises the answer no longer: to load the page anew starts nothing.
    job.stop()


def _ask(picked: PickedImage, question: Question) -> None:
    """Begin the search for an answer, unless it is there or on its way; anew if it failed or was stopped."""
    state = load_state(AdviseState)
    if state.job is not None and (state.question, state.image) == (question, picked.sha256):
        status = state.job.status()
        if status.state == JobState.DONE or not (status.is_over or state.job.is_stopping):
            return

    def search(on_progress: OnProgress, publish: Callable[[tuple[ResultRow, ...]], None]) -> None:
        rows: list[ResultRow] = []
        reference = Reference(picked.image)

        def add(row: ResultRow) -> None:
            rows.append(row)
            publish(tuple(rows))

        rows_for_image(
            picked.image, question.variants, dataset=picked.dataset, image_name=picked.name, reference=reference,
            on_row=add, on_progress=span(on_progress, 0.0, _SEARCHED),
        )  # fmt: skip
        try:
            more = ladder(advice(rows, question.target, max_encode_s=question.max_encode_s), rows)
        except SynthcompError:  # Nothing keeps to the constraint, which the page says.
            return
        rows_for_image(
            picked.image, more.variants, dataset=picked.dataset, image_name=picked.name, metrics=(more.metric,),
            reference=reference, on_row=add, on_progress=span(on_progress, _SEARCHED, 1.0),
        )  # fmt: skip

    name = (picked.sha256, *map(str, question.variants))
    job = server_queue().submit(session_id(), "advise", name, search)
    store_state(AdviseState(job, question, picked.sha256))


def _draw_until_done(picked: PickedImage, question: Question, job: Job[tuple[ResultRow, ...]]) -> None:
    """The answer of the variants tried so far, drawn again and again until all have been."""
    working = not job.status().is_over

    def draw() -> None:
        status = job.status()
        if working and status.is_over:
            st.rerun(scope="app")
        rows = status.latest or ()
        if not status.is_over:
            tried = min(len(rows), len(question.variants))
            st.progress(status.fraction, text=plain(f"{tried} of {len(question.variants)} tried; {status.text}"))
            st.button("Stop", key="advise_stop", icon=":material/stop:", on_click=_stop, args=(job,))
        if status.error is not None:
            st.error(plain(status.error))
        if status.state == JobState.STOPPED:
            st.warning("Stopped: the answer covers only the variants tried until then. Press Advise to search anew.")
        if rows:
            show_found(picked, question, rows, shlex.join(["synthcomp", *command_words(question, picked.argument)]))

    st.fragment(draw, run_every=_POLL_S if working else None)()


def show_found(picked: PickedImage, question: Question, rows: Sequence[ResultRow], command: str) -> None:
    """Draw what the rows advise: sentences, chart, table, and the ways on. picked: the image shown in Compare."""
    try:
        found = read_off(rows, question)
    except SynthcompError as error:
        st.warning(plain(str(error)))
        return
    main = found.verdicts[-1]
    st.markdown(f"**{plain(main.sentence)}**")
    others = [sentence for sentence in found.sentences if sentence != main.sentence]
    if others:
        st.markdown("  \n".join(plain(sentence) for sentence in others))
    chart = advice_chart(found, main.quantity)
    st.plotly_chart(chart, key="advice_chart", config=mode_bar("advice"), alt=chart_alt(chart))
    compared = [str(option.variant) for option in found.options[:_COMPARED]]
    best = "the best" if len(compared) == 1 else f"the best {len(compared)}"
    st.page_link(
        "pages/compare.py", label=f"Look at {best} in Compare", icon=":material/grid_view:",
        query_params=compare_link(compared, source=picked.dataset, image=picked.choice),
    )  # fmt: skip
    _show_table(found)
    for sentence in found.left_out:
        st.caption(plain(f"Left out: {sentence}"))
    at_csv, at_command = st.columns([1, 4])
    at_csv.download_button(
        "CSV", rows_to_csv(rows), "advice.csv", "text/csv", on_click="ignore", icon=":material/download:"
    )
    at_command.code(command, language=None, wrap_lines=True)


def read_off(rows: Sequence[ResultRow], question: Question) -> Advice:
    """What the rows of the question's variants advise; those of others say at which sizes a lower resolution pays."""
    asked = {str(variant) for variant in question.variants}
    answers = [row for row in rows if row.variant in asked]
    rest = [row for row in rows if row.variant not in asked]
    return advice(answers, question.target, max_encode_s=question.max_encode_s, ladder_rows=rest)


def _show_table(found: Advice) -> None:
    columns = advice_columns(found, mark="★")
    cells = {column.heading: [column.text(option) for option in found.options] for column in columns}
    st.dataframe(pd.DataFrame(cells), hide_index=True, key="advice_table")
    st.caption(
        "★: on the Pareto front. Times are from single runs, with others running at the same time; read them as orders "
        "of magnitude."
    )


def command_words(question: Question, images: str) -> list[str]:
    """The verb and its arguments that answer a question. images: the image, folder or data set that it is about."""
    word, value = question.target.word, question.target.value
    parts = [
        "advise",
        images,
        f"--target-{word.rstrip('_')}",
        f"{value:g}" if word != "bytes" else f"{value:.0f}",
    ]
    scales = dict.fromkeys(variant.scale or 1.0 for variant in question.variants)
    upscalers = dict.fromkeys(variant.upscaler for variant in question.variants if variant.upscaler)
    for option, values in (
        ("family", question.families),
        ("scale", [f"{s:g}" for s in scales]),
        ("upscaler", upscalers),
    ):
        for one in values:
            parts += [f"--{option}", str(one)]
    parts += ["--max-encode-s", f"{question.max_encode_s:g}"] if question.max_encode_s else []
    return parts
