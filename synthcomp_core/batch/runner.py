"""Carry out a plan: hand tasks to workers, write what they return, and leave a folder from which a rerun resumes."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcomp_core.batch.cluster import Workers, connect, task_error, worker_count
from synthcomp_core.batch.environment import batch_record
from synthcomp_core.batch.estimate import RemainingTime
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
from synthcomp_core.batch.tasks import Task, plan_tasks
from synthcomp_core.batch.worker import TaskOutcome, carry_out_task
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.run_record import (
    PLAN_COPY,
    RUN_JSON,
    RunKind,
    RunState,
    Stage,
    locked,
    read_state,
    write_record,
    write_state,
)
from synthcomp_core.storage import runs_dir, write_text
from synthcomp_core.variants import bare_row

if TYPE_CHECKING:
    from distributed import Client, Future

_STATE_S = 1.0  # How often the state file is written: what a page that refreshes every two seconds needs.
_WAIT_S = 0.25
_GATHER_S = 10.0  # A row is small; what takes longer is a result that was lost and is being computed again.
_TASKS_PER_WORKER = 2  # One at work and one waiting, so that no worker waits for the runner.


@dataclass(frozen=True)
class PreparedRun:
    """A plan against its run folder: all tasks, and those still to do."""

    plan: Plan
    folder: Path
    tasks: tuple[Task, ...]
    todo: tuple[Task, ...]


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended. carried_out: tasks of this call, failed ones included. failed: rows with an error.

    notes: what reading images changed in this call, each with the number of images, the most frequent first.
    """

    folder: Path
    results: Path
    total: int
    carried_out: int
    failed: int
    interrupted: bool
    notes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class RunProgress:
    """How far a run is. done: of ``todo``. eta_s: seconds left, None while unknown. workers: tasks at a time."""

    todo: int
    done: int
    failed: int
    in_flight: int
    workers: int
    eta_s: float | None


OnRunProgress = Callable[[RunProgress], None]


def run_folder(plan: Plan) -> Path:
    """Where a plan's run lies by default."""
    return runs_dir() / plan.name


def prepare(plan: Plan, *, folder: Path | None = None, verify: bool = False) -> PreparedRun:
    """Find out what a plan asks for and what its run folder already has; writes nothing.

    verify: hold kept files against the hashes in the journal, not their sizes alone.
    """
    run = (folder or run_folder(plan)).resolve()
    tasks = plan_tasks(plan, run)
    entries = read_journal(run / JOURNAL)
    left = (remaining(task, entries.get(task.slot), verify=verify) for task in tasks)
    return PreparedRun(plan, run, tuple(tasks), tuple(task for task in left if task is not None))


