"""Carry out a training plan: one model after the other, finished ones skipped, an interrupted one resumed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthcomp_core.errors import PlanError
from synthcomp_core.library.snapshots import SnapshotCard, load_snapshot, read_checkpoint, snapshot_path
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import keep_freed_memory
from synthcomp_core.storage import artifacts_dir, atomic_path, write_text
from synthcomp_core.training.loader import open_cache
from synthcomp_core.training.loop import Task, Trained, Trainer
from synthcomp_core.training.plan import KLT_START, DevicePlan, ModelPlan, TrainingPlan

FINAL, DONE = "final.safetensors", "done.json"


@dataclass(frozen=True)
class Outcome:
    """What became of one model of a plan: "trained" or "skipped", and its card when there is one."""

    id: str
    status: str
    card: SnapshotCard | None = None


def run_folder(plan: TrainingPlan, model: ModelPlan) -> Path:
    """Where a model's checkpoints and log lie."""
    return artifacts_dir() / "runs" / f"train-{plan.name}" / model.id


def carry_out(
    plan: TrainingPlan, *, on_progress: OnProgress = silent, again: bool = False, only: tuple[str, ...] = ()
) -> list[Outcome]:
    """Train the models of a plan in order and write their snapshots.

    Skipped: a model whose run is done, or whose snapshot is at hand without a run begun here; with ``again`` only
    those done by this plan's run folder. only: ids to carry out, all when empty. Raises
    SynthcompError when a loss is not finite.
    """
    unknown = set(only) - {model.id for model in plan.models}
    if unknown:
        raise PlanError(f"{plan.path.name} has no model {', '.join(sorted(unknown))}.")
    fabric = launch(plan.device)
    outcomes = []
    for model in plan.models:
        folder = run_folder(plan, model)
        if only and model.id not in only:
            continue
        shipped = snapshot_path(model.id).is_file() and not folder.is_dir() and not again
        if (folder / DONE).is_file() or shipped:
            outcomes.append(Outcome(model.id, "skipped"))
            continue
        folder.mkdir(parents=True, exist_ok=True)
        trainer = Trainer(
            make_task(plan, model),
            folder,
            fabric,
            start=lambda model=model: starting_weights(plan, model),  # type: ignore[misc]
            compile_module=plan.device.compile,
        )
        on_progress(0.0, f"{model.id}: {trainer.origin}, step {trainer.step}/{model.steps}")
        trained = trainer.run(on_progress)
        card = None
        if fabric.global_rank == 0:
            card = export(plan, model, trained, trainer.origin, folder)
        fabric.barrier()
        outcomes.append(Outcome(model.id, "trained", card))
    return outcomes


def launch(device: DevicePlan) -> Any:
    """A launched Lightning Fabric for the devices of a plan."""
    from lightning_fabric import Fabric

    torch.set_num_threads(device.threads or torch.get_num_threads())
    accelerator = device.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cpu":
        keep_freed_memory()
    several = device.devices * device.nodes > 1
    fabric = Fabric(
        accelerator=accelerator,
        devices=device.devices,
        num_nodes=device.nodes,
        precision=precision_of(device, accelerator),  # type: ignore[arg-type]
        strategy="ddp" if several else "auto",
        loggers=_loggers(device),
    )
    fabric.launch()
    return fabric


def precision_of(device: DevicePlan, accelerator: str) -> str:
    """Fabric's precision: "auto" is bf16-mixed where the hardware multiplies bfloat16, else 32-true."""
    if device.precision != "auto":
        return device.precision
    if accelerator == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    has_bf16 = accelerator == "cpu" and torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if has_bf16 else "32-true"


def _loggers(device: DevicePlan) -> list[Any]:
    """The loggers besides the CSV that the loop always writes."""
    if device.logger == "tensorboard":
        from lightning_fabric.loggers import TensorBoardLogger

        return [TensorBoardLogger(artifacts_dir() / "runs", name="tensorboard")]
    if device.logger == "wandb":
        try:
            from pytorch_lightning.loggers import WandbLogger
        except ImportError:
            raise PlanError("`device.logger` is wandb, which needs the packages wandb and pytorch-lightning.") from None
        return [WandbLogger(save_dir=artifacts_dir() / "runs")]
    return []


def make_task(plan: TrainingPlan, model: ModelPlan) -> Task:
    """The task of a model, with its images decoded."""
    cache = artifacts_dir() / "runs" / "cache"
    train_files, held_files = plan.split(model.data)
    if model.task == "compression":
        from synthcomp_core.training.compression import CompressionTask

        return CompressionTask(model, open_cache(train_files, cache), open_cache(held_files, cache))
    from synthcomp_core.training.super_resolution import SuperResolutionTask

    return SuperResolutionTask(model, train_files, held_files, cache)


def starting_weights(plan: TrainingPlan, model: ModelPlan) -> dict[str, Tensor] | None:
    """The weights that ``init`` names: a model of the plan, a checkpoint beside the plan, or a snapshot."""
    if model.init in (None, KLT_START):
        return None
    for other in plan.models:
        final = run_folder(plan, other) / FINAL
        if other.id == model.init and final.is_file():
            return read_checkpoint(final)
    path = plan.path.parent / model.init
    if path.is_file():
        return read_checkpoint(path)
    if snapshot_path(model.init).is_file() if "/" not in model.init else False:
        return load_snapshot(model.init)[1]
    raise PlanError(
        f"{plan.path.name}: `init` of {model.id} is {model.init!r}, which is neither a trained model, a snapshot, "
        "nor a checkpoint file beside the plan."
    )


def export(plan: TrainingPlan, model: ModelPlan, trained: Trained, origin: str, folder: Path) -> SnapshotCard | None:
    """Write the final weights into the run folder and the snapshot with its card."""
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in trained.state.items()}
    with atomic_path(folder / FINAL) as temporary:
        save_file(state, temporary)
    train, held = plan.split(model.data)
    data = plan.data[model.data]
    notes = (
        f"{origin}; {len(train)} training and {len(held)} validation images; {model.batch} patches of {model.patch}, "
        f"lr {model.lr:g} {model.schedule} to {model.lr_final:g}, EMA {model.ema:g}; plan {plan.path.name}; "
        f"torch {torch.__version__}. {model.notes or ''}"
    ).strip()
    known = {
        "trained_on": data.trained_on or model.data,
        "steps": trained.steps,
        "validation_psnr": round(trained.validation.psnr, 4),
        "notes": notes,
    }
    if trained.validation.bpp is not None:
        known["validation_bpp"] = round(trained.validation.bpp, 5)
    card = _import(model, state, known)
    validation = {"loss": trained.validation.loss, "psnr": trained.validation.psnr, "bpp": trained.validation.bpp}
    write_text(folder / DONE, json.dumps({"id": model.id, "steps": trained.steps, "validation": validation, **known}))
    (folder / "last.pt").unlink(missing_ok=True)
    return card


def _import(model: ModelPlan, state: dict[str, Tensor], known: dict[str, Any]) -> SnapshotCard | None:
    if not model.ship or os.environ.get("SYNTHCOMP_NO_SNAPSHOT"):
        return None
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
