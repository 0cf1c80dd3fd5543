"""Loss values computed by hand and by the definition."""

from __future__ import annotations

import pytest
import torch

from synthcomp_core.codecs.lambdas import LAMBDAS, lambda_of
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.training.losses import RateDistortionLoss


def test_mse_loss_is_lambda_times_255_squared_mse_plus_rate() -> None:
    x = torch.zeros(1, 3, 8, 8)
    x_hat = torch.full_like(x, 2 / 255)  # An error of two grey levels everywhere: MSE 4 on the 8-bit scale.
    loss = RateDistortionLoss(0.013)(x_hat, x, torch.tensor(0.5))
    assert float(loss) == pytest.approx(0.5 + 0.013 * 4, rel=1e-5)


def test_msssim_loss_of_equal_images_is_the_rate_alone() -> None:
    x = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    assert float(RateDistortionLoss(60.5, Distortion.MS_SSIM)(x, x, torch.tensor(0.25))) == pytest.approx(
        0.25, abs=1e-4
    )


def test_msssim_loss_grows_with_the_error() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 192, 192, generator=generator)
    noise = torch.rand(1, 3, 192, 192, generator=generator) - 0.5
    loss = RateDistortionLoss(8.73, Distortion.MS_SSIM)
    rate = torch.tensor(0.0)
    assert float(loss(x + 0.4 * noise, x, rate)) > float(loss(x + 0.1 * noise, x, rate)) > 0


@pytest.mark.parametrize(
    ("distortion", "first", "last"), [(Distortion.MSE, 0.0018, 0.18), (Distortion.MS_SSIM, 2.4, 220.0)]
)
def test_lambda_rises_with_quality(distortion: Distortion, first: float, last: float) -> None:
    assert lambda_of(1, distortion) == first
    assert lambda_of(8, distortion) == last
    assert list(LAMBDAS[distortion]) == sorted(LAMBDAS[distortion])


def test_msssim_loss_is_computed_in_float32_under_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 192, 192, generator=generator)
    x_hat = (x + 0.1 * torch.rand(1, 3, 192, 192, generator=generator)).clamp(0, 1)
    loss = RateDistortionLoss(8.73, Distortion.MS_SSIM)
    expected = float(loss(x_hat, x, torch.tensor(0.0)))
    with torch.autocast("cpu", torch.bfloat16):
        assert float(loss(x_hat, x, torch.tensor(0.0))) == pytest.approx(expected, rel=1e-5)
