"""The server's one queue for heavy work: as many jobs at once as the cores carry, fair between sessions.

A page submits work and gets a job at once, which it looks at whenever it is drawn: what is there so far, the stage,
the place in the queue. A session has one job per place on its pages ("live-a"): a newer request there ends the older
one at its next stage. The jobs of a session whose browser has gone are dropped. A server that ends waits until the
jobs under way have come to their next stage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from synthcomp_core.errors import Cancelled, SynthcompError, sentence_of
from synthcomp_core.progress import OnProgress
from synthcomp_core.runtime import load_numba, usable_cores
from synthcomp_core.ui.widgets.state import load_state, store_state

_ALIVE_CHECK_S = 1.0  # Between two looks at whether a session's browser is still there.
_FORGIVEN_S = 8.0  # A browser on a busy line comes back within this time.

T = TypeVar("T")
Work = Callable[[OnProgress, Callable[[T], None]], None]


class JobState(StrEnum):
    """Where a job is; the last four are its end: stopped by somebody, dropped because its browser has gone."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    DROPPED = "dropped"


@dataclass(frozen=True)
class JobStatus(Generic[T]):
    """A job at one moment.

    position: in the queue, from 1 for the job that starts next; 0 when it is not waiting. fraction: 0 to 1 of the work.
    latest: what the work has published last. error: the sentence for people when it has failed. version: grows with
    every change but that of the position.
    """

    state: JobState = JobState.WAITING
    position: int = 0
    fraction: float = 0.0
    stage: str = ""
    latest: T | None = None
    error: str | None = None
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in (JobState.WAITING, JobState.RUNNING)

    @property
    def text(self) -> str:
        """Where a job that is not over is, for people: its place in the queue, or the stage of its work."""
        if self.state == JobState.WAITING:
            return f"waiting, number {self.position} in the queue"
        return self.stage or "starting"


class Job(Generic[T]):
    """One piece of work in the queue. name: what it computes; equal names are the same work.

    is_idle: whether it only runs while nothing else waits; it is dropped as soon as something does. is_stopping:
    whether it has been asked to end. work: None once the job is over, unless it was dropped and may be taken up: what
    remembers the job need not hold on to the images of its work.
    """

    def __init__(
        self, queue: WorkQueue, session: str, place: str, name: Hashable, work: Work[T], is_idle: bool
    ) -> None:
        self.session, self.place, self.name, self.is_idle = session, place, name, is_idle
        self._queue = queue
        self.work: Work[T] | None = work
        self._status: JobStatus[T] = JobStatus()
        self.is_stopping = False
        self._is_dropped = False
        self._alive_checked = self._last_alive = time.monotonic()

    def status(self) -> JobStatus[T]:
        """The job as it is now."""
        with self._queue.changed:
            return replace(self._status, position=self._queue.position_of(self))

    def stop(self) -> None:
        """End the job: at once if it waits, at its next stage if it runs. What it has published stays."""
        with self._queue.changed:
            self.is_stopping = True
            if self._status.state == JobState.WAITING:
                self._queue.forget(self)
                self.change(state=JobState.STOPPED)

    def wait(self, until: Callable[[JobStatus[T]], bool], timeout_s: float) -> JobStatus[T]:
        """Wait until the status satisfies ``until`` or the time is over; the status then."""
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: until(self._status), timeout_s)
        return self.status()

    def change(self, **values: Any) -> None:
        """Set fields of the status and wake who waits; for the queue and its workers."""
        with self._queue.changed:
            self._status = replace(self._status, version=self._status.version + 1, **values)
            if self._status.is_over and self._status.state != JobState.DROPPED:
                self.work = None
            self._queue.changed.notify_all()

    def carry_out(self) -> None:
        """Do the work in this thread; raises what is nobody's fault but the program's, for the server's log."""
        try:
            self._queue.prepare()
            if self.work is not None:
                self.work(self._report, lambda result: self.change(latest=result))
        except Cancelled:
            self.change(state=JobState.DROPPED if self._is_dropped else JobState.STOPPED)
        except (SynthcompError, OSError) as error:
            self.change(state=JobState.FAILED, error=sentence_of(error))
        except RuntimeError as error:
            # Thread pools take no more work once the interpreter shuts down, somewhat before its main thread ends.
            if not (_is_ending() or str(error).startswith("cannot schedule new futures")):
                raise
            self.change(state=JobState.DROPPED)
        else:
            self.change(state=JobState.DONE, fraction=1.0, stage="")
        finally:
            if not self._status.is_over:
                self.change(state=JobState.FAILED, error="This failed unexpectedly; the server's log says why.")

    def _report(self, fraction: float, stage: str) -> None:
        if self.is_stopping or self.is_deserted() or self._makes_room() or _is_ending():
            raise Cancelled
        if stage != self._status.stage or abs(fraction - self._status.fraction) >= 0.01:
            self.change(fraction=min(max(fraction, 0.0), 1.0), stage=stage)

    def _makes_room(self) -> bool:
        """Whether this is idle work and somebody waits for its place."""
        self._is_dropped |= self.is_idle and self._queue.has_waiting()
        return self._is_dropped

    def is_deserted(self) -> bool:
        """Whether the session's browser has been away for too long; a short break is forgiven."""
        now = time.monotonic()
        if now - self._alive_checked > _ALIVE_CHECK_S:
            self._alive_checked = now
            if self._queue.is_alive(self.session):
                self._last_alive = now
            self._is_dropped = now - self._last_alive > _FORGIVEN_S
        return self._is_dropped


