"""RCAN's forward pass in strips: the whole image's result in a fraction of the memory, and fast on a CPU.

Channel attention averages over the whole image, so independent tiles can never yield the whole image's result. Here
the feature maps of the whole image are kept, and only the convolutions go strip by strip, with the rows they need
around each: between them, the averages are exact and there are no seams.

The network is spandrel's RCAN (EDSR-PyTorch's, Zhang et al. 2018). The convolutions of the body run in ``dtype``;
the residual sums and all that carries the picture itself, head and tail, stay in float32: bfloat16 has too few digits
to hold a picture.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synthcomp_core.progress import OnProgress

_STRIP_BYTES = 2**22  # A strip's feature map: small enough for the caches, large enough to make halos cheap.
_MIN_STRIP_ROWS = 16
_TAIL_STRIP_BYTES = 2**24
_ONE_RANGE = 2.0  # The mean shift's largest bias is 0.45 for pictures in [0, 1] and 114 for those in [0, 255].


class RcanForward:
    """Callable on a (1, 3, h, w) float32 tensor in [0, 255]; returns (1, 3, h * scale, w * scale), unclipped."""

    def __init__(self, model: nn.Module, *, dtype: torch.dtype, device: torch.device) -> None:
        # spandrel's class says nothing of its parts' types.
        network: Any = copy.deepcopy(model).eval().requires_grad_(False)
        network = network.to(device=device, memory_format=torch.channels_last)
        self.dtype, self.device = dtype, device
        self.scale = int(network.scale)
        self._rgb_range = 255.0
        if isinstance(network.sub_mean, nn.Identity) or float(network.sub_mean.bias.abs().max()) < _ONE_RANGE:
            # Trained on pictures in [0, 1]; spandrel cannot tell and takes every mean shift to be for [0, 255].
            self._rgb_range = 1.0
        self._sub_mean, self._add_mean = network.sub_mean.float(), network.add_mean.float()
        self._head = network.head.float()
        self._body = network.body.to(dtype)
        self._upsampler = network.tail[0].float()
        self._last = network.tail[1].float()
        self._num_features = int(network.tail[1].in_channels)
        self._halo = int(network.tail[1].kernel_size[0]) // 2

    @property
    def bytes_per_pixel(self) -> int:
        """Peak bytes for each input pixel: three residual streams in float32 and two maps in ``dtype``."""
        return self._num_features * (3 * 4 + 2 * self.dtype.itemsize) + 3 * 4 * (2 + 3 * self.scale**2)

    @property
    def receptive_radius(self) -> int:
        """How far, in input pixels, an input pixel reaches through the convolutions."""
        groups = list(self._body)[:-1]
        in_groups = sum(2 * (len(group.body) - 1) + 1 for group in groups)
        return (1 + in_groups + 1 + 2) * self._halo

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, on_progress: OnProgress) -> Tensor:
        pixels = pixels.to(self.device).contiguous(memory_format=torch.channels_last)
        shallow = self._head(self._sub_mean(pixels * (self._rgb_range / 255.0)))
        stream = shallow.clone(memory_format=torch.channels_last)
        *groups, last = self._body
        num_blocks = sum(len(group.body) - 1 for group in groups)
        done = 0
        for group in groups:
            group_input = stream.clone(memory_format=torch.channels_last)
            *blocks, last_of_group = group.body
            for block in blocks:
                on_progress(done / (num_blocks + 1), "RCAN")
                self._block(block, stream)
                done += 1
            stream = self._residual(last_of_group, stream, group_input)
        on_progress(done / (num_blocks + 1), "RCAN")
        stream = self._residual(last, stream, shallow)
        del shallow
        return self._tail(stream) * (255.0 / self._rgb_range)

    def _block(self, block: Any, stream: Tensor) -> None:
        """Add a residual channel attention block's branch to ``stream`` in place."""
        first, _, second, attention = block.body
        total = torch.zeros(stream.shape[1], device=self.device)
        branch = []
        for start, stop in self._strips(stream, _STRIP_BYTES):
            top, bottom = max(0, start - self._halo), min(stream.shape[2], stop + self._halo)
            inner = torch.relu_(self._convolve(first, stream, top, bottom))
            part = self._convolve(second, inner, start - top, stop - top)
            total += part.permute(0, 2, 3, 1).reshape(-1, part.shape[1]).float().sum(0)
            branch.append((start, stop, part))
        mean = (total / (stream.shape[2] * stream.shape[3])).reshape(1, -1, 1, 1).to(self.dtype)
        gate = attention.conv_du(mean)
        for start, stop, part in branch:
            stream[:, :, start:stop] += part.mul_(gate)

    def _residual(self, convolution: nn.Conv2d, stream: Tensor, skip: Tensor) -> Tensor:
        """``skip`` plus the convolution of ``stream``, held in ``skip``."""
        for start, stop in self._strips(stream, _STRIP_BYTES):
            skip[:, :, start:stop] += self._convolve(convolution, stream, start, stop)
        return skip

    def _convolve(self, layer: nn.Conv2d, source: Tensor, start: int, stop: int) -> Tensor:
        """Rows start..stop of the layer's output for ``source``, outside of which it sees zeros, in ``dtype``."""
        top, bottom = max(0, start - self._halo), min(source.shape[2], stop + self._halo)
        above, below = top - (start - self._halo), stop + self._halo - bottom
        rows = source[:, :, top:bottom].to(self.dtype)
        if above != below:
            rows = functional.pad(rows, (0, 0, above, below)).contiguous(memory_format=torch.channels_last)
        # The layer pads its columns itself, and its rows where both ends lie at the border.
        padding = (self._halo if above == below == self._halo else 0, self._halo)
        return functional.conv2d(rows, layer.weight, layer.bias, padding=padding)

    def _tail(self, stream: Tensor) -> Tensor:
        """Upsampling, the last convolution and the mean, strip by strip: the large maps exist for one strip only."""
        height, width = stream.shape[2], stream.shape[3]
        out = torch.empty(
            (1, 3, height * self.scale, width * self.scale),
            device=self.device,
        )
        halo = 4 * self._halo
        for start, stop in self._strips(stream, _TAIL_STRIP_BYTES // self.scale**2):
            top, bottom = max(0, start - halo), min(height, stop + halo)
            part = self._add_mean(self._last(self._upsampler(stream[:, :, top:bottom])))
            first = (start - top) * self.scale
            out[:, :, start * self.scale : stop * self.scale] = part[:, :, first : first + (stop - start) * self.scale]
        return out

    def _strips(self, stream: Tensor, strip_bytes: int) -> list[tuple[int, int]]:
        height, width = stream.shape[2], stream.shape[3]
        if self.device.type != "cpu":
            strip_bytes *= 64  # A GPU wants large launches.
        rows = max(_MIN_STRIP_ROWS, strip_bytes // (width * stream.shape[1] * self.dtype.itemsize))
        count = max(1, round(height / rows))
        edges = [height * number // count for number in range(count + 1)]
        return list(pairwise(edges))
