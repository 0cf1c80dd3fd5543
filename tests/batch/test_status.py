"""What a run folder's files say about it, for batch runs and trainings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthcomp_core.batch import status
from synthcomp_core.batch.status import (
    list_runs,
    read_run,
    run_command,
    run_environment,
    run_failures,
    run_plan,
    run_words,
    unrecorded_trainings,
)
from synthcomp_core.library.run_record import RunKind, RunRecord, RunState, Stage, write_record, write_state
from synthcomp_core.results.rows import ResultRow, write_rows

PLAN = 'name = "tiny"\n[[model]]\nid = "a"\n'
FOLDERS = {RunKind.BATCH: "batch", RunKind.TRAINING: "train-tiny/a"}


def state(kind: RunKind = RunKind.BATCH, **changes: object) -> RunState:
    values: dict[str, object] = {
        "state": Stage.RUNNING, "total": 10, "done": 4, "failed": 1, "in_flight": 2, "workers": 2,
        "started": time.time() - 60, "eta_s": 90.0,
    }  # fmt: skip
    return RunState(kind=kind, **{**values, **changes})  # type: ignore[arg-type]


def folder_of(artifacts: Path, shown: RunState | None, kind: RunKind = RunKind.BATCH) -> Path:
    """A run's folder with its record, and its state if given."""
    folder = artifacts / "runs" / FOLDERS[kind]
    record = RunRecord(
        kind, folder.name, f"python -m synthcomp_core ... {folder.name}", "tiny.toml",
        machine={"cores": 2}, versions={"torch": "2.13.0"}, snapshots={"s": "00"}, details={},
    )  # fmt: skip
    write_record(folder, record, plan_text=PLAN)
    if shown is not None:
        write_state(folder, shown)
    return folder


@pytest.mark.parametrize("kind", list(RunKind))
def test_a_run_whose_process_lives_is_running(artifacts: Path, kind: RunKind) -> None:
    run = read_run(folder_of(artifacts, state(kind), kind))
    assert run is not None
    assert (run.name, run.kind, run.stage) == (FOLDERS[kind], kind, Stage.RUNNING)
    assert (run.done, run.total, run.failed, run.workers, run.eta_s) == (4, 10, 1, 2, 90.0)


@pytest.mark.parametrize("kind", list(RunKind))
def test_a_run_whose_process_is_gone_is_interrupted(artifacts: Path, kind: RunKind) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run = read_run(folder_of(artifacts, state(kind, pid=gone.pid), kind))
    assert run is not None and (run.stage, run.eta_s, run.workers) == (Stage.INTERRUPTED, None, None)


