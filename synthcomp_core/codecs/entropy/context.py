"""The context model of mbt2018 and cheng2020 in wavefront order, on exact integers.

For a 5x5 mask of type A, latent (h, w) depends on the two rows above (columns w-2 to w+2) and on (h, w-1), (h, w-2).
All latents with equal w + 3 h are therefore independent: a picture of W x H latents takes W + 3 (H - 1) steps instead
of W H. Encoder and decoder walk the same steps; what does not depend on the context, the hyper part of the first 1x1
layer, is computed for all positions beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.codecs.entropy.context_kernels import step_parameters
from synthcomp_core.codecs.entropy.exact import ExactLinear, exact_linear
from synthcomp_core.codecs.entropy.hyper import HyperField
from synthcomp_core.codecs.tile_kernel import EXACT_WIDTH, ROWS, panels
from synthcomp_core.progress import OnProgress

_REACH = 2  # of the 5x5 mask
_LAG = 3  # A row may start three columns behind the row above.

Panels = NDArray[np.float32]  # (panels, inputs, 8): see tile_kernel.py
# (positions, parameters) -> latents. positions: a slice of the flattened (H W) latents; parameters: (n, 2 M)
# float64 units, scales then means; latents: (n, M) float64 units.
Exchange = Callable[[slice, NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class ContextModel:
    """Context prediction (12 M -> 2 M) and entropy parameters (4 M -> ... -> 2 M), the first layer of the latter split
    into its hyper part and its context part.

    layers: weights and bias (padded to whole panels) of context prediction, the context part (no bias: the hyper part
    has it) and the two layers behind. outputs: of the hyper part. channels: M.
    """

    hyper_part: ExactLinear
    layers: tuple[tuple[Panels, NDArray[np.float64]], ...]
    channels: int


def context_model(tensors: dict[str, Tensor]) -> ContextModel:
    """The integer form of ``context_prediction`` and ``entropy_parameters`` of a CompressAI state dict."""
    weight = tensors["context_prediction.weight"]
    causal = torch.cat([weight[:, :, 0], weight[:, :, 1], weight[:, :, 2, :_REACH]], dim=2)  # (2 M, M, 12)
    prediction = exact_linear(
        causal.permute(0, 2, 1).reshape(weight.shape[0], -1), tensors["context_prediction.bias"], "context_prediction"
    )
    first, second, third = (
        exact_linear(
            tensors[f"entropy_parameters.{index}.weight"].flatten(1),
            tensors[f"entropy_parameters.{index}.bias"],
            f"entropy_parameters.{index}",
        )
        for index in (0, 2, 4)
    )
    hyper_channels = first.weight.shape[0] - prediction.bias.shape[0]
    return ContextModel(
        hyper_part=ExactLinear(first.weight[:hyper_channels].t().contiguous().t(), first.bias),
        layers=(
            _panelled(prediction.weight, prediction.bias),
            _panelled(first.weight[hyper_channels:], None),
            _panelled(second.weight, second.bias),
            _panelled(third.weight, third.bias),
        ),
        channels=weight.shape[1],
    )


def _panelled(weight: Tensor, bias: Tensor | None) -> tuple[Panels, NDArray[np.float64]]:
    """A layer for the kernels. float32 holds its weights: as sums stay below 2^52 at activations of 2^28, integer
    weights stay below 2^24."""
    packed = panels(weight.numpy(), EXACT_WIDTH)
    if bias is None:
        return packed, np.empty(0)
    padded = np.zeros(packed.shape[0] * EXACT_WIDTH)
    padded[: len(bias)] = bias.numpy()
    return packed, padded


def walk(model: ContextModel, hyper: HyperField, exchange: Exchange, on_progress: OnProgress) -> NDArray[np.float64]:
    """Visit all latents in wavefront order and return them, (H, W, M) float64 units.

    hyper: (H, W, 2 M) activations of h_s, whose strips are computed as the wavefront reaches them. At every step
    ``exchange`` gets the parameters of the current latents and returns their values: an encoder quantises and codes
    them, a decoder decodes them.
    """
    height, width = hyper.height, hyper.width
    canvas = np.zeros((height + _REACH, width + 2 * _REACH, model.channels))
    flat = canvas.reshape(-1, model.channels)
    stride = canvas.shape[1]
    # Memory that is not written to is not taken.
    folded = np.empty((height, width, model.hyper_part.bias.shape[0]))
    strips = hyper.strips()
    buffers = _buffers(model, min(height, -(-width // _LAG)))
    parameters = buffers[-1][:, : 2 * model.channels]
    steps = width + _LAG * (height - 1)
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for step in range(steps):
            first = max(0, -(-(step - width + 1) // _LAG))
            count = min(height - 1, step // _LAG) - first + 1
            column = step - _LAG * first
            while strips and strips[0][0] < first + count:
                top, bottom = strips.pop(0)
                folded[top:bottom] = _folded(model, hyper.rows(top, bottom))
            shares = _shares(count, threads)
            running = [
                pool.submit(step_parameters, canvas, first, column, folded, model.layers, buffers, *share, count)
                for share in shares[1:]
            ]
            step_parameters(canvas, first, column, folded, model.layers, buffers, *shares[0], count)
            for share in running:
                share.result()
            # Going down one row goes back three columns: equal strides in the latents and in the canvas.
            start = first * width + column
            positions = slice(start, start + (count - 1) * (width - _LAG) + 1, width - _LAG)
            here = (first + _REACH) * stride + column + _REACH
            flat[here : here + (count - 1) * (stride - _LAG) + 1 : stride - _LAG] = exchange(
                positions, parameters[:count]
            )
            on_progress((step + 1) / steps, "entropy coding")
    return canvas[_REACH:, _REACH:-_REACH]


def _folded(model: ContextModel, activations: Tensor) -> NDArray[np.float64]:
    """The hyper part of the first 1x1 layer, for rows of activations."""
    rows, columns, inputs = activations.shape
    sums: NDArray[np.float64] = model.hyper_part(activations.reshape(rows * columns, inputs)).numpy()
    return sums.reshape(rows, columns, -1)


def _shares(count: int, threads: int) -> list[tuple[int, int]]:
    """The latents of a step in whole tiles of 4, as (first, last) for each of up to ``threads`` threads."""
    tiles = -(-count // ROWS)
    edges = [tiles * index // min(threads, tiles) * ROWS for index in range(min(threads, tiles) + 1)]
    return list(pairwise(edges))


def _buffers(model: ContextModel, most: int) -> tuple[NDArray[np.float64], ...]:
    """For steps of up to ``most`` latents: neighbours and the outputs of the four layers."""
    widths = [model.layers[0][0].shape[1], *(weight.shape[0] * EXACT_WIDTH for weight, _ in model.layers)]
    return tuple(np.zeros((-(-most // ROWS) * ROWS, width)) for width in widths)
