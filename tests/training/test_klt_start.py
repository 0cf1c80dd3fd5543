"""The closed-form start: an orthonormal block transform, its inverse, and latents in the right units."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcomp_core.library.snapshots import read_snapshot_card, snapshot_path
from synthcomp_core.training.compression import new_model
from synthcomp_core.training.forward import draw_noise, train_forward
from synthcomp_core.training.klt_start import STEP, linear_start
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.training.runner import launch, make_training, train_models
from tests.training.conftest import write_plan

LAMBDA = 0.0483


def smooth_images(count: int = 12, side: int = 64) -> torch.Tensor:
    """Random images in [0, 1] that have most of their energy at low frequencies, as photographs do."""
    generator = torch.Generator().manual_seed(2)
    small = torch.rand((count, 3, side // 8, side // 8), generator=generator)
    return torch.nn.functional.interpolate(small, size=(side, side), mode="bicubic").clamp(0, 1)


def started(N: int, M: int, x: torch.Tensor) -> Any:
    torch.manual_seed(4)
    net: Any = new_model("mbt2018", N, M).eval()
    linear_start(net, x, LAMBDA)
    return net


@torch.no_grad()
def test_with_all_channels_the_cascade_gives_the_picture_back() -> None:
    x = smooth_images()
    net = started(192, 768, x)
    error = (net.g_s(net.g_a(x)) - x).abs()
    assert float(error.max()) < 0.02  # GDN is next to the identity, not the identity.


@torch.no_grad()
def test_latents_hold_the_energy_of_the_picture_in_steps_and_most_of_it_first() -> None:
    x = smooth_images()
    net = started(64, 96, x)
    y = net.g_a(x)
    step = STEP / math.sqrt(LAMBDA)
    energy = ((y - y.mean(dim=(0, 2, 3), keepdim=True)) * step).square().sum(dim=(0, 2, 3))
    wanted = (x - x.mean(dim=(0, 2, 3), keepdim=True)).square().sum()
    assert float(energy.sum()) == pytest.approx(float(wanted), rel=0.03)
    assert float(energy[:12].sum()) > 0.8 * float(energy.sum())


@torch.no_grad()
def test_the_entropy_model_begins_at_each_channel_s_deviation() -> None:
    x = smooth_images()
    net = started(64, 96, x)
    y = net.g_a(x)
    scales = net.entropy_parameters[-1].bias[:96]
    loud = scales > 0.5
    assert int(loud.sum()) > 3
    assert torch.allclose(scales[loud], y.std(dim=(0, 2, 3))[loud], rtol=0.01)


def test_steps_of_the_entropy_model_leave_the_transforms_alone() -> None:
    torch.manual_seed(1)
    net: Any = new_model("mbt2018", 8, 12)
    x = torch.rand((2, 3, 64, 64))
    noise = draw_noise(net, 2, 64, 64, torch.Generator().manual_seed(0))
    alone = train_forward(net, x, noise, surrogate="noise", entropy_only=True)
    alone.bits_per_pixel().backward()
    assert all(parameter.grad is None for parameter in [*net.g_a.parameters(), *net.g_s.parameters()])
    assert net.context_prediction.weight.grad is not None
    whole = train_forward(net, x, noise, surrogate="noise")
    assert torch.equal(alone.bits_y, whole.bits_y)
    assert torch.equal(alone.x_hat, x)


def test_a_plan_trains_the_entropy_model_first_then_all_at_its_own_rate(tmp_path: Path, artifacts: Path) -> None:
    path = write_plan(tmp_path, steps=6, checkpoint_every=100)
    text = path.read_text().replace("warmup = 4", "warmup = 1\nentropy_steps = 3\ntransform_rate = 0.1\ninit = 'klt'")
    path.write_text(text)
    plan = read_training_plan(path)
    training = make_training(plan, plan.models[0])
    assert training.factors(2)[0] == 1.0
    assert training.factors(4) == (1.0, pytest.approx(0.1))
    (tmp_path / "run").mkdir()
    trainer = Trainer(training, tmp_path / "run", launch(plan.device))
    assert "KLT" in trainer.origin
    net: Any = trainer.raw.net
    before = net.g_a[0].weight.clone()
    context = net.context_prediction.weight.clone()
    trainer.advance(3)
    assert torch.equal(net.g_a[0].weight, before)
    assert not torch.equal(net.context_prediction.weight, context)
    trainer.advance(1)
    assert not torch.equal(net.g_a[0].weight, before)


def test_a_model_that_only_others_begin_with_writes_no_snapshot(tmp_path: Path, artifacts: Path) -> None:
    path = write_plan(tmp_path, steps=2, checkpoint_every=100)
    second = (
        path.read_text().split("[[model]]")[1].replace('id = "tiny-codec"', 'id = "tiny-second"\ninit = "tiny-codec"')
    )
    path.write_text(path.read_text().replace("warmup = 4", "warmup = 4\nship = false") + "\n[[model]]" + second)
    outcomes = train_models(read_training_plan(path))
    assert [outcome.status for outcome in outcomes] == ["trained", "trained"]
    assert outcomes[0].card is None
    assert not snapshot_path("tiny-codec").is_file()
    assert "from tiny-codec" in (read_snapshot_card(snapshot_path("tiny-second")).notes or "")
