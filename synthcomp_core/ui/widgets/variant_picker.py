"""Pick one variant: codec, quality, resolution scale, upscaler; every part lives in the URL."""

from __future__ import annotations

import streamlit as st

from synthcomp_core.codecs import list_families, list_learned
from synthcomp_core.codecs.classical import FAMILIES
from synthcomp_core.ui.widgets.image_picker import complain_about_url
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant

# Options are what the URL holds, so they are ids and numbers, not phrases.
FULL_RESOLUTION = "1"
SCALES = [FULL_RESOLUTION, "1.3", "1.5", "1.7", "2"]
DEFAULT_UPSCALER = "bicubic"
_MAX_QUALITY = 100


def codec_options() -> list[str]:
    """Snapshot ids first, then classical families."""
    return [card.id for card in list_learned()] + [family.name for family in list_families()]


def pick_variant(side: str, *, default_codec: str) -> Variant:
    """Draw the widgets of one side ("a" or "b") in one row and give the variant they describe."""
    codecs = codec_options()
    upscalers = [upscaler.id for upscaler in list_upscalers()]
    complain_about_url(f"{side}_codec", codecs)
    complain_about_url(f"{side}_scale", SCALES)
    complain_about_url(f"{side}_upscaler", upscalers)
    complain_about_quality(f"{side}_quality")
    at_codec, at_quality, at_scale, at_upscaler = st.columns([4, 4, 2, 2], gap="medium")
    codec = at_codec.selectbox(
        f"Codec {side.upper()}",
        codecs,
        index=codecs.index(default_codec) if default_codec in codecs else 0,
        key=f"{side}_codec",
        bind="query-params",
        help="A trained snapshot, or a classical codec.",
    )
    quality = at_quality.slider(
        f"Quality {side.upper()}",
        1,
        _MAX_QUALITY,
        75,
        key=f"{side}_quality",
        bind="query-params",
        help="The encoder's own number, for codecs that have one. A snapshot has its quality built in.",
    )
    scale = at_scale.selectbox(
        f"Downscale {side.upper()}",
        SCALES,
        key=f"{side}_scale",
        bind="query-params",
        help="Divide both sides by this before coding, and upscale afterwards. 1 = full resolution.",
    )
    upscaler = at_upscaler.selectbox(
        f"Upscaler {side.upper()}",
        upscalers,
        index=upscalers.index(DEFAULT_UPSCALER),
        key=f"{side}_upscaler",
        bind="query-params",
        help="Used when the image is downscaled before coding.",
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
