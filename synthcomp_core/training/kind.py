"""What the training loop asks of a kind of model, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from synthcomp_core.training.plan import ModelPlan


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
    skipped: steps that changed nothing, because loss or gradient was not finite.
    """

    state: dict[str, Tensor]
    validation: Validation
    steps: int
    seconds: float | None
    skipped: int = 0


class Training(Protocol):
    """What the loop asks of a kind of model: how to build it, feed it, judge it and save it.

    held_out: a hash of the images that it is judged by.
    """

    plan: ModelPlan

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def held_out(self) -> str: ...
    def move_data(self, device: torch.device) -> None: ...
    def build(self, start: dict[str, Tensor] | None) -> tuple[nn.Module, str]: ...
    def batch(self, step: int, *, rank: int, world: int) -> tuple[Tensor | bool, ...]: ...
    def auxiliary(self, module: nn.Module) -> tuple[list[nn.Parameter], Any] | None: ...
    def groups(self, module: nn.Module) -> list[list[nn.Parameter]]: ...
    def factors(self, step: int) -> tuple[float, ...]: ...
    def before_validation(self, module: nn.Module) -> None: ...
    def validate(self, module: nn.Module) -> Validation: ...
    def state_dict(self, module: nn.Module) -> dict[str, Tensor]: ...
