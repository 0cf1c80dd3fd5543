"""What a viewer shows: images, and overlays on them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from synthcomp_core.figures.viewer.maps import ColourScale, bits_scale, error_scale
from synthcomp_core.images import png_bytes
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Evaluation
from synthcomp_core.variants.names import variant_name

MAX_PICTURES = 9  # one number key each
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


def evaluated_pictures(evaluations: Sequence[Evaluation]) -> tuple[list[Picture], list[Picture]]:
    """What variants made of an image, and the maps over it; keys count from "p1" on, labels are the variants' names."""
    pictures, overlays = [], []
    for number, made in enumerate(evaluations, start=1):
        height, width = made.rendering.image.shape[:2]
        png = png_bytes(made.rendering.image)
        picture = Picture(f"p{number}", variant_name(made.rendering.settled), png, width, height, row_detail(made.row))
        pictures.append(picture)
        error_image, bit_image, bit_map = made.error_image(), made.bit_image(), made.rendering.bit_map
        if error_image is not None:
            overlays.append(error_map_of(picture, png_bytes(error_image)))
        if bit_image is not None and bit_map is not None:
            overlays.append(bit_map_of(picture, png_bytes(bit_image), largest=float(bit_map.max())))
    return pictures, overlays


def row_detail(row: ResultRow) -> str:
    """Rate and PSNR of a row, as far as they are known: the caption of its image."""
    parts = [] if row.bpp is None else [f"{row.bpp:.3f} bpp"]
    if row.psnr_rgb is not None:
        parts.append("identical" if row.psnr_rgb == math.inf else f"{row.psnr_rgb:.2f} dB")
    return ", ".join(parts)


def check_pictures(pictures: Sequence[Picture], overlays: Sequence[Picture]) -> None:
    """ValueError if there are no or too many images, two with the same key, or an overlay on none of them."""
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise ValueError(f"the viewer shows 1 to {MAX_PICTURES} pictures, not {len(pictures)}")
    keys = [picture.key for picture in (*pictures, *overlays)]
    if len(set(keys)) < len(keys):
        raise ValueError(f"pictures and overlays in the viewer need different keys, not {keys}")
    if strays := {overlay.overlay_of for overlay in overlays} - {picture.key for picture in pictures}:
        raise ValueError(f"an overlay must name the picture it covers, not {strays}")


def described_picture(picture: Picture, url: str) -> dict[str, object]:
    """An image as the browser side reads it (`Picture` in scene.js): all but the bytes, which it fetches from `url`."""
    return {
        "key": picture.key,
        "label": picture.label,
        "detail": picture.detail,
        "width": picture.width,
        "height": picture.height,
        "overlay_of": picture.overlay_of,
        "scale": asdict(picture.scale) if picture.scale else None,
        "url": url,
    }
