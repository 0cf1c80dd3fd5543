"""Take the images out of a zip file that nobody vouches for."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError, reason_of
from synthcomp_core.images import EXTENSIONS
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import atomic_path, open_file

_CHUNK = 2**20
_TOP = PurePosixPath()
_RECORD_BYTES, _ZIP64_BYTES = 22, 76  # of a zip's end record; of what Zip64 puts in front: its own, and a locator
_END_BYTES = 2**16 + _RECORD_BYTES + _ZIP64_BYTES  # with the longest comment
_IN_ZIP64 = 2**32 - 1
_MEMBER_BYTES = 46  # of a member in the directory, without name, extra field and comment
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    struct.error,
    MemoryError,
)


class _Budget:
    """What comes out of an archive: judged by the bytes, not by what the zip says."""

    def __init__(self, archive: str, num_bytes: int) -> None:
        self.archive = archive
        self.left = min(limits.ZIP_TOTAL_BYTES, max(limits.ZIP_FREE_BYTES, limits.ZIP_TOTAL_RATIO * num_bytes))

    def take(self, count: int) -> None:
        """SynthcompError once all members together grow beyond what images can."""
        self.left -= count
        if self.left < 0:
            raise SynthcompError(
                f"{self.archive} grows more than {limits.ZIP_TOTAL_RATIO}-fold, as no archive of images does; it was "
                "not unpacked further."
            )


def extract_images(archive: Path, folder: Path, *, inside: str = "", on_progress: OnProgress = silent) -> list[Path]:
    """Extract the image files of a zip into ``folder``, keeping their folders; files already there are kept.

    A zip inside the zip is unpacked too, into a folder of its name (but none inside that). inside: take only what lies
    in this folder, that of a zip inside the zip included. SynthcompError, before
    anything is written, for a member outside the folder (zip slip), a link, or more members than any data set has; and
    for members that grow beyond what images can (zip bomb), judged by the bytes that come out, not by what the zip
    says.
    """
    with zip_errors(archive.name):
        budget = _Budget(archive.name, archive.stat().st_size)
        return _unpacked(archive, folder, budget, on_progress, PurePosixPath(inside), nested=True)


@contextmanager
def zip_errors(archive: str) -> Iterator[None]:
    """What goes wrong with a zip in the block, as a SynthcompError that names it."""
    try:
        yield
    except SynthcompError:
        raise
    except OSError as error:
        raise SynthcompError(f"{archive} cannot be unpacked: {reason_of(error)}.") from error
    except _ZIP_ERRORS as error:  # Encryption is a RuntimeError, an unknown method NotImplementedError.
        raise SynthcompError(
            f"{archive} is not a whole zip file that can be unpacked here ({reason_of(error)}); download it again, or "
            "pack the images without encryption."
        ) from None


def checked_members(opened: zipfile.ZipFile, archive: str) -> list[zipfile.ZipInfo]:
    """The members of a zip; SynthcompError for one outside of its folder, a link, or more than any data set has."""
    infos = opened.infolist()
    if len(infos) > limits.ZIP_MEMBERS:
        raise SynthcompError(f"{archive} has {len(infos):,} members; no data set here is so large.")
    for info in infos:
        _target(info, Path(), archive)
    return infos


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip file open for reading; SynthcompError, before its members are listed, for more than any data set has.

    OSError and what zipfile raises for a file that cannot be read or is none.
    """
    with open_file(path) as file:
        check_directory(file, path.name)
        with zipfile.ZipFile(file) as opened:
            yield opened


def check_directory(file: IO[bytes], archive: str) -> None:
    """SynthcompError for a zip of more members than any data set has, counted before zipfile makes objects of them.

    By the central directory's size, and the members in it (PKWARE's APPNOTE, 4.3.12 to 4.3.16). file: is read from
    anywhere, and left at any place.
    """
    size = file.seek(0, os.SEEK_END)
    for end, num_bytes in _directories(file, size):
        if num_bytes > limits.ZIP_DIRECTORY_BYTES:
            raise SynthcompError(
                f"{archive} has a list of members of {num_bytes:,} bytes, of which at most "
                f"{limits.ZIP_DIRECTORY_BYTES:,} are read; pack its images into several."
            )
        file.seek(max(0, end - num_bytes))
        directory = file.read(num_bytes)
        members = at = 0
        while at + _MEMBER_BYTES <= len(directory):
            members += 1
            if members > limits.ZIP_MEMBERS:
                raise SynthcompError(
                    f"{archive} has more than {limits.ZIP_MEMBERS:,} members, as no data set here; pack its images "
                    "into several."
                )
            at += _MEMBER_BYTES + sum(struct.unpack_from("<HHH", directory, at + 28))  # name, extra field, comment


