"""Carry out a training plan: one model after the other; finished ones are skipped, an interrupted one is resumed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthcomp_core import limits
from synthcomp_core.errors import PlanError, SynthcompError, reason_of
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.json_records import JsonError, read_json
from synthcomp_core.library.snapshot_file import write_tensors
from synthcomp_core.library.snapshots import SnapshotCard, load_snapshot, snapshot_path
from synthcomp_core.progress import OnProgress, counted, silent
from synthcomp_core.runtime import is_switched_on, keep_freed_memory, torch_device
from synthcomp_core.storage import runs_dir, write_text
from synthcomp_core.training.folder import DONE, FINAL, LAST, model_folder
from synthcomp_core.training.identity import changed, identity
from synthcomp_core.training.kind import Trained, Training
from synthcomp_core.training.loader import open_cache
from synthcomp_core.training.loggers import check_logger, model_loggers
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import KLT_START, DevicePlan, ModelPlan, TrainingPlan
from synthcomp_core.training.record import device_name, recorded


@dataclass(frozen=True)
class Outcome:
    """What became of one model of a plan: "trained" or "skipped", and its snapshot's card, if any.

    note: for people, where a finished training was skipped although its plan asks for another one now.
    """

    id: str
    status: str
    card: SnapshotCard | None = None
    note: str | None = None


@dataclass(frozen=True)
class _Facts:
    """What a finished training is known by, on its snapshot's card and in done.json."""

    trained_on: str
    steps: int
    validation_psnr: float | None
    validation_bpp: float | None
    training_s: float | None
    training_device: str
    notes: str


def train_models(
    plan: TrainingPlan, *, on_progress: OnProgress = silent, again: bool = False, only: tuple[str, ...] = ()
) -> list[Outcome]:
    """Train the models of a plan in order and write their snapshots.

    Skipped: a model whose training is done, or whose snapshot is installed without a training begun here; with
    ``again`` only the former. only: ids of the models to train, all when empty. Raises SynthcompError when a loss is
    not finite: on a GPU, when no loss of the last 50 steps is.
    """
    models = plan.chosen(only)
    fabric = launch(plan.device)
    outcomes = []
    for model in models:
        folder = model_folder(plan, model)
        installed = snapshot_path(model.id).is_file() and not folder.is_dir() and not again
        if (folder / DONE).is_file() or installed:
            outcomes.append(Outcome(model.id, "skipped", note=_changed_since(plan, model, folder)))
        else:
            outcomes.append(Outcome(model.id, "trained", _train(plan, model, folder, fabric, on_progress)))
    return outcomes


def _train(
    plan: TrainingPlan, model: ModelPlan, folder: Path, fabric: Any, on_progress: OnProgress
) -> SnapshotCard | None:
    """Train one model; the card of its snapshot, None in all processes but the first and for one that does not ship."""
    folder.mkdir(parents=True, exist_ok=True)
    card = None
    with recorded(plan, model, folder, fabric) as on_step:
        loggers = model_loggers(plan, model, folder) if fabric.global_rank == 0 else []
        trainer = Trainer(
            make_training(plan, model),
            folder,
            fabric,
            start=lambda: starting_weights(plan, model),
            identity=identity(model, plan.data),
            compile_module=plan.device.compile,
            loggers=loggers,
        )
        on_progress(0.0, f"{model.id}: {trainer.origin}, step {trainer.step}/{model.steps}")
        try:
            with _compilation(plan):
                trained = trainer.run(on_progress, on_step=on_step)
        finally:
            for logger in loggers:
                logger.finish()
        if fabric.global_rank == 0:
            facts = _facts(plan, model, trained, trainer.origin, device_name(fabric))
            card = write_weights(model, trained, facts, folder)
        fabric.barrier()
    if fabric.global_rank == 0:
        done = {
            "id": model.id,
            "plan": identity(model, plan.data),
            "validation": dataclasses.asdict(trained.validation),
            **dataclasses.asdict(facts),
        }
        write_text(folder / DONE, json.dumps(done))
        (folder / LAST).unlink(missing_ok=True)
    return card


