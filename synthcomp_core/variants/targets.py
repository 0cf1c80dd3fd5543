"""Variants that aim at a size or a metric's value: the quality that an image needs for it, and rendering with that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from synthcomp_core.codecs import FAMILIES, CodecId, default_codec_id, parse_codec, rate_bytes
from synthcomp_core.codecs.options import LOSSLESS
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.library.snapshots import installed_ids
from synthcomp_core.metrics import METRICS, bits_per_pixel, measure
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.variants.rendering import OnPreview, Rendering, render_settled
from synthcomp_core.variants.search import NEIGHBOURS, QualitySearch
from synthcomp_core.variants.snapshots_of import codec_cards
from synthcomp_core.variants.variant import Variant

_SEARCHED = 0.85  # The search's share of rendering with a target.
_RATES = ("bytes", "bpp")


@dataclass(frozen=True)
class TargetMatch:
    """The quality that an image needs to meet a target.

    variant: at that quality, or of that snapshot, and without the target. value: what it reaches of the target's
    quantity; num_bytes: of its bitstream. tried: how many qualities were encoded to find it.
    """

    variant: Variant
    target: Target
    value: float
    num_bytes: int
    tried: int

    def __str__(self) -> str:
        """What was reached and what was asked for, in words."""
        kind, bound = self.target.kind, "at most" if self.target.kind.is_limit else "at least"
        return f"{kind.label} {kind.shown(self.value)} (asked for: {bound} {kind.shown(self.target.value)})"


def match_target(
    image: Image,
    variant: Variant,
    target: Target | None = None,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> TargetMatch:
    """The quality at which a variant meets a target on an (H, W, 3) image.

    variant: a classical codec at any quality or none, or a snapshot whose family (the same model, distortion and
    training set) is chosen from; options, scale and upscaler are kept. target: None = the variant's own. A size or rate
    is filled as far as possible; any other target is met with as few bytes as possible, measured on the final image.
    on_progress: raise ``Cancelled`` from it to stop. SynthcompError, naming what can be reached, for a target out of
    reach; for a codec without qualities; and for a metric that is not defined for so small an image.

    >>> import numpy as np
    >>> frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    >>> match = match_target(frame, Variant.parse("jpeg-bytes4000"))
    >>> match.num_bytes <= 4000, match.variant.codec.startswith("jpeg-q")
    (True, True)
    """
    codec_id = variant.codec_id if target is None else aiming_id(variant.codec, target)
    target = codec_id.target
    if target is None:
        raise SynthcompError(f"{variant} names no target; write one in place of its quality, as in webp-psnr35.")
    levels = levels_of(codec_id)
    sizes: dict[str, int] = {}
    try_codec = _trial(image, variant, target, sizes, precision, device)
    search: QualitySearch[str] = QualitySearch(
        levels,
        try_codec,
        name_of=str,
        on_progress=on_progress,
        neighbours=1 if codec_id.is_learned else NEIGHBOURS,
    )
    met_when_low = target.kind.is_limit == target.kind.rises
    search.bisect(lambda value: target.is_met_by(value) == met_when_low, excess=_excess(target))
    met = [codec for codec, value in search.values.items() if target.is_met_by(value)]
    if not met:
        raise SynthcompError(_out_of_reach(codec_id, target, search, lowest=met_when_low))
    best = (max if met_when_low else min)(met, key=lambda codec: (sizes[codec], levels.index(codec)))
    on_progress(1.0, "matched")
    found = dataclasses.replace(variant, codec=best)
    return TargetMatch(found, target, search.values[best], sizes[best], len(search.values))


def render(
    image: Image,
    variant: Variant,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_preview: OnPreview | None = None,
    on_progress: OnProgress = silent,
) -> Rendering:
    """As :func:`render_settled`, for a variant with a target too, whose quality is searched for first.

    Its ``encode_s`` is of the quality found, without the search.
    """
    if not _has_target(variant):
        return render_settled(
            image, variant, precision=precision, device=device, on_preview=on_preview, on_progress=on_progress
        )
    match = match_target(
        image, variant, precision=precision, device=device, on_progress=span(on_progress, 0.0, _SEARCHED)
    )

    def settled(rendering: Rendering) -> Rendering:
        return dataclasses.replace(rendering, variant=variant, settled_by=match.variant)

    rendering = render_settled(
        image,
        match.variant,
        precision=precision,
        device=device,
        on_preview=None if on_preview is None else lambda preview: on_preview(settled(preview)),
        on_progress=span(on_progress, _SEARCHED, 1.0),
    )
    return settled(rendering)


def _excess(target: Target) -> Callable[[float], float]:
    """How far a value lies from the target; of sizes the logarithm of the ratio, about linear in the quality."""
    if target.kind.quantity in _RATES:
        return lambda value: math.log(value / target.value)
    return lambda value: value - target.value


def _has_target(variant: Variant) -> bool:
    return variant.codec_id.target is not None


def aiming_id(codec: str, target: Target) -> CodecId:
    """A codec's id with the target in place of the quality, which it may lack, as in ``avif+444``."""
    head, *words = codec.split("+")
    if head in FAMILIES and LOSSLESS not in words:
        return CodecId.parse("+".join([str(default_codec_id(head)), *words])).at_target(target)
    return CodecId.parse(codec).at_target(target)


