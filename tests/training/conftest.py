"""A plan small enough to be trained within a test."""

from __future__ import annotations

from pathlib import Path

import pytest

PLAN = """
name = "tiny"

[device]
accelerator = "cpu"
threads = 1
precision = "32-true"
devices = {devices}

[data.pictures]
generated = 5
trained_on = "generated"

[[model]]
id = "tiny-codec"
data = "pictures"
quality = 4
N = 8
M = 12
patch = 64
batch = 4
steps = {steps}
warmup = 4
lr = 1e-3
validate_every = 10
checkpoint_every = {checkpoint_every}
validation_crops = 1
"""

SCRIPT = """
import os, random, signal, sys, threading
from pathlib import Path
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.training.runner import train_models

save, kill_from = Trainer.save, int(os.environ.get("KILL_FROM", 10**9))

def save_then_die(trainer):
    save(trainer)
    if trainer.step >= kill_from:
        threading.Timer(random.uniform(0, 0.03), os.kill, (os.getpid(), signal.SIGKILL)).start()

def distort_or_nan(loss, x_hat, x):
    value = distort(loss, x_hat, x)
    if x_hat.requires_grad:
        calls.append(1)
        if len(calls) == 3 and os.environ.get("LOCAL_RANK", "0") == os.environ["NAN_RANK"]:
            value = value * float("nan")
    return value

Trainer.save = save_then_die
if "NAN_RANK" in os.environ:
    from synthcomp_core.training.losses import RateDistortionLoss
    distort, calls = RateDistortionLoss.distort, []
    RateDistortionLoss.distort = distort_or_nan
    begin = Trainer.__init__
    Trainer.__init__ = lambda *given, **options: begin(*given, **options, on_device=True)

if __name__ == "__main__":
    train_models(read_training_plan(Path(sys.argv[1])))
"""


def write_plan(folder: Path, *, steps: int = 20, checkpoint_every: int = 5, devices: int = 1) -> Path:
    """The tiny plan as a file in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.toml"
    path.write_text(PLAN.format(steps=steps, checkpoint_every=checkpoint_every, devices=devices))
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A Python file that carries out the plan it is given.

    With KILL_FROM it dies soon after the checkpoint of that step; killed from outside, it could have ended before. With
    NAN_RANK it trains as on a GPU, and the loss of the third step is NaN in the process of that rank.
    """
    path = tmp_path / "carry_out.py"
    path.write_text(SCRIPT)
    return path
