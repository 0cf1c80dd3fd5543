"""The Gaussian models of the latents as integer tables: fixed for the project, identical on every machine.

A predicted scale becomes one of ``LEVELS`` log-spaced scales. For each level the zero-mean Gaussian, integrated over
[q - 1/2, q + 1/2] (Balle 2018, equation 6), is a table of integer counts that sum to 2^24 with every count at least 1.

The tables are computed, not stored. Only IEEE additions, multiplications, divisions, square roots and roundings of
float64 take part, each in a separate numpy operation; these are correctly rounded on every machine, unlike ``erf``
and ``exp`` of a maths library. ``TABLES_SHA256`` says what must come out.
"""

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import SynthcompError

UNIT_BITS = 16  # Latents, means and scales are integers in units of 2^-16.
UNIT = 1 << UNIT_BITS
SCALE_BITS = 12  # Scales are compared with thresholds in steps of 2^-12.
SCALE_STEP = 1 << (UNIT_BITS - SCALE_BITS)  # in units
PRECISION_BITS = 24  # of constriction's models: the counts of a table sum to 2^24.

LEVELS = 256
SCALE_MIN = 0.11  # CompressAI's lower bound of scales.
_LEVEL_RATIO = 1.0308686269239273  # (256 / 0.11)^(1 / 255): neighbouring levels cost under 0.0004 bit a symbol.

ESCAPE_BITS = 15  # A symbol outside its table is coded as it is, plus ESCAPE_OFFSET, in 15 equally likely values.
ESCAPE_OFFSET = 1 << (ESCAPE_BITS - 1)
SYMBOL_LIMIT = ESCAPE_OFFSET - 1

# Tables come in few widths, so that the symbols of many levels are coded in one call. From -K to K bins, and escape.
HALF_WIDTHS = (4, 16, 40, 104)
_TAIL_SIGMAS = 6.3  # 2 Q(6.3) < 2^-31: beyond it nothing is left of 2^24 counts.
_WIDE_SCALE = 16.0  # Above it a bin holds 2^b symbols, distinguished by b equally likely bits (cost under 0.001 bit).

TABLES_SHA256 = "d8270f541cfbcbbef4d79c2c205020b498e3a813ad2f2970aa589fc7c8f8926d"


@dataclass(frozen=True)
class ScaleTables:
    """The integer models of all levels.

    thresholds: (LEVELS - 1,) ascending integers; level = how many of them are <= the scale in steps of 2^-12.
    level_of: (n,) uint8, the level of every scale from 0 to n - 1 steps (beyond: the last).
    shifts: (LEVELS,) b, a bin holds 2^b symbols. widths: (LEVELS,) index into HALF_WIDTHS, non-decreasing.
    first_levels: (len(HALF_WIDTHS) + 1,) the first level of every width, then LEVELS.
    half_widths: (LEVELS,) int32 K of each level. boundaries: first_levels, then the first level with a shift.
    counts: one float32 array (levels of this width, 2 K + 2) per width. float32 holds them exactly; constriction
    rescales to (2^24 - n) / sum, which is 1 because they sum to 2^24 - n, and adds 1 to each: no rounding anywhere.
    bits: (sum of all table lengths,) float32, ideal code length of each bin (of one of its symbols, extra bits
    included); starts: (LEVELS,) where a level's bin 0 lies in it.
    """

    thresholds: NDArray[np.int64]
    level_of: NDArray[np.uint8]
    shifts: NDArray[np.int32]
    widths: NDArray[np.int64]
    half_widths: NDArray[np.int32]
    boundaries: NDArray[np.int16]
    first_levels: NDArray[np.int64]
    counts: tuple[NDArray[np.float32], ...]
    bits: NDArray[np.float32]
    starts: NDArray[np.int64]


