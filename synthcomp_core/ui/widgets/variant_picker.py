"""Pick one variant: a codec family, then only the controls that it has; the address holds the variant's id."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.codecs import FAMILIES, CodecId
from synthcomp_core.codecs.targets import TARGET_KINDS, Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import is_files
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.ui.widgets.text import plain
from synthcomp_core.ui.widgets.variant_fields import (
    DEFAULT_UPSCALER,
    FULL_RESOLUTION,
    SCALES,
    VariantFields,
    can_aim,
    codec_of,
    family_label,
    family_options,
    fields_of,
    nearest_point,
    points_of,
    upscaler_options,
    variant_of,
)
from synthcomp_core.variants import Variant, has_codec
from synthcomp_core.variants.names import resolution_name
from synthcomp_core.variants.snapshot_matrix import DISTORTION_LABELS

_PERCENT = range(1, 101)
_FINE_STEP = 0.5  # Of a slider, where an encoder tells tenths apart.
_MAX_ID_LENGTH = 200  # No id is longer; sentences about one repeat it.


@dataclass(frozen=True)
class SideState:
    """What one side's picker remembers. fields: as it drew them last. wanted: what it shows from the next run on."""

    fields: VariantFields | None = None
    wanted: VariantFields | None = None


def pick_variant(side: str, *, default: str) -> Variant:
    """Draw the widgets of one side ("a" or "b"), one below the other, and return the variant they describe.

    default: the variant to begin with, where its codec is installed.
    """
    state = load_state(SideState, side)
    linked = _linked(side)
    families = family_options()
    fields = linked or state.wanted or state.fields or _default_fields(default, families)
    if fields.family not in families:  # A snapshot that has been removed since.
        fields = _default_fields(default, families)
    # A widget that other fields than its own have moved starts where they say; so does one that another page forgot.
    is_moved = linked is not None or state.wanted is not None
    fields = _draw(side, families, fields, is_moved)
    variant = variant_of(fields)
    query.write_own(side, str(variant))
    store_state(SideState(fields), side)
    return variant


def want_variant(side: str, variant: Variant) -> None:
    """Move a side's controls to a variant at the next run; in this one they have been drawn already."""
    store_state(dataclasses.replace(load_state(SideState, side), wanted=fields_of(variant)), side)


def _default_fields(default: str, families: list[str]) -> VariantFields:
    fields = fields_of(Variant.parse(default))
    if fields.family in families:
        return fields
    return VariantFields("jpeg", FAMILIES["jpeg"].default_quality)


def _linked(side: str) -> VariantFields | None:
    """The fields of the variant in a link, in the present form (``a=ID``) or the earlier one (``a_codec=...``)."""
    asked = query.arrived(side)
    if not asked:
        return _linked_in_parts(side)
    try:
        variant = Variant.parse(asked[:_MAX_ID_LENGTH])
        if has_codec(variant.codec) and (variant.upscaler or DEFAULT_UPSCALER) in upscaler_options(
            variant.upscaler or ""
        ):
            return fields_of(variant)
    except SynthcompError:
        pass  # The sentence below says it.
    query.say_unavailable(side, asked, what=f"variant {side.upper()}")
    return None


def _linked_in_parts(side: str) -> VariantFields | None:
    """The fields in a link of version 0.1, with a parameter for each; they are then taken out of the address."""
    parts = [f"{side}_{part}" for part in ("codec", "quality", "scale", "upscaler")]
    codec, _, scale, upscaler = map(query.text, parts)
    if not any(map(query.is_set, parts)):
        return None
    families = family_options()
    known = [*families, *(point.id for family in families for point in points_of(family))]
    query.check_choice(parts[0], known, what=f"codec {side.upper()}")
    query.check_choice(parts[2], SCALES, what=f"downscale {side.upper()}")
    query.check_choice(parts[3], upscaler_options(upscaler), what=f"upscaler {side.upper()}")
    held = load_state(SideState, side).fields or _default_fields("jpeg-q75", families)
    fields = held
    if codec in known:
        family = FAMILIES.get(codec)
        fields = fields_of(Variant(str(CodecId(codec, None if family is None else family.default_quality))))
    family = FAMILIES.get(fields.family)
    if family is None or family.qualities is None or family.default_quality is None:
        query.check_number(parts[1], _PERCENT[0], _PERCENT[-1], what=f"quality {side.upper()}")
    else:
        low, high = family.qualities[0], family.qualities[-1]
        default = fields.quality or family.default_quality
        quality = query.number(parts[1], default, low=low, high=high, what=f"quality {side.upper()}")
        fields = dataclasses.replace(fields, quality=round(quality))
    if scale in SCALES:
        fields = dataclasses.replace(fields, scale=scale)
    if upscaler in upscaler_options(upscaler):
        fields = dataclasses.replace(fields, upscaler=upscaler or fields.upscaler)
    for part in parts:
        query.write(part, "")
    return fields


