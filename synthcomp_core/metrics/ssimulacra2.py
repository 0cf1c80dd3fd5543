"""SSIMULACRA2 2.1: structural errors, artefacts and lost details in XYB at six scales, weighted by human opinions.

After the reference implementation by Cloudinary (Sneyers 2023), to whose scores tests hold it; the kernels are in
ssimulacra2_kernels.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.images import Image
from synthcomp_core.metrics.pairs import check_pair
from synthcomp_core.runtime import in_bands

SSIMULACRA2_MIN_SIDE = 8
_SCALES = 6
_SIGMA = 1.5
_STRIP = 64  # rows, or columns, that one thread takes at a time
# Index and value of the weights that are not 0, in the order of channel (X, Y, B), scale, norm (1, 4) and error
# (structural, artefacts, lost details). With fewer scales the reference goes on counting from the first.
_WEIGHTS = (
    (1, 0.0007376606707406586), (4, 0.0007793481682867309), (7, 0.0004371155730107379), (9, 1.1041726426657346),
    (10, 0.00066284834129271), (11, 0.00015231632783718752), (13, 0.0016406437456599754), (15, 1.8422455520539298),
    (16, 11.441172603757666), (18, 0.0007989109436015163), (19, 0.000176816438078653), (21, 1.8787594979546387),
    (22, 10.94906990605142), (24, 0.0007289346991508072), (25, 0.9677937080626833), (27, 0.00014003424285435884),
    (28, 0.9981766977854967), (29, 0.00031949755934435053), (30, 0.0004550992113792063), (33, 0.0013648766163243398),
    (39, 7.466890328078848), (41, 17.445833984131262), (42, 0.0006235601634041466), (45, 6.683678146179332),
    (46, 0.00037724407979611296), (47, 1.027889937768264), (48, 225.20515300849274), (51, 19.213238186143016),
    (52, 0.0011401524586618361), (53, 0.001237755635509985), (54, 176.39317598450694), (57, 24.43300999870476),
    (58, 0.28520802612117757), (59, 0.0004485436923833408), (63, 34.77906344483772), (64, 44.835625328877896),
    (73, 0.0008680556573291698), (79, 0.0005313191874358747), (81, 0.00016533814161379112),
    (87, 0.0004179171803251336), (88, 0.0017290828234722833), (90, 0.0020827005846636437), (93, 8.826982764996862),
    (94, 23.19243343998926), (96, 95.1080498811086), (97, 0.9863978034400682), (98, 0.9834382792465353),
    (99, 0.0012286405048278493), (100, 171.2667255897307), (101, 0.9807858872435379), (105, 0.0005130064588990679),
    (107, 0.00010854057858411537),
)  # fmt: skip
# From the weighted sum of errors to a score on which 100 is the best.
_SUM_FACTOR = 0.9562382616834844
_CUBIC = (0.0, 2.326765642916932, -0.020884521182843837, 6.248496625763138e-05)
_EXPONENT = 0.6276336467831387

Planes = NDArray[np.float32]  # (3, h, w) unless said otherwise
Scale = tuple[Planes, ...]  # The planes of a reference's three channels at one scale


@dataclass(frozen=True)
class _Recursion:
    """The recursive Gaussian's constants: (3, 3, 4) along a line (see ``blur_lines``), (3,) and (3,) down columns."""

    terms: NDArray[np.float32]
    n2: NDArray[np.float32]
    d1: NDArray[np.float32]


def ssimulacra2(reference: Image, image: Image, *, scales: Sequence[Scale] | None = None) -> float | None:
    """SSIMULACRA2 of (H, W, 3) uint8 images: 100 = identical, may be negative; None under 8 pixels per side.

    ImageError on unequal sizes. scales: those of the reference by :func:`reference_scales`, where they are known.
    """
    check_pair(reference, image)
    errors = []
    level: _Level | None = None
    for scale in scales if scales is not None else _scales(reference):
        level = _Level(np.ascontiguousarray(image)) if level is None else level.halved()
        errors.append(np.stack([_errors(part, level, channel) for channel, part in enumerate(scale)]))
    return _score(np.array(errors)) if errors else None


def reference_scales(image: Image) -> list[Scale]:
    """What SSIMULACRA2 compares of an (H, W, 3) uint8 image: worked out once for a reference of many comparisons.

    Per scale and channel (X, Y, B) planes (3, h, w) float32: the channel, the blurred channel and its blurred square.
    """
    return [tuple(scale) for scale in _scales(image)]


