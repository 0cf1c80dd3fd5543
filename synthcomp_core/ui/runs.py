"""The parts of the Runs page: list of runs, progress, failures, curves, plan and command of one; read from files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from synthcomp_core.batch.status import (
    BATCH,
    FAILED,
    FINISHED,
    INTERRUPTED,
    RESULTS,
    RUNNING,
    STOPPED,
    Failure,
    RunSummary,
    list_runs,
    read_run,
    run_command,
    run_environment,
    run_failures,
    run_plan,
    training_log,
)
from synthcomp_core.errors import SynthcompError
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.figures.training_chart import training_chart
from synthcomp_core.ui.widgets.image_picker import complain_about_url
from synthcomp_core.ui.widgets.text import plain

LIST_EVERY_S, DETAIL_EVERY_S = 5.0, 2.0
_FAILURES_SHOWN = 1000
_STATE_TEXT = {
    RUNNING: ":blue-badge[:material/play_arrow: running]",
    FINISHED: ":green-badge[:material/check: finished]",
    FAILED: ":red-badge[:material/error: finished, with failures]",
    INTERRUPTED: ":orange-badge[:material/pause: interrupted]",
    STOPPED: ":orange-badge[:material/pause: stopped]",
}
_AGAIN = {
    INTERRUPTED: "Run the command below again: it does only what is missing.",
    FAILED: "Run the command below again: it tries the failed tasks once more.",
    STOPPED: "Nothing was heard of it for a while. The command below goes on from the last checkpoint.",
}


def pick_run() -> str | None:
    """Draw the picker and the list of runs; the name of the run picked, None when there is none."""
    names = [run.name for run in list_runs()]
    if not names:
        st.info("No run yet. Start one on the command line; it appears here by itself.")
        st.code("python -m synthcomp_core run artifacts/plans/bundled.toml --workers 2", language="bash")
        _watch_for_runs([])
        return None
    complain_about_url("run", names)
    name = st.selectbox("Run", names, key="run", bind="query-params", help="The one heard of last comes first.")
    _watch_for_runs(names)
    return str(name)


@st.fragment(run_every=LIST_EVERY_S)
def _watch_for_runs(names: Sequence[str]) -> None:
    runs = list_runs()
    if {run.name for run in runs} != set(names):
        st.rerun(scope="app")
    if runs:
        with st.expander(f"All {len(runs)} runs" if len(runs) > 1 else "The one run", expanded=len(runs) > 1):
            _show_list(runs)


def _show_list(runs: Sequence[RunSummary]) -> None:
    frame = pd.DataFrame(
        [
            {
                "run": run.name,
                "kind": run.kind,
                "state": run.state,
                "progress": run.done / run.total if run.total else None,
                "done": f"{run.done}",
                "of": "" if run.total is None else f"{run.total}",
                "failed": f"{run.failed}" if run.kind == BATCH else "",
                "time left": duration(_eta_s(run)) if run.state == RUNNING else "",
                "last heard of": f"{duration(max(0.0, time.time() - run.updated))} ago",
            }
            for run in runs
        ]
    )
    st.dataframe(
        frame,
        column_config={"progress": st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0)},
        hide_index=True,
        key="run_list",
    )


def show_run(name: str) -> None:
    """Draw one run: what changes refreshes by itself, what does not stands below."""
    run = next((run for run in list_runs() if run.name == name), None)
    if run is None:
        st.warning(f"The run {plain(name)} is no longer there.")
        return
    _show_progress(name)
    _show_settings(run)


@st.fragment(run_every=DETAIL_EVERY_S)
def _show_progress(name: str) -> None:
    found = next((run for run in list_runs() if run.name == name), None)
    run = read_run(found.folder) if found else None
    if run is None:
        st.warning(f"The run {plain(name)} is no longer there.")
        return
    unit = "tasks" if run.kind == BATCH else "steps"
    st.markdown(f"{_STATE_TEXT.get(run.state, plain(run.state))} {plain(run.kind)}")
    if run.total:
        st.progress(min(1.0, run.done / run.total), text=f"{run.done:,} of {run.total:,} {unit}")
    columns = st.columns(4)
    columns[0].metric("Done", f"{run.done:,} {unit}")
    columns[1].metric("Time left", duration(_eta_s(run)) or "not known" if run.state == RUNNING else "none")
    columns[2].metric("Last heard of", f"{duration(max(0.0, time.time() - run.updated))} ago")
    if run.kind == BATCH:
        columns[3].metric("Failed", f"{run.failed:,}")
    if run.state in _AGAIN:
        st.warning(_AGAIN[run.state])
    try:
        if run.kind == BATCH:
            _show_failures(run)
        else:
            _show_curves(run)
    except (SynthcompError, OSError) as error:
        st.error(plain(str(error)))


def _show_failures(run: RunSummary) -> None:
    path = run.folder / RESULTS
    if not path.is_file():
        return
    status = path.stat()
    failures = _failures(run.folder, status.st_mtime_ns, status.st_size)
    if not failures:
        return
    st.error(f"{len(failures):,} {'task has' if len(failures) == 1 else 'tasks have'} failed:")
    frame = pd.DataFrame(
        [(one.dataset, one.image, one.variant, one.error) for one in failures[:_FAILURES_SHOWN]],
        columns=["data set", "image", "variant", "error"],
    )
    st.dataframe(
        frame, hide_index=True, column_config={"error": st.column_config.TextColumn(width="large")}, key="failures"
    )


# A long table is not read anew at every refresh that found it unchanged.
@st.cache_data(show_spinner=False, max_entries=8)
def _failures(folder: Path, modified_ns: int, size: int) -> list[Failure]:
    return run_failures(folder)


def _show_curves(run: RunSummary) -> None:
    points = training_log(run.folder)
    if not points:
        st.info("The log is empty so far.")
        return
    st.plotly_chart(training_chart(points, name=run.name), key="curves", config=mode_bar("training"))


def _show_settings(run: RunSummary) -> None:
    if (run.folder / RESULTS).is_file():
        st.page_link(
            "pages/rate_distortion.py",
            label="Rate-distortion curves of this run",
            icon=":material/show_chart:",
            query_params={"results": f"runs/{run.name}"},
        )
    command, plan, environment = run_command(run.folder), run_plan(run.folder), run_environment(run.folder)
    st.subheader("Copy as command", anchor=False)
    if command:
        st.code(command, language="bash", wrap_lines=True)
    else:
        st.caption("This run recorded no command.")
    at_plan, at_environment = st.columns(2, gap="large")
    with at_plan:
        st.subheader("Plan", anchor=False)
        if plan:
            st.code(plan, language="toml", wrap_lines=True)
        else:
            st.caption("This run recorded no plan.")
    with at_environment:
        st.subheader("Environment", anchor=False)
        if environment.pairs:
            frame = pd.DataFrame(environment.pairs, columns=["what", "which"])
            st.dataframe(frame, hide_index=True, key="environment")
        else:
            st.caption("This run recorded no environment.")


def _eta_s(run: RunSummary) -> float | None:
    """Seconds left: as the run says itself, else from what this page has seen of its progress."""
    if run.eta_s is not None:
        return max(0.0, run.eta_s - (time.time() - run.updated))
    seen = st.session_state.setdefault("runs_seen", {})
    done, since = seen.setdefault(run.name, (run.done, run.updated))
    if not run.total or run.done <= done or run.updated <= since:
        return None
    return (run.total - run.done) * (run.updated - since) / (run.done - done)


def duration(seconds: float | None) -> str:
    """Seconds for people: "40 s", "12 min", "3.5 h"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
