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
from numpy.typing import NDArray
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

from synthcomp_core.errors import ImageError
from synthcomp_core.images.headers import codestream_size, jxl_header, sniff, webp_size

Pixels = NDArray[np.uint8]

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
FORMATS = (*_READERS, "JPEG XL")

_ORIENTATION_TAG = 274  # EXIF and TIFF 6.0, "Orientation"
_BITS_PER_SAMPLE_TAG = 258
_PHOTOMETRIC_TAG = 262
_WHITE_IS_ZERO = 0
_PNG_END = b"IEND\xaeB`\x82"  # the end chunk with its CRC


@dataclass(frozen=True)
class _Raster:
    """Decoded samples before colour conversion: a Pillow image, or colour (H, W, 3) and alpha (H, W) arrays."""

    colour: PillowImage.Image
    alpha: Pixels | None


def decode_image_file(content: bytes, label: str, *, max_pixels: int) -> tuple[Pixels, tuple[str, ...]]:
    """The sRGB pixels (H, W, 3) of an image file's content, and notes on what was changed or left out.

    label: the file's name, for messages. max_pixels: limit on width * height, checked before anything is decoded.
    ImageError when the content is empty, no image of a known format, damaged, truncated, 0-sized or over the limit.
    """
    if not content:
        raise ImageError(f"{label} is empty (0 bytes).")
    file_format = sniff(content)
    if file_format is None:
        raise ImageError(f"{label} is not an image that can be read here: use one of {', '.join(FORMATS)}.")
    notes: list[str] = []
    try:
        if file_format == "JPEG XL":
            pixels = _decode_jxl(content, label, max_pixels, notes)
        else:
            pixels = _decode_pillow(content, file_format, label, max_pixels, notes)
    except ImageError:
        raise
    except DECODER_ERRORS as error:
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise ImageError(
            f"{label} cannot be read: the {file_format} data is damaged or truncated ({reason})."
        ) from error
    return pixels, tuple(notes)


def check_pixel_limit(width: int, height: int, label: str, max_pixels: int) -> None:
    """ImageError when an image has no pixels or more than ``max_pixels``."""
    if width < 1 or height < 1:
        raise ImageError(f"{label} has no pixels: its header says {width} x {height}.")
    if width * height > max_pixels:
        raise ImageError(
            f"{label} is too large: {width} x {height} is {width * height / 1e6:.1f} megapixels, "
            f"the limit is {max_pixels / 1e6:g}; shrink it first."
        )


def _decode_pillow(content: bytes, file_format: str, label: str, max_pixels: int, notes: list[str]) -> Pixels:
    # Opening a WebP already allocates its canvas, and a JP2 box may state another size than the codestream decoded.
    if file_format == "WebP":
        check_pixel_limit(*webp_size(content), label, max_pixels)
    if file_format == "JPEG 2000":
        check_pixel_limit(*codestream_size(content), label, max_pixels)
    if file_format == "PNG" and content.rfind(_PNG_END) < 0:
        # Without its end chunk a PNG is cut off, even where all pixels happen to be there; the size comes first.
        width, height = struct.unpack(">II", content[16:24])
        check_pixel_limit(width, height, label, max_pixels)
        raise ImageError(f"{label} cannot be read: the PNG data is truncated (no end chunk).")
    with _READERS[file_format](io.BytesIO(content)) as picture:
        check_pixel_limit(*picture.size, label, max_pixels)
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            kind = "pages" if file_format == "TIFF" else "frames"
            notes.append(f"the first of {frames} {kind} is used")
        tags = dict(picture.tag_v2) if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}
        deep = _deep_samples(content, file_format, picture, tags)
        picture.load()
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1) if file_format != "TIFF" else 1
        profile = picture.info.get("icc_profile")
        if deep is not None:
            if tags:
                orientation = tags.get(_ORIENTATION_TAG, 1)
            raster = _raster_of_samples(deep)
        else:
            raster = _raster_of_picture(picture, tags)
    pixels = np.array(_to_srgb(raster.colour, profile, notes))  # a copy that may be written to
    pixels = _over_black(pixels, raster.alpha, notes)
    return _upright(pixels, orientation)


def _deep_samples(
    content: bytes, file_format: str, picture: ImageFile.ImageFile, tags: dict[int, object]
) -> NDArray[np.uint16] | None:
    """16-bit colour samples (H, W, C) of a PNG or TIFF, of which Pillow would keep the upper bytes only; else None."""
    if file_format == "PNG":
        is_deep = content[24] == 16 and content[25] != 0  # IHDR bit depth and colour type; grey is read by Pillow
        samples = imagecodecs.png_decode(content) if is_deep else None
    elif file_format == "TIFF":
        bits = tags.get(_BITS_PER_SAMPLE_TAG, (8,))
        is_deep = bits in ((16,) * 3, (16,) * 4) and picture.mode in ("RGB", "RGBA", "RGBX")
        samples = imagecodecs.tiff_decode(content) if is_deep else None
        if samples is not None and samples.ndim == 3 and samples.shape[0] in (3, 4) and samples.shape[2] not in (3, 4):
            samples = np.moveaxis(samples, 0, -1)  # planar configuration
        if samples is not None and picture.mode == "RGBX":
            samples = samples[..., :3]
    else:
        return None
    if samples is None:
        return None
    if samples.dtype != np.uint16:
        raise ValueError(f"expected 16-bit samples, found {samples.dtype}")
    return samples


