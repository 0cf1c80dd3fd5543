"""Decoded samples to 8-bit sRGB: depths, alpha, orientation; arrays only, row by row to save memory."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def eight_bit(samples: NDArray[np.uint16], *, largest: int = 65535) -> Pixels:
    """(H, W) or (H, W, channels) samples of 0..largest as 0..255, rounded, of the same shape.

    Row by row, so that a large image costs no large intermediate.
    """
    out = np.empty(samples.shape, np.uint8)
    for source, target in zip(samples, out, strict=True):
        target[...] = np.minimum((source.astype(np.uint32) * 255 + largest // 2) // largest, 255)
    return out


def as_eight_bit(samples: NDArray[np.generic], largest: int) -> Pixels:
    """(H, W) or (H, W, channels) whole numbers of 0..largest, or floats of 0..1, as 0..255, rounded; same shape."""
    if samples.dtype.kind == "f":
        return np.clip(np.nan_to_num(samples.astype(np.float32)) * 255 + 0.5, 0, 255).astype(np.uint8)
    if largest == 255:
        return samples.astype(np.uint8, copy=False)
    return eight_bit(samples.astype(np.uint16, copy=False), largest=largest)


def with_alpha(pixels: Pixels, alpha: Pixels | None, keep: bool, notes: list[str]) -> Pixels:
    """Colours (H, W, 3) times alpha (H, W), both 0..255, rounded; or with ``keep`` both, (H, W, 4).

    The colours as they are where alpha is absent or opaque everywhere.
    """
    if alpha is None or alpha.min() == 255:
        return pixels
    if keep:
        return np.dstack((pixels, alpha))
    notes.append("transparent parts are shown over black")
    out = np.empty_like(pixels)
    for source, weight, target in zip(pixels, alpha, out, strict=True):
        target[...] = (source.astype(np.uint16) * weight[:, None] + 127) // 255
    return out


def upright(pixels: Pixels, orientation: object) -> Pixels:
    """(H, W, channels) pixels turned as EXIF orientation 1..8 asks, (W, H, channels) from 5 on; others are ignored."""
    match orientation:
        case 2:
            turned = pixels[:, ::-1]
        case 3:
            turned = pixels[::-1, ::-1]
        case 4:
            turned = pixels[::-1]
        case 5:
            turned = pixels.transpose(1, 0, 2)
        case 6:
            turned = np.rot90(pixels, -1)
        case 7:
            turned = pixels[::-1, ::-1].transpose(1, 0, 2)
        case 8:
            turned = np.rot90(pixels, 1)
        case _:
            turned = pixels
    return np.ascontiguousarray(turned)
