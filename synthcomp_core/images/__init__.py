"""Images: reading files to 8-bit sRGB, checking, writing PNG, and changing their size."""

import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.errors import ImageError, reason_of
from synthcomp_core.images.decoding import decode_image_file
from synthcomp_core.images.headers import check_file_size, largest_file, sniff
from synthcomp_core.progress import counted
from synthcomp_core.storage import folders_below, open_file, read_file, write_bytes

Image = NDArray[np.uint8]  # (H, W, 3), sRGB

DEFAULT_MAX_PIXELS = limits.IMAGE_PIXELS
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".webp", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".j2c"),
    *(".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".exr"),
)
RESIZE_METHODS = {
    "nearest": PillowImage.Resampling.NEAREST,
    "bilinear": PillowImage.Resampling.BILINEAR,
    "bicubic": PillowImage.Resampling.BICUBIC,
    "lanczos": PillowImage.Resampling.LANCZOS,
}
_DOWNSCALING = "bicubic"  # Pillow's, antialiased: comes before the codec in every variant with a scale.
BELOW = "in subfolders of a folder that holds images itself"  # Why they are left out, for people.
_HEAD_BYTES = 64  # enough for every signature


@dataclass(frozen=True)
class LoadedImage:
    """An image, the name of its file, and notes on what reading changed (a phrase each: alpha, frames, colours).

    alpha: (H, W) uint8, 255 = opaque, where it was asked for and is not opaque everywhere; the image is not multiplied
    by it then.
    """

    image: Image
    name: str
    notes: tuple[str, ...]
    alpha: NDArray[np.uint8] | None = None


def read_image(
    source: Path | bytes,
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    keep_alpha: bool = False,
) -> LoadedImage:
    """An image file, or its bytes, as 8-bit sRGB.

    PNG, JPEG, WebP, AVIF, JPEG XL, JPEG 2000, BMP, TIFF, binary PPM and PGM, and OpenEXR. Grey, palette, CMYK, 16-bit,
    EXIF-rotated and ICC-tagged files are converted, and so are linear, wide-gamut and HDR signals (PQ, HLG), with a
    note on what stands for white; opaque alpha is dropped, other alpha is composited over black with a note; of
    animations the first frame is taken with a note.

    name: what messages and the result call it (default: the file's name). max_pixels: checked in the header, before
    anything is decoded. keep_alpha: give alpha beside the colours instead of compositing. ImageError, naming the file,
    for everything that cannot be read.

    >>> loaded = read_image(png_bytes(np.zeros((2, 3, 3), np.uint8)), name="frame.png")
    >>> loaded.name, loaded.image.shape, loaded.notes
    ('frame.png', (2, 3, 3), ())
    """
    if isinstance(source, bytes):
        label, content = name or "The image", source
    else:
        label, content = name or source.name, _file_content(source, name or source.name, max_pixels)
    image, notes = decode_image_file(content, label, max_pixels=max_pixels, keep_alpha=keep_alpha)
    if image.shape[2] == 4:
        colours, alpha = np.ascontiguousarray(image[..., :3]), np.ascontiguousarray(image[..., 3])
        return LoadedImage(colours, label, notes, alpha)
    return LoadedImage(image, label, notes)


def _file_content(path: Path, label: str, max_pixels: int) -> bytes:
    try:
        with open_file(path) as file:
            head = file.read(_HEAD_BYTES)
            file_format = sniff(head)
            if file_format is None:
                return head  # A huge file that is no image is refused without being read.
            check_file_size(os.fstat(file.fileno()).st_size, file_format, label, max_pixels)
        return read_file(path, max_bytes=largest_file(file_format, max_pixels))
    except FileNotFoundError as error:
        raise ImageError(f"{label} does not exist: no file {path}.") from error
    except OSError as error:
        raise ImageError(f"{label} cannot be opened: {reason_of(error)}.") from error