def _eight_bit(samples: NDArray[np.uint16], *, largest: int = 65535) -> Pixels:
    """0..largest to 0..255, rounded, row by row so that a large image costs no large intermediate."""
    out = np.empty(samples.shape, np.uint8)
    for source, target in zip(samples, out, strict=True):
        target[...] = np.minimum((source.astype(np.uint32) * 255 + largest // 2) // largest, 255)
    return out


def _raster_of_samples(samples: NDArray[np.uint16]) -> _Raster:
    """Grey with alpha, RGB or RGBA samples of 16 bits."""
    eight = _eight_bit(samples if samples.ndim == 3 else samples[..., None])
    channels = eight.shape[2]
    alpha = np.ascontiguousarray(eight[..., -1]) if channels in (2, 4) else None
    colour = eight[..., 0] if channels < 3 else eight[..., :3]
    return _Raster(PillowImage.fromarray(np.ascontiguousarray(colour)), alpha)


def _raster_of_picture(picture: PillowImage.Image, tags: dict[int, object]) -> _Raster:
    """Colour in a mode that can be taken to sRGB, and alpha where there is any."""
    if picture.mode.startswith("I;16"):
        bits = tags.get(_BITS_PER_SAMPLE_TAG, (16,))
        depth = bits[0] if isinstance(bits, tuple) and isinstance(bits[0], int) else 16
        samples = np.asarray(picture).astype(np.uint16)
        transparent = picture.info.get("transparency")
        alpha = None if transparent is None else np.where(samples == transparent, 0, 255).astype(np.uint8)
        eight = _eight_bit(samples, largest=2**depth - 1)
        if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:
            np.subtract(255, eight, out=eight)
        return _Raster(PillowImage.fromarray(eight), alpha)
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


def _over_black(pixels: Pixels, alpha: Pixels | None, notes: list[str]) -> Pixels:
    """Colour times alpha, rounded; as it is where alpha is absent or opaque everywhere."""
    if alpha is None or alpha.min() == 255:
        return pixels
    notes.append("transparent parts are shown over black")
    out = np.empty_like(pixels)
    for source, weight, target in zip(pixels, alpha, out, strict=True):
        target[...] = (source.astype(np.uint16) * weight[:, None] + 127) // 255
    return out


def _upright(pixels: Pixels, orientation: object) -> Pixels:
    """Pixels turned as EXIF orientation 1..8 asks; other values are ignored."""
    match orientation:
        case 2:
            turned = pixels[:, ::-1]
        case 3:
            turned = pixels[::-1, ::-1]
        case 4:
            turned = pixels[::-1]
        case 5:
            turned = pixels.transpose(1, 0, 2)
        case 6:
            turned = np.rot90(pixels, -1)
        case 7:
            turned = pixels[::-1, ::-1].transpose(1, 0, 2)
        case 8:
            turned = np.rot90(pixels, 1)
        case _:
            turned = pixels
    return np.ascontiguousarray(turned)


def _decode_jxl(content: bytes, label: str, max_pixels: int, notes: list[str]) -> Pixels:
    header = jxl_header(content)
    check_pixel_limit(header.width, header.height, label, max_pixels)
    if header.is_animation:
        notes.append("the first frame of an animation is used")
    samples = imagecodecs.jpegxl_decode(content, index=0)  # libjxl has turned it upright
    if samples.ndim == 2:
        samples = samples[..., None]
    colour, alpha = samples, None
    if samples.shape[2] in (2, 4):
        colour, alpha = samples[..., :-1], _as_eight_bit(samples[..., -1])
    if header.colours == "linear":
        notes.append("converted to sRGB from linear light")
        eight = _srgb_of_linear(colour)
    else:
        eight = _as_eight_bit(colour)
    if header.colours == "other":
        notes.append("its colour space is not sRGB and was not converted")
    return np.ascontiguousarray(_over_black(np.repeat(eight, 3 // eight.shape[2], axis=2), alpha, notes))


def _as_eight_bit(samples: NDArray[np.generic]) -> Pixels:
    """uint8 as it is, uint16 of 0..65535 and floats of 0..1 as 0..255, rounded."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    if samples.dtype == np.uint16:
        return _eight_bit(samples.astype(np.uint16, copy=False))
    return np.clip(np.nan_to_num(samples.astype(np.float32)) * 255 + 0.5, 0, 255).astype(np.uint8)


def _srgb_of_linear(samples: NDArray[np.generic]) -> Pixels:
    """Linear light as uint8, uint16 or floats of 0..1 to sRGB (IEC 61966-2-1), row by row to save memory."""
    largest = 1 if samples.dtype.kind == "f" else 255 if samples.dtype == np.uint8 else 65535
    out = np.empty(samples.shape, np.uint8)
    for source, target in zip(samples, out, strict=True):
        light = np.clip(np.nan_to_num(source.astype(np.float32)) / largest, 0, 1)
        curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        target[...] = np.floor(curve * 255 + 0.5)
    return out
