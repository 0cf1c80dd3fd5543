"""The compiled loops of AMD FSR 1.0: EASU and RCAS over bands of rows, float32, in AMD's order of operations.

The order matters: the bit tricks and the float32 roundings show in the output. Nothing here is fused or
re-associated (no fastmath), and kernels release the interpreter lock, so that bands run in plain threads.
Source of the algorithm: ffx_fsr1.h v1.20210629 and ffx_a.h (AMD, MIT licence).
"""

from typing import Any

import numpy as np

from synthcomp_core.runtime import compiled

MARGIN = 2  # EASU's taps reach from 1 before to 2 after the texel f, and f itself lies from -1 to size - 1.

_ZERO, _QUARTER, _HALF, _ONE, _TWO, _FOUR = (np.float32(value) for value in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0))
_INFINITY = np.float32(np.inf)
_NO_DIRECTION = np.float32(1.0 / 32768.0)
_LOBE_SPAN = np.float32((1.0 / 4.0 - 0.04) - 0.5)
_WINDOW_B = np.float32(2.0 / 5.0)
_WINDOW_A, _WINDOW_C = np.float32(25.0 / 16.0), np.float32(-(25.0 / 16.0 - 1.0))
_RCAS_LIMIT = np.float32(-(0.25 - 1.0 / 16.0))
_255 = np.float32(255.0)


@compiled()
def _low_reciprocal(value: Any) -> Any:
    """APrxLoRcpF1."""
    return np.int32(np.int32(0x7EF07EBB) - np.float32(value).view(np.int32)).view(np.float32)


@compiled()
def _medium_reciprocal(value: Any) -> Any:
    """APrxMedRcpF1: the bit trick and one Newton step."""
    first = np.int32(np.int32(0x7EF19FFF) - np.float32(value).view(np.int32)).view(np.float32)
    return first * (-first * value + _TWO)


@compiled()
def _low_inverse_root(value: Any) -> Any:
    """APrxLoRsqF1; the value is not negative, so that the shift may be arithmetic."""
    return np.int32(np.int32(0x5F347D74) - (np.float32(value).view(np.int32) >> np.int32(1))).view(np.float32)


@compiled()
def _lower(a: Any, b: Any) -> Any:
    return a if a < b else b


@compiled()
def _higher(a: Any, b: Any) -> Any:
    return a if a > b else b


@compiled()
def prepare_rows(image: Any, planes: Any, slopes: Any, start: int, stop: int) -> None:
    """Rows start..stop of the padded picture: its colour planes in [0, 1] and the slopes at every texel.

    image: (H, W, 3) uint8. planes: (3, H + 4, W + 4), clamped to the edge. slopes: (H + 4, W + 4, 4), along x the
    difference of the neighbours and how far it is an edge, then the same along y (FsrEasuSetF without its
    weight, which alone depends on the output pixel). Luma is AMD's, times two: 0.5 R + G + 0.5 B.
    """
    height, width = image.shape[0], image.shape[1]
    luma = np.empty((3, width + 2 * MARGIN), np.float32)
    for y in range(start, stop):
        for k in range(3):
            row = min(max(y - MARGIN + k - 1, 0), height - 1)
            for x in range(width + 2 * MARGIN):
                column = min(max(x - MARGIN, 0), width - 1)
                r = np.float32(image[row, column, 0]) / _255
                g = np.float32(image[row, column, 1]) / _255
                b = np.float32(image[row, column, 2]) / _255
                luma[k, x] = b * _HALF + (r * _HALF + g)
                if k == 1:
                    planes[0, y, x] = r
                    planes[1, y, x] = g
                    planes[2, y, x] = b
        for x in range(1, width + 2 * MARGIN - 1):
            c = luma[1, x]
            across, down = luma[1, x + 1] - luma[1, x - 1], luma[2, x] - luma[0, x]
            reach = _low_reciprocal(_higher(abs(luma[1, x + 1] - c), abs(c - luma[1, x - 1])))
            edge_x = _lower(abs(across) * reach, _ONE)
            reach = _low_reciprocal(_higher(abs(luma[2, x] - c), abs(c - luma[0, x])))
            edge_y = _lower(abs(down) * reach, _ONE)
            slopes[y, x, 0] = across
            slopes[y, x, 1] = edge_x * edge_x
            slopes[y, x, 2] = down
            slopes[y, x, 3] = edge_y * edge_y


