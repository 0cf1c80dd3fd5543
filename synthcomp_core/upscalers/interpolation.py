"""Upscaling by plain interpolation: nearest, bilinear, bicubic, Lanczos."""

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import RESIZE_METHODS, Image, resize
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic

METHODS = tuple(RESIZE_METHODS)


class Interpolation:
    """An Upscaler (see the package) that calls Pillow's resize, which is antialiased where it shrinks.

    method, also the upscaler's id: nearest, bilinear, bicubic (a = -0.5) or lanczos (3 lobes).
    SynthcompError for any other.
    """

    def __init__(self, method: str) -> None:
        if method not in METHODS:
            raise SynthcompError(f"Unknown interpolation {method!r}: use one of {', '.join(METHODS)}.")
        self.id = method
        self.arithmetic: Arithmetic | None = None

    def upscale(self, image: Image, size: tuple[int, int], *, on_progress: OnProgress = silent) -> Image:
        """The (H, W, 3) uint8 image at ``size`` = (width, height), any size from 1x1, image centres coinciding."""
        on_progress(0.0, self.id)
        upscaled = resize(image, size, method=self.id)
        on_progress(1.0, self.id)
        return upscaled
