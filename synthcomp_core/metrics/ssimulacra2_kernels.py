"""Compiled passes of SSIMULACRA2, rounding as the reference implementation does.

The recursive Gaussian has its poles on the unit circle, so that every rounding error stays in a line until its end, and
in flat regions these errors are what the score is made of. Only the same operations in the same order, fused
multiply-adds included, give the reference's score; none of these kernels may be compiled with fast maths.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthcomp_core.metrics.float_kernels import F, bits, fma, from_bits
from synthcomp_core.runtime import compiled

RADIUS = 5  # of the Gaussian of sigma 1.5 (Charalampidis 2016, equation 57)
_UNROLLED_FROM = 8  # Before it, and at the end of a line, outputs come one by one, else four by four.
_C2 = F(0.0009)
# JPEG XL's opsin absorbance of linear sRGB (libjxl, opsin_params.h).
_BIAS = F(0.0037930732552754493)
_L = (F(0.30), F(1.0 - 0.078 - 0.30), F(0.078))
_M = (F(0.23), F(1.0 - 0.078 - 0.23), F(0.078))
_S = (F(0.24342268924547819), F(0.20476744424496821), F(1.0 - 0.24342268924547819 - 0.20476744424496821))
_MINUS_ROOT = F(-(0.0037930732552754493 ** (1 / 3)))
_LR, _LG, _LB = _L
_MR, _MG, _MB = _M
_SR, _SG, _SB = _S


@compiled()
def linear_rows(image: Any, levels: Any, out: Any) -> None:
    """Rows of an (h, w, 3) image as (3, h, w) linear light; levels: (256,) of each 8-bit level."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            for channel in range(3):
                out[channel, row, column] = levels[image[row, column, channel]]


@compiled()
def halve(planes: Any, out: Any) -> None:
    """Means of 2x2 samples of (3, h, w); the last row or column of an odd side counts twice."""
    height, width = planes.shape[1], planes.shape[2]
    for channel in range(3):
        for row in range(out.shape[1]):
            upper, lower = planes[channel, 2 * row], planes[channel, min(2 * row + 1, height - 1)]
            for column in range(out.shape[2]):
                left, right = 2 * column, min(2 * column + 1, width - 1)
                total = ((upper[left] + upper[right]) + lower[left]) + lower[right]
                out[channel, row, column] = total * F(0.25)


@compiled(inline="always")
def _cube_root(x: Any, addend: Any) -> Any:
    """x^(1/3) + addend, by Newton's steps towards x^(-1/3) as libjxl takes them (fast_math-inl.h)."""
    third = F(1 / 3) * x
    r = from_bits(np.int32(np.int32(0x54800000) - (bits(x) >> np.int32(23)) * np.int32(0x002AAAAA)))
    for _ in range(3):
        square = r * r
        r = fma(-third, square * square, F(4 / 3) * r)
    square = r * r
    r = fma(F(1 / 3), fma(-x, square * square, r), r)
    return fma(r * r, x, addend)


@compiled()
def xyb(planes: Any, out: Any) -> None:
    """(3, h, w) linear RGB to XYB, scaled and shifted so that all three channels are about 0..1."""
    for row in range(planes.shape[1]):
        for i in range(planes.shape[2]):
            r, g, b = planes[0, row, i], planes[1, row, i], planes[2, row, i]
            long = _cube_root(max(fma(_LR, r, fma(_LG, g, fma(_LB, b, _BIAS))), F(0)), _MINUS_ROOT)
            middle = _cube_root(max(fma(_MR, r, fma(_MG, g, fma(_MB, b, _BIAS))), F(0)), _MINUS_ROOT)
            short = _cube_root(max(fma(_SR, r, fma(_SG, g, fma(_SB, b, _BIAS))), F(0)), _MINUS_ROOT)
            y = F(0.5) * (long + middle)
            out[0, row, i] = (F(0.5) * (long - middle)) * F(14) + F(0.42)
            out[1, row, i] = y + F(0.01)
            out[2, row, i] = (short - y) + F(0.55)


