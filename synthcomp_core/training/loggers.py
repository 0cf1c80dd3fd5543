"""Where a training's values go beside its own log: TensorBoard, or a run of its own at Weights & Biases."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from synthcomp_core.errors import PlanError, reason_of
from synthcomp_core.storage import runs_dir

if TYPE_CHECKING:
    from synthcomp_core.training.plan import DevicePlan, ModelPlan, TrainingPlan


class MetricLogger(Protocol):
    """Takes values at steps, and is told when the training ends."""

    def log(self, values: Mapping[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


class TensorBoardLog:
    """Event files in the model's folder, below ``tensorboard``."""

    def __init__(self, folder: Path) -> None:
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger

        self._logger = TensorBoardLogger(folder, name="tensorboard", version="")

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write the values."""
        self._logger.log_metrics(dict(values), step)

    def finish(self) -> None:
        """Close the files."""
        self._logger.finalize("success")


class WandbLog:
    """A run of its own for one model: its project, name and settings; resumed when the training is.

    Offline where WANDB_MODE says so, as wandb itself has it; ``wandb sync`` sends the run later.
    """

    def __init__(self, plan: TrainingPlan, model: ModelPlan) -> None:
        wandb = importlib.import_module("wandb")  # Neither declared nor typed: only plans that ask for it need it.
        folder = runs_dir()
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=plan.device.project or f"synthcomp-{plan.name}",
            name=model.id,
            id=f"{plan.name}-{model.id}",
            resume="allow",
            dir=str(folder),
            config=dataclasses.asdict(model) | {"plan": plan.text},
            reinit=True,
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send the values."""
        self._run.log(dict(values), step=step)

    def finish(self) -> None:
        """End the run."""
        self._run.finish()


def check_logger(device: DevicePlan) -> None:
    """PlanError when the package of a plan's logger is missing."""
    needed = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}.get(device.logger, ())
    if needed and not any(_is_importable(package) for package in needed):
        raise PlanError(f"`device.logger` is {device.logger}, which needs the package {needed[0]}; install it.")


def _is_importable(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def model_loggers(plan: TrainingPlan, model: ModelPlan, folder: Path) -> list[MetricLogger]:
    """The loggers that a plan asks for, begun for one model; PlanError for one that cannot begin."""
    if plan.device.logger == "tensorboard":
        return [TensorBoardLog(folder)]
    if plan.device.logger == "wandb":
        try:
            return [WandbLog(plan, model)]
        except Exception as error:  # wandb's own are plain Exceptions, of a type that only it can name.
            raise PlanError(
                f"`device.logger` is wandb, which cannot begin a run ({reason_of(error)}); run `wandb login`, or set "
                "WANDB_MODE=offline."
            ) from error
    return []
