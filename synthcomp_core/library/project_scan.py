"""What lies in a project such as the thesis's: data sets, checkpoints, renderings, FSR samples, tables, plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import EXTENSIONS, iter_images
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.library.datasets import image_paths, list_datasets
from synthcomp_core.library.findings import (
    CHECKPOINT_SUFFIXES,
    NATIVE,
    Finding,
    Kind,
    data_set_name,
    project_name,
    split_text,
)
from synthcomp_core.library.split_names import split_named
from synthcomp_core.library.thesis_names import reference_stem, thesis_point
from synthcomp_core.library.zip_scan import findings_in_zip
from synthcomp_core.progress import counted
from synthcomp_core.storage import folders_below, is_folder, own_name, safe_name

_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}
_MAX_DEPTH = 6
_MAX_FOLDERS = 20_000
_MIN_CHECKPOINT_BYTES = 256


def scan_project(folder: Path) -> list[Finding]:
    """What lies in a folder and its subfolders, by kind and place; nothing is read but names and zips' directories.

    A folder of images that is nothing else is one of renderings where they are named as a data set's, or where it is
    all there is. Results are files that may be tables: reading them says whether they are. SynthcompError when there is
    no folder.
    """
    if not is_folder(folder):
        raise SynthcompError(f"There is no folder {str(folder)[:300]}.")
    found: list[Finding] = []
    others: dict[Path, set[str]] = {}  # folders of images that say nothing of themselves
    for here, folders, files in _walked(folder):
        finding = _of_folder(here, folders, files)
        images = {reference_stem(Path(name)) for name in files if name.lower().endswith(EXTENSIONS)}
        if finding is None and images:
            others[here] = images
        if finding is not None:
            found.append(finding)
            if finding.kind is not Kind.RENDERINGS:
                folders.clear()  # What lies below belongs to it.
                continue
        for name in sorted(files):
            path = here / name
            found += findings_in_zip(path) if name.lower().endswith(".zip") else filter(None, [_of_file(path)])
    found += _named_as_images(others, found)
    if not found and folder in others:
        found.append(_renderings(folder, counted(len(others[folder]), "image")))
    order = list(Kind)
    return sorted(found, key=lambda one: (order.index(one.kind), one.path))


def _walked(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folders from the top, which the caller may cut short; hidden ones, environments and links are left out."""
    for here, folders, files in folders_below(folder, most=_MAX_FOLDERS):
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        if depth >= _MAX_DEPTH:
            folders.clear()
        yield here, folders, [name for name in files if not name.startswith(".")]


def _of_folder(here: Path, folders: list[str], files: list[str]) -> Finding | None:
    called = own_name(here)
    parts = {split: here / name for name in folders if (split := split_named(name))}
    if "train" in parts and len(parts) > 1:
        counts = {part: _num_images(path) for part, path in parts.items()}
        if all(counts.values()):
            return Finding(Kind.DATA_SET, data_set_name(called), here, split_text(counts))
    if any(NATIVE.fullmatch(name) for name in files):
        natives = sum(bool(NATIVE.fullmatch(name)) for name in files)
        return Finding(Kind.SAMPLES, project_name(called), here, counted(natives, "native image"))
    images = sum(name.lower().endswith(EXTENSIONS) for name in files)
    if images and thesis_point(called) is not None:
        return Finding(Kind.RENDERINGS, called, here, counted(images, "image"))
    return None


def _named_as_images(others: dict[Path, set[str]], found: list[Finding]) -> list[Finding]:
    """The folders whose images are all named as images of one data set: what somebody made of these."""
    data_sets = {one.name: _stems(one) for one in found if one.kind is Kind.DATA_SET}
    data_sets |= {card.name: {PurePosixPath(path).stem for path in image_paths(card.name)} for card in list_datasets()}
    named = []
    for folder, images in others.items():
        of = next((name for name, stems in data_sets.items() if images <= stems), None)
        if of is not None:
            named.append(_renderings(folder, f"{counted(len(images), 'image')}, named as those of {of}"))
    return named


def _renderings(folder: Path, detail: str) -> Finding:
    return Finding(Kind.RENDERINGS, safe_name(folder.resolve().name)[:80], folder, detail)


def _stems(data_set: Finding) -> set[str]:
    """The names of a data set's images without suffixes, be it a folder or in a zip."""
    if data_set.path.is_file():
        return {path.stem for path in ZippedImages(data_set.path, data_set.path.name).paths}
    return {path.stem for path in iter_images(data_set.path, recursive=True)}


def _of_file(path: Path) -> Finding | None:
    name = path.name.lower()
    if not path.is_file():
        return None  # A link to nowhere, or a pipe or device, on which reading would wait for ever.
    if name.endswith(CHECKPOINT_SUFFIXES):
        size = path.stat().st_size
        detail = f"{size / 1e6:.1f} MB"
        return Finding(Kind.CHECKPOINT, path.name, path, detail) if size >= _MIN_CHECKPOINT_BYTES else None
    if name.endswith((".csv", ".json")):
        return Finding(Kind.RESULTS, project_name(path.stem), path, "")
    if name.endswith(".toml"):
        return Finding(Kind.PLAN, path.stem, path, "")
    return None


def _num_images(folder: Path) -> int:
    walked = folders_below(folder, most=limits.FOLDERS)
    return sum(name.lower().endswith(EXTENSIONS) for _, _, files in walked for name in files)
