"""Pick results for the rate-distortion page: bundled files, runs, uploads. Each file is read once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from synthcomp_core.errors import SynthcompError
from synthcomp_core.results.formats import LoadedResults, load_results, reference_files
from synthcomp_core.storage import artifacts_dir, runs_dir
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.text import plain

THESIS = "thesis_compression_sr_results.csv"
_MAX_KEPT = 16
_UPLOAD_MB = 400  # A table of a million rows is some 300 MB.


def result_files() -> dict[str, Path]:
    """The available results by the name that links use: bundled files by their path, then runs."""
    results = artifacts_dir() / "results"
    files = {path.relative_to(results).as_posix(): path for path in reference_files()}
    for path in sorted(runs_dir().rglob("results.csv")):
        files[f"runs/{path.parent.relative_to(runs_dir()).as_posix()}"] = path
    return files


def pick_results() -> list[LoadedResults]:
    """Draw the picker and read what is picked; files that cannot be read get a sentence each."""
    files = result_files()
    query.check_choices("results", files, what="the results")
    query.keep_among("results", files)
    default = [name for name in ("compact.csv", THESIS) if name in files][:1]
    left, right = st.columns([3, 2], gap="medium")
    chosen = left.multiselect(
        "Results", list(files), default=default, key="results", bind="query-params", help="Bundled tables and runs."
    )
    uploads = right.file_uploader(
        "Add your own", type=["csv", "json"], accept_multiple_files=True, key="rd_uploads", max_upload_size=_UPLOAD_MB,
        help="A results CSV, the thesis CSV, CompressAI's JSON or codec-compare's JSON.",
    )  # fmt: skip
    loaded = []
    for name in chosen:
        path = files[name]
        try:
            loaded.append(_load_file(str(path), path.stat().st_mtime_ns, path.stat().st_size))
        except (SynthcompError, OSError) as error:
            st.error(plain(str(error)))
    for upload in uploads or []:
        try:
            loaded.append(_load_upload(upload.name, upload.file_id, upload))
        except SynthcompError as error:
            st.error(plain(str(error)))
    _show_notes(loaded)
    return loaded


def _show_notes(loaded: Sequence[LoadedResults]) -> None:
    """Say what reading changed: each note once, with the files it is about."""
    files: dict[str, list[str]] = {}
    for results in loaded:
        for note in results.notes:
            files.setdefault(note, []).append(results.name)
    if files:
        st.caption("  \n".join(plain(f"{', '.join(names)}: {note}") for note, names in files.items()))


# A table of a million rows is shared, not copied on every rerun: the page only reads it.
@st.cache_resource(show_spinner="Reading results", max_entries=_MAX_KEPT)
def _load_file(path: str, modified_ns: int, size: int) -> LoadedResults:
    return load_results(Path(path))


@st.cache_resource(show_spinner="Reading results", max_entries=_MAX_KEPT)
def _load_upload(name: str, file_id: str, _upload: UploadedFile) -> LoadedResults:
    return load_results(_upload.getvalue(), name=name)
