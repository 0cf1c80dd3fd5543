"""Pick one variant: codec, quality, resolution scale, upscaler; every part lives in the URL."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from synthcomp_core.codecs import FAMILIES, CodecFamily, CodecId, list_families, list_learned
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.ui import query
from synthcomp_core.ui.widgets.state import load_state, store_state
from synthcomp_core.upscalers import list_upscalers
from synthcomp_core.variants import Variant

# Options are what the URL holds, so they are ids and numbers, not phrases.
FULL_RESOLUTION = "1"
SCALES = [FULL_RESOLUTION, "1.3", "1.5", "1.7", "2"]
DEFAULT_UPSCALER = "bicubic"
_PERCENT = range(1, 101)


@dataclass(frozen=True)
class SideState:
    """What one side's picker remembers. codec, quality: of its last run. link: the quality in the address since then.

    wanted: the quality to which its slider moves with the next run.
    """

    codec: str = ""
    quality: int | None = None
    link: str | None = None
    wanted: int | None = None


def codec_options() -> list[str]:
    """Snapshot ids first, then classical families."""
    return [card.id for card in list_learned()] + [family.name for family in list_families()]


def upscaler_options(linked: str = "") -> list[str]:
    """Every distinct upscaler once. linked: the link's id, offered too if it is another name of one of them."""
    options = [upscaler.id for upscaler in list_upscalers()]
    known = {card.id for card in list_snapshots("upscaler")}
    return [*options, linked] if linked in known - set(options) else options


def pick_variant(side: str, *, default_codec: str) -> Variant:
    """Draw the widgets of one side ("a" or "b") in one row and return the variant they describe."""
    codecs = codec_options()
    upscalers = upscaler_options(query.text(f"{side}_upscaler"))
    query.check_choice(f"{side}_codec", codecs, what=f"codec {side.upper()}")
    query.check_choice(f"{side}_scale", SCALES, what=f"downscale {side.upper()}")
    query.check_choice(f"{side}_upscaler", upscalers, what=f"upscaler {side.upper()}")
    at_codec, at_quality, at_scale, at_upscaler = st.columns([4, 4, 2, 2], gap="medium")
    codec = str(
        at_codec.selectbox(
            f"Codec {side.upper()}",
            codecs,
            index=codecs.index(default_codec) if default_codec in codecs else 0,
            key=f"{side}_codec",
            bind="query-params",
            help="A trained snapshot, or a classical codec.",
        )
    )
    quality = _pick_quality(side, codec, at_quality)
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
    codec_id = str(CodecId(codec, quality))
    if scale == FULL_RESOLUTION:
        return Variant(codec_id)
    return Variant(codec_id, float(str(scale)), str(upscaler))


def want_quality(side: str, quality: int) -> None:
    """Move a side's quality slider there at the next run; in this one it has been drawn already."""
    store_state(dataclasses.replace(load_state(SideState, side), wanted=quality), side)


def _pick_quality(side: str, codec: str, place: DeltaGenerator) -> int | None:
    """The slider over the codec's own range; for a codec without a quality a field that says so, and None.

    The slider is not bound to the address: its range and its default change with the codec, which Streamlit's binding
    cannot follow.
    """
    label, key = f"Quality {side.upper()}", f"{side}_quality"
    family = FAMILIES.get(codec)
    if family is None or family.qualities is None:
        query.check_number(key, _PERCENT[0], _PERCENT[-1], what=f"quality {side.upper()}")
        place.text_input(label, "built in" if family is None else "lossless", disabled=True)
        query.write(key, "")
        store_state(SideState(codec, link=""), side)
        return None
    low, high = family.qualities[0], family.qualities[-1]
    moved = _moved_slider(load_state(SideState, side), family, key, f"quality {side.upper()}")
    value = st.session_state.get(key) if moved is None else moved
    if value is not None:
        # In every run: a browser that missed the run in which the slider was moved would start it at its lower end.
        st.session_state[key] = value
    quality = int(place.slider(label, low, high, key=key, help=f"{family.label}'s own scale, from {low} to {high}."))
    query.write(key, "" if quality == family.default_quality else str(quality))
    store_state(SideState(codec, quality, query.text(key)), side)
    return quality


def _moved_slider(state: SideState, family: CodecFamily, key: str, what: str) -> int | None:
    """Where the slider goes before it is drawn; None to leave it where it is."""
    qualities, default = family.qualities or _PERCENT, family.default_quality or _PERCENT[0]
    held, linked = st.session_state.get(key), query.text(key)
    returned = held is None and state.quality is not None  # From another page, which forgets slider and address.
    if state.wanted is not None and state.wanted in qualities:
        return state.wanted
    if linked != state.link and (linked or not returned):
        return round(query.number(key, default, low=qualities[0], high=qualities[-1], what=what))
    if state.codec == family.name:
        return state.quality if returned else None
    # A slider that was moved in the same run as the codec keeps its place if the new codec has it.
    is_moved = state.quality is not None and held != state.quality
    return held if is_moved and held in qualities else default
