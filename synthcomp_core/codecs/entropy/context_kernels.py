"""The compiled step of the context model: 12 neighbours to entropy parameters, on exact integers.

A step has few latents, as many as a picture has rows of them at the most, and reads all the weights. They lie in panels
of float32, which hold their integers exactly, and are widened on the way to the multiplier.

All sums are of integers below 2^53 (see exact.py): their order, and fused multiply-adds, cannot change them.
"""

from typing import Any

import numpy as np

from synthcomp_core.codecs.entropy.exact import LEAKY_SLOPE, LIMIT
from synthcomp_core.codecs.tile_kernel import EXACT_WIDTH, ROWS, exact_tile
from synthcomp_core.runtime import compiled


@compiled()
def _layer(x: Any, first: int, last: int, weight: Any, bias: Any, sums: Any, leaky: bool) -> None:
    """Rows ``first`` to ``last`` (a multiple of 4 of them) of sums = settle(bias + x weight).

    x: (n, >= inputs); weight: (panels, inputs, 8) float32; sums: (n, panels * 8). bias: (panels * 8,), or empty where
    the sums already begin with theirs. Settled as exact.settle does: clamped, rounded half to even, leaky ReLU,
    rounded.
    """
    inputs = weight.shape[1]
    if len(bias):
        for row in range(first, last):
            for column in range(len(bias)):
                sums[row, column] = bias[column]
    for panel in range(weight.shape[0]):
        for row in range(first, last, ROWS):
            exact_tile(
                x, row * x.shape[1], x.shape[1],
                weight, panel * inputs * EXACT_WIDTH, inputs,
                sums, row * sums.shape[1] + panel * EXACT_WIDTH, sums.shape[1],
            )  # fmt: skip
    for row in range(first, last):
        for column in range(sums.shape[1]):
            value = np.rint(min(max(sums[row, column], -LIMIT), LIMIT))
            if leaky:
                value = value if value > 0.0 else np.rint(value * LEAKY_SLOPE)
            sums[row, column] = value


@compiled()
def step_parameters(
    canvas: Any, row: int, column: int, hyper: Any, layers: Any, buffers: Any, first: int, last: int, count: int
) -> None:
    """Entropy parameters of latents ``first`` to ``last`` (exclusive) of a step, into the last of ``buffers``.

    canvas: (H + 2, W + 4, M), the latents so far, with zeros above and at the sides. Latent i of the ``count`` of the
    step lies at row ``row`` + i, column ``column`` - 3 i (unpadded); those from ``count`` on fill up the last tile.
    hyper: (H, W, outputs), the hyper part of the second layer's sums. layers: four pairs of weight panels and bias;
    buffers: the neighbours and the four layers' outputs, each (latents, width).

    Plain loops throughout: numba takes seconds to compile an assignment of slices.
    """
    neighbours, context, hidden, deeper, parameters = buffers
    channels, outputs = canvas.shape[2], hyper.shape[2]
    for index in range(first, min(last, count)):
        y, x = row + index, column - 3 * index
        place = 0
        for dy in range(3):
            for dx in range(5 if dy < 2 else 2):
                for channel in range(channels):
                    neighbours[index, place + channel] = canvas[y + dy, x + dx, channel]
                place += channels
        for output in range(outputs):
            hidden[index, output] = hyper[y, x, output]
    (w0, b0), (w1, b1), (w2, b2), (w3, b3) = layers
    _layer(neighbours, first, last, w0, b0, context, False)
    _layer(context, first, last, w1, b1, hidden, True)
    _layer(hidden, first, last, w2, b2, deeper, True)
    _layer(deeper, first, last, w3, b3, parameters, False)
