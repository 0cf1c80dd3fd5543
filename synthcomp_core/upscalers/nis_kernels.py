"""The compiled loops of NVIDIA Image Scaling: luma, edge weights, and the output rows, in float32.

Luma runs 0..1. Planes are padded by MARGIN pixels that repeat the edge, the edge weights by one. Kernels release the
interpreter lock, so that bands run in plain threads. What they compute is described in :mod:`.nis`.
"""

from typing import Any

import numpy as np

from synthcomp_core.runtime import compiled

TAPS, PHASES = 6, 64
MARGIN = 3  # From 2 before the pixel at -1 to 3 after the pixel at size - 1.

_ZERO, _HALF, _ONE, _255 = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
_RED, _GREEN, _BLUE = np.float32(0.2126), np.float32(0.7152), np.float32(0.0722)
_DOMINANCE = np.float32(2.0 * 1127.0 / 1024.0)  # By which an edge must exceed the one across it.
_EDGE = np.float32(64.0 / 1024.0)  # The weakest difference of three pixels' luma that is an edge.
_EVEN, _UNEVEN = np.float32(2), np.float32(10)  # Contrasts beside a pixel: sharpened fully up to one, not at the other.
_NOT_ZERO = np.float32(1.0 / 255.0)
_DARK, _BRIGHT = np.float32(0.45), np.float32(0.9)  # Luma between which the sharpening falls.


@compiled()
def _clipped(value: Any, low: Any, high: Any) -> Any:
    return low if value < low else (high if value > high else value)


@compiled()
def luma_rows(image: Any, luma: Any, start: int, stop: int) -> None:
    """Rows start..stop of the padded BT.709 luma, 0..1, of an (H, W, 3) uint8 image."""
    height, width = image.shape[0], image.shape[1]
    for y in range(start, stop):
        row = min(max(y - MARGIN, 0), height - 1)
        for x in range(luma.shape[1]):
            column = min(max(x - MARGIN, 0), width - 1)
            red, green, blue = image[row, column, 0], image[row, column, 1], image[row, column, 2]
            luma[y, x] = (_RED * np.float32(red) + _GREEN * np.float32(green) + _BLUE * np.float32(blue)) / _255


@compiled()
def edge_rows(luma: Any, weights: Any, start: int, stop: int) -> None:
    """Rows start..stop of the edge weights (H + 2, W + 2, 4): how far each pixel lies on an edge of each direction.

    The directions are those across which the luma changes: down, right, and down along either diagonal.
    """
    for y in range(start, stop):
        for x in range(weights.shape[1]):
            top, left = y + MARGIN - 2, x + MARGIN - 2  # Of the 3x3 pixels around it.
            a, b, c = luma[top, left], luma[top, left + 1], luma[top, left + 2]
            d, f = luma[top + 1, left], luma[top + 1, left + 2]
            g, h, i = luma[top + 2, left], luma[top + 2, left + 1], luma[top + 2, left + 2]
            down, right = abs(a + b + c - g - h - i), abs(a + d + g - c - f - i)
            falling, rising = abs(d + a + b - h - i - f), abs(d + g + h - b - c - f)
            straight, across = max(down, right), min(down, right)
            diagonal, beside = max(falling, rising), min(falling, rising)
            for k in range(4):
                weights[y, x, k] = _ZERO
            if straight + diagonal == _ZERO:
                continue
            is_straight = straight > across * _DOMINANCE and straight > _EDGE and straight > beside
            is_diagonal = diagonal > beside * _DOMINANCE and diagonal > _EDGE and diagonal > across
            share = straight / (straight + diagonal)
            if is_straight:
                weights[y, x, 0 if straight == down else 1] = share if is_diagonal else _ONE
            if is_diagonal:
                weights[y, x, 2 if diagonal == falling else 3] = _ONE - share if is_straight else _ONE


@compiled()
def _evenness(line: Any, phase: int) -> Any:
    """1 where the contrasts before and after the position are alike, 0 where one is ten times the other."""
    nearest = phase <= PHASES // 2
    outer, inner = line[0 if nearest else 3], line[2 if nearest else 5]
    before = max(max(line[1], line[2]), outer) - min(min(line[1], line[2]), outer)
    after = max(max(line[3], line[4]), inner) - min(min(line[3], line[4]), inner)
    ratio = max(before, after) / (min(before, after) + _NOT_ZERO)
    return _ONE - _clipped((ratio - _EVEN) / (_UNEVEN - _EVEN), _ZERO, _ONE)


@compiled()
def _sharpened(line: Any, phase: int, smooth: Any, sharp: Any, strength: Any) -> Any:
    """The luma at a phase between the third and the fourth of six pixels, interpolated and sharpened.

    strength: of the sharpening in bright and how much more in dark luma, then its limit likewise.
    """
    value, detail = _ZERO, _ZERO
    for k in range(TAPS):
        value += smooth[phase, k] * line[k]
        detail += sharp[phase, k] * line[k]
    darkness = _ONE - _clipped((value - _DARK) / (_BRIGHT - _DARK), _ZERO, _ONE)
    limit = (darkness * strength[3] + strength[2]) * value
    detail = _clipped(detail * (darkness * strength[1] + strength[0]), -limit, limit)
    return value + detail * _evenness(line, phase)


@compiled()
def _between(luma: Any, y: int, x: int, other_y: int, other_x: int, share: Any) -> Any:
    return luma[y, x] + (luma[other_y, other_x] - luma[y, x]) * share


