"""Find the quality of a classical codec at which two variants stand on equal footing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from synthcomp_core.codecs import encode, parse_codec
from synthcomp_core.codecs.classical import FAMILIES, rate_bytes
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, resize
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.variants import DOWNSCALING, Variant, coded_size

# Encoders are monotone in their quality only almost: around the bisection's end this many neighbours are looked at.
_NEIGHBOURS = 2


@dataclass(frozen=True)
class ByteMatch:
    """A variant and the bytes it takes; closest to, and not above, what was asked for."""

    variant: Variant
    num_bytes: int


def match_bytes(image: Image, variant: Variant, max_num_bytes: int, *, on_progress: OnProgress = silent) -> ByteMatch:
    """The quality of ``variant``'s classical codec whose bytes come closest to ``max_num_bytes`` from below.

    variant: any quality; its scale is kept. SynthcompError when its codec has no quality, or when even its lowest
    quality takes more.
    """
    family_name = variant.codec.partition("-q")[0]
    family = FAMILIES.get(family_name)
    if family is None or family.qualities is None:
        raise SynthcompError(f"{variant.codec} has no quality to match; choose a classical codec such as WebP.")
    height, width = image.shape[:2]
    low = coded_size(width, height, variant.scale)
    source = image if low == (width, height) else resize(image, low, method=DOWNSCALING)
    qualities = list(family.qualities)
    sizes: dict[int, int] = {}
    expected = len(qualities).bit_length() + 2 * _NEIGHBOURS

    def size_of(index: int) -> int:
        if index not in sizes:
            codec_id = f"{family_name}-q{qualities[index]}"
            on_progress(min(len(sizes) / expected, 0.99), f"trying {codec_id}")
            sizes[index] = rate_bytes(codec_id, encode(parse_codec(codec_id), source).bitstream)
        return sizes[index]

    low_index, high_index = 0, len(qualities) - 1
    while low_index < high_index:
        middle = (low_index + high_index + 1) // 2
        if size_of(middle) <= max_num_bytes:
            low_index = middle
        else:
            high_index = middle - 1
    for index in range(max(0, low_index - _NEIGHBOURS), min(len(qualities), low_index + _NEIGHBOURS + 1)):
        size_of(index)
    fitting = [index for index in sizes if sizes[index] <= max_num_bytes]
    if not fitting:
        raise SynthcompError(
            f"Even {family_name}-q{qualities[0]} takes {min(sizes.values()):,} bytes on this image, "
            f"more than the {max_num_bytes:,} to match."
        )
    best = max(fitting, key=lambda index: (sizes[index], index))
    on_progress(1.0, "matched")
    return ByteMatch(dataclasses.replace(variant, codec=f"{family_name}-q{qualities[best]}"), sizes[best])
