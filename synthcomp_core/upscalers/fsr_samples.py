"""FSR samples, screenshots of games with FSR switched on: found in a folder or a zip, and read one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from synthcomp_core import limits
from synthcomp_core.errors import ImageError, SynthcompError
from synthcomp_core.images import DEFAULT_MAX_PIXELS, Image, read_image
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.storage import folders_below, is_file, is_folder, own_name
from synthcomp_core.upscalers.fsr_table import THESIS_QUALITIES, Treatment

_SAMPLE = re.compile(r"(?P<image>[^.].*?)-(?P<kind>native|native_x2_SR|q[2-5](?:-sharpened)?)\.png")
_NATIVE, _SUPER_RESOLVED = "native", "native_x2_SR"
# In the order in which the thesis's notebook evaluates them.
_KINDS = ("q2", "q3", "q4", "q5", "q2-sharpened", "q3-sharpened", "q4-sharpened", "q5-sharpened")
_FORM = "files named like 1-native.png, 1-q2.png, 1-q2-sharpened.png"


@dataclass(frozen=True)
class SampleFile:
    """One enlarged image that a set of samples has or should have. kind: as its name says, such as q2-sharpened."""

    image: str
    kind: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.image}-{self.kind}.png"

    @property
    def treatment(self) -> Treatment:
        """How it was enlarged."""
        return treatment_of(self.kind)


@dataclass(frozen=True)
class SampleSet:
    """A folder or zip of samples, of which nothing has been read but the names.

    files: what it has or should have, by image and kind. origin: the folder, or what the zip holds, as a text that
    tells it from any other. max_pixels: images with more are refused.
    """

    name: str
    origin: str
    files: tuple[SampleFile, ...]
    _folder: PurePath
    _zipped: ZippedImages | None
    _names: frozenset[str]
    max_pixels: int = DEFAULT_MAX_PIXELS

    @property
    def images(self) -> tuple[str, ...]:
        """What the images are called: "1", "2", ... by number, then the other names."""
        return tuple(dict.fromkeys(file.image for file in self.files))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of enlarged images that at least one image has."""
        return tuple(dict.fromkeys(file.kind for file in self.files if file.name in self._names))

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._names

    def native_name(self, image: str) -> str:
        """The name of an image's native file."""
        return f"{image}-{_NATIVE}.png"

    def paths(self) -> list[Path]:
        """The files on disk that are read: none of a zip's members."""
        names = {*(self.native_name(image) for image in self.images), *(file.name for file in self.files)}
        return [] if self._zipped is not None else [Path(self._folder / name) for name in sorted(names & self._names)]

    def read(self, name: str) -> Image:
        """The (H, W, 3) image in a file; ImageError when it is missing or cannot be read."""
        if name not in self._names:
            raise ImageError(f"{name} is missing.")
        if self._zipped is not None:
            content = self._zipped.read(PurePosixPath(self._folder / name))
            return read_image(content, name=name, max_pixels=self.max_pixels).image
        return read_image(Path(self._folder / name), max_pixels=self.max_pixels).image

    def read_like(self, file: SampleFile, native: Image) -> Image:
        """An enlarged image; ImageError as :meth:`read`, or when its size is not that of its native image."""
        enlarged = self.read(file.name)
        if enlarged.shape != native.shape:
            sizes = [f"{width} x {height}" for height, width, _ in (enlarged.shape, native.shape)]
            raise ImageError(
                f"{file.name} is {sizes[0]} pixels, but its native image {sizes[1]}: both must have the same size."
            )
        return enlarged

    def version(self, name: str) -> tuple[object, ...]:
        """What changes when a file does, without reading it."""
        if name not in self._names:
            return (self.origin, name)
        if self._zipped is not None:
            return (name, *self._zipped.checksum(PurePosixPath(self._folder / name)))
        try:
            about = Path(self._folder / name).stat()
        except OSError:  # It has gone since, or its link leads nowhere, which reading it says.
            return (self.origin, name)
        return (self.origin, name, about.st_size, about.st_mtime_ns)

    def versions(self) -> tuple[tuple[object, ...], ...]:
        """What changes when any of the images does, without reading them."""
        natives = [self.native_name(image) for image in self.images]
        return tuple(self.version(name) for name in [*natives, *(file.name for file in self.files)])


def open_samples(source: Path | bytes, *, name: str = "", max_pixels: int = DEFAULT_MAX_PIXELS) -> SampleSet:
    """The samples in a folder or zip (or in a zip's bytes, called ``name``) in the thesis's layout.

    ``{i}-native.png`` beside ``{i}-q2.png`` .. ``{i}-q5.png``, the same with ``-sharpened``, and, expected only if
    any image has one, ``{i}-native_x2_SR.png``. Other files are ignored. If the folder itself has none of these, the
    one subfolder that does is used. SynthcompError if there is nothing in that layout.
    """
    if isinstance(source, bytes) or is_file(source):
        label = name if isinstance(source, bytes) else source.name
        zipped = ZippedImages(source, label)
        folder = _only(PurePosixPath(), (path.parent for path in zipped.paths if _SAMPLE.fullmatch(path.name)), label)
        names = [path.name for path in zipped.paths if path.parent == folder]
        return SampleSet(label, zipped.origin, _expected(names), folder, zipped, frozenset(names), max_pixels)
    if not is_folder(source):
        raise SynthcompError(f"There is no folder {str(source)[:300]}, and no zip of that name.")
    label = own_name(source)
    place = _only(source, _holding(source), label)
    names = [path.name for path in Path(place).iterdir()]
    return SampleSet(label, str(Path(place).resolve()), _expected(names), place, None, frozenset(names), max_pixels)


def treatment_of(kind: str) -> Treatment:
    """How a kind of sample was enlarged.

    >>> treatment_of("q2-sharpened").label, treatment_of("q4").mode_label
    ('FSR 1, sharpened', 'quality (x1.5)')
    """
    if kind == _SUPER_RESOLVED:
        return Treatment("rcan", 2.0)
    quality, _, sharpened = kind.partition("-")
    return Treatment("fsr1", THESIS_QUALITIES[quality], sharpened=bool(sharpened))


def _holding(folder: Path) -> Iterator[Path]:
    """The folders from ``folder`` down that hold samples; hidden ones are left out."""
    for here, folders, files in folders_below(folder, most=limits.SAMPLE_FOLDERS):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        if any(_SAMPLE.fullmatch(name) for name in files):
            yield here


def _only(top: PurePath, holding: Iterable[PurePath], label: str) -> PurePath:
    """``top`` if it holds samples, else the one folder that does."""
    found = sorted(set(holding))
    if top in found:
        return top
    if len(found) > 1:
        shown = ", ".join(path.relative_to(top).as_posix() for path in found[:5])
        raise SynthcompError(f"{label} has FSR samples in {len(found)} folders ({shown}); name one of them.")
    if not found:
        raise SynthcompError(f"{label} holds no FSR samples: neither it nor a folder in it has {_FORM}.")
    return found[0]


def _expected(names: Iterable[str]) -> tuple[SampleFile, ...]:
    """The enlarged images that there should be beside those of these names."""
    found = [match for name in names if (match := _SAMPLE.fullmatch(name))]
    images = sorted({match["image"] for match in found}, key=_by_number)
    kinds = [*_KINDS, *([_SUPER_RESOLVED] if any(match["kind"] == _SUPER_RESOLVED for match in found) else [])]
    return tuple(SampleFile(image, kind) for image in images for kind in kinds)


def _by_number(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
