"""A snapshot's decoder and entropy model as differentiable functions: what an encoder can search with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synthcomp_core.codecs.checkpoints import model_from_tensors
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.snapshots import Distortion, SnapshotCard, load_snapshot

_LEAST_LIKELIHOOD = 1e-9  # As CompressAI's lower bound.
_CACHED_NETWORKS = 4
_MSSSIM_SIDE = 161  # pixels; pytorch-msssim's least


@dataclass(frozen=True)
class SideInformation:
    """What a decoder knows before it reads y: (1, M, rows, columns) means, and scales (None: a factorised prior)."""

    means: Tensor
    scales: Tensor | None


class Network:
    """CompressAI's modules of a snapshot, with frozen weights. Latents are (1, channels, rows, columns) float32."""

    def __init__(self, model: Any, card: SnapshotCard, device: torch.device) -> None:
        if card.lmbda is None:
            raise SnapshotError(
                f"The card of {card.id} names no lambda, so there is no trade between bits and distortion to search "
                "for; use it without +e."
            )
        self.model = model.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.device, self.lmbda = device, card.lmbda
        self.distortion = Distortion.parse(card.distortion or Distortion.MSE)
        self.has_hyperprior = hasattr(model, "h_s")
        self.has_context = hasattr(model, "context_prediction")
        self.medians = model.entropy_bottleneck.quantiles.detach()[:, 0, 1][None, :, None, None]

    def hyper(self, z_hat: Tensor) -> Tensor:
        """What h_s makes of z_hat (1, N, rows / 4, columns / 4): (1, its channels, rows, columns)."""
        hyper: Tensor = self.model.h_s(z_hat)
        return hyper

    def side_information(self, hyper: Tensor | None, y_hat: Tensor) -> SideInformation:
        """Means and scales of y, whose context is ``y_hat`` (1, M, rows, columns).

        hyper: of :meth:`hyper`, None without a hyperprior.
        """
        if hyper is None:
            return SideInformation(self.medians.expand_as(y_hat), None)
        if self.has_context:
            context = self.model.context_prediction(y_hat)
            hyper = self.model.entropy_parameters(torch.cat((hyper, context), dim=1))
        if hyper.shape[1] == y_hat.shape[1]:
            return SideInformation(torch.zeros_like(y_hat), hyper)
        scales, means = hyper.chunk(2, 1)
        return SideInformation(means, scales)

    def bits(self, values: Tensor, side: SideInformation) -> Tensor:
        """Bits of every value of y, of its shape: the mass of its unit interval."""
        if side.scales is None:
            return self.bits_of_prior(values)
        likelihood = self.model.gaussian_conditional._likelihood(values, side.scales, side.means)
        return -torch.log2(likelihood.clamp(min=_LEAST_LIKELIHOOD))

    def bits_of_prior(self, values: Tensor) -> Tensor:
        """Bits of every value under the factorised prior: of z, or of y where there is no hyperprior."""
        channels = values.shape[1]
        rows = values.permute(1, 0, 2, 3).reshape(channels, 1, -1)
        likelihood = self.model.entropy_bottleneck._likelihood(rows)[0].reshape(channels, 1, *values.shape[2:])
        return -torch.log2(likelihood.permute(1, 0, 2, 3).clamp(min=_LEAST_LIKELIHOOD))

    def decode(self, y_hat: Tensor) -> Tensor:
        """The image (1, 3, 16 rows, 16 columns) of y_hat (1, M, rows, columns), in 0..1, not clipped."""
        image: Tensor = self.model.g_s(y_hat.contiguous(memory_format=torch.channels_last))
        return image

    def distort(self, x_hat: Tensor, x: Tensor, counted: Tensor) -> Tensor:
        """lambda times the distortion that the snapshot was trained for, times the number of counted pixels; a scalar.

        x_hat, x: (1, 3, H, W) in 0..1. counted: (1, 1, H, W), 1 where a pixel is of the image, 0 where it is padding.
        """
        if self.distortion == Distortion.MSE:
            return self.lmbda * 255**2 / 3 * ((x_hat - x).square() * counted).sum()
        from pytorch_msssim import ms_ssim

        similarity: Tensor = ms_ssim(x_hat * counted, x * counted, data_range=1.0)
        return self.lmbda * (1 - similarity) * counted.sum()

    def can_measure(self, height: int, width: int) -> bool:
        """Whether the distortion is defined for so many pixels."""
        return self.distortion == Distortion.MSE or min(height, width) >= _MSSSIM_SIDE


def round_to(values: Tensor, means: Tensor) -> Tensor:
    """The values that a decoder would see: whole steps from the means, of the same shape."""
    return torch.round(values - means) + means


@functools.lru_cache(maxsize=_CACHED_NETWORKS)
def load_network(snapshot_id: str, sha256: str, device: torch.device) -> Network:
    """The network of an installed snapshot. sha256: so that a snapshot replaced on disk is loaded anew."""
    card, tensors = load_snapshot(snapshot_id)
    return Network(model_from_tensors(card, tensors), card, device)
