"""NVIDIA Image Scaling 1.0 (NVScaler) on any image: directional upscaling and adaptive sharpening in one pass.

Written from the published description of the NVIDIA Image Scaling SDK v1.0.3 (github.com/NVIDIAGameWorks/
NVIDIAImageScaling, MIT licence, (c) 2022 NVIDIA CORPORATION & AFFILIATES), its mode for standard dynamic range. Luma
alone is filtered: by a 6x6 filter where there is no edge, and along one or two of four directions, by six pixels and
sharpened, where there is one; the change in luma is added to the bilinear colour.

The SDK holds its two filters as tables of 64 phases. Here they are computed: the smoothing one is Lanczos's of three
lobes, rounded to 1/2048, within 1/2048 of the table; the sharpening one is a curve fitted to the table, within 5/2048
of it. That is less than one step of 8 bits in the output.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, check_image
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic, in_bands
from synthcomp_core.upscalers.positions import check_target, source_positions

DEFAULT_SHARPNESS = 0.5  # What the SDK's samples use.
_BAND_ROWS = 64
_TAPS, _PHASES = 6, 64
_STEP = 2048  # Both tables hold multiples of 1/2048.
# The sharpening filter over the distance from the position, a polynomial for each pixel of distance, from the highest
# power; the filter is even, zero from a distance of 3 on, and sums up to zero.
_SHARP = (
    (-0.6543, 0.8134, 3.385, -5.3801, 0.0357, 1.2002),
    (0.619, -0.5744, -2.3155, 3.4763, -0.6053, -0.6001),
    (-0.0107, -0.1283, 0.4671, -0.5085, 0.1804, 0.0),
)


class Nis:
    """An Upscaler (see the package). sharpness: 0 (not sharpened) to 1; the id is ``nis`` at 0.5, else ``nis_s<n>``."""

    def __init__(self, sharpness: float = DEFAULT_SHARPNESS) -> None:
        if not 0 <= sharpness <= 1:
            raise SynthcompError(
                f"The sharpness of NVIDIA Image Scaling is {sharpness:g}; it must lie between 0 and 1."
            )
        self.sharpness = sharpness
        self.arithmetic: Arithmetic | None = None
        self.id = "nis" if sharpness == DEFAULT_SHARPNESS else f"nis_s{sharpness:g}"

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image:
        """The (H, W, 3) uint8 image at ``size`` = (width, height), any size from 1x1; edge pixels repeat outwards."""
        from synthcomp_core.upscalers import nis_kernels as kernels

        check_image(image)
        check_target(size)
        image = np.ascontiguousarray(image)
        height, width = image.shape[:2]
        luma = np.empty((height + 2 * kernels.MARGIN, width + 2 * kernels.MARGIN), np.float32)
        weights = np.empty((height + 2, width + 2, 4), np.float32)
        in_bands(luma.shape[0], _BAND_ROWS, lambda start, stop: kernels.luma_rows(image, luma, start, stop))
        in_bands(height + 2, _BAND_ROWS, lambda start, stop: kernels.edge_rows(luma, weights, start, stop))
        columns, offsets = source_positions(width, size[0])
        rows, row_offsets = source_positions(height, size[1])
        smooth, sharp = filters()
        strength = sharpening(self.sharpness)
        out = np.empty((size[1], size[0], 3), np.uint8)

        def fill(start: int, stop: int) -> None:
            kernels.nis_rows(
                image, luma, weights, rows, row_offsets, columns, offsets, smooth, sharp, strength, start,
                out[start:stop],
            )  # fmt: skip

        on_progress(0.0, self.id)
        in_bands(size[1], _BAND_ROWS, fill, on_done=lambda share: on_progress(share, self.id))
        return out


@cache
def filters() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The smoothing and the sharpening filter, (phases, taps) float32; taps lie from 2 before to 3 after the pixel."""
    distances = np.arange(_PHASES)[:, None] / _PHASES - (np.arange(_TAPS)[None, :] - 2)
    lanczos = np.where(abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0.0)
    smooth = np.round(lanczos / lanczos.sum(axis=1, keepdims=True) * _STEP) / _STEP
    sharp = np.zeros_like(smooth)
    for pixel, coefficients in enumerate(_SHARP):
        inside = (abs(distances) >= pixel) & (abs(distances) < pixel + 1)
        sharp = np.where(inside, np.polyval(coefficients, abs(distances) - pixel), sharp)
    sharp = np.round(sharp * _STEP) / _STEP
    for kernel, total in ((smooth, 1.0), (sharp, 0.0)):
        # What rounding leaves goes to the nearest pixel, where it weighs least.
        nearest = abs(distances).argmin(axis=1)
        kernel[np.arange(_PHASES), nearest] += total - kernel.sum(axis=1)
    return smooth.astype(np.float32), sharp.astype(np.float32)


def sharpening(sharpness: float) -> NDArray[np.float32]:
    """(strength in bright luma, how much more in dark, limit in bright, how much more in dark) for 0..1, 4 float32."""
    slider = sharpness - 0.5
    # NVIDIA's ranges: none at 0, and not too much at 1.
    weak, strong = (1.25, 1.25) if slider >= 0 else (1.0, 1.75)
    strength_low, strength_high = max(0.0, 0.4 + slider * weak * 1.2), 1.6 + slider * strong * 1.8
    limit_low, limit_high = max(0.1, 0.14 + slider * weak * 0.32), 0.5 + slider * weak * 0.6
    return np.array([strength_low, strength_high - strength_low, limit_low, limit_high - limit_low], np.float32)