@compiled()
def _tap(dx: Any, dy: Any, dir_x: Any, dir_y: Any, len_x: Any, len_y: Any, lobe: Any, clip: Any) -> Any:
    """The weight of the texel at (dx, dy) from the output position (FsrEasuTapF)."""
    along = (dx * dir_x + dy * dir_y) * len_x
    beside = (dx * (-dir_y) + dy * dir_x) * len_y
    distance2 = _lower(along * along + beside * beside, clip)
    base = _WINDOW_B * distance2 - _ONE
    window = lobe * distance2 - _ONE
    base = (_WINDOW_A * base) * base + _WINDOW_C
    return base * (window * window)


@compiled()
def easu_rows(
    planes: Any, slopes: Any, columns: Any, offsets: Any, ratio: Any, origin: Any, start: int, out: Any
) -> None:
    """EASU for the output rows start, start + 1, ... that fill ``out``, (rows, width, 3) float32.

    columns, offsets: for every output column the padded column of texel f and the position between f and g.
    ratio, origin: con0.y and con0.w, from output row to input row.
    """
    for j in range(out.shape[0]):
        position = np.float32(start + j) * ratio + origin
        whole = np.floor(position)
        py = position - whole
        y = np.int64(whole) + MARGIN
        for i in range(out.shape[1]):
            x, px = columns[i], offsets[i]
            ws, wt = (_ONE - px) * (_ONE - py), px * (_ONE - py)
            wu, wv = (_ONE - px) * py, px * py
            dir_x = slopes[y, x, 0] * ws + slopes[y, x + 1, 0] * wt
            dir_x = dir_x + slopes[y + 1, x, 0] * wu + slopes[y + 1, x + 1, 0] * wv
            dir_y = slopes[y, x, 2] * ws + slopes[y, x + 1, 2] * wt
            dir_y = dir_y + slopes[y + 1, x, 2] * wu + slopes[y + 1, x + 1, 2] * wv
            length = (slopes[y, x, 1] + slopes[y, x, 3]) * ws
            length = length + slopes[y, x + 1, 1] * wt + slopes[y, x + 1, 3] * wt
            length = length + slopes[y + 1, x, 1] * wu + slopes[y + 1, x, 3] * wu
            length = length + slopes[y + 1, x + 1, 1] * wv + slopes[y + 1, x + 1, 3] * wv
            squared = dir_x * dir_x + dir_y * dir_y
            flat = squared < _NO_DIRECTION
            scale = _ONE if flat else _low_inverse_root(squared)
            dir_x = _ONE if flat else dir_x
            dir_x *= scale
            dir_y *= scale
            length *= _HALF
            length *= length
            stretch = (dir_x * dir_x + dir_y * dir_y) * _low_reciprocal(_higher(abs(dir_x), abs(dir_y)))
            len_x = (_ONE - length) + stretch * length
            len_y = _ONE - _HALF * length
            lobe = _HALF + _LOBE_SPAN * length
            clip = _low_reciprocal(lobe)
            # b c i j f e k l h g o n: AMD's order of accumulation.
            x0, x1, x2, x3 = -_ONE - px, -px, _ONE - px, _TWO - px
            y0, y1, y2, y3 = -_ONE - py, -py, _ONE - py, _TWO - py
            w0 = _tap(x1, y0, dir_x, dir_y, len_x, len_y, lobe, clip)
            w1 = _tap(x2, y0, dir_x, dir_y, len_x, len_y, lobe, clip)
            w2 = _tap(x0, y2, dir_x, dir_y, len_x, len_y, lobe, clip)
            w3 = _tap(x1, y2, dir_x, dir_y, len_x, len_y, lobe, clip)
            w4 = _tap(x1, y1, dir_x, dir_y, len_x, len_y, lobe, clip)
            w5 = _tap(x0, y1, dir_x, dir_y, len_x, len_y, lobe, clip)
            w6 = _tap(x2, y2, dir_x, dir_y, len_x, len_y, lobe, clip)
            w7 = _tap(x3, y2, dir_x, dir_y, len_x, len_y, lobe, clip)
            w8 = _tap(x3, y1, dir_x, dir_y, len_x, len_y, lobe, clip)
            w9 = _tap(x2, y1, dir_x, dir_y, len_x, len_y, lobe, clip)
            w10 = _tap(x2, y3, dir_x, dir_y, len_x, len_y, lobe, clip)
            w11 = _tap(x1, y3, dir_x, dir_y, len_x, len_y, lobe, clip)
            total = w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7 + w8 + w9 + w10 + w11
            total = _ONE / total
            for c in range(3):
                f, g = planes[c, y, x], planes[c, y, x + 1]
                a, b = planes[c, y + 1, x], planes[c, y + 1, x + 1]
                colour = planes[c, y - 1, x] * w0
                colour += planes[c, y - 1, x + 1] * w1
                colour += planes[c, y + 1, x - 1] * w2
                colour += a * w3
                colour += f * w4
                colour += planes[c, y, x - 1] * w5
                colour += b * w6
                colour += planes[c, y + 1, x + 2] * w7
                colour += planes[c, y, x + 2] * w8
                colour += g * w9
                colour += planes[c, y + 2, x + 1] * w10
                colour += planes[c, y + 2, x] * w11
                lowest = _lower(_lower(f, g), _lower(a, b))
                highest = _higher(_higher(f, g), _higher(a, b))
                out[j, i, c] = _lower(highest, _higher(lowest, colour * total))


