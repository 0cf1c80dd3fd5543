"""The compiled loop of Snapdragon Game Super Resolution 1 over bands of rows, in float32, on values of 0..1.

The kernel releases the interpreter lock, so that bands run in plain threads. What it computes is described in
:mod:`.gsr1`.
"""

from typing import Any

import numpy as np

from synthcomp_core.runtime import compiled

_ZERO, _ONE, _255 = np.float32(0), np.float32(1), np.float32(255)
_FOUR, _QUARTER, _HALF = np.float32(4), np.float32(0.25), np.float32(0.5)
_EDGE = np.float32(8.0 / 255.0)  # Summed differences below which the bilinear value stays.
_SHARPNESS = np.float32(2.0)
_MOST = np.float32(23.0 / 255.0)  # By which a value may change.
_SPREAD = np.float32(10.14185)
_ROUND, _CONTRAST = np.float32(0.55), np.float32(0.7)
_TINY = np.float32(3.07574e-05)
# The twelve pixels of a 4x4 block without its corners, as (row, column) from the pixel before the position.
_ROWS = (-1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2)
_COLUMNS = (0, 1, -1, 0, 1, 2, -1, 0, 1, 2, 0, 1)


@compiled()
def _clipped(value: Any, low: Any, high: Any) -> Any:
    return low if value < low else (high if value > high else value)


@compiled()
def _pixel(image: Any, y: int, x: int, channel: int) -> Any:
    """The value of the pixel, or of the nearest one of the image."""
    row = min(max(y, 0), image.shape[0] - 1)
    column = min(max(x, 0), image.shape[1] - 1)
    return np.float32(image[row, column, channel]) / _255


@compiled()
def _bilinear(image: Any, y: int, x: int, fy: Any, fx: Any, channel: int) -> Any:
    above = _pixel(image, y, x, channel) * (_ONE - fx) + _pixel(image, y, x + 1, channel) * fx
    below = _pixel(image, y + 1, x, channel) * (_ONE - fx) + _pixel(image, y + 1, x + 1, channel) * fx
    return above * (_ONE - fy) + below * fy


@compiled()
def _window(distance2: Any) -> Any:
    """A window like Lanczos's of two lobes, 64 at the centre, of the squared distance."""
    rest = distance2 - _FOUR
    return (distance2 - _ONE) * rest * (rest * rest)


@compiled()
def _change(image: Any, y: int, x: int, fy: Any, fx: Any, green: Any, directed: bool) -> Any:
    """What is added to the bilinear value ``green`` at a position: edges are sharpened, within bounds."""
    mean = _ZERO
    for row in range(2):
        for column in range(2):
            mean += _pixel(image, y + row, x + column, 1) * _QUARTER
    spread, lowest, highest = _ZERO, _ONE, -_ONE
    for k in range(12):
        value = _pixel(image, y + _ROWS[k], x + _COLUMNS[k], 1) - mean
        spread += abs(value)
        if 0 <= _ROWS[k] <= 1 and 0 <= _COLUMNS[k] <= 1:
            lowest, highest = min(lowest, value), max(highest, value)
    flatness = (_SPREAD / spread) * (_SPREAD / spread)
    falling = _pixel(image, y + 1, x + 1, 1) - _pixel(image, y, x, 1)
    rising = _pixel(image, y, x + 1, 1) - _pixel(image, y + 1, x, 1)
    right, down = falling + rising, falling - rising
    length = np.float32(np.sqrt(right * right + down * down + _TINY))
    weights, total = _ZERO, _ZERO
    for k in range(12):
        value = _pixel(image, y + _ROWS[k], x + _COLUMNS[k], 1) - mean
        dy, dx = fy - np.float32(_ROWS[k]), fx - np.float32(_COLUMNS[k])
        distance2 = dx * dx + dy * dy
        if directed:
            along = (dx * down + dy * right) / length
            distance2 += along * along * (_clipped(value * value * flatness, _ZERO, _ONE) * _CONTRAST - _ONE)
        else:
            distance2 = distance2 * _ROUND + _clipped(abs(value) * flatness, _ZERO, _ONE)
        weight = _window(distance2)
        weights += weight
        total += weight * value
    sharpened = _clipped(_SHARPNESS * (total / weights), lowest, highest)
    return _clipped(sharpened - (green - mean), -_MOST, _MOST)


@compiled()
def gsr1_rows(
    image: Any, rows: Any, row_offsets: Any, columns: Any, offsets: Any, directed: bool, start: int, out: Any
) -> None:
    """The output rows start, start + 1, ... that fill ``out``, (rows, width, 3) uint8, of an (H, W, 3) uint8 image.

    rows, columns: the input pixel before each output row and column, from -1. row_offsets, offsets: how far past it
    they are. directed: whether the direction of edges counts.
    """
    for j in range(out.shape[0]):
        y, fy = rows[start + j], row_offsets[start + j]
        for i in range(out.shape[1]):
            x, fx = columns[i], offsets[i]
            green = _bilinear(image, y, x, fy, fx, 1)
            first, second = _pixel(image, y, x, 1), _pixel(image, y + 1, x, 1)
            vote = abs(first - second) + abs(green - second) + abs(green - first)
            change = _change(image, y, x, fy, fx, green, directed) if vote > _EDGE else _ZERO
            for c in range(3):
                value = green if c == 1 else _bilinear(image, y, x, fy, fx, c)
                out[j, i, c] = np.uint8(_clipped(value + change, _ZERO, _ONE) * _255 + _HALF)
