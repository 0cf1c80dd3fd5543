"""Find the quality of a classical codec at which two variants stand on equal footing: the iso lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from synthcomp_core.codecs import FAMILIES, CodecFamily, CodecId, default_codec_id, parse_codec, rate_bytes
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.variants.rendering import render
from synthcomp_core.variants.variant import Variant

# Encoders are monotone in their quality only almost: around the bisection's end this many neighbours are looked at.
_NEIGHBOURS = 2
BYTES = "bytes"


@dataclass(frozen=True)
class ByteMatch:
    """A variant and the bytes it takes; closest to, and not above, what was asked for."""

    variant: Variant
    num_bytes: int


@dataclass(frozen=True)
class IsoQuantity:
    """What can be held fixed. tolerance: of the value itself, or of its ratio to the target when ``relative``."""

    name: str
    label: str
    tolerance: float
    relative: bool = False
    higher_with_quality: bool = True
    decimals: int = 4
    unit: str = ""


ISO_QUANTITIES: dict[str, IsoQuantity] = {
    quantity.name: quantity
    for quantity in (
        IsoQuantity(BYTES, "size", 0.02, relative=True, decimals=0, unit=" bytes"),
        IsoQuantity("psnr_rgb", "PSNR", 0.05, decimals=2, unit=" dB"),
        IsoQuantity("msssim_rgb", "MS-SSIM", 0.0005),
        IsoQuantity("flip", "FLIP", 0.001, higher_with_quality=False),
    )
}


@dataclass(frozen=True)
class IsoMatch:
    """The closest variant to a target.

    value: what it reaches of ``quantity``, whose ``target`` was asked for. why_not: one sentence when that is outside
    the quantity's tolerance, else None.
    """

    variant: Variant
    quantity: str
    target: float
    value: float
    why_not: str | None


def match_bytes(image: Image, variant: Variant, max_num_bytes: int, *, on_progress: OnProgress = silent) -> ByteMatch:
    """The quality of ``variant``'s classical codec whose bytes come closest to ``max_num_bytes`` from below.

    variant: any quality; its scale is kept. SynthcompError when its codec has no quality, or when even its lowest
    quality takes more.
    """
    family, qualities = _searchable(variant)
    search = _Search(qualities, _byte_counter(image, variant), family.name, on_progress)
    search.bisect(max_num_bytes, rising=True)
    fitting = [quality for quality, size in search.values.items() if size <= max_num_bytes]
    if not fitting:
        raise SynthcompError(
            f"Even {family.name}-q{qualities[0]} takes {min(search.values.values()):,.0f} bytes on this image, "
            f"more than the {max_num_bytes:,} to match."
        )
    best = max(fitting, key=lambda quality: (search.values[quality], quality))
    on_progress(1.0, "matched")
    return ByteMatch(_at_quality(variant, best), int(search.values[best]))


def match(
    image: Image, variant: Variant, quantity: str, target: float, *, on_progress: OnProgress = silent
) -> IsoMatch:
    """The quality of ``variant``'s classical codec that comes closest to ``target`` of ``quantity`` on an image.

    variant: any quality; its scale and upscaler are kept. quantity: a name in ISO_QUANTITIES; metrics are those of the
    final image against ``image``. SynthcompError when the codec has no quality, or the metric is not defined at this
    size.
    """
    if quantity not in ISO_QUANTITIES:
        raise SynthcompError(f"Unknown quantity to hold {quantity!r}: use {', '.join(ISO_QUANTITIES)}.")
    info = ISO_QUANTITIES[quantity]
    family, qualities = _searchable(variant)
    value_of = _byte_counter(image, variant) if quantity == BYTES else _metric_reader(image, variant, quantity)
    search = _Search(qualities, value_of, family.name, on_progress)
    search.bisect(target, rising=info.higher_with_quality)
    values = search.values
    # Of equally close ones the cheaper: the lower quality.
    best = min(values, key=lambda quality: (_distance(values[quality], target), quality))
    value = values[best]
    within = value == target or abs(value - target) <= info.tolerance * (abs(target) if info.relative else 1.0)
    on_progress(1.0, "matched")
    why_not = None if within else _why_not(family, info, target, search)
    return IsoMatch(_at_quality(variant, best), quantity, target, value, why_not)


class _Search:
    """Bisection over the qualities of one codec, keeping what was tried."""

    def __init__(self, qualities: range, value_of: Callable[[int], float], name: str, on_progress: OnProgress) -> None:
        self.qualities, self.name, self.on_progress = qualities, name, on_progress
        self.values: dict[int, float] = {}
        self._value_of = value_of
        self._expected = len(qualities).bit_length() + 2 * _NEIGHBOURS

    def value(self, quality: int) -> float:
        if quality not in self.values:
            self.on_progress(min(len(self.values) / self._expected, 0.99), f"trying {self.name}-q{quality}")
            self.values[quality] = self._value_of(quality)
        return self.values[quality]

    def bisect(self, target: float, *, rising: bool) -> None:
        """Try the qualities around the highest one that is not beyond ``target``."""
        low, high = 0, len(self.qualities) - 1
        while low < high:
            middle = (low + high + 1) // 2
            value = self.value(self.qualities[middle])
            if (value <= target) if rising else (value >= target):
                low = middle
            else:
                high = middle - 1
        for index in range(max(0, low - _NEIGHBOURS), min(len(self.qualities), low + _NEIGHBOURS + 1)):
            self.value(self.qualities[index])


def _searchable(variant: Variant) -> tuple[CodecFamily, range]:
    family = FAMILIES.get(CodecId.family_of(variant.codec))
    if family is None or family.qualities is None:
        raise SynthcompError(f"{variant.codec} has no quality to match; choose a classical codec such as WebP.")
    return family, family.qualities


def _at_quality(variant: Variant, quality: int) -> Variant:
    # The quality that the variant has does not matter, and may be none that its family knows.
    codec_id = default_codec_id(CodecId.family_of(variant.codec)).at_quality(quality)
    return dataclasses.replace(variant, codec=str(codec_id))


def _byte_counter(image: Image, variant: Variant) -> Callable[[int], float]:
    source = downscale(image, variant.scale)

    def count(quality: int) -> float:
        codec_id = _at_quality(variant, quality).codec
        return rate_bytes(codec_id, parse_codec(codec_id).encode(source))

    return count


def _metric_reader(image: Image, variant: Variant, name: str) -> Callable[[int], float]:
    def read(quality: int) -> float:
        rendering = render(image, _at_quality(variant, quality))
        value = getattr(measure(image, rendering.image, metrics=(name,)), name)
        if value is None:
            raise SynthcompError(f"{METRICS[name].label} is not defined for images this small; hold another quantity.")
        return float(value)

    return read


def _distance(value: float, target: float) -> float:
    # Infinite PSNR equals infinite PSNR, and is infinitely far from anything else.
    return 0.0 if value == target else abs(value - target)


def _why_not(family: CodecFamily, info: IsoQuantity, target: float, search: _Search) -> str:
    """The sentence that says why no quality comes within the tolerance."""

    def shown(value: float) -> str:
        return f"{value:,.{info.decimals}f}{info.unit}"

    below = [quality for quality, value in search.values.items() if value < target]
    above = [quality for quality, value in search.values.items() if value > target]
    if not below or not above:
        quality = min(search.values, key=lambda quality: (_distance(search.values[quality], target), quality))
        end = "highest" if quality > search.qualities[len(search.qualities) // 2] else "lowest"
        return (
            f"{family.label} cannot reach {info.label} {shown(target)} on this image: "
            f"its {end} quality, {quality}, reaches {shown(search.values[quality])}."
        )
    under = max(below, key=lambda quality: search.values[quality])
    over = min(above, key=lambda quality: search.values[quality])
    first, second = sorted((under, over))
    return (
        f"{family.label}'s whole qualities are too coarse for {info.label} {shown(target)} on this image: "
        f"quality {first} reaches {shown(search.values[first])} and {second} reaches {shown(search.values[second])}."
    )
