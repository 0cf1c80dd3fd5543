"""A training is a run like any other: its record, its state while it works, and how it ends."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch

from synthcomp_core.batch.status import list_runs, run_command, run_environment, run_plan
from synthcomp_core.codecs import checkpoints
from synthcomp_core.errors import Cancelled, PlanError, ResultsError, SynthcompError
from synthcomp_core.library.run_record import RunKind, RunState, Stage, locked, read_state
from synthcomp_core.training import loop, runner
from synthcomp_core.training.folder import append_log, cut_log, model_folder, read_log
from synthcomp_core.training.kind import Trained, Validation
from synthcomp_core.training.plan import TrainingPlan, read_training_plan
from synthcomp_core.training.runner import train_models
from tests.training.conftest import write_plan


@pytest.fixture
def plan(tmp_path: Path, artifacts: Path) -> TrainingPlan:
    return read_training_plan(write_plan(tmp_path, steps=60, checkpoint_every=5))


def state_of(plan: TrainingPlan) -> RunState:
    state = read_state(model_folder(plan, plan.models[0]))
    assert state is not None
    return state


@pytest.mark.parametrize(("value", "is_written"), [("0", True), ("false", True), ("1", False)])
def test_the_switch_against_snapshots_can_be_off(
    plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, is_written: bool
) -> None:
    written: list[str] = []
    monkeypatch.setattr(checkpoints, "import_codec", lambda state, *, id, **facts: written.append(id))
    monkeypatch.setenv("SYNTHCOMP_NO_SNAPSHOT", value)
    trained = Trained({"weight": torch.zeros(1)}, Validation(30.0, 1.0), 60, 1.0)
    facts = runner._Facts("games", 60, 30.0, 1.0, 1.0, "cpu", "")
    runner.write_weights(plan.models[0], trained, facts, tmp_path)
    assert written == (["tiny-codec"] if is_written else [])


def test_a_finished_training_has_the_files_of_a_run(plan: TrainingPlan) -> None:
    train_models(plan)
    state = state_of(plan)
    assert (state.kind, state.state, state.done, state.total) == (RunKind.TRAINING, Stage.FINISHED, 60, 60)
    (run,) = list_runs()
    assert (run.name, run.kind, run.stage, run.done) == ("train-tiny/tiny-codec", RunKind.TRAINING, Stage.FINISHED, 60)
    assert run_plan(run.folder) == plan.path.read_text()
    assert run_command(run.folder) == f"python -m synthcomp_core train {plan.path} --only tiny-codec"
    shown = dict(run_environment(run.folder).pairs)
    assert {"torch", "compressai", "python", "device", "notes"} <= set(shown)
    assert (shown["device"], shown["steps"]) == ("cpu", "60")
    record = json.loads((run.folder / "run.json").read_text())
    assert record["kind"] == "training"
    assert record["datasets"] == {"pictures": {"train": 3, "valid": 2}}
    assert record["model"]["steps"] == 60


def test_while_it_trains_its_state_says_how_far_it_is(plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthcomp_core.training.record._STATE_S", 0.0)
    seen: list[RunState] = []
    train_models(plan, on_progress=lambda fraction, stage: seen.append(state_of(plan)))
    assert [(state.state, state.done) for state in seen] == [(Stage.RUNNING, 0), (Stage.RUNNING, 49)]
    assert seen[0].eta_s is None
    assert seen[1].eta_s is not None and seen[1].eta_s > 0


def test_a_cancelled_training_is_interrupted_and_can_be_resumed(plan: TrainingPlan) -> None:
    def cancel(fraction: float, stage: str) -> None:
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_models(plan, on_progress=cancel)
    assert state_of(plan).state == Stage.INTERRUPTED
    assert [outcome.status for outcome in train_models(plan)] == ["trained"]
    assert (state_of(plan).state, state_of(plan).done) == (Stage.FINISHED, 60)


def test_a_training_that_fails_says_why(plan: TrainingPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda plan, step: 1e30)
    with pytest.raises(SynthcompError, match="tiny-codec: the loss is"):
        train_models(plan)
    state = state_of(plan)
    assert state.state == Stage.FAILED
    assert "tiny-codec: the loss is" in (state.error or "")


def test_two_processes_cannot_train_one_model(plan: TrainingPlan) -> None:
    with locked(model_folder(plan, plan.models[0])), pytest.raises(PlanError, match="Another process"):
        train_models(plan)


def test_snapshots_that_a_training_begins_with_are_recorded(plan: TrainingPlan) -> None:
    train_models(plan)
    first = plan.models[0]
    second = dataclasses.replace(plan, models=(dataclasses.replace(first, id="second", init="tiny-codec", steps=1),))
    train_models(second)
    record = json.loads((model_folder(plan, second.models[0]) / "run.json").read_text())
    assert list(record["snapshots"]) == ["tiny-codec"]
    assert len(record["snapshots"]["tiny-codec"]) == 64


def test_a_log_is_read_with_its_learning_rate_and_without_its_torn_end(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    append_log(tmp_path, 50, "train", {"loss": 2.5, "bpp": 0.4}, lr=2.5e-4)
    append_log(tmp_path, 100, "validation", {"psnr": 34.5}, lr=2e-4)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("odd,line,of,no,use\n150,train,lo")
    assert [dataclasses.astuple(point) for point in read_log(tmp_path)] == [
        (50, "train", "loss", 2.5),
        (50, "train", "lr", 0.00025),
        (50, "train", "bpp", 0.4),
        (100, "validation", "psnr", 34.5),
        (100, "train", "lr", 0.0002),
    ]


def test_a_log_is_cut_after_the_step_from_which_a_training_resumes(tmp_path: Path) -> None:
    for step in (50, 100, 150):
        append_log(tmp_path, step, "train", {"loss": 1.0}, lr=1e-4)
    cut_log(tmp_path, 100)
    with (tmp_path / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["50", "100"]


def test_a_log_is_cut_to_a_step_whatever_stands_in_it(tmp_path: Path) -> None:
    from synthcomp_core.training.folder import LOG, cut_log

    rows = "step,phase,name,value,lr\n50,train,loss,1,0.1\nx,train,loss,1,0.1\n" + "9" * 5000 + ",train,loss,1,0.1\n"
    (tmp_path / LOG).write_text(rows + "100,train,loss,1,0.1\n150,tra")
    cut_log(tmp_path, 50)
    assert (tmp_path / LOG).read_text().splitlines() == ["step,phase,name,value,lr", "50,train,loss,1,0.1"]
    cut_log(tmp_path, -1)
    assert (tmp_path / LOG).read_text().splitlines() == ["step,phase,name,value,lr"]


@pytest.mark.parametrize("line", ["a" * 200_000 + ",b", "a" * 10_000_000, '"50,train', "50,train,loss,2,0.1," * 50_000])
def test_a_line_of_a_log_that_nobody_wrote_is_passed_over_and_cut(tmp_path: Path, line: str) -> None:
    rows = "50,train,loss,1,0.1\n{}\n50,train,bpp,2,0.1\n"
    (tmp_path / "log.csv").write_text("step,phase,name,value,lr\n" + rows.format(line))
    assert [point.name for point in read_log(tmp_path)] == ["loss", "lr", "bpp"]
    cut_log(tmp_path, 50)
    kept = "step,phase,name,value,lr\n50,train,loss,1,0.1\n50,train,bpp,2,0.1\n"
    assert (tmp_path / "log.csv").read_text() == kept


def test_a_log_that_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.symlink_to("/dev/zero")
    with pytest.raises(ResultsError, match="cannot be read: it is a pipe or a device"):
        read_log(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ResultsError, match="cannot be read: it is a pipe or a device"):
        read_log(tmp_path)
    with pytest.raises(ResultsError, match="cannot be read: it is a pipe or a device"):
        cut_log(tmp_path, 50)
