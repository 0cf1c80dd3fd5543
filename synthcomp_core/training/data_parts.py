"""Which images of a plan's data set are trained on, which are held out, and which are left out and why."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcomp_core.images import BELOW, image_count, images_below, left_below, list_images
from synthcomp_core.library.datasets import image_paths, images_dir, read_data_set_card, split_files
from synthcomp_core.library.split_names import shuffled, split_of
from synthcomp_core.storage import runs_dir
from synthcomp_core.training.generated_images import write_images

if TYPE_CHECKING:
    from synthcomp_core.training.plan import DataPlan

_NO_SPLIT = "in no split"
_HELD_OUT = 20  # One image of so many validates where nothing was split off for it.


@dataclass(frozen=True)
class DataParts:
    """The images of one data set of a plan.

    root: the folder that holds them. left_out: (why, how many) of images that are neither trained nor validated on.
    """

    root: Path
    train: list[Path]
    valid: list[Path]
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """What serves for what, in a line for people.

        >>> DataParts(Path("d"), [Path("d/a.png"), Path("d/b.png")], [Path("d/c.png")], (("in test", 4),)).text
        '3 images: 2 to train on, 1 to validate on; left out: 4 in test'
        """
        counted = image_count(self.root, [*self.train, *self.valid])
        parts = f"{counted}: {len(self.train)} to train on, {len(self.valid)} to validate on"
        missing = ", ".join(f"{number} {why}" for why, number in self.left_out)
        return f"{parts}; left out: {missing}" if missing else parts


def data_parts(data: DataPlan) -> DataParts:
    """The parts of a plan's data set, train or valid empty where nothing is left for them.

    Nothing of a test split is in either: that of a data set in the library, or of a folder's subfolder named test.
    """
    if data.generated is not None:
        folder = runs_dir() / "generated"
        write_images(folder, data.generated)
        files = list_images(folder)[: data.generated]
        return DataParts(folder, files[:-2], files[-2:])
    return _of_data_set(data) if data.dataset is not None else _of_folder(data)


def _of_data_set(data: DataPlan) -> DataParts:
    """A data set in the library: its train split, and of it, or of valid, what is held out."""
    name = data.dataset or ""
    root = images_dir(name)
    train, valid = train_and_valid(name) if not data.validation else _matched(split_files(name, "train"), data)
    used = {*train, *valid}
    rest = [path for path in image_paths(name) if root / path not in used]
    listed = dict(read_data_set_card(name).splits)
    splits = {path: split for split in ("valid", "test") if split in listed for path in _split_paths(name, split)}
    return DataParts(root, train, valid, _counted(splits.get(path) for path in rest))


def _split_paths(name: str, split: str) -> list[str]:
    return [path.relative_to(images_dir(name)).as_posix() for path in split_files(name, split)]


def _of_folder(data: DataPlan) -> DataParts:
    """A folder: its images or, where it holds none itself, those below, by their subfolders' names."""
    root = data.folder or Path()
    if own := list_images(root):
        train, valid = _matched(own, data)
        below = len(left_below(root))
        return DataParts(root, train, valid, ((BELOW, below),) if below else ())
    parts: dict[str | None, list[Path]] = {}
    for path in images_below(root):
        parts.setdefault(split_of(path.relative_to(root).as_posix()), []).append(path)
    test = parts.pop("test", [])
    held = parts.pop("valid", [])
    train, matched = _matched(sorted(path for part in parts.values() for path in part), data)
    return DataParts(root, train, sorted([*held, *matched]), _counted("test" for _ in test))


def _matched(files: list[Path], data: DataPlan) -> tuple[list[Path], list[Path]]:
    """(the rest, what a pattern of ``validation`` matches)."""
    held = {path for path in files if any(fnmatch.fnmatch(path.name, pattern) for pattern in data.validation)}
    return [path for path in files if path not in held], [path for path in files if path in held]


def _counted(splits: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    """How many images of which splits are left out."""
    counts = Counter(_NO_SPLIT if split is None else f"in {split}" for split in splits)
    return tuple(sorted(counts.items()))


def train_and_valid(name: str) -> tuple[list[Path], list[Path]]:
    """What to train and to validate on: the splits, or, without a valid split, a fixed twentieth of train for it.

    Nothing of a test split is in either. SynthcompError when there is no train split.
    """
    train = split_files(name, "train")
    if dict(read_data_set_card(name).splits).get("valid"):
        return train, split_files(name, "valid")
    root = images_dir(name)
    held = shuffled([path.relative_to(root).as_posix() for path in train], 0)[: max(1, len(train) // _HELD_OUT)]
    kept = set(held)
    return (
        [path for path in train if path.relative_to(root).as_posix() not in kept],
        [path for path in train if path.relative_to(root).as_posix() in kept],
    )
