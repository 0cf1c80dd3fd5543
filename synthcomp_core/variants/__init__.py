"""Variants of an image: what they are called, how they are rendered and evaluated, and which are available."""

from __future__ import annotations

from synthcomp_core.codecs import CodecId, parse_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.variants.evaluation import ERROR_MAP, Evaluation, evaluate
from synthcomp_core.variants.rendering import Rendering, render
from synthcomp_core.variants.rows import CodecPoint, bare_row, describe_codec, result_row
from synthcomp_core.variants.variant import MAX_SCALE, Variant

__all__ = [
    "ERROR_MAP",
    "MAX_SCALE",
    "CodecPoint",
    "Evaluation",
    "Rendering",
    "Variant",
    "bare_row",
    "describe_codec",
    "evaluate",
    "has_codec",
    "render",
    "result_row",
]


def has_codec(codec_id: str) -> bool:
    """Whether a codec with this id is available, without loading it."""
    try:
        if CodecId.parse(codec_id).is_learned:
            return codec_id in {card.id for card in list_snapshots("codec")}
        parse_codec(codec_id)
    except SynthcompError:
        return False
    return True
