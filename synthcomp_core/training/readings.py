"""What the steps of a training amount to between two looks at them, kept on its device until somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """means: of each value over the finite steps since the last reading; skipped: steps that were not finite, of all;
    streak: how many of them came last, without a finite one between; loss: the last step's."""

    means: tuple[float, ...]
    skipped: int
    streak: int
    loss: float


class Readings:
    """Sums of a step's values (C,). To add to them waits for nothing; only a reading does."""

    def __init__(self, values: int, device: torch.device) -> None:
        self._sums = torch.zeros(values, dtype=torch.float64, device=device)
        self._counts = self._sums.new_zeros(3)  # finite since the last reading, skipped of all, skipped last
        self._loss = self._sums.new_zeros(())

    def add(self, values: Tensor, fine: Tensor) -> None:
        """Count a step with these values (C,); ``fine``: whether it is finite (bool, on the same device)."""
        values = values.to(self._sums)
        self._sums += torch.where(fine, values, torch.zeros_like(values))
        kept = fine.to(self._sums)
        finite, skipped, streak = self._counts
        self._counts = torch.stack((finite + kept, skipped + 1 - kept, (streak + 1) * (1 - kept)))
        self._loss = values[0].clone()

    def read(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> Reading:
        """Wait for the device, read, and begin new means. reduce: the mean of sums over all processes."""
        reading = self.peek(reduce)
        self._sums = torch.zeros_like(self._sums)
        self._counts[0] = 0
        return reading

    def peek(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> Reading:
        """Wait for the device and read; nothing changes."""
        *sums, finite, skipped, streak, loss = torch.cat((reduce(self._sums), self._counts, self._loss[None])).tolist()
        means = tuple(value / finite if finite else float("nan") for value in sums)
        return Reading(means, int(skipped), int(streak), loss)

    def state_dict(self, reduce: Callable[[Tensor], Tensor] = lambda sums: sums) -> dict[str, Tensor]:
        """Sums and counts, for a checkpoint."""
        return {"running": reduce(self._sums).cpu().clone(), "counts": self._counts.cpu().clone()}

    def restore(self, checkpoint: dict[str, Any], *, finite: int) -> None:
        """Go on from a checkpoint; finite: the steps since the last reading, for one of a version without counts."""
        counts = checkpoint.get("counts")
        if counts is None:
            counts = torch.tensor([float(finite), 0.0, 0.0])
        self._sums, self._counts = checkpoint["running"].to(self._sums), counts.to(self._sums)
