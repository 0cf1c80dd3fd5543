"""Codec ids: ``FAMILY[-qQUALITY | -TARGET][+OPTION...]`` of a classical codec, or the id of a snapshot."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from synthcomp_core.codecs.families import FAMILIES, CodecFamily
from synthcomp_core.codecs.options import LOSSLESS, CodecOption, forms
from synthcomp_core.codecs.targets import Target, is_target
from synthcomp_core.errors import SynthcompError

LEARNED_SUFFIX = ".scb"
LEARNED_OPTIONS: tuple[CodecOption, ...] = (
    CodecOption("effort", "Effort", ("", "e1", "e2", "e3"), ("0 (off)", "1", "2", "3 (slowest)"), "", range(4)),
)
ANY_QUALITY = "q*"  # Stands in the id of a snapshot family where its members differ.
_CLASSICAL = re.compile(f"({'|'.join(FAMILIES)})(?:-(.*))?")
_QUALITY = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?")
_LEARNED_TARGET = re.compile(r"(?P<model>.+)-(?P<target>[a-z0-9]+_?[0-9.]+)(?P<rest>-(?:mse|msssim)(?:-.+)?)")


@dataclass(frozen=True)
class CodecId:
    """A codec id taken apart; ``str`` puts it together again, in its one canonical form.

    family: the name of a classical family, or the whole id of a snapshot, whose quality is built in. quality: the
    encoder's own number, whole numbers as int; None where there is none. options: those that differ from the
    encoder's default, in the order of the id. target: what takes the place of the quality; the family of a learned
    codec then is a pattern, ``mbt2018-q*-mse-games``.

    >>> CodecId.parse("webp-q80")
    CodecId(family='webp', quality=80, options=(), target=None)
    >>> str(CodecId.parse("avif-q60+444+s4").at_quality(35)), str(CodecId.parse("jpeg-q75+420"))
    ('avif-q35+s4+444', 'jpeg-q75')
    >>> CodecId.parse("mbt2018-q4-mse-games").is_learned
    True
    >>> CodecId.parse("mbt2018-psnr35-mse-games").family
    'mbt2018-q*-mse-games'
    """

    family: str
    quality: float | None = None
    options: tuple[str, ...] = ()
    target: Target | None = None

    def __str__(self) -> str:
        options = "".join(f"+{option}" for option in self.options)
        if self.target is not None and self.is_learned:
            return self.family.replace(ANY_QUALITY, str(self.target)) + options
        quality = "" if self.quality is None else f"-q{self.quality:.8g}"
        return self.family + (quality if self.target is None else f"-{self.target}") + options

    @classmethod
    def parse(cls, text: str) -> CodecId:
        """The id in ``text``; SynthcompError, saying how to write it, for a classical family or option written wrongly.

        Any other text is taken for a snapshot's id, whether the snapshot exists or not.
        """
        head, *words = text.split("+")
        family, rest = _taken_apart(head)
        if family is None:
            learned = _LEARNED_TARGET.fullmatch(head)
            options = _options(text, words, LEARNED_OPTIONS, head, "a snapshot")
            if learned is None or not is_target(learned["target"]):
                return cls(head, options=options)
            target = Target.parse(learned["target"])
            return cls(f"{learned['model']}-{ANY_QUALITY}{learned['rest']}", options=options, target=target)
        options = _options(text, words, family.options, head, family.name)
        if LOSSLESS in options:
            return _lossless(text, family, rest, options)
        if rest is not None and is_target(rest):
            return cls(family.name, None, options, _target(text, family, rest))
        return cls(family.name, _quality(text, family, rest), options)

    @classmethod
    def family_of(cls, text: str) -> str:
        """The family that an id names, also where its quality is missing or wrong; a snapshot's id without options."""
        head = text.split("+")[0]
        family, _ = _taken_apart(head)
        return head if family is None else family.name

    @property
    def is_learned(self) -> bool:
        """Whether the id names a snapshot, or a family of snapshots and a target."""
        return self.family not in FAMILIES

    @property
    def is_lossless(self) -> bool:
        """Whether the codec loses nothing: by its kind, by an option, or by its quality."""
        if self.is_learned or self.target is not None:
            return False
        family = FAMILIES[self.family]
        lossless_quality = family.lossless_quality
        return (
            family.qualities is None
            or LOSSLESS in self.options
            or (lossless_quality is not None and self.quality == lossless_quality)
        )

    @property
    def searchable(self) -> bool:
        """Whether the codec has a quality that can be searched for."""
        return self.qualities is not None

    @property
    def qualities(self) -> range | None:
        """The family's range of qualities; None for a snapshot and for what is lossless without a quality."""
        return None if self.is_learned or LOSSLESS in self.options else FAMILIES[self.family].qualities

    @property
    def suffix(self) -> str:
        """The file suffix of the codec's bitstreams, with its dot."""
        return LEARNED_SUFFIX if self.is_learned else FAMILIES[self.family].suffix

    @property
    def available_options(self) -> tuple[CodecOption, ...]:
        """What the codec's encoder can be set to, in the order of the id."""
        return LEARNED_OPTIONS if self.is_learned else FAMILIES[self.family].options

    def choice(self, name: str) -> str:
        """What an option of this name is set to, its default included; SynthcompError where there is none."""
        option = self._option(name)
        if name == LOSSLESS:
            return LOSSLESS if self.is_lossless else ""
        return next((word for word in self.options if word in option.choices), option.default)

    def with_choice(self, name: str, choice: str) -> CodecId:
        """The same codec with an option set; the quality stays unless lossless is turned on or off.

        SynthcompError for an option or a choice that the codec does not have.
        """
        option = self._option(name)
        if choice not in option.choices:
            raise SynthcompError(f"{self} cannot be set to {choice!r}: its {option.name} is {forms([option])}.")
        choices = {each: self.choice(each.name) for each in self.available_options} | {option: choice}
        is_lossless = LOSSLESS in choices.values()
        words = [word for each, word in choices.items() if word and not (is_lossless and each.lossy_only)]
        if is_lossless:
            return CodecId.parse("+".join([self.family, *words]))
        bare = default_codec_id(self.family) if self.is_lossless else dataclasses.replace(self, options=())
        return CodecId.parse("+".join([str(bare), *words]))

    def at_quality(self, quality: float) -> CodecId:
        """The same codec at another quality; SynthcompError when it has none, or not this one."""
        if self.qualities is None:
            raise SynthcompError(f"{self} has no quality to choose; choose a classical codec such as WebP.")
        family = FAMILIES[self.family]
        found = _at_step(family, quality)
        if found is None or abs(found - quality) > 1e-9:
            raise SynthcompError(f"{self.family} has no quality {quality:g}: {_form(family)}.")
        return dataclasses.replace(self, quality=found, target=None)

    def at_target(self, target: Target) -> CodecId:
        """The same codec with a target in place of its quality; SynthcompError when it has no quality.

        A snapshot's family follows from its id, as ``mbt2018-q*-mse-games`` from ``mbt2018-q4-mse-games``.
        """
        if self.is_learned:
            family = re.sub(r"-q\d+(?=-(?:mse|msssim)(?:-|$))", f"-{ANY_QUALITY}", self.family)
            if ANY_QUALITY not in family:
                raise SynthcompError(
                    f"{self} is of no family of snapshots, because its id does not name a quality as in "
                    "mbt2018-q4-mse-games; it cannot aim at a target."
                )
            return dataclasses.replace(self, family=family, target=target)
        if self.qualities is None:
            raise SynthcompError(f"{self} is lossless and has no quality, so it cannot aim at a target.")
        return dataclasses.replace(self, quality=None, target=target)

    def _option(self, name: str) -> CodecOption:
        for option in self.available_options:
            if option.name == name:
                return option
        names = ", ".join(option.name for option in self.available_options) or "none"
        raise SynthcompError(f"{self} has no option {name!r}; its options: {names}.")


