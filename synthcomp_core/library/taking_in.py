"""Images from the network, or from a folder or zip on this machine, into a data set's folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import EXTENSIONS, iter_images
from synthcomp_core.images.archives import extract_images
from synthcomp_core.images.headers import header_size
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.library.dataset_sources import Download
from synthcomp_core.library.downloads import download
from synthcomp_core.library.left_out import left_out_of_folder, left_out_of_zip
from synthcomp_core.progress import OnProgress, counted, span
from synthcomp_core.storage import file_sha256, is_file, is_folder, is_inside, safe_name, write_text

_OF_A_DATA_SET = ("card.json", "images", "downloads", "splits")  # What lies in a data set's folder.


def take_in(path: Path, folder: Path, *, known: str, inside: str = "", on_progress: OnProgress) -> str:
    """Copy a folder's images, or extract a zip's; what is left out of it, as a phrase ("": nothing).

    inside: take only what lies in this folder of a zip; nothing is said of the rest then.
    """
    if is_file(path):
        extract_images(path, folder / "images", inside=inside, on_progress=on_progress)
        return "" if inside else left_out_of_zip(path)
    if not is_folder(path):
        raise SynthcompError(f"{str(path)[:300]} is neither a folder nor a zip file, nor one of {known}.")
    found = sorted(iter_images(path, recursive=True))
    files = [file for file in found if is_inside(file, path)]
    for number, file in enumerate(files):
        on_progress(number / len(files), f"copying {file.name}")
        target = folder / "images" / file.relative_to(path)
        if not (target.is_file() and target.stat().st_size == file.stat().st_size):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # A link would be written through.
            shutil.copyfile(file, target)
    links = len(found) - len(files)
    leading_out = f"{counted(links, 'link')} out of the folder" if links else ""
    return ", ".join(filter(None, (leading_out, left_out_of_folder(path))))


def holds_images(source: Path, images: Path) -> bool:
    """Whether a folder holds all that was copied to ``images``, by name and size: it may have been moved since."""
    copied = list(iter_images(images, recursive=True)) if is_folder(images) else []
    originals = [source / path.relative_to(images) for path in copied]
    return is_folder(source) and all(
        original.is_file() and original.stat().st_size == path.stat().st_size
        for path, original in zip(copied, originals, strict=True)
    )


def check_own(folder: Path, name: str) -> None:
    """SynthcompError where the folder of a data set is a link to what is no data set, as to the images of a project."""
    if folder.is_symlink() and any(path.name not in _OF_A_DATA_SET for path in folder.glob("*")):
        raise _linked(name, folder)


def check_unlinked(images: Path, name: str) -> None:
    """SynthcompError as :func:`check_own`, and where a data set's folder of images, or one in it, is a link."""
    check_own(images.parent, name)
    folders = [images, *(Path(here, folder) for here, folders, _ in os.walk(images) for folder in folders)]
    linked = next((folder for folder in folders if folder.is_symlink()), None)
    if linked is not None:
        raise _linked(name, linked)


def _linked(name: str, folder: Path) -> SynthcompError:
    return SynthcompError(
        f"The images of {name} are linked to {os.path.realpath(folder)}, where nothing is written; choose another name "
        "with --name."
    )


def folder_in_zip(path: Path, part: str) -> str:
    """The first folder of a zip that is called ``part``, a zip inside it counted as one; "" without, or for no zip."""
    if not is_file(path):
        return ""
    for image in ZippedImages(path, path.name).paths:
        for folder in reversed(image.parents):
            if folder.name == part:
                return folder.as_posix()
    return ""


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


def bring(item: Download, folder: Path, *, max_bytes: int, on_progress: OnProgress) -> str:
    """Download one file and put its images in place; a note with its SHA-256, "" when it was there already.

    max_bytes: what the file may have.
    """
    file_name = safe_name(PurePosixPath(item.url.split("?")[0]).name)
    images = folder / "images" / item.folder
    done = folder / "downloads" / f"{item.folder.replace('/', '-')}-{file_name}.done"
    if done.is_file():
        return done.read_text(encoding="utf-8")
    path = download(
        item.url,
        folder / "downloads",
        file_name,
        max_bytes=max_bytes,
        raised_by="--max-gigabytes",
        sha256=item.sha256,
        otherwise="or download it elsewhere and run `data fetch FILE --name NAME`",
        on_progress=span(on_progress, 0.0, 0.8),
    )
    sha256 = file_sha256(path)
    try:
        if path.suffix.lower() not in EXTENSIONS:
            extract_images(path, images, on_progress=span(on_progress, 0.8, 1.0))
            path.unlink()
        elif header_size(path) is None:
            raise SynthcompError(f"{item.url} did not return an image; fetch it again, or look at the address.")
        else:
            images.mkdir(parents=True, exist_ok=True)
            path.replace(images / file_name)
    except SynthcompError:
        path.unlink(missing_ok=True)  # Else the next fetch would take it for downloaded.
        raise
    note = f"{file_name} sha256 {sha256}"
    write_text(done, note)
    return note
