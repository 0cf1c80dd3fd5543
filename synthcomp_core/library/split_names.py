"""The parts of a data set, and which of them a folder's name stands for."""

from __future__ import annotations

from pathlib import PurePosixPath

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
