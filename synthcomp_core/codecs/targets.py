"""Targets: a size or a metric's value that takes the place of a quality in an id, as in ``webp-psnr35``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError


@dataclass(frozen=True)
class TargetKind:
    """What can be aimed at. word: in an id, right before the number.

    quantity: "bytes", "bpp", or the metric's name. is_limit: not to be exceeded (a size, an error), else to be
    reached. rises: with the quality. above, below: bounds of a target, both excluded. decimals, unit: for people.
    near: a metric's value that much better than asked for takes some 0.4 % more bytes, which is as near as matters.
    """

    word: str
    quantity: str
    label: str
    is_limit: bool
    rises: bool
    above: float
    below: float
    example: float
    decimals: int
    unit: str = ""
    near: float = 0.0

    def shown(self, value: float) -> str:
        """A value for people, with its unit."""
        return f"{value:,.{self.decimals}f}{self.unit}"


_HUGE = 1e12
TARGET_KINDS: dict[str, TargetKind] = {
    kind.word: kind
    for kind in (
        TargetKind("bytes", "bytes", "size", True, True, 0, _HUGE, 100_000, 0, " bytes"),
        TargetKind("bpp", "bpp", "rate", True, True, 0, 1000, 0.5, 4, " bpp"),
        TargetKind("psnr", "psnr_rgb", "PSNR", False, True, 0, 200, 35, 2, " dB", near=0.01),
        TargetKind("msssim", "msssim_rgb", "MS-SSIM", False, True, 0, 1, 0.98, 4, near=0.0001),
        TargetKind("ssimulacra2_", "ssimulacra2", "SSIMULACRA2", False, True, 0, 100, 70, 2, near=0.12),
        TargetKind("flip", "flip", "FLIP", True, False, 0, 1, 0.05, 4, near=0.0001),
    )
}
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,6})?")
_HEAD = re.compile("(" + "|".join(TARGET_KINDS) + ")(.*)")


@dataclass(frozen=True)
class Target:
    """A value to aim at, of one of TARGET_KINDS; ``str`` and ``parse`` are inverse.

    A limit (bytes, bpp, FLIP) is not exceeded; anything else is reached, with as few bytes as possible.

    >>> Target.parse("psnr35"), str(Target("ssimulacra2_", 70.0))
    (Target(word='psnr', value=35.0), 'ssimulacra2_70')
    """

    word: str
    value: float

    def __str__(self) -> str:
        return f"{self.word}{_plain(self.value)}"

    @property
    def kind(self) -> TargetKind:
        """What is aimed at."""
        return TARGET_KINDS[self.word]

    @property
    def is_met_when_low(self) -> bool:
        """Whether low qualities keep to it, as to a size, and not high ones, as to a PSNR or an error."""
        return self.kind.is_limit == self.kind.rises

    @property
    def shown(self) -> str:
        """The target for people, such as "PSNR 35.00 dB"."""
        return f"{self.kind.label} {self.kind.shown(self.value)}"

    def is_met_by(self, value: float) -> bool:
        """Whether a value of the same quantity keeps the limit, or reaches the target."""
        return value <= self.value if self.kind.is_limit else value >= self.value

    @classmethod
    def parse(cls, text: str) -> Target:
        """The target in ``text``, such as ``psnr35``, ``bpp0.5`` or ``ssimulacra2_70``; else SynthcompError."""
        match = _HEAD.fullmatch(text)
        if match is None:
            examples = ", ".join(str(Target(kind.word, kind.example)) for kind in TARGET_KINDS.values())
            raise SynthcompError(f"{text!r} is no target: write one such as {examples}.")
        kind, number = TARGET_KINDS[match[1]], match[2]
        if not _NUMBER.fullmatch(number):
            raise SynthcompError(
                f"{text!r} is no target: after {kind.word} comes a number of at most six decimals, "
                f"as in {cls(kind.word, kind.example)}."
            )
        return cls.of(kind.word, float(number))

    @classmethod
    def of(cls, word: str, value: float) -> Target:
        """The target of a kind's word and a value; SynthcompError when the value is out of its bounds."""
        kind = TARGET_KINDS[word]
        value = round(value, 6)
        if not kind.above < value < kind.below or (kind.quantity == "bytes" and value != int(value)):
            bounds = (
                "a whole number of at least 1"
                if kind.quantity == "bytes"
                else f"above {kind.above:g} and below {kind.below:g}"
            )
            raise SynthcompError(f"The target {kind.label} {_plain(value)} cannot be reached: it must be {bounds}.")
        return cls(word, value)


def is_target(text: str) -> bool:
    """Whether ``text`` begins as a target does, also if its number is wrong."""
    return _HEAD.fullmatch(text) is not None


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
