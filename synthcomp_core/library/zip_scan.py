"""What lies in a zip of a project: data sets and FSR samples, read from its directory alone; what else it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images.zipped import ZippedImages
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
from synthcomp_core.library.thesis_names import thesis_point
from synthcomp_core.progress import counted
from synthcomp_core.storage import is_file

_HINT = "unpack it, and adopt again, for the rest"


def findings_in_zip(path: Path) -> list[Finding]:
    """The data sets and FSR samples in a zip, and what else there is that only unpacking it would make available."""
    if not is_file(path):
        return []  # A link to nowhere, or a pipe or device, on which reading would wait for ever.
    try:
        zipped = ZippedImages(path, path.name)
    except SynthcompError as error:
        return [Finding(Kind.ARCHIVE, path.name, path, str(error))]
    samples = {one.parent for one in zipped.paths if NATIVE.fullmatch(one.name)}
    rendered = {one.parent for one in zipped.paths if thesis_point(one.parent.name) is not None}
    splits: dict[PurePosixPath, Counter[str]] = {}
    for one in zipped.paths:
        place = None if one.parent in samples | rendered else _split_place(one)
        if place is not None:
            splits.setdefault(place[0], Counter())[place[1]] += 1
    data_sets = {root: counts for root, counts in splits.items() if "train" in counts and len(counts) > 1}
    rest = _rest(rendered, zipped.others)
    alone = len(samples) + len(data_sets) == 1 and not rest
    found = []
    for root, counts in sorted(data_sets.items()):
        name, detail = data_set_name(_called(root, path, alone)), f"{split_text(counts)}, in a zip"
        found.append(Finding(Kind.DATA_SET, name, path, detail, str(root)))
    for folder in sorted(samples):
        natives = sum(one.parent == folder and bool(NATIVE.fullmatch(one.name)) for one in zipped.paths)
        detail = f"{counted(natives, 'native image')}, in a zip"
        found.append(Finding(Kind.SAMPLES, project_name(_called(folder, path, alone)), path, detail, str(folder)))
    if rest:
        found.append(Finding(Kind.ARCHIVE, path.name, path, f"it holds {', '.join(rest)}; {_HINT}"))
    return found


def _called(folder: PurePosixPath, path: Path, alone: bool) -> str:
    """What something in a zip is called: as the zip if it is all there is, else as its folder."""
    return path.stem if alone or not folder.name else folder.name


def _split_place(image: PurePosixPath) -> tuple[PurePosixPath, str] | None:
    """(the folder that holds the splits, the split) of an image that lies in one; None for any other."""
    for parent in reversed(image.parents):
        if split := split_named(parent.name):
            return parent.parent, split
    return None


def _rest(rendered: Iterable[PurePosixPath], others: Iterable[PurePosixPath]) -> list[str]:
    """What is adopted from folders only, by kind, as "1 table"."""
    names = [other.name.lower() for other in others]
    counts = {
        "folder of renderings": len(set(rendered)),
        "checkpoint": sum(name.endswith(CHECKPOINT_SUFFIXES) for name in names),
        "table": sum(name.endswith(".csv") for name in names),
    }
    plurals = {"folder of renderings": "folders of renderings", "checkpoint": "checkpoints", "table": "tables"}
    return [f"{number} {what if number == 1 else plurals[what]}" for what, number in counts.items() if number]
