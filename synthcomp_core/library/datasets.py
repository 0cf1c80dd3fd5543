"""Data sets: fetch or take in, card, split. A data set is a folder of images, split files and a card.

``artifacts/data/NAME/images`` holds the images, ``NAME/splits/{train,valid,test}.txt`` their relative paths,
``NAME/card.json`` source, licence and counts.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError, reason_of
from synthcomp_core.images import EXTENSIONS, image_count, iter_images
from synthcomp_core.library.dataset_sources import SOURCES, Download, origin_of
from synthcomp_core.library.json_records import JsonError, parse_json, read_json
from synthcomp_core.library.left_out import left_out_of_folder
from synthcomp_core.library.split_names import SPLITS, check_listable, listed, shuffled, split_of
from synthcomp_core.library.taking_in import (
    bring,
    check_own,
    check_unlinked,
    folder_in_zip,
    holds_images,
    keep_only,
    take_in,
)
from synthcomp_core.progress import OnProgress, counted, silent, span
from synthcomp_core.storage import artifacts_dir, check_name, is_file, own_name, write_text

_Number = Annotated[int, Meta(ge=0, le=10**9)]


@dataclass(frozen=True)
class DataSetCard:
    """What a data set is. splits: (name, images) pairs. left_out: what was not taken from its source, as a phrase.

    place: the SHA-256 of the path of the folder or zip that it was taken from, by which two of one name differ.
    """

    name: str
    source: Annotated[str, Meta(max_length=2000)]
    licence: Annotated[str, Meta(max_length=2000)]
    images: _Number
    splits: Annotated[tuple[tuple[str, _Number], ...], Meta(max_length=100)] = ()
    notes: str = ""
    left_out: Annotated[str, Meta(max_length=2000)] = ""
    place: Annotated[str, Meta(max_length=64)] = ""


def _checked(name: str) -> str:
    return check_name(name, "The data set's name")


def data_dir() -> Path:
    """The folder that holds the data sets."""
    return artifacts_dir() / "data"


def images_dir(name: str) -> Path:
    """The folder of a data set's images, whether there is one or not."""
    return data_dir() / name / "images"


def card_path(name: str) -> Path:
    """The file of a data set's card."""
    return data_dir() / name / "card.json"


def split_path(name: str, part: str) -> Path:
    """The file that lists the images of a split."""
    return data_dir() / name / "splits" / f"{part}.txt"


def list_datasets() -> list[DataSetCard]:
    """The cards of the data sets that were fetched or taken in, by name, without those that cannot be read."""
    return list(survey_datasets().cards)


@dataclass(frozen=True)
class DataSetList:
    """What lies in the data folder: the cards of the data sets, by name, and a sentence for each that is left out."""

    cards: tuple[DataSetCard, ...]
    problems: tuple[str, ...]


def survey_datasets() -> DataSetList:
    """The data sets that were fetched or taken in, and a sentence for each whose card cannot be read."""
    cards, problems = [], []
    for path in sorted(data_dir().glob("*/card.json")):
        try:
            cards.append(read_data_set_card(path.parent.name))
        except SynthcompError as error:
            problems.append(str(error))
    return DataSetList(tuple(cards), tuple(problems))


def has_data_set(name: str) -> bool:
    """Whether a data set of this name was fetched or taken in."""
    return card_path(_checked(name)).is_file()


def read_data_set_card(name: str) -> DataSetCard:
    """The card of a data set; SynthcompError when there is none of this name."""
    path = card_path(_checked(name))
    if not path.is_file():
        known = ", ".join(SOURCES)
        raise SynthcompError(f"There is no data set {name!r}; fetch one ({known}, or any folder, zip or URL).")
    try:
        card = read_json(path, DataSetCard, max_bytes=limits.CARD_BYTES)
    except (OSError, JsonError) as error:
        reason = reason_of(error)
        raise SynthcompError(f"{path} is not a data set's card ({reason}); fetch the data set again.") from None
    # The folder names the data set, whatever the card says: the name is where its files are written.
    return dataclasses.replace(card, name=name)


