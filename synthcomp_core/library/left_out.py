"""What a folder or zip of images holds that is not taken from it: counted, so that nothing is left out in silence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from synthcomp_core.images import EXTENSIONS
from synthcomp_core.images.archives import checked_members, is_folder_member, is_zip_member, open_archive, zip_errors
from synthcomp_core.progress import counted

_MOST_SUFFIXES = 5


def left_out_of_folder(folder: Path) -> str:
    """The files below a folder that are no images by their names, and linked folders, which are not followed; or "".

    Hidden files and folders do not count.
    """
    names: list[str] = []
    folders = 0
    for here, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        folders += sum(Path(here, name).is_symlink() for name in below)
        names += files
    texts = [_others(names)]
    if folders:
        texts.append(counted(folders, "linked folder"))
    return ", ".join(filter(None, texts))


def left_out_of_zip(archive: Path) -> str:
    """The members of a zip that are no images by their names, for people; or "". SynthcompError for what is no zip."""
    with zip_errors(archive.name), open_archive(archive) as opened:
        members = [info for info in checked_members(opened, archive.name) if not is_folder_member(info)]
    return _others(info.filename for info in members if not is_zip_member(info))


def _others(names: Iterable[str]) -> str:
    """How many of the files are no images, with their commonest suffixes; "" for none."""
    paths = [PurePosixPath(name) for name in names]
    shown = [path for path in paths if not any(part.startswith((".", "__MACOSX")) for part in path.parts)]
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in shown if path.suffix.lower() not in EXTENSIONS)
    if not suffixes:
        return ""
    listed = ", ".join(f"{suffix} {count}" for suffix, count in suffixes.most_common(_MOST_SUFFIXES))
    more = ", ..." if len(suffixes) > _MOST_SUFFIXES else ""
    return f"{counted(suffixes.total(), 'other file')} ({listed}{more})"
