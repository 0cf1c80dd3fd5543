"""Compiled passes of LDR-FLIP: opponent colours, the separable filters, and the error of every pixel of a strip."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthcomp_core.metrics.float_kernels import F, cube_root, exp2, log2
from synthcomp_core.runtime import compiled

MAPS = 7
# sRGB's primaries to CIE XYZ, each row over the white point of D65, as FLIP divides by it wherever it meets XYZ.
_WHITE_X, _WHITE_Z = 0.950428545, 1.088900371
_XR, _XG, _XB = F(0.4123908 / _WHITE_X), F(0.35758434 / _WHITE_X), F(0.18048079 / _WHITE_X)
_YR, _YG, _YB = F(0.21263901), F(0.71516868), F(0.07219232)
_ZR, _ZG, _ZB = F(0.01933082 / _WHITE_Z), F(0.11919478 / _WHITE_Z), F(0.95053215 / _WHITE_Z)
# And back.
_RX, _RY, _RZ = F(3.241003232976358 * _WHITE_X), F(-1.537398969488785), F(-0.498615881996363 * _WHITE_Z)
_GX, _GY, _GZ = F(-0.969224252202516 * _WHITE_X), F(1.875929983695176), F(0.041554226340084 * _WHITE_Z)
_BX, _BY, _BZ = F(0.055639419851975 * _WHITE_X), F(-0.204011206123910), F(1.057148977187533 * _WHITE_Z)
_KNEE = 6 / 29  # Of CIELAB's curve.
_LINEAR_BELOW, _SLOPE, _OFFSET = F(_KNEE**3), F(1 / (3 * _KNEE**2)), F(4 / 29)
# Andersson et al. 2020: q_c, p_c, p_t, q_f; features are taken from Y of [0, 1], here of [0, 116].
_COLOUR_POWER, _FROM, _TO = F(0.7), F(0.4), F(0.95)
_FEATURE_SCALE = F(2**-0.5 / 116)
_TINY = F(1e-30)


@compiled(fastmath=True)
def opponent(image: Any, linear: Any, luma: Any, red_green: Any, blue_yellow: Any, margin: int) -> None:
    """Y, Cx and Cz of an (h, w, 3) image into (h, w + 2 margin) planes, the ends of each row repeated.

    linear: (256,) the linear light of each 8-bit level.
    """
    height, width = image.shape[0], image.shape[1]
    for row in range(height):
        inner_y = luma[row, margin : margin + width]
        inner_x = red_green[row, margin : margin + width]
        inner_z = blue_yellow[row, margin : margin + width]
        for column in range(width):
            r, g, b = linear[image[row, column, 0]], linear[image[row, column, 1]], linear[image[row, column, 2]]
            x, y, z = _XR * r + _XG * g + _XB * b, _YR * r + _YG * g + _YB * b, _ZR * r + _ZG * g + _ZB * b
            inner_y[column] = F(116) * y - F(16)
            inner_x[column] = F(500) * (x - y)
            inner_z[column] = F(200) * (y - z)
        for plane in (luma, red_green, blue_yellow):
            plane[row, :margin] = plane[row, margin]
            plane[row, margin + width :] = plane[row, margin + width - 1]


@compiled(fastmath=True, inline="always")
def _along(source: Any, weights: Any, margin: int, sign: Any, out: Any) -> None:
    """A padded row under a filter of which ``weights`` is the right half; sign: 1 for an even one, -1 for an odd."""
    width = out.shape[0]
    middle = source[margin : margin + width]
    for x in range(width):
        out[x] = weights[0] * middle[x]
    for k in range(1, weights.shape[0]):
        weight = weights[k]
        left, right = source[margin - k : margin - k + width], source[margin + k : margin + k + width]
        for x in range(width):
            out[x] += weight * (right[x] + sign * left[x])


@compiled(fastmath=True)
def filter_rows(luma: Any, red_green: Any, blue_yellow: Any, filters: Any, margin: int, out: Any) -> None:
    """(7, h, w): Y, Cx and twice Cz under their Gaussians, and Y under g, g' and g''. filters: seven right halves."""
    even, odd = F(1), F(-1)
    for row in range(luma.shape[0]):
        _along(luma[row], filters[0], margin, even, out[0, row])
        _along(red_green[row], filters[1], margin, even, out[1, row])
        _along(blue_yellow[row], filters[2], margin, even, out[2, row])
        _along(blue_yellow[row], filters[3], margin, even, out[3, row])
        _along(luma[row], filters[4], margin, even, out[4, row])
        _along(luma[row], filters[5], margin, odd, out[5, row])
        _along(luma[row], filters[6], margin, even, out[6, row])


@compiled(fastmath=True, inline="always")
def _down(plane: Any, rows: Any, middle: int, weights: Any, sign: Any, out: Any) -> None:
    """The same down the columns; rows: where in the plane each row of the padded image lies."""
    width = out.shape[0]
    source = plane[rows[middle]]
    for x in range(width):
        out[x] = weights[0] * source[x]
    for k in range(1, weights.shape[0]):
        weight = weights[k]
        above, below = plane[rows[middle - k]], plane[rows[middle + k]]
        for x in range(width):
            out[x] += weight * (below[x] + sign * above[x])


