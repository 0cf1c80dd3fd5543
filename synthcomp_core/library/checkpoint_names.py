"""What a checkpoint file's name says, as the thesis and CompressAI write it: quality, distortion, training data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthcomp_core.library.snapshots import Distortion

_ARCHITECTURE = (
    r"(?P<architecture>bmshj2018-factorized(?:-prior|-relu)?|bmshj2018-hyperprior|mbt2018(?:-mean)?"
    r"|cheng2020-(?:anchor|attn))"
)
# As compressai.zoo names its files: mbt2018-ms-ssim-4-a120e037, bmshj2018-factorized-prior-1-446d5c7f.
_ZOO = re.compile(rf"{_ARCHITECTURE}(?:-(?P<distortion>mse|ms-?ssim))?-(?P<quality>[1-8])-[0-9a-f]{{8}}")
_ZOO_DATA = "vimeo90k"  # CompressAI's documentation, "Pre-trained weights: training".
_BEGINS = re.compile(rf"{_ARCHITECTURE}(?=-|$)")
_QUALITY = re.compile(r"(?:^|-)q(?:uality)?-?(?P<quality>[1-8])(?=-|$)")
_DISTORTION = re.compile(r"(?:^|-)(?P<distortion>mse|ms-?ssim)(?=-|$)")
_SUFFIXES = re.compile(r"(?:\.(?:pth|pt|tar|ckpt|safetensors|bin))+$")
# How the data sets of the field are written, and one name each.
_DATA_SETS = {
    "gta": "gtaplus",
    "gtaplus": "gtaplus",
    "gta+": "gtaplus",
    "clic": "clic2020",
    "clic2020": "clic2020",
    "vimeo": "vimeo90k",
    "vimeo90k": "vimeo90k",
    **{name: name for name in ("games", "photos", "kodak", "div2k", "df2k", "flickr2k", "openimages", "imagenet")},
}


@dataclass(frozen=True)
class NamedPoint:
    """What a file's name says of a model; None for what it does not say."""

    architecture: str | None = None
    quality: int | None = None
    distortion: Distortion | None = None
    trained_on: str | None = None


def point_in_name(name: str) -> NamedPoint:
    """What the file name of a checkpoint says, with or without suffixes; hyphens and underscores are alike.

    >>> point_in_name("mbt2018_q4_msssim_500ep.pth.tar")
    NamedPoint(architecture='mbt2018', quality=4, distortion=<Distortion.MS_SSIM: 'ms-ssim'>, trained_on=None)
    >>> point_in_name("cheng2020_attn-mse-1-465f2b64.pth.tar").trained_on
    'vimeo90k'
    """
    stem = _SUFFIXES.sub("", name.lower()).replace("_", "-").replace("gta-plus", "gtaplus")
    zoo = _ZOO.fullmatch(stem)
    if zoo:
        distortion = Distortion.parse(zoo["distortion"] or "mse")
        return NamedPoint(_plain(zoo["architecture"]), int(zoo["quality"]), distortion, _ZOO_DATA)
    begins, quality, distortion_word = _BEGINS.match(stem), _QUALITY.search(stem), _DISTORTION.search(stem)
    words = [word for word in stem.split("-") if word in _DATA_SETS]
    return NamedPoint(
        _plain(begins["architecture"]) if begins else None,
        int(quality["quality"]) if quality else None,
        Distortion.parse(distortion_word["distortion"]) if distortion_word else None,
        _DATA_SETS[words[-1]] if words else None,
    )


def _plain(architecture: str) -> str:
    return architecture.removesuffix("-prior")
