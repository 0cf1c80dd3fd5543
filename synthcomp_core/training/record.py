"""A training as a run: its run.json, plan and state, written while one model is trained."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthcomp_core.errors import Cancelled, SynthcompError
from synthcomp_core.library.run_record import (
    RunKind,
    RunRecord,
    RunState,
    Stage,
    locked,
    machine_facts,
    package_versions,
    write_record,
    write_state,
)
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.runtime import processor_name
from synthcomp_core.storage import project_relative
from synthcomp_core.training.plan import ModelPlan, TrainingPlan

_PACKAGES = ("torch", "compressai", "spandrel", "lightning-fabric", "numpy", "pillow")
_STATE_S = 1.0  # How often the state is written.

OnStep = Callable[[int], None]


@contextmanager
def recorded(plan: TrainingPlan, model: ModelPlan, folder: Path, fabric: Any) -> Iterator[OnStep]:
    """Hold a model's folder and keep its state up to date while it is trained; yields what to call after each step.

    The state ends as finished, as interrupted, or as failed with the error. Of several processes only the first
    writes. PlanError when another process trains the same model.
    """
    if fabric.global_rank:
        yield lambda step: None
        return
    with locked(folder):
        write_record(folder, training_record(plan, model, fabric), plan_text=plan.text)
        clock = _Clock(folder, model.steps, fabric.world_size)
        try:
            yield clock.advance
        except (KeyboardInterrupt, SystemExit, Cancelled):
            clock.write(Stage.INTERRUPTED)
            raise
        except BaseException as error:
            clock.write(Stage.FAILED, error=str(error) if isinstance(error, SynthcompError) else repr(error))
            raise
        clock.write(Stage.FINISHED)


def training_record(plan: TrainingPlan, model: ModelPlan, fabric: Any) -> RunRecord:
    """What a model is trained with: command, machine, versions, the snapshots it begins with, data and settings."""
    images = plan.images(model)
    used = {model.init, *model.behind}
    return RunRecord(
        kind=RunKind.TRAINING,
        name=model.id,
        command=shlex.join(
            ["python", "-m", "synthcomp_core", "train", project_relative(plan.path), "--only", model.id]
        ),
        plan_file=str(plan.path),
        machine={**machine_facts(), "device": str(fabric.device), "processes": fabric.world_size},
        versions=package_versions(_PACKAGES),
        snapshots={card.id: card.sha256 for card in list_snapshots() if card.id in used},
        details={
            "datasets": {
                " + ".join(model.data): {
                    "train": len(images.train),
                    "valid": len(images.valid),
                    **({"skipped": images.skipped} if images.skipped else {}),
                    **_left_out(plan, model),
                }
            },
            "model": dataclasses.asdict(model),
        },
    )


def _left_out(plan: TrainingPlan, model: ModelPlan) -> dict[str, int]:
    """How many images of a model's data sets are left out, by why, as in {"left out: in test": 8}."""
    reasons: dict[str, int] = {}
    for why, number in (one for name in model.data for one in plan.parts(name).left_out):
        reasons[f"left out: {why}"] = reasons.get(f"left out: {why}", 0) + number
    return reasons


def device_name(fabric: Any) -> str:
    """What a training runs on, for people: the GPU or processor by its name, and how many share a batch."""
    if fabric.device.type == "cuda":
        import torch

        name = torch.cuda.get_device_name(fabric.device)
    elif fabric.device.type == "cpu":
        name = processor_name()
    else:
        name = str(fabric.device)
    return name if fabric.world_size == 1 else f"{fabric.world_size} x {name}"


class _Clock:
    """Writes how far a training is, at most once a second, with the time left at the speed so far."""

    def __init__(self, folder: Path, total: int, workers: int) -> None:
        self._folder, self._total, self._workers = folder, total, workers
        self._started, self._done = time.time(), 0
        self._first: tuple[int, float] | None = None
        self._written_at = 0.0
        self.write(Stage.RUNNING)

    def advance(self, step: int) -> None:
        """Note that a training is at ``step``; the first call says where it begins."""
        self._done = step
        self._first = self._first or (step, time.monotonic())
        if time.monotonic() - self._written_at > _STATE_S:
            self.write(Stage.RUNNING)

    def write(self, stage: Stage, *, error: str | None = None) -> None:
        """Write the state."""
        self._written_at = time.monotonic()
        state = RunState(
            kind=RunKind.TRAINING,
            state=stage,
            total=self._total,
            done=self._done,
            started=self._started,
            workers=self._workers,
            eta_s=self._eta_s(),
            error=error,
        )
        write_state(self._folder, state)

    def _eta_s(self) -> float | None:
        if self._first is None or self._done <= self._first[0]:
            return None
        step, since = self._first
        return (self._total - self._done) * (time.monotonic() - since) / (self._done - step)
