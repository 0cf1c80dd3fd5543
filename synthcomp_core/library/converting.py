"""A data set's images written as PNG into another folder, smaller if asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, png_bytes, read_image, resize
from synthcomp_core.images.headers import header_size
from synthcomp_core.library.datasets import image_paths, images_dir, read_data_set_card
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.storage import is_inside, write_bytes


def convert(
    name: str,
    out: Path,
    *,
    downscale: int = 1,
    on_note: Callable[[str], None] = lambda note: None,
    on_progress: OnProgress = silent,
) -> int:
    """Write every image of a data set as PNG into ``out``, smaller by ``downscale`` (bicubic) when above 1.

    Images already there are left, so that an interrupted conversion resumes; returns the number written now.
    on_note: called with each note on what reading an image changed. SynthcompError, before anything is written, for a
    folder of the data set's own images, which would be among them, for one that holds an image of another size, and for
    two images that would be one file.
    """
    read_data_set_card(name)
    images = images_dir(name)
    if is_inside(out, images):
        raise SynthcompError(
            f"{out} holds the images of {name}, and would mix them with those made; give another folder."
        )
    relative = image_paths(name)
    targets = {path: out / PurePosixPath(path).with_suffix(".png") for path in relative}
    for target, number in Counter(targets.values()).items():
        if number > 1:
            stem = target.relative_to(out).with_suffix("").as_posix()
            raise SynthcompError(f"Data set {name} has {number} images named {stem}; rename all but one.")
    there = {path for path, target in targets.items() if target.is_file()}
    for path in sorted(there):
        on_progress(0.0, f"checking {path}")
        _check_size(images / path, targets[path], downscale)
    written = 0
    for number, path in enumerate(relative):
        on_progress(number / max(1, len(relative)), path)
        if path in there:
            continue
        loaded = read_image(images / path)
        for note in loaded.notes:
            on_note(note)
        image = loaded.image
        if downscale > 1:
            image = resize(image, _reduced(image, downscale), method="bicubic")
        write_bytes(targets[path], png_bytes(image))
        written += 1
    return written


def _reduced(image: Image, downscale: int) -> tuple[int, int]:
    """(width, height) of what is made of an (H, W, 3) image."""
    height, width = image.shape[:2]
    return max(1, width // downscale), max(1, height // downscale)


def _check_size(source: Path, target: Path, downscale: int) -> None:
    """SynthcompError unless the image that is there has the size of the one that would be made."""
    found, header = header_size(target), header_size(source)
    if header is not None and found is not None:
        reduced = max(1, header[0] // downscale), max(1, header[1] // downscale)
        if found in (reduced, reduced[::-1]):  # A header does not tell what is turned when it is read.
            return
    expected = _reduced(read_image(source).image, downscale)
    if found != expected:
        size = "no readable image" if found is None else f"{found[0]}x{found[1]}"
        raise SynthcompError(
            f"{target} is there already and is {size}; expected {expected[0]}x{expected[1]}. Give another folder, or "
            "remove what is in it."
        )
