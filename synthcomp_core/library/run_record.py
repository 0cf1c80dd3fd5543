"""What every run, batch or training, leaves in its folder: state.json, run.json and the plan as it was carried out.

A folder with a run.json is a run; its ``kind`` says of what. state.json says how far it is, and is rewritten while the
run is at work. Both are read here without locking or waiting, so that looking at a run cannot disturb it.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

import synthcomp_core
from synthcomp_core import limits
from synthcomp_core.errors import PlanError, reason_of
from synthcomp_core.library.json_records import JsonError, read_json, to_record
from synthcomp_core.runtime import processor_name
from synthcomp_core.storage import write_text

STATE, RUN_JSON, PLAN_COPY, LOCK = "state.json", "run.json", "plan.toml", ".lock"


class RunKind(StrEnum):
    """What a run carries out: the tasks of a batch plan, or the steps of one model of a training plan."""

    BATCH = "batch run"
    TRAINING = "training"


class Stage(StrEnum):
    """Where a run stands. failed: at the end, with failed tasks, or stopped by an error."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


_Number = Annotated[int, Meta(ge=0, le=10**12)]
_Time = Annotated[float, Meta(ge=0, le=1e11)]  # seconds; neither infinite nor NaN


@dataclass(frozen=True)
class RunState:
    """How far a run is, as it says itself. total, done, failed: tasks of a batch run, steps of a training.

    started, updated: seconds since 1970, started of this call. eta_s: seconds left, None while unknown. in_flight:
    tasks begun; workers: tasks (or processes that share a step) at a time. error: what stopped a training.
    """

    kind: RunKind
    state: Stage
    total: _Number
    done: _Number
    started: _Time
    failed: _Number = 0
    in_flight: _Number = 0
    workers: _Number = 1
    eta_s: _Time | None = None
    error: str | None = None
    updated: _Time = field(default_factory=time.time)
    pid: Annotated[int, Meta(ge=0, lt=2**31)] = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True)
class RunRecord:
    """What a run was made with. machine, versions, snapshots (id: SHA-256): facts to show, in this order.

    details: whatever else the kind of run wants to be able to look up, as JSON.
    """

    kind: RunKind
    name: str
    command: str
    plan_file: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    snapshots: Mapping[str, str]
    details: Mapping[str, object]


def write_state(folder: Path, state: RunState) -> None:
    """Write a run's state into its folder, whole or not at all."""
    text = json.dumps(dataclasses.asdict(state), indent=1, ensure_ascii=False)
    # An error may name a file whose name is not UTF-8: half a surrogate pair, with which nothing could be read back.
    write_text(folder / STATE, text.encode("utf-8", "replace").decode("utf-8"))


def read_state(folder: Path) -> RunState | None:
    """The state that a run wrote last; None if there is none, or none that can be read."""
    values = read_facts(folder / STATE)
    try:
        # Batch runs of version 0.1 did not record the kind.
        return to_record({"kind": RunKind.BATCH, **values}, RunState)
    except JsonError:
        return None


def write_record(folder: Path, record: RunRecord, *, plan_text: str) -> None:
    """Write run.json and the plan's copy into a run's folder; SynthcompError for a name in it that is not UTF-8."""
    write_text(folder / PLAN_COPY, plan_text)
    content = dataclasses.asdict(record)
    details = content.pop("details")
    written = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    text = json.dumps({**content, "written": written, "plan": PLAN_COPY, **details}, indent=1, ensure_ascii=False)
    write_text(folder / RUN_JSON, text)


def read_facts(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if it is missing, damaged, too large or no object."""
    try:
        return read_json(path, dict[str, Any], max_bytes=limits.CARD_BYTES)
    except (OSError, JsonError):
        return {}


def machine_facts() -> dict[str, object]:
    """This machine: host, system, processor, cores, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory": f"{memory / 2**30:.0f} GiB",
    }


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Synthcomp, Python and these packages; "not installed" for one that is missing."""
    return {
        "synthcomp": synthcomp_core.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process, which makes it; the system releases it however the process ends.

    PlanError when another process holds it.
    """
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = "a file of this name is there" if folder.exists() else reason_of(error)
        raise PlanError(f"The folder {folder} of the run cannot be made ({what}); choose another folder.") from error
    with (folder / LOCK).open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PlanError(
                f"Another process is at work on the run in {folder}; wait for it, or choose another folder."
            ) from error
        yield