class WorkQueue:
    """Jobs of all sessions in fair order on a fixed number of threads.

    Next comes the session with the fewest jobs under way, among equals the one that was served least recently, and of
    its jobs the one that came first. is_alive: whether a session, by its id, still has a browser. prepare: called in
    the thread of every job before its work.
    """

    def __init__(
        self,
        slots: int,
        *,
        is_alive: Callable[[str], bool] = lambda session: True,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.is_alive = is_alive
        self.prepare = prepare
        self._slots = slots
        self._waiting: list[Job[Any]] = []
        self._running: list[Job[Any]] = []
        self._served: dict[str, int] = {}  # By session: the number of its last start.
        self._starts = 0

    def submit(self, session: str, place: str, name: Hashable, work: Work[T], *, is_idle: bool = False) -> Job[T]:
        """The session's job of this name at this place: the one under way, or else a new one that replaces it.

        work: called with (on_progress, publish) in a thread of its own; on_progress raises Cancelled when it has to
        stop. is_idle: see :class:`Job`.
        """
        with self.changed:
            for job in (*self._waiting, *self._running):
                if (job.session, job.place) == (session, place) and not job.status().is_over:
                    if job.name == name and not job.is_stopping:
                        return job
                    job.stop()
            job = Job(self, session, place, name, work, is_idle)
            self._waiting.append(job)
            self._start_next()
            return job

    def take_up(self, job: Job[T]) -> Job[T]:
        """A new job for the work of one that was dropped; the job itself if it ended otherwise."""
        if job.work is None:
            return job
        return self.submit(job.session, job.place, job.name, job.work, is_idle=job.is_idle)

    def end_all(self, timeout_s: float) -> bool:
        """Stop every job and wait until none is under way; whether that took no longer than ``timeout_s`` seconds."""
        with self.changed:
            for job in (*self._waiting, *self._running):
                job.stop()
            return self.changed.wait_for(lambda: not self._waiting and not self._running, timeout_s)

    def has_waiting(self) -> bool:
        """Whether work that is not idle waits for a place."""
        with self.changed:
            return any(not job.is_idle for job in self._waiting)

    def position_of(self, job: Job[Any]) -> int:
        """The job's place among those that wait, from 1; 0 if it does not."""
        with self.changed:
            order = self._order()
            return order.index(job) + 1 if job in order else 0

    def forget(self, job: Job[Any]) -> None:
        """Take a waiting job out of the queue."""
        with self.changed:
            if job in self._waiting:
                self._waiting.remove(job)

    def _order(self) -> list[Job[Any]]:
        """The waiting jobs, next first."""
        under_way: dict[str, int] = {}
        for job in self._running:
            under_way[job.session] = under_way.get(job.session, 0) + 1
        ranked = []
        for arrival, job in enumerate(self._waiting):
            under_way[job.session] = under_way.get(job.session, 0) + 1
            ranked.append((job.is_idle, under_way[job.session], self._served.get(job.session, 0), arrival, job))
        return [job for *_, job in sorted(ranked, key=lambda entry: entry[:4])]

    def _start_next(self) -> None:
        while len(self._running) < self._slots and self._waiting and not _is_ending():
            job = self._order()[0]
            if job.is_idle and self._running:  # Idle work takes one place, and only while all others are free.
                return
            self._waiting.remove(job)
            if job.is_deserted():
                job.change(state=JobState.DROPPED)
                continue
            self._running.append(job)
            self._starts += 1
            self._served[job.session] = self._starts
            job.change(state=JobState.RUNNING)
            # No daemon, as the page's own thread may be one: those end within a kernel, which aborts the process.
            threading.Thread(target=self._run, args=(job,), name=f"job {job.place}", daemon=False).start()

    def _run(self, job: Job[Any]) -> None:
        try:
            job.carry_out()
        finally:
            with self.changed:
                self._running.remove(job)
                self._start_next()
                here = {other.session for other in (*self._waiting, *self._running)}
                self._served = {session: start for session, start in self._served.items() if session in here}
                self.changed.notify_all()


@st.cache_resource
def server_queue() -> WorkQueue:
    """The one queue of this server; what all work needs is loaded once, so that no two jobs do so at the same time."""
    return WorkQueue(usable_cores(), is_alive=_has_browser, prepare=load_numba)


def session_id() -> str:
    """The id of the session that is being drawn; "" outside of a running app."""
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


@dataclass(frozen=True)
class ToldJob:
    """The job of a place on a session's pages whose end the page around it knows."""

    job: Job[Any] | None = None


def tell_page_once(job: Job[Any]) -> None:
    """Run the whole page again once the job is over, for what it shows outside of the fragment that follows the job."""
    if job.status().is_over and load_state(ToldJob, job.place).job is not job:
        store_state(ToldJob(job), job.place)
        st.rerun(scope="app")


def _is_ending() -> bool:
    """Whether the interpreter has begun to shut down, and waits for the threads that are no daemons."""
    return not threading.main_thread().is_alive()


def _has_browser(session: str) -> bool:
    return not runtime.exists() or runtime.get_instance().is_active_session(session)