def default_codec_id(family_name: str) -> CodecId:
    """The id of a classical family at its default quality, or of a snapshot."""
    family = FAMILIES.get(family_name)
    return CodecId(family_name, None if family is None else family.default_quality)


def _taken_apart(head: str) -> tuple[CodecFamily | None, str | None]:
    """(family, what follows its dash); no family for a snapshot's id, which may begin as a family does."""
    match = _CLASSICAL.fullmatch(head)
    if match is None or not (match[2] is None or match[2].startswith("q") or is_target(match[2])):
        return None, None
    return FAMILIES[match[1]], match[2]


def _options(
    text: str, words: Sequence[str], available: Sequence[CodecOption], head: str, owner: str
) -> tuple[str, ...]:
    """The options that are not the default, in the order of ``available``."""
    if words and not available:
        raise SynthcompError(f"Codec {text!r} has the option {words[0]!r}, but {owner} takes none: write {head}.")
    chosen: dict[str, str] = {}
    for word in words:
        option = next((option for option in available if word in option.words), None)
        if option is None:
            raise SynthcompError(f"Codec {text!r} has the option {word!r}; {owner} takes {forms(available)}.")
        if option.name in chosen:
            raise SynthcompError(
                f"Codec {text!r} sets {option.name} twice, to {chosen[option.name]} and {word}: write one of them."
            )
        chosen[option.name] = word
    if LOSSLESS in chosen:
        idle = next((option for option in available if option.lossy_only and option.name in chosen), None)
        if idle is not None:
            raise SynthcompError(f"Codec {text!r} is lossless, which leaves no {idle.name} to choose: leave it out.")
    settings = ((chosen.get(option.name, option.default), option.default) for option in available)
    return tuple(word for word, default in settings if word != default)


