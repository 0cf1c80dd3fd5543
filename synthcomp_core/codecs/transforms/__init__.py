"""The analysis and synthesis transforms (g_a, h_a, g_s) of all families, built from a snapshot's tensors for speed.

They compute what CompressAI's classes compute (tests hold them to it), laid out for inference: channels last, bfloat16
where asked, GDN in cache-sized blocks, the last transposed convolution as a sub-pixel one, and in strips of rows where
the image is large. Nothing here needs to be exact: only the encoder sees y, and every decoder gets the same y_hat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synthcomp_core.codecs import phases
from synthcomp_core.codecs.phases import LATENT_STRIDE
from synthcomp_core.codecs.transforms import winograd
from synthcomp_core.errors import SnapshotError
from synthcomp_core.images import Image
from synthcomp_core.runtime import Precision

Layer = Callable[[Tensor], Tensor]
Latents = NDArray[np.float32]  # (rows, columns, channels)
_GDN_BLOCK = 512  # positions
_PIXEL_ROWS = 16
_STRIP_PIXELS = 4_500_000  # A strip takes about 500 bytes per pixel at N = 192 in float32.
_GDN_PEDESTAL = 2.0**-36  # CompressAI's NonNegativeParametrizer: reparam_offset 2^-18, squared.
_GDN_BETA_MIN = 1e-6


@dataclass(frozen=True)
class Transforms:
    """g_a and g_s, and h_a where there is a hyperprior; ``halo``: latent rows that one latent row can influence."""

    g_a: Sequence[Layer]
    g_s: Sequence[Layer]
    h_a: Sequence[Layer] | None
    takes_magnitudes: bool
    halo: int
    device: torch.device
    dtype: torch.dtype


def best_dtype(precision: Precision) -> torch.dtype:
    """The number format for a precision.

    auto is float32: bfloat16 costs models whose channels are as unlike in size as the frequencies of a picture
    (training/klt_start.py) up to 0.07 dB, and the compiled float32 kernels are fast.
    """
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def analyse(transforms: Transforms, image: Image) -> tuple[Latents, Latents | None]:
    """y (rows, columns, M) and z (rows, columns, N) float32 of an image whose sides are multiples of 64."""
    x = torch.from_numpy(image).permute(2, 0, 1)[None]
    rows = _strip_rows(image.shape[0], image.shape[1])
    total = image.shape[0] // LATENT_STRIDE
    strips = []
    for top in range(0, total, rows):
        first, last = max(0, top - transforms.halo), min(total, top + rows + transforms.halo)
        pixels = x[:, :, first * LATENT_STRIDE : last * LATENT_STRIDE].to(transforms.device)
        # 8-bit levels are exact in bfloat16; the first layer's weights hold the 1 / 255.
        strip = _run(transforms.g_a, pixels.to(transforms.dtype))
        strips.append(strip[:, :, top - first : min(top + rows, total) - first])
    y = torch.cat(strips, dim=2) if len(strips) > 1 else strips[0]
    z = None
    if transforms.h_a is not None:
        z = _latents_array(_run(transforms.h_a, y.abs() if transforms.takes_magnitudes else y))
    return _latents_array(y), z


def synthesise(transforms: Transforms, y_hat: Latents) -> Image:
    """The image (16 rows, 16 columns, 3) of latents (rows, columns, M) float."""
    total, columns, _ = y_hat.shape
    rows = _strip_rows(total * LATENT_STRIDE, columns * LATENT_STRIDE)
    image = np.empty((total * LATENT_STRIDE, columns * LATENT_STRIDE, 3), np.uint8)
    for top in range(0, total, rows):
        first, last = max(0, top - transforms.halo), min(total, top + rows + transforms.halo)
        y = torch.from_numpy(y_hat[first:last]).to(transforms.device, torch.float32).permute(2, 0, 1)[None]
        pixels = _run(transforms.g_s, y)[0, :, (top - first) * LATENT_STRIDE :]
        pixels = pixels[:, : (min(top + rows, total) - top) * LATENT_STRIDE]
        levels = pixels.clamp_(0, 255).round_().to(torch.uint8)
        image[top * LATENT_STRIDE : (top + rows) * LATENT_STRIDE] = levels.permute(1, 2, 0).cpu().numpy()
    return image


def _run(layers: Sequence[Layer], x: Tensor) -> Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    for layer in layers:
        x = layer(x)
    return x


def _latents_array(x: Tensor) -> Latents:
    latents: Latents = x[0].permute(1, 2, 0).float().contiguous().cpu().numpy()
    return latents


def _strip_rows(height: int, width: int) -> int:
    if height * width <= _STRIP_PIXELS:
        return height // LATENT_STRIDE
    return max(8, _STRIP_PIXELS // (width * LATENT_STRIDE))


def build_transforms(
    tensors: dict[str, Tensor], architecture: str, *, device: torch.device, dtype: torch.dtype
) -> Transforms:
    """The transforms of a snapshot; SnapshotError when a weight is missing."""
    build = _Builder({name: tensor.float() for name, tensor in tensors.items()}, device, dtype)
    try:
        if architecture.startswith("cheng2020"):
            attention = architecture.endswith("attn")
            return Transforms(*build.cheng(attention), build.hyper_analysis(plain=False), False, 10, device, dtype)
        plain = architecture == "bmshj2018-hyperprior"  # Its h_a takes magnitudes and has plain ReLUs.
        h_a = None if architecture.startswith("bmshj2018-factorized") else build.hyper_analysis(plain=plain)
        relu = architecture.endswith("-relu")
        return Transforms(*build.google(relu=relu), h_a, plain, 3, device, dtype)
    except KeyError as error:
        raise SnapshotError(f"The snapshot lacks the weight {error.args[0]}; import its checkpoint again.") from None


@dataclass(frozen=True)
class _Builder:
    """Makes layers from named float32 tensors."""

    tensors: dict[str, Tensor]
    device: torch.device
    dtype: torch.dtype

    def google(self, *, relu: bool = False) -> tuple[list[Layer], list[Layer]]:
        """g_a, g_s of bmshj2018 and mbt2018: four strided 5x5 convolutions with (inverse) GDN, or ReLU, between."""
        if not relu and self.device.type == "cpu" and self.dtype == torch.float32 and winograd.fits(self.tensors):
            return self.google_by_winograd()
        g_a: list[Layer] = [self.convolution("g_a.0", stride=2, scale=1 / 255)]
        g_s: list[Layer] = []
        for index in (1, 3, 5):
            # Latents of 64 and more, in bfloat16, would be rounded to halves: g_a ends and g_s begins in float32.
            before = functional.relu_ if relu else self.gdn(f"g_a.{index}")
            behind = functional.relu_ if relu else self.gdn(f"g_s.{index}", inverse=True)
            g_a += [before, self.convolution(f"g_a.{index + 1}", stride=2, fine=index == 5)]
            g_s += [self.deconvolution(f"g_s.{index - 1}", fine=index == 1), behind]
        return g_a, [*g_s, self.to_pixels(*_subpixel(self.tensors["g_s.6.weight"], self.tensors["g_s.6.bias"]))]

    def google_by_winograd(self) -> tuple[list[Layer], list[Layer]]:
        """The same layers by compiled kernels, which take half the time of general ones in float32."""

        def weights(name: str) -> tuple[Tensor, Tensor]:
            return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]

        gdn = {
            name: winograd.Gdn(*self.gdn_parameters(f"{name}"))
            for name in (f"{side}.{index}" for side in ("g_a", "g_s") for index in (1, 3, 5))
        }
        none = winograd.Gdn()
        g_a = [winograd.from_pixels(*weights("g_a.0"), gdn["g_a.1"])]
        g_a += [
            winograd.convolution(*weights(f"g_a.{index}"), gdn.get(f"g_a.{index + 1}", none)) for index in (2, 4, 6)
        ]
        g_s = [winograd.deconvolution(*weights(f"g_s.{index}"), gdn[f"g_s.{index + 1}"]) for index in (0, 2, 4)]
        return g_a, [*g_s, winograd.to_pixels(*_subpixel(*weights("g_s.6")))]

    def cheng(self, attention: bool) -> tuple[list[Layer], list[Layer]]:
        """g_a, g_s of cheng2020: residual blocks of 3x3 convolutions, sub-pixel upsampling, attention if asked."""
        analysis = ("down", "same", "down", "[attend]", "same", "down", "same", "half", "[attend]")
        synthesis = ("[attend]", "same", "up", "same", "up", "[attend]", "same", "up", "same")
        g_a = [self.block(f"g_a.{i}", kind, i == 0) for i, kind in enumerate(_kinds(analysis, attention))]
        kinds = _kinds(synthesis, attention)
        g_s = [self.block(f"g_s.{i}", kind, False) for i, kind in enumerate(kinds)]
        last = f"g_s.{len(kinds)}.0"
        return g_a, [*g_s, self.to_pixels(self.tensors[f"{last}.weight"], self.tensors[f"{last}.bias"])]

    def block(self, name: str, kind: str, from_pixels: bool) -> Layer:
        """One block of cheng2020: a residual one (same, down, up), a strided convolution (half) or attention."""
        scale = 1 / 255 if from_pixels else 1.0
        match kind:
            case "half":
                return self.convolution(name, stride=2)
            case "attend":
                return self.attention(name)
            case "same":
                body = [self.convolution(f"{name}.conv1"), _leaky, self.convolution(f"{name}.conv2"), _leaky]
                return _residual(body, [])
            case "down":
                body = [self.convolution(f"{name}.conv1", stride=2, scale=scale), _leaky]
                body += [self.convolution(f"{name}.conv2"), self.gdn(f"{name}.gdn")]
                return _residual(body, [self.convolution(f"{name}.skip", stride=2, scale=scale)])
            case _:
                body = [self.convolution(f"{name}.subpel_conv.0"), _shuffle, _leaky]
                body += [self.convolution(f"{name}.conv"), self.gdn(f"{name}.igdn", inverse=True)]
                return _residual(body, [self.convolution(f"{name}.upsample.0"), _shuffle])

    def attention(self, name: str) -> Layer:
        """CompressAI's AttentionBlock: x + a(x) sigmoid(b(x))."""

        def unit(prefix: str) -> Layer:
            body: list[Layer] = [self.convolution(f"{prefix}.conv.0"), functional.relu_]
            body += [self.convolution(f"{prefix}.conv.2"), functional.relu_, self.convolution(f"{prefix}.conv.4")]
            residual = _residual(body, [])
            return lambda x: functional.relu_(residual(x))

        branch_a = [unit(f"{name}.conv_a.{index}") for index in range(3)]
        branch_b = [unit(f"{name}.conv_b.{index}") for index in range(3)]
        gate = self.convolution(f"{name}.conv_b.3")

        def attend(x: Tensor) -> Tensor:
            return _chain(branch_a, x).mul_(gate(_chain(branch_b, x)).sigmoid_()).add_(x)

        return attend

    def hyper_analysis(self, *, plain: bool) -> list[Layer]:
        """h_a: convolutions with ReLU between them, leaky but for bmshj2018-hyperprior (``plain``)."""
        names = [
            name.removesuffix(".weight") for name in self.tensors if name.startswith("h_a.") and name.endswith("t")
        ]
        names.sort(key=lambda name: int(name.split(".")[1]))
        # Three layers: strides 1, 2, 2 (bmshj2018, mbt2018); five: 1, 1, 2, 1, 2 (cheng2020).
        strides = (1, 2, 2) if len(names) == 3 else (1, 1, 2, 1, 2)
        layers: list[Layer] = []
        for name, stride in zip(names, strides, strict=True):
            layers += [self.convolution(name, stride=stride), functional.relu_ if plain else _leaky]
        return layers[:-1]

    def convolution(self, name: str, *, stride: int = 1, scale: float = 1.0, fine: bool = False) -> Layer:
        """``fine``: computed and given in float32 whatever the precision."""
        weight = self.placed(self.tensors[f"{name}.weight"] * scale, fine)
        bias = self.placed(self.tensors[f"{name}.bias"], fine)
        padding = weight.shape[-1] // 2
        return lambda x: functional.conv2d(x.to(weight.dtype), weight, bias, stride=stride, padding=padding)

    def deconvolution(self, name: str, *, fine: bool = False) -> Layer:
        """``fine``: computed in float32, given in the precision of the others."""
        weight = self.placed(self.tensors[f"{name}.weight"], fine)
        bias = self.placed(self.tensors[f"{name}.bias"], fine)
        options = {"stride": 2, "padding": 2, "output_padding": 1}
        return lambda x: functional.conv_transpose2d(x.to(weight.dtype), weight, bias, **options).to(self.dtype)

    def to_pixels(self, weight: Tensor, bias: Tensor) -> Layer:
        """The last sub-pixel convolution, giving 8-bit levels, in float32, a few rows at a time.

        bfloat16 holds levels from 128 on as whole numbers only; rounding them once more biases the picture.
        """
        placed = self.placed(weight * 255, fine=True)
        placed_bias = self.placed(bias * 255, fine=True)

        def layer(x: Tensor) -> Tensor:
            height = x.shape[2]
            block = _PIXEL_ROWS if x.device.type == "cpu" else height
            strips = []
            for top in range(0, height, block):
                first, last = max(0, top - 1), min(height, top + block + 1)
                strip = functional.conv2d(x[:, :, first:last].float(), placed, placed_bias, padding=1)
                strips.append(strip[:, :, top - first : top - first + block])
            return functional.pixel_shuffle(torch.cat(strips, dim=2), 2)

        return layer

    def gdn(self, name: str, *, inverse: bool = False) -> Layer:
        """GDN (Balle 2016): x / sqrt(beta + gamma x^2); inverse: x sqrt(beta + gamma x^2).

        In blocks of positions that stay in a core's cache. The inverse takes roots and products in float32 whatever the
        precision: with all in bfloat16 frames lost 0.04 dB, so less than 0.01.
        """
        beta, gamma = self.gdn_parameters(name)
        beta, gamma = self.placed(beta), self.placed(gamma.t().contiguous())

        def layer(x: Tensor) -> Tensor:
            positions = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])  # A view, as x is channels last.
            block = _GDN_BLOCK if x.device.type == "cpu" else len(positions)
            for start in range(0, len(positions), block):
                part = positions[start : start + block]
                norm = torch.addmm(beta, part * part, gamma)
                if inverse:
                    part.copy_(norm.float().sqrt_().mul_(part.float()))
                else:
                    part.mul_(norm.rsqrt_())
            return x

        return layer

    def gdn_parameters(self, name: str) -> tuple[Tensor, Tensor]:
        """beta (C,) and gamma (C, C) of a GDN, all at least 0."""
        beta = _nonnegative(self.tensors[f"{name}.beta"], _GDN_BETA_MIN)
        return beta, _nonnegative(self.tensors[f"{name}.gamma"], 0.0)

    def placed(self, tensor: Tensor, fine: bool = False) -> Tensor:
        tensor = tensor.to(self.device, torch.float32 if fine else self.dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def _kinds(names: Sequence[str], attention: bool) -> list[str]:
    return [name.strip("[]") for name in names if attention or not name.startswith("[")]


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu_(x, 0.01)


def _shuffle(x: Tensor) -> Tensor:
    return functional.pixel_shuffle(x, 2)


def _chain(layers: Sequence[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _residual(body: Sequence[Layer], skip: Sequence[Layer]) -> Layer:
    return lambda x: _chain(body, x).add_(_chain(skip, x))


def _nonnegative(x: Tensor, minimum: float) -> Tensor:
    bound = (minimum + _GDN_PEDESTAL) ** 0.5
    return x.clamp(min=bound) ** 2 - _GDN_PEDESTAL


def _subpixel(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A transposed 5x5 convolution of stride 2, (inputs, outputs, 5, 5), as a 3x3 one in front of a pixel shuffle.

    See phases.py for which input goes through which tap.
    """
    inputs, outputs = weight.shape[:2]
    kernel = weight.new_zeros((outputs, 2, 2, inputs, 3, 3))
    for p, q in phases.PARITIES:
        for dy in phases.offsets(p):
            for dx in phases.offsets(q):
                kernel[:, p, q, :, dy + 1, dx + 1] = weight[:, :, phases.tap(p, dy), phases.tap(q, dx)].t()
    return kernel.reshape(4 * outputs, inputs, 3, 3), bias.repeat_interleave(4)
