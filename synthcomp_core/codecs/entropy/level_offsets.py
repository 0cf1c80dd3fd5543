"""A correction of the predicted scales, chosen by the encoder for each image and sent in 8 bytes.

A network that was trained for a while on other images predicts scales that are off by a common factor for small scales
and by another for large ones. The 256 levels are taken in 16 bands of 16; each band is moved by -4 to 11 levels (3.1 %
of scale each), whichever codes this image shortest. On game frames through the first trained snapshot that saves 0.8
to 9 % of the bytes, and nothing has to be sent or trained but the 16 numbers.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.codecs.entropy.scale_tables import LEVELS
from synthcomp_core.codecs.entropy.symbols import Symbols, code_length_bits

BANDS = 16
LOWEST_OFFSET, HIGHEST_OFFSET = -4, 11  # 16 values: 4 bits
NUM_BYTES = BANDS // 2
NO_LEVEL_OFFSETS = bytes([-LOWEST_OFFSET << 4 | -LOWEST_OFFSET] * NUM_BYTES)
_MAGNITUDES = 64  # Larger symbols count as this one when offsets are chosen, not when they are coded.


def level_map(level_offsets: bytes) -> NDArray[np.uint8]:
    """Where each level (256,) goes: the offsets (8 bytes, two bands a byte, the first in the high bits) applied."""
    packed = np.frombuffer(level_offsets, np.uint8)
    offsets = np.stack((packed >> 4, packed & 15), axis=1).ravel().astype(np.int64) + LOWEST_OFFSET
    levels = np.arange(LEVELS) + np.repeat(offsets, LEVELS // BANDS)
    mapped: NDArray[np.uint8] = levels.clip(0, LEVELS - 1).astype(np.uint8)
    return mapped


def best_level_offsets(levels: NDArray[np.uint8], symbols: Symbols) -> bytes:
    """The offsets (8 bytes) under which these symbols, each with its level, have the shortest code."""
    pairs = np.minimum(np.abs(symbols), _MAGNITUDES - 1)
    pairs += levels.astype(np.int32) * _MAGNITUDES
    histogram = np.bincount(pairs.ravel(), minlength=LEVELS * _MAGNITUDES).reshape(LEVELS, _MAGNITUDES)
    by_level = np.einsum("olm,lm->ol", _code_lengths(), histogram)
    by_band = by_level.reshape(-1, BANDS, LEVELS // BANDS).sum(axis=2)
    # An unused band costs nothing wherever it goes: it stays where it is.
    by_band[-LOWEST_OFFSET] -= 1e-3
    best = by_band.argmin(axis=0)
    return bytes((best[0::2] << 4 | best[1::2]).astype(np.uint8))


@functools.cache
def _code_lengths() -> NDArray[np.float64]:
    """Bits (offsets, levels, magnitudes) of a symbol of this magnitude at a level moved by this offset."""
    levels = np.repeat(np.arange(LEVELS, dtype=np.uint8)[:, None], _MAGNITUDES, axis=1)
    magnitudes = np.repeat(np.arange(_MAGNITUDES, dtype=np.int32)[None, :], LEVELS, axis=0)
    bits = code_length_bits(levels, magnitudes).astype(np.float64)
    offsets = range(LOWEST_OFFSET, HIGHEST_OFFSET + 1)
    return np.stack([bits[(np.arange(LEVELS) + offset).clip(0, LEVELS - 1)] for offset in offsets])
