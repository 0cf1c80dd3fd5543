"""Codec ids: ``FAMILY[-qQUALITY][+OPTION...]`` of a classical codec, or the id of a snapshot."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from synthcomp_core.codecs.families import FAMILIES, CodecFamily
from synthcomp_core.errors import SynthcompError

LEARNED_SUFFIX = ".scb"
_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class CodecId:
    """A codec id taken apart; ``str`` puts it together again.

    family: the name of a classical family, or the whole id of a snapshot, whose quality is built in. quality: the
    encoder's own number; None where the family has none. options: encoder options, in the order of the id; no family
    takes any yet.

    >>> CodecId.parse("webp-q80")
    CodecId(family='webp', quality=80, options=())
    >>> str(CodecId.parse("webp-q80").at_quality(35))
    'webp-q35'
    >>> CodecId.parse("mbt2018-q4-mse-games").is_learned
    True
    """

    family: str
    quality: int | None = None
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        quality = "" if self.quality is None else f"-q{self.quality}"
        return "".join((self.family, quality, *(f"+{option}" for option in self.options)))

    @classmethod
    def parse(cls, text: str) -> CodecId:
        """The id in ``text``; SynthcompError, saying how to write it, for a classical family written wrongly.

        Any other text is taken for a snapshot's id, whether the snapshot exists or not.
        """
        head, *options = text.split("+")
        name, has_quality, quality = head.partition("-q")
        family = FAMILIES.get(name)
        if options:
            raise SynthcompError(f"Codec {text!r} has the option {options[0]!r}, but {name} takes none: write {head}.")
        if family is None:
            return cls(text)
        if family.qualities is None:
            if has_quality:
                raise SynthcompError(
                    f"Codec {text!r} has a quality, but {name} is lossless and takes none: write {name}."
                )
            return cls(name)
        form = _form(family)
        if not has_quality:
            raise SynthcompError(f"Codec {text!r} needs a quality: {form}.")
        if not _WHOLE_NUMBER.fullmatch(quality):
            raise SynthcompError(f"Codec {text!r} has no whole number as its quality: {form}.")
        if int(quality) not in family.qualities:
            raise SynthcompError(f"Codec {text!r} has the quality {quality}, which is out of range: {form}.")
        return cls(name, int(quality))

    @classmethod
    def family_of(cls, text: str) -> str:
        """The family that an id names, also where its quality is missing or wrong; a snapshot's id as it is."""
        name = text.split("+")[0].partition("-q")[0]
        return name if name in FAMILIES else text

    @property
    def is_learned(self) -> bool:
        """Whether the id names a snapshot."""
        return self.family not in FAMILIES

    @property
    def searchable(self) -> bool:
        """Whether the codec has a quality that can be searched for."""
        return self.qualities is not None

    @property
    def qualities(self) -> range | None:
        """The family's range of qualities; None for a snapshot and for lossless families."""
        return None if self.is_learned else FAMILIES[self.family].qualities

    @property
    def suffix(self) -> str:
        """The file suffix of the codec's bitstreams, with its dot."""
        return LEARNED_SUFFIX if self.is_learned else FAMILIES[self.family].suffix

    def at_quality(self, quality: int) -> CodecId:
        """The same codec at another quality; SynthcompError when it has none, or not this one."""
        if self.qualities is None:
            raise SynthcompError(f"{self} has no quality to choose; choose a classical codec such as WebP.")
        if quality not in self.qualities:
            raise SynthcompError(f"{self.family} has no quality {quality}: {_form(FAMILIES[self.family])}.")
        return dataclasses.replace(self, quality=quality)


def default_codec_id(family_name: str) -> CodecId:
    """The id of a classical family at its default quality, or of a snapshot."""
    family = FAMILIES.get(family_name)
    return CodecId(family_name, None if family is None else family.default_quality)


def _form(family: CodecFamily) -> str:
    if family.qualities is None:
        return f"write {family.name}"
    low, high = family.qualities[0], family.qualities[-1]
    return f"write {family.name}-q{low} to {family.name}-q{high}, as in {family.name}-q{family.default_quality}"
