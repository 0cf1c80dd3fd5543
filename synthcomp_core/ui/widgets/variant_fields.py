"""A variant as the fields of its picker, and back: a codec family first, then only what that family has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from synthcomp_core.codecs import FAMILIES, CodecId, default_codec_id, list_learned
from synthcomp_core.codecs.options import LOSSLESS
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import PREFIX, is_files
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant, rendered_sets
from synthcomp_core.variants.snapshot_matrix import LearnedPoint, learned_points

# Options are what the session holds, so they are ids and numbers, not phrases.
FULL_RESOLUTION = "1"
SCALES = [FULL_RESOLUTION, "1.3", "1.5", "1.7", "2"]
DEFAULT_UPSCALER = "bicubic"


@dataclass(frozen=True)
class VariantFields:
    """What the picker of one variant shows.

    family: a classical family, a model whose snapshots have places in the matrix ("mbt2018"), the id of another
    snapshot, or ``files:NAME``. quality: of a classical encoder or a snapshot, None where there is none. target: what
    is aimed at in its place. options: of the encoder, as in a codec id. distortion, trained_on: of a snapshot with a
    place in the matrix, else "". scale: one of SCALES, or another scale as in a variant's id. upscaler: used below full
    resolution.
    """

    family: str
    quality: float | None = None
    distortion: str = ""
    trained_on: str = ""
    scale: str = FULL_RESOLUTION
    upscaler: str = DEFAULT_UPSCALER
    target: Target | None = None
    options: tuple[str, ...] = ()


def family_options() -> list[str]:
    """Models, other snapshots, classical families, sets of renderings made elsewhere."""
    points = learned_points()
    placed = {point.id for point in points}
    models = list(dict.fromkeys(point.model for point in points))
    return [*models, *(card.id for card in list_learned() if card.id not in placed), *FAMILIES, *rendered_sets()]


def family_label(family: str) -> str:
    """How the list of codecs calls a family.

    >>> family_label("webp"), family_label("mbt2018")
    ('WebP', 'mbt2018 (learned)')
    """
    if family in FAMILIES:
        return FAMILIES[family].label
    return f"{family.removeprefix(PREFIX)} (files)" if is_files(family) else f"{family} (learned)"


def upscaler_options(wanted: str = "") -> list[str]:
    """Every distinct upscaler once. wanted: an id that is offered too if it is another name of one of them."""
    options = [upscaler.id for upscaler in list_upscalers()]
    known = {card.id for card in list_snapshots("upscaler")}
    return [*options, wanted] if wanted in known - set(options) else options


def fields_of(variant: Variant) -> VariantFields:
    """The fields that stand for a variant; SynthcompError for a classical codec that is written wrongly."""
    parsed = variant.codec_id
    point = next((point for point in learned_points() if _is_of(point, parsed)), None)
    if point is None:
        fields = VariantFields(parsed.family, parsed.quality)
    else:
        fields = VariantFields(point.model, point.quality, point.distortion, point.trained_on)
    fields = replace(fields, target=parsed.target, options=parsed.options)
    if variant.scale is None or variant.upscaler is None:
        return fields
    return replace(fields, scale=f"{variant.scale:g}", upscaler=variant.upscaler)


def _is_of(point: LearnedPoint, codec: CodecId) -> bool:
    """Whether a snapshot is the codec's, or among those that its target chooses from."""
    if codec.target is None or not codec.is_learned:
        return point.id == codec.family
    try:
        return CodecId.parse(point.id).at_target(codec.target).family == codec.family
    except SynthcompError:
        return False


def codec_of(fields: VariantFields) -> CodecId:
    """The codec that fields describe, at its quality; of a model the snapshot that fits best."""
    points = points_of(fields.family)
    if points:
        bare = nearest_point(points, fields).id
    elif fields.family not in FAMILIES or LOSSLESS in fields.options:
        bare = fields.family
    elif fields.quality is None:
        bare = str(default_codec_id(fields.family))
    else:
        bare = str(CodecId(fields.family, fields.quality))
    return CodecId.parse("+".join([bare, *fields.options]))


def variant_of(fields: VariantFields) -> Variant:
    """The variant that fields describe."""
    codec = codec_of(fields)
    if fields.target is not None and can_aim(codec):
        codec = codec.at_target(fields.target)
    if fields.scale == FULL_RESOLUTION:
        return Variant(str(codec))
    return Variant(str(codec), float(fields.scale), fields.upscaler)


def can_aim(codec: CodecId) -> bool:
    """Whether a target can take the place of the codec's quality."""
    try:
        codec.at_target(Target("psnr", 35.0))
    except SynthcompError:
        return False
    return True


def points_of(model: str) -> list[LearnedPoint]:
    """The snapshots of a model; none for a classical family or a snapshot without a place in the matrix."""
    return [point for point in learned_points() if point.model == model]


def nearest_point(points: list[LearnedPoint], fields: VariantFields) -> LearnedPoint:
    """The snapshot with the training set and distortion asked for and the nearest quality; else what comes closest."""

    def distance(point: LearnedPoint) -> tuple[bool, bool, float]:
        off = 0 if fields.quality is None else abs(point.quality - fields.quality)
        return point.trained_on != fields.trained_on, point.distortion != fields.distortion, off

    return min(points, key=distance)
