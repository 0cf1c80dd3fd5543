"""Variants: a codec, optionally with a resolution scale and an upscaler, and their ids."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthcomp_core.codecs import CodecId
from synthcomp_core.errors import SynthcompError

_SCALING = re.compile(r"x(\d+(?:\.\d+)?)-(.+)")
MAX_SCALE = 8.0


@dataclass(frozen=True)
class Variant:
    """What a user compares: ``CODEC[@xSCALE-UPSCALER]``.

    codec: a codec id, in its canonical form where ``parse`` made it. scale: the reference's side over the coded
    image's side, 1 < scale <= 8, or None for full resolution. upscaler: an upscaler id, given exactly when scale is.

    >>> variant = Variant.parse("mbt2018-q4-mse-games@x2-rcan")
    >>> variant.codec, variant.scale, variant.upscaler
    ('mbt2018-q4-mse-games', 2.0, 'rcan')
    >>> str(variant), str(Variant.parse("avif-q60+444+s6@x2-bicubic"))
    ('mbt2018-q4-mse-games@x2-rcan', 'avif-q60+444@x2-bicubic')
    """

    codec: str
    scale: float | None = None
    upscaler: str | None = None

    def __str__(self) -> str:
        return self.codec if self.scale is None else f"{self.codec}@x{self.scale:g}-{self.upscaler}"

    @property
    def codec_id(self) -> CodecId:
        """The codec's id taken apart; SynthcompError for a classical codec that is written wrongly."""
        return CodecId.parse(self.codec)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """The variant with this id; SynthcompError when it does not follow the grammar.

        The codec is not checked: it may be one that this machine does not have, and is then kept as it is written.
        """
        codec, at, scaling = text.partition("@")
        if not codec:
            raise SynthcompError(f"Variant {text!r} names no codec; write CODEC or CODEC@xSCALE-UPSCALER.")
        codec = _canonical(codec)
        if not at:
            return cls(codec)
        match = _SCALING.fullmatch(scaling)
        if not match:
            raise SynthcompError(
                f"Variant {text!r} is not of the form CODEC@xSCALE-UPSCALER, as in jpeg-q75@x1.5-fsr1."
            )
        scale = float(f"{float(match[1]):g}")  # as an id writes it
        if not 1 < scale <= MAX_SCALE:
            raise SynthcompError(
                f"Variant {text!r} has the scale {scale:g}; it must be above 1 and at most {MAX_SCALE:g}."
            )
        return cls(codec, scale, match[2])


def _canonical(codec: str) -> str:
    try:
        return str(CodecId.parse(codec))
    except SynthcompError:
        return codec
