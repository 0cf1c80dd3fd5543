"""Rate-distortion losses and the lambda of every quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

QUALITIES = range(1, 9)
# CompressAI's published values (its documentation, "Pre-trained weights: training"), quality 1 to 8.
LAMBDAS: dict[str, tuple[float, ...]] = {
    "mse": (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    "ms-ssim": (2.40, 4.58, 8.73, 16.64, 31.37, 60.50, 115.37, 220.00),
}
MSSSIM_WINDOW = 11
MSSSIM_MIN_SIDE = (MSSSIM_WINDOW - 1) * 2**4 + 1  # Five scales: the window must still fit into the smallest.


def lambda_of(quality: int, distortion: str) -> float:
    """Lambda of a quality in 1..8 for "mse" or "ms-ssim"."""
    return LAMBDAS[distortion][quality - 1]


@dataclass(frozen=True)
class RateDistortionLoss:
    """bpp + lambda 255^2 MSE for "mse", bpp + lambda (1 - MS-SSIM) for "ms-ssim"; images in [0, 1]."""

    lmbda: float
    distortion: str = "mse"

    def __call__(self, x_hat: Tensor, x: Tensor, bpp: Tensor) -> Tensor:
        """The loss (scalar) of x_hat against x, (B, 3, H, W), at ``bpp`` bits a pixel."""
        return bpp + self.lmbda * self.distort(x_hat, x)

    def distort(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """255^2 MSE or 1 - MS-SSIM (scalar)."""
        if self.distortion == "mse":
            return 255**2 * functional.mse_loss(x_hat, x)
        from pytorch_msssim import ms_ssim

        # Its filters are convolutions, which autocast would run in bfloat16: variances E[x^2] - E[x]^2 are lost there.
        with torch.autocast(x.device.type, enabled=False):
            return 1 - ms_ssim(x_hat.float(), x.float(), data_range=1.0, win_size=MSSSIM_WINDOW)
