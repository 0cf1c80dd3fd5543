"""Take the images out of a zip file that nobody vouches for."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import EXTENSIONS
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import atomic_path

MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 2 * 2**30
MAX_RATIO = 200  # Images hardly compress; a member that grows more than this is a bomb.
_SMALL = 2**20  # Below this no ratio is judged: a flat test image may be tiny.
_CHUNK = 2**20


def extract_images(archive: Path, folder: Path, *, on_progress: OnProgress = silent, nested: bool = True) -> list[Path]:
    """Extract the image files of a zip into ``folder``, keeping their folders; files already there are kept.

    nested: unpack a zip inside the zip too, into a folder of its name (but none inside that). SynthcompError, before
    anything is written, for a member outside the folder (zip slip), a link, or more members than any data set has; and
    for a member that grows beyond what an image can (zip bomb), judged by the bytes that come out, not by what the zip
    says.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                _target(info, folder, archive.name)
            members = [info for info in opened.infolist() if _is_image(info)]
            if len(opened.infolist()) > MAX_MEMBERS:
                raise SynthcompError(
                    f"{archive.name} has {len(opened.infolist())} members; no data set here is so large."
                )
            targets = [_target(info, folder, archive.name) for info in members]
            for number, (info, target) in enumerate(zip(members, targets, strict=True)):
                on_progress(number / max(1, len(members)), f"extracting {target.name}")
                if not (target.is_file() and target.stat().st_size == info.file_size):
                    _extract(opened, info, target, archive.name)
            for info in opened.infolist() if nested else ():
                if _is_visible(info, (".zip",)):
                    targets += _extract_inner(opened, info, folder, archive.name)
    except zipfile.BadZipFile as error:
        raise SynthcompError(f"{archive.name} is not a whole zip file ({error}); download it again.") from None
    return targets


def _extract_inner(opened: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, archive: str) -> list[Path]:
    """The images of a zip inside the zip, such as a repository's archive of a data set."""
    target = _target(info, folder, archive)
    inner = target.with_name(f".{target.name}")
    try:
        _extract(opened, info, inner, archive)
        return extract_images(inner, target.with_suffix(""), nested=False)
    finally:
        inner.unlink(missing_ok=True)


def _is_image(info: zipfile.ZipInfo) -> bool:
    return _is_visible(info, EXTENSIONS)


def _is_visible(info: zipfile.ZipInfo, suffixes: tuple[str, ...]) -> bool:
    path = PurePosixPath(info.filename)
    hidden = any(part.startswith((".", "__MACOSX")) and part not in ("..", ".") for part in path.parts)
    return not info.is_dir() and not hidden and path.suffix.lower() in suffixes


def _target(info: zipfile.ZipInfo, folder: Path, archive: str) -> Path:
    name = info.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name or stat.S_ISLNK(info.external_attr >> 16):
        raise SynthcompError(
            f"{archive} holds {info.filename!r}, which points outside its folder; it was not unpacked."
        )
    return folder / Path(*path.parts)


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, archive: str) -> None:
    limit = min(MAX_MEMBER_BYTES, max(_SMALL, MAX_RATIO * info.compress_size))
    with opened.open(info) as source, atomic_path(target) as temporary, temporary.open("wb") as file:
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise SynthcompError(
                    f"{archive} holds {info.filename!r}, which grows beyond {limit} bytes: not an image."
                )
            file.write(chunk)