def _directories(file: IO[bytes], size: int) -> Iterator[tuple[int, int]]:
    """(end, bytes) of the central directory by its end record, and by that of Zip64; found as zipfile does."""
    start = max(0, size - _END_BYTES)
    file.seek(start)
    tail = file.read()
    at = len(tail) - _RECORD_BYTES
    if at < 0 or not tail[at:].startswith(b"PK\5\6") or not tail.endswith(b"\0\0"):
        at = tail.rfind(b"PK\5\6")
    if at < 0 or at + _RECORD_BYTES > len(tail):
        return  # zipfile says so.
    (num_bytes,) = struct.unpack_from("<I", tail, at + 12)
    if num_bytes != _IN_ZIP64:
        yield start + at, num_bytes
    if at >= _ZIP64_BYTES and tail[at - _ZIP64_BYTES :].startswith(b"PK\6\6"):
        yield start + at - _ZIP64_BYTES, struct.unpack_from("<Q", tail, at - _ZIP64_BYTES + 40)[0]


def _unpacked(
    archive: Path, folder: Path, budget: _Budget, on_progress: OnProgress, inside: PurePosixPath, *, nested: bool
) -> list[Path]:
    with open_archive(archive) as opened:
        infos = checked_members(opened, archive.name)
        members = [info for info in infos if is_image_member(info) and _path(info).is_relative_to(inside)]
        targets = [_target(info, folder, archive.name) for info in members]
        for number, (info, target) in enumerate(zip(members, targets, strict=True)):
            on_progress(number / max(1, len(members)), f"extracting {target.name}")
            if not (target.is_file() and target.stat().st_size == info.file_size):
                _extract(opened, info, target, budget, limits.ZIP_MEMBER_BYTES)
        for info in filter(is_zip_member, infos) if nested else ():
            place = _path(info).with_suffix("")
            if place.is_relative_to(inside) or inside.is_relative_to(place):
                within = _TOP if place.is_relative_to(inside) else inside.relative_to(place)
                targets += _unpacked_inner(opened, info, _target(info, folder, archive.name), budget, within)
    return targets


def _unpacked_inner(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: _Budget, inside: PurePosixPath
) -> list[Path]:
    """The images of a zip inside the zip, such as a repository's archive of a data set."""
    inner = target.with_name(f".{target.name}")
    try:
        _extract(opened, info, inner, budget, limits.ZIP_TOTAL_BYTES)
        return _unpacked(inner, target.with_suffix(""), budget, silent, inside, nested=False)
    finally:
        inner.unlink(missing_ok=True)


def is_folder_member(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a folder; zipfile's own answer fails for one without a name."""
    return info.filename.endswith("/") or not info.filename


def is_image_member(info: zipfile.ZipInfo) -> bool:
    """Whether a member is an image, by its extension, and not hidden."""
    return _is_visible(info, EXTENSIONS)


def is_zip_member(info: zipfile.ZipInfo) -> bool:
    """Whether a member is itself a zip, by its extension, and not hidden."""
    return _is_visible(info, (".zip",))


def _is_visible(info: zipfile.ZipInfo, suffixes: tuple[str, ...]) -> bool:
    path = PurePosixPath(info.filename)
    hidden = any(part.startswith((".", "__MACOSX")) and part not in ("..", ".") for part in path.parts)
    return not is_folder_member(info) and not hidden and path.suffix.lower() in suffixes


def _path(info: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(info.filename.replace("\\", "/"))


def _target(info: zipfile.ZipInfo, folder: Path, archive: str) -> Path:
    name = info.filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or ":" in name or stat.S_ISLNK(info.external_attr >> 16):
        raise SynthcompError(
            f"{archive} holds {info.filename!r}, which points outside its folder; it was not unpacked."
        )
    long = any(len(part.encode("utf-8", "replace")) > limits.PATH_BYTES for part in parts)
    if long or len(parts) > limits.PATH_DEPTH or "\0" in name:
        raise SynthcompError(f"{archive} holds {info.filename[:80]!r}, whose path is too long or too deep.")
    return folder.joinpath(*parts)


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, budget: _Budget, most: int) -> None:
    limit = min(most, max(limits.ZIP_FREE_BYTES, limits.ZIP_MEMBER_RATIO * info.compress_size))
    with opened.open(info) as source, atomic_path(target) as temporary, temporary.open("wb") as file:
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise SynthcompError(
                    f"{budget.archive} holds {info.filename!r}, which grows beyond {limit} bytes: not an image."
                )
            budget.take(len(chunk))
            file.write(chunk)