def _changed_since(plan: TrainingPlan, model: ModelPlan, folder: Path) -> str | None:
    """The sentence that a finished training was of another plan; None where it was of this one, or does not say."""
    try:
        done = read_json(folder / DONE, dict[str, Any], max_bytes=limits.CARD_BYTES)
    except (OSError, JsonError):
        return None
    begun = done.get("plan")
    differing = changed(identity(model, plan.data), begun) if isinstance(begun, dict) else []
    if not differing and done.get("steps", model.steps) != model.steps:
        differing = [f"steps ({done['steps']}, now {model.steps})"]
    if not differing:
        return None
    return f"{model.id} was trained by another plan: {', '.join(differing)}; remove {folder} to train it anew."


@contextmanager
def _compilation(plan: TrainingPlan) -> Iterator[None]:
    """PlanError where torch.compile, which a plan asks for, fails: it needs a compiler, and Triton for a GPU."""
    try:
        yield
    except RuntimeError as error:
        if not plan.device.compile or not isinstance(error, torch._dynamo.exc.TorchDynamoException):
            raise
        reason = reason_of(getattr(error, "inner_exception", error))
        raise PlanError(
            f"{plan.path.name}: `device.compile` is true, but torch.compile failed ({reason}); set `compile = false`."
        ) from error


def launch(device: DevicePlan) -> Any:
    """Lightning Fabric, launched on the devices of a plan; PlanError for a device or logger that is not available."""
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    check_logger(device)

    torch.set_num_threads(device.threads or torch.get_num_threads())
    accelerator = available_accelerator(device)
    if accelerator == "cpu":
        keep_freed_memory()
    if accelerator == "cuda":
        torch.backends.cudnn.benchmark = True  # Shapes are fixed: looking for the fastest convolutions pays.
    several = device.devices * device.nodes > 1
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=device.devices,
            num_nodes=device.nodes,
            precision=precision_of(device, accelerator),  # type: ignore[arg-type]
            strategy="ddp" if several else "auto",
        )
        fabric.launch()
    except (MisconfigurationException, ValueError, RuntimeError, LookupError) as error:  # As of a job of other tasks.
        raise PlanError(
            f"The training cannot be started on {counted(device.devices, 'device')}"
            f"{f' in each of {device.nodes} nodes' if device.nodes > 1 else ''}, as `[device]` asks "
            f"({reason_of(error)}); change the plan or the job."
        ) from error
    return fabric


def available_accelerator(device: DevicePlan) -> str:
    """What a plan trains on: "cpu", "cuda" or "mps"; PlanError where this machine lacks it, or has fewer of it."""
    accelerator = device.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch_device(accelerator)
    except SynthcompError as error:
        raise PlanError(f"`device.accelerator` is {accelerator}. {error}") from None
    if accelerator == "cpu":
        return accelerator
    number = torch.cuda.device_count() if accelerator == "cuda" else 1
    if device.devices > number:
        raise PlanError(
            f"`device.devices` is {device.devices}, but this machine has {counted(number, 'GPU')} to train on; set "
            f"`devices = {number}`, or train where there are more."
        )
    if accelerator == "mps" and device.nodes > 1:
        raise PlanError(f"`device.nodes` is {device.nodes}, but mps trains on one machine only; set `nodes = 1`.")
    return accelerator


def precision_of(device: DevicePlan, accelerator: str) -> str:
    """Fabric's precision: for "auto", bf16-mixed where the hardware multiplies bfloat16, else 32-true."""
    if device.precision != "auto":
        return device.precision
    if accelerator == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    has_mkldnn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    has_bf16 = accelerator == "cpu" and has_mkldnn and torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if has_bf16 else "32-true"


