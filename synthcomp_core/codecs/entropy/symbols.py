"""Integer symbols to range-coded words and back, through constriction, in a few large calls.

All models are integer tables that sum to 2^24 (see scale_tables.py), so the code is the same on every machine.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from synthcomp_core.codecs.entropy.scale_tables import ESCAPE_BITS, ESCAPE_OFFSET, PRECISION_BITS, scale_tables
from synthcomp_core.errors import BitstreamError

_TABLE = constriction.stream.model.Categorical(perfect=False)
_EQUALLY_LIKELY = constriction.stream.model.Uniform()
Symbols = NDArray[np.int32]
_SPARE_BITS = 128.0  # The decoder holds 64 bits, which may be the information of many likely symbols; twice that.


class SymbolEncoder:
    """Collects symbols and returns their code."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()
        self._tables = scale_tables()

    def code_levels(self, levels: NDArray[np.uint8], symbols: Symbols) -> Symbols:
        """Append symbols (n,), each under the Gaussian of its level; the symbols themselves."""
        tables = self._tables
        order, levels, edges = _by_width(levels)
        ordered = symbols[order]
        half_widths = tables.half_widths[levels]
        wide = edges[-1]  # From here on a bin holds several symbols.
        indices = ordered + half_widths
        if wide < len(levels):
            shifts = tables.shifts[levels[wide:]]
            offsets = ordered[wide:] + ((1 << shifts) >> 1)
            indices[wide:] = (offsets >> shifts) + half_widths[wide:]
        # One comparison for both ends: a negative index is a large unsigned one.
        outside = indices.view(np.uint32) > (2 * half_widths).view(np.uint32)
        any_outside = bool(outside.any())
        if any_outside:
            indices[outside] = 2 * half_widths[outside] + 1
        for width, counts in enumerate(tables.counts):
            first, last = edges[width], edges[width + 1]
            if first < last:
                rows = counts[levels[first:last] - tables.first_levels[width]]
                self._coder.encode(indices[first:last], _TABLE, rows)
        if wide < len(levels):
            inside = ~outside[wide:]
            sizes = 1 << shifts[inside]
            self._coder.encode(offsets[inside] & (sizes - 1), _EQUALLY_LIKELY, sizes)
        if any_outside:
            self._encode_escapes(ordered[outside])
        return symbols

    def code_table(self, counts: NDArray[np.int32], offset: int, symbols: Symbols) -> Symbols:
        """Append symbols (n,), all under one table: symbol ``offset + i`` has ``counts[i]``, the last is the escape."""
        indices = symbols - offset
        outside = (indices < 0) | (indices >= len(counts) - 1)
        indices = np.where(outside, len(counts) - 1, indices).astype(np.int32)
        self._coder.encode(indices, _concrete(counts))
        if outside.any():
            self._encode_escapes(symbols[outside])
        return symbols

    def words(self) -> bytes:
        """The code: whole 32-bit words, little-endian."""
        return bytes(self._coder.get_compressed().astype("<u4").tobytes())

    def _encode_escapes(self, symbols: Symbols) -> None:
        sizes = np.full(len(symbols), 1 << ESCAPE_BITS, np.int32)
        self._coder.encode((symbols + ESCAPE_OFFSET).astype(np.int32), _EQUALLY_LIKELY, sizes)


class SymbolDecoder:
    """Gives the symbols that a SymbolEncoder was given, asked with the same levels and tables in the same order."""

    def __init__(self, words: bytes) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))
        self._tables = scale_tables()
        self._overdrawn_bits = 0.0

    def code_levels(self, levels: NDArray[np.uint8]) -> Symbols:
        """The next symbols (n,), each under the Gaussian of its level; BitstreamError when the code is invalid.

        Also when it ended long ago: an encoder leaves at most two words to be made up by zeros.
        """
        exhausted = self._coder.maybe_exhausted()
        symbols = self._levels(levels)
        if exhausted:
            self._overdraw(float(code_length_bits(levels, symbols).sum(dtype=np.float64)))
        return symbols

    def _levels(self, levels: NDArray[np.uint8]) -> Symbols:
        tables = self._tables
        order, levels, edges = _by_width(levels)
        half_widths = tables.half_widths[levels]
        wide = edges[-1]
        indices = np.empty(len(levels), np.int32)
        for width, counts in enumerate(tables.counts):
            first, last = edges[width], edges[width + 1]
            if first < last:
                rows = counts[levels[first:last] - tables.first_levels[width]]
                indices[first:last] = self._decode(_TABLE, rows)
        ordered = indices - half_widths
        outside = ordered > half_widths
        if wide < len(levels):
            inside = wide + np.flatnonzero(~outside[wide:])
            sizes = 1 << tables.shifts[levels[inside]]
            ordered[inside] = ordered[inside] * sizes - (sizes >> 1) + self._decode(_EQUALLY_LIKELY, sizes)
        if outside.any():
            ordered[outside] = self._decode_escapes(int(outside.sum()))
        symbols = np.empty_like(ordered)
        symbols[order] = ordered
        return symbols

    def code_table(self, counts: NDArray[np.int32], offset: int, amount: int) -> Symbols:
        """The next ``amount`` symbols, all under one table (see SymbolEncoder)."""
        exhausted = self._coder.maybe_exhausted()
        indices = self._decode(_concrete(counts), amount)
        if exhausted:
            self._overdraw(float((PRECISION_BITS - np.log2(counts + 1.0))[indices].sum()))
        symbols = (indices + offset).astype(np.int32)
        outside = np.flatnonzero(indices == len(counts) - 1)
        if outside.size:
            symbols[outside] = self._decode_escapes(outside.size)
        return symbols

    def _overdraw(self, bits: float) -> None:
        """Note the code length of symbols that were decoded after the end of the words."""
        self._overdrawn_bits += bits
        if self._overdrawn_bits > _SPARE_BITS:
            raise BitstreamError(
                "This .scb is malformed: its entropy-coded data end before the image does; encode the image anew."
            )

    def _decode_escapes(self, amount: int) -> Symbols:
        sizes = np.full(amount, 1 << ESCAPE_BITS, np.int32)
        return self._decode(_EQUALLY_LIKELY, sizes) - np.int32(ESCAPE_OFFSET)

    def _decode(self, model: Any, parameters: Any) -> Symbols:
        try:
            symbols: Symbols = self._coder.decode(model, parameters)
        except AssertionError as error:  # How constriction reports words that no encoder can have written.
            raise BitstreamError(
                "This .scb is malformed: its entropy-coded data is invalid; encode the image anew."
            ) from error
        return symbols


def code_length_bits(levels: NDArray[np.uint8], symbols: Symbols) -> NDArray[np.float32]:
    """Ideal code length in bits of each symbol under the integer table of its level; any shape."""
    tables = scale_tables()
    half_widths = tables.half_widths[levels]
    shifts = tables.shifts[levels]
    bins = (symbols + ((1 << shifts) >> 1)) >> shifts
    bins = np.where(np.abs(bins) > half_widths, half_widths + 1, bins)
    bits: NDArray[np.float32] = tables.bits[tables.starts[levels] + bins]
    return bits


def _by_width(levels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.uint8], list[int]]:
    """The order that sorts symbols by level, the sorted levels, and where in them each table width begins, and the
    levels of several symbols a bin."""
    order = np.argsort(levels, kind="stable")
    ordered = levels[order]
    return order, ordered, ordered.searchsorted(scale_tables().boundaries).tolist()


def _concrete(counts: NDArray[np.int32]) -> Any:
    return constriction.stream.model.Categorical(counts.astype(np.float32), perfect=False)
