"""Variants that aim at a size or a metric's value: the quality that an image needs for it, and rendering with that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from synthcomp_core.codecs import FAMILIES, CodecId, default_codec_id
from synthcomp_core.codecs.options import LOSSLESS
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import installed_ids
from synthcomp_core.metrics import Metrics, Reference
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.variants.rendering import Coded, OnPreview, Rendering, finish, render_settled
from synthcomp_core.variants.scout import stand_in
from synthcomp_core.variants.search import NEIGHBOURS, QualitySearch
from synthcomp_core.variants.snapshots_of import codec_cards
from synthcomp_core.variants.trials import RATES, Trials, excess, is_below
from synthcomp_core.variants.variant import Variant

_SEARCHED = 0.9  # The search's share of rendering with a target.
_FILLED = 0.004  # Sizes of JPEG XL differ by that much from tenth to tenth, up and down.
_WAVERS = 5  # By more than so many times ``near``, values of WebP and JPEG XL seldom fall from a level to the next.


@dataclass(frozen=True)
class TargetMatch:
    """The quality that an image needs to meet a target.

    variant: at that quality, or of that snapshot, and without the target. value: what it reaches of the target's
    quantity; num_bytes: of its bitstream. tried: how many bitstreams were made to find it. coded, rendering: what was
    made with it on the way; the latter is None where the target is a size.
    """

    variant: Variant
    target: Target
    value: float
    num_bytes: int
    tried: int
    coded: Coded = field(repr=False)
    rendering: Rendering | None = field(repr=False)

    def __str__(self) -> str:
        """What was reached and what was asked for, in words."""
        kind, bound = self.target.kind, "at most" if self.target.kind.is_limit else "at least"
        return f"{kind.label} {kind.shown(self.value)} (asked for: {bound} {kind.shown(self.target.value)})"


def match_target(
    image: Image,
    variant: Variant,
    target: Target | None = None,
    *,
    reference: Reference | None = None,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> TargetMatch:
    """The quality at which a variant meets a target on an (H, W, 3) image.

    variant: a classical codec at any quality or none, or a snapshot whose family (the same model, distortion and
    training set) is chosen from; options, scale and upscaler are kept. target: None = the variant's own. A size or rate
    is filled as far as possible; any other target is met with as few bytes as possible, measured on the final image.
    reference: of the image, where it is measured against more than once.
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
    asked = (image, variant, target, levels)
    scout = stand_in(*asked, precision=precision, device=device)
    trials = Trials(*asked, reference=reference, only_best=True, precision=precision, device=device)
    search = QualitySearch(
        levels,
        trials.value,
        name_of=str,
        on_progress=on_progress,
        neighbours=_neighbours(codec_id, target),
    )
    search.bisect(
        is_below(target),
        excess=excess(_aim(codec_id, target)),
        forecast=None if scout is None else scout.crossing,
        is_enough=_is_enough(codec_id, target),
        may_waver=_may_waver(target),
    )
    if trials.best is None:
        raise SynthcompError(_out_of_reach(codec_id, target, search, lowest=target.is_met_when_low))
    on_progress(1.0, "matched")
    found, best = replace(variant, codec=trials.best.codec), trials.best
    return TargetMatch(found, target, best.value, best.coded.num_bytes, trials.tried, best.coded, best.rendering)


def render(
    image: Image,
    variant: Variant,
    *,
    reference: Reference | None = None,
    precision: str = "auto",
    device: str | None = None,
    on_preview: OnPreview | None = None,
    on_progress: OnProgress = silent,
) -> Rendering:
    """As :func:`render_settled`, for a variant with a target too, whose quality is searched for first.

    Its ``encode_s`` is of the quality found, without the search. reference: see :func:`match_target`.
    """
    if not _has_target(variant):
        return render_settled(
            image, variant, precision=precision, device=device, on_preview=on_preview, on_progress=on_progress
        )
    match = match_target(
        *(image, variant), reference=reference, precision=precision, device=device,
        on_progress=span(on_progress, 0.0, _SEARCHED),
    )  # fmt: skip

    def settled(rendering: Rendering) -> Rendering:
        return replace(rendering, variant=variant, settled_by=match.variant)

    if match.rendering is not None:
        measured = Metrics(**{match.target.kind.quantity: match.value})
        return replace(settled(match.rendering), measured=measured)
    rendering = finish(
        image,
        match.variant,
        match.coded,
        precision=precision,
        device=device,
        on_preview=None if on_preview is None else lambda preview: on_preview(settled(preview)),
        on_progress=span(on_progress, _SEARCHED, 1.0),
    )
    return settled(rendering)


def _neighbours(codec_id: CodecId, target: Target) -> tuple[int, int]:
    """How many levels below and above the end of a search are tried.

    Below, where values do not always rise with the quality; above, where sizes do not, so that a better level may take
    fewer bytes (see ``Trials``).
    """
    if codec_id.is_learned:
        return 1, 1
    family, (below, above) = FAMILIES[codec_id.family], NEIGHBOURS
    if target.kind.quantity in RATES:
        return (0, 0) if family.sizes_rise else NEIGHBOURS
    does_rise = family.metrics_rise and target.kind.quantity != "flip"
    # The level above the end is the first that meets the target; beyond it, tenths hardly save bytes.
    return 0 if does_rise else below, 1 if family.sizes_rise or _comes_near(codec_id) else above


def _comes_near(codec_id: CodecId) -> bool:
    """Whether the codec's levels, being tenths, come as near to a target as matters."""
    return not codec_id.is_learned and FAMILIES[codec_id.family].quality_step < 1


def _aim(codec_id: CodecId, target: Target) -> Target:
    """Where to aim so as to end within what is near enough."""
    if not _comes_near(codec_id):
        return target
    return replace(target, value=target.value + (-0.5 if target.kind.is_limit else 0.5) * target.kind.near)


def _is_enough(codec_id: CodecId, target: Target) -> Callable[[float], bool]:
    """Whether a target is met as nearly as matters, where tenths of a quality would come ever nearer to it."""
    if not _comes_near(codec_id):
        return lambda value: False
    if target.kind.quantity in RATES:
        return lambda value: (1 - _FILLED) * target.value <= value <= target.value
    return lambda value: target.is_met_by(value) and abs(value - target.value) <= target.kind.near


def _may_waver(target: Target) -> Callable[[float], bool]:
    """Whether a value is so near to the target that a level below may meet it, for all that it is lower."""
    if target.kind.quantity in RATES:
        return lambda value: True
    return lambda value: abs(value - target.value) <= _WAVERS * target.kind.near


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


def _out_of_reach(codec_id: CodecId, target: Target, search: QualitySearch[str], *, lowest: bool) -> str:
    """The sentence that says how near the codec comes."""
    kind, label = target.kind, codec_id.family if codec_id.is_learned else FAMILIES[codec_id.family].label
    nearest = (min if kind.is_limit else max)(search.values, key=lambda codec: search.values[codec])
    what, whose = ("The snapshots " + codec_id.family, "their") if codec_id.is_learned else (label, "its")
    return (
        f"{what} cannot {'keep to' if kind.is_limit else 'reach'} {target.shown} on this image: "
        f"{whose} {'lowest' if lowest else 'highest'} quality, {nearest}, has {kind.shown(search.values[nearest])}."
    )
