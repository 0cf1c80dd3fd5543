"""What lies in a project such as the thesis's: data sets, checkpoints, renderings, FSR samples, tables, plans."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import EXTENSIONS
from synthcomp_core.library.split_names import SPLITS, split_named, split_of
from synthcomp_core.library.thesis_names import thesis_point
from synthcomp_core.storage import is_folder

CHECKPOINT_SUFFIXES = (".pth.tar", ".pth", ".pt", ".ckpt", ".safetensors")
_NATIVE = re.compile(r"[^.].*-native\.png|[^.]-native\.png")
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}
_MAX_DEPTH = 6
_MAX_FOLDERS = 20_000
_MIN_CHECKPOINT_BYTES = 256


class Kind(StrEnum):
    """What something found is."""

    DATA_SET = "data set"
    CHECKPOINT = "checkpoint"
    RENDERINGS = "renderings"
    SAMPLES = "FSR samples"
    RESULTS = "results"
    PLAN = "plan"


@dataclass(frozen=True)
class Finding:
    """One thing in a project. name: what it would be called here; detail: what it holds, for people."""

    kind: Kind
    name: str
    path: Path
    detail: str


def scan_project(folder: Path) -> list[Finding]:
    """What lies in a folder and its subfolders, by kind and place; nothing is read but names and zips' directories.

    Results are files that may be tables: reading them says whether they are. SynthcompError when there is no folder.
    """
    if not is_folder(folder):
        raise SynthcompError(f"There is no folder {str(folder)[:300]}.")
    found: list[Finding] = []
    for here, folders, files in _walked(folder):
        finding = _of_folder(here, folders, files)
        if finding is not None:
            found.append(finding)
            if finding.kind is not Kind.RENDERINGS:
                folders.clear()  # What lies below belongs to it.
                continue
        found += [one for name in sorted(files) if (one := _of_file(here / name)) is not None]
    order = list(Kind)
    return sorted(found, key=lambda one: (order.index(one.kind), one.path))


def _walked(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folders from the top, which the caller may cut short; hidden ones, environments and links are left out."""
    for number, (here, folders, files) in enumerate(os.walk(folder)):
        if number >= _MAX_FOLDERS:
            raise SynthcompError(f"{folder} has more than {_MAX_FOLDERS:,} folders; adopt the project's own folder.")
        depth = len(Path(here).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        if depth >= _MAX_DEPTH:
            folders.clear()
        yield Path(here), folders, [name for name in files if not name.startswith(".")]


def _of_folder(here: Path, folders: list[str], files: list[str]) -> Finding | None:
    parts = {split: here / name for name in folders if (split := split_named(name))}
    if "train" in parts and len(parts) > 1:
        counts = {part: _num_images(path) for part, path in parts.items()}
        if all(counts.values()):
            return Finding(Kind.DATA_SET, data_set_name(here.name), here, _split_text(counts))
    if any(_NATIVE.fullmatch(name) for name in files):
        natives = sum(bool(_NATIVE.fullmatch(name)) for name in files)
        return Finding(Kind.SAMPLES, _slug(here.name), here, f"{natives} native images")
    images = sum(name.lower().endswith(EXTENSIONS) for name in files)
    if images and thesis_point(here.name) is not None:
        return Finding(Kind.RENDERINGS, here.name, here, f"{images} images")
    return None


def _of_file(path: Path) -> Finding | None:
    name = path.name.lower()
    if not path.is_file():
        return None  # A link to nowhere, or a pipe or device, on which reading would wait for ever.
    if name.endswith(CHECKPOINT_SUFFIXES):
        size = path.stat().st_size
        detail = f"{size / 1e6:.1f} MB"
        return Finding(Kind.CHECKPOINT, path.name, path, detail) if size >= _MIN_CHECKPOINT_BYTES else None
    if name.endswith(".zip"):
        return _of_zip(path)
    if name.endswith((".csv", ".json")):
        return Finding(Kind.RESULTS, _slug(path.stem), path, "")
    if name.endswith(".toml"):
        return Finding(Kind.PLAN, path.stem, path, "")
    return None


def _of_zip(path: Path) -> Finding | None:
    try:
        with zipfile.ZipFile(path) as opened:
            names = [PurePosixPath(info.filename) for info in opened.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError):
        return None
    images = [name for name in names if name.suffix.lower() in EXTENSIONS and "__MACOSX" not in name.parts]
    if any(_NATIVE.fullmatch(name.name) for name in images):
        natives = sum(bool(_NATIVE.fullmatch(name.name)) for name in images)
        return Finding(Kind.SAMPLES, _slug(path.stem), path, f"{natives} native images, in a zip")
    counts: dict[str, int] = {}
    for name in images:
        if part := split_of(name.as_posix()):
            counts[part] = counts.get(part, 0) + 1
    if "train" in counts and len(counts) > 1:
        return Finding(Kind.DATA_SET, data_set_name(path.stem), path, f"{_split_text(counts)}, in a zip")
    return None


def data_set_name(text: str) -> str:
    """A data set's name from that of its folder or zip; the thesis's as its plans call it.

    >>> data_set_name("gtaplus-dataset"), data_set_name("My Frames")
    ('gta-plus', 'my-frames')
    """
    slug = _slug(text).removesuffix("-dataset").removesuffix("_dataset")
    return "gta-plus" if slug in ("gtaplus", "gta") else slug


def _num_images(folder: Path) -> int:
    return sum(name.lower().endswith(EXTENSIONS) for _, _, files in os.walk(folder) for name in files)


def _split_text(counts: dict[str, int]) -> str:
    return ", ".join(f"{part} {counts[part]}" for part in SPLITS if part in counts)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "unnamed"
