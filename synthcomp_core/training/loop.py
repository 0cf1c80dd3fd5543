"""The training loop: steps, averaged weights, validation, checkpoints; the same for every kind of model.

Everything random in a step is drawn from (seed, step), so a checkpoint holds no generator state and a training that
was killed and resumed follows the trajectory of one that was not (on the same machine with the same threads).
"""

from __future__ import annotations

import copy
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from synthcomp_core.errors import SnapshotError, SynthcompError
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import atomic_path
from synthcomp_core.training.folder import BEST, LAST, append_log, cut_log

if TYPE_CHECKING:
    from synthcomp_core.training.loggers import MetricLogger
    from synthcomp_core.training.plan import ModelPlan

LOG_EVERY = 50
HALVINGS = 5  # "halving" cuts the rate in half at each fifth of the steps.


@dataclass(frozen=True)
class Validation:
    """loss: what decides which weights are best; psnr in dB; bpp of a codec."""

    loss: float
    psnr: float
    bpp: float | None = None


@dataclass(frozen=True)
class Trained:
    """The best averaged weights of a training, their validation, and the steps and seconds it took.

    seconds: of all calls together, validation included; None where a checkpoint of an older version did not say.
    """

    state: dict[str, Tensor]
    validation: Validation
    steps: int
    seconds: float | None


class Training(Protocol):
    """What the loop asks of a kind of model: how to build it, feed it, judge it and save it."""

    plan: ModelPlan

    @property
    def columns(self) -> tuple[str, ...]: ...
    def build(self, start: dict[str, Tensor] | None) -> tuple[nn.Module, str]: ...
    def batch(self, step: int, *, rank: int, world: int) -> tuple[Tensor, ...]: ...
    def auxiliary(self, module: nn.Module) -> tuple[list[nn.Parameter], Any] | None: ...
    def groups(self, module: nn.Module) -> list[list[nn.Parameter]]: ...
    def factors(self, step: int) -> tuple[float, ...]: ...
    def before_validation(self, module: nn.Module) -> None: ...
    def validate(self, module: nn.Module) -> Validation: ...
    def state_dict(self, module: nn.Module) -> dict[str, Tensor]: ...


def learning_rate(plan: ModelPlan, step: int) -> float:
    """The rate at a step: linear warm-up, then a half cosine to ``lr_final``, or constant before a plateau's cuts."""
    if step < plan.warmup:
        return plan.lr * (step + 1) / plan.warmup
    if plan.schedule == "plateau":
        return plan.lr
    progress = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    if plan.schedule == "halving":
        return max(plan.lr_final, plan.lr * 0.5 ** int(progress * HALVINGS))
    return plan.lr_final + (plan.lr - plan.lr_final) * 0.5 * (1 + math.cos(math.pi * progress))