@functools.cache
def scale_tables() -> ScaleTables:
    """The tables, computed once per process; SynthcompError when this machine's arithmetic yields other ones."""
    scales = _level_scales()
    thresholds = np.rint(np.sqrt(scales[:-1] * scales[1:]) * 2.0**SCALE_BITS).astype(np.int64)
    shifts = np.zeros(LEVELS, np.int64)
    for exponent in range(1, 5):
        shifts[scales > _WIDE_SCALE * 2 ** (exponent - 1)] = exponent
    needed = _TAIL_SIGMAS * scales / 2.0**shifts + 0.5
    widths = np.searchsorted(np.array(HALF_WIDTHS, float), needed)
    widths = np.maximum.accumulate(np.where(shifts > 0, len(HALF_WIDTHS) - 1, widths))
    first_levels = np.searchsorted(widths, np.arange(len(HALF_WIDTHS) + 1))
    counts = tuple(
        _gaussian_counts(scales[widths == index], shifts[widths == index], half_width)
        for index, half_width in enumerate(HALF_WIDTHS)
    )
    digest = hashlib.sha256(thresholds.astype("<i8").tobytes())
    for table in counts:
        digest.update(table.astype("<i4").tobytes())
    if digest.hexdigest() != TABLES_SHA256:
        raise SynthcompError(
            f"This machine computes other coding tables ({digest.hexdigest()[:8]}) than bitstreams are written with, "
            "so learned codecs cannot run here; its floating-point arithmetic does not follow IEEE 754."
        )
    bits, starts = _code_lengths(counts, shifts, widths, first_levels)
    level_of = np.searchsorted(thresholds, np.arange(thresholds[-1] + 1), side="right").astype(np.uint8)
    return ScaleTables(
        thresholds=thresholds,
        level_of=level_of,
        shifts=shifts.astype(np.int32),
        widths=widths,
        half_widths=np.array(HALF_WIDTHS, np.int32)[widths],
        boundaries=np.append(first_levels, (shifts > 0).argmax()).astype(np.int16),
        first_levels=first_levels,
        counts=counts,
        bits=bits,
        starts=starts,
    )


def normalised_counts(masses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts (rows, n + 1) that sum to 2^24 - (n + 1) from masses (rows, n) summing to at most 1, the rest an escape.

    Each row's rounding error goes to its largest count.
    """
    total = (1 << PRECISION_BITS) - (masses.shape[1] + 1)
    counts = np.zeros((masses.shape[0], masses.shape[1] + 1), np.int64)
    counts[:, :-1] = np.rint(masses * float(total))
    counts[:, -1] = np.maximum(total - counts.sum(axis=1), 0)
    rows = np.arange(len(counts))
    counts[rows, counts[:, :-1].argmax(axis=1)] += total - counts.sum(axis=1)
    return counts


def _level_scales() -> NDArray[np.float64]:
    scales = [SCALE_MIN]
    for _ in range(LEVELS - 1):
        scales.append(scales[-1] * _LEVEL_RATIO)
    return np.array(scales)


def _gaussian_counts(scales: NDArray[np.float64], shifts: NDArray[np.int64], half_width: int) -> NDArray[np.float32]:
    """Counts (levels, 2 K + 2) of the bins -K..K and the escape for zero-mean Gaussians of these scales."""
    widths = (2**shifts)[:, None]
    # Bin j holds the symbols from j 2^b - 2^(b-1) on; for b = 0 the symbol j alone.
    lower = np.arange(-half_width, half_width + 2)[None, :] * widths - widths // 2 - 0.5
    cumulative = standard_normal_cdf(lower / scales[:, None])
    return normalised_counts(cumulative[:, 1:] - cumulative[:, :-1]).astype(np.float32)


def standard_normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Phi(x), absolute error about 1e-15, from IEEE basic operations alone.

    Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...) (Marsaglia 2004), phi by squaring exp(-x^2 / 2^13) twelve times.
    """
    x = np.clip(x, -8.0, 8.0)
    square = x * x
    small = square / -8192.0
    exponential = np.ones_like(x)
    for k in range(12, 0, -1):
        exponential = exponential * small / k + 1.0
    for _ in range(12):
        exponential = exponential * exponential
    term = x.copy()
    total = x.copy()
    for k in range(3, 300, 2):
        term = term * square / k
        total = total + term
    return 0.5 + exponential * total * 0.3989422804014327  # 1 / sqrt(2 pi)


def _code_lengths(
    counts: tuple[NDArray[np.float32], ...],
    shifts: NDArray[np.int64],
    widths: NDArray[np.int64],
    first_levels: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Bits of every bin of every level in one array, and where each level's bin 0 lies (its escape ends the table)."""
    pieces: list[NDArray[np.float64]] = []
    starts = np.zeros(LEVELS, np.int64)
    position = 0
    for level in range(LEVELS):
        half_width = HALF_WIDTHS[widths[level]]
        row = counts[widths[level]][level - first_levels[widths[level]]].astype(np.float64)
        bits = PRECISION_BITS - np.log2(row + 1.0)
        bits[:-1] += shifts[level]
        bits[-1] += ESCAPE_BITS
        pieces.append(bits)
        starts[level] = position + half_width
        position += len(bits)
    return np.concatenate(pieces).astype(np.float32), starts
