"""Carry out a plan: hand tasks to workers, write what they give, and leave a folder that a rerun goes on from."""

from __future__ import annotations

import fcntl
import os
import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcomp_core.batch.cluster import Workers, connect, task_error, worker_count
from synthcomp_core.batch.environment import write_run_json
from synthcomp_core.batch.estimate import task_cost_s
from synthcomp_core.batch.journal import (
    JOURNAL,
    RESULTS,
    Entry,
    Writer,
    finished_entry,
    read_journal,
    remaining,
)
from synthcomp_core.batch.plan import Plan
from synthcomp_core.batch.rendered_elsewhere import bare_row
from synthcomp_core.batch.status import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    PLAN_COPY,
    RUN_JSON,
    RUNNING,
    RunState,
    write_state,
)
from synthcomp_core.batch.tasks import Task, plan_tasks
from synthcomp_core.batch.worker import TaskOutcome, carry_out
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.storage import artifacts_dir, write_text
from synthcomp_core.variants import Variant

if TYPE_CHECKING:
    from distributed import Client, Future

LOCK = ".lock"
_STATE_S = 1.0  # How often the state file is written: what a page that refreshes every two seconds needs.
_WAIT_S = 0.25
_GATHER_S = 10.0  # A row is small; what takes longer is a result that was lost and is being computed again.
_TASKS_A_WORKER = 2  # One at work and one at hand, so that no worker waits for the runner.


@dataclass(frozen=True)
class PreparedRun:
    """A plan against its run folder: all tasks, and what is still to do of them."""

    plan: Plan
    folder: Path
    tasks: tuple[Task, ...]
    todo: tuple[Task, ...]


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended. carried_out: tasks of this call, failed ones included. failed: rows with an error."""

    folder: Path
    results: Path
    total: int
    carried_out: int
    failed: int
    interrupted: bool


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands. done: of ``todo``. eta_s: seconds left, None while unknown. workers: tasks at a time."""

    todo: int
    done: int
    failed: int
    in_flight: int
    workers: int
    elapsed_s: float
    eta_s: float | None


OnRunProgress = Callable[[RunProgress], None]


def run_folder(plan: Plan) -> Path:
    """Where a plan's run lies unless told otherwise."""
    return artifacts_dir() / "runs" / plan.name


def prepare(plan: Plan, *, folder: Path | None = None) -> PreparedRun:
    """Find out what a plan asks for and what its run folder already has; writes nothing."""
    run = (folder or run_folder(plan)).resolve()
    tasks = plan_tasks(plan, run)
    entries = read_journal(run / JOURNAL)
    left = (remaining(task, entries.get(task.slot)) for task in tasks)
    return PreparedRun(plan, run, tuple(tasks), tuple(task for task in left if task is not None))


