"""Images with transparency through an upscaler: colours without their hidden edges, and alpha beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from synthcomp_core.images import Image
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.upscalers import Upscaler

Alpha = NDArray[np.uint8]  # (H, W), 255 = opaque
_RADII = (2, 8, 32)  # pixels: how far colours are carried into what is transparent, the nearest first


def upscale_with_alpha(
    upscaler: Upscaler, image: Image, alpha: Alpha, size: tuple[int, int], *, on_progress: OnProgress = silent
) -> tuple[Image, Alpha]:
    """Colours (H, W, 3) uint8, not multiplied by alpha, and alpha (H, W) uint8, both at ``size`` = (width, height).

    Alpha goes through the same upscaler, as a grey image. What is wholly transparent takes the colours beside it
    first: otherwise its own, which nobody sees, would show at the edges.
    """
    colours = upscaler.upscale(with_colours_beside(image, alpha), size, on_progress=span(on_progress, 0.0, 0.5))
    grey = np.repeat(alpha[..., None], 3, axis=2)
    enlarged = upscaler.upscale(grey, size, on_progress=span(on_progress, 0.5, 1.0))
    return colours, np.ascontiguousarray(enlarged[..., 1])


def with_colours_beside(image: Image, alpha: Alpha) -> Image:
    """The (H, W, 3) uint8 image with pixels of alpha (H, W) 0 in the mean colour of what is visible near them."""
    if alpha.min() > 0 or alpha.max() == 0:
        return image
    filled = image.copy()
    left = alpha == 0
    weighted = ((image.astype(np.uint16) * alpha[..., None] + 127) // 255).astype(np.uint8)
    for radius in _RADII:
        blur = ImageFilter.BoxBlur(radius)
        weight = np.asarray(PillowImage.fromarray(alpha).filter(blur)).astype(np.float32)
        colour = np.asarray(PillowImage.fromarray(weighted).filter(blur)).astype(np.float32)
        near = left & (weight >= 4)  # below, 8 bits say too little about the colour
        filled[near] = np.clip(colour[near] * 255 / weight[near, None], 0, 255).astype(np.uint8)
        left &= ~near
    visible = image[alpha > 0].mean(axis=0)
    filled[left] = visible.astype(np.uint8)
    return filled
