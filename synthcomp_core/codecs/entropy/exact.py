"""Networks on integers: layers whose outputs are the same on every machine, whatever sums them in whatever order.

Activations are integers in units of 2^-16, held in float64 and clamped to +-2^28 units (+-4096). Weights are integers
times a power of two, 2^-k, one k a layer: as large as exactness allows, 16 to 20 bits for trained models. A layer's sum
of products is then a sum of integers times 2^-k, and k is such that, with the given weights, no sum can reach 2^53 of
them: every partial sum is exact in float64 in any order, with or without fused multiply-add. What follows is one
correctly rounded operation on each value after the other: clamp, round half to even, and for a leaky ReLU a product
with 5243 / 2^19 (exact: 28 + 13 bits), rounded again.

Only copies and matrix products are used, no library convolution: those may sum rounded fractions (Winograd, FFT).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthcomp_core.codecs import phases
from synthcomp_core.codecs.entropy.scale_tables import UNIT
from synthcomp_core.errors import SnapshotError

LIMIT = float(1 << 28)  # Activations are clamped to +-LIMIT units.
LEAKY_SLOPE = 5243 / 2**19  # 0.01 (CompressAI's LeakyReLU) to 2e-7, as a dyadic fraction.
_MAX_WEIGHT_BITS = 24  # Fractional bits: more than float32 weights have is of no use.
_COARSE_BITS = 20
_MIN_SIGNIFICANT_BITS = 10  # of a layer's largest weight
_EXACT_BITS = 53  # float64 holds every integer up to 2^53.
_ROWS_BYTES = 64 * 2**20  # Memory that the patches of one block of rows may take.


@dataclass(frozen=True)
class ExactLinear:
    """y = x W + b on integer units: ``weight`` (inputs, outputs) and ``bias`` (outputs,), both multiples of 2^-k."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """x: (n, inputs) float64 units; the unrounded sums (n, outputs)."""
        return torch.addmm(self.bias, x, self.weight)


def exact_linear(weight: Tensor, bias: Tensor, name: str) -> ExactLinear:
    """The integer layer of a float layer: ``weight`` (outputs, inputs), ``bias`` (outputs,), any float dtype.

    SnapshotError, naming the layer, for weights that are not finite or whose sums cannot be held exactly.
    """
    weight, bias = weight.detach().double().cpu(), bias.detach().double().cpu()
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise SnapshotError(f"The weights of {name} are not all finite numbers; train or import the model again.")
    # k must be the same everywhere, so it follows from sums of integers as well: magnitudes rounded up to 2^-20.
    coarse = float(torch.ceil(weight.abs() * 2.0**_COARSE_BITS).sum(dim=1).max())
    coarse_bias = float(torch.ceil(bias.abs() * UNIT).max())
    if max(coarse, coarse_bias) >= 2.0**_EXACT_BITS:
        raise SnapshotError(f"The weights of {name} are too large for exact integer arithmetic.")
    largest = (int(coarse) * int(LIMIT) >> _COARSE_BITS) + int(coarse_bias) + 1
    bits = min(_MAX_WEIGHT_BITS, _EXACT_BITS - 1 - largest.bit_length())
    scale = 2.0**bits
    integers = torch.round(weight * scale)  # Scaling by a power of two and rounding are exact on every machine.
    bias_integers = torch.round(bias * UNIT * scale)
    largest_sum = float((integers.abs().sum(dim=1) * LIMIT + bias_integers.abs()).max())
    if largest_sum >= 2.0**_EXACT_BITS or 0 < float(weight.abs().max()) * scale < 2.0**_MIN_SIGNIFICANT_BITS:
        raise SnapshotError(f"The weights of {name} are too large or too many for exact integer arithmetic.")
    # Outputs lie in rows, seen transposed: matrix products of few rows are a quarter faster that way.
    return ExactLinear((integers / scale).contiguous().t(), bias_integers / scale)


def settle(sums: Tensor, negative_slope: float | None) -> Tensor:
    """Sums of products to activations, in place: clamp, round, leaky ReLU with ``negative_slope`` (None: no ReLU)."""
    sums.clamp_(-LIMIT, LIMIT).round_()
    if negative_slope is not None:
        torch.nn.functional.leaky_relu_(sums, negative_slope).round_()
    return sums


@dataclass(frozen=True)
class ExactConvolution:
    """A 3x3 convolution, or a 5x5 transposed one of stride 2, as matrix products of shifted copies.

    phases: for stride 1 one (offsets, layer); for the transposed one four, for the output's (row, column) parities
    (0, 0), (0, 1), (1, 0), (1, 1). offsets: (dy, dx) of the input positions whose channels the layer takes, in order.
    upsample: 1; 2 for the transposed convolution or for pixel shuffle behind a convolution (``shuffle``).
    """

    phases: tuple[tuple[tuple[tuple[int, int], ...], ExactLinear], ...]
    shuffle: bool
    negative_slope: float | None

    def __call__(self, x: Tensor) -> Tensor:
        """x: (H, W, channels) float64 units; activations (H, W, outputs) or (2 H, 2 W, outputs)."""
        height, width, channels = x.shape
        padded = torch.nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
        outputs = self.phases[0][1].bias.shape[0]
        transposed = len(self.phases) > 1
        result = x.new_empty((height, 2, width, 2, outputs) if transposed else (height, width, outputs))
        for phase, (offsets, layer) in enumerate(self.phases):
            block = max(1, _ROWS_BYTES // (8 * width * (channels * len(offsets) + outputs)))
            for top in range(0, height, block):
                rows = min(block, height - top)
                patches = torch.cat(
                    [padded[top + 1 + dy : top + 1 + dy + rows, 1 + dx : 1 + dx + width] for dy, dx in offsets], dim=2
                )
                sums = layer(patches.reshape(rows * width, -1))
                block_result = settle(sums, self.negative_slope).reshape(rows, width, outputs)
                if transposed:
                    result[top : top + rows, phase // 2, :, phase % 2] = block_result
                else:
                    result[top : top + rows] = block_result
        if transposed:
            return result.reshape(2 * height, 2 * width, outputs)
        return _pixel_shuffle(result) if self.shuffle else result


def _pixel_shuffle(x: Tensor) -> Tensor:
    """(H, W, 4 C) to (2 H, 2 W, C), as torch.nn.PixelShuffle(2) orders its channels."""
    height, width, channels = x.shape
    x = x.reshape(height, width, channels // 4, 2, 2).permute(0, 3, 1, 4, 2)
    return x.reshape(2 * height, 2 * width, channels // 4)


def exact_convolution(
    weight: Tensor, bias: Tensor, name: str, *, negative_slope: float | None, shuffle: bool = False
) -> ExactConvolution:
    """The integer form of ``nn.Conv2d(kernel_size=3, padding=1)``: ``weight`` (outputs, inputs, 3, 3)."""
    offsets = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    matrix = weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)
    return ExactConvolution(((offsets, exact_linear(matrix, bias, name)),), shuffle, negative_slope)


def exact_deconvolution(weight: Tensor, bias: Tensor, name: str, *, negative_slope: float | None) -> ExactConvolution:
    """The integer form of ``nn.ConvTranspose2d(kernel_size=5, stride=2, padding=2, output_padding=1)``.

    ``weight`` (inputs, outputs, 5, 5), taken apart as phases.py describes.
    """
    split = []
    for row_parity, column_parity in phases.PARITIES:
        offsets = tuple((dy, dx) for dy in phases.offsets(row_parity) for dx in phases.offsets(column_parity))
        taps = [weight[:, :, phases.tap(row_parity, dy), phases.tap(column_parity, dx)] for dy, dx in offsets]
        matrix = torch.cat(taps, dim=0).t()
        split.append((offsets, exact_linear(matrix, bias, name)))
    return ExactConvolution(tuple(split), False, negative_slope)


def exact_sequential(
    tensors: dict[str, Tensor], prefix: str, *, last_relu: bool, relu_slope: float
) -> list[ExactConvolution]:
    """The integer form of a hyper-synthesis ``h_s``: its convolutions in order, each followed by a (leaky) ReLU.

    The kinds follow from the weights: (inputs, outputs, 5, 5) is transposed with stride 2; under a name of two numbers
    (``h_s.2.0``) it is a 3x3 sub-pixel convolution; else a plain 3x3 one. last_relu: whether one follows the last.
    """
    names = [name.removesuffix(".weight") for name in tensors if name.startswith(prefix) and name.endswith(".weight")]
    names.sort(key=lambda name: int(name.removeprefix(prefix).split(".")[0]))
    layers = []
    for name in names:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        slope = relu_slope if last_relu or name != names[-1] else None
        if weight.shape[-1] == 5:
            layers.append(exact_deconvolution(weight, bias, name, negative_slope=slope))
        else:
            shuffle = "." in name.removeprefix(prefix)
            layers.append(exact_convolution(weight, bias, name, negative_slope=slope, shuffle=shuffle))
    return layers