def levels_of(codec_id: CodecId) -> list[str]:
    """The codec's ids at all its qualities, rising."""
    if not codec_id.is_learned:
        return [str(codec_id.at_quality(quality)) for quality in FAMILIES[codec_id.family].quality_levels]
    cards = codec_cards(codec_id)
    if not cards:
        raise SynthcompError(
            f"No installed snapshot is named like {codec_id.family}, so {codec_id} has nothing to choose from; "
            f"installed: {installed_ids('codec')}."
        )
    return [str(CodecId(card.id, options=codec_id.options)) for card in cards]


def _trial(
    image: Image, variant: Variant, target: Target, sizes: dict[str, int], precision: str, device: str | None
) -> Callable[[str, OnProgress], float]:
    """What encodes with one codec and says what it reaches of the target's quantity, and notes its bytes."""
    height, width = image.shape[:2]
    quantity = target.kind.quantity
    source = downscale(image, variant.scale)

    def rate(codec: str, on_progress: OnProgress) -> float:
        bitstream = parse_codec(codec, precision=precision, device=device).encode(source, on_progress=on_progress)
        sizes[codec] = rate_bytes(codec, bitstream)
        return sizes[codec] if quantity == "bytes" else bits_per_pixel(sizes[codec], width, height)

    def metric(codec: str, on_progress: OnProgress) -> float:
        rendering = render_settled(
            image,
            dataclasses.replace(variant, codec=codec),
            precision=precision,
            device=device,
            on_progress=span(on_progress, 0.0, 0.8),
        )
        sizes[codec] = rendering.num_bytes
        value = getattr(measure(image, rendering.image, metrics=(quantity,)), quantity)
        if value is None:
            raise SynthcompError(
                f"{METRICS[quantity].label} is not defined for an image of {width} x {height}; aim at something else."
            )
        return float(value)

    return rate if quantity in _RATES else metric


def _out_of_reach(codec_id: CodecId, target: Target, search: QualitySearch[str], *, lowest: bool) -> str:
    """The sentence that says how near the codec comes."""
    kind, label = target.kind, codec_id.family if codec_id.is_learned else FAMILIES[codec_id.family].label
    nearest = (min if kind.is_limit else max)(search.values, key=lambda codec: search.values[codec])
    what, whose = ("The snapshots " + codec_id.family, "their") if codec_id.is_learned else (label, "its")
    return (
        f"{what} cannot {'keep to' if kind.is_limit else 'reach'} {target.shown} on this image: "
        f"{whose} {'lowest' if lowest else 'highest'} quality, {nearest}, has {kind.shown(search.values[nearest])}."
    )
