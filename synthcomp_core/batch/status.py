"""What the files of a run folder tell: state, progress, plan, environment, failures; for batch runs and trainings.

Reading never writes, locks or waits, so it cannot harm a run. Nothing here needs Dask or torch.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import socket
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcomp_core.errors import ResultsError
from synthcomp_core.storage import artifacts_dir, write_text

RUNNING, FINISHED, FAILED, INTERRUPTED, STOPPED = "running", "finished", "failed", "interrupted", "stopped"
BATCH, TRAINING = "batch run", "training"
STATE, RUN_JSON, RESULTS, JOURNAL, PLAN_COPY = "state.json", "run.json", "results.csv", "journal.jsonl", "plan.toml"
LOG, DONE = "log.csv", "done.json"
_SILENT_S = 60.0  # A batch run writes its state every second; silent for this long, it is gone.
_SILENT_TRAINING_S = 300.0  # A training writes its log every so many steps, and validates in between.
_TAIL_BYTES = 2**20


@dataclass(frozen=True)
class RunState:
    """Where a run stands, as it writes it itself. total, done, failed: tasks (of a training: steps; failed 0).

    started, updated: seconds since 1970. eta_s: seconds left, None while unknown. workers: tasks at a time.
    """

    state: str
    total: int
    done: int
    failed: int
    in_flight: int
    workers: int
    started: float
    updated: float
    eta_s: float | None
    pid: int
    host: str


@dataclass(frozen=True)
class RunSummary:
    """A run folder in a line. name: its path below the runs folder. total: tasks or steps, None when unknown."""

    name: str
    folder: Path
    kind: str
    state: str
    done: int
    total: int | None
    failed: int
    workers: int | None
    started: float | None
    updated: float
    eta_s: float | None


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


@dataclass(frozen=True)
class LogPoint:
    """One value of a training's log: phase "train" or "validation", name such as "loss", "bpp", "psnr", "lr"."""

    step: int
    phase: str
    name: str
    value: float


def runs_dir() -> Path:
    """The folder that holds all runs."""
    return artifacts_dir() / "runs"


def write_state(folder: Path, state: RunState) -> None:
    """Write a run's state into its folder, whole or not at all."""
    write_text(folder / STATE, json.dumps(dataclasses.asdict(state), indent=1))


def read_state(folder: Path) -> RunState | None:
    """The state that a run wrote last, or None where there is none that can be read."""
    values = _json(folder / STATE)
    try:
        return RunState(**values) if values else None
    except TypeError:
        return None


def list_runs() -> list[RunSummary]:
    """All runs and trainings below the runs folder, the one heard of last first."""
    root = runs_dir()
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders += [path for parent in folders for path in parent.iterdir() if path.is_dir() and (path / LOG).is_file()]
    runs = [run for run in map(read_run, folders) if run is not None]
    return sorted(runs, key=lambda run: run.updated, reverse=True)


def read_run(folder: Path) -> RunSummary | None:
    """What a folder's files tell about its run; None when it is no run folder."""
    try:
        if (folder / LOG).is_file():
            return _training(folder)
        if (folder / STATE).is_file() or (folder / JOURNAL).is_file():
            return _batch(folder)
    except OSError:
        return None  # It is being moved or removed this moment.
    return None


def run_plan(folder: Path) -> str | None:
    """The text of the plan of a run, as it was carried out; of a training, as it stands among the plans now."""
    if (folder / PLAN_COPY).is_file():
        return (folder / PLAN_COPY).read_text(encoding="utf-8", errors="replace")
    plan = _training_plan_path(folder)
    return plan.read_text(encoding="utf-8", errors="replace") if plan else None


def run_command(folder: Path) -> str | None:
    """The command that carries out the run again, or goes on with it."""
    recorded = _json(folder / RUN_JSON).get("command")
    if recorded:
        return str(recorded)
    plan = _training_plan_path(folder)
    if plan is not None:
        return f"python -m synthcomp_core train {_short(plan)} --only {folder.name}"
    return None


def run_environment(folder: Path) -> Environment:
    """Versions, machine and snapshots of a run; of a finished training, what it noted. Empty where it recorded none."""
    content = _json(folder / RUN_JSON)
    finished = _json(folder / DONE)
    pairs = [(name, str(finished[name])) for name in ("trained_on", "steps", "notes") if finished.get(name)]
    for part in ("machine", "versions", "snapshots"):
        values = content.get(part)
        if isinstance(values, dict):
            pairs += [(str(name), str(value)) for name, value in values.items()]
    return Environment(tuple(pairs))