@compiled()
def transpose(source: Any, out: Any) -> None:
    """(h, w) to (w, h), tile by tile."""
    height, width = source.shape
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            for column in range(left, min(left + 8, width)):
                for row in range(top, min(top + 8, height)):
                    out[column, row] = source[row, column]


@compiled()
def squares(plane: Any, out: Any) -> None:
    """What is blurred of the reference alone, (2, n, k): the image and its square."""
    for row in range(plane.shape[0]):
        for i in range(plane.shape[1]):
            a = plane[row, i]
            out[0, row, i] = a
            out[1, row, i] = a * a


@compiled()
def products(first: Any, second: Any, out: Any) -> None:
    """What is blurred of the other image, (3, n, k): the image, its square, and its product with the reference."""
    for row in range(first.shape[0]):
        for i in range(first.shape[1]):
            a, b = first[row, i], second[row, i]
            out[0, row, i] = b
            out[1, row, i] = b * b
            out[2, row, i] = a * b


@compiled()
def blur_lines(source: Any, terms: Any, out: Any) -> None:
    """The recursive Gaussian along the first axis of (n, k): k lines side by side, zeros around them.

    terms: (3, 3, 4), for each of the three cosines what the inputs, the last and the one before last output contribute
    to four consecutive outputs.
    """
    length, lines = source.shape
    last, before = np.zeros((3, lines), np.float32), np.zeros((3, lines), np.float32)
    zeros = np.zeros(lines, np.float32)
    n = 1 - RADIUS
    while n < length:
        if n >= _UNROLLED_FROM and n < length - RADIUS - 2:
            _four_outputs(source, terms, n, last, before, out)
            n += 4
            continue
        left = source[n - RADIUS - 1] if n - RADIUS - 1 >= 0 else zeros
        right = source[n + RADIUS - 1] if n + RADIUS - 1 < length else zeros
        for i in range(lines):
            total = left[i] + right[i]
            result = F(0)
            for j in range(2, -1, -1):
                output = fma(terms[j, 1, 0], last[j, i], fma(terms[j, 2, 0], before[j, i], total * terms[j, 0, 0]))
                before[j, i] = last[j, i]
                last[j, i] = output
                result = output + result
            if n >= 0:
                out[n, i] = result
        n += 1


@compiled(inline="always")
def _four_outputs(source: Any, terms: Any, n: int, last: Any, before: Any, out: Any) -> None:
    a0, a1, a2, a3 = source[n - 6], source[n - 5], source[n - 4], source[n - 3]
    b0, b1, b2, b3 = source[n + 4], source[n + 5], source[n + 6], source[n + 7]
    out0, out1, out2, out3 = out[n], out[n + 1], out[n + 2], out[n + 3]
    for j in range(2, -1, -1):
        m0, m1, m2, m3 = terms[j, 0, 0], terms[j, 0, 1], terms[j, 0, 2], terms[j, 0, 3]
        p0, p1, p2, p3 = terms[j, 1, 0], terms[j, 1, 1], terms[j, 1, 2], terms[j, 1, 3]
        q0, q1, q2, q3 = terms[j, 2, 0], terms[j, 2, 1], terms[j, 2, 2], terms[j, 2, 3]
        previous, earlier = last[j], before[j]
        for i in range(source.shape[1]):
            i0, i1, i2, i3 = a0[i] + b0[i], a1[i] + b1[i], a2[i] + b2[i], a3[i] + b3[i]
            p, q = previous[i], earlier[i]
            o0 = fma(p0, p, fma(q0, q, m0 * i0))
            o1 = fma(p1, p, fma(q1, q, fma(m0, i1, m1 * i0)))
            o2 = fma(p2, p, fma(q2, q, fma(m0, i2, fma(m1, i1, m2 * i0))))
            o3 = fma(p3, p, fma(q3, q, fma(m0, i3, fma(m1, i2, fma(m2, i1, m3 * i0)))))
            earlier[i], previous[i] = o2, o3
            if j == 2:
                out0[i], out1[i], out2[i], out3[i] = o0, o1, o2, o3
            else:
                out0[i], out1[i], out2[i], out3[i] = o0 + out0[i], o1 + out1[i], o2 + out2[i], o3 + out3[i]


