"""Images rendered elsewhere as sets in the library: each a folder of images named as their references, ``files:NAME``.

``artifacts/renderings/NAME`` is the folder, or a link to it. Rates come from what lies in it (:mod:`.rendering_rates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.errors import ImageError, SynthcompError
from synthcomp_core.images import Image, list_images, raw_bytes
from synthcomp_core.library.rendering_rates import Rates, read_rates
from synthcomp_core.library.thesis_names import ThesisPoint, reference_stem, thesis_point
from synthcomp_core.storage import NAME_PATTERN, artifacts_dir, link_to

PREFIX = "files:"


@dataclass(frozen=True)
class RenderedSet:
    """A folder of renderings. point: what its name says where it is one of the thesis's."""

    name: str
    folder: Path
    point: ThesisPoint | None

    @property
    def id(self) -> str:
        """The id of the variant, ``files:NAME``."""
        return f"{PREFIX}{self.name}"


def renderings_dir() -> Path:
    """The folder that holds the sets of renderings, or links to them."""
    return artifacts_dir() / "renderings"


def is_files(codec_id: str) -> bool:
    """Whether an id is that of a set of renderings, installed or not."""
    return codec_id.startswith(PREFIX)


def list_renderings() -> list[RenderedSet]:
    """The sets of renderings, by name; those whose link leads nowhere are left out."""
    folder = renderings_dir()
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and NAME_PATTERN.fullmatch(path.name))
    return [RenderedSet(name, folder / name, thesis_point(name)) for name in names]


def find_renderings(codec_id: str) -> RenderedSet:
    """The set with this id, ``files:NAME``; SynthcompError naming the sets there are."""
    found = list_renderings()
    for one in found:
        if one.id == codec_id:
            return one
    known = ", ".join(one.id for one in found) or "none yet; `adopt FOLDER` brings them in"
    raise SynthcompError(f"There are no renderings {codec_id!r}; available: {known}.")


@dataclass(frozen=True)
class SetContent:
    """What lies in a set: its files by the stems of their references, and what is known of their rates."""

    rendered: RenderedSet
    files: Mapping[str, Path]
    rates: Rates

    def file(self, image_name: str) -> Path:
        """The rendering of an image: the file of the same stem, or with the thesis's ``_x2_SR``.

        SynthcompError without one.
        """
        stem = Path(image_name).stem
        found = self.files.get(stem)
        if found is None:
            shown = ", ".join(sorted(self.files)[:3]) or "no image"
            raise SynthcompError(f"The renderings {self.rendered.id} have none of {stem}; they have {shown}, ...")
        return found

    def num_bytes(self, image_name: str, *, size: tuple[int, int]) -> int | None:
        """The size in bytes of what a rendering was decoded from; None where nothing says it.

        size: (width, height) of the reference, by which a rate in bits per pixel counts. ``bicubic_supersampled``
        counts the raw pixels at half size, as ``none`` does.
        """
        (width, height), point = size, self.rendered.point
        known = self.rates.bytes_of(Path(image_name).stem, pixels=width * height)
        if known is not None:
            return known
        if point is not None and point.codec == "none" and point.scale:
            return raw_bytes(width, height, point.scale)
        return None


def read_set(rendered: RenderedSet) -> SetContent:
    """List a set's files; a name of its own goes before one with ``_x2_SR``."""
    paths = list_images(rendered.folder)
    files = {**{reference_stem(path): path for path in paths}, **{path.stem: path for path in paths}}
    return SetContent(rendered, files, read_rates(rendered.folder))


def rates_text(rendered: RenderedSet) -> str:
    """Of how many of a set's images the rates are known and from where, for people."""
    rates = read_rates(rendered.folder)
    if not rates.source and rendered.point is not None and rendered.point.codec == "none":
        return "at the rate of raw pixels"
    return rates.text(sorted({reference_stem(path) for path in list_images(rendered.folder)}))


def cut_to_size(rendering: Image, width: int, height: int) -> Image:
    """The middle (height, width, 3) pixels of an (H, W, 3) uint8 rendering that padding made larger, as in the thesis.

    An odd surplus leaves its larger half at the right and the bottom. ImageError when the rendering is smaller.
    """
    import numpy as np

    rows, columns = rendering.shape[:2]
    if rows < height or columns < width:
        raise ImageError(
            f"The rendering is {columns} x {rows}, smaller than its reference of {width} x {height}; render it again "
            "at the reference's size."
        )
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.ascontiguousarray(rendering[top : top + height, left : left + width])


def link_renderings(name: str, folder: Path) -> Path:
    """Make ``folder`` the set ``name`` by a link, and return the link; SynthcompError when the name is another's."""
    return link_to(folder, renderings_dir() / name)
