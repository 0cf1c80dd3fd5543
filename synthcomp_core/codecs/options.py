"""Encoder options: what a codec can be set to beside its quality, and how that is written after a plus in its id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LOSSLESS = "lossless"


@dataclass(frozen=True)
class CodecOption:
    """One setting of an encoder: enough for a form to draw its control.

    name: what is set ("effort", "chroma", "lossless"). label: of the control. choices: the words that may follow a
    plus, in the order in which they are offered; the empty word = nothing is written. labels: of the choices. default:
    the choice that ids leave out. numbers: the choices as whole numbers, where they are a scale (a slider), else None.
    lossy_only: whether it has no effect on a lossless bitstream.

    >>> chroma = CodecOption("chroma", "Chroma", ("420", "444"), ("4:2:0", "4:4:4"), "420", lossy_only=True)
    >>> chroma.is_switch, chroma.label_of("444")
    (False, '4:4:4')
    """

    name: str
    label: str
    choices: tuple[str, ...]
    labels: tuple[str, ...]
    default: str
    numbers: range | None = None
    lossy_only: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it is either off, and not written, or on."""
        return len(self.choices) == 2 and self.choices[0] == self.default == ""

    @property
    def words(self) -> tuple[str, ...]:
        """The choices that can be written."""
        return tuple(choice for choice in self.choices if choice)

    def label_of(self, choice: str) -> str:
        """How people call a choice."""
        return self.labels[self.choices.index(choice)]


def scale_option(
    name: str, label: str, letter: str, numbers: range, default: int, *, ends: tuple[str, str]
) -> CodecOption:
    """An option whose choices are numbers behind a letter, as ``s0`` to ``s10``; ends: what both ends are, in words."""
    labels = [str(number) for number in numbers]
    labels[0], labels[-1] = f"{labels[0]} ({ends[0]})", f"{labels[-1]} ({ends[1]})"
    words = tuple(f"{letter}{number}" for number in numbers)
    return CodecOption(name, label, words, tuple(labels), f"{letter}{default}", numbers)


def chroma_option(*words: str) -> CodecOption:
    """How densely colour is sampled, such as ``420`` (a quarter of the pixels) or ``444`` (all); first the default."""
    return CodecOption("chroma", "Chroma", words, tuple(":".join(word) for word in words), words[0], lossy_only=True)


def lossless_option() -> CodecOption:
    """Whether the encoder's lossless mode is used, which has no quality."""
    return CodecOption(LOSSLESS, "Lossless", ("", LOSSLESS), ("lossy", "lossless"), "")


def forms(options: Iterable[CodecOption]) -> str:
    """How options are written, for a sentence or a table.

    >>> forms([chroma_option("420", "422", "444"), lossless_option()])
    '+420 (default), +422 or +444; +lossless'
    """
    return "; ".join(_form(option) for option in options)


def _form(option: CodecOption) -> str:
    if option.numbers is not None:
        default = f" (default {option.default})" if option.default else ""
        return f"+{option.words[0]} to +{option.words[-1]}{default}"
    words = [f"+{word} (default)" if word == option.default else f"+{word}" for word in option.words]
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