def _scales(image: Image) -> Iterator[Iterable[Planes]]:
    """The scales of a reference one after the other, the planes of each made when they are asked for."""
    level = _Level(np.ascontiguousarray(image))
    for scale in range(_SCALES):
        if min(level.size) < SSIMULACRA2_MIN_SIDE:
            return
        if scale:  # The last scale may be smaller than that, as in the reference implementation.
            level = level.halved()
        yield (_reference_channel(level, channel) for channel in range(3))


class _Level:
    """An image at one scale: 8-bit, whose linear light is worked out strip by strip, or linear planes."""

    def __init__(self, image: Image | Planes) -> None:
        self._image = image
        self._is_linear = image.dtype == np.float32
        height, width = image.shape[1:] if self._is_linear else image.shape[:2]
        self.size = height, width

    def rows(self, start: int, stop: int) -> Planes:
        """Linear light of some rows, (3, stop - start, w)."""
        from synthcomp_core.metrics import ssimulacra2_kernels as kernels

        if self._is_linear:
            return np.ascontiguousarray(self._image[:, start:stop])
        out = np.empty((3, stop - start, self.size[1]), np.float32)
        kernels.linear_rows(self._image[start:stop], _linear_levels(), out)
        return out

    def channel(self, channel: int, start: int, stop: int) -> NDArray[np.float32]:
        """One channel of XYB in some rows, (stop - start, w)."""
        from synthcomp_core.metrics import ssimulacra2_kernels as kernels

        linear = self.rows(start, stop)
        colours = np.empty_like(linear)
        kernels.xyb(linear, colours)
        plane: NDArray[np.float32] = colours[channel]
        return plane

    def halved(self) -> _Level:
        """The next scale: means of 2x2 samples."""
        from synthcomp_core.metrics import ssimulacra2_kernels as kernels

        height, width = self.size
        planes = np.empty((3, -(-height // 2), -(-width // 2)), np.float32)

        def halve(top: int, bottom: int) -> None:
            out = np.empty((3, bottom - top, planes.shape[2]), np.float32)
            kernels.halve(self.rows(2 * top, min(2 * bottom, height)), out)
            planes[:, top:bottom] = out

        in_bands(planes.shape[1], _STRIP, halve)
        return _Level(planes)


def _reference_channel(level: _Level, channel: int) -> Planes:
    """(3, h, w): one channel of the reference, and the blurred channel and its blurred square."""
    from synthcomp_core.metrics import ssimulacra2_kernels as kernels

    height, width = level.size
    gaussian = _gaussian()
    planes = np.empty((3, height, width), np.float32)
    blurred = np.empty((2, height, width), np.float32)

    def along_rows(top: int, bottom: int) -> None:
        planes[0, top:bottom] = level.channel(channel, top, bottom)
        squares = np.empty((2, width, bottom - top), np.float32)
        kernels.squares(_transposed(planes[0, top:bottom]), squares)
        _blur_rows(squares, blurred[:, top:bottom])

    def down_columns(left: int, right: int) -> None:
        kernels.blur_columns(blurred, left, right, gaussian.n2, gaussian.d1, planes)

    in_bands(height, _STRIP, along_rows)
    in_bands(width, _STRIP, down_columns)
    return planes


def _errors(reference: Planes, level: _Level, channel: int) -> NDArray[np.float64]:
    """(6,): the norms 1 and 4 of the structural error, the artefacts and the lost details of one channel."""
    from synthcomp_core.metrics import ssimulacra2_kernels as kernels

    height, width = level.size
    gaussian = _gaussian()
    own = np.empty((height, width), np.float32)
    blurred = np.empty((3, height, width), np.float32)
    sums = np.zeros((-(-width // _STRIP), 6))  # One row per strip, so that threads cannot change their order.

    def along_rows(top: int, bottom: int) -> None:
        own[top:bottom] = level.channel(channel, top, bottom)
        products = np.empty((3, width, bottom - top), np.float32)
        kernels.products(_transposed(reference[0, top:bottom]), _transposed(own[top:bottom]), products)
        _blur_rows(products, blurred[:, top:bottom])

    def down_columns(left: int, right: int) -> None:
        constants = gaussian.n2, gaussian.d1
        kernels.column_errors(blurred, reference, own, left, right, *constants, sums[left // _STRIP])

    in_bands(height, _STRIP, along_rows)
    in_bands(width, _STRIP, down_columns)
    norms: NDArray[np.float64] = sums.sum(axis=0) / (height * width)
    norms[1::2] **= 0.25
    return norms


def _transposed(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    from synthcomp_core.metrics import ssimulacra2_kernels as kernels

    lines = np.empty(plane.shape[::-1], np.float32)
    kernels.transpose(plane, lines)
    return lines


def _blur_rows(lines: Planes, out: Planes) -> None:
    """The recursive Gaussian along the rows of planes given as their transposes (k, w, h), into (k, h, w)."""
    from synthcomp_core.metrics import ssimulacra2_kernels as kernels

    blurred = np.empty(lines.shape[1:], np.float32)
    for plane in range(len(lines)):
        kernels.blur_lines(lines[plane], _gaussian().terms, blurred)
        kernels.transpose(blurred, out[plane])


def _score(errors: NDArray[np.float64]) -> float:
    """The score of (scales, 3, 6) norms."""
    # (channel, scale, norm, error), as the weights count.
    ordered = errors.reshape(len(errors), 3, 3, 2).transpose(1, 0, 3, 2).ravel()
    total = _SUM_FACTOR * sum(weight * ordered[index] for index, weight in _WEIGHTS if index < len(ordered))
    total = sum(factor * total**power for power, factor in enumerate(_CUBIC))
    return float(100 - 10 * total**_EXPONENT) if total > 0 else 100.0


@cache
def _gaussian() -> _Recursion:
    """Constants of the truncated cosines (Charalampidis 2016, equations 33, 35, 37, 44, 50, 52, 53, 55 to 57)."""
    radius = round(3.2795 * _SIGMA + 0.2546)
    omega = np.array([1, 3, 5]) * math.pi / (2 * radius)
    signs = np.array([1, -1, 1])
    p = signs / np.tan(omega / 2)
    r = signs * p**2 / np.sin(omega)
    rho = np.exp(-(_SIGMA**2) / 2 * omega**2) / radius
    d13, d35, d51 = (p[i] * r[j] - r[i] * p[j] for i, j in ((0, 1), (1, 2), (2, 0)))
    zeta = np.array([d35 / d13, d51 / d13, 1.0])
    beta = np.linalg.solve(np.array([p, r, zeta]), [1.0, radius**2 - _SIGMA**2, float(zeta @ rho)])
    n2, d1 = -beta * np.cos(omega * (radius + 1)), -2 * np.cos(omega)
    # y = n2 x - d1 y' - y'', expanded for four outputs in a row.
    inputs = np.stack([n2, -d1 * n2, d1**2 * n2 - n2, -(d1**3) * n2 + 2 * d1 * n2], axis=1)
    last = np.stack([-d1, d1**2 - 1, -(d1**3) + 2 * d1, d1**4 - 3 * d1**2 + 1], axis=1)
    before = np.stack([-np.ones(3), d1, 1 - d1**2, d1**3 - 2 * d1], axis=1)
    terms = np.stack([inputs, last, before], axis=1)
    return _Recursion(terms.astype(np.float32), n2.astype(np.float32), d1.astype(np.float32))


@cache
def _linear_levels() -> NDArray[np.float32]:
    """(256,): the linear light of each 8-bit level by libjxl's rational polynomial (transfer_functions-inl.h)."""
    above = (2.200248328e-04, 1.043637593e-02, 1.624820318e-01, 7.961564959e-01, 8.210152774e-01)
    below = (2.631846970e-01, 1.076976492e00, 4.987528350e-01, -5.512498495e-02, 6.521209011e-03)
    level = np.arange(256, dtype=np.float32) * np.float32(1 / 255)

    def polynomial(coefficients: tuple[float, ...]) -> NDArray[np.float32]:
        value = np.full(256, coefficients[-1], np.float32)
        for coefficient in reversed(coefficients[:-1]):
            # The product of two float32 is exact in float64: rounded once, as a fused multiply-add is.
            exact = value.astype(np.float64) * level + np.float64(np.float32(coefficient))
            value = exact.astype(np.float32)
        return value

    curve = polynomial(above) / polynomial(below)
    return np.where(level > np.float32(0.04045), curve, level * np.float32(1 / 12.92)).astype(np.float32)
