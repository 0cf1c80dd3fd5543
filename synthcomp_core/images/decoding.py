"""Image files to sRGB pixels: sniff the format, check the size in the header, decode, convert.

Pillow's plug-ins are called by class instead of through ``PIL.Image.open``, so that only the formats named here are
ever tried and the pixel limit is ours: Pillow's own is a process-wide global that other threads would see.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ImageCms,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.errors import ImageError, reason_of
from synthcomp_core.images import jpeg, structure
from synthcomp_core.images.avif import check_avif
from synthcomp_core.images.exr import decode_exr, exr_size
from synthcomp_core.images.headers import check_file_size, jxl_header, sniff, webp_size
from synthcomp_core.images.jpeg2000 import check_codestreams, codestream_size
from synthcomp_core.images.light import Signal, srgb_of
from synthcomp_core.images.quiet import quiet_decoders
from synthcomp_core.images.samples import Pixels, as_eight_bit, eight_bit, upright, with_alpha
from synthcomp_core.images.signals import avif_depth, file_signal

# What Pillow's readers and imagecodecs raise for damaged content (imagecodecs' errors are RuntimeErrors).
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    PillowImage.DecompressionBombError,
)

_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}
FORMATS = (*_READERS, "JPEG XL", "OpenEXR")

_ORIENTATION_TAG = 274  # EXIF and TIFF 6.0, "Orientation"
_BITS_PER_SAMPLE_TAG = 258
_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0
_PNG_END = b"IEND\xaeB`\x82"  # the end chunk with its CRC
_MOST_EXTRA_CHANNELS = 8  # of a JPEG XL: each is decoded, whether it is shown or not
_PNG_DEEP_BYTES = 8  # of a pixel at most
_LARGE = 256 * limits.MIB  # bytes of samples: so much is not decoded on the mere chance that a file is whole


@dataclass(frozen=True)
class _Raster:
    """Decoded samples before colour conversion: a Pillow image, or colour (H, W, 3) and alpha (H, W) arrays."""

    colour: PillowImage.Image
    alpha: Pixels | None


def decode_image_file(
    content: bytes, label: str, *, max_pixels: int, keep_alpha: bool = False, check_whole: bool = True
) -> tuple[Pixels, tuple[str, ...]]:
    """The sRGB pixels (H, W, 3) of an image file's content, and notes on what was changed or left out.

    label: the file's name, for messages. max_pixels: limit on width * height, checked before anything is decoded.
    keep_alpha: (H, W, 4) where the file has transparency that its colours are not multiplied by. check_whole: hold its
    bytes against those that go with the limit, and find out, by decoding it once more, whether a JPEG's data suffice
    for its pixels. ImageError when the content is empty, no image of a known format, damaged, truncated, 0-sized or
    over the limits.
    """
    if not content:
        raise ImageError(f"{label} is empty (0 bytes).")
    file_format = sniff(content)
    if file_format is None:
        raise ImageError(f"{label} is not an image that can be read here: use one of {', '.join(FORMATS)}.")
    if check_whole:
        check_file_size(len(content), file_format, label, max_pixels)
    quiet_decoders()
    notes: list[str] = []
    try:
        if file_format == "OpenEXR":
            check_pixel_limit(*exr_size(content), label, max_pixels)
            pixels = decode_exr(content, max_pixels, notes)
        elif file_format == "JPEG XL":
            pixels = _decode_jxl(content, label, max_pixels, keep_alpha, notes)
        else:
            pixels = _decode_pillow(content, file_format, label, max_pixels, keep_alpha, notes, check_whole)
    except ImageError:
        raise
    except DECODER_ERRORS as error:
        raise ImageError(
            f"{label} cannot be read: the {file_format} data is damaged or truncated ({reason_of(error)})."
        ) from error
    return pixels, tuple(notes)


def check_pixel_limit(width: int, height: int, label: str, max_pixels: int) -> None:
    """ImageError when an image has no pixels, more than ``max_pixels``, or a side longer than goes with that limit."""
    if width < 1 or height < 1:
        raise ImageError(f"{label} has no pixels: its header says {width} x {height}.")
    if width * height > max_pixels:
        raise ImageError(
            f"{label} is too large: {width} x {height} is {width * height / 1e6:.1f} megapixels, "
            f"the limit is {max_pixels / 1e6:g}; shrink it first."
        )
    longest = limits.longest_side(max_pixels)
    if max(width, height) > longest:
        raise ImageError(
            f"{label} is too large: {width} x {height} has a side longer than {longest:,} pixels, the longest allowed "
            f"at the limit of {max_pixels / 1e6:g} megapixels; cut it into pieces first."
        )


def _decode_pillow(
    content: bytes,
    file_format: str,
    label: str,
    max_pixels: int,
    keep_alpha: bool,
    notes: list[str],
    check_whole: bool,
) -> Pixels:
    _check_before_opening(content, file_format, label, max_pixels)
    with _READERS[file_format](io.BytesIO(content)) as picture:
        check_pixel_limit(*picture.size, label, max_pixels)
        # Pillow would follow all of a TIFF's directories to count them.
        pages = structure.tiff_pages(content) if file_format == "TIFF" else getattr(picture, "n_frames", 1)
        if pages > 1:
            counted = f"{pages}" if pages <= limits.IMAGE_FRAMES else f"more than {limits.IMAGE_FRAMES:,}"
            notes.append(f"the first of {counted} {'pages' if file_format == 'TIFF' else 'frames'} is used")
        tags = dict(picture.tag_v2) if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}
        profile = picture.info.get("icc_profile")
        whole = jpeg.digests_if_whole(content) if file_format == "JPEG" and check_whole else None
        if _is_deep(content, file_format, picture, tags):
            orientation = tags.get(_ORIENTATION_TAG, 1) if tags else _png_orientation(content)
            raster = _deep_raster(content, file_format)
        else:
            picture.load()
            if whole is not None and whole != jpeg.digests(picture):
                raise ValueError("its data end before the image does")
            orientation = picture.getexif().get(_ORIENTATION_TAG, 1) if file_format != "TIFF" else 1
            raster = _raster_of_picture(picture, tags)
    signal = file_signal(content, file_format, profile)
    if signal is not None and not signal.is_srgb:
        pixels = _converted(content, file_format, raster, signal)
        notes.append(signal.note)
    else:
        pixels = np.array(_to_srgb(raster.colour, profile, notes))  # a copy that may be written to
    if signal is not None and signal.unknown:
        notes.append(f"its colour codes are not known here ({signal.unknown}) and were ignored")
    return upright(with_alpha(pixels, raster.alpha, keep_alpha, notes), orientation)


def _converted(content: bytes, file_format: str, raster: _Raster, signal: Signal) -> Pixels:
    """sRGB (H, W, 3) of samples that a signal describes, from all bits that the file has: PQ needs more than 8."""
    largest = None
    if file_format == "PNG" and content[24] == 16:
        samples = imagecodecs.png_decode(content)
    elif file_format == "AVIF" and (depth := avif_depth(content)) > 8:
        samples, largest = imagecodecs.avif_decode(content, index=0), 2.0**depth - 1
    else:
        samples = np.asarray(raster.colour.convert("RGB"))
    samples = samples[..., None] if samples.ndim == 2 else samples
    channels = 3 if samples.shape[2] > 2 else 1
    eight = srgb_of(samples[..., :channels], signal, largest=largest)
    return np.repeat(eight, 3 // channels, axis=2)


def _check_before_opening(content: bytes, file_format: str, label: str, max_pixels: int) -> None:
    """Sizes where opening a file would already allocate or trust another one, and budgets of parts (structure.py)."""
    match file_format:
        case "WebP":  # Opening it allocates its canvas.
            check_pixel_limit(*webp_size(content), label, max_pixels)
        case "JPEG 2000":  # A JP2 box may state another size than the codestream decoded.
            check_pixel_limit(*codestream_size(content), label, max_pixels)
            check_codestreams(content, max_pixels=max_pixels)
        case "AVIF":
            check_avif(content, max_pixels=max_pixels)
        case "PNG":
            width, height = struct.unpack(">II", content[16:24])
            check_pixel_limit(width, height, label, max_pixels)
            structure.check_png(content)
            # Without its end chunk a PNG is cut off, even where all pixels happen to be there.
            if content.rfind(_PNG_END) < 0:
                raise ImageError(f"{label} cannot be read: the PNG data is truncated (no end chunk).")
            if width * height * _PNG_DEEP_BYTES > _LARGE and content[24] == 16:
                structure.check_png_data(content)
        case "JPEG":
            size = jpeg.jpeg_size(content)
            check_pixel_limit(*size, label, max_pixels)
            jpeg.check_jpeg(jpeg.jpeg_structure(content, size[0] * size[1]), label, max_pixels)
        case "PPM":
            structure.check_ppm(content)
        case "TIFF":
            structure.tiff_pages(content)


def _is_deep(content: bytes, file_format: str, picture: ImageFile.ImageFile, tags: dict[int, object]) -> bool:
    """Whether a PNG or TIFF has 16-bit colour samples, of which Pillow would keep the upper bytes only."""
    if file_format == "PNG":
        return content[24] == 16 and content[25] != 0  # IHDR bit depth and colour type; grey is read by Pillow
    deep = ((16,) * 3, (16,) * 4)
    return file_format == "TIFF" and tags.get(_BITS_PER_SAMPLE_TAG) in deep and picture.mode in ("RGB", "RGBA", "RGBX")


def _png_orientation(content: bytes) -> object:
    exif = PillowImage.Exif()
    exif.load(structure.png_exif(content))
    return exif.get(_ORIENTATION_TAG, 1)


def _deep_raster(content: bytes, file_format: str) -> _Raster:
    """16-bit colour samples as 8-bit ones; the large array is freed before the next one is made."""
    samples = imagecodecs.png_decode(content) if file_format == "PNG" else imagecodecs.tiff_decode(content)
    if samples.ndim == 3 and samples.shape[0] in (3, 4) and samples.shape[2] not in (3, 4):
        samples = np.moveaxis(samples, 0, -1)  # planar configuration
    if samples.dtype != np.uint16:
        raise ValueError(f"expected 16-bit samples, found {samples.dtype}")
    levels = eight_bit(samples if samples.ndim == 3 else samples[..., None])
    del samples
    channels = levels.shape[2]
    alpha = np.ascontiguousarray(levels[..., -1]) if channels in (2, 4) else None
    colour = levels[..., 0] if channels < 3 else levels[..., :3]
    return _Raster(PillowImage.fromarray(np.ascontiguousarray(colour)), alpha)


def _raster_of_picture(picture: PillowImage.Image, tags: dict[int, object]) -> _Raster:
    """Colour in a mode that can be taken to sRGB, and alpha where there is any."""
    if picture.mode.startswith("I;16"):
        bits = tags.get(_BITS_PER_SAMPLE_TAG, (16,))
        depth = bits[0] if isinstance(bits, tuple) and isinstance(bits[0], int) else 16
        samples = np.asarray(picture).astype(np.uint16)
        transparent = picture.info.get("transparency")
        alpha = None if transparent is None else np.where(samples == transparent, 0, 255).astype(np.uint8)
        eight = eight_bit(samples, largest=2**depth - 1)
        if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:
            np.subtract(255, eight, out=eight)
        return _Raster(PillowImage.fromarray(eight), alpha)
    if picture.mode == "I" and picture.format == "PPM":  # A deep PGM, scaled to 16 bits by Pillow, whatever it had.
        return _Raster(PillowImage.fromarray(eight_bit(np.asarray(picture).astype(np.uint16))), None)
    if picture.mode in ("I", "F"):
        raise ValueError("samples of 32 bits have no defined white; convert the file to 8 or 16 bits")
    if "transparency" in picture.info or picture.mode in ("PA", "RGBa", "La"):
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBA", "LA"):
        alpha = np.asarray(picture.getchannel("A"))
        return _Raster(picture.convert("RGB" if picture.mode == "RGBA" else "L"), alpha)
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return _Raster(picture, None)
    return _Raster(picture.convert("L" if picture.mode == "1" else "RGB"), None)


def _to_srgb(colour: PillowImage.Image, profile: bytes | None, notes: list[str]) -> PillowImage.Image:
    """RGB in sRGB, by the embedded ICC profile if there is one that fits (relative colorimetric, black point
    compensation)."""
    if colour.mode == "LAB":
        source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, "LAB", "RGB").apply(colour)
    if not profile:
        return colour if colour.mode == "RGB" else colour.convert("RGB")  # convert would copy
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            colour.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its colour profile is unusable and was ignored")
        return colour.convert("RGB")
    if _is_identity(transform, colour.mode):
        return colour.convert("RGB")
    notes.append("converted to sRGB by its colour profile")
    return transform.apply(colour)


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform moves no colour by more than one step of 255: then pixels stay exactly what they were."""
    if mode == "L":
        lattice = PillowImage.fromarray(np.arange(256, dtype=np.uint8)[None])
    elif mode == "RGB":
        levels = np.linspace(0, 255, 16).round().astype(np.uint8)
        lattice = PillowImage.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3))
    else:
        return False
    before = np.asarray(lattice.convert("RGB")).astype(np.int16)
    return bool(np.abs(np.asarray(transform.apply(lattice)) - before).max() <= 1)