def check_image(image: Image) -> None:
    """ImageError unless ``image`` is a uint8 array of shape (H, W, 3) with H and W from 1."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"An image is an array of uint8 samples, not {kind}.")
    if image.ndim != 3 or image.shape[2] != 3:
        raise ImageError(f"An image has the shape (height, width, 3), not {image.shape}.")
    if image.size == 0:
        raise ImageError(f"An image has at least one pixel, this one is {image.shape[1]} x {image.shape[0]}.")


def png_bytes(image: Image, *, alpha: NDArray[np.uint8] | None = None, fast: bool = False) -> bytes:
    """The image as a PNG file's bytes, lossless; with ``alpha`` (H, W) if given.

    fast: in a fraction of the time, and somewhat larger.
    """
    check_image(image)
    file = io.BytesIO()
    pixels = image if alpha is None else np.dstack((image, alpha))
    settings = {"compress_level": 1} if fast else {}
    PillowImage.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", **settings)
    return file.getvalue()


def write_png(image: Image, path: Path, *, alpha: NDArray[np.uint8] | None = None) -> None:
    """Write a PNG whole or not at all; with ``alpha`` (H, W) if given."""
    write_bytes(path, png_bytes(image, alpha=alpha))


def thumbnail_png(image: Image, max_side: int) -> bytes:
    """A PNG of an (H, W, 3) uint8 image shrunk, not enlarged, so that neither side is longer than ``max_side``."""
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(width, height))
    return png_bytes(resize(image, (max(1, round(width * scale)), max(1, round(height * scale)))))


def resize(image: Image, size: tuple[int, int], *, method: str = "bicubic") -> Image:
    """The image at ``size`` = (width, height), by Pillow, antialiased when shrinking (except nearest).

    method: nearest, bilinear, bicubic (a = -0.5) or lanczos (3 lobes). Image centres coincide: there is no shift.

    >>> resize(np.zeros((4, 6, 3), np.uint8), (3, 2)).shape
    (2, 3, 3)
    """
    check_image(image)
    if method not in RESIZE_METHODS:
        raise ImageError(f"Unknown resize method {method!r}: use one of {', '.join(RESIZE_METHODS)}.")
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"An image cannot be resized to {width} x {height}: both sides must be at least 1.")
    if (height, width) == image.shape[:2]:
        return image.copy()
    return np.asarray(
        PillowImage.fromarray(np.ascontiguousarray(image)).resize((width, height), RESIZE_METHODS[method])
    ).copy()


def pad_to_multiple(image: Image, multiple: int) -> Image:
    """The image with its last row and column repeated until both sides are multiples of ``multiple``.

    >>> pad_to_multiple(np.zeros((5, 9, 3), np.uint8), 4).shape
    (8, 12, 3)
    """
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")


def crop(image: Image, width: int, height: int) -> Image:
    """The top left pixels (height, width, 3) of an (H, W, 3) uint8 image. ImageError when it is smaller."""
    if not (1 <= width <= image.shape[1] and 1 <= height <= image.shape[0]):
        raise ImageError(f"Cannot cut {width} x {height} out of {image.shape[1]} x {image.shape[0]} pixels.")
    return np.ascontiguousarray(image[:height, :width])


def image_sha256(image: Image) -> str:
    """A hex digest of the size and pixels of an (H, W, 3) uint8 image, the same however it was stored."""
    check_image(image)
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]}:".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def coded_size(width: int, height: int, scale: float | None) -> tuple[int, int]:
    """(width, height) coded by a variant with this scale per side: sides / scale, rounded half up, at least 1.

    >>> coded_size(1920, 1080, 1.5)
    (1280, 720)
    >>> coded_size(1921, 1081, 2)
    (961, 541)
    """
    if scale is None:
        return width, height
    return max(1, int(width / scale + 0.5)), max(1, int(height / scale + 0.5))


def raw_bytes(width: int, height: int, scale: float | None) -> int:
    """What the coded size takes uncompressed, three bytes per pixel: the size of ``none``.

    >>> raw_bytes(1921, 1081, 2) == 3 * 961 * 541
    True
    """
    coded_width, coded_height = coded_size(width, height, scale)
    return 3 * coded_width * coded_height


def downscale(image: Image, scale: float | None) -> Image:
    """An (H, W, 3) uint8 image at the size that a variant with this scale codes (:func:`coded_size`); itself if equal.

    Bicubic, antialiased.
    """
    height, width = image.shape[:2]
    size = coded_size(width, height, scale)
    return image if size == (width, height) else resize(image, size, method=_DOWNSCALING)


def iter_images(folder: Path, *, recursive: bool = False) -> Iterator[Path]:
    """The image files in a folder, by extension, in no particular order; hidden files are left out.

    recursive: also those in its subfolders; SynthcompError for more of them than limits.FOLDERS, and for a whole disk.
    """
    walked = (here / name for here, _, files in folders_below(folder, most=limits.FOLDERS) for name in files)
    for path in walked if recursive else folder.iterdir():
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file():
            yield path


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, by extension, sorted by name; ImageError when there is no such folder."""
    if not folder.is_dir():
        raise ImageError(f"There is no folder {folder}.")
    return sorted(iter_images(folder))


def images_below(folder: Path) -> list[Path]:
    """The image files in a folder or, where it holds none itself, in its subfolders, sorted; ImageError without it."""
    return list_images(folder) or sorted(iter_images(folder, recursive=True))


def left_below(folder: Path) -> list[Path]:
    """What :func:`images_below` leaves out: the image files in the subfolders of a folder that holds images itself."""
    if not list_images(folder):
        return []
    return sorted(path for path in iter_images(folder, recursive=True) if path.parent != folder)


def num_subfolders(root: Path, paths: Iterable[Path]) -> int:
    """In how many folders below ``root`` the files lie, those directly in it apart."""
    return len({path.parent for path in paths} - {root})


def image_count(root: Path, paths: Sequence[Path]) -> str:
    """How many images, for people, and over how many folders below ``root`` they lie, if not in it directly.

    >>> image_count(Path("d"), [Path("d/a.png"), Path("d/x/b.png"), Path("d/y/c.png")])
    '3 images, 2 subfolders walked'
    >>> image_count(Path("d"), [Path("d/a.png")])
    '1 image'
    """
    folders = num_subfolders(root, paths)
    walked = f", {counted(folders, 'subfolder')} walked" if folders else ""
    return counted(len(paths), "image") + walked


__all__ = [
    "BELOW",
    "DEFAULT_MAX_PIXELS",
    "EXTENSIONS",
    "RESIZE_METHODS",
    "Image",
    "LoadedImage",
    "check_image",
    "coded_size",
    "crop",
    "downscale",
    "image_count",
    "image_sha256",
    "images_below",
    "iter_images",
    "left_below",
    "list_images",
    "num_subfolders",
    "pad_to_multiple",
    "png_bytes",
    "read_image",
    "resize",
    "thumbnail_png",
    "write_png",
]
