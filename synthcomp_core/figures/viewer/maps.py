"""Maps over images whose colours stand for numbers: FLIP's error, the bits that a learned codec spent.

The browser reads the numbers back from the colours, so that a map needs no second file: every colour of the scale
stands for one number (`ColourScale`). Both maps are stored without loss.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from synthcomp_core.metrics import flip_colours

_LEVELS = 256


@dataclass(frozen=True)
class ColourScale:
    """How the colours of a map give its numbers back.

    Colour i of the 256 stands for `first + i / 255 * (last - first)`. `quantity` is what the number is called in the
    status line ("FLIP error"), `unit` what it is counted in, "" if nothing. The scale drawn beside the image reaches
    from 0 to `highest`. `colours` are 256 RGB colours as six hexadecimal digits each.
    """

    quantity: str
    unit: str
    colours: str
    first: float
    last: float
    highest: float


@cache
def error_scale() -> ColourScale:
    """The scale of `flip_colours`: level i of the 256 is the error i / 255."""
    colours = flip_colours(np.arange(_LEVELS, dtype=np.float32)[None] / (_LEVELS - 1))
    return ColourScale("FLIP error", "", colours.tobytes().hex(), 0.0, 1.0, 1.0)


def bits_scale(largest: float) -> ColourScale:
    """The scale of `bit_map_image` for a map whose largest number of bits is `largest`.

    A colour stands for the middle of the 1/256 of the range that it covers.
    """
    largest = largest or 1.0
    half_step = largest / (2 * _LEVELS)
    return ColourScale(
        "Bits", "per latent position", _viridis(), first=half_step, last=largest - half_step, highest=largest
    )


@cache
def _viridis() -> str:
    from matplotlib import colormaps

    return str(colormaps["viridis"](np.arange(_LEVELS), bytes=True)[:, :3].tobytes().hex())