def seed(key: str, value: object, is_moved: bool, options: Collection[object] = ()) -> None:
    """Put a widget where the fields say if they moved, or if it has no place yet among its options.

    In every run: a browser that missed the run in which a slider was moved would start it at its lower end.
    """
    held = st.session_state.get(key)
    st.session_state[key] = value if is_moved or held is None or (options and held not in options) else held


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _draw(side: str, families: list[str], fields: VariantFields, is_moved: bool) -> VariantFields:
    label = side.upper()
    seed(f"{side}_family", fields.family, is_moved, families)
    family = str(
        st.selectbox(
            f"Codec {label}",
            families,
            format_func=family_label,
            key=f"{side}_family",
            help="Learned codecs come from trained snapshots; the others are classical encoders.",
        )
    )
    if family != fields.family:
        default = FAMILIES[family].default_quality if family in FAMILIES else None
        fields, is_moved = dataclasses.replace(fields, family=family, quality=default, options=(), target=None), True
    if is_files(family):  # Final images: nothing is coded or upscaled.
        return VariantFields(family)
    at_quality, at_set_by = st.columns(2, gap="small")
    if points_of(family):
        fields = _draw_learned(side, fields, is_moved, at_quality)
    fields = dataclasses.replace(fields, options=draw_options(side, codec_of(fields), is_moved).options)
    if can_aim(codec_of(fields)):
        fields = _draw_target(side, fields, is_moved, at_set_by)
        if fields.target is None and not points_of(family):
            fields = dataclasses.replace(fields, quality=_draw_quality(side, fields, is_moved, at_quality))
    return _draw_scaling(side, fields, is_moved)


def draw_options(side: str, codec: CodecId, is_moved: bool) -> CodecId:
    """The encoder's own settings, folded away; the codec as they set it."""
    if not codec.available_options:
        return codec
    with st.expander("Encoder options", key=f"{side}_options"):
        for option in codec.available_options:
            key = f"{side}_{option.name}_{codec.family}"
            title = f"{option.label} {side.upper()}"
            held = codec.choice(option.name)
            if option.is_switch:
                seed(key, held != "", is_moved)
                choice = option.words[0] if st.toggle(title, key=key) else ""
            else:
                seed(key, held, is_moved, option.choices)
                control = st.segmented_control if option.numbers is None else None
                choice = str(
                    st.select_slider(title, option.choices, format_func=option.label_of, key=key)
                    if control is None
                    else control(title, option.choices, format_func=option.label_of, required=True, key=key)
                )
            codec = codec.with_choice(option.name, choice)
    return codec


def _draw_target(side: str, fields: VariantFields, is_moved: bool, place: DeltaGenerator) -> VariantFields:
    """What the quality is set by: itself, or a size or a metric's value that it is searched for."""
    label = side.upper()
    key = f"{side}_set_by_{fields.family}"
    word = "" if fields.target is None else fields.target.word
    words = ["", *TARGET_KINDS]
    seed(key, word, is_moved, words)
    word = str(
        place.selectbox(
            f"Set {label} by",
            words,
            format_func=lambda word: _capital(TARGET_KINDS[word].label) if word else "Quality",
            key=key,
            help="With a size or a metric, the quality is searched for that image.",
        )
    )
    if not word:
        return dataclasses.replace(fields, target=None)
    kind = TARGET_KINDS[word]
    value = float(fields.target.value if fields.target is not None and fields.target.word == word else kind.example)
    seed(f"{key}_{word}", value, is_moved)
    at_least = "at most" if kind.is_limit else "at least"
    decimals = min(kind.decimals, 4)
    nearest = 10.0**-decimals  # The bounds themselves are excluded; a link may come nearer to them.
    value = st.number_input(
        f"{kind.label} {label}: {at_least}{kind.unit and f' [{kind.unit.strip()}]'}",
        min(kind.above + nearest, value),
        max(kind.below - nearest, value),
        key=f"{key}_{word}",
        step=10.0 ** -min(kind.decimals, 2) * (10 if kind.decimals == 0 else 1),
        format=f"%.{decimals}f",
    )
    if decimals == 0:  # As the field shows it.
        value = math.floor(value + 0.5)
    return dataclasses.replace(fields, target=Target.of(word, float(value)))