def fetch(
    what: str,
    *,
    name: str | None = None,
    licence: str = "",
    inside: str = "",
    max_bytes: int = limits.DOWNLOAD_BYTES,
    on_progress: OnProgress = silent,
) -> DataSetCard:
    """Bring a data set in: one of SOURCES, a zip's address, or a folder or zip on disk (then ``name`` names it).

    inside: of a zip on disk, only what lies in this folder of it. max_bytes: what a downloaded file may have.

    What is there already is not fetched again, so that an interrupted fetch resumes where it stopped, file by file.
    SynthcompError when the network or the file fails, and where the name is that of a data set from elsewhere, or of
    one that is linked: nothing is written through a link.
    """
    source = SOURCES.get(what)
    if source is None and name is None:
        name = Path(what if "://" in what else own_name(Path(what))).stem.lower()
    name = _checked(name or what)
    folder = data_dir() / name
    card = _new_card(name, what, licence)
    _check_free(card, what)
    notes, left_out = [], ""
    if source is not None:
        for number, item in enumerate(source.downloads):
            part = span(on_progress, number / len(source.downloads), (number + 1) / len(source.downloads))
            notes.append(bring(item, folder, max_bytes=max_bytes, on_progress=part))
        keep_only(folder / "images", source.only)
    elif "://" in what:
        notes.append(bring(Download(what), folder, max_bytes=max_bytes, on_progress=on_progress))
    else:
        published = SOURCES.get(name)
        if published is not None and published.only is not None:  # The archive that a browser downloaded.
            inside = inside or folder_in_zip(Path(what), published.only)
        left_out = take_in(Path(what), folder, known=", ".join(SOURCES), inside=inside, on_progress=on_progress)
    return _carded(dataclasses.replace(card, notes="; ".join(notes), left_out=left_out))


def _new_card(name: str, what: str, licence: str) -> DataSetCard:
    """The card of a data set that is about to be brought in; SynthcompError where it could not be read back."""
    origin = origin_of(what)
    card = DataSetCard(name, origin.source, licence or origin.licence, 0, place=origin.place)
    _card_text(card)
    return card


def _check_free(card: DataSetCard, what: str) -> None:
    """SynthcompError unless the images of this card may be written: the name is free, or theirs, and nothing linked."""
    check_unlinked(images_dir(card.name), card.name)
    try:
        there = read_data_set_card(card.name)
    except SynthcompError:
        return  # There is none, or one that says nothing: it is written anew.
    same_place = there.place == card.place or not (there.place and card.place)  # Older cards do not say.
    if there.source != card.source or not (same_place or holds_images(Path(what), images_dir(card.name))):
        elsewhere = (
            f"a folder or zip called {card.source} in another place" if there.source == card.source else there.source
        )
        raise SynthcompError(
            f"There is a data set {card.name} already, from {elsewhere}; choose another name with --name, or remove "
            f"{data_dir() / card.name}."
        )


def link_data_set(name: str, images: Path, *, licence: str = "") -> DataSetCard:
    """Make a folder of images a data set by a link, so that nothing is copied; splits by its folders' names."""
    link = images_dir(_checked(name))
    if not images.is_dir():
        raise SynthcompError(f"There is no folder {images}.")
    check_own(link.parent, name)
    card = _new_card(name, str(images.absolute()), licence)  # A name alone may be that of a published data set.
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    if link.exists():
        raise SynthcompError(f"There is a data set {name!r} already, which is no link; choose another name.")
    link.symlink_to(images.resolve(), target_is_directory=True)
    return _carded(dataclasses.replace(card, notes="linked, not copied", left_out=left_out_of_folder(images)))


def _carded(card: DataSetCard) -> DataSetCard:
    """Write splits and card of a data set whose images are in place; SynthcompError when there are none.

    Splits that were made here stay as long as all of their images do; else they are the published ones, and no others.
    """
    num_images = len(image_paths(card.name))
    if not num_images:
        raise SynthcompError(f"{card.source} holds no images ({', '.join(EXTENSIONS)}).")
    published = published_split(card.name)
    parts = _own_splits(card.name) or {split: published[split] for split in SPLITS if split in published}
    return _write_splits(dataclasses.replace(card, images=num_images), parts)


def _own_splits(name: str) -> dict[str, list[str]]:
    """The splits on the card that are not those of the images' folders; none where any of their images is missing."""
    root = images_dir(name)
    try:
        listed = {part: split_files(name, part) for part, _ in read_data_set_card(name).splits}
    except SynthcompError:
        return {}
    parts = {part: [path.relative_to(root).as_posix() for path in paths] for part, paths in listed.items()}
    return parts if any(split_of(path) != part for part, paths in parts.items() for path in paths) else {}


def published_split(name: str) -> dict[str, list[str]]:
    """The images that lie in folders named train, valid (val, validation) or test, as the data set was published."""
    found: dict[str, list[str]] = {}
    for path in image_paths(name):
        if part := split_of(path):
            found.setdefault(part, []).append(path)
    return found


