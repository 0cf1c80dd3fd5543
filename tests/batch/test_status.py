"""What a run folder's files tell about it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthcomp_core.batch.status import (
    BATCH,
    FINISHED,
    INTERRUPTED,
    RUNNING,
    STOPPED,
    TRAINING,
    LogPoint,
    RunState,
    list_runs,
    read_run,
    read_state,
    run_command,
    run_environment,
    run_failures,
    run_plan,
    training_log,
    write_state,
)
from synthcomp_core.results.rows import ResultRow, write_rows

LOG = """step,phase,name,value,lr
50,train,loss,2.5,0.00025
50,train,bpp,0.4,0.00025
100,train,loss,2.25,0.0002
100,validation,psnr,34.5,0.0002
"""
PLAN = 'name = "tiny"\n[defaults]\nsteps = 400\n[[model]]\nid = "a"\n[[model]]\nid = "b"\nsteps = 900\n'


def state(**changes: object) -> RunState:
    now = time.time()
    values = {
        "state": RUNNING, "total": 10, "done": 4, "failed": 1, "in_flight": 2, "workers": 2, "started": now - 60,
        "updated": now, "eta_s": 90.0, "pid": os.getpid(), "host": socket.gethostname(),
    }  # fmt: skip
    return RunState(**{**values, **changes})  # type: ignore[arg-type]


def batch_folder(artifacts: Path, shown: RunState) -> Path:
    folder = artifacts / "runs" / "batch"
    folder.mkdir(parents=True)
    write_state(folder, shown)
    return folder


def training_folder(artifacts: Path, model: str = "a", log: str = LOG) -> Path:
    folder = artifacts / "runs" / "train-tiny" / model
    folder.mkdir(parents=True)
    (folder / "log.csv").write_text(log)
    (artifacts / "plans").mkdir(exist_ok=True)
    (artifacts / "plans" / "some.toml").write_text(PLAN)
    return folder


def test_a_state_written_is_read_again(artifacts: Path) -> None:
    shown = state()
    assert read_state(batch_folder(artifacts, shown)) == shown


def test_a_run_whose_process_lives_is_running(artifacts: Path) -> None:
    run = read_run(batch_folder(artifacts, state()))
    assert run is not None
    assert (run.name, run.kind, run.state, run.done, run.total, run.failed) == ("batch", BATCH, RUNNING, 4, 10, 1)
    assert (run.workers, run.eta_s) == (2, 90.0)


def test_a_run_whose_process_is_gone_is_interrupted(artifacts: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run = read_run(batch_folder(artifacts, state(pid=gone.pid)))
    assert run is not None and (run.state, run.eta_s, run.workers) == (INTERRUPTED, None, None)


@pytest.mark.parametrize(("silent_s", "expected"), [(5.0, RUNNING), (3600.0, INTERRUPTED)])
def test_a_run_elsewhere_is_judged_by_its_silence(artifacts: Path, silent_s: float, expected: str) -> None:
    run = read_run(batch_folder(artifacts, state(host="another", pid=1, updated=time.time() - silent_s)))
    assert run is not None and run.state == expected


def test_a_training_s_steps_come_from_its_log_and_its_plan(artifacts: Path) -> None:
    run = read_run(training_folder(artifacts))
    assert run is not None
    assert (run.name, run.kind, run.state) == ("train-tiny/a", TRAINING, RUNNING)
    assert (run.done, run.total) == (100, 400)
    other = read_run(training_folder(artifacts, "b"))
    assert other is not None and other.total == 900


def test_a_silent_training_has_stopped_and_a_done_one_is_finished(artifacts: Path) -> None:
    folder = training_folder(artifacts)
    os.utime(folder / "log.csv", (time.time() - 3600, time.time() - 3600))
    run = read_run(folder)
    assert run is not None and run.state == STOPPED
    (folder / "done.json").write_text('{"id": "a", "steps": 100, "notes": "38 images", "trained_on": "games"}')
    run = read_run(folder)
    assert run is not None and run.state == FINISHED
    assert dict(run_environment(folder).pairs)["notes"] == "38 images"


def test_a_log_is_read_with_its_learning_rate_and_without_its_torn_end(artifacts: Path) -> None:
    folder = training_folder(artifacts, log=LOG + "150,train,lo")
    assert training_log(folder) == [
        LogPoint(50, "train", "loss", 2.5),
        LogPoint(50, "train", "lr", 0.00025),
        LogPoint(50, "train", "bpp", 0.4),
        LogPoint(100, "train", "loss", 2.25),
        LogPoint(100, "train", "lr", 0.0002),
        LogPoint(100, "validation", "psnr", 34.5),
    ]


def test_a_training_s_plan_and_command_are_found(artifacts: Path) -> None:
    folder = training_folder(artifacts)
    assert run_plan(folder) == PLAN
    assert run_command(folder) == "python -m synthcomp_core train artifacts/plans/some.toml --only a"


def test_runs_and_trainings_are_listed_and_other_folders_are_not(artifacts: Path) -> None:
    assert list_runs() == []
    batch_folder(artifacts, state())
    training_folder(artifacts)
    (artifacts / "runs" / "cache").mkdir()
    (artifacts / "runs" / "notes.txt").write_text("")
    assert {run.name for run in list_runs()} == {"batch", "train-tiny/a"}


def test_failures_are_the_rows_with_an_error(artifacts: Path) -> None:
    folder = batch_folder(artifacts, state())
    assert run_failures(folder) == []
    write_rows(
        folder / "results.csv",
        [
            ResultRow("d", "a.png", 8, 8, "jpeg-q30", psnr_rgb=30.0),
            ResultRow("d", "b.png", variant="jpeg-q30", error='broken, "really"'),
        ],
    )
    assert [(one.image, one.error) for one in run_failures(folder)] == [("b.png", 'broken, "really"')]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "running"}'])
def test_a_damaged_state_hides_only_itself(artifacts: Path, content: str) -> None:
    folder = artifacts / "runs" / "odd"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(content)
    (folder / "journal.jsonl").write_text("{}\n")
    assert [(run.state, run.done) for run in list_runs()] == [(INTERRUPTED, 1)]
