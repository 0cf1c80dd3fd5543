"""What the files of a run's folder say, for batch runs and trainings alike: progress, plan, environment, failures.

Reading never writes, locks or waits, so it cannot disturb a run. Nothing here needs Dask or torch.
"""

from __future__ import annotations

import csv
import io
import os
import shlex
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.batch.journal import JOURNAL, RESULTS
from synthcomp_core.batch.journal_lines import count_lines
from synthcomp_core.errors import ResultsError
from synthcomp_core.library.run_record import (
    PLAN_COPY,
    RUN_JSON,
    STATE,
    RunKind,
    RunState,
    Stage,
    read_facts,
    read_state,
)
from synthcomp_core.storage import read_file, runs_dir
from synthcomp_core.training.folder import DONE, LOG

PACKAGE = "synthcomp_core"
_PROGRAM = ["python", "-m", PACKAGE]  # How a recorded command begins.

# Seconds without a new state after which a run counts as dead where its process cannot be asked. A batch run writes one
# every second; a training may validate for minutes in between.
_SILENT_S = {RunKind.BATCH: 60.0, RunKind.TRAINING: 600.0}


@dataclass(frozen=True)
class RunSummary:
    """A run's folder in a line. name: its path below the runs folder. total: tasks or steps, None when unknown."""

    name: str
    folder: Path
    kind: RunKind
    stage: Stage
    done: int
    total: int | None
    failed: int
    workers: int | None
    started: float | None
    updated: float
    eta_s: float | None
    error: str | None = None


@dataclass(frozen=True)
class Environment:
    """Where and with what a run was made: pairs (what, which) in the order to show them."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Failure:
    """A task that failed, and why."""

    dataset: str
    image: str
    variant: str
    error: str


def list_runs() -> list[RunSummary]:
    """All batch runs and trainings below the runs folder, most recently updated first."""
    root = runs_dir()
    records = [*root.glob(f"*/{RUN_JSON}"), *root.glob(f"*/*/{RUN_JSON}")] if root.is_dir() else []
    runs = [run for record in records if (run := read_run(record.parent)) is not None]
    return sorted(runs, key=lambda run: (-run.updated, run.name))


def unrecorded_trainings() -> list[str]:
    """The names of trainings of version 0.1, which recorded no state: they are not listed."""
    root = runs_dir()
    logs = sorted(root.glob(f"train-*/*/{LOG}")) if root.is_dir() else []
    return [_name(log.parent) for log in logs if not (log.parent / RUN_JSON).is_file()]


def read_run(folder: Path) -> RunSummary | None:
    """What a folder's files say about its run; None for a folder that is not a run's."""
    try:
        state = read_state(folder)
        return _without_state(folder) if state is None else _with_state(folder, state)
    except (OSError, ValueError):
        return None  # It is no run, or it is being moved or removed this moment.


def run_plan(folder: Path) -> str | None:
    """The text of a run's plan, as it was carried out."""
    path = folder / PLAN_COPY
    try:
        return read_file(path, max_bytes=limits.PLAN_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return None


def run_command(folder: Path) -> str | None:
    """The command that carries out the run again, or resumes it."""
    recorded = read_facts(folder / RUN_JSON).get("command")
    return str(recorded) if recorded else None


def run_words(folder: Path) -> tuple[str, ...]:
    """The verb and arguments of a run's command; none where it is missing, malformed or another program's."""
    with suppress(ValueError):  # It may have been written by anything.
        words = shlex.split(run_command(folder) or "")
        if words[: len(_PROGRAM)] == _PROGRAM:
            return tuple(words[len(_PROGRAM) :])
    return ()


def run_environment(folder: Path) -> Environment:
    """Versions, machine and snapshots of a run, and what a finished training noted. Empty if nothing was recorded."""
    content = read_facts(folder / RUN_JSON)
    finished = read_facts(folder / DONE)
    pairs = [(name, str(finished[name])) for name in ("trained_on", "steps", "notes") if finished.get(name)]
    for part in ("machine", "versions", "snapshots"):
        values = content.get(part)
        if isinstance(values, dict):
            pairs += [(str(name), str(value)) for name, value in values.items()]
    return Environment(tuple(pairs))


def run_failures(folder: Path) -> list[Failure]:
    """The tasks of a batch run that have failed so far, from the rows with an error in its results table."""
    path = folder / RESULTS
    if not path.is_file():
        return []
    # Not through read_results, which would check a long table again at every refresh of a page.
    try:
        text = read_file(path, max_bytes=limits.RESULTS_BYTES).decode("utf-8", errors="replace")
        return [
            Failure(row["dataset"], row["image"], row["variant"], row["error"])
            for row in csv.DictReader(io.StringIO(text, newline=""))
            if all(row.get(column) for column in ("dataset", "image", "variant", "error"))
        ]
    except csv.Error as error:
        raise ResultsError(f"{path} is not well-formed CSV ({error}).") from error


def _with_state(folder: Path, state: RunState) -> RunSummary:
    stage = Stage.INTERRUPTED if state.state == Stage.RUNNING and _is_dead(state) else state.state
    running = stage == Stage.RUNNING
    return RunSummary(
        name=_name(folder),
        folder=folder,
        kind=state.kind,
        stage=stage,
        done=state.done,
        total=state.total,
        failed=state.failed,
        workers=state.workers if running else None,
        started=state.started,
        updated=state.updated,
        eta_s=state.eta_s if running else None,
        error=state.error,
    )


def _without_state(folder: Path) -> RunSummary:
    """A run whose state is missing or damaged: interrupted, and of a batch run, what its journal holds is done.

    ValueError when the folder is not a run's.
    """
    kind = RunKind(read_facts(folder / RUN_JSON).get("kind", ""))
    journal = folder / JOURNAL
    done = count_lines(journal) if journal.is_file() else 0
    updated = max(path.stat().st_mtime for path in (folder / RUN_JSON, folder / STATE, journal) if path.is_file())
    return RunSummary(_name(folder), folder, kind, Stage.INTERRUPTED, done, None, 0, None, None, updated, None)


def _name(folder: Path) -> str:
    root = runs_dir()
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.name


def _is_dead(state: RunState) -> bool:
    """Whether a run that says it is running cannot be: its process is gone, or it may be and has been silent too long.

    The process that wrote the state began before it did; one that began later only got its number.
    """
    if state.host == socket.gethostname():
        if not _lives(state.pid):
            return True
        began = _began(state.pid)
        if began is not None and began <= state.updated:
            return False  # However silent: a training codes all its images before its first step.
    return time.time() - state.updated > _SILENT_S[state.kind]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    facts = _process_facts(pid)
    return not facts or facts[0] != "Z"  # One that has ended, but whose parent has not asked how


def _began(pid: int) -> float | None:
    """When a process began, in seconds since 1970; None where the system does not tell."""
    try:
        ticks = int(_process_facts(pid)[19])
        since_boot_s = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - since_boot_s + ticks / os.sysconf("SC_CLK_TCK")


def _process_facts(pid: int) -> list[str]:
    """What /proc/PID/stat says from the process's state on (proc_pid_stat(5)); empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # The program's name, which may hold anything, stands in brackets.
