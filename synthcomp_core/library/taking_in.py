"""Images from a folder or zip on this machine into a data set's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import iter_images
from synthcomp_core.images.archives import extract_images
from synthcomp_core.library.left_out import left_out_of_folder, left_out_of_zip
from synthcomp_core.progress import OnProgress
from synthcomp_core.storage import is_file, is_folder, is_inside


def take_in(path: Path, folder: Path, *, known: str, on_progress: OnProgress) -> str:
    """Copy a folder's images, or extract a zip's; what is left out of it, as a phrase ("": nothing)."""
    if is_file(path):
        extract_images(path, folder / "images", on_progress=on_progress)
        return left_out_of_zip(path)
    if not is_folder(path):
        raise SynthcompError(f"{str(path)[:300]} is neither a folder nor a zip file, nor one of {known}.")
    found = sorted(iter_images(path, recursive=True))
    files = [file for file in found if is_inside(file, path)]
    for number, file in enumerate(files):
        on_progress(number / len(files), f"copying {file.name}")
        target = folder / "images" / file.relative_to(path)
        if not (target.is_file() and target.stat().st_size == file.stat().st_size):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    links = len(found) - len(files)
    leading_out = f"{links} link{'s' * (links != 1)} out of the folder" if links else ""
    return ", ".join(filter(None, (leading_out, left_out_of_folder(path))))


def keep_only(images: Path, part: str | None) -> None:
    """Reduce what was extracted to the folder ``part``, wherever in the archive it stands."""
    if part is None or (images / part).is_dir():
        return
    for found in sorted(images.rglob(part)):
        if found.is_dir():
            kept = images.with_name(f".{part}")
            found.replace(kept)
            shutil.rmtree(images)
            images.mkdir()
            kept.replace(images / part)
            return
