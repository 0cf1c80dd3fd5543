"""The server's queue: fair between sessions, a newer request ends the older one, and what ends frees its place."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress
from synthcomp_core.storage import write_text
from synthcomp_core.ui.work_queue import Job, JobState, WorkQueue
from tests.clock import LIMIT_S


class Gate:
    """Work that reports and publishes once its gate is opened, and writes its name down when it starts."""

    def __init__(self, name: str, started: list[str]) -> None:
        self.name, self.started = name, started
        self.may_go = threading.Event()

    def __call__(self, on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        self.started.append(self.name)
        while not self.may_go.wait(0.01):
            on_progress(0.5, "waiting at the gate")
        publish(self.name)


def ended(job: Job[str]) -> JobState:
    return job.wait(lambda status: status.is_over, LIMIT_S).state


def started(job: Job[str]) -> None:
    assert job.wait(lambda status: status.stage != "", LIMIT_S).state == JobState.RUNNING


def test_work_is_done_and_its_last_result_stays() -> None:
    def work(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        on_progress(0.25, "first")
        publish("half")
        publish("whole")

    job = WorkQueue(1).submit("one", "a", "name", work)
    status = job.wait(lambda status: status.is_over, LIMIT_S)
    assert (status.state, status.latest, status.fraction, status.position) == (JobState.DONE, "whole", 1.0, 0)


def test_only_so_many_run_at_once_and_positions_count_down() -> None:
    names: list[str] = []
    queue = WorkQueue(2)
    gates = [Gate(name, names) for name in "abcd"]
    jobs = [queue.submit(gate.name, "place", gate.name, gate) for gate in gates]
    started(jobs[0])
    started(jobs[1])
    assert [job.status().position for job in jobs] == [0, 0, 1, 2]
    assert [job.status().text for job in jobs[1:3]] == ["waiting at the gate", "waiting, number 1 in the queue"]
    assert sorted(names) == ["a", "b"]
    gates[0].may_go.set()
    assert ended(jobs[0]) == JobState.DONE
    started(jobs[2])
    assert [job.status().position for job in jobs] == [0, 0, 0, 1]
    for gate in gates:
        gate.may_go.set()
    assert [ended(job) for job in jobs] == [JobState.DONE] * 4


def test_a_session_with_many_jobs_lets_others_in_between() -> None:
    names: list[str] = []
    queue = WorkQueue(1)
    gates = [Gate(f"greedy {number}", names) for number in range(3)] + [Gate("modest", names)]
    jobs = [queue.submit("greedy", f"place {number}", number, gates[number]) for number in range(3)]
    started(jobs[0])
    modest = queue.submit("modest", "place", "modest", gates[3])
    assert modest.status().position == 1
    for gate in gates:
        gate.may_go.set()
    assert [ended(job) for job in (*jobs, modest)] == [JobState.DONE] * 4
    assert names == ["greedy 0", "modest", "greedy 1", "greedy 2"]


def test_a_newer_request_ends_the_older_one_at_its_next_stage() -> None:
    names: list[str] = []
    queue = WorkQueue(1)
    old, new = Gate("old", names), Gate("new", names)
    first = queue.submit("one", "a", "old", old)
    started(first)
    second = queue.submit("one", "a", "new", new)
    new.may_go.set()
    assert ended(first) == JobState.STOPPED and first.status().latest is None
    assert ended(second) == JobState.DONE and second.status().latest == "new"


def test_the_same_request_is_the_same_job_and_other_places_are_left_alone() -> None:
    names: list[str] = []
    queue = WorkQueue(1)
    gate = Gate("only", names)
    first = queue.submit("one", "a", "only", gate)
    started(first)
    assert queue.submit("one", "a", "only", gate) is first
    other = queue.submit("one", "b", "only", gate)
    assert other is not first
    gate.may_go.set()
    assert [ended(first), ended(other)] == [JobState.DONE] * 2


def test_what_waits_is_stopped_at_once_and_never_starts() -> None:
    names: list[str] = []
    queue = WorkQueue(1)
    gate, never = Gate("first", names), Gate("never", names)
    first = queue.submit("one", "a", "first", gate)
    started(first)
    waiting = queue.submit("one", "b", "never", never)
    waiting.stop()
    assert waiting.status().state == JobState.STOPPED
    gate.may_go.set()
    assert ended(first) == JobState.DONE
    assert names == ["first"]


def test_a_session_whose_browser_has_gone_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_ALIVE_CHECK_S", "_FORGIVEN_S"):
        monkeypatch.setattr(f"synthcomp_core.ui.work_queue.{limit}", 0.0)
    gone: set[str] = set()
    names: list[str] = []
    queue = WorkQueue(1, is_alive=lambda session: session not in gone)
    leaving, staying = Gate("leaving", names), Gate("staying", names)
    first = queue.submit("leaving", "a", 1, leaving)
    started(first)
    waiting = queue.submit("leaving", "b", 2, Gate("never", names))
    last = queue.submit("staying", "a", 3, staying)
    staying.may_go.set()
    gone.add("leaving")
    assert [ended(first), ended(waiting), ended(last)] == [JobState.DROPPED, JobState.DROPPED, JobState.DONE]
    assert names == ["leaving", "staying"]


def test_idle_work_waits_for_a_free_server_and_makes_room_for_others() -> None:
    names: list[str] = []
    queue = WorkQueue(1)
    first, idle, second = Gate("first", names), Gate("idle", names), Gate("second", names)
    busy = queue.submit("one", "a", 1, first)
    started(busy)
    filling = queue.submit("one", "idle", 2, idle, is_idle=True)
    assert filling.status().state == JobState.WAITING
    first.may_go.set()
    assert ended(busy) == JobState.DONE
    started(filling)
    second.may_go.set()
    assert ended(queue.submit("two", "a", 3, second)) == JobState.DONE
    assert ended(filling) == JobState.DROPPED
    idle.may_go.set()
    assert ended(queue.take_up(filling)) == JobState.DONE
    assert names == ["first", "idle", "second", "idle"]


def test_a_job_lets_go_of_its_work_when_it_is_over_unless_that_may_be_taken_up() -> None:
    def fails(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        raise SynthcompError("The frame is too small.")

    names: list[str] = []
    queue = WorkQueue(1)
    gate, stopped, idle = Gate("done", names), Gate("stopped", names), Gate("idle", names)
    done = queue.submit("one", "a", 1, gate)
    waiting = queue.submit("one", "b", 2, Gate("never", names))
    waiting.stop()
    assert done.work is gate and waiting.work is None
    gate.may_go.set()
    assert ended(done) == JobState.DONE and done.work is None
    running = queue.submit("one", "a", 3, stopped)
    started(running)
    running.stop()
    assert ended(running) == JobState.STOPPED and running.work is None
    dropped = queue.submit("one", "idle", 4, idle, is_idle=True)
    started(dropped)
    failed = queue.submit("one", "a", 5, fails)
    assert ended(dropped) == JobState.DROPPED and dropped.work is idle
    assert ended(failed) == JobState.FAILED and failed.work is None
    assert queue.take_up(failed) is failed


def test_a_failure_is_a_sentence_and_the_queue_goes_on() -> None:
    def fails(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        raise SynthcompError("The frame is too small.")

    queue = WorkQueue(1)
    failed = queue.submit("one", "a", "fails", fails)
    assert ended(failed) == JobState.FAILED
    assert failed.status().error == "The frame is too small."
    gate = Gate("next", [])
    gate.may_go.set()
    assert ended(queue.submit("one", "a", "next", gate)) == JobState.DONE


def test_what_the_system_refuses_is_a_sentence_with_its_reason(tmp_path: Path) -> None:
    def fails(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        write_text(tmp_path / "file" / "a.json", "{}")

    (tmp_path / "file").touch()
    job = WorkQueue(1).submit("one", "a", "fails", fails)
    assert ended(job) == JobState.FAILED
    assert job.status().error == f"{tmp_path / 'file'} cannot be read or written: File exists."


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_program_ends_the_job_with_a_sentence_too() -> None:
    def breaks(on_progress: OnProgress, publish: Callable[[str], None]) -> None:
        raise RuntimeError("not for people")

    job = WorkQueue(1).submit("one", "a", "breaks", breaks)
    assert ended(job) == JobState.FAILED
    assert "not for people" not in str(job.status().error)


def test_what_the_work_needs_is_loaded_before_it_starts() -> None:
    order: list[str] = []
    queue = WorkQueue(2, prepare=lambda: order.append(threading.current_thread().name))
    assert ended(queue.submit("one", "a", "name", lambda on_progress, publish: order.append("work"))) == JobState.DONE
    assert order == ["job a", "work"]


def test_two_jobs_of_a_fresh_server_that_import_at_once_meet_whole_libraries() -> None:
    """numba imports itself in circles, so two threads must not be in there together."""
    program = """