@compiled()
def _lobe(north: Any, west: Any, centre: Any, east: Any, south: Any) -> Any:
    """How far one channel may be sharpened before it clips: negative, 0 for not at all."""
    lowest = _lower(_lower(north, west), _lower(east, south))
    highest = _higher(_higher(north, west), _higher(east, south))
    # 0 * inf, where the ring is all 0 or all 1, gives NaN, and AMD's max() then takes the other operand.
    to_black = -(_lower(lowest, centre) * (_ONE / (_FOUR * highest)))
    to_white = (_ONE - _higher(highest, centre)) * (_ONE / (_FOUR * lowest - _FOUR))
    to_black = -_INFINITY if to_black != to_black else to_black
    to_white = -_INFINITY if to_white != to_white else to_white
    return _higher(to_black, to_white)


@compiled()
def rcas_rows(picture: Any, start: int, sharpness: Any, out: Any) -> None:
    """RCAS for the rows start, start + 1, ... of ``picture`` that fill ``out``; both (rows, W, 3) float32.

    What lies outside ``picture`` reads 0. sharpness: con.x, 2^-stops.
    """
    height, width = picture.shape[0], picture.shape[1]
    lobes = np.empty(width, np.float32)
    zeros = np.zeros((width, 3), np.float32)
    for j in range(out.shape[0]):
        y = start + j
        row = picture[y]
        above = picture[y - 1] if y > 0 else zeros
        below = picture[y + 1] if y + 1 < height else zeros
        for x in range(width):
            lobe = -_INFINITY
            for c in range(3):
                west = row[x - 1, c] if x > 0 else _ZERO
                east = row[x + 1, c] if x + 1 < width else _ZERO
                lobe = _higher(lobe, _lobe(above[x, c], west, row[x, c], east, below[x, c]))
            lobes[x] = _higher(_RCAS_LIMIT, _lower(lobe, _ZERO)) * sharpness
        for x in range(width):
            lobe = lobes[x]
            scale = _medium_reciprocal(_FOUR * lobe + _ONE)
            for c in range(3):
                west = row[x - 1, c] if x > 0 else _ZERO
                east = row[x + 1, c] if x + 1 < width else _ZERO
                out[j, x, c] = (lobe * (above[x, c] + west + below[x, c] + east) + row[x, c]) * scale


@compiled()
def round_rows(picture: Any, out: Any) -> None:
    """``picture``, float32, as uint8: floor(clip(value, 0, 1) * 255 + 0.5)."""
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            for c in range(3):
                value = _lower(_higher(picture[y, x, c], _ZERO), _ONE)
                out[y, x, c] = np.uint8(value * _255 + _HALF)
