"""The thesis's names of folders and files: which codec, quality and resolution a folder of renderings holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

UNCODED = "bicubic_supersampled"  # The uncoded image, at half size and back.
_FOLDER = re.compile(
    r"(?P<codec>[a-z0-9-]+?)_q(?P<quality>\d+)(?:_(?P<distortion>mse|ms-?ssim))?"
    r"_(?:fullres|x(?P<scale>\d+(?:\.\d+)?)res_supersampled)",
    re.IGNORECASE,
)
_SR_SUFFIX = re.compile(r"_x\d+(?:\.\d+)?_SR$")


@dataclass(frozen=True)
class ThesisPoint:
    """What a folder's name says. distortion: "mse", "msssim" or None; scale: of super-resolution, None at full size."""

    codec: str
    quality: int | None
    distortion: str | None
    scale: float | None


def thesis_point(folder_name: str) -> ThesisPoint | None:
    """What a folder is called after in the thesis, or None for any other name.

    >>> thesis_point("mbt2018_q4_mse_x2res_supersampled")
    ThesisPoint(codec='mbt2018', quality=4, distortion='mse', scale=2.0)
    """
    if folder_name == UNCODED:
        return ThesisPoint("none", None, None, 2.0)
    match = _FOLDER.fullmatch(folder_name)
    if match is None:
        return None
    distortion = match["distortion"].lower().replace("-", "") if match["distortion"] else None
    scale = float(match["scale"]) if match["scale"] else None
    return ThesisPoint(match["codec"].lower(), int(match["quality"]), distortion, scale)


def reference_stem(rendering: Path) -> str:
    """The stem of the image that a rendering is of: its own, without the thesis's ``_x2_SR``."""
    return _SR_SUFFIX.sub("", rendering.stem)
