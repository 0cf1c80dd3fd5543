"""Snapdragon Game Super Resolution 1 on any image: upscaling and sharpening in one pass of twelve taps.

Written from the published description of Snapdragon GSR v1.0.0 (github.com/SnapdragonStudios/snapdragon-gsr,
BSD-3-Clause, (c) 2023 Qualcomm Innovation Center, Inc.), with the settings it comes with: mode RGBA, edge threshold
8/255, edge sharpness 2. Green stands for luma. Where it changes around a position, twelve pixels are averaged by a
Lanczos-like window, the more evenly the flatter the neighbourhood; the doubled deviation from the mean of the nearest
four, held to their range, replaces that of the bilinear value, and all three colours change by as much. The window may
follow the direction of the edge, which is an option there (``UseEdgeDirection``) and here the id ``gsr1_edge``.
"""

from __future__ import annotations

import numpy as np

from synthcomp_core.images import Image, check_image
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic, in_bands
from synthcomp_core.upscalers.positions import check_target, source_positions

_BAND_ROWS = 64


class Gsr1:
    """An Upscaler (see the package), ``gsr1``, or with a window that follows edges (``directed``), ``gsr1_edge``."""

    def __init__(self, *, directed: bool = False) -> None:
        self.directed = directed
        self.arithmetic: Arithmetic | None = None
        self.id = "gsr1_edge" if directed else "gsr1"

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image:
        """The (H, W, 3) uint8 image at ``size`` = (width, height), any size from 1x1; edge pixels repeat outwards."""
        from synthcomp_core.upscalers import gsr1_kernels

        check_image(image)
        check_target(size)
        image = np.ascontiguousarray(image)
        columns, offsets = source_positions(image.shape[1], size[0])
        rows, row_offsets = source_positions(image.shape[0], size[1])
        out = np.empty((size[1], size[0], 3), np.uint8)

        def fill(start: int, stop: int) -> None:
            gsr1_kernels.gsr1_rows(image, rows, row_offsets, columns, offsets, self.directed, start, out[start:stop])

        on_progress(0.0, self.id)
        in_bands(size[1], _BAND_ROWS, fill, on_done=lambda share: on_progress(share, self.id))
        return out
