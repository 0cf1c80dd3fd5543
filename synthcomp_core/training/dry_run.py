"""What a training plan would take: images, steps, memory and hours, from one step of each kind that is timed here."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.training.kind import Training
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import ModelPlan, TrainingPlan
from synthcomp_core.training.runner import launch

_COPIES = 5  # of the weights in float32: themselves, gradients, Adam's two moments, the averaged ones
_FEW = 2  # images that are decoded for a timed step
_STEPS = 2  # timed, behind one that warms up


@dataclass(frozen=True)
class ModelEstimate:
    """One model's share. train, valid: images; skipped: smaller than the patch. step_s: seconds per step; memory_bytes:
    of weights, their optimiser and a batch's activations."""

    id: str
    train: int
    valid: int
    skipped: int
    steps: int
    step_s: float
    memory_bytes: int

    @property
    def hours(self) -> float:
        """Of all steps, without validation."""
        return self.steps * self.step_s / 3600


def estimate_training(
    plan: TrainingPlan, *, only: tuple[str, ...] = (), on_progress: OnProgress = silent
) -> list[ModelEstimate]:
    """What each model of a plan would take on this machine, with one process; nothing of it is kept.

    only: ids of the models, all when empty. PlanError where this machine has none of the devices of the plan.
    A step is timed with a batch of one sample and counted by the batch. That is an upper bound: a larger batch costs
    less than its share, on a GPU much less.
    """
    models = plan.chosen(only)
    fabric = launch(dataclasses.replace(plan.device, devices=1, nodes=1, logger="csv"))
    timed: dict[tuple[object, ...], tuple[float, int]] = {}
    estimates = []
    for number, model in enumerate(models):
        on_progress(number / len(models), f"timing a step of {model.id}")
        images = plan.images(model)
        kind = (model.task, model.N, model.M, model.patch, model.distortion, model.surrogate, *_network(model))
        if kind not in timed:
            timed[kind] = _timed(plan, model, fabric)
        step_s, memory = timed[kind]
        share = -(-model.batch // plan.device.processes)
        memory_bytes = memory * share + _weights_bytes(model)
        counts = (len(images.train), len(images.valid), images.skipped, model.steps)
        estimates.append(ModelEstimate(model.id, *counts, step_s * share, memory_bytes))
    return estimates


def _network(model: ModelPlan) -> tuple[int, ...]:
    return model.scale, model.channels, model.groups, model.blocks, model.reduction


def _timed(plan: TrainingPlan, model: ModelPlan, fabric: Any) -> tuple[float, int]:
    """(seconds, bytes of activations) of a step of the whole model with a batch of one sample."""
    one = dataclasses.replace(model, batch=1, init=None, gain=False, behind=(), validation_crops=1, entropy_steps=0)
    with tempfile.TemporaryDirectory() as scratch:
        training = _small_training(plan, one, Path(scratch))
        trainer = Trainer(training, Path(scratch), fabric)
        saved = SavedBytes()
        with torch.autograd.graph.saved_tensors_hooks(saved.pack, lambda tensor: tensor):
            trainer.advance(1)
        activations = saved.num_bytes
        del saved  # With the storages that it holds, before steps are timed.
        _synchronise(fabric)
        started = time.perf_counter()
        trainer.advance(_STEPS)
        _synchronise(fabric)
        return (time.perf_counter() - started) / _STEPS, activations


def _small_training(plan: TrainingPlan, model: ModelPlan, cache: Path) -> Training:
    images = plan.images(model)
    from synthcomp_core.training.runner import training_of

    return training_of(model, images.train[:_FEW], images.valid[:1], cache)


class SavedBytes:
    """Counts what a forward pass keeps for the backward pass, each storage once.

    The storages are held while they are counted: the address of one that was freed can be another's next.
    """

    def __init__(self) -> None:
        self._held: dict[int, torch.UntypedStorage] = {}

    def pack(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if not isinstance(tensor, torch.nn.Parameter):
            self._held.setdefault(storage.data_ptr(), storage)
        return tensor

    @property
    def num_bytes(self) -> int:
        return sum(storage.nbytes() for storage in self._held.values())


def _weights_bytes(model: ModelPlan) -> int:
    """Bytes of the weights and all that goes with each of them."""
    if model.task == "compression":
        from synthcomp_core.training.compression import new_model

        net = new_model(model.architecture, model.N, model.M)
    else:
        from synthcomp_core.training.super_resolution import new_rcan

        net = new_rcan(model.scale, model.channels, model.groups, model.blocks, model.reduction)
    return _COPIES * 4 * sum(parameter.numel() for parameter in net.parameters())


def _synchronise(fabric: Any) -> None:
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