@compiled(inline="always")
def _column_outputs(
    source: Any, n: int, left: int, right: int, n2: Any, d1: Any, last: Any, before: Any, zeros: Any, out: Any
) -> None:
    """One output of the recursion y = n2 x - d1 y' - y'' in the columns left..right, the sum over the three cosines."""
    above = source[n - RADIUS - 1][left:right] if n - RADIUS - 1 >= 0 else zeros
    below = source[n + RADIUS - 1][left:right] if n + RADIUS - 1 < source.shape[0] else zeros
    for j in range(2, -1, -1):
        n2_j, d1_j = n2[j], d1[j]
        previous, earlier = last[j], before[j]
        for i in range(out.shape[0]):
            output = fma(n2_j, above[i] + below[i], -fma(d1_j, previous[i], earlier[i]))
            earlier[i] = previous[i]
            previous[i] = output
            out[i] = output if j == 2 else output + out[i]


@compiled()
def blur_columns(blurred: Any, left: int, right: int, n2: Any, d1: Any, out: Any) -> None:
    """The recursive Gaussian down the columns left..right of (2, h, w) planes, into the last two of (3, h, w).

    n2, d1: (3,) of the recursion y = n2 x - d1 y' - y''.
    """
    height, width = blurred.shape[1], right - left
    last, before = np.zeros((2, 3, width), np.float32), np.zeros((2, 3, width), np.float32)
    result, zeros = np.zeros((2, width), np.float32), np.zeros(width, np.float32)
    for n in range(1 - RADIUS, height):
        for plane in range(2):
            outputs = result[plane]
            _column_outputs(blurred[plane], n, left, right, n2, d1, last[plane], before[plane], zeros, outputs)
            if n >= 0:
                row = out[plane + 1, n][left:right]
                for i in range(width):
                    row[i] = outputs[i]


@compiled()
def column_errors(
    blurred: Any, reference: Any, channel: Any, left: int, right: int, n2: Any, d1: Any, sums: Any
) -> None:
    """Blur (3, h, w) planes down their columns left..right and add up the errors that follow, into (6,) sums.

    reference: (3, h, w), its channel, and the blurred channel and square. channel: (h, w), the other image's.
    n2, d1: as of :func:`blur_columns`. sums: of the structural error, of the artefacts and of the lost details, each of
    the values and of their fourth powers.
    """
    height, width = channel.shape[0], right - left
    last, before = np.zeros((3, 3, width), np.float32), np.zeros((3, 3, width), np.float32)
    result, zeros = np.zeros((3, width), np.float32), np.zeros(width, np.float32)
    for n in range(1 - RADIUS, height):
        for plane in range(3):
            outputs = result[plane]
            _column_outputs(blurred[plane], n, left, right, n2, d1, last[plane], before[plane], zeros, outputs)
        if n >= 0:
            first, mean, square = reference[0, n][left:right], reference[1, n][left:right], reference[2, n][left:right]
            _add_errors(mean, square, result, first, channel[n][left:right], sums)


@compiled(inline="always")
def _add_errors(mean_1: Any, square_1: Any, blurred: Any, first: Any, second: Any, sums: Any) -> None:
    mean_2, square_2, product = blurred[0], blurred[1], blurred[2]
    for i in range(first.shape[0]):
        u, v = mean_1[i], mean_2[i]
        distance = u - v
        similarity = F(1) - distance * distance
        covariance = F(2) * (product[i] - u * v) + _C2
        variance = ((square_1[i] - u * u) + (square_2[i] - v * v)) + _C2
        error: Any = max(1.0 - np.float64(similarity * covariance / variance), 0.0)
        change = (1.0 + np.float64(abs(second[i] - v))) / (1.0 + np.float64(abs(first[i] - u))) - 1.0
        artefact: Any = max(change, 0.0)
        lost: Any = max(-change, 0.0)
        sums[0] += error
        sums[1] += error**4
        sums[2] += artefact
        sums[3] += artefact**4
        sums[4] += lost
        sums[5] += lost**4
