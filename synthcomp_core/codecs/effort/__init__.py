"""Encoder effort: latents searched per image, with the decoder as it is, for fewer bits at less distortion.

Latents descend along the gradient of the rate-distortion cost by stochastic Gumbel annealing (annealing.py), for more
steps at every level. The search works on CompressAI's float modules; which result is better is for the caller to judge
by the exact bitstreams.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from synthcomp_core.codecs.effort.annealing import anneal
from synthcomp_core.codecs.effort.network import Network, load_network
from synthcomp_core.codecs.effort.tile import cut, paste, windows
from synthcomp_core.images import Image
from synthcomp_core.progress import OnProgress, span

__all__ = ["LEVELS", "Network", "load_network", "search"]

_STEPS = {1: 40, 2: 100, 3: 300}
LEVELS = tuple(_STEPS)
_SEED = 0

Latents = NDArray[np.float32]  # (rows, columns, channels)


def search(
    network: Network,
    image: Image,
    y: Latents,
    z: Latents | None,
    *,
    size: tuple[int, int],
    level: int,
    on_progress: OnProgress,
) -> tuple[Latents, Latents | None]:
    """Latents (rows, columns, channels) that cost less than ``y`` and ``z``, which g_a and h_a made of an image.

    image: padded to whole hyper-latents; size: (width, height) before that. level: in LEVELS. In tiles, one after the
    other, each among the latents found so far.
    """
    width, height = size
    x = torch.from_numpy(image).permute(2, 0, 1)[None].to(network.device, torch.float32) / 255
    counted = torch.zeros((1, 1, *image.shape[:2]), device=network.device)
    counted[:, :, :height, :width] = 1
    whole_y, whole_z = _tensor(y, network), None if z is None else _tensor(z, network)
    generator = torch.Generator().manual_seed(_SEED)
    places = windows(*y.shape[:2])
    with torch.enable_grad():
        for number, window in enumerate(places):
            tile = cut(window, x, counted, whole_y, whole_z)
            reported = span(on_progress, number / len(places), (number + 1) / len(places))
            found_y, found_z = anneal(network, tile, _STEPS[level], generator=generator, on_progress=reported)
            paste(window, found_y, found_z, whole_y, whole_z)
    return _array(whole_y), None if whole_z is None else _array(whole_z)


def _tensor(latents: Latents, network: Network) -> torch.Tensor:
    return torch.from_numpy(latents).permute(2, 0, 1)[None].to(network.device, copy=True)


def _array(latents: torch.Tensor) -> Latents:
    array: Latents = latents[0].permute(1, 2, 0).contiguous().cpu().numpy()
    return array