def run_failures(folder: Path) -> list[Failure]:
    """The tasks of a batch run that failed so far, from the rows with an error in its results table."""
    path = folder / RESULTS
    if not path.is_file():
        return []
    # Not through read_results: a long table would be checked anew at every refresh of a page.
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [
            Failure(row["dataset"], row["image"], row["variant"], row["error"])
            for row in rows
            if row.get("error") and row.get("variant")
        ]


def training_log(folder: Path) -> list[LogPoint]:
    """The points of a training's log, its learning rate as points named "lr"; a torn last line is left out."""
    points: list[LogPoint] = []
    lr_steps: set[int] = set()
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ResultsError(f"{folder.name} has no log that can be read: {error.strerror or error}.") from error
    for row in csv.DictReader(io.StringIO(text.rpartition("\n")[0])):
        try:
            step, lr = int(row["step"]), row.get("lr")
            points.append(LogPoint(step, row["phase"], row["name"], float(row["value"])))
            if lr and step not in lr_steps:
                lr_steps.add(step)
                points.append(LogPoint(step, "train", "lr", float(lr)))
        except (KeyError, TypeError, ValueError):
            continue  # A line that another hand wrote; the curve goes on without it.
    return points


def _batch(folder: Path) -> RunSummary:
    state = read_state(folder)
    if state is None:
        path = folder / JOURNAL
        done = path.read_bytes().count(b"\n")
        return RunSummary(
            folder.name, folder, BATCH, INTERRUPTED, done, None, 0, None, None, path.stat().st_mtime, None
        )
    shown = state.state
    if shown == RUNNING and _gone(state):
        shown = INTERRUPTED
    running = shown == RUNNING
    return RunSummary(
        name=folder.name,
        folder=folder,
        kind=BATCH,
        state=shown,
        done=state.done,
        total=state.total,
        failed=state.failed,
        workers=state.workers if running else None,
        started=state.started,
        updated=state.updated,
        eta_s=state.eta_s if running else None,
    )


def _gone(state: RunState) -> bool:
    """Whether a run that called itself running cannot be: its process is gone, or it has been silent."""
    if state.host == socket.gethostname() and not _alive(state.pid):
        return True
    return time.time() - state.updated > _SILENT_S


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _training(folder: Path) -> RunSummary:
    log = folder / LOG
    own = read_state(folder)
    updated = log.stat().st_mtime
    step, total = _last_step(log), own.total if own else _training_steps(folder)
    if (folder / DONE).is_file():
        state = FINISHED
        total = total or step
    elif own is not None and own.state != RUNNING:
        state = own.state
    elif (own is not None and _gone(own)) or time.time() - updated > _SILENT_TRAINING_S:
        state = STOPPED
    else:
        state = RUNNING
    return RunSummary(
        name=folder.relative_to(runs_dir()).as_posix() if folder.is_relative_to(runs_dir()) else folder.name,
        folder=folder,
        kind=TRAINING,
        state=state,
        done=step,
        total=max(total, step) if total else None,
        failed=0,
        workers=None,
        started=own.started if own else None,
        updated=updated,
        eta_s=own.eta_s if own and state == RUNNING else None,
    )


def _last_step(log: Path) -> int:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        first = line.partition(b",")[0]
        if first.isdigit():
            return int(first)
    return 0


def _training_plan_path(folder: Path) -> Path | None:
    """The plan of a training below ``train-NAME/``: the one among the plans that is called NAME."""
    parent = folder.parent.name
    if not parent.startswith("train-"):
        return None
    plans = artifacts_dir() / "plans"
    wanted = parent.removeprefix("train-")
    for path in sorted(plans.glob("*.toml")) if plans.is_dir() else ():
        if _toml(path).get("name", path.stem) == wanted:
            return path
    return None


def _training_steps(folder: Path) -> int | None:
    plan = _training_plan_path(folder)
    content = _toml(plan) if plan else {}
    defaults, models = content.get("defaults"), content.get("model")
    for model in models if isinstance(models, list) else ():
        own = {**(defaults if isinstance(defaults, dict) else {}), **(model if isinstance(model, dict) else {})}
        if own.get("id") == folder.name and isinstance(own.get("steps"), int):
            return int(own["steps"])
    return None


def _short(path: Path) -> str:
    root = artifacts_dir().parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
