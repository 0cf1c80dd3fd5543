"""The panel that adopts a project's folder on the server's disk: what lies in it first, and nothing without a click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.library.findings import Finding
from synthcomp_core.library.project_scan import scan_project
from synthcomp_core.progress import OnProgress
from synthcomp_core.storage import typed_path
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.work_queue import Job, server_queue, session_id, tell_page_once
from synthcomp_core.variants.adoption import adopt_project

_POLL_S = 0.5
_FRESH_S = 30  # A page runs again at every click; a folder is not walked each time.


@dataclass(frozen=True)
class AdoptedLines:
    """What became of what was found, a line each."""

    taken: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class AdoptState:
    """What the panel remembers. job: the adoption that was asked for last."""

    job: Job[AdoptedLines] | None = None


def show_adopt_panel() -> None:
    """Draw the panel, folded."""
    with st.expander("Add a folder", key="adopt", on_change="rerun", icon=":material/create_new_folder:") as box:
        if not box.open:
            return
        st.caption(
            "A project's folder on the server's disk: its data sets, weights, renderings, FSR samples and tables are "
            "then offered on every page. They are linked, not copied."
        )
        folder = st.text_input("Project folder", key="adopt_folder").strip()
        if folder:
            _show_findings(folder)
        job = load_state(AdoptState).job
        if job is not None:
            st.fragment(_show_progress, run_every=None if job.status().is_over else _POLL_S)(job)


@st.cache_data(ttl=_FRESH_S, show_spinner="Looking through the folder")
def _scan(folder: str) -> list[Finding]:
    return scan_project(Path(folder))


def _show_findings(typed: str) -> None:
    try:
        folder = typed_path(typed)
        findings = _scan(str(folder))
    except (SynthcompError, OSError) as error:
        st.error(plain(sentence_of(error)))
        return
    counts = Counter(finding.kind.value for finding in findings)
    found = ", ".join(f"{kind}: {number}" for kind, number in counts.items()) or "nothing that can be added"
    st.caption(f"Found: {found}.")
    st.button("Add it", key="adopt_it", on_click=_adopt, args=(folder,), disabled=not findings)


def _adopt(folder: Path) -> None:
    def work(on_progress: OnProgress, publish: Callable[[AdoptedLines], None]) -> None:
        adopted = adopt_project(folder, on_progress=on_progress)
        lines = [(one, f"{one.finding.path.name}: {one.outcome}") for one in adopted]
        publish(
            AdoptedLines(
                tuple(line for one, line in lines if one.path is not None),
                tuple(line for one, line in lines if one.is_left_out),
            )
        )

    store_state(AdoptState(server_queue().submit(session_id(), "adopt", str(folder), work)))


def _show_progress(job: Job[AdoptedLines]) -> None:
    tell_page_once(job)  # The lists on the page hold what was added; and nothing is to be asked again.
    status = job.status()
    if status.error is not None:
        st.error(plain(status.error))
    elif status.latest is not None:
        st.success("  \n".join(plain(line) for line in status.latest.taken) or "Everything had already been added.")
        if status.latest.left_out:
            st.warning("  \n".join(plain(line) for line in status.latest.left_out))
    elif status.is_over:
        st.warning("Adding the folder was interrupted, because this page was closed; click “Add it” again.")
    else:
        st.progress(status.fraction, plain(status.text))