@compiled(fastmath=True)
def _filter_columns(planes: Any, rows: Any, middle: int, filters: Any, scratch: Any, out: Any) -> None:
    """(7, w): smoothed Y, Cx, Cz, and of Y the derivatives x, y, xx, yy."""
    even, odd = F(1), F(-1)
    _down(planes[0], rows, middle, filters[0], even, out[0])
    _down(planes[1], rows, middle, filters[1], even, out[1])
    _down(planes[2], rows, middle, filters[2], even, out[2])
    _down(planes[3], rows, middle, filters[3], even, scratch)
    for x in range(out.shape[1]):
        out[2, x] += scratch[x]
    _down(planes[5], rows, middle, filters[4], even, out[3])
    _down(planes[4], rows, middle, filters[5], odd, out[4])
    _down(planes[6], rows, middle, filters[4], even, out[5])
    _down(planes[4], rows, middle, filters[6], even, out[6])


@compiled(fastmath=True, inline="always")
def _lab_curve(t: Any) -> Any:
    return cube_root(t) if t > _LINEAR_BELOW else t * _SLOPE + _OFFSET


@compiled(fastmath=True)
def _to_lab(maps: Any) -> None:
    """Y, Cx, Cz of a row, in place, to L* and the Hunt-adjusted a* and b*, by way of RGB clamped to [0, 1]."""
    for i in range(maps.shape[1]):
        y = (maps[0, i] + F(16)) * F(1 / 116)
        x, z = y + maps[1, i] * F(1 / 500), y - maps[2, i] * F(1 / 200)
        r = min(max(_RX * x + _RY * y + _RZ * z, F(0)), F(1))
        g = min(max(_GX * x + _GY * y + _GZ * z, F(0)), F(1))
        b = min(max(_BX * x + _BY * y + _BZ * z, F(0)), F(1))
        f_x = _lab_curve(_XR * r + _XG * g + _XB * b)
        f_y = _lab_curve(_YR * r + _YG * g + _YB * b)
        f_z = _lab_curve(_ZR * r + _ZG * g + _ZB * b)
        lightness = F(116) * f_y - F(16)
        maps[0, i] = lightness
        maps[1, i] = F(0.01) * lightness * F(500) * (f_x - f_y)
        maps[2, i] = F(0.01) * lightness * F(200) * (f_y - f_z)


@compiled(fastmath=True)
def strip_features(maps: Any, rows: Any, filters: Any, margin: int, out: Any) -> None:
    """What FLIP compares, (h, 5, w): L*, a*, b* as seen from afar, and the magnitudes of edges and of points.

    maps: the seven of the strip's rows and of the ``margin`` ones around them. rows: (h + 2 margin,), where in the maps
    each of these rows lies.
    """
    row_maps = np.empty((MAPS, out.shape[2]), np.float32)
    scratch = np.empty(out.shape[2], np.float32)
    for row in range(out.shape[0]):
        _filter_columns(maps, rows, row + margin, filters, scratch, row_maps)
        _to_lab(row_maps)
        features = out[row]
        for i in range(out.shape[2]):
            features[0, i], features[1, i], features[2, i] = row_maps[0, i], row_maps[1, i], row_maps[2, i]
            features[3, i] = np.sqrt(row_maps[3, i] ** 2 + row_maps[4, i] ** 2)
            features[4, i] = np.sqrt(row_maps[5, i] ** 2 + row_maps[6, i] ** 2)


@compiled(fastmath=True)
def _errors(first: Any, second: Any, largest: Any, out: Any) -> None:
    knee = _FROM * largest
    for i in range(out.shape[0]):
        a, b = first[1, i] - second[1, i], first[2, i] - second[2, i]
        distance = abs(first[0, i] - second[0, i]) + np.sqrt(a * a + b * b)
        power = exp2(_COLOUR_POWER * log2(max(distance, _TINY)))
        low, high = power * (_TO / knee), _TO + (power - knee) * ((F(1) - _TO) / (largest - knee))
        colour = low if power < knee else high
        edges, points = first[3, i] - second[3, i], first[4, i] - second[4, i]
        feature = np.sqrt(max(abs(edges), abs(points)) * _FEATURE_SCALE)
        error = exp2((F(1) - feature) * log2(max(colour, _TINY)))
        out[i] = error if distance > F(0) else F(0)


@compiled(fastmath=True)
def strip_errors(first: Any, second: Any, largest: Any, out: Any) -> None:
    """The error (h, w) of a strip from the features (h, 5, w) of both images.

    largest: the HyAB distance of green and blue to the power of 0.7, beyond which no error goes.
    """
    for row in range(out.shape[0]):
        _errors(first[row], second[row], largest, out[row])
