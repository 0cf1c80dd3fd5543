"""What several verbs share: their options, and reading what the options name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from synthcomp_core import limits
from synthcomp_core.cli.console import warn
from synthcomp_core.codecs.targets import TARGET_KINDS, Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import DEFAULT_MAX_PIXELS, LoadedImage, read_image
from synthcomp_core.library.renderings import find_renderings, is_files, read_set
from synthcomp_core.runtime import Precision, torch_device
from synthcomp_core.variants.variant import Variant

DEFAULT_MEGAPIXELS = DEFAULT_MAX_PIXELS / 1e6
_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})")
_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(|k|M)B?")
_MULTIPLES = {"": 1, "k": 1_000, "M": 1_000_000}


def _known_device(name: str | None) -> str | None:
    """The device itself, which must be there also where no network runs on it."""
    if name is not None:
        torch_device(name)
    return name


def _known_precision(text: str) -> str:
    return Precision.parse(text).value


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaxMegapixels = Annotated[float, typer.Option(help="Refuse images with more megapixels than this.")]
Device = Annotated[
    str | None,
    typer.Option(callback=_known_device, help="Where networks run: cpu, cuda, ... (default: a GPU if any)."),
]
PrecisionOption = Annotated[
    str, typer.Option(callback=_known_precision, help="Arithmetic of networks: auto, float32 or bfloat16.")
]
TargetBytes = Annotated[str | None, typer.Option(metavar="N", help="Take at most this many bytes, as in 100k or 1.5M.")]
TargetBpp = Annotated[float | None, typer.Option(help="Take at most this many bits per pixel.")]
TargetPsnr = Annotated[float | None, typer.Option(help="Reach this PSNR (RGB) in dB, with as few bytes as possible.")]
TargetMsssim = Annotated[float | None, typer.Option(help="Reach this MS-SSIM (RGB), below 1.")]
TargetSsimulacra2 = Annotated[float | None, typer.Option(help="Reach this SSIMULACRA2, below 100.")]
TargetFlip = Annotated[float | None, typer.Option(help="Stay below this FLIP error, between 0 and 1.")]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="Size of the image, as in 1920x1080.")]


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) from "WxH"; SynthcompError when it is not of that form.

    >>> parse_size("1920x1080")
    (1920, 1080)
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise SynthcompError(f"Size {text!r} is not of the form WIDTHxHEIGHT, as in 1920x1080.")
    return int(match[1]), int(match[2])


def pixel_limit(max_megapixels: float) -> int:
    """The limit in pixels; SynthcompError for what is no number above 0."""
    if not limits.are_megapixels(max_megapixels):
        raise SynthcompError(f"--max-megapixels is {max_megapixels:g}; expected {limits.megapixels_form()}.")
    return limits.pixels_of(max_megapixels)


def parse_amount(text: str) -> int:
    """Bytes from a number with k (1,000) or M (1,000,000) behind it; SynthcompError when it is not of that form.

    >>> parse_amount("100k"), parse_amount("1.5 MB"), parse_amount("4096")
    (100000, 1500000, 4096)
    """
    match = _AMOUNT.fullmatch(text.strip())
    if not match:
        raise SynthcompError(f"Size {text!r} is no number of bytes, such as 4096, 100k or 1.5M.")
    return int(float(match[1]) * _MULTIPLES[match[2]])


def chosen_target(given: dict[str, float | None]) -> Target | None:
    """The target among options by the word of their kind; None where there is none, SynthcompError for two."""
    values = {word: value for word, value in given.items() if value is not None}
    if len(values) > 1:
        names = " and ".join(f"--target-{TARGET_KINDS[word].word.rstrip('_')}" for word in values)
        raise SynthcompError(f"{names} cannot be met at once; give one of them.")
    return next((Target.of(word, value) for word, value in values.items()), None)


def renderings_read(variants: Iterable[Variant]) -> list[Path]:
    """The files of the sets of renderings among variants, which are read and must not be written over.

    Their tables of rates and their bitstreams are among them.
    """
    sets = [find_renderings(variant.codec) for variant in variants if is_files(variant.codec)]
    images = [path for rendered in sets for path in read_set(rendered).files.values()]
    patterns = ("*.csv", "bitstreams/*")
    return images + [path for rendered in sets for pattern in patterns for path in rendered.folder.glob(pattern)]


def read_noted(path: Path, max_megapixels: float, *, keep_alpha: bool = False) -> LoadedImage:
    """The image in a file; notes on what reading changed go to standard error."""
    loaded = read_image(path, max_pixels=pixel_limit(max_megapixels), keep_alpha=keep_alpha)
    for note in loaded.notes:
        warn(f"{path.name}: {note}")
    return loaded
