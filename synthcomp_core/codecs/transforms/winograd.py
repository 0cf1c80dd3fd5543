"""g_a and g_s of bmshj2018 and mbt2018 on a CPU in float32, by the kernels of winograd_kernels.py."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.codecs import phases
from synthcomp_core.codecs.tile_kernel import FLOAT_WIDTH, ROWS, panels
from synthcomp_core.codecs.transforms import winograd_kernels as kernels
from synthcomp_core.codecs.transforms.winograd_kernels import (
    ANALYSIS_GAP,
    FILTER,
    PHASES,
    POINTS,
    SYNTHESIS_GAP,
    TILE,
)

Array = NDArray[np.float32]
Layer = Callable[[Tensor], Tensor]
_TILES = 64  # a pass: their transforms, of 5 MB at 192 channels, stay in the last cache
_NONE = np.zeros(0, np.float32)


def fits(tensors: dict[str, Tensor]) -> bool:
    """Whether the channels are such that the kernels can take them: whole vectors in, whole panels out."""
    N, M = tensors["g_s.0.weight"].shape[1], tensors["g_s.0.weight"].shape[0]
    return N % FLOAT_WIDTH == 0 and M % kernels.LANES == 0


class Gdn:
    """beta and gamma of a GDN as the kernels take them; of none where they are not given."""

    def __init__(self, beta: Tensor | None = None, gamma: Tensor | None = None) -> None:
        self.beta = _NONE if beta is None else beta.numpy()
        self.gamma = np.zeros((0, 0, FLOAT_WIDTH), np.float32) if gamma is None else panels(
            gamma.t().numpy(), FLOAT_WIDTH
        )  # fmt: skip


def convolution(weight: Tensor, bias: Tensor, gdn: Gdn) -> Layer:
    """5x5 convolution of stride 2, ``weight`` (N, C, 5, 5), and GDN."""
    # Output i takes input 2 i + u through tap u + 2: phase 0 the taps 0, 2, 4 at i - 1, i, i + 1, phase 1 the taps 1, 3
    # at i - 1, i.
    kernel = weight.double().numpy()
    taps = [_padded(kernel[:, :, row::2, column::2], False) for row, column in PHASES]
    spectra = np.stack([_spectrum(part) for part in taps], axis=2)  # (points, points, phase, N, C)
    weights, starts, spans = _packed(spectra.transpose(0, 1, 2, 4, 3), ANALYSIS_GAP, wide_input=True)
    outputs, wide = weight.shape[0], -(-weight.shape[0] // FLOAT_WIDTH) * FLOAT_WIDTH
    offset = bias.numpy()

    def layer(x: Tensor) -> Tensor:
        source = _pixels(x)
        y = np.empty((-(-source.shape[0] // 2), -(-source.shape[1] // 2), outputs), np.float32)

        tiles = -(-y.shape[0] // TILE) * -(-y.shape[1] // TILE)

        def worker() -> Callable[[int, int], None]:
            v = np.zeros((POINTS**2, _whole(min(tiles, _TILES)), 4 * source.shape[2]), np.float32)
            products = np.empty((POINTS**2, v.shape[1], wide), np.float32)
            return lambda first, last: kernels.analyse_tiles(
                source, y, weights, starts, spans, offset, gdn.beta, gdn.gamma, first, last, v, products
            )

        _in_parallel(tiles, _TILES, worker)
        return _picture(y)

    return layer


def deconvolution(weight: Tensor, bias: Tensor, gdn: Gdn) -> Layer:
    """Transposed 5x5 convolution of stride 2, ``weight`` (C, N, 5, 5), and inverse GDN."""
    kernel = weight.double().numpy()
    taps = [_padded(kernel[:, :, phases.taps(row)][..., phases.taps(column)], True) for row, column in PHASES]
    spectra = np.stack([_spectrum(part) for part in taps], axis=2)  # (points, points, phase, C, N)
    weights, starts, spans = _packed(spectra, SYNTHESIS_GAP, wide_input=False)
    outputs = weight.shape[1]
    offset = bias.numpy()

    def layer(x: Tensor) -> Tensor:
        source = _pixels(x)
        y = np.empty((2 * source.shape[0], 2 * source.shape[1], outputs), np.float32)

        tiles = -(-source.shape[0] // TILE) * -(-source.shape[1] // TILE)

        def worker() -> Callable[[int, int], None]:
            v = np.zeros((POINTS**2, _whole(min(tiles, _TILES)), source.shape[2]), np.float32)
            products = np.empty((POINTS**2, v.shape[1], 4 * outputs), np.float32)
            return lambda first, last: kernels.synthesise_tiles(
                source, y, weights, starts, spans, offset, gdn.beta, gdn.gamma, first, last, v, products
            )

        _in_parallel(tiles, _TILES, worker)
        return _picture(y)

    return layer


def from_pixels(weight: Tensor, bias: Tensor, gdn: Gdn) -> Layer:
    """The first layer: 5x5 convolution of stride 2 of 8-bit levels, ``weight`` (N, 3, 5, 5), and GDN."""
    packed = panels(weight.permute(2, 3, 1, 0).reshape(75, -1).numpy() / 255, FLOAT_WIDTH)
    outputs, offset = weight.shape[0], bias.numpy()

    def layer(x: Tensor) -> Tensor:
        source = _pixels(x)
        y = np.empty((-(-source.shape[0] // 2), -(-source.shape[1] // 2), outputs), np.float32)
        _in_parallel(
            y.shape[0],
            TILE,
            lambda: (
                lambda first, last: kernels.analyse_pixels(source, y, packed, offset, gdn.beta, gdn.gamma, first, last)
            ),
        )
        return _picture(y)

    return layer


def to_pixels(weight: Tensor, bias: Tensor) -> Layer:
    """The last layer: ``weight`` (12, C, 3, 3) in front of a pixel shuffle, giving 8-bit levels, not yet rounded."""
    rows = weight.permute(2, 3, 1, 0).reshape(3, -1, 12).numpy() * 255
    packed = np.stack([panels(row, FLOAT_WIDTH) for row in rows])
    offset = bias.numpy() * np.float32(255)

    def layer(x: Tensor) -> Tensor:
        source = _pixels(x)
        y = np.empty((2 * source.shape[0], 2 * source.shape[1], 3), np.float32)
        _in_parallel(
            source.shape[0],
            TILE,
            lambda: lambda first, last: kernels.synthesise_pixels(source, y, packed, offset, first, last),
        )
        return _picture(y)

    return layer


def _padded(taps: NDArray[np.float64], in_front: bool) -> NDArray[np.float64]:
    """Taps (.., .., 3 or 2, 3 or 2) as 3x3, a zero before or behind where there are two."""
    missing = [(0, 0), (0, 0)]
    for side in taps.shape[2:]:
        missing.append((3 - side, 0) if in_front else (0, 3 - side))
    return np.pad(taps, missing)


def _spectrum(taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Taps (A, B, 3, 3) at the 6x6 points: (6, 6, A, B)."""
    outputs, inputs = taps.shape[:2]
    both_axes = np.kron(FILTER, FILTER)
    spectrum: NDArray[np.float64] = both_axes @ taps.reshape(outputs * inputs, 9).T
    return spectrum.reshape(6, 6, outputs, inputs)