@compiled()
def _falling_line(luma: Any, y: int, x: int, across: Any, first: int, line: Any) -> None:
    """Six points on the diagonal down to the right that passes beside pixel (y, x) at ``across``, in -1..1.

    first: the sum of row and column, from pixel (y, x), of the first point.
    """
    for k in range(TAPS):
        total = first + k
        half = total // 2  # Rounds down for negative sums too.
        if total % 2:
            line[k] = _between(luma, y + half + 1, x + half, y + half, x + half + 1, _HALF + _HALF * across)
        elif across >= _ZERO:
            line[k] = _between(luma, y + half, x + half, y + half - 1, x + half + 1, _HALF * across)
        else:
            line[k] = _between(luma, y + half, x + half, y + half + 1, x + half - 1, -_HALF * across)


@compiled()
def _rising_line(luma: Any, y: int, x: int, across: Any, first: int, line: Any) -> None:
    """Six points on the diagonal up to the right that passes beside the pixels around (y + 0.5, x + 0.5).

    across: the sum of the position's offsets from (y, x) less 1, in -1..1. first: column less row of the first point.
    """
    for k in range(TAPS):
        difference = first + k
        half = difference // 2
        if difference % 2:
            row, column = y - half, x + half + 1  # Their sum is 1.
            if across >= _ZERO:
                line[k] = _between(luma, row, column, row + 1, column + 1, _HALF * across)
            else:
                line[k] = _between(luma, row, column, row - 1, column - 1, -_HALF * across)
        else:
            line[k] = _between(luma, y - half, x + half, y - half + 1, x + half + 1, _HALF + _HALF * across)


@compiled()
def nis_rows(
    image: Any, luma: Any, weights: Any, rows: Any, row_offsets: Any, columns: Any, offsets: Any, smooth: Any,
    sharp: Any, strength: Any, start: int, out: Any,
) -> None:  # fmt: skip
    """The output rows start, start + 1, ... that fill ``out``, (rows, width, 3) uint8.

    rows, columns: the input pixel before each output row and column, from -1. row_offsets, offsets: how far past it
    they are. smooth, sharp: (PHASES, TAPS) filters.
    """
    height, width = image.shape[0], image.shape[1]
    filtered = np.empty(luma.shape[1], np.float32)
    line = np.empty(TAPS, np.float32)
    weight = np.empty(4, np.float32)
    for j in range(out.shape[0]):
        y, fy = rows[start + j], row_offsets[start + j]
        py, phase_y = y + MARGIN, int(fy * PHASES)
        for x in range(luma.shape[1]):
            total = _ZERO
            for k in range(TAPS):
                total += smooth[phase_y, k] * luma[py - 2 + k, x]
            filtered[x] = total
        top, bottom = min(max(y, 0), height - 1), min(max(y + 1, 0), height - 1)
        for i in range(out.shape[1]):
            x, fx = columns[i], offsets[i]
            px, phase_x = x + MARGIN, int(fx * PHASES)
            rest = _ONE
            for k in range(4):
                upper = weights[y + 1, x + 1, k] + (weights[y + 1, x + 2, k] - weights[y + 1, x + 1, k]) * fx
                lower = weights[y + 2, x + 1, k] + (weights[y + 2, x + 2, k] - weights[y + 2, x + 1, k]) * fx
                weight[k] = upper + (lower - upper) * fy
                rest -= weight[k]
            value = _ZERO
            for k in range(TAPS):
                value += smooth[phase_x, k] * filtered[px - 2 + k]
            value *= rest
            if weight[0] > _ZERO:
                for k in range(TAPS):
                    line[k] = _between(luma, py - 2 + k, px, py - 2 + k, px + 1, fx)
                value += weight[0] * _sharpened(line, phase_y, smooth, sharp, strength)
            if weight[1] > _ZERO:
                for k in range(TAPS):
                    line[k] = _between(luma, py, px - 2 + k, py + 1, px - 2 + k, fy)
                value += weight[1] * _sharpened(line, phase_x, smooth, sharp, strength)
            if weight[2] > _ZERO:
                along = fx + fy
                past = 1 if along >= _ONE else 0
                _falling_line(luma, py, px, fx - fy, past - 2, line)
                value += weight[2] * _sharpened(line, int((along - past) * PHASES), smooth, sharp, strength)
            if weight[3] > _ZERO:
                along = fx - fy
                past = 0 if along >= _ZERO else 1
                _rising_line(luma, py, px, fx + fy - _ONE, -2 - past, line)
                phase = min(int((along + past) * PHASES), PHASES - 1)
                value += weight[3] * _sharpened(line, phase, smooth, sharp, strength)
            left, right = min(max(x, 0), width - 1), min(max(x + 1, 0), width - 1)
            # The colour is the bilinear one, with the luma exchanged.
            change = value - (
                _between(luma, py, px, py, px + 1, fx) * (_ONE - fy)
                + _between(luma, py + 1, px, py + 1, px + 1, fx) * fy
            )
            for c in range(3):
                above = np.float32(image[top, left, c]) * (_ONE - fx) + np.float32(image[top, right, c]) * fx
                below = np.float32(image[bottom, left, c]) * (_ONE - fx) + np.float32(image[bottom, right, c]) * fx
                colour = (above * (_ONE - fy) + below * fy) / _255 + change
                out[j, i, c] = np.uint8(_clipped(colour, _ZERO, _ONE) * _255 + _HALF)
