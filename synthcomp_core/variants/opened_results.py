"""Results opened one by one: a file that another encoder or upscaler made of an image becomes a variant of it.

Each is kept as a set of renderings in the library, ``files:NAME``: the decoded image, and the file itself beside it,
whose size is the rate. A marker tells these sets from the folders of others, which nothing here changes. Beside each
result stands the digest of the image it was opened for, since others may have the image's name (``image.png``, as
browsers call what is pasted).
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthcomp_core.codecs import SCB_MAGIC, decode
from synthcomp_core.errors import ImageError, SynthcompError, reason_of
from synthcomp_core.images import Image, image_sha256, png_bytes, read_image
from synthcomp_core.library.rendering_rates import BITSTREAMS
from synthcomp_core.library.renderings import PREFIX, cut_to_size, renderings_dir
from synthcomp_core.metrics import psnr
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import is_file, last_part, safe_name, write_bytes, write_text
from synthcomp_core.variants.variant import Variant

_MARKER = ".opened"
_MAX_PADDING = 64  # Codecs pad to whole blocks; a result that is larger by more is of another size.
_MAX_NAME = 60
_MAX_SETS = 1000  # of one name


@dataclass(frozen=True)
class OpenedResult:
    """The variant that a file has become. note: a sentence on the padding that was cut off, "" without any."""

    variant: Variant
    note: str = ""


def open_result(
    image: Image, image_name: str, content: bytes, file_name: str, *, on_progress: OnProgress = silent
) -> OpenedResult:
    """Keep a file made of an (H, W, 3) image as a set of renderings, and return the variant that shows it.

    content: of an image in any format that is read, or of a ``.scb``, of the image's size or padded to whole blocks.
    image_name, file_name: may be paths; the set is called after the file. The same file is kept once. SynthcompError
    for what cannot be decoded, is of another size or cannot be kept; nothing is kept then.
    """
    height, width = image.shape[:2]
    name = last_part(file_name)
    if content.startswith(SCB_MAGIC):
        result = decode(content, max_pixels=_largest_pixels(width, height), on_progress=on_progress)
    else:
        result = read_image(content, name=name).image
    _check_size(result, name, width, height)
    digest = image_sha256(image)
    stem, suffix = Path(last_part(image_name)).stem, safe_name(Path(name).suffix.lower()[1:])
    folder = _folder_for(_set_name(name, stem), stem, suffix, content, digest)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARKER).touch()
        write_bytes(folder / BITSTREAMS / f"{stem}.{suffix}", content)
        write_bytes(folder / f"{stem}.png", png_bytes(result, fast=True))
        write_text(_digest_path(folder, stem), digest)
    except (OSError, ValueError) as error:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise SynthcompError(f"{name} cannot be kept in {folder}: {reason_of(error)}.") from error
    on_progress(1.0, "kept")
    return OpenedResult(Variant(f"{PREFIX}{folder.name}"), _cut_note(image, result, name))


def check_made_of(image: Image, codec_id: str, image_name: str) -> None:
    """SynthcompError where the set's result for this name was opened for an image with other pixels.

    What says nothing of its image, as the sets of others and those of earlier versions, is taken at its name.
    """
    stem = Path(image_name).stem
    path = _digest_path(renderings_dir() / codec_id.removeprefix(PREFIX), stem)
    if is_opened(codec_id) and is_file(path) and not _reads(path, image_sha256(image)):
        raise SynthcompError(
            f"{codec_id} holds a result of another image named {stem}; open the result that was made of this one."
        )


def cut_padding(image: Image, result: Image) -> Image:
    """The part of an opened result that is the (H, W, 3) image: at its top left, or in its middle if that is closer.

    Most codecs pad at the right and the bottom, some, as the thesis does, on all sides. ImageError when it is smaller.
    """
    height, width = image.shape[:2]
    middle = cut_to_size(result, width, height)
    if middle.shape == result.shape:
        return middle
    corner = np.ascontiguousarray(result[:height, :width])
    return corner if psnr(image, corner) >= psnr(image, middle) else middle


def _cut_note(image: Image, result: Image, name: str) -> str:
    (height, width), (rows, columns) = image.shape[:2], result.shape[:2]
    if (rows, columns) == (height, width):
        return ""
    is_corner = np.array_equal(cut_padding(image, result), result[:height, :width])
    kept = "its top left part was kept" if is_corner else "its middle was kept"
    return f"{name} is {columns}x{rows} and the image {width}x{height}: {kept}, which matches the image best."


def is_opened(codec_id: str) -> bool:
    """Whether an id ``files:NAME`` is of a set that was opened file by file, and may be forgotten."""
    name = codec_id.removeprefix(PREFIX)
    folder = renderings_dir() / name
    return codec_id.startswith(PREFIX) and Path(name).name == name and _is_own(folder)


def forget_result(codec_id: str) -> None:
    """Remove such a set with its files; SynthcompError for any other id."""
    if not is_opened(codec_id):
        raise SynthcompError(f"{codec_id} is no result that was opened here; only those can be removed here.")
    shutil.rmtree(renderings_dir() / codec_id.removeprefix(PREFIX))


def _largest_pixels(width: int, height: int) -> int:
    return (width + _MAX_PADDING) * (height + _MAX_PADDING)


def _check_size(result: Image, name: str, width: int, height: int) -> None:
    rows, columns = result.shape[:2]
    if not (height <= rows < height + _MAX_PADDING and width <= columns < width + _MAX_PADDING):
        raise ImageError(
            f"{name} is {columns}x{rows}, but the image is {width}x{height}; open a result of the image's own size."
        )


def _set_name(file_name: str, image_stem: str) -> str:
    """A name for the set: the file's; of a file that is called as the image is, its format."""
    path = Path(file_name)
    own = path.stem.removeprefix(image_stem) or path.suffix
    return re.sub(r"[^A-Za-z0-9._-]+", "-", own).strip("._-")[:_MAX_NAME] or "result"


def _folder_for(name: str, stem: str, suffix: str, content: bytes, digest: str) -> Path:
    """The folder of the first set of this name, or name-2, ..., that holds this file already or has room for it.

    digest: of the image; a set with this file for another image of the same name has no room.
    """
    for number in range(1, _MAX_SETS):
        folder = renderings_dir() / (name if number == 1 else f"{name}-{number}")
        kept, known = folder / BITSTREAMS / f"{stem}.{suffix}", _digest_path(folder, stem)
        if not folder.exists() and not folder.is_symlink():
            return folder
        is_same = kept.is_file() and kept.read_bytes() == content and _reads(known, digest)
        if _is_own(folder) and (is_same or not _holds(folder, stem)):
            return folder
    raise SynthcompError(f"There are {_MAX_SETS} results called {name}; remove some from {renderings_dir()}.")


def _digest_path(folder: Path, stem: str) -> Path:
    return folder / f".{stem}.sha256"  # Hidden, as no image and no table of rates may be.


def _reads(path: Path, digest: str) -> bool:
    """Whether a record holds this digest, or is none."""
    return not is_file(path) or path.read_bytes() == digest.encode("ascii")


def _is_own(folder: Path) -> bool:
    return not folder.is_symlink() and (folder / _MARKER).is_file()


def _holds(folder: Path, stem: str) -> bool:
    files = [*folder.iterdir(), *(folder / BITSTREAMS).glob("*")]
    return any(path.stem == stem for path in files)
