"""Pick results for the rate-distortion page: bundled files, runs, anchors, uploads, pasted curves; each read once."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from synthcomp_core import limits
from synthcomp_core.batch.journal import RESULTS
from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.metrics import METRICS
from synthcomp_core.results.formats import LoadedResults, load_results, reference_files
from synthcomp_core.results.formats.loose import TEMPLATE
from synthcomp_core.results.formats.pasted import parse_pasted
from synthcomp_core.results.table import without_rate
from synthcomp_core.storage import artifacts_dir, runs_dir
from synthcomp_core.ui import query
from synthcomp_core.ui.rate_distortion.choice import RDState, dataset_names, follow_results
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

THESIS = "thesis_compression_sr_results.csv"
# Those of the bundled files that people compare with: name on the page, file.
ANCHORS = {"VTM": "compressai-kodak/vtm.json", "BPG": "compressai-kodak/bpg_444_x265_ycbcr.json"}
ANCHOR_DATASET = "kodak"
_MAX_KEPT = 16
_NAME_CHARACTERS = 60


def result_files() -> dict[str, Path]:
    """The available results by the name that links use: bundled files by their path, adopted ones, then runs."""
    results = artifacts_dir() / "results"
    files = {
        path.relative_to(results).as_posix() if path.is_relative_to(results) else f"adopted/{path.name}": path
        for path in reference_files()
    }
    for path in sorted(runs_dir().rglob(RESULTS)):
        files[f"runs/{path.parent.relative_to(runs_dir()).as_posix()}"] = path
    return files


def pick_results(notices: DeltaGenerator) -> list[LoadedResults]:
    """Draw the picker of files and read what is picked; files that cannot be read get a sentence in ``notices``."""
    files = result_files()
    query.check_choices("results", files, what="the results")
    query.keep_among("results", files)
    default = [name for name in ("compact.csv", THESIS) if name in files][:1]
    chosen = st.multiselect(
        "Results", list(files), default=default, key="results", bind="query-params", help="Bundled tables and runs."
    )
    loaded = [results for name in chosen if (results := _read(name, files[name], notices)) is not None]
    loaded += _pick_anchors(files, chosen, loaded, notices)
    _show_notes(loaded)
    follow_results(chosen, loaded)
    return loaded


def default_dataset(loaded: Sequence[LoadedResults]) -> str:
    """The data set that is shown, as far as known before it is picked: what a pasted curve is most likely of."""
    names = dataset_names(loaded)
    held = st.session_state.get("dataset")
    return str(held) if held in names else next(iter(names), "pasted")


def add_results(metric: str, picked: Sequence[LoadedResults], notices: DeltaGenerator) -> list[LoadedResults]:
    """Draw the means to add results of one's own, a file or a pasted curve, and read what was added.

    metric: of the values pasted. picked: the other results, whose names files must not share and whose data set is
    proposed for pasted values. notices: where a file or a text that cannot be read gets a sentence.
    """
    dataset = default_dataset(picked)
    with st.expander("Add results", icon=":material/add:"):
        uploads = st.file_uploader(
            "Files", type=["csv", "tsv", "json", "txt"], accept_multiple_files=True, key="rd_uploads",
            max_upload_size=limits.UPLOAD_BYTES // limits.MIB,
            help="A results CSV, the thesis CSV, others' JSON, or a table with a rate (bpp) and a metric (psnr).",
        )  # fmt: skip
        st.download_button(
            "Example table", TEMPLATE, "my-codec.csv", "text/csv", key="rd_template", on_click="ignore",
            icon=":material/download:", help="The smallest table that is read here, to fill with your own numbers.",
        )  # fmt: skip
        text = st.text_area(
            f"Or paste a curve: bpp, {METRICS[metric].label}", key="rd_pasted", height=120,
            placeholder="0.12, 29.8\n0.25, 32.1\n0.48, 34.6", help="One point per line, as papers print them.",
            persist_state="session",
        )  # fmt: skip
        _propose(dataset)
        at_name, at_dataset = st.columns(2)
        name = at_name.text_input(
            "Name of the curve", "pasted", key="rd_pasted_name", max_chars=_NAME_CHARACTERS, persist_state="session"
        )
        of = at_dataset.text_input(
            "Its data set", key="rd_pasted_dataset", max_chars=_NAME_CHARACTERS, persist_state="session"
        )
    loaded = []
    names = [results.name for results in picked]
    for upload in uploads or []:
        names.append(_distinct(upload.name, names))
        try:
            loaded.append(_load_upload(names[-1], upload.file_id, upload))
        except SynthcompError as error:
            notices.error(plain(str(error)))
    if text.strip():
        try:
            loaded.append(_load_pasted(text, metric, name.strip() or "pasted", of.strip() or dataset))
        except SynthcompError as error:
            notices.error(plain(str(error)))
    _show_notes(loaded)
    return loaded


def _propose(dataset: str) -> None:
    """Propose the data set of a pasted curve, until somebody has named another or pasted one."""
    state, held = load_state(RDState), st.session_state.get("rd_pasted_dataset")
    if held is None or (held == state.proposed and not st.session_state.get("rd_pasted")):
        st.session_state["rd_pasted_dataset"] = dataset
        store_state(replace(state, proposed=dataset))


def _pick_anchors(
    files: Mapping[str, Path], chosen: Sequence[str], loaded: Sequence[LoadedResults], notices: DeltaGenerator
) -> list[LoadedResults]:
    """The published curves of VTM and BPG, switched on and off, where the results are of the same images."""
    available = [label for label, name in ANCHORS.items() if name in files and name not in chosen]
    if ANCHOR_DATASET not in dataset_names(loaded) or not available:
        return []
    query.check_choices("anchors", available, what="the anchor")
    query.keep_among("anchors", available)
    on = st.pills(
        f"Published anchors ({ANCHOR_DATASET})", available, selection_mode="multi", default=available, key="anchors",
        bind="query-params", help="From CompressAI's published results, means over the 24 Kodak images.",
    )  # fmt: skip
    return [results for label in on if (results := _read(ANCHORS[label], files[ANCHORS[label]], notices)) is not None]


def _read(name: str, path: Path, notices: DeltaGenerator) -> LoadedResults | None:
    try:
        return _load_file(name, str(path), path.stat().st_mtime_ns, path.stat().st_size)
    except (SynthcompError, OSError) as error:
        notices.error(plain(sentence_of(error)))
        return None


def _distinct(name: str, taken: Collection[str]) -> str:
    """The name, numbered where another file has it: only by their names are the curves of two files told apart."""
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _show_notes(loaded: Sequence[LoadedResults]) -> None:
    """Say what reading changed: each note once, with the files it is about."""
    files: dict[str, list[str]] = {}
    for results in loaded:
        for note in results.notes:
            files.setdefault(note, []).append(results.name)
        if lacking := without_rate(results.table):
            files.setdefault(f"No rate is known for {', '.join(lacking)}, so no curve includes them.", []).append(
                results.name
            )
    if files:
        with st.expander("Notes on these files"):
            st.caption("  \n".join(plain(f"{', '.join(names)}: {note}") for note, names in files.items()))


# A table of a million rows is shared, not copied on every rerun: the page only reads it.
@st.cache_resource(show_spinner="Reading results", max_entries=_MAX_KEPT)
def _load_file(name: str, path: str, modified_ns: int, size: int) -> LoadedResults:
    file = Path(path)
    # Every run's table is called results.csv, so that a message must name the run.
    loaded = load_results(file, name=f"{name}/{RESULTS}" if file.name == RESULTS else file.name)
    return replace(loaded, name=name)


@st.cache_resource(show_spinner="Reading results", max_entries=_MAX_KEPT)
def _load_upload(name: str, file_id: str, _upload: UploadedFile) -> LoadedResults:
    return load_results(_upload.getvalue(), name=name)


@st.cache_resource(show_spinner=False, max_entries=_MAX_KEPT)
def _load_pasted(text: str, metric: str, name: str, dataset: str) -> LoadedResults:
    return parse_pasted(text, metric=metric, curve=name, dataset=dataset)