def _draw_quality(side: str, fields: VariantFields, is_moved: bool, place: DeltaGenerator) -> float:
    """The slider over the encoder's own range; each family has one of its own, which begins at its default."""
    family = FAMILIES[fields.family]
    qualities = family.qualities or _PERCENT
    kind: type[float] = int if family.quality_step == 1 else float
    low, high = kind(qualities[0]), kind(qualities[-1])
    key = f"{side}_quality_{fields.family}"
    seed(key, kind(family.default_quality or low if fields.quality is None else fields.quality), is_moved)
    value = place.slider(
        f"Quality {side.upper()}",
        low,
        high,
        step=kind(1) if kind is int else _FINE_STEP,
        key=key,
        help=f"{family.label}'s own scale, {low:g} to {high:g}.",
    )
    return int(value) if value == int(value) else value


def _draw_learned(side: str, fields: VariantFields, is_moved: bool, at_quality: DeltaGenerator) -> VariantFields:
    """The axes on which the model's snapshots differ; where no snapshot has what is chosen, the nearest is taken."""
    points = points_of(fields.family)
    nearest = nearest_point(points, fields)
    distortions = {point.distortion for point in points}
    axes = {
        "quality": ("Quality", [str(quality) for quality in sorted({point.quality for point in points})]),
        "distortion": ("Trained for", [name for name in DISTORTION_LABELS if name in distortions]),
        "trained_on": ("Trained on", sorted({point.trained_on for point in points})),
    }
    places = [at_quality, st.container(), st.container()]
    chosen = {}
    for place, (axis, (title, options)) in zip(places, axes.items(), strict=True):
        key = f"{side}_{axis}_{fields.family}"
        seed(key, str(getattr(nearest, axis)), is_moved, options)
        chosen[axis] = str(
            place.segmented_control(
                f"{title} {side.upper()}",
                options,
                format_func=lambda name: DISTORTION_LABELS.get(name, name),
                required=True,
                key=key,
            )
        )
    fields = dataclasses.replace(
        fields,
        quality=int(chosen["quality"]),
        distortion=chosen["distortion"],
        trained_on=chosen["trained_on"],
    )
    found = nearest_point(points, fields)
    if (found.quality, found.distortion, found.trained_on) != (fields.quality, fields.distortion, fields.trained_on):
        st.caption(plain(f"No such snapshot is installed; {found.id} is used."))
    return fields


def _draw_scaling(side: str, fields: VariantFields, is_moved: bool) -> VariantFields:
    label = side.upper()
    scales = SCALES if fields.scale in SCALES else [*SCALES, fields.scale]
    seed(f"{side}_resolution", fields.scale, is_moved, scales)
    scale = str(
        st.selectbox(
            f"Resolution {label}",
            scales,
            format_func=lambda value: resolution_name(None if value == FULL_RESOLUTION else float(value)).capitalize(),
            key=f"{side}_resolution",
            help="Below full resolution the image is downscaled, coded, and upscaled again.",
        )
    )
    if scale == FULL_RESOLUTION:
        return dataclasses.replace(fields, scale=scale)
    upscalers = upscaler_options(fields.upscaler)
    seed(f"{side}_upscaling", fields.upscaler or DEFAULT_UPSCALER, is_moved, upscalers)
    upscaler = str(
        st.selectbox(f"Upscaler {label}", upscalers, key=f"{side}_upscaling", help="Brings the image back to its size.")
    )
    return dataclasses.replace(fields, scale=scale, upscaler=upscaler)
