"""Devices and loggers that a training plan asks for and this machine lacks: one sentence each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from synthcomp_core.errors import PlanError
from synthcomp_core.training.plan import DevicePlan
from synthcomp_core.training.runner import launch


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