def carry_out_plan(
    plan: Plan,
    workers: Workers,
    *,
    folder: Path | None = None,
    verify: bool = False,
    command: str = "",
    on_progress: OnRunProgress = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunOutcome:
    """Carry out what is missing of a plan; results.csv, journal, state and run.json lie in its run folder.

    should_stop: asked several times a second; once true, tasks in flight are finished and no others begun. PlanError
    when another process works on the same folder.
    """
    run = (folder or run_folder(plan)).resolve()
    with locked(run):
        _remove_torn_files(run)
        with _shown_at_work(run):
            prepared = prepare(plan, folder=run, verify=verify)
            if prepared.todo or not (run / RUN_JSON).is_file():
                write_record(run, batch_record(plan, prepared.tasks, workers, command), plan_text=plan.text)
            else:
                write_text(run / PLAN_COPY, plan.text)
            writer = Writer(run, [task.slot for task in prepared.tasks])
        progress = _Progress(prepared, on_progress)
        try:
            if prepared.todo and not should_stop():
                with connect(workers) as client:
                    _work(client, prepared, writer, progress, should_stop)
        finally:
            try:
                writer.close()
            finally:
                stage = progress.finish()
                _remove_torn_files(run)  # Of a worker that was killed in this run; nothing is in flight any more.
    return RunOutcome(
        folder=run,
        results=run / RESULTS,
        total=len(prepared.tasks),
        carried_out=progress.done,
        failed=progress.failed,
        interrupted=stage == Stage.INTERRUPTED,
        notes=progress.notes(),
    )


@contextmanager
def _shown_at_work(run: Path) -> Iterator[None]:
    """Show a run that is resumed as running while its tasks are found out, which reads every image and kept file.

    Its state is as it was before if that fails.
    """
    before = read_state(run)
    if before is not None:
        # With the number of this process, by which the run can be stopped.
        write_state(run, RunState(before.kind, Stage.RUNNING, before.total, before.done, started=time.time()))
    try:
        yield
    except BaseException:
        if before is not None:
            write_state(run, before)
        raise


def _work(
    client: Client, prepared: PreparedRun, writer: Writer, progress: _Progress, should_stop: Callable[[], bool]
) -> None:
    """Keep the workers busy until nothing is left, or until those in flight are done after a request to stop."""
    finished: queue.SimpleQueue[Future[TaskOutcome]] = queue.SimpleQueue()
    # With their futures, since a future that nobody holds is cancelled.
    in_flight: dict[Hashable, tuple[Task, Future[TaskOutcome]]] = {}
    waiting = iter(prepared.todo)
    stopping = False
    while True:
        capacity = worker_count(client)
        stopping = stopping or should_stop()
        while not stopping and len(in_flight) < max(1, capacity) * _TASKS_PER_WORKER:
            task = next(waiting, None)
            if task is None:
                break
            future = client.submit(carry_out_task, task, pure=False)
            in_flight[future.key] = task, future
            future.add_done_callback(finished.put)  # type: ignore[no-untyped-call]
        progress.report(len(in_flight), capacity)
        if not in_flight:
            return
        try:
            future = finished.get(timeout=_WAIT_S)
        except queue.Empty:
            continue
        task, _ = in_flight[future.key]
        entry, notes = _entry(task, future)
        if entry is None:
            future.add_done_callback(finished.put)  # type: ignore[no-untyped-call]
            continue
        del in_flight[future.key]
        writer.add(entry)
        progress.advance(task, seconds=entry.seconds, failed=entry.row.error is not None, notes=notes)


def _entry(task: Task, future: Future[TaskOutcome]) -> tuple[Entry | None, tuple[str, ...]]:
    """The entry of a finished future, and notes on its image.

    None when its worker died with the result and Dask carries it out once more.

    SynthcompError when the scheduler dropped it.
    """
    if future.status == "error":
        reason = task_error(future.exception())  # type: ignore[no-untyped-call]
        row = bare_row(task.dataset, task.image.name, task.variant, error=reason)
        return finished_entry(task, row, 0.0), ()
    if future.status == "cancelled":
        raise SynthcompError("The Dask scheduler is gone; run the plan again to resume from here.")
    if future.status != "finished":
        return None, ()
    try:
        outcome: TaskOutcome = future.result(timeout=_GATHER_S)
    except TimeoutError:
        return None, ()
    return finished_entry(task, outcome.row, outcome.seconds, outcome.stamps), outcome.notes


class _Progress:
    """Counts what is done, estimates what is left, and reports both to the callback and the state file."""

    def __init__(self, prepared: PreparedRun, on_progress: OnRunProgress) -> None:
        self.done = self.failed = 0
        self._folder, self._total, self._todo = prepared.folder, len(prepared.tasks), len(prepared.todo)
        self._on_progress = on_progress
        self._remaining = RemainingTime(prepared.todo)
        self._started = time.time()
        self._working_since: float | None = None
        self._written_at = 0.0
        self._noted: dict[str, set[Path]] = {}
        self._write(Stage.RUNNING, 0, 0)

    def advance(self, task: Task, *, seconds: float, failed: bool, notes: tuple[str, ...]) -> None:
        """Count a task that is done, after ``seconds`` on its worker, with notes on its image."""
        self.done += 1
        for note in notes:
            self._noted.setdefault(note, set()).add(task.image)
        self.failed += failed
        self._remaining.finish(task, seconds)

    def report(self, in_flight: int, workers: int) -> None:
        """Report how far the run is; to the state file at most once a second."""
        now = time.monotonic()
        if self._working_since is None and workers:
            self._working_since = now
        self._on_progress(RunProgress(self._todo, self.done, self.failed, in_flight, workers, self._eta_s()))
        if now - self._written_at > _STATE_S:
            self._write(Stage.RUNNING, in_flight, workers)

    def notes(self) -> tuple[tuple[str, int], ...]:
        """Each note and of how many images it is, the most frequent first."""
        found = [(note, len(images)) for note, images in self._noted.items()]
        return tuple(sorted(found, key=lambda one: -one[1]))

    def finish(self) -> Stage:
        """Write and return the stage in which the run ends."""
        stage = Stage.INTERRUPTED if self.done < self._todo else Stage.FAILED if self.failed else Stage.FINISHED
        self._write(stage, 0, 0)
        return stage

    def _eta_s(self) -> float | None:
        if self._working_since is None:
            return None
        return self._remaining.left_s(time.monotonic() - self._working_since)

    def _write(self, stage: Stage, in_flight: int, workers: int) -> None:
        self._written_at = time.monotonic()
        state = RunState(
            kind=RunKind.BATCH,
            state=stage,
            total=self._total,
            done=self._total - self._todo + self.done,
            started=self._started,
            failed=self.failed,
            in_flight=in_flight,
            workers=workers,
            eta_s=self._eta_s(),
        )
        write_state(self._folder, state)


def _remove_torn_files(run: Path) -> None:
    """Remove the temporary files that a killed worker left."""
    for path in run.rglob(".*.part"):
        path.unlink(missing_ok=True)
