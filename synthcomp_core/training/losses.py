"""Rate-distortion losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.metrics.ssim import SSIM_WINDOW

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RateDistortionLoss:
    """bpp + lambda 255^2 MSE for "mse", bpp + lambda (1 - MS-SSIM) for "ms-ssim"; images in [0, 1]."""

    lmbda: float
    distortion: Distortion = Distortion.MSE

    def __call__(self, x_hat: Tensor, x: Tensor, bpp: Tensor) -> Tensor:
        """The loss (scalar) of x_hat against x, (B, 3, H, W), at ``bpp`` bits per pixel."""
        return bpp + self.lmbda * self.distort(x_hat, x)

    def distort(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """255^2 MSE or 1 - MS-SSIM (scalar) of x_hat against x, (B, 3, H, W) in [0, 1]."""
        if self.distortion == Distortion.MSE:
            return 255**2 * functional.mse_loss(x_hat, x)
        from pytorch_msssim import ms_ssim

        # Its filters are convolutions, which autocast would run in bfloat16: variances E[x^2] - E[x]^2 are lost there.
        with torch.autocast(x.device.type, enabled=False):
            similarity: Tensor = ms_ssim(x_hat.float(), x.float(), data_range=1.0, win_size=SSIM_WINDOW)
            return 1 - similarity