def _lossless(text: str, family: CodecFamily, rest: str | None, options: tuple[str, ...]) -> CodecId:
    if rest is not None:
        words = "".join(f"+{option}" for option in options)
        raise SynthcompError(f"Codec {text!r} is lossless and takes no quality: write {family.name}{words}.")
    if family.lossless_quality is None:
        return CodecId(family.name, None, options)
    return CodecId(family.name, family.lossless_quality, tuple(word for word in options if word != LOSSLESS))


def _target(text: str, family: CodecFamily, rest: str) -> Target:
    if family.qualities is None:
        raise SynthcompError(f"Codec {text!r} has a target, but {family.name} is lossless: write {family.name}.")
    return Target.parse(rest)


def _quality(text: str, family: CodecFamily, rest: str | None) -> float | None:
    if family.qualities is None:
        if rest is not None:
            raise SynthcompError(
                f"Codec {text!r} has a quality, but {family.name} is lossless and takes none: write {family.name}."
            )
        return None
    form = _form(family)
    if rest is None:
        raise SynthcompError(f"Codec {text!r} needs a quality: {form}.")
    number = rest.removeprefix("q")
    is_whole = family.quality_step == 1
    if not _QUALITY.fullmatch(number) or (is_whole and "." in number):
        raise SynthcompError(f"Codec {text!r} has no {'whole ' if is_whole else ''}number as its quality: {form}.")
    found = _at_step(family, float(number))
    if found is None:
        raise SynthcompError(f"Codec {text!r} has the quality {number}, which is out of range: {form}.")
    if abs(found - float(number)) > 1e-9:
        raise SynthcompError(f"Codec {text!r} has the quality {number}, finer than its encoder's steps: {form}.")
    return found


def _at_step(family: CodecFamily, quality: float) -> float | None:
    """The family's quality nearest to a number, whole numbers as int; None beyond its range."""
    qualities = family.qualities
    if qualities is None or not qualities[0] <= quality <= qualities[-1]:
        return None
    per_unit = round(1 / family.quality_step)
    level = round(quality * per_unit)
    return level // per_unit if level % per_unit == 0 else level / per_unit


def _form(family: CodecFamily) -> str:
    if family.qualities is None:
        return f"write {family.name}"
    name, low, high = family.name, family.qualities[0], family.qualities[-1]
    steps = "" if family.quality_step == 1 else f" in steps of {family.quality_step:g}"
    return f"write {name}-q{low} to {name}-q{high}{steps}, as in {name}-q{family.default_quality}"
