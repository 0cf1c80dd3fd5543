"""Which qualities of a codec are one: AVIF's hundred are 64 quantizers, and its version decides which is whose."""

from __future__ import annotations

from functools import cache

import numpy as np

from synthcomp_core.codecs.classical import parse_classical
from synthcomp_core.codecs.ids import CodecId

_QUANTIZED = ("avif",)
_SAMPLE_SIDE = 16  # Pixels; the quantizer stands in the header, so that the smallest image tells.


@cache
def bitstream_class(codec: str) -> str | bytes:
    """The same for codecs of one family that write the same bitstream of any image; else the id itself."""
    codec_id = CodecId.parse(codec)
    if codec_id.family not in _QUANTIZED:
        return codec
    sample = np.random.default_rng(0).integers(0, 256, (_SAMPLE_SIDE, _SAMPLE_SIDE, 3), dtype=np.uint8)
    return parse_classical(codec_id).encode(sample)
