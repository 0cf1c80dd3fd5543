"""Resuming, killing, sharing among processes: the weights that come out are the same."""

from __future__ import annotations

import csv
import os
import random
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import SnapshotError, SynthcompError
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import read_snapshot_card
from synthcomp_core.runtime import processor_name
from synthcomp_core.training.checkpoint import load_checkpoint, save_checkpoint
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import ModelPlan, read_training_plan
from synthcomp_core.training.runner import launch, make_training, train_models
from synthcomp_core.training.schedule import learning_rate
from tests.conftest import PROJECT_ROOT
from tests.forked import SCRIPT, forks
from tests.training.conftest import write_plan


def environment(artifacts: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SYNTHCOMP_ARTIFACTS": str(artifacts),
        "PYTHONPATH": str(PROJECT_ROOT),
        "OMP_NUM_THREADS": "1",
    }


def final_weights(artifacts: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(artifacts / "runs" / "train-tiny" / "tiny-codec" / "final.safetensors")


def test_stopped_and_resumed_gives_the_weights_of_an_uninterrupted_training(tmp_path: Path, artifacts: Path) -> None:
    plan = read_training_plan(write_plan(tmp_path, steps=15, checkpoint_every=4))
    fabric = launch(plan.device)

    def trainer(folder: str) -> Trainer:
        (tmp_path / folder).mkdir(exist_ok=True)
        return Trainer(make_training(plan, plan.models[0]), tmp_path / folder, fabric)

    whole = trainer("whole")
    whole.run()
    broken = trainer("broken")
    broken.run(until=lambda: broken.step == 10)  # Two steps after its last checkpoint, which are lost.
    resumed = trainer("broken")
    assert resumed.step == 8
    earlier_s = load_checkpoint(tmp_path / "broken" / "last.pt")["seconds"]
    trained = resumed.run()
    assert earlier_s > 0 and trained.seconds is not None and trained.seconds > earlier_s
    for name, value in whole.raw.state_dict().items():
        assert torch.equal(value, resumed.raw.state_dict()[name]), name
    for name, value in whole.averaged.state_dict().items():
        assert torch.equal(value, resumed.averaged.state_dict()[name]), name
    logs = [(tmp_path / folder / "log.csv").read_text() for folder in ("whole", "broken")]
    assert logs[0] == logs[1]


def test_the_time_of_a_training_begun_by_an_older_version_is_unknown(tmp_path: Path, artifacts: Path) -> None:
    plan = read_training_plan(write_plan(tmp_path, steps=4, checkpoint_every=2))
    fabric = launch(plan.device)
    begun = Trainer(make_training(plan, plan.models[0]), tmp_path, fabric)
    begun.run(until=lambda: begun.step == 2)
    checkpoint = load_checkpoint(tmp_path / "last.pt")
    del checkpoint["seconds"]
    save_checkpoint(tmp_path / "last.pt", checkpoint)
    assert Trainer(make_training(plan, plan.models[0]), tmp_path, fabric).run().seconds is None


@pytest.mark.slow
def test_killed_at_a_random_step_and_run_again_gives_the_same_final_weights(tmp_path: Path, script: Path) -> None:
    plan = write_plan(tmp_path, steps=40, checkpoint_every=3)
    run = partial(forks().run, SCRIPT, [str(script), str(plan)], folder=tmp_path, output=tmp_path)
    run(environment=environment(tmp_path / "whole")).check_returncode()
    checkpoint = tmp_path / "killed" / "runs" / "train-tiny" / "tiny-codec" / "last.pt"
    mortal = environment(tmp_path / "killed") | {"KILL_FROM": str(random.randrange(3, 25))}
    assert run(environment=mortal).returncode == -signal.SIGKILL
    assert 0 < load_checkpoint(checkpoint)["step"] < 40
    run(environment=environment(tmp_path / "killed")).check_returncode()
    expected = final_weights(tmp_path / "whole")
    for name, value in final_weights(tmp_path / "killed").items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("as_on_gpus", [False, True])
def test_two_processes_train_what_one_does_with_the_whole_batch(tmp_path: Path, script: Path, as_on_gpus: bool) -> None:
    """As on GPUs, a step that is not finite in one process is skipped by both."""
    results = []
    for devices in (1, 2):
        plan = write_plan(tmp_path / str(devices), steps=8, devices=devices)
        artifacts = tmp_path / f"artifacts-{devices}"
        ran = forks().run(
            SCRIPT,
            [str(script), str(plan)],
            folder=tmp_path,
            environment=environment(artifacts) | ({"NAN_RANK": str(devices - 1)} if as_on_gpus else {}),
            output=tmp_path,
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
        results.append(final_weights(artifacts))
        notes = read_snapshot_card(artifacts / "snapshots" / "tiny-codec.safetensors").notes or ""
        assert ("1 step skipped" in notes) == as_on_gpus
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, atol=2e-4, rtol=1e-3)


def test_finished_models_are_skipped_and_the_snapshot_says_how_it_was_trained(tmp_path: Path, artifacts: Path) -> None:
    plan = read_training_plan(write_plan(tmp_path, steps=12))
    assert [outcome.status for outcome in train_models(plan)] == ["trained"]
    card = read_snapshot_card(artifacts / "snapshots" / "tiny-codec.safetensors")
    assert (card.N, card.M, card.steps, card.lmbda, card.distortion) == (8, 12, 12, 0.013, "mse")
    assert card.trained_on == "generated"
    assert card.validation_bpp is not None and card.validation_bpp > 0
    assert card.training_s is not None and 0 < card.training_s < 3600
    assert card.training_device == processor_name()
    shown = CliRunner().invoke(app, ["snapshot", "show", "tiny-codec"]).output
    assert f"training_s {card.training_s}" in " ".join(shown.split()) and "training_device" in shown
    with (artifacts / "runs" / "train-tiny" / "tiny-codec" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    last = {row["name"]: float(row["value"]) for row in rows if row["phase"] == "validation" and row["step"] == "12"}
    assert last["loss"] == pytest.approx(last["bpp"] + 0.013 * 65025 * 10 ** (-last["psnr"] / 10), rel=0.25)
    assert [outcome.status for outcome in train_models(plan)] == ["skipped"]
    with pytest.raises(SynthcompError, match="no model nothing"):
        train_models(plan, only=("nothing",))


def test_a_loss_that_is_not_finite_stops_and_names_the_step(tmp_path: Path, artifacts: Path) -> None:
    plan = read_training_plan(write_plan(tmp_path, steps=10, checkpoint_every=2))
    trainer = Trainer(make_training(plan, plan.models[0]), tmp_path, launch(plan.device))
    trainer.advance(3)
    with torch.no_grad():
        trainer.raw.net.g_s[0].weight.fill_(float("nan"))  # type: ignore[union-attr,index]
    with pytest.raises(SynthcompError, match=r"tiny-codec: the loss is nan at step 4"):
        trainer.advance(1)


def test_learning_rate_warms_up_and_falls() -> None:
    plan = ModelPlan(id="a", data="d", steps=110, lr=1.0, lr_final=0.1, warmup=10)
    assert learning_rate(plan, 0) == pytest.approx(0.1)
    assert learning_rate(plan, 9) == pytest.approx(1.0)
    assert learning_rate(plan, 60) == pytest.approx(0.55)  # Half-way down the cosine.
    assert learning_rate(plan, 110) == pytest.approx(0.1)
    halving = ModelPlan(id="a", data="d", steps=100, lr=1.0, lr_final=0.01, warmup=0, schedule="halving")
    assert [learning_rate(halving, step) for step in (0, 19, 20, 40, 80)] == [1, 1, 0.5, 0.25, 0.0625]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"step": 3, "weights": {"w": torch.ones(2)}})
    assert load_checkpoint(path)["step"] == 3
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SnapshotError, match=r"last\.pt"):
        load_checkpoint(path)
