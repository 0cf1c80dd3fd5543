"""Devices and loggers that a training plan asks for and this machine lacks: one sentence each."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from pathlib import Path

import pytest
import torch

from synthcomp_core.cli import main
from synthcomp_core.errors import PlanError
from synthcomp_core.training import dry_run, runner
from synthcomp_core.training.loggers import model_loggers
from synthcomp_core.training.plan import DevicePlan, read_training_plan
from synthcomp_core.training.runner import launch, train_models
from tests.conftest import PROJECT_ROOT


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_accelerator_that_is_missing_is_named() -> None:
    with pytest.raises(PlanError, match=r"`device.accelerator` is cuda. Device 'cuda' is not available") as caught:
        launch(DevicePlan(accelerator="cuda"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("logger", "packages"),
    [("tensorboard", ("tensorboard", "tensorboardX")), ("wandb", ("wandb",))],
)
def test_a_logger_whose_package_is_missing_is_named(
    logger: str, packages: tuple[str, ...], artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PlanError, match=f"`device.logger` is {logger}, which needs the package"):
        launch(DevicePlan(accelerator="cpu", logger=logger))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (DevicePlan(accelerator="cuda", devices=4), "`device.devices` is 4, but this machine has 1 GPU to train on"),
        (DevicePlan(devices=2), "`device.devices` is 2, but this machine has 1 GPU to train on"),
        (DevicePlan(accelerator="mps", devices=2), "`device.devices` is 2, but this machine has 1 GPU to train on"),
        (DevicePlan(accelerator="mps", nodes=2), "`device.nodes` is 2, but mps trains on one machine only"),
    ],
)
def test_more_devices_than_there_are_is_a_sentence_of_a_training(
    asked: DevicePlan, words: str, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(runner, "torch_device", torch.device)
    plan = dataclasses.replace(read_training_plan(PROJECT_ROOT / "artifacts" / "plans" / "smoke.toml"), device=asked)
    with pytest.raises(PlanError, match=re.escape(words)) as caught:
        train_models(plan)
    assert "\n" not in str(caught.value)


def test_a_dry_run_times_one_device_and_says_that_there_are_too_few(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(device: DevicePlan) -> str:
        raise PlanError("`device.devices` is 4, but this machine has 1 GPU to train on.")

    monkeypatch.setattr(dry_run, "estimate_training", lambda plan, **options: [])
    monkeypatch.setattr(runner, "available_accelerator", lacking)
    assert main(["train", str(PROJECT_ROOT / "artifacts" / "plans" / "smoke.toml"), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "hours in all" in said.out and "this machine has 1 GPU" in said.err


def test_what_lightning_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a cluster's job of another number of tasks; its launcher says so in several lines."""
    for name, value in (
        ("NTASKS", "2"),
        ("NTASKS_PER_NODE", "2"),
        ("JOB_NAME", "job"),
        *((id, "0") for id in ("PROCID", "LOCALID", "NODEID")),
    ):
        monkeypatch.setenv(f"SLURM_{name}", value)
    with pytest.raises(PlanError, match=r"cannot be started on 4 devices, as `\[device\]` asks \(") as caught:
        launch(DevicePlan(accelerator="cpu", devices=4))
    assert "\n" not in str(caught.value)


def test_a_wandb_that_cannot_begin_is_a_sentence(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**settings: object) -> None:
        raise Exception("api_key not configured (no-tty).\nCall wandb.login")

    wandb = types.ModuleType("wandb")
    wandb.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    plan = read_training_plan(PROJECT_ROOT / "artifacts" / "plans" / "smoke.toml")
    plan = dataclasses.replace(plan, device=DevicePlan(accelerator="cpu", logger="wandb"))
    with pytest.raises(PlanError, match=r"wandb, which cannot begin a run \(api_key not configured \(no-tty\)\)"):
        model_loggers(plan, plan.models[0], tmp_path)