def make_training(plan: TrainingPlan, model: ModelPlan) -> Training:
    """The training of a model, with its images decoded."""
    images = plan.images(model)
    return training_of(model, images.train, images.valid, runs_dir() / "cache")


def training_of(model: ModelPlan, train_files: list[Path], held_files: list[Path], cache: Path) -> Training:
    """The training of a model on these images, decoded into ``cache``."""
    if model.task == "compression":
        from synthcomp_core.training.compression import CompressionTraining

        return CompressionTraining(model, open_cache(train_files, cache), open_cache(held_files, cache))
    from synthcomp_core.training.super_resolution import SuperResolutionTraining

    return SuperResolutionTraining(model, train_files, held_files, cache)


def starting_weights(plan: TrainingPlan, model: ModelPlan) -> dict[str, Tensor] | None:
    """The weights that ``init`` names: a model of the plan, a checkpoint beside the plan, or a snapshot."""
    if model.init is None or model.init == KLT_START:
        return None
    for other in plan.models:
        final = model_folder(plan, other) / FINAL
        if other.id == model.init and final.is_file():
            return read_checkpoint(final)
    path = plan.path.parent / model.init
    if path.is_file():
        return read_checkpoint(path, key=model.init_key)
    if "/" not in model.init and snapshot_path(model.init).is_file():
        return load_snapshot(model.init)[1]
    raise PlanError(
        f"{plan.path.name}: `init` of {model.id} is {model.init!r}, which is neither a trained model of the plan, an "
        "installed snapshot, nor a checkpoint file beside the plan."
    )


def write_weights(model: ModelPlan, trained: Trained, facts: _Facts, folder: Path) -> SnapshotCard | None:
    """Write the final weights into the model's folder, and the snapshot if the model ships."""
    state = {name: value.detach().cpu().contiguous() for name, value in trained.state.items()}
    write_tensors(state, folder / FINAL)
    if not model.ship or is_switched_on("SYNTHCOMP_NO_SNAPSHOT"):
        return None
    known = {name: value for name, value in dataclasses.asdict(facts).items() if value is not None}
    if model.task == "compression":
        from synthcomp_core.codecs.checkpoints import import_codec

        return import_codec(
            state,
            id=model.id,
            quality=model.quality,
            lmbda=model.lambda_value,
            distortion=model.distortion,
            **known,
        )
    from synthcomp_core.upscalers.neural import import_upscaler

    return import_upscaler(state, id=model.id, **known)


def _facts(plan: TrainingPlan, model: ModelPlan, trained: Trained, origin: str, device: str) -> _Facts:
    images = plan.images(model)
    skipped = f", {images.skipped} smaller than the patch skipped" if images.skipped else ""
    augmented = f", augmented by {', '.join(model.augment)}" if model.augment else ""
    notes = (
        f"{origin}; {len(images.train)} training and {len(images.valid)} validation images{skipped}{augmented}; "
        f"{model.batch} patches of {model.patch}, "
        f"lr {model.lr:g} {model.schedule} to {model.lr_final:g}, EMA {model.ema:g}; plan {plan.path.name}; "
        f"torch {torch.__version__}. {model.notes or ''}"
    ).strip()
    if trained.skipped:
        notes += f" {counted(trained.skipped, 'step')} skipped, loss or gradient not finite."
    validation = trained.validation
    return _Facts(
        trained_on=plan.trained_on(model),
        steps=trained.steps,
        validation_psnr=_finite(validation.psnr, 4),
        validation_bpp=None if validation.bpp is None else _finite(validation.bpp, 5),
        training_s=None if trained.seconds is None else round(trained.seconds, 1),
        training_device=device,
        notes=notes,
    )


def _finite(value: float, digits: int) -> float | None:
    """A value as a card may have it; None for a PSNR without any error, and for what is no number."""
    return round(value, digits) if math.isfinite(value) else None
