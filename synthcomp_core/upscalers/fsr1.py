"""AMD FidelityFX Super Resolution 1.0 on any image: EASU upsampling and RCAS sharpening, exact to float32 rounding.

Ported from AMD's published description, ffx_fsr1.h v1.20210629 (FidelityFX FSR v1.0.2, MIT licence,
(c) 2021 Advanced Micro Devices, Inc.), its 32-bit path: AMD's approximate reciprocals included, no denoise, and
between the passes nothing is rounded to 8 bits. FSR wants perceptually encoded input, so it works on the sRGB
values of the 8-bit image as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, check_image
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic, in_bands
from synthcomp_core.upscalers.positions import check_target
from synthcomp_core.upscalers.tiling import FloatImage

FSR_MODES = {"ultra-quality": 1.3, "quality": 1.5, "balanced": 1.7, "performance": 2.0}  # scale per side
DEFAULT_SHARPNESS = 0.2  # stops; what AMD recommends (integration guide, slide 25)
MAX_SHARPNESS = 20.0  # stops; from about 2 on nothing changes that one could see
MAX_SCALE = 2.0  # per side, 4x area: how far AMD supports EASU
_BAND_ROWS = 64


def easu(image: Image, size: tuple[int, int]) -> FloatImage:
    """EASU, the upsampling pass: (height, width, 3) float32 in [0, 1] for ``size`` = (width, height).

    Any sizes from 1x1, shrinking included, though AMD supports 1x to 4x area only (see ``range_note``). At equal
    sizes it is not the identity. Edge texels are repeated outwards; image centres coincide, there is no shift.
    """
    upsampling = _Upsampling.prepare(image, size)
    out = np.empty((size[1], size[0], 3), np.float32)

    def fill(start: int, stop: int) -> None:
        upsampling.rows(start, out[start:stop])

    in_bands(size[1], _BAND_ROWS, fill)
    return out


def rcas(picture: FloatImage, stops: float) -> FloatImage:
    """RCAS, the sharpening pass, of an (H, W, 3) float32 picture in [0, 1]; unclipped float32.

    stops: 0 is the sharpest, each further stop halves the strength. Outside the picture is black, so that the
    outermost ring is not sharpened. AMD's reciprocal darkens by up to 0.3 %, as theirs does.
    """
    from synthcomp_core.upscalers import fsr1_kernels

    strength = _strength(stops)
    picture = np.ascontiguousarray(picture, np.float32)
    out = np.empty_like(picture)

    def fill(start: int, stop: int) -> None:
        fsr1_kernels.rcas_rows(picture, start, strength, out[start:stop])

    in_bands(picture.shape[0], _BAND_ROWS, fill)
    return out


class Fsr1:
    """An Upscaler (see the package): EASU, then RCAS unless ``sharpness`` (in stops) is None.

    The id is ``fsr1`` at the default of 0.2 stops, else ``fsr1_s<stops>`` or ``fsr1_off``.
    """

    def __init__(self, sharpness: float | None = DEFAULT_SHARPNESS) -> None:
        if sharpness is not None:
            _strength(sharpness)
        self.sharpness = sharpness
        self.arithmetic: Arithmetic | None = None
        if sharpness is None:
            self.id = "fsr1_off"
        else:
            self.id = "fsr1" if sharpness == DEFAULT_SHARPNESS else f"fsr1_s{sharpness:g}"

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image:
        """The (H, W, 3) uint8 image at ``size`` = (width, height), any size from 1x1.

        Output value: floor(clip(value, 0, 1) * 255 + 0.5). The passes run band by band, so that beside input and
        output only some ten float32 planes of the input are held.
        """
        from synthcomp_core.upscalers import fsr1_kernels

        width, height = size
        upsampling = _Upsampling.prepare(image, size)
        strength = None if self.sharpness is None else _strength(self.sharpness)
        out = np.empty((height, width, 3), np.uint8)

        def fill(start: int, stop: int) -> None:
            # RCAS needs a row more on each side; at the image's border there is none, and it reads black.
            halo_start, halo_stop = max(start - 1, 0), min(stop + 1, height)
            band = np.empty((halo_stop - halo_start, width, 3), np.float32)
            upsampling.rows(halo_start, band)
            if strength is not None:
                sharpened = np.empty_like(band[: stop - start])
                fsr1_kernels.rcas_rows(band, start - halo_start, strength, sharpened)
            else:
                sharpened = band[start - halo_start : stop - halo_start]
            fsr1_kernels.round_rows(sharpened, out[start:stop])

        on_progress(0.0, self.id)
        in_bands(height, _BAND_ROWS, fill, on_done=lambda share: on_progress(share, self.id))
        return out


def range_note(source: tuple[int, int], size: tuple[int, int], *, name: str = "FSR 1") -> str | None:
    """One sentence when scaling (width, height) ``source`` to ``size`` leaves what AMD supports, 1x to 4x area.

    name: of the upscaler; those of NVIDIA and Qualcomm are made for the same range.
    """
    scales = [size[axis] / source[axis] for axis in (0, 1)]
    # A target of whole pixels may lie half a pixel off the scale that was meant.
    slack = [0.5 / source[axis] for axis in (0, 1)]
    if all(1 - s <= scale <= MAX_SCALE + s for scale, s in zip(scales, slack, strict=True)):
        return None
    return (
        f"{name} is made for 1x to 2x per side; {source[0]} x {source[1]} to {size[0]} x {size[1]} is "
        f"{scales[0]:.2f}x by {scales[1]:.2f}x, where quality falls off."
    )


_SCREENS = ((1280, 720), (1920, 1080), (2560, 1080), (2560, 1440), (3440, 1440), (3840, 1600), (3840, 2160))


def mode_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """(width, height) scaled up by ``scale`` per side: to the screen it is made for by AMD's table, else halves up.

    A game renders 1129 x 635 for 1920 x 1080 at the mode Balanced, though 1.7 times that is 1919 x 1080: AMD's inputs
    are the screen's sides divided and rounded, now up, now down.

    >>> mode_size(1280, 720, FSR_MODES["quality"])
    (1920, 1080)
    >>> mode_size(1129, 635, FSR_MODES["balanced"])
    (1920, 1080)
    """
    for screen in _SCREENS:
        inputs = [whole / scale for whole in screen]
        sides = zip((width, height), inputs, strict=True)
        if all(math.floor(wanted) <= side <= math.ceil(wanted) for side, wanted in sides):
            return screen
    return max(1, math.floor(width * scale + 0.5)), max(1, math.floor(height * scale + 0.5))


@dataclass(frozen=True)
class _Upsampling:
    """EASU made ready for one image and size: padded planes, slopes, and where each output column and row falls."""

    planes: NDArray[np.float32]
    slopes: NDArray[np.float32]
    columns: NDArray[np.int64]
    offsets: NDArray[np.float32]
    ratio: np.float32
    origin: np.float32

    @classmethod
    def prepare(cls, image: Image, size: tuple[int, int]) -> _Upsampling:
        from synthcomp_core.upscalers import fsr1_kernels

        check_image(image)
        check_target(size)
        image = np.ascontiguousarray(image)
        height, width = image.shape[:2]
        margin = fsr1_kernels.MARGIN
        padded = (height + 2 * margin, width + 2 * margin)
        planes = np.empty((3, *padded), np.float32)
        slopes = np.empty((*padded, 4), np.float32)

        def fill(start: int, stop: int) -> None:
            fsr1_kernels.prepare_rows(image, planes, slopes, start, stop)

        in_bands(padded[0], _BAND_ROWS, fill)
        ratio_x, origin_x = _constants(width, size[0])
        ratio_y, origin_y = _constants(height, size[1])
        positions = np.arange(size[0], dtype=np.float32) * ratio_x + origin_x
        whole = np.floor(positions)
        return cls(planes, slopes, whole.astype(np.int64) + margin, positions - whole, ratio_y, origin_y)

    def rows(self, start: int, out: FloatImage) -> None:
        """Fill ``out`` (rows, width, 3) with the output rows from ``start``."""
        from synthcomp_core.upscalers import fsr1_kernels

        fsr1_kernels.easu_rows(
            self.planes, self.slopes, self.columns, self.offsets, self.ratio, self.origin, start, out
        )


def _constants(source: int, target: int) -> tuple[np.float32, np.float32]:
    """One axis of FsrEasuCon's con0: input pixels an output pixel, and where output pixel 0 falls."""
    reciprocal = np.float32(1) / np.float32(target)
    half = np.float32(0.5)
    return np.float32(source) * reciprocal, half * np.float32(source) * reciprocal - half


def _strength(stops: float) -> np.float32:
    """FsrRcasCon's con.x; SynthcompError unless ``stops`` lies in 0..20."""
    if not 0 <= stops <= MAX_SHARPNESS:
        raise SynthcompError(f"Sharpness is {stops:g} stops; it must lie between 0 (sharpest) and {MAX_SHARPNESS:g}.")
    return np.float32(np.exp2(-np.float32(stops)))
