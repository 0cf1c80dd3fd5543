"""The parts of a data set: which of them a folder's name stands for, and the lists of their images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError, reason_of
from synthcomp_core.storage import read_file

SPLITS = ("train", "valid", "test")
_NAMES = {**{split: split for split in SPLITS}, "val": "valid", "validation": "valid"}


def split_named(folder: str) -> str | None:
    """The split that a folder of this name holds, in any case; None for any other name.

    >>> split_named("Val"), split_named("night")
    ('valid', None)
    """
    return _NAMES.get(folder.lower())


def split_of(path: str) -> str | None:
    """The split that the first such folder of an image's path names; None if none does.

    >>> split_of("GTA/Train/level 1/0001.png"), split_of("frames/train.png")
    ('train', None)
    """
    return next((split for part in PurePosixPath(path).parts[:-1] if (split := split_named(part))), None)


def shuffled(paths: Iterable[str], seed: int) -> list[str]:
    """Paths in an order of their own for every seed, in which another path moves none of the others."""
    return sorted(paths, key=lambda path: hashlib.sha256(f"{seed}|{path}".encode()).digest())


def check_listable(paths: Iterable[str]) -> None:
    """SynthcompError for a path with a line break, which would be two lines of a list."""
    broken = next((path for path in paths if "\n" in path), None)
    if broken is not None:
        raise SynthcompError(
            f"The image {broken[:80]!r} has a line break in its name, so that no list can hold it; rename it."
        )


def listed(path: Path, name: str) -> list[str]:
    """The paths in the list of a split of the data set ``name``; SynthcompError for what is none, or leads outside."""
    try:
        # Not splitlines, which takes characters for line breaks that names may hold.
        lines = read_file(path, max_bytes=limits.RESULTS_BYTES).decode("utf-8").replace("\r\n", "\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error)
        raise SynthcompError(f"{path} is no list of images ({reason}); make it with `data split {name}`.") from None
    for line in lines:
        if "\0" in line or ".." in PurePosixPath(line).parts or PurePosixPath(line).is_absolute():
            raise SynthcompError(f"{path} names {line[:80]!r}, which is outside the data set; make it again.")
    return [line for line in lines if line]