def split(
    name: str, *, valid: float = 0.1, test: float = 0.1, seed: int = 0, ignore_published: bool = False
) -> DataSetCard:
    """Split a data set at random into train, valid and test (shares of 1), the same for the same seed and names.

    Images are ordered by a hash of seed and path, so that adding an image moves few others. A test set that was
    published stays what it is, and nothing of it gets into the others: train and valid share what is left, and
    ``test`` has no effect, nor has ``valid`` where one was published beside it; unless ignore_published.
    SynthcompError when a split would be empty.
    """
    card = read_data_set_card(name)
    published = {} if ignore_published else published_split(name)
    if "test" in published:
        return _split_around(card, published, valid, seed)
    if not (0 <= valid < 1 and 0 <= test < 1 and valid + test < 1):
        raise SynthcompError(f"Shares of {valid} for valid and {test} for test leave nothing to train on.")
    paths = shuffled(image_paths(name), seed)
    num_valid, num_test = round(len(paths) * valid), round(len(paths) * test)
    parts = {
        "train": paths[num_valid + num_test :],
        "valid": paths[:num_valid],
        "test": paths[num_valid : num_valid + num_test],
    }
    if not parts["train"] or (valid and not parts["valid"]) or (test and not parts["test"]):
        raise SynthcompError(f"{name} has {counted(len(paths), 'image')}, too few for shares of {valid} and {test}.")
    return _write_splits(card, parts)


def _split_around(card: DataSetCard, published: dict[str, list[str]], valid: float, seed: int) -> DataSetCard:
    """Train and valid out of what is not the published test set; a published valid stays too."""
    if "valid" in published:
        return _write_splits(card, published)
    rest = shuffled([path for path in image_paths(card.name) if split_of(path) != "test"], seed)
    number = round(len(rest) * valid) if 0 <= valid < 1 else len(rest)
    if number >= len(rest) or (valid and not number):
        others = counted(len(rest), "image")
        raise SynthcompError(f"{card.name} has {others} beside its test set, too few for shares of {valid}.")
    return _write_splits(card, {"train": rest[number:], "valid": rest[:number], "test": published["test"]})


def _write_splits(card: DataSetCard, parts: dict[str, list[str]]) -> DataSetCard:
    """Write the lists of these parts and a card that names them; the list of any other part is removed."""
    check_listable(path for chosen in parts.values() for path in chosen)
    for part in SPLITS:
        path = split_path(card.name, part)
        if part in parts:
            write_text(path, "".join(f"{image}\n" for image in sorted(parts[part])))
        else:
            path.unlink(missing_ok=True)
    card = dataclasses.replace(card, splits=tuple((part, len(chosen)) for part, chosen in parts.items()))
    _write_card(card)
    return card


def split_files(name: str, part: str) -> list[Path]:
    """The image files of one split, checked to be there."""
    images, path = images_dir(read_data_set_card(name).name), split_path(name, part)
    if part not in SPLITS or not path.is_file():
        raise SynthcompError(f"The data set {name} has no split {part!r}; make one with `data split {name}`.")
    # Not resolved: the images may be links to where they really lie. The list, however, names none outside.
    files = [images / line for line in listed(path, name)]
    missing = [file for file in files if not is_file(file)]
    if missing:
        first = str(missing[0])[:300]
        raise SynthcompError(f"{first} is missing ({len(missing)} in all); fetch the data set {name} again.")
    return files


def image_paths(name: str) -> list[str]:
    """The images of a data set, as sorted paths relative to its image folder, with forward slashes."""
    folder = images_dir(name)
    return sorted(path.relative_to(folder).as_posix() for path in iter_images(folder, recursive=True))


def num_unsplit(name: str) -> int:
    """How many images of a data set are in none of its splits; 0 where it has none."""
    card = read_data_set_card(name)
    if not card.splits:
        return 0
    root = images_dir(card.name)
    within = {path.relative_to(root).as_posix() for split, _ in card.splits for path in split_files(name, split)}
    return len(set(image_paths(name)) - within)


def count_text(name: str) -> str:
    """How many images a data set has, and in how many subfolders, for people."""
    root = images_dir(name)
    return image_count(root, [root / path for path in image_paths(name)])


def _write_card(card: DataSetCard) -> None:
    write_text(card_path(card.name), _card_text(card))


def _card_text(card: DataSetCard) -> str:
    """A card as its file holds it; SynthcompError for one that could not be read back."""
    text = json.dumps(dataclasses.asdict(card), indent=1)
    try:
        parse_json(text, DataSetCard)
    except JsonError as error:
        raise SynthcompError(f"The card of {card.name} could not be read back ({reason_of(error)}).") from None
    return text