import sys, time
from importlib import import_module
from synthcomp_core.ui.work_queue import JobState, server_queue

class Slowly:  # Gives the threads time to meet.
    def find_spec(self, name, path=None, target=None):
        time.sleep(0.02 * name.startswith("numba.core"))

sys.meta_path.insert(0, Slowly())
queue = server_queue()
names = ("numba", "numba.core.types")
works = [lambda on_progress, publish, name=name: publish(import_module(name).__name__) for name in names]
jobs = [queue.submit("session", name, name, work) for name, work in zip(names, works)]
for name, job in zip(names, jobs):
    assert job.wait(lambda status: status.is_over, 300).state == JobState.DONE, name
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_process_that_ends_waits_for_the_next_stage_of_its_jobs() -> None:
    program = """
import sys, threading, time
from synthcomp_core.ui.work_queue import WorkQueue

started = threading.Event()

def work(on_progress, publish):
    started.set()
    for stage in range(1000):
        time.sleep(2)  # A kernel, which cannot be interrupted.
        print("stage", stage, flush=True)
        on_progress(stage / 1000, "working")

queue = WorkQueue(1)

def page():  # As Streamlit's: a daemon's threads are daemons, too, unless somebody says otherwise.
    queue.submit("a", "live-A", "one", work)
    queue.submit("b", "live-A", "two", work)

drawn = threading.Thread(target=page, daemon=True)
drawn.start()
drawn.join()
started.wait()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_S)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "stage 0\n", "")