def carry_out_plan(
    plan: Plan,
    workers: Workers,
    *,
    folder: Path | None = None,
    command: str = "",
    on_progress: OnRunProgress = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunOutcome:
    """Carry out what is missing of a plan; results.csv, journal, state and run.json lie in its run folder.

    should_stop: asked several times a second; once true, tasks in flight are finished and no others begun. PlanError
    when another process works on the same folder.
    """
    run = (folder or run_folder(plan)).resolve()
    with _locked(run):
        _remove_torn_files(run)
        prepared = prepare(plan, folder=run)
        write_text(run / PLAN_COPY, plan.text)
        if prepared.todo or not (run / RUN_JSON).is_file():
            write_run_json(run, plan, prepared.tasks, workers, command)
        writer = Writer(run, [task.slot for task in prepared.tasks])
        progress = _Progress(prepared, on_progress)
        try:
            if prepared.todo and not should_stop():
                with connect(workers) as client:
                    _work(client, prepared, writer, progress, should_stop)
        finally:
            writer.close()
            state = progress.finish()
    return RunOutcome(
        folder=run,
        results=run / RESULTS,
        total=len(prepared.tasks),
        carried_out=progress.done,
        failed=progress.failed,
        interrupted=state == INTERRUPTED,
    )


def _work(
    client: Client, prepared: PreparedRun, writer: Writer, progress: _Progress, should_stop: Callable[[], bool]
) -> None:
    """Keep the workers supplied until nothing is left, or stopping is asked for and those in flight are in."""
    finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
    in_flight: dict[str, Task] = {}
    futures: dict[str, Future] = {}  # A future that nobody holds is cancelled.
    waiting = iter(prepared.todo)
    stopping = False
    while True:
        capacity = worker_count(client)
        stopping = stopping or should_stop()
        while not stopping and len(in_flight) < max(1, capacity) * _TASKS_A_WORKER:
            task = next(waiting, None)
            if task is None:
                break
            future = client.submit(carry_out, task, pure=False)
            in_flight[future.key], futures[future.key] = task, future
            future.add_done_callback(finished.put)
        progress.report(len(in_flight), capacity)
        if not in_flight:
            return
        try:
            future = finished.get(timeout=_WAIT_S)
        except queue.Empty:
            continue
        task = in_flight[future.key]
        entry = _entry(task, future)
        if entry is None:
            future.add_done_callback(finished.put)
            continue
        del in_flight[future.key], futures[future.key]
        writer.add(entry)
        progress.advance(task, failed=entry.row.error is not None)


def _entry(task: Task, future: Future) -> Entry | None:
    """What a finished future says of its task; None when its worker died with the result, and it is done once more.

    SynthcompError when the scheduler dropped it.
    """
    if future.status == "error":
        row = bare_row(task.dataset, task.image.name, Variant.parse(task.variant), error=task_error(future.exception()))
        return finished_entry(task, row, 0.0)
    if future.status == "cancelled":
        raise SynthcompError("The Dask scheduler went away; run the plan again, and it goes on from here.")
    if future.status != "finished":
        return None
    try:
        outcome: TaskOutcome = future.result(timeout=_GATHER_S)
    except TimeoutError:
        return None
    return finished_entry(task, outcome.row, outcome.seconds)


class _Progress:
    """Counts what is done, guesses what is left, and tells the callback and the state file."""

    def __init__(self, prepared: PreparedRun, on_progress: OnRunProgress) -> None:
        self.done = self.failed = 0
        self._folder, self._total, self._todo = prepared.folder, len(prepared.tasks), len(prepared.todo)
        self._on_progress = on_progress
        self._cost_left = sum(task_cost_s(task) for task in prepared.todo)
        self._cost_done = 0.0
        self._began, self._started = time.monotonic(), time.time()
        self._working_since: float | None = None
        self._written_at = 0.0
        self._write(RUNNING, 0, 0)

    def advance(self, task: Task, *, failed: bool) -> None:
        """Count a task that is done."""
        cost = task_cost_s(task)
        self.done += 1
        self.failed += failed
        self._cost_done += cost
        self._cost_left -= cost

    def report(self, in_flight: int, workers: int) -> None:
        """Tell how it stands, the state file no more than once a second."""
        now = time.monotonic()
        if self._working_since is None and workers:
            self._working_since = now
        self._on_progress(
            RunProgress(self._todo, self.done, self.failed, in_flight, workers, now - self._began, self._eta_s())
        )
        if now - self._written_at > _STATE_S:
            self._write(RUNNING, in_flight, workers)

    def finish(self) -> str:
        """Write and give the state in which the run ends."""
        state = INTERRUPTED if self.done < self._todo else FAILED if self.failed else FINISHED
        self._write(state, 0, 0)
        return state

    def _eta_s(self) -> float | None:
        if not self._cost_done or self._working_since is None:
            return None
        return (time.monotonic() - self._working_since) * max(self._cost_left, 0.0) / self._cost_done

    def _write(self, state: str, in_flight: int, workers: int) -> None:
        self._written_at = time.monotonic()
        write_state(
            self._folder,
            RunState(
                state=state,
                total=self._total,
                done=self._total - self._todo + self.done,
                failed=self.failed,
                in_flight=in_flight,
                workers=workers,
                started=self._started,
                updated=time.time(),
                eta_s=self._eta_s(),
                pid=os.getpid(),
                host=socket.gethostname(),
            ),
        )


@contextmanager
def _locked(run: Path) -> Iterator[None]:
    """Hold a run folder for this process; the system lets go of it however the process ends."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK).open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PlanError(
                f"Another process is carrying out the run in {run}; wait for it, or choose another --folder."
            ) from error
        yield


def _remove_torn_files(run: Path) -> None:
    """Remove the temporary files that a killed worker left."""
    for path in run.rglob(".*.part"):
        path.unlink(missing_ok=True)
