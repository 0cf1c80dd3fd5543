"""The context model of mbt2018 and cheng2020 in wavefront order, on exact integers.

For a 5x5 mask of type A, latent (h, w) depends on the two rows above (columns w-2 to w+2) and on (h, w-1), (h, w-2).
All latents with equal w + 3 h are therefore independent: a picture of W x H latents takes W + 3 (H - 1) steps instead
of W H. Encoder and decoder walk the same steps; what does not depend on the context, the hyper part of the first 1x1
layer, is computed for all positions beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.codecs.exact import LEAKY_SLOPE, ExactLinear, exact_linear, settle
from synthcomp_core.progress import OnProgress

_REACH = 2  # of the 5x5 mask
_LAG = 3  # A row may start three columns behind the row above.
_ROWS = 4  # Matrix products of a multiple of 4 rows are up to twice as fast; spare rows are computed and ignored.

# (positions, parameters) -> latents. positions: the slice of the flattened (H W) latents at hand; parameters: (n, 2 M)
# float64 units, scales then means; latents: (n, M) float64 units.
Exchange = Callable[[slice, NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class ContextModel:
    """Context prediction (12 M -> 2 M) and entropy parameters (4 M -> ... -> 2 M), the first layer of the latter split
    into its hyper and context parts."""

    prediction: ExactLinear
    hyper_part: ExactLinear
    context_part: Tensor
    layers: tuple[ExactLinear, ...]


def context_model(tensors: dict[str, Tensor]) -> ContextModel:
    """The integer form of ``context_prediction`` and ``entropy_parameters`` of a CompressAI state dict."""
    weight = tensors["context_prediction.weight"]
    causal = torch.cat([weight[:, :, 0], weight[:, :, 1], weight[:, :, 2, :_REACH]], dim=2)  # (2 M, M, 12)
    prediction = exact_linear(
        causal.permute(0, 2, 1).reshape(weight.shape[0], -1), tensors["context_prediction.bias"], "context_prediction"
    )
    layers = [
        exact_linear(
            tensors[f"entropy_parameters.{index}.weight"].flatten(1),
            tensors[f"entropy_parameters.{index}.bias"],
            f"entropy_parameters.{index}",
        )
        for index in (0, 2, 4)
    ]
    hyper_channels = layers[0].weight.shape[0] - prediction.bias.shape[0]
    return ContextModel(
        prediction=prediction,
        hyper_part=ExactLinear(layers[0].weight[:hyper_channels].t().contiguous().t(), layers[0].bias),
        context_part=layers[0].weight[hyper_channels:].t().contiguous().t(),
        layers=tuple(layers[1:]),
    )


def walk(model: ContextModel, hyper: Tensor, exchange: Exchange, on_progress: OnProgress) -> NDArray[np.float64]:
    """Visit all latents in wavefront order and return them, (H, W, M) float64 units.

    hyper: (H, W, 2 M) activations of h_s. At every step ``exchange`` gets the parameters of the latents at hand and
    gives their values: an encoder quantises and codes them, a decoder decodes them.
    """
    height, width, _ = hyper.shape
    channels = model.prediction.weight.shape[0] // 12
    stride = width + 2 * _REACH  # in latents, of the zero-padded canvas
    canvas = torch.zeros(((height + _REACH) * stride, channels), dtype=torch.float64)
    folded = _fold(model.hyper_part, hyper)
    buffers = _buffers(model, min(height, -(-width // _LAG)))
    steps = width + _LAG * (height - 1)
    for step in range(steps):
        first = max(0, -(-(step - width + 1) // _LAG))
        count = min(height - 1, step // _LAG) - first + 1
        column = step - _LAG * first
        neighbours, context, hidden, deeper, parameters = buffers[-(-count // _ROWS) - 1]
        # Going down one row goes back three columns: equal strides in both the canvas and the unpadded latents.
        corner = first * stride + column
        _gather(canvas, neighbours, corner, stride, channels, count)
        settle(torch.addmm(model.prediction.bias, neighbours, model.prediction.weight, out=context), None)
        start = first * width + column
        part = folded.as_strided(hidden.shape, ((width - _LAG) * folded.shape[1], 1), start * folded.shape[1])
        settle(torch.addmm(part, context, model.context_part, out=hidden), LEAKY_SLOPE)
        settle(torch.addmm(model.layers[0].bias, hidden, model.layers[0].weight, out=deeper), LEAKY_SLOPE)
        settle(torch.addmm(model.layers[1].bias, deeper, model.layers[1].weight, out=parameters), None)
        positions = slice(start, start + (count - 1) * (width - _LAG) + 1, width - _LAG)
        latents = exchange(positions, parameters[:count].numpy())
        here = corner + _REACH * stride + _REACH
        canvas[here : here + (count - 1) * (stride - _LAG) + 1 : stride - _LAG] = torch.from_numpy(latents)
        on_progress((step + 1) / steps, "entropy coding")
    return canvas.reshape(height + _REACH, stride, channels)[_REACH:, _REACH:-_REACH].numpy()


def _fold(layer: ExactLinear, hyper: Tensor) -> Tensor:
    """``layer`` at all positions, with rows to spare behind the last for steps rounded up to ``_ROWS`` latents."""
    height, width, inputs = hyper.shape
    folded = torch.zeros((height * width + _ROWS * width, len(layer.bias)), dtype=torch.float64)
    torch.addmm(layer.bias, hyper.reshape(height * width, inputs), layer.weight, out=folded[: height * width])
    return folded


def _buffers(model: ContextModel, most: int) -> list[tuple[Tensor, ...]]:
    """For steps of up to 4, 8, 12, ... ``most`` latents: neighbours and the outputs of the four layers, as views."""
    widths = [model.prediction.weight.shape[0], len(model.prediction.bias), model.context_part.shape[1]]
    widths += [len(layer.bias) for layer in model.layers]
    whole = [torch.zeros((-(-most // _ROWS) * _ROWS, width), dtype=torch.float64) for width in widths]
    return [tuple(buffer[:rows] for buffer in whole) for rows in range(_ROWS, len(whole[0]) + 1, _ROWS)]


def _gather(canvas: Tensor, neighbours: Tensor, corner: int, stride: int, channels: int, count: int) -> None:
    """Fill the first ``count`` rows of ``neighbours`` with the 12 causal neighbours of each latent of a step."""
    start = 0
    for row, taps in enumerate((5, 5, 2)):
        size = taps * channels
        source = canvas.as_strided((count, size), ((stride - _LAG) * channels, 1), (corner + row * stride) * channels)
        neighbours[:count, start : start + size] = source
        start += size
