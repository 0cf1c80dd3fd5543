"""The parts of the Runs page: the list of runs, and one run's progress, failures, curves, plan and command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from synthcomp_core.batch.journal import JOURNAL, RESULTS
from synthcomp_core.batch.kept import KeptImages, kept_images
from synthcomp_core.batch.status import (
    Failure,
    RunSummary,
    list_runs,
    read_run,
    run_command,
    run_environment,
    run_failures,
    run_plan,
    unrecorded_trainings,
)
from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.rd_chart import mode_bar
from synthcomp_core.figures.training_chart import training_chart
from synthcomp_core.library.run_record import RunKind, Stage
from synthcomp_core.library.sources import image_sources
from synthcomp_core.progress import duration, plural
from synthcomp_core.training.folder import read_log
from synthcomp_core.ui import query
from synthcomp_core.ui.run_control import show_control, take_wanted
from synthcomp_core.ui.widgets.compare_link import compare_link
from synthcomp_core.ui.widgets.text import plain

LIST_EVERY_S, DETAIL_EVERY_S = 5.0, 2.0
_FAILURES_SHOWN, _UNRECORDED_SHOWN = 1000, 5
_COMPARED = 6  # Variants that the link to Compare carries.
_BADGES = {
    Stage.RUNNING: ":blue-badge[:material/play_arrow: running]",
    Stage.FINISHED: ":green-badge[:material/check: finished]",
    Stage.FAILED: ":red-badge[:material/error: failed]",
    Stage.INTERRUPTED: ":orange-badge[:material/pause: interrupted]",
}
_AGAIN = {
    (RunKind.BATCH, Stage.INTERRUPTED): "Run the command below again; it does only what is missing.",
    (RunKind.BATCH, Stage.FAILED): "Run the command below again; it retries the failed tasks.",
    (RunKind.TRAINING, Stage.INTERRUPTED): "Run the command below to resume from the last checkpoint.",
    (
        RunKind.TRAINING,
        Stage.FAILED,
    ): "Once the cause is corrected, the command below resumes from the last checkpoint.",
}


def pick_run() -> str | None:
    """Draw the picker and the list of runs; the name of the run picked, None when there is none."""
    names = [run.name for run in list_runs()]
    _mention_unrecorded()
    if not names:
        st.info("No run yet. Start one in the sidebar or on the command line; it appears here by itself.")
        st.code("python -m synthcomp_core run artifacts/plans/bundled.toml --workers 2", language=None, wrap_lines=True)
        _watch_for_runs([])
        return None
    if (wanted := take_wanted(names)) is not None:
        st.session_state["run"] = wanted
    query.check_choice("run", names)
    name = st.selectbox("Run", names, key="run", bind="query-params", help="Most recently updated first.")
    _watch_for_runs(names)
    return str(name)


def _mention_unrecorded() -> None:
    if names := unrecorded_trainings():
        shown = ", ".join(plain(name) for name in names[:_UNRECORDED_SHOWN])
        more = f" and {len(names) - _UNRECORDED_SHOWN} more" if len(names) > _UNRECORDED_SHOWN else ""
        st.caption(
            "Not listed, because they were trained by an earlier version of Synthcomp, which recorded no state: "
            f"{shown}{more}."
        )


@st.fragment(run_every=LIST_EVERY_S)
def _watch_for_runs(names: Sequence[str]) -> None:
    runs = list_runs()
    if {run.name for run in runs} != set(names):
        st.rerun(scope="app")
    if runs:
        with st.expander(f"All {len(runs)} runs" if len(runs) > 1 else "The only run", expanded=len(runs) > 1):
            _show_list(runs)


def _show_list(runs: Sequence[RunSummary]) -> None:
    frame = pd.DataFrame(
        [
            {
                "run": run.name,
                "kind": run.kind,
                "state": run.stage,
                "progress": run.done / run.total if run.total else None,
                "done": f"{run.done}",
                "of": "" if run.total is None else f"{run.total}",
                "failed": f"{run.failed}" if run.kind == RunKind.BATCH else "",
                "time left": _time_left(run),
                "last update": f"{duration(max(0.0, time.time() - run.updated))} ago",
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
    """Draw one run: progress, which refreshes by itself, and below it plan, command and environment."""
    run = next((run for run in list_runs() if run.name == name), None)
    if run is None:
        st.warning(f"The run {plain(name)} no longer exists.")
        return
    _show_progress(name)
    _show_settings(run)


@st.fragment(run_every=DETAIL_EVERY_S)
def _show_progress(name: str) -> None:
    found = next((run for run in list_runs() if run.name == name), None)
    run = read_run(found.folder) if found else None
    if run is None:
        st.warning(f"The run {plain(name)} no longer exists.")
        return
    unit = "task" if run.kind == RunKind.BATCH else "step"
    st.markdown(f"{_BADGES[run.stage]} {plain(run.kind)}")
    if run.total:
        st.progress(min(1.0, run.done / run.total), text=f"{run.done:,} of {run.total:,} {plural(run.total, unit)}")
    columns = st.columns(4)
    columns[0].metric("Done", f"{run.done:,} {plural(run.done, unit)}")
    columns[1].metric("Time left", (_time_left(run) or "unknown") if run.stage == Stage.RUNNING else "none")
    columns[2].metric("Last update", f"{duration(max(0.0, time.time() - run.updated))} ago")
    if run.kind == RunKind.BATCH:
        columns[3].metric("Failed", f"{run.failed:,}")
    if run.error:
        st.error(plain(run.error))
    show_control(run)
    if (run.kind, run.stage) in _AGAIN:
        st.warning(_AGAIN[run.kind, run.stage])
    try:
        if run.kind == RunKind.BATCH:
            _show_failures(run)
        else:
            _show_curves(run)
    except (SynthcompError, OSError) as error:
        st.error(plain(sentence_of(error)))


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


# So that a long table is not read again at every refresh that finds it unchanged.
@st.cache_data(show_spinner=False, max_entries=8)
def _failures(folder: Path, modified_ns: int, size: int) -> list[Failure]:
    return run_failures(folder)


def _show_curves(run: RunSummary) -> None:
    points = read_log(run.folder)
    if not points:
        st.info("The log is empty so far.")
        return
    chart = training_chart(points, name=run.name)
    st.plotly_chart(chart, key="curves", config=mode_bar("training"), alt=chart_alt(chart))


def _show_settings(run: RunSummary) -> None:
    if (run.folder / RESULTS).is_file():
        st.page_link(
            "pages/rate_distortion.py",
            label="Rate-distortion curves of this run",
            icon=":material/show_chart:",
            query_params={"results": f"runs/{run.name}"},
        )
    _show_compare_link(run)
    command, plan, environment = run_command(run.folder), run_plan(run.folder), run_environment(run.folder)
    st.subheader("Copy as command", anchor=False)
    if command:
        st.code(command, language=None, wrap_lines=True)
    else:
        st.caption("This run recorded no command.")
    at_plan, at_environment = st.columns(2, gap="large")
    with at_plan:
        st.subheader("Plan", anchor=False)
        if plan:
            st.code(plan, language=None, wrap_lines=True)
        else:
            st.caption("This run recorded no plan.")
    with at_environment:
        st.subheader("Environment", anchor=False)
        if environment.pairs:
            frame = pd.DataFrame(environment.pairs, columns=["what", "which"])
            st.dataframe(frame, hide_index=True, key="environment")
        else:
            st.caption("This run recorded no environment.")


def _show_compare_link(run: RunSummary) -> None:
    journal = run.folder / JOURNAL
    if not journal.is_file():
        return
    sources = image_sources()
    pictures = _pictures(str(journal), journal.stat().st_mtime_ns, tuple(sources))
    if pictures is None:
        return
    if pictures.dataset not in sources:
        name = pictures.dataset
        st.caption(
            plain(
                f"The images of {name} are not available here, so Compare cannot show what this run kept of them; "
                f"bring them in with synthcomp data fetch FOLDER --name {name}."
            )
        )
        return
    link = compare_link(pictures.variants[:_COMPARED], source=pictures.dataset, image=pictures.image)
    st.page_link(
        "pages/compare.py", label="Images of this run in Compare", icon=":material/grid_view:", query_params=link
    )


@st.cache_data(show_spinner=False, max_entries=8)
def _pictures(journal: str, modified_ns: int, sources: tuple[str, ...]) -> KeptImages | None:
    return kept_images(Path(journal), preferred=sources)


def _time_left(run: RunSummary) -> str:
    """The time left, as the run estimates it; "" while unknown, and for a run that is not running."""
    return "" if run.eta_s is None else duration(max(0.0, run.eta_s - (time.time() - run.updated)))
