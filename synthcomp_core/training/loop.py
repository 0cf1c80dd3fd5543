"""The training loop: steps, averaged weights, validation, checkpoints; the same for every kind of model.

Everything random in a step is drawn from (seed, step), so a checkpoint holds no generator state and a training that
was killed and resumed follows the trajectory of one that was not (on the same machine with the same threads).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.training.checkpoint import load_checkpoint, save_checkpoint
from synthcomp_core.training.folder import BEST, LAST, append_log, cut_log
from synthcomp_core.training.identity import check_same
from synthcomp_core.training.kind import Trained, Training, Validation
from synthcomp_core.training.readings import Readings
from synthcomp_core.training.schedule import learning_rate

if TYPE_CHECKING:
    from synthcomp_core.training.loggers import MetricLogger

LOG_EVERY = 50


class Trainer:
    """One training under way: its module, averaged copy and optimisers, and the step it has reached.

    fabric: a launched lightning_fabric.Fabric. start: weights to begin with, asked for only if ``folder`` holds no
    checkpoint. loggers: take the values too. identity: see ``training.identity``; PlanError for a checkpoint of
    another one.
    on_device: what a GPU wants, and has unless this says otherwise: images and random numbers on the device, and no
    step that waits for it. Losses are read every LOG_EVERY steps; a step that is not finite changes nothing and is
    counted, where on a CPU it ends the training at once.
    """

    def __init__(
        self,
        training: Training,
        folder: Path,
        fabric: Any,
        *,
        start: Callable[[], dict[str, Tensor] | None] = lambda: None,
        identity: Mapping[str, Any] = MappingProxyType({}),
        compile_module: bool = False,
        loggers: Sequence[MetricLogger] = (),
        on_device: bool | None = None,
    ) -> None:
        plan = training.plan
        self.training, self.folder, self.fabric, self.loggers = training, folder, fabric, loggers
        self.identity = identity
        self.on_device = fabric.device.type == "cuda" if on_device is None else on_device
        if self.on_device:
            training.move_data(fabric.device)
        torch.manual_seed(plan.seed)
        checkpoint = self._last_checkpoint()
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
        # Fused for what only such an optimiser does: it skips a step when the device says so.
        fused = True if self.on_device else None
        self.auxiliary = torch.optim.Adam(slow, lr=plan.lr_quantiles, fused=fused) if slow else None
        self.step, self.best = 0, Validation(math.inf, 0.0)
        self.best_state: dict[str, Any] | None = None  # Better weights than those on disk, until the next checkpoint.
        self.cuts, self.waited = 0, 0
        self.earlier_s: float | None = 0.0  # of the calls before this one
        self.started = time.monotonic()
        self.readings = Readings(len(training.columns), fabric.device if self.on_device else torch.device("cpu"))
        if checkpoint is not None:
            self._restore(checkpoint)
        elif fabric.global_rank == 0:
            # What a training that was killed before its first checkpoint has left.
            cut_log(folder, -1)
            (folder / BEST).unlink(missing_ok=True)

    def _last_checkpoint(self) -> dict[str, Any] | None:
        """The checkpoint in the folder; PlanError when it is another training's."""
        if not (self.folder / LAST).is_file():
            return None
        checkpoint = load_checkpoint(self.folder / LAST)
        check_same(self.training.plan.id, self.identity, checkpoint.get("plan", {}), self.folder)
        return checkpoint

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
        if self.step == 0 or math.isinf(self.best.loss):
            self.validate()  # A short fine-tune may end worse than it began; then the start is kept.
        started, first = time.monotonic(), self.step
        while self.step < plan.steps:
            self._advance()
            if self.step % LOG_EVERY == 0:
                self._report(on_progress, (self.step - first) / (time.monotonic() - started))
            last = self.step == plan.steps
            if self.step % plan.validate_every == 0 or last:
                self.validate()
            if self.step % plan.checkpoint_every == 0 or last:
                self.save()
            on_step(self.step)
            if until():
                break
        reading = self.readings.peek()
        if self.step and reading.streak >= min(LOG_EVERY, self.step):
            raise self._not_finite(reading.loss)
        return Trained(self._best_weights(), self.best, self.step, self._seconds(), reading.skipped)

    def _best_weights(self) -> dict[str, Tensor]:
        best = self.folder / BEST
        if self.best_state is None and not best.is_file():
            return self.training.state_dict(self.averaged)
        state: dict[str, Tensor] = (self.best_state or load_checkpoint(best))["state"]
        return state

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
        parts: Tensor = self.module(*(one if isinstance(one, bool) else one.to(fabric.device) for one in batch))
        loss, values = parts[0], parts.detach()
        if self.on_device:
            # One value that is not finite leaves no gradient finite, in any of the processes that exchange them.
            loss = loss * torch.where(torch.isfinite(values).all(), 1.0, math.nan)
        else:
            values = self._checked(values)
        self.optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        norm = self._clip()
        fine = torch.isfinite(norm) if self.on_device else torch.tensor(True)
        self._update(fine)
        self.step += 1
        self._average(fine)
        self.readings.add(values, fine)

    def _checked(self, values: Tensor) -> Tensor:
        """The values of all processes, read now; SynthcompError if one is not finite."""
        if self.fabric.world_size > 1:
            values = self.fabric.all_reduce(values, reduce_op="mean")
        values = values.double().cpu()
        if not bool(torch.isfinite(values).all()):
            raise self._not_finite(float(values[0]), at=self.step + 1)
        return values

    def _not_finite(self, loss: float, *, at: int | None = None) -> SynthcompError:
        found = "the gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
        return SynthcompError(
            f"{self.training.plan.id}: {found} at step {at or self.step}; the last checkpoint is kept; lower `lr` in "
            "the plan and run it again."
        )

    def _clip(self) -> Tensor:
        """Clip the gradients; their norm before."""
        fabric, clip = self.fabric, self.training.plan.clip
        scaler = getattr(fabric.strategy.precision, "scaler", None)
        if scaler is None:
            norm: Tensor = fabric.clip_gradients(self.module, self.optimizer, max_norm=clip, error_if_nonfinite=False)
            return norm
        # 16-mixed: Fabric refuses to clip for a fused optimiser, which could unscale by itself; torch does not.
        optimizer = self.optimizer.optimizer
        scaler.unscale_(optimizer)
        return nn.utils.clip_grad_norm_([one for group in optimizer.param_groups for one in group["params"]], clip)

    def _update(self, fine: Tensor) -> None:
        """Let both optimisers take their step, unless it is not finite."""
        if self.on_device:
            found = (~fine).float()
            # Fused optimisers ask for it, as torch's GradScaler sets it.
            optimizers: tuple[Any, ...] = (self.optimizer.optimizer, self.auxiliary)
            for optimizer in optimizers:
                if optimizer is not None:
                    optimizer.found_inf = found
        self.optimizer.step()
        if self.auxiliary is not None and self.auxiliary_loss is not None:
            self.auxiliary.zero_grad(set_to_none=True)
            self.auxiliary_loss().backward()
            self.auxiliary.step()

    def _average(self, fine: Tensor) -> None:
        """Move the averaged weights towards the present ones, unless the step is not finite."""
        weight = 1 - min(self.training.plan.ema, (1 + self.step) / (10 + self.step))
        averaged, present = list(self.averaged.parameters()), list(self.raw.parameters())
        with torch.no_grad():
            if not self.on_device:
                torch._foreach_lerp_(averaged, present, weight)
                return
            drift = torch._foreach_sub(present, averaged)
            torch._foreach_mul_(drift, fine.float() * weight)
            torch._foreach_add_(averaged, drift)

    def _report(self, on_progress: OnProgress, steps_per_s: float) -> None:
        """Log the means since the last report, and tell; SynthcompError if not one step since then was finite."""
        plan = self.training.plan
        reading = self.readings.read(self._reduced)
        if reading.streak >= LOG_EVERY:
            raise self._not_finite(reading.loss)
        values = dict(zip(self.training.columns, reading.means, strict=True))
        stage = f"{plan.id}: step {self.step}/{plan.steps}, loss {reading.means[0]:.4f}, {steps_per_s:.1f} steps/s"
        if reading.skipped:
            values["skipped"] = reading.skipped
            stage += f", {reading.skipped} skipped (not finite)"
        self._log("train", values)
        on_progress(self.step / plan.steps, stage)

    def _reduced(self, sums: Tensor) -> Tensor:
        """The mean of sums over the processes that have not exchanged their values yet."""
        if self.on_device and self.fabric.world_size > 1:
            sums = self.fabric.all_reduce(sums, reduce_op="mean")
        return sums

    def validate(self) -> Validation:
        """Validate the averaged weights, and keep them when they are the best so far.

        They are written with the next checkpoint: a training that is resumed from an earlier one must not find them.
        """
        self.averaged.eval()
        self.training.before_validation(self.averaged)
        result = self.training.validate(self.averaged)
        plan = self.training.plan
        if result.loss < self.best.loss:
            self.best, self.waited = result, 0
            if self.fabric.global_rank == 0:
                state = self.training.state_dict(self.averaged)
                held = {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
                self.best_state = {"state": held, "step": self.step}
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
        readings = self.readings.state_dict(self._reduced)
        if self.fabric.global_rank:
            return
        best = {"loss": self.best.loss, "psnr": self.best.psnr, "bpp": self.best.bpp}
        if self.best_state is not None:
            save_checkpoint(self.folder / BEST, self.best_state)
            self.best_state = None
        content = {
            "step": self.step,
            "plan": dict(self.identity),
            "held_out": self.training.held_out,
            "origin": self.origin,
            "module": self.raw.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "auxiliary": self.auxiliary.state_dict() if self.auxiliary else None,
            "best": best,
            "cuts": self.cuts,
            "waited": self.waited,
            **readings,
            "precision": self.fabric.strategy.precision.state_dict(),
            "seconds": self._seconds(),
        }
        save_checkpoint(self.folder / LAST, content)

    def _restore(self, checkpoint: dict[str, Any]) -> None:
        self.averaged.load_state_dict(checkpoint["averaged"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        if self.auxiliary is not None:
            for group in checkpoint["auxiliary"]["param_groups"]:
                group["fused"] = self.auxiliary.defaults["fused"]  # Whatever device the checkpoint comes from.
                group["lr"] = self.training.plan.lr_quantiles
            self.auxiliary.load_state_dict(checkpoint["auxiliary"])
        if checkpoint.get("precision"):
            self.fabric.strategy.precision.load_state_dict(checkpoint["precision"])
        self.step, self.cuts, self.waited = checkpoint["step"], checkpoint["cuts"], checkpoint["waited"]
        self.earlier_s = checkpoint.get("seconds")
        # Numbers of other images, or of weights that a crash between two files left, are no measure any more.
        if checkpoint.get("held_out", self.training.held_out) == self.training.held_out and self._has_its_best():
            self.best = Validation(**checkpoint["best"])
        self.readings.restore(checkpoint, finite=self.step % LOG_EVERY)
        if self.fabric.global_rank == 0:
            cut_log(self.folder, self.step)

    def _has_its_best(self) -> bool:
        """Whether the best weights are on disk, and no younger than the checkpoint."""
        best = self.folder / BEST
        return best.is_file() and int(load_checkpoint(best)["step"]) <= self.step

    def _seconds(self) -> float | None:
        return None if self.earlier_s is None else self.earlier_s + time.monotonic() - self.started

    def _log(self, phase: str, values: dict[str, float]) -> None:
        """Append to the training's log, and to the loggers that the plan asks for."""
        if self.fabric.global_rank:
            return
        for logger in self.loggers:
            logger.log({f"{phase}/{name}": value for name, value in values.items()}, self.step)
        append_log(self.folder, self.step, phase, values, lr=self.optimizer.param_groups[0]["lr"])