def _packed(
    spectra: NDArray[np.float64], gap: int, *, wide_input: bool
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Panels of all points in one array, where each point's begin, and its first phase and number of phases.

    spectra: (6, 6, phases, inputs, outputs). A phase of odd row parity vanishes at row ``gap``, columns likewise.
    """
    pieces, starts, spans = [], [], []
    position = 0
    for row in range(POINTS):
        for column in range(POINTS):
            kept = [
                index
                for index, (p, q) in enumerate(PHASES)
                if not (p and row == gap) and not (q and column == gap)
            ]  # fmt: skip
            matrix = np.concatenate(list(spectra[row, column, kept]), axis=0 if wide_input else 1)
            piece = panels(matrix, FLOAT_WIDTH).reshape(-1)
            pieces.append(piece)
            starts.append(position)
            spans.append((kept[0], len(kept)))
            position += len(piece)
    return np.concatenate(pieces), np.array(starts), np.array(spans)


def _in_parallel(total: int, share: int, worker: Callable[[], Callable[[int, int], None]]) -> None:
    """``worker()(first, last)`` for all shares of ``total``, one ``worker()``, with its scratch memory, a thread.

    Plain threads, as the kernels release the interpreter lock.
    """
    parts: SimpleQueue[tuple[int, int]] = SimpleQueue()
    for first in range(0, total, share):
        parts.put((first, min(first + share, total)))

    def run() -> None:
        work = worker()
        while True:
            try:
                part = parts.get_nowait()
            except Empty:
                return
            work(*part)

    threads = min(torch.get_num_threads(), parts.qsize())
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for running in [pool.submit(run) for _ in range(threads)]:
            running.result()


def _whole(tiles: int) -> int:
    return -(-tiles // ROWS) * ROWS


def _pixels(x: Tensor) -> Array:
    """(1, C, H, W) to (H, W, C): no copy where the memory is channels last."""
    array: Array = x[0].permute(1, 2, 0).contiguous().numpy()
    return array


def _picture(y: Array) -> Tensor:
    return torch.from_numpy(y).permute(2, 0, 1)[None]
