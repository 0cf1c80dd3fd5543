"""The records of a run: written whole, read again, held by one process at a time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.library.run_record import (
    RunKind,
    RunRecord,
    RunState,
    Stage,
    locked,
    machine_facts,
    package_versions,
    read_state,
    write_record,
    write_state,
)
from tests.conftest import PROJECT_ROOT


@pytest.mark.parametrize("kind", list(RunKind))
def test_a_state_written_is_read_again(tmp_path: Path, kind: RunKind) -> None:
    state = RunState(kind, Stage.FAILED, 10, 4, 1.5, failed=1, in_flight=2, workers=3, eta_s=9.5, error="no disk left")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert (state.pid, state.host) == (os.getpid(), socket.gethostname())
    assert abs(state.updated - time.time()) < 60


def test_an_error_that_names_what_is_not_utf_8_does_not_cost_the_state(tmp_path: Path) -> None:
    write_state(tmp_path, RunState(RunKind.BATCH, Stage.FAILED, 1, 0, 1.5, error="no \udcff.png"))
    state = read_state(tmp_path)
    assert state is not None and state.error == "no ?.png"


def test_a_record_that_could_not_be_read_again_is_refused(tmp_path: Path) -> None:
    record = RunRecord(RunKind.TRAINING, "a", "train it", "/plans\udcff/tiny.toml", {}, {}, {}, {})
    with pytest.raises(SynthcompError, match=r"run\.json cannot be written: it would name .* not UTF-8; rename"):
        write_record(tmp_path, record, plan_text="")


@pytest.mark.parametrize("content", ["", "[]", '{"state": "running"}', '{"kind": "x", "state": "running"}', "\0"])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "state.json").write_text(content)
    assert read_state(tmp_path) is None


def test_a_record_holds_what_the_run_was_made_with_beside_its_plan(tmp_path: Path) -> None:
    record = RunRecord(
        RunKind.TRAINING, "a", "train it", "/plans/tiny.toml", {"cores": 2}, {"torch": "2"}, {"s": "00"}, {"tasks": 3}
    )  # fmt: skip
    write_record(tmp_path, record, plan_text="name = 'é'\n")
    content = json.loads((tmp_path / "run.json").read_text())
    assert content.pop("written")
    assert content == {
        "kind": "training", "name": "a", "command": "train it", "plan_file": "/plans/tiny.toml", "plan": "plan.toml",
        "machine": {"cores": 2}, "versions": {"torch": "2"}, "snapshots": {"s": "00"}, "tasks": 3,
    }  # fmt: skip
    assert (tmp_path / "plan.toml").read_text(encoding="utf-8") == "name = 'é'\n"


def test_facts_and_versions_are_of_this_machine() -> None:
    assert machine_facts()["host"] == socket.gethostname()
    versions = package_versions(["numpy", "no-such-package"])
    import numpy

    assert (versions["numpy"], versions["no-such-package"]) == (numpy.__version__, "not installed")


def test_a_folder_is_held_by_one_process_and_free_after_its_death(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from synthcomp_core.library.run_record import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "run")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(PlanError, match="Another process is at work"), locked(tmp_path / "run"):
        pass
    holder.kill()
    holder.communicate()
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
