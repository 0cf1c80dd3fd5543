"""A data set's images written as PNG into another folder, smaller if asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image, resize
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
    on_note: called with each note on what reading an image changed. SynthcompError for a folder of the data set's own
    images, which would be among them.
    """
    read_data_set_card(name)
    if is_inside(out, images_dir(name)):
        raise SynthcompError(
            f"{out} holds the images of {name}, and would mix them with those made; give another folder."
        )
    relative = image_paths(name)
    written = 0
    for number, path in enumerate(relative):
        target = out / PurePosixPath(path).with_suffix(".png")
        on_progress(number / max(1, len(relative)), path)
        if target.is_file():
            continue
        loaded = read_image(images_dir(name) / path)
        for note in loaded.notes:
            on_note(note)
        image = loaded.image
        if downscale > 1:
            size = (max(1, image.shape[1] // downscale), max(1, image.shape[0] // downscale))
            image = resize(image, size, method="bicubic")
        write_bytes(target, png_bytes(image))
        written += 1
    return written
