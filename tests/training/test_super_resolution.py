"""RCAN's training: it begins as an interpolation, and learns on what codecs leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from synthcomp_core.images import resize, write_png
from synthcomp_core.metrics import psnr
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import DevicePlan, ModelPlan
from synthcomp_core.training.runner import launch
from synthcomp_core.training.super_resolution import (
    SuperResolutionTraining,
    begin_as_interpolation,
    new_rcan,
    upscale,
)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_begun_as_interpolation_it_reproduces_a_linear_ramp_inside(scale: int) -> None:
    net = new_rcan(scale, 8, 1, 1, 4).eval()
    begin_as_interpolation(net)
    columns = torch.arange(24, dtype=torch.float32)
    low = (columns / 40)[None, None, None, :].expand(1, 3, 24, 24).contiguous()
    with torch.no_grad():
        high = upscale(net, low)
    expected = ((torch.arange(24 * scale) + 0.5) / scale - 0.5) / 40
    inside = slice(4 * scale, -4 * scale)
    torch.testing.assert_close(high[0, 1, inside, inside][0], expected[inside], atol=1e-5, rtol=0)


def test_our_forward_is_the_classs_own() -> None:
    torch.manual_seed(0)
    net = new_rcan(2, 8, 1, 2, 4).eval()
    low = torch.rand(1, 3, 12, 16)
    with torch.no_grad():
        torch.testing.assert_close(upscale(net, low), net(low.clone()), atol=1e-6, rtol=1e-5)


def test_training_improves_on_its_start_and_sees_coded_input(tmp_path: Path) -> None:
    files = []
    for seed in range(5):
        files.append(tmp_path / f"{seed}.png")
        write_png(generated_image(seed, width=128, height=96), files[-1])
    plan = ModelPlan(
        id="a", data="d", steps=30, task="super-resolution", architecture="rcan", channels=8, groups=1, blocks=1,
        reduction=4, patch=48, batch=4, lr=2e-3, warmup=2, validation_crops=1, behind=("jpeg-q30",), clean=0.5,
        validate_every=1000, checkpoint_every=1000, ema=0.9,
    )  # fmt: skip
    training = SuperResolutionTraining(plan, files[:3], files[3:], tmp_path / "cache")
    clean, coded = training.sources
    low = resize(generated_image(0, width=128, height=96), (64, 48))
    assert np.array_equal(clean.image(0), low)
    assert 20 < psnr(low, np.asarray(coded.image(0))) < 45
    trainer = Trainer(training, tmp_path, launch(DevicePlan(accelerator="cpu", threads=1, precision="32-true")))
    before = trainer.validate().loss
    trainer.advance(30)
    assert trainer.validate().loss < before
