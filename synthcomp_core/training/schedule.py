"""The learning rate over the steps of a training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan

HALVINGS = 5  # "halving" cuts the rate in half at each fifth of the steps.


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
