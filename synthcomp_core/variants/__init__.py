"""Variants of an image: what they are called, how they are rendered and evaluated, and which are available."""

from __future__ import annotations

from synthcomp_core.codecs import CodecId, parse_codec
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import is_files, list_renderings
from synthcomp_core.variants.evaluation import ERROR_MAP, Evaluation, evaluate
from synthcomp_core.variants.rendering import Rendering
from synthcomp_core.variants.rows import bare_row, result_row
from synthcomp_core.variants.snapshots_of import codec_cards
from synthcomp_core.variants.targets import aiming_id, match_target, render
from synthcomp_core.variants.variant import Variant

__all__ = [
    "ERROR_MAP",
    "Evaluation",
    "Rendering",
    "Variant",
    "aiming_id",
    "bare_row",
    "evaluate",
    "has_codec",
    "match_target",
    "render",
    "rendered_sets",
    "result_row",
]


def rendered_sets() -> list[str]:
    """The codec ids ``files:NAME`` of the sets of renderings made elsewhere."""
    return [rendered.id for rendered in list_renderings()]


def has_codec(codec_id: str) -> bool:
    """Whether a codec with this id is available, without loading it."""
    if is_files(codec_id):
        return codec_id in rendered_sets()
    try:
        parsed = CodecId.parse(codec_id)
        if parsed.is_learned:
            return bool(codec_cards(parsed))
        if parsed.target is None:
            parse_codec(codec_id)
    except SynthcompError:
        return False
    return True
