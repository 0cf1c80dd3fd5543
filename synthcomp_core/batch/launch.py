"""Starting, stopping and resuming batch runs as programs of their own, which outlive who started them.

Each is the verb ``run`` in a process with a session of its own; what it says goes to ``output.txt`` in its folder.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.batch.plan import Plan, read_run_plan
from synthcomp_core.batch.runner import run_folder
from synthcomp_core.batch.status import PACKAGE, RunSummary, run_words
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.library.run_record import RunKind, Stage, read_state
from synthcomp_core.storage import artifacts_dir, read_file

OUTPUT = "output.txt"


def bundled_plans() -> dict[str, Path]:
    """The plans in artifacts/plans that `run` can carry out, by file name; those of trainings are left out."""
    found = {}
    for path in sorted((artifacts_dir() / "plans").glob("*.toml")):
        try:
            read_run_plan(path)
        except SynthcompError:
            continue
        found[path.name] = path
    return found


def start_run(plan: Plan, *, workers: int | None = None) -> subprocess.Popen[bytes]:
    """Begin or resume the run of a plan file; the process, which the caller may forget.

    PlanError if the plan is no file.
    """
    if not plan.path.is_file():
        raise PlanError(f"There is no plan {plan.path}; save it as a file first.")
    arguments = ["run", str(plan.path.absolute()), *(["--workers", str(workers)] if workers else [])]
    return _begin(arguments, run_folder(plan))


def start_verb(arguments: Sequence[str], plan: Plan) -> subprocess.Popen[bytes]:
    """Begin a verb that works through the batch runner, such as `advise` on a folder; ``plan`` is the one it makes."""
    return _begin(list(arguments), run_folder(plan))


def last_output(folder: Path) -> str:
    """The last line that the program of a run's folder has written, "" where it has written none."""
    try:
        text = read_file(folder / OUTPUT, max_bytes=limits.PLAN_BYTES).decode("utf-8", errors="replace")
    except (OSError, SynthcompError):
        return ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def resume_run(run: RunSummary) -> subprocess.Popen[bytes]:
    """Carry out the command that a batch run recorded; PlanError unless that is the verb `run`."""
    words = run_words(run.folder)
    if run.kind != RunKind.BATCH or words[:1] != ("run",):
        raise PlanError(f"The run {run.name} was not started from a plan file; repeat its command on the command line.")
    return _begin(list(words), run.folder)


def _begin(arguments: list[str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / OUTPUT).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", PACKAGE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop_run(run: RunSummary) -> None:
    """Ask a run on this machine to stop, as Ctrl-C does: what is in flight is finished.

    SynthcompError if it does not run, runs elsewhere, or its process number now belongs to another program.
    """
    state = read_state(run.folder)
    if state is None or state.state != Stage.RUNNING or run.stage != Stage.RUNNING:
        raise SynthcompError(f"The run {run.name} is not running.")
    if state.host != socket.gethostname():
        raise SynthcompError(f"The run {run.name} runs on {state.host}; stop it there.")
    if not _is_ours(state.pid):
        raise SynthcompError(f"Process {state.pid} is not the run {run.name}; it was not touched.")
    os.kill(state.pid, signal.SIGINT)


def _is_ours(pid: int) -> bool:
    """Whether a process is one of this program, as far as the system says."""
    if pid <= 1:
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        # Without /proc there is nothing to tell by; a process that is gone is none of ours.
        return not Path("/proc/self").exists()
    return any(PACKAGE.encode() in word for word in words)
