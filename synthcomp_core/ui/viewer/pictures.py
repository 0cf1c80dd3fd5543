"""What a viewer shows: images, and overlays on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.ui.viewer.maps import ColourScale, bits_scale, error_scale

ERROR_MAP_LABEL = "FLIP error map"
BIT_MAP_LABEL = "Bit map"


@dataclass(frozen=True)
class Picture:
    """One image, or an overlay on one, as the viewer receives it.

    `key` is stable across reruns ("original", "a"); `label` and `detail` (a caption such as "0.21 bpp, 32.8 dB") are
    plain text. An overlay names in `overlay_of` the key of the image it covers; overlays with the same label form one
    choice in the toolbar and are stretched over the whole image. `scale` says which numbers the colours of a map stand
    for; None for an image.
    """

    key: str
    label: str
    png: bytes
    width: int
    height: int
    detail: str = ""
    overlay_of: str | None = None
    scale: ColourScale | None = None


def error_map_of(picture: Picture, png: bytes) -> Picture:
    """The overlay with the FLIP error map of an image; `png` holds `flip_colours` of it."""
    key = f"{picture.key}-flip"
    return Picture(key, ERROR_MAP_LABEL, png, picture.width, picture.height, "", picture.key, error_scale())


def bit_map_of(picture: Picture, png: bytes, *, largest: float) -> Picture:
    """The overlay with the bit map of an image; `png` holds `bit_map_image` of it, whose largest value is `largest`.

    The viewer draws the bit maps of all images on one scale, that of the largest.
    """
    key = f"{picture.key}-bits"
    return Picture(key, BIT_MAP_LABEL, png, picture.width, picture.height, "", picture.key, bits_scale(largest))


def picture_numbers(pictures: Sequence[Picture]) -> dict[str, int]:
    """The number under which the viewer shows each image, and the key that shows it alone, by the image's key."""
    return {picture.key: number for number, picture in enumerate(pictures, start=1)}
