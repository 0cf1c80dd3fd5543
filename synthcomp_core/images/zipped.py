"""The images in a zip file that nobody vouches for, read one at a time without unpacking the others."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images.archives import (
    check_directory,
    checked_members,
    is_folder_member,
    is_image_member,
    is_zip_member,
    zip_errors,
)
from synthcomp_core.images.headers import largest_file, sniff
from synthcomp_core.storage import open_file

_HEAD_BYTES = 64  # enough for every signature


@dataclass(frozen=True)
class _Place:
    """Where an image is: in which zip inside the zip ("": in none), as which member; and its CRC-32 and bytes."""

    inner: str
    member: str
    checksum: tuple[int, int]


class ZippedImages:
    """The images in a zip, by their paths in it; a zip inside the zip counts as a folder (but none inside that).

    source: the zip's path, or its bytes. name: for messages. SynthcompError, when it is opened, for what is no zip, has
    more members than any set of images, or one outside of its folder.
    """

    def __init__(self, source: Path | bytes, name: str) -> None:
        self._source, self.name = source, name
        self._places: dict[PurePosixPath, _Place] = {}
        self.others: list[PurePosixPath] = []  # members that are neither images nor zips
        with zip_errors(name), self._opened("") as opened:
            members = checked_members(opened, name)
        self._add("", members)
        for inner in filter(is_zip_member, members):
            self._check_size(inner, limits.ZIP_TOTAL_RATIO, limits.ZIP_TOTAL_BYTES)
            with zip_errors(name), self._opened(inner.filename) as opened:
                self._add(inner.filename, checked_members(opened, name))

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """The images, in the order in which the zip names them."""
        return tuple(self._places)

    @property
    def origin(self) -> str:
        """A text that differs for zips of other content, from the checksums that they state."""
        content = repr(sorted((str(path), place.checksum) for path, place in self._places.items()))
        return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()

    def checksum(self, path: PurePosixPath) -> tuple[int, int]:
        """(CRC-32, bytes) of one image, as the zip states them."""
        return self._places[path].checksum

    def read(self, path: PurePosixPath) -> bytes:
        """The bytes of one image; SynthcompError when it is damaged or grows beyond what an image can."""
        place = self._places[path]
        with zip_errors(self.name), self._opened(place.inner) as opened:
            info = opened.getinfo(place.member)
            self._check_size(info, limits.ZIP_MEMBER_RATIO, limits.ZIP_MEMBER_BYTES)
            with opened.open(info) as file:
                head = file.read(_HEAD_BYTES)
                most = largest_file(sniff(head), limits.IMAGE_PIXELS)
                if info.file_size > most:
                    raise SynthcompError(
                        f"{self.name} holds {info.filename[:80]!r} of {info.file_size:,} bytes, and at most {most:,} "
                        "are read of such a file; save it at a lower quality, or shrink it first."
                    )
                return head + file.read()  # Never more than the size that was checked.

    def _add(self, inner: str, members: list[zipfile.ZipInfo]) -> None:
        folder = PurePosixPath(inner).with_suffix("") if inner else PurePosixPath()
        for info in filter(is_image_member, members):
            place = _Place(inner, info.filename, (info.CRC, info.file_size))
            self._places[folder / info.filename.replace("\\", "/")] = place
        others = (
            info for info in members if not (is_folder_member(info) or is_image_member(info) or is_zip_member(info))
        )
        self.others += [folder / info.filename.replace("\\", "/") for info in others]

    def _check_size(self, info: zipfile.ZipInfo, ratio: int, most: int) -> None:
        if info.file_size > min(most, max(limits.ZIP_FREE_BYTES, ratio * info.compress_size)):
            raise SynthcompError(
                f"{self.name} holds {info.filename[:80]!r}, which grows to {info.file_size:,} bytes, as no archive of "
                "images does."
            )

    @contextmanager
    def _opened(self, inner: str) -> Iterator[zipfile.ZipFile]:
        with ExitStack() as stack:
            source = self._source
            file = io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(open_file(source))
            check_directory(file, self.name)
            opened = stack.enter_context(zipfile.ZipFile(file))
            if inner:
                inside = stack.enter_context(opened.open(inner))
                check_directory(inside, f"{self.name}, {inner}")
                opened = stack.enter_context(zipfile.ZipFile(inside))
            yield opened
