"""Variants ``files:NAME``: an image's rendering read from a set in the library instead of being made here."""

from __future__ import annotations

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, read_image
from synthcomp_core.library.renderings import cut_to_size, find_renderings, read_set
from synthcomp_core.variants.opened_results import check_made_of, cut_padding, is_opened
from synthcomp_core.variants.rendering import Rendering
from synthcomp_core.variants.variant import Variant


def read_rendering(image: Image, variant: Variant, image_name: str) -> Rendering:
    """The rendering of an (H, W, 3) image of this name: cut to its size, without bitstream, bit map and times.

    num_bytes: 0 where no rate is known. SynthcompError when the set has none of the name, a smaller one, or one that
    was opened for another image.
    """
    if variant.scale is not None:
        raise SynthcompError(f"{variant} asks for an upscaler, but renderings are final: write {variant.codec}.")
    content = read_set(find_renderings(variant.codec))
    height, width = image.shape[:2]
    path = content.file(image_name)
    check_made_of(image, variant.codec, image_name)
    whole = read_image(path).image
    found = cut_padding(image, whole) if is_opened(variant.codec) else cut_to_size(whole, width, height)
    num_bytes = content.num_bytes(image_name, size=(width, height))
    return Rendering(
        variant=variant,
        bitstream=b"",
        num_bytes=num_bytes or 0,
        image=found,
        coded_image=found,
        bit_map=None,
        bits_estimated=None,
        encode_s=0.0,
        decode_s=0.0,
        upscale_s=None,
    )
