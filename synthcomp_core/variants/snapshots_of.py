"""The snapshots that a variant is made with, found without loading them."""

from __future__ import annotations

from synthcomp_core.codecs import CodecId
from synthcomp_core.codecs.families import FAMILIES
from synthcomp_core.library.snapshots import SnapshotCard, list_snapshots
from synthcomp_core.upscalers import RCAN, rcan_snapshot_id
from synthcomp_core.variants.variant import Variant


def codec_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant encodes with; None for a classical codec, or one not installed."""
    # Not by parsing: the id of a rendering made elsewhere may name a codec that this machine cannot have.
    if CodecId.family_of(variant.codec) in FAMILIES:
        return None
    return _card("codec", variant.codec)


def upscaler_snapshot(variant: Variant) -> SnapshotCard | None:
    """The card of the snapshot that a variant upscales with; None for an upscaler without one, or not installed."""
    if variant.upscaler is None or variant.scale is None:
        return None
    return _card("upscaler", rcan_snapshot_id(variant.scale) if variant.upscaler == RCAN else variant.upscaler)


def snapshots_of(variant: Variant) -> tuple[SnapshotCard, ...]:
    """The cards of a variant's codec and upscaler, as far as they have one."""
    return tuple(card for card in (codec_snapshot(variant), upscaler_snapshot(variant)) if card is not None)


def weights_of(variant: Variant) -> tuple[str, ...]:
    """``ID:SHA256`` of each snapshot that a variant is made with: what its renderings depend on beside the image."""
    return tuple(f"{card.id}:{card.sha256}" for card in snapshots_of(variant))


def _card(kind: str, snapshot_id: str) -> SnapshotCard | None:
    return next((card for card in list_snapshots(kind) if card.id == snapshot_id), None)
