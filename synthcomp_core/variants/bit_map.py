"""Where a learned codec's bits went, as an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.codecs.phases import LATENT_STRIDE
from synthcomp_core.images import Image, crop, resize


def bit_map_image(bit_map: NDArray[np.float32], coded_size: tuple[int, int], size: tuple[int, int]) -> Image:
    """The bits spent per latent position in viridis colours: dark = none, yellow = the most spent anywhere.

    bit_map: float (rows, columns) of the coded image padded to whole latents. coded_size: (width, height) of the
    coded image, which says how much is padding. size: (width, height) of the image returned, (H, W, 3) uint8.
    """
    from matplotlib import colormaps

    largest = float(bit_map.max()) or 1.0
    coloured = colormaps["viridis"](np.clip(bit_map / largest, 0.0, 1.0), bytes=True)[:, :, :3]
    blocks = np.repeat(np.repeat(coloured, LATENT_STRIDE, axis=0), LATENT_STRIDE, axis=1)
    visible = crop(np.ascontiguousarray(blocks), *coded_size)
    return visible if coded_size == size else resize(visible, size, method="nearest")
