"""Runs started, stopped and resumed as programs of their own."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthcomp_core.batch import launch
from synthcomp_core.batch.plan import read_run_plan
from synthcomp_core.batch.status import read_run
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.library.run_record import RunKind, RunState, Stage, write_state
from tests.batch.conftest import write_frames


@pytest.fixture
def plan_file(tmp_path: Path, artifacts: Path) -> Path:
    write_frames(tmp_path / "frames", 1)
    path = artifacts / "plans" / "small.toml"
    path.parent.mkdir(parents=True)
    path.write_text('variants = ["jpeg-q30"]\n[[datasets]]\nfolder = "../../frames"\n')
    (artifacts / "plans" / "training.toml").write_text('[[models]]\nid = "x"\n')
    return path


def test_a_started_run_carries_out_its_plan_and_says_so_in_its_folder(plan_file: Path, artifacts: Path) -> None:
    assert launch.bundled_plans() == {"small.toml": plan_file}
    process = launch.start_run(read_run_plan(plan_file), workers=1)
    assert process.wait(300) == 0
    run = read_run(artifacts / "runs" / "small")
    assert run is not None and (run.stage, run.done, run.total) == (Stage.FINISHED, 1, 1)
    assert "1 of 1 task carried out" in (run.folder / launch.OUTPUT).read_text().replace("\n", " ")


def test_a_plan_that_is_a_link_is_started_by_its_own_name(
    plan_file: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(launch, "_begin", lambda arguments, folder: begun.append((arguments, folder)))
    link = plan_file.with_name("link.toml")
    link.symlink_to(plan_file.name)
    launch.start_run(read_run_plan(link))
    assert begun == [(["run", str(link)], artifacts / "runs" / "link")]


def write_running(folder: Path, pid: int, **changes: object) -> None:
    folder.mkdir(parents=True)
    values = {"state": Stage.RUNNING, "total": 5, "done": 1, "started": 1.0, "pid": pid, **changes}
    write_state(folder, RunState(kind=RunKind.BATCH, **values))  # type: ignore[arg-type]
    (folder / "run.json").write_text(
        json.dumps({"kind": "batch run", "command": "python -m synthcomp_core run p.toml"})
    )


def test_stopping_interrupts_the_run_s_process_and_no_other(artifacts: Path) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(300)"]
    ours, other = subprocess.Popen([*sleeping, "synthcomp_core"]), subprocess.Popen(sleeping)
    try:
        write_running(artifacts / "runs" / "ours", ours.pid)
        write_running(artifacts / "runs" / "other", other.pid)
        run = read_run(artifacts / "runs" / "ours")
        assert run is not None
        launch.stop_run(run)
        assert ours.wait(60) == -signal.SIGINT or ours.returncode == 1
        stranger = read_run(artifacts / "runs" / "other")
        assert stranger is not None
        with pytest.raises(SynthcompError, match="not touched"):
            launch.stop_run(stranger)
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_what_does_not_run_or_runs_elsewhere_is_not_stopped(artifacts: Path) -> None:
    write_running(artifacts / "runs" / "far", 1234, host="elsewhere", updated=4e9)
    far = read_run(artifacts / "runs" / "far")
    assert far is not None
    with pytest.raises(SynthcompError, match="runs on elsewhere"):
        launch.stop_run(far)
    with pytest.raises(SynthcompError, match="is not running"):
        launch.stop_run(dataclasses.replace(far, stage=Stage.FINISHED))


def test_only_the_verb_run_is_resumed(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(launch, "_begin", lambda arguments, folder: begun.append(arguments))
    write_running(artifacts / "runs" / "a", 1234, state=Stage.INTERRUPTED)
    run = read_run(artifacts / "runs" / "a")
    assert run is not None
    launch.resume_run(run)
    assert begun == [["run", "p.toml"]]
    for command in ("rm -rf everything", "python -m synthcomp_core run 'p.toml", "python -m synthcomp_core"):
        (run.folder / "run.json").write_text(json.dumps({"kind": "batch run", "command": command}))
        with pytest.raises(PlanError, match="command line"):
            launch.resume_run(run)
    assert len(begun) == 1