class Trainer:
    """One training under way: its module, averaged copy and optimisers, and the step it has reached.

    fabric: a launched lightning_fabric.Fabric. start: weights to begin with, asked for only if ``folder`` holds no
    checkpoint. loggers: take the values too.
    """

    def __init__(
        self,
        training: Training,
        folder: Path,
        fabric: Any,
        *,
        start: Callable[[], dict[str, Tensor] | None] = lambda: None,
        compile_module: bool = False,
        loggers: Sequence[MetricLogger] = (),
    ) -> None:
        plan = training.plan
        self.training, self.folder, self.fabric, self.loggers = training, folder, fabric, loggers
        torch.manual_seed(plan.seed)
        checkpoint = load_checkpoint(folder / LAST) if (folder / LAST).is_file() else None
        if checkpoint is None:
            module, self.origin = training.build(start())
        else:
            module, self.origin = training.build(None)[0], checkpoint["origin"]
            module.load_state_dict(checkpoint["module"])
        module = module.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(module).requires_grad_(False)
        auxiliary = training.auxiliary(module)
        slow = auxiliary[0] if auxiliary else []
        # Outside the wrapper's gradient exchange: every process computes the same step for them, without data.
        for parameter in slow:
            parameter.requires_grad_(False)
        groups = [{"params": group} for group in training.groups(module)]
        optimizer = torch.optim.Adam(groups, lr=plan.lr, fused=True)
        self.raw = module
        wrapped = torch.compile(module) if compile_module else module
        self.module, self.optimizer = fabric.setup(wrapped, optimizer)
        for parameter in slow:
            parameter.requires_grad_(True)
        self.auxiliary_loss = auxiliary[1] if auxiliary else None
        self.auxiliary = torch.optim.Adam(slow, lr=plan.lr_quantiles) if slow else None
        self.step, self.best = 0, Validation(math.inf, 0.0)
        self.cuts, self.waited = 0, 0
        self.earlier_s: float | None = 0.0  # of the calls before this one
        self.started = time.monotonic()
        self.running = torch.zeros(len(training.columns), dtype=torch.float64)
        if checkpoint is not None:
            self._restore(checkpoint)
        elif fabric.global_rank == 0:
            # What a training that was killed before its first checkpoint has left.
            cut_log(folder, -1)
            (folder / BEST).unlink(missing_ok=True)

    def run(
        self,
        on_progress: OnProgress = silent,
        *,
        on_step: Callable[[int], None] = lambda step: None,
        until: Callable[[], bool] = lambda: False,
    ) -> Trained:
        """Train to the plan's last step, or until ``until`` says so, and return the best weights.

        on_step: called with the step reached, at the beginning and after each step; then ``until`` is asked.
        """
        plan = self.training.plan
        on_step(self.step)
        self.started = time.monotonic()
        if self.step == 0:
            self.validate()  # A short fine-tune may end worse than it began; then the start is kept.
        started, first = time.monotonic(), self.step
        while self.step < plan.steps:
            self._advance()
            if self.step % LOG_EVERY == 0:
                mean = self.running / LOG_EVERY
                self.running.zero_()
                seconds = time.monotonic() - started
                self._log(
                    "train", {name: float(value) for name, value in zip(self.training.columns, mean, strict=True)}
                )
                rate = (self.step - first) / seconds
                stage = f"{plan.id}: step {self.step}/{plan.steps}, loss {float(mean[0]):.4f}, {rate:.1f} steps/s"
                on_progress(self.step / plan.steps, stage)
            last = self.step == plan.steps
            if self.step % plan.validate_every == 0 or last:
                self.validate()
            if self.step % plan.checkpoint_every == 0 or last:
                self.save()
            on_step(self.step)
            if until():
                break
        best = self.folder / BEST
        state = load_checkpoint(best)["state"] if best.is_file() else self.training.state_dict(self.averaged)
        return Trained(state, self.best, self.step, self._seconds())

    def advance(self, steps: int) -> None:
        """Take ``steps`` steps without logging, validation or checkpoints."""
        for _ in range(steps):
            self._advance()

    def _advance(self) -> None:
        plan, fabric = self.training.plan, self.fabric
        rate = learning_rate(plan, self.step) * 0.5**self.cuts
        for group, factor in zip(self.optimizer.param_groups, self.training.factors(self.step), strict=True):
            group["lr"] = rate * factor
        batch = self.training.batch(self.step, rank=fabric.global_rank, world=fabric.world_size)
        parts: Tensor = self.module(*(tensor.to(fabric.device) for tensor in batch))
        values = parts.detach()
        if fabric.world_size > 1:
            values = fabric.all_reduce(values, reduce_op="mean")
        values = values.double().cpu()
        if not bool(torch.isfinite(values).all()):
            raise SynthcompError(
                f"{plan.id}: the loss is {float(values[0])} at step {self.step + 1}; the last checkpoint is kept; "
                "lower `lr` in the plan and run it again."
            )
        self.optimizer.zero_grad(set_to_none=True)
        fabric.backward(parts[0])
        fabric.clip_gradients(self.module, self.optimizer, max_norm=plan.clip, error_if_nonfinite=False)
        self.optimizer.step()
        if self.auxiliary is not None and self.auxiliary_loss is not None:
            self.auxiliary.zero_grad(set_to_none=True)
            self.auxiliary_loss().backward()
            self.auxiliary.step()
        self.step += 1
        decay = min(plan.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.raw.parameters()), 1 - decay)
        self.running += values

    def validate(self) -> Validation:
        """Validate the averaged weights, and keep them when they are the best so far."""
        self.averaged.eval()
        self.training.before_validation(self.averaged)
        result = self.training.validate(self.averaged)
        plan = self.training.plan
        if result.loss < self.best.loss:
            self.best, self.waited = result, 0
            if self.fabric.global_rank == 0:
                save_checkpoint(
                    self.folder / BEST, {"state": self.training.state_dict(self.averaged), "step": self.step}
                )
        else:
            self.waited += 1
            if plan.schedule == "plateau" and self.waited > plan.patience:
                self.cuts, self.waited = self.cuts + 1, 0
        values = {"loss": result.loss, "psnr": result.psnr}
        if result.bpp is not None:
            values["bpp"] = result.bpp
        self._log("validation", values)
        return result

    def save(self) -> None:
        """Write the last checkpoint, from which this training can be resumed."""
        if self.fabric.global_rank:
            return
        best = {"loss": self.best.loss, "psnr": self.best.psnr, "bpp": self.best.bpp}
        content = {
            "step": self.step,
            "origin": self.origin,
            "module": self.raw.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "auxiliary": self.auxiliary.state_dict() if self.auxiliary else None,
            "best": best,
            "cuts": self.cuts,
            "waited": self.waited,
            "running": self.running.clone(),
            "seconds": self._seconds(),
        }
        save_checkpoint(self.folder / LAST, content)

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        self.averaged.load_state_dict(checkpoint["averaged"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        if self.auxiliary is not None:
            self.auxiliary.load_state_dict(checkpoint["auxiliary"])
        self.step, self.cuts, self.waited = checkpoint["step"], checkpoint["cuts"], checkpoint["waited"]
        self.earlier_s = checkpoint.get("seconds")
        self.best = Validation(**checkpoint["best"])
        self.running = checkpoint["running"].clone()
        if self.fabric.global_rank == 0:
            cut_log(self.folder, self.step)

    def _seconds(self) -> float | None:
        return None if self.earlier_s is None else self.earlier_s + time.monotonic() - self.started

    def _log(self, phase: str, values: dict[str, float]) -> None:
        """Append to the training's log, and to the loggers that the plan asks for."""
        if self.fabric.global_rank:
            return
        for logger in self.loggers:
            logger.log({f"{phase}/{name}": value for name, value in values.items()}, self.step)
        append_log(self.folder, self.step, phase, values, lr=self.optimizer.param_groups[0]["lr"])


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write nested dicts of tensors and plain numbers, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` wrote, without unpickling anything but tensors; SnapshotError if unreadable."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise SnapshotError(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); delete it to train this model from the "
            "beginning."
        ) from error
    return content
