"""Where an image can be picked from: the bundled samples, the data sets and their splits, folders under the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import image_count, iter_images, list_images, num_subfolders
from synthcomp_core.library.datasets import card_path, data_dir, image_paths, images_dir, list_datasets, split_files
from synthcomp_core.storage import artifacts_dir, is_folder

SAMPLES = "samples"


def image_sources() -> list[str]:
    """The names of what images can be picked from, in the order in which they are offered.

    ``samples``; ``NAME`` of a data set and ``NAME/test`` and the like of its splits; and folders of images that lie
    under ``artifacts/data`` without being a data set, by their paths.
    """
    cards = list_datasets()
    names = [name for card in cards for name in (card.name, *(f"{card.name}/{split}" for split, _ in card.splits))]
    taken = {card.name for card in cards}
    data = data_dir()
    folders = sorted(path for path in [*data.glob("*"), *data.glob("*/*")] if path.is_dir()) if data.is_dir() else []
    plain = [path for path in folders if path.relative_to(data).parts[0] not in taken and list_images(path)]
    return [SAMPLES, *names, *(path.relative_to(data).as_posix() for path in plain)]


def source_images(source: str) -> dict[str, Path]:
    """The images of a source by their names, subfolders included; by their paths where two have one name.

    Empty where there are none. SynthcompError when a data set's files are missing.
    """
    if source == SAMPLES:
        folder = artifacts_dir() / SAMPLES
        paths = list_images(folder) if folder.is_dir() else []
        return {path.name: path for path in paths}
    name, _, split = source.partition("/")
    known = {card.name: dict(card.splits) for card in list_datasets()}
    if name in known and (not split or split in known[name]):
        root = images_dir(name)
        paths = split_files(name, split) if split else [root / path for path in image_paths(name)]
        return _named(root, sorted(paths))
    folder = data_dir() / source
    if ".." in Path(source).parts or Path(source).is_absolute() or not is_folder(folder):
        raise SynthcompError(f"There is no source of images {source[:300]!r}; available: {', '.join(image_sources())}.")
    return _named(folder, sorted(iter_images(folder)))


def source_path(source: str) -> Path:
    """The folder or the data set's name that stands for a source on the command line.

    >>> source_path(SAMPLES).name
    'samples'
    """
    if source == SAMPLES:
        return artifacts_dir() / SAMPLES
    is_data_set = source.partition("/")[0] in {card.name for card in list_datasets()}
    return Path(source) if is_data_set else data_dir() / source


def subfolders_walked(source: str, paths: Sequence[Path]) -> str:
    """A sentence on how many subfolders the images of a source came from; "" where all lie in its folder."""
    name = source.partition("/")[0]
    is_data_set = source != SAMPLES and card_path(name).is_file()
    root = images_dir(name) if is_data_set else data_dir() / source
    if source == SAMPLES or not num_subfolders(root, paths):
        return ""
    return f"{image_count(root, paths)}."


def _named(root: Path, paths: list[Path]) -> dict[str, Path]:
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return dict(zip(names, paths, strict=True))
    return {path.relative_to(root).as_posix(): path for path in paths}
