"""Starting, stopping and resuming batch runs from the Runs page, for people at this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from synthcomp_core.batch.cluster import Workers, local_share
from synthcomp_core.batch.estimate import estimate
from synthcomp_core.batch.journal import JOURNAL, read_journal
from synthcomp_core.batch.launch import OUTPUT, bundled_plans, last_output, resume_run, start_run, stop_run
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.runner import PreparedRun, prepare, run_folder
from synthcomp_core.batch.status import RunSummary, list_runs, read_run
from synthcomp_core.errors import SynthcompError, sentence_of
from synthcomp_core.library.run_record import RunKind, Stage
from synthcomp_core.progress import counted, duration
from synthcomp_core.runtime import is_switched_on
from synthcomp_core.storage import is_same, typed_path
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain

ALLOW_VARIABLE, ALLOW_OPTION = "SYNTHCOMP_ALLOW_RUNS", "--allow-runs"
_OWN_PLAN = "a plan of your own"
_STARTING_S = 30.0  # Then the list, which is read again and again, shows the run as soon as it is there.
_LOOK_AGAIN_S = 0.2
_INTERRUPTED = 130  # The status with which a program ends that was asked to stop.
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class BegunRun:
    """A program that was begun on this page, the run that it carries out, and when, in seconds since 1970."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]
    since: float


@dataclass(frozen=True)
class RunControlState:
    """What the page remembers. wanted: the run that was started last and is to be shown once it is there.

    begun: the program that was begun last on this page.
    """

    wanted: str = ""
    begun: BegunRun | None = None


def take_wanted(names: Sequence[str]) -> str | None:
    """The run to show because it was started here, once it is among ``names``."""
    state = load_state(RunControlState)
    wanted = state.wanted
    if wanted not in names:
        return None
    store_state(replace(state, wanted=""))
    return wanted


def may_run() -> bool:
    """Whether this browser may start and stop programs: it is on this machine, or the server was told to allow it."""
    if is_switched_on(ALLOW_VARIABLE) or ALLOW_OPTION in sys.argv:
        return True
    return is_local(st.context.headers, st.context.ip_address)


def is_local(headers: Mapping[str, str], address: str | None) -> bool:
    """Whether a request comes from this machine. address: of the browser, None where Streamlit calls it local."""
    # A proxy on this machine makes everybody look local; it says so in its headers.
    if any(headers.get(name) for name in ("X-Forwarded-For", "X-Real-Ip", "Forwarded")):
        return False
    host = re.sub(r":\d+$", "", headers.get("Host") or "")
    return address in (None, "127.0.0.1", "::1") and host in ("", *_LOCAL_HOSTS)


def show_start() -> None:
    """Draw the choice of a plan, what it would take, and the button that starts it."""
    begun = load_state(RunControlState).begun
    if begun is not None and read_run(begun.folder) is None:  # Else it is said with the run.
        _show_ending(begun)
    with st.expander("Start a run", icon=":material/play_arrow:"):
        if not may_run():
            st.caption(
                f"Runs can only be started from a browser on the machine that runs the app, unless the app is started "
                f"with {ALLOW_VARIABLE}=1."
            )
            return
        plans = bundled_plans()
        options = [*plans, _OWN_PLAN]
        query.check_choice("plan", options, what="the plan")
        name = str(st.selectbox("Plan", options, key="plan", bind="query-params"))
        text = ""
        if name == _OWN_PLAN:
            text = st.text_input("Plan file on this machine", key="own_plan", persist_state="session")
        if name == _OWN_PLAN and not text:
            st.caption("A TOML file; see artifacts/plans for examples.")
            return
        try:
            plan = read_run_plan(plans.get(name) or typed_path(text))
            show_dry_run(prepare(plan))
        except (SynthcompError, OSError) as error:
            st.error(plain(sentence_of(error)))
            return
        if st.button("Start", type="primary", key="start_run", icon=":material/play_arrow:"):
            since = time.time()
            try:
                process = start_run(plan)
            except (SynthcompError, OSError) as error:
                st.error(plain(sentence_of(error)))
                return
            remember(process)
            store_state(RunControlState(plan.name, BegunRun(plan.name, run_folder(plan), process, since)))
            with st.spinner(plain(f"{plan.name} is starting.")):
                _wait_until_listed(plan.name, process)
            st.rerun()


def _wait_until_listed(name: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the run can be shown: it lists itself a few seconds after its start."""
    limit = time.monotonic() + _STARTING_S
    while time.monotonic() < limit and process.poll() is None:
        if any(run.name == name and run.stage == Stage.RUNNING for run in list_runs()):
            return
        time.sleep(_LOOK_AGAIN_S)


def show_dry_run(prepared: PreparedRun) -> None:
    """Say what a run would take: images, variants, tasks, time and disk space."""
    expected = estimate(prepared.todo, read_journal(prepared.folder / JOURNAL).values())
    processes = local_share(Workers()).processes
    done = len(prepared.tasks) - len(prepared.todo)
    images = counted(len({(task.dataset, task.image) for task in prepared.tasks}), "image")
    variants = counted(len({task.variant for task in prepared.tasks}), "variant")
    st.markdown(
        plain(
            f"{prepared.plan.name}: {images}, {variants}, {counted(len(prepared.tasks), 'task')}, {done} done; "
            f"about {duration(expected.seconds / processes)} on {counted(processes, 'worker')} "
            f"and {expected.num_bytes / 1e6:,.1f} MB."
        )
    )


def show_control(run: RunSummary) -> None:
    """Draw the button that stops a running batch run, or resumes one that was stopped or has failed tasks."""
    remember(None)
    if run.kind != RunKind.BATCH or not may_run():
        return
    state = load_state(RunControlState)
    if state.begun is not None and is_same(state.begun.folder, run.folder):
        _show_ending(state.begun)
    try:
        if run.stage == Stage.RUNNING:
            if st.button("Stop", key="stop_run", icon=":material/stop:", help="Finishes the tasks in flight."):
                stop_run(run)
                st.toast("It stops once the tasks in flight are finished.")
        elif run.stage in (Stage.INTERRUPTED, Stage.FAILED) and st.button(
            "Resume", key="resume_run", icon=":material/resume:", type="primary"
        ):
            since = time.time()
            process = resume_run(run)
            remember(process)
            store_state(replace(state, begun=BegunRun(run.name, run.folder, process, since)))
            st.toast(plain(f"{run.name} is starting."))
    except (SynthcompError, OSError) as error:
        st.error(plain(sentence_of(error)))


def _show_ending(begun: BegunRun) -> None:
    """Say why a program ended, if that was by an error which the state of its run does not tell."""
    status = begun.process.poll()
    if status in (None, 0, _INTERRUPTED):
        return
    run = read_run(begun.folder)
    if run is not None and run.stage != Stage.INTERRUPTED and run.updated >= begun.since:
        return  # It has failed tasks, which are listed, or was begun again elsewhere.
    if status < 0:
        why = f"The program of {begun.name} was ended by signal {-status}; resume it to do what is missing."
    else:
        why = last_output(begun.folder).removeprefix("Error: ")
    st.error(plain(why or f"The program of {begun.name} ended with an error; see {begun.folder / OUTPUT}."))


@st.cache_resource
def _started() -> list[subprocess.Popen[bytes]]:
    return []


def remember(process: subprocess.Popen[bytes] | None) -> None:
    """Keep a process that was started here, and forget those that have ended: else they would linger as zombies."""
    started = _started()
    if process is not None:
        started.append(process)
    started[:] = [one for one in started if one.poll() is None]
