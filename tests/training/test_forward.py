"""Our forward passes against CompressAI's own: its coder for real latents, its forward for noisy ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.training.compression import CompressionTraining, new_model
from synthcomp_core.training.forward import Noise, draw_noise, quantised_forward, train_forward
from synthcomp_core.training.gain import apply_gain, search_gain
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.loader import open_cache
from synthcomp_core.training.losses import RateDistortionLoss
from synthcomp_core.training.plan import ModelPlan


def lively_model(N: int = 8, M: int = 12) -> Any:
    """A small model whose latents are large enough to be non-zero after rounding."""
    torch.manual_seed(3)
    net: Any = new_model("mbt2018", N, M).eval()
    with torch.no_grad():
        net.g_a[-1].weight.mul_(60)
        net.entropy_parameters[-1].bias[:M] = 2.0
        net.entropy_parameters[-1].weight.mul_(4)
    return net


def picture(height: int = 64, width: int = 128, batch: int = 1) -> torch.Tensor:
    return torch.rand((batch, 3, height, width), generator=torch.Generator().manual_seed(5))


def test_quantised_forward_gives_what_compressai_decodes() -> None:
    net = lively_model()
    net.update(force=True)
    x = picture()
    with torch.no_grad():
        coded = net.compress(x)
        decoded = net.decompress(**coded)["x_hat"]
    ours = quantised_forward(net, x)
    assert float(ours.x_hat.std()) > 0.001
    torch.testing.assert_close(ours.x_hat.clamp(0, 1), decoded, atol=1e-4, rtol=0)


def test_bits_of_the_quantised_pass_are_those_compressai_writes() -> None:
    net = lively_model()
    net.update(force=True, update_quantiles=True)
    x = picture()
    with torch.no_grad():
        strings = net.compress(x)["strings"]
    ours = quantised_forward(net, x)
    # Its coder rounds to whole 32-bit words and to tables of scales; 64 bits and 6 % allow for that.
    assert len(strings[0][0]) * 8 == pytest.approx(float(ours.bits_y), rel=0.06, abs=64)
    assert len(strings[1][0]) * 8 == pytest.approx(float(ours.bits_z), rel=0.06, abs=64)


def test_noise_surrogate_is_compressais_training_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    net = lively_model().train()
    x = picture(batch=2)
    noise = draw_noise(net, 2, 64, 128, torch.Generator().manual_seed(1))

    def add_y(inputs: torch.Tensor, mode: str, means: torch.Tensor | None = None) -> torch.Tensor:
        return inputs + noise.y

    def add_z(inputs: torch.Tensor, mode: str, means: torch.Tensor | None = None) -> torch.Tensor:
        return inputs + noise.z.permute(1, 0, 2, 3).reshape(8, 1, -1)

    monkeypatch.setattr(net.gaussian_conditional, "quantize", add_y)
    monkeypatch.setattr(net.entropy_bottleneck, "quantize", add_z)
    theirs = net(x)
    ours = train_forward(net, x, noise, surrogate="noise")
    torch.testing.assert_close(ours.x_hat, theirs["x_hat"], atol=1e-5, rtol=1e-4)
    bits_y = -torch.log2(theirs["likelihoods"]["y"]).sum((1, 2, 3))
    bits_z = -torch.log2(theirs["likelihoods"]["z"]).sum((1, 2, 3))
    torch.testing.assert_close(ours.bits_y, bits_y, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(ours.bits_z, bits_z, rtol=1e-4, atol=1e-2)


def test_mixed_surrogate_reconstructs_from_rounded_residuals_and_passes_gradients() -> None:
    net = lively_model()
    x = picture()
    zero = Noise(torch.zeros(1, 12, 4, 8), torch.zeros(1, 8, 1, 2))
    seen = []
    hook = net.g_s.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    result = train_forward(net, x, zero, surrogate="mixed")
    hook.remove()
    y = net.g_a(x)
    assert float((seen[0] - y).abs().max()) <= 0.5 + 1e-4  # Rounding y - means moves y by half a step at most.
    assert float((seen[0] - y).abs().max()) > 0.3
    result.x_hat.sum().backward()
    assert float(net.g_a[0].weight.grad.abs().max()) > 0


def test_gain_one_way_and_back_changes_nothing_but_the_step_size() -> None:
    net = lively_model()
    x = picture()
    before = net.g_s(net.g_a(x))
    z_before = net.h_a(net.g_a(x))
    apply_gain(net, 2.5)
    torch.testing.assert_close(net.g_s(net.g_a(x)), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(net.h_a(net.g_a(x)), z_before, atol=1e-3, rtol=1e-4)


def test_finer_steps_cost_more_bits_and_a_larger_lambda_finds_a_larger_gain() -> None:
    x = picture(batch=2)
    rates = []
    for gain in (1.0, 4.0):
        net = lively_model()
        apply_gain(net, gain)
        rates.append(float(quantised_forward(net, x).bits_per_pixel()))
    assert rates[1] > rates[0]
    gains = [search_gain(lively_model(), x, RateDistortionLoss(lmbda))[0] for lmbda in (1e-4, 10.0)]
    assert gains[0] <= gains[1]


def test_a_start_with_other_latent_channels_is_refused_with_what_to_change(tmp_path: Path) -> None:
    write_png(generated_image(1), tmp_path / "a.png")
    cache = open_cache([tmp_path / "a.png"], tmp_path)
    plan = ModelPlan(id="larger", data="d", steps=1, quality=4, N=8, M=16, patch=64, init="smaller")
    training = CompressionTraining(plan, cache, cache)
    with pytest.raises(PlanError, match=r"model larger: init 'smaller' has M=12 latent channels, the plan M=16"):
        training.build(new_model("mbt2018", 8, 12).state_dict())
    module, note = training.build(new_model("mbt2018", 8, 16).state_dict())
    assert note == "from smaller"
    assert module.net.M == 16
