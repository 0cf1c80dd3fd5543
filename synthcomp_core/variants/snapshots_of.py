"""The snapshots that a variant is made with, found without loading them."""

from __future__ import annotations

import re

from synthcomp_core.codecs import CodecId
from synthcomp_core.codecs.ids import ANY_QUALITY
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.snapshots import SnapshotCard, list_snapshots
from synthcomp_core.upscalers import RCAN, rcan_snapshot_id
from synthcomp_core.variants.variant import Variant


def codec_cards(codec_id: CodecId) -> tuple[SnapshotCard, ...]:
    """The cards of the snapshots that a codec may encode with: of a family, where it aims at a target, all.

    In order of their qualities; none for a classical codec, or one that is not installed.
    """
    if not codec_id.is_learned:
        return ()
    if codec_id.target is None:
        card = _card("codec", codec_id.family)
        return () if card is None else (card,)
    begin, end = (re.escape(part) for part in codec_id.family.split(ANY_QUALITY, 1))
    matches = [(re.fullmatch(f"{begin}q([0-9]{{1,4}}){end}", card.id), card) for card in list_snapshots("codec")]
    found = [(int(match[1]), card.id, card) for match, card in matches if match is not None]
    return tuple(card for _, _, card in sorted(found, key=lambda item: item[:2]))


def codec_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant encodes with; None for a classical codec, or one not installed.

    Where the variant aims at a target, the first of the family.
    """
    return next(iter(_codec_cards(variant)), None)


def upscaler_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant upscales with; None for an upscaler without one, or not installed."""
    if variant.upscaler is None or variant.scale is None:
        return None
    return _card("upscaler", rcan_snapshot_id(variant.scale) if variant.upscaler == RCAN else variant.upscaler)


def snapshots_of(variant: Variant) -> tuple[SnapshotCard, ...]:
    """The cards of a variant's codec and upscaler, as far as they have one."""
    upscaler = upscaler_snapshot(variant)
    return (*_codec_cards(variant), *(() if upscaler is None else (upscaler,)))


def weights_of(variant: Variant) -> tuple[str, ...]:
    """``ID:SHA256`` of each snapshot that a variant is made with: what its renderings depend on beside the image."""
    return tuple(f"{card.id}:{card.sha256}" for card in snapshots_of(variant))


def _codec_cards(variant: Variant) -> tuple[SnapshotCard, ...]:
    try:
        return codec_cards(variant.codec_id)
    except SynthcompError:  # The id of a rendering made elsewhere may name a codec that this machine cannot have.
        return ()


def _card(kind: str, snapshot_id: str) -> SnapshotCard | None:
    return next((card for card in list_snapshots(kind) if card.id == snapshot_id), None)
