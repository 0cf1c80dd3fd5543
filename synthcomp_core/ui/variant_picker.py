"""Pick one variant: codec, quality, resolution scale, upscaler; every part lives in the URL."""

from __future__ import annotations

import streamlit as st

from synthcomp_core.codecs import list_families, list_learned
from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.ui.image_picker import complain_about_url
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant

FULL_RESOLUTION = "1"
SCALES = [FULL_RESOLUTION, "1.3", "1.5", "1.7", "2"]
DEFAULT_UPSCALER = "bicubic"
_MAX_QUALITY = 100


def codec_options() -> list[str]:
    """Snapshot ids first, then classical families."""
    return [card.id for card in list_learned()] + [family.name for family in list_families()]


def codec_label(option: str) -> str:
    """How a codec is called on screen."""
    return FAMILIES[option].label if option in FAMILIES else option


def pick_variant(side: str, *, default_codec: str) -> Variant:
    """Draw the widgets of one side ("a" or "b") and give the variant they describe."""
    codecs = codec_options()
    upscalers = [upscaler.id for upscaler in list_upscalers()]
    complain_about_url(f"{side}_codec", codecs)
    complain_about_url(f"{side}_scale", SCALES)
    complain_about_url(f"{side}_upscaler", upscalers)
    complain_about_quality(f"{side}_quality")
    codec = st.selectbox(
        f"Codec {side.upper()}",
        codecs,
        index=codecs.index(default_codec) if default_codec in codecs else 0,
        key=f"{side}_codec",
        format_func=codec_label,
        bind="query-params",
    )
    quality = st.slider(
        f"Quality {side.upper()}",
        1,
        _MAX_QUALITY,
        75,
        key=f"{side}_quality",
        bind="query-params",
        help="The encoder's own number, for codecs that have one. A snapshot has its quality built in.",
    )
    left, right = st.columns(2)
    scale = left.selectbox(
        f"Resolution {side.upper()}",
        SCALES,
        key=f"{side}_scale",
        format_func=lambda value: "full" if value == FULL_RESOLUTION else f"1/{value} a side",
        bind="query-params",
        help="Code the image at a lower resolution and upscale it afterwards.",
    )
    upscaler = right.selectbox(
        f"Upscaler {side.upper()}",
        upscalers,
        index=upscalers.index(DEFAULT_UPSCALER),
        key=f"{side}_upscaler",
        bind="query-params",
        help="Used when the resolution is not full.",
    )
    family = FAMILIES.get(str(codec))
    codec_id = f"{codec}-q{quality}" if family is not None and family.qualities is not None else str(codec)
    if scale == FULL_RESOLUTION:
        return Variant(codec_id)
    return Variant(codec_id, float(str(scale)), str(upscaler))


def complain_about_quality(key: str) -> None:
    """One sentence when the link's quality is not a whole number from 1 to 100."""
    asked = st.query_params.get(key, "1")
    if not (asked.isdecimal() and 1 <= int(asked) <= _MAX_QUALITY):
        complain_about_url(key, [])
