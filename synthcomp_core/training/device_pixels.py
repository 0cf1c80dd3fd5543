"""A training's images on its device, as one tensor, and the patches that are cut and augmented there.

Where to cut and what to do is drawn on the CPU, from (seed, step) as in :mod:`synthcomp_core.training.loader`, so that
every device sees the same patches and a training resumes anywhere. Only these few numbers travel, from pinned memory,
which the CPU does not wait for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.training.augment import MOST_DOWNSCALED, gamma_levels
from synthcomp_core.training.loader import AugmentedPlace, PatchSampler, PixelCache, Places

_SHARE = 0.5  # of the free memory that images may take: weights and activations need the rest


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on ``device``; to a GPU without waiting for it."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def fits(caches: Sequence[PixelCache], device: torch.device) -> bool:
    """Whether the images of ``caches`` take at most half of the memory that is free on ``device``, if it is a GPU."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(cache.pixels.nbytes for cache in caches) <= _SHARE * free


class DevicePixels:
    """The images of one or several caches as one (pixels, 3) uint8 tensor on a device."""

    def __init__(self, caches: Sequence[PixelCache], device: torch.device) -> None:
        self.device = device
        self.pixels = torch.empty(
            (sum(cache.pixels.size // 3 for cache in caches), 3), dtype=torch.uint8, device=device
        )
        # Of each cache and image: the first pixel, and the width.
        self.starts = np.zeros((len(caches), len(caches[0])), np.int64)
        self.widths = np.array([[width for _, width in cache.shapes] for cache in caches], np.int64)
        begin = 0
        for number, cache in enumerate(caches):
            for index in range(len(cache)):
                image = torch.from_numpy(np.array(cache.image(index)).reshape(-1, 3))
                self.pixels[begin : begin + len(image)] = image.to(device)
                self.starts[number, index] = begin
                begin += len(image)

    def cut(self, places: Places, side: int, *, scale: int = 1) -> Tensor:
        """(n, side, side, 3) uint8 at ``places``, whose rows and columns count ``scale`` pixels.

        Of several caches, each sample's source; of a single one, that.
        """
        which = places.sources if len(self.starts) > 1 else 0
        width = self.widths[which, places.images]
        corner = self.starts[which, places.images] + scale * (places.rows * width + places.columns)
        table = self._send(np.stack([corner, width, *places.turns.T]))
        index = _indices(table[0], table[1], torch.arange(side, device=self.device)[None], side, table[2], table[3])
        index = torch.where(table[4, :, None, None] > 0, index.transpose(1, 2), index)
        return self.pixels[index]

    def augmented(self, places: Sequence[AugmentedPlace], patch: int, *, downscale: bool) -> Tensor:
        """(n, patch, patch, 3) uint8: what :func:`~synthcomp_core.training.augment.apply` makes of each place.

        downscale: whether a place may be larger than the patch. Rounding may then differ by one level in a few samples.
        """
        images = [place.image for place in places]
        sides = [place.side for place in places]
        flags = np.array([(place.mirrored, place.drawn.transpose) for place in places], np.int64)
        width = self.widths[0, images]
        corner = self.starts[0, images] + np.array([place.row for place in places]) * width
        corner += np.array([place.column for place in places])
        orders = np.array([place.drawn.channels for place in places], np.int64)
        table = self._send(np.stack([corner, width, sides, *flags.T, *orders.T]))
        levels = self._send(np.stack([gamma_levels(place.drawn.gamma) for place in places]))
        side = table[2, :, None]
        largest = round(patch * MOST_DOWNSCALED) if downscale else patch
        line = torch.minimum(torch.arange(largest, device=self.device), side - 1)
        result = self.pixels[_indices(table[0], table[1], line, side, table[3], torch.zeros_like(table[3]))]
        if downscale:
            result = _smaller(result, table[2], patch)
        result = torch.where(table[4, :, None, None, None] > 0, result.transpose(1, 2), result)
        result = result.gather(3, table[5:8].T[:, None, None, :].expand(result.shape))
        first = 256 * torch.arange(len(places), device=self.device)[:, None, None, None]
        return levels.flatten()[result.long() + first]

    def patches(self, sampler: PatchSampler, step: int, *, rank: int, world: int) -> Tensor:
        """What ``sampler.patches`` gives, (B / world, patch, patch, 3) uint8, cut and augmented on the device."""
        if not sampler.augment:
            return self.cut(sampler.places(step, [sampler.cache], scale=1, rank=rank, world=world), sampler.patch)
        share = sampler.batch // world
        places = [sampler.augmented_place(step, rank * share + slot) for slot in range(share)]
        return self.augmented(places, sampler.patch, downscale="downscale" in sampler.augment)

    def _send(self, table: NDArray[np.generic]) -> Tensor:
        return send(torch.from_numpy(np.ascontiguousarray(table)), self.device)


def _indices(
    corner: Tensor, width: Tensor, line: Tensor, side: Tensor | int, mirrored: Tensor, upside_down: Tensor
) -> Tensor:
    """Pixels (n, S, S) of squares whose first one is ``corner``; line: the offsets 0 to S - 1 along either side."""
    across = torch.where(mirrored[:, None] > 0, side - 1 - line, line)
    down = torch.where(upside_down[:, None] > 0, side - 1 - line, line)
    return (corner[:, None] + down * width[:, None])[:, :, None] + across[:, None, :]


def _smaller(pieces: Tensor, sides: Tensor, patch: int) -> Tensor:
    """The first ``sides`` rows and columns of (n, S, S, 3) uint8 as (n, patch, patch, 3), by Pillow's bicubic.

    Pillow's order: rows first, rounded to 8 bits, then columns.
    """
    weights = _bicubic(sides, patch, pieces.shape[1])
    wide = torch.einsum("npw,nhwc->nhpc", weights, pieces.float()).add_(0.5).floor_().clamp_(0, 255)
    small = torch.einsum("nqh,nhpc->nqpc", weights, wide).add_(0.5).floor_().clamp_(0, 255)
    return small.to(torch.uint8)


def _bicubic(sides: Tensor, patch: int, length: int) -> Tensor:
    """Weights (n, patch, length) float32 that make the first ``sides`` of ``length`` samples ``patch``.

    Keys's kernel with a = -0.5, widened by the scale, normalised (Pillow's Resample.c).
    """
    scale = (sides.double() / patch)[:, None, None]
    places = torch.arange(length, device=sides.device)[None, None, :]
    centres = (torch.arange(patch, device=sides.device)[None, :, None] + 0.5) * scale
    x = ((places + 0.5 - centres) / scale.clamp(min=1.0)).abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    weights = weights * (places < sides[:, None, None])
    return (weights / weights.sum(-1, keepdim=True)).float()