@pytest.mark.parametrize(
    ("kind", "silent_s", "expected"),
    [
        (RunKind.BATCH, 5.0, Stage.RUNNING),
        (RunKind.BATCH, 120.0, Stage.INTERRUPTED),
        (RunKind.TRAINING, 120.0, Stage.RUNNING),  # It validates.
        (RunKind.TRAINING, 3600.0, Stage.INTERRUPTED),
    ],
)
def test_a_run_elsewhere_is_judged_by_its_silence(
    artifacts: Path, kind: RunKind, silent_s: float, expected: Stage
) -> None:
    run = read_run(folder_of(artifacts, state(kind, host="another", pid=1, updated=time.time() - silent_s), kind))
    assert run is not None and run.stage == expected


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say when a process began")
@pytest.mark.parametrize("kind", list(RunKind))
def test_a_run_whose_process_lives_is_running_however_silent(
    artifacts: Path, kind: RunKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_SILENT_S", {kind: 0.0})
    run = read_run(folder_of(artifacts, state(kind, updated=time.time() - 0.1), kind))
    assert run is not None and run.stage == Stage.RUNNING


@pytest.mark.parametrize("kind", list(RunKind))
def test_a_silent_run_whose_number_another_process_got_is_interrupted(artifacts: Path, kind: RunKind) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        run = read_run(folder_of(artifacts, state(kind, pid=other.pid, updated=time.time() - 3600), kind))
        other.communicate(b"\n")
    assert run is not None and run.stage == Stage.INTERRUPTED


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say that a process has ended")
@pytest.mark.parametrize("kind", list(RunKind))
def test_a_run_that_ended_without_a_word_is_interrupted_before_its_parent_asks(artifacts: Path, kind: RunKind) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        run = read_run(folder_of(artifacts, state(kind, pid=ended.pid), kind))
    assert run is not None and run.stage == Stage.INTERRUPTED


@pytest.mark.parametrize("stage", [Stage.FINISHED, Stage.FAILED, Stage.INTERRUPTED])
def test_a_run_that_has_ended_stays_as_it_said(artifacts: Path, stage: Stage) -> None:
    run = read_run(folder_of(artifacts, state(state=stage, pid=2**22 + 1, updated=0.0, error="the loss is nan")))
    assert run is not None and (run.stage, run.workers, run.error) == (stage, None, "the loss is nan")


@pytest.mark.parametrize("kind", list(RunKind))
def test_plan_command_and_environment_are_those_recorded(artifacts: Path, kind: RunKind) -> None:
    folder = folder_of(artifacts, state(kind), kind)
    assert run_plan(folder) == PLAN
    assert run_command(folder) == f"python -m synthcomp_core ... {folder.name}"
    assert run_words(folder) == ("...", folder.name)
    assert run_environment(folder).pairs == (("cores", "2"), ("torch", "2.13.0"), ("s", "00"))
    (folder / "done.json").write_text('{"id": "a", "steps": 100, "notes": "38 images", "trained_on": "games"}')
    assert run_environment(folder).pairs[:3] == (("trained_on", "games"), ("steps", "100"), ("notes", "38 images"))


def test_runs_and_trainings_are_listed_and_other_folders_are_not(artifacts: Path) -> None:
    assert list_runs() == []
    folder_of(artifacts, state(updated=time.time() - 10))
    folder_of(artifacts, state(RunKind.TRAINING), RunKind.TRAINING)
    (artifacts / "runs" / "cache").mkdir()
    (artifacts / "runs" / "notes.txt").write_text("")
    assert [run.name for run in list_runs()] == ["train-tiny/a", "batch"]  # Most recently updated first.


def test_trainings_without_a_record_are_named_but_not_listed(artifacts: Path) -> None:
    assert unrecorded_trainings() == []
    (folder_of(artifacts, state(RunKind.TRAINING), RunKind.TRAINING) / "log.csv").write_text("step\n")
    old = artifacts / "runs" / "train-old" / "b"
    old.mkdir(parents=True)
    (old / "log.csv").write_text("step,phase,name,value,lr\n")
    assert unrecorded_trainings() == ["train-old/b"]
    assert [run.name for run in list_runs()] == ["train-tiny/a"]


def test_failures_are_the_rows_with_an_error(artifacts: Path) -> None:
    folder = folder_of(artifacts, state())
    assert run_failures(folder) == []
    write_rows(
        folder / "results.csv",
        [
            ResultRow("d", "a.png", 8, 8, "jpeg-q30", psnr_rgb=30.0),
            ResultRow("d", "b.png", variant="jpeg-q30", error='broken, "really"'),
        ],
    )
    assert [(one.image, one.error) for one in run_failures(folder)] == [("b.png", 'broken, "really"')]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "running"}', '{"state": "odd", "total": 1}', None])
def test_a_damaged_or_missing_state_hides_only_itself(artifacts: Path, content: str | None) -> None:
    folder = folder_of(artifacts, None)
    if content is not None:
        (folder / "state.json").write_text(content)
    (folder / "journal.jsonl").write_text("{}\n")
    assert [(run.kind, run.stage, run.done) for run in list_runs()] == [(RunKind.BATCH, Stage.INTERRUPTED, 1)]


def test_the_state_of_an_older_batch_run_is_read(artifacts: Path) -> None:
    folder = folder_of(artifacts, None)
    values = {
        "state": "failed", "total": 6, "done": 6, "failed": 3, "in_flight": 0, "workers": 0, "started": 1.0,
        "updated": 2.0, "eta_s": 0.0, "pid": 3, "host": "there",
    }  # fmt: skip
    (folder / "state.json").write_text(json.dumps(values))
    run = read_run(folder)
    assert run is not None and (run.kind, run.stage, run.failed) == (RunKind.BATCH, Stage.FAILED, 3)