def _decode_jxl(content: bytes, label: str, max_pixels: int, keep_alpha: bool, notes: list[str]) -> Pixels:
    header = jxl_header(content)
    check_pixel_limit(header.width, header.height, label, max_pixels)
    if header.extra_channels > _MOST_EXTRA_CHANNELS:
        raise ValueError(f"it has {header.extra_channels} extra channels")
    if header.is_animation:
        notes.append("the first frame of an animation is used")
    samples = imagecodecs.jpegxl_decode(content, index=0)  # libjxl has turned it upright
    if samples.ndim == 2:
        samples = samples[..., None]
    # Samples of 10 bits come in uint16, as 0..1023.
    largest = 1 if samples.dtype.kind == "f" else min(2**header.bits - 1, np.iinfo(samples.dtype).max)
    colour, alpha = samples, None
    if samples.shape[2] in (2, 4):
        colour, alpha = samples[..., :-1], as_eight_bit(samples[..., -1], largest)
    if header.signal is None:
        notes.append("its colour space is not sRGB and was not converted")
        eight = as_eight_bit(colour, largest)
    elif header.signal.is_srgb:
        eight = as_eight_bit(colour, largest)
    else:
        notes.append(header.signal.note)
        eight = srgb_of(colour, header.signal, largest=largest)
    colour = np.repeat(eight, 3 // eight.shape[2], axis=2)
    return np.ascontiguousarray(with_alpha(colour, alpha, keep_alpha, notes))
