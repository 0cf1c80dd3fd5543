"""The compiled pass of SSIM: Gaussian means of a strip of two planes, and the sums of the indices that follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthcomp_core.runtime import compiled


@compiled(fastmath=True, inline="always")
def _along(source: Any, weights: Any, out: Any) -> None:
    """A row under a symmetric filter, wholly inside; weights: its middle and right half."""
    margin, width = weights.shape[0] - 1, out.shape[0]
    middle = source[margin : margin + width]
    for i in range(width):
        out[i] = weights[0] * middle[i]
    for k in range(1, weights.shape[0]):
        weight = weights[k]
        left, right = source[margin - k : margin - k + width], source[margin + k : margin + k + width]
        for i in range(width):
            out[i] += weight * (left[i] + right[i])


@compiled(fastmath=True, inline="always")
def _down(rows: Any, middle: int, weights: Any, out: Any) -> None:
    """The same down the columns, at row ``middle``."""
    source = rows[middle]
    for i in range(out.shape[0]):
        out[i] = weights[0] * source[i]
    for k in range(1, weights.shape[0]):
        weight, above, below = weights[k], rows[middle - k], rows[middle + k]
        for i in range(out.shape[0]):
            out[i] += weight * (above[i] + below[i])


@compiled(fastmath=True)
def strip_sums(x: Any, y: Any, weights: Any, c1: float, c2: float, sums: Any) -> None:
    """Add SSIM and its contrast-structure term of all windows inside two (h, w) float64 strips to ``sums`` (2,).

    weights: the middle and right half of the window, (n,). The variances enter only as their sum, so that four means
    suffice: of x, y, x^2 + y^2 and x y.
    """
    margin = weights.shape[0] - 1
    height, width = x.shape[0], x.shape[1] - 2 * margin
    maps = np.empty((4, height, width))
    squares, products = np.empty(x.shape[1]), np.empty(x.shape[1])
    for row in range(height):
        a, b = x[row], y[row]
        for i in range(a.shape[0]):
            squares[i] = a[i] * a[i] + b[i] * b[i]
            products[i] = a[i] * b[i]
        _along(a, weights, maps[0, row])
        _along(b, weights, maps[1, row])
        _along(squares, weights, maps[2, row])
        _along(products, weights, maps[3, row])
    means = np.empty((4, width))
    for row in range(margin, height - margin):
        for k in range(4):
            _down(maps[k], row, weights, means[k])
        total, total_contrast = 0.0, 0.0
        for i in range(width):
            product = means[0, i] * means[1, i]
            square = means[0, i] * means[0, i] + means[1, i] * means[1, i]
            contrast = (2 * (means[3, i] - product) + c2) / (means[2, i] - square + c2)
            total_contrast += contrast
            total += contrast * (2 * product + c1) / (square + c1)
        sums[0] += total
        sums[1] += total_contrast
