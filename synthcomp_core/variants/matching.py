"""Find the quality of a classical codec at which two variants stand on equal footing: the iso lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthcomp_core.codecs import FAMILIES, CodecFamily, CodecId, default_codec_id, parse_codec, rate_bytes
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.variants.rendering import render_settled
from synthcomp_core.variants.search import QualitySearch
from synthcomp_core.variants.variant import Variant

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
    """The whole quality of ``variant``'s classical codec whose bytes come closest to ``max_num_bytes`` from below.

    variant: any quality; its options and scale are kept. SynthcompError when its codec has no quality, or when even its
    lowest quality takes more.
    """
    _, qualities = _searchable(variant)
    search = _search(variant, qualities, _byte_counter(image, variant), on_progress)
    search.bisect(lambda value: value <= max_num_bytes)
    fitting = [quality for quality, size in search.values.items() if size <= max_num_bytes]
    if not fitting:
        raise SynthcompError(
            f"Even {_at_quality(variant, qualities[0]).codec} takes {min(search.values.values()):,.0f} bytes "
            f"on this image, more than the {max_num_bytes:,} to match."
        )
    best = max(fitting, key=lambda quality: (search.values[quality], quality))
    on_progress(1.0, "matched")
    return ByteMatch(_at_quality(variant, best), int(search.values[best]))


def match(
    image: Image, variant: Variant, quantity: str, target: float, *, on_progress: OnProgress = silent
) -> IsoMatch:
    """The quality of ``variant``'s classical codec that comes closest to ``target`` of ``quantity`` on an image.

    variant: any quality; its options, scale and upscaler are kept. quantity: a name in ISO_QUANTITIES; metrics are
    those of the final image against ``image``. SynthcompError when the codec has no quality, or the metric is not
    defined at this size.
    """
    if quantity not in ISO_QUANTITIES:
        raise SynthcompError(f"Unknown quantity to hold {quantity!r}: use {', '.join(ISO_QUANTITIES)}.")
    info = ISO_QUANTITIES[quantity]
    family, _ = _searchable(variant)
    value_of = _byte_counter(image, variant) if quantity == BYTES else _metric_reader(image, variant, quantity)
    search = _search(variant, family.quality_levels, value_of, on_progress)
    rises = info.higher_with_quality
    search.bisect(lambda value: (value <= target) if rises else (value >= target))
    values = search.values
    # Of equally close ones the cheaper: the lower quality.
    best = min(values, key=lambda quality: (_distance(values[quality], target), quality))
    value = values[best]
    within = value == target or abs(value - target) <= info.tolerance * (abs(target) if info.relative else 1.0)
    on_progress(1.0, "matched")
    why_not = None if within else _why_not(family, info, target, search)
    return IsoMatch(_at_quality(variant, best), quantity, target, value, why_not)


def _searchable(variant: Variant) -> tuple[CodecFamily, range]:
    family = FAMILIES.get(CodecId.family_of(variant.codec))
    if family is None or family.qualities is None:
        raise SynthcompError(f"{variant.codec} has no quality to match; choose a classical codec such as WebP.")
    return family, family.qualities


def _search(
    variant: Variant, levels: Sequence[float], value_of: Callable[[float], float], on_progress: OnProgress
) -> QualitySearch[float]:
    return QualitySearch(
        levels,
        lambda quality, _: value_of(quality),
        name_of=lambda quality: _at_quality(variant, quality).codec,
        on_progress=on_progress,
    )


def _at_quality(variant: Variant, quality: float) -> Variant:
    try:
        codec_id = variant.codec_id
    except SynthcompError:  # The quality that the variant has does not matter, and may be none that its family knows.
        codec_id = default_codec_id(CodecId.family_of(variant.codec))
    return dataclasses.replace(variant, codec=str(codec_id.at_quality(quality)))


def _byte_counter(image: Image, variant: Variant) -> Callable[[float], float]:
    source = downscale(image, variant.scale)

    def count(quality: float) -> float:
        codec_id = _at_quality(variant, quality).codec
        return rate_bytes(codec_id, parse_codec(codec_id).encode(source))

    return count


def _metric_reader(image: Image, variant: Variant, name: str) -> Callable[[float], float]:
    def read(quality: float) -> float:
        rendering = render_settled(image, _at_quality(variant, quality))
        value = getattr(measure(image, rendering.image, metrics=(name,)), name)
        if value is None:
            raise SynthcompError(f"{METRICS[name].label} is not defined for images this small; hold another quantity.")
        return float(value)

    return read


def _distance(value: float, target: float) -> float:
    # Infinite PSNR equals infinite PSNR, and is infinitely far from anything else.
    return 0.0 if value == target else abs(value - target)


def _why_not(family: CodecFamily, info: IsoQuantity, target: float, search: QualitySearch[float]) -> str:
    """The sentence that says why no quality comes within the tolerance."""

    def shown(value: float) -> str:
        return f"{value:,.{info.decimals}f}{info.unit}"

    below = [quality for quality, value in search.values.items() if value < target]
    above = [quality for quality, value in search.values.items() if value > target]
    if not below or not above:
        quality = min(search.values, key=lambda quality: (_distance(search.values[quality], target), quality))
        end = "highest" if quality > search.levels[len(search.levels) // 2] else "lowest"
        return (
            f"{family.label} cannot reach {info.label} {shown(target)} on this image: "
            f"its {end} quality, {quality:g}, reaches {shown(search.values[quality])}."
        )
    under = max(below, key=lambda quality: search.values[quality])
    over = min(above, key=lambda quality: search.values[quality])
    first, second = sorted((under, over))
    return (
        f"{family.label}'s qualities are too coarse for {info.label} {shown(target)} on this image: "
        f"quality {first:g} reaches {shown(search.values[first])}, "
        f"and quality {second:g} reaches {shown(search.values[second])}."
    )
