"""Classical codecs: JPEG, WebP, AVIF, JPEG 2000 and PNG by Pillow, JPEG XL by imagecodecs, and none at all.

Every bitstream is a complete file of its format that any viewer opens. Settings that are not the quality are fixed
here so that the same image gives the same bytes on any machine with the same encoder version:

- JPEG: 4:2:0, optimised Huffman tables, baseline. quality 1..100 of libjpeg.
- WebP: lossy, method 6 (slowest of 0..6), quality 1..100 of libwebp.
- AVIF: libaom, 4:2:0, 8 bits, full range, speed 6, libavif's automatic tiles (a function of the size alone), 8 threads
  at most; libaom writes the same bytes with any number from 2, but others with 1. quality 1..100 of libavif.
- JPEG XL: effort 7. quality 1..99 as in cjxl, by libjxl's own formula for the Butteraugli distance; 100 is lossless.
- JPEG 2000: irreversible 9/7 wavelet with colour transform, JP2 file. quality 20..60 = PSNR in dB that each image is
  cut at (opj_compress -q), met within 1 dB up to about 40 on images from 8x8 and coarsely on smaller ones.
- PNG: lossless, Pillow's default compression. none: a binary PPM, whose rate counts only the raw samples.
"""

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from PIL import Image as PillowImage
from PIL import features

from synthcomp_core.errors import BitstreamError, ImageError, SynthcompError
from synthcomp_core.images import Image, check_image, png_bytes
from synthcomp_core.images.decoding import decode_image_file
from synthcomp_core.images.headers import sniff
from synthcomp_core.progress import OnProgress, silent

MAX_BITSTREAM_PIXELS = 200_000_000  # Above Image's own limit: what was encoded here must decode here.
AVIF_SPEED = 6
AVIF_THREADS = (
    8  # as many as libavif's automatic tiles; see the module's docstring for why it is no function of the CPU
)
JXL_EFFORT = 7
WEBP_METHOD = 6

_PPM_HEADER = re.compile(rb"P6\n(\d{1,9}) (\d{1,9})\n255\n")


@dataclass(frozen=True)
class CodecFamily:
    """A kind of classical codec.

    name: its ids are ``name`` or, where qualities is not None, ``name-qQUALITY``. max_side: in pixels, what the format
    or its library can hold; None = no practical limit.
    """

    name: str
    label: str
    lossless: bool
    qualities: range | None
    default_quality: int | None
    file_format: str
    max_side: int | None
    encoder_version: Callable[[], str] = field(repr=False, compare=False)

    @property
    def encoder(self) -> str:
        """The encoder's name and version, such as "libwebp 1.6.0"."""
        return self.encoder_version()


def _pillow_feature(name: str, feature: str) -> Callable[[], str]:
    return cache(lambda: f"{name} {features.version(feature) or '(version unknown)'}")


@cache
def _jpeg_version() -> str:
    turbo = features.version("libjpeg_turbo")
    return f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"


@cache
def _avif_version() -> str:
    from PIL import _avif

    aom = re.search(r"aom[^:]*:([\w.]+)", _avif.codec_versions())
    return f"libavif {features.version('avif')}, libaom {aom[1] if aom else '(version unknown)'}"


@cache
def _jxl_version() -> str:
    import imagecodecs

    return imagecodecs.jpegxl_version()


@cache
def _png_version() -> str:
    zlib_ng = features.version("zlib_ng")
    return f"Pillow {PillowImage.__version__}, " + (
        f"zlib-ng {zlib_ng}" if zlib_ng else f"zlib {features.version('zlib')}"
    )


_PERCENT = range(1, 101)
FAMILIES: dict[str, CodecFamily] = {
    family.name: family
    for family in (
        CodecFamily("jpeg", "JPEG", False, _PERCENT, 75, "JPEG", 65500, _jpeg_version),
        CodecFamily("webp", "WebP", False, _PERCENT, 75, "WebP", 16383, _pillow_feature("libwebp", "webp")),
        CodecFamily("avif", "AVIF", False, _PERCENT, 60, "AVIF", 32768, _avif_version),
        CodecFamily("jxl", "JPEG XL", False, _PERCENT, 75, "JPEG XL", None, _jxl_version),
        CodecFamily(
            *("jpeg2000", "JPEG 2000", False, range(20, 61), 36, "JPEG 2000", None),
            _pillow_feature("OpenJPEG", "jpg_2000"),
        ),
        CodecFamily("png", "PNG (lossless)", True, None, None, "PNG", None, _png_version),
        CodecFamily("none", "None (raw pixels)", True, None, None, "PPM", None, lambda: "none: raw 8-bit RGB"),
    )
}


class ClassicalCodec:
    """A Codec (see the package): one family at one quality (None for those without)."""

    def __init__(self, family: CodecFamily, quality: int | None) -> None:
        self.family = family
        self.quality = quality
        self.id = family.name if quality is None else f"{family.name}-q{quality}"

    def encode(self, image: Image, *, on_progress: OnProgress = silent) -> bytes:
        """The complete file of an (H, W, 3) uint8 image. ImageError when a side is longer than the format allows."""
        check_image(image)
        height, width = image.shape[:2]
        limit = self.family.max_side
        if limit is not None and max(width, height) > limit:
            raise ImageError(
                f"{self.family.label} holds at most {limit} pixels a side, this image is {width} x {height}; "
                "use another codec or shrink the image."
            )
        on_progress(0.0, f"encoding {self.family.label}")
        try:
            bitstream = _encode(self.family.name, np.ascontiguousarray(image), self.quality or 0)
        except (OSError, ValueError, RuntimeError) as error:
            raise ImageError(f"{self.id} cannot encode an image of {width} x {height}: {error}.") from error
        on_progress(1.0, f"encoded {self.family.label}")
        return bitstream

    def decode(self, bitstream: bytes, *, on_progress: OnProgress = silent) -> Image:
        """The image in a file of this family's format; BitstreamError for other formats and damaged files."""
        on_progress(0.0, f"decoding {self.family.label}")
        image = _decode(bitstream, self.family)
        on_progress(1.0, f"decoded {self.family.label}")
        return image


def parse_classical(codec_id: str) -> ClassicalCodec:
    """The codec with an id such as ``jpeg-q75``, ``png`` or ``none``; SynthcompError that says how to write it."""
    name, has_quality, quality_text = codec_id.partition("-q")
    family = FAMILIES.get(name)
    if family is None:
        raise SynthcompError(f"Unknown codec {codec_id!r}: use one of {', '.join(FAMILIES)}.")
    if family.qualities is None:
        if has_quality:
            raise SynthcompError(
                f"Codec {codec_id!r} has a quality, but {name} is lossless and takes none: write {name}."
            )
        return ClassicalCodec(family, None)
    low, high = family.qualities[0], family.qualities[-1]
    form = f"write {name}-q{low} to {name}-q{high}, as in {name}-q{family.default_quality}"
    if not has_quality:
        raise SynthcompError(f"Codec {codec_id!r} needs a quality: {form}.")
    if not re.fullmatch(r"0|[1-9][0-9]{0,5}", quality_text):
        raise SynthcompError(f"Codec {codec_id!r} has no whole number as its quality: {form}.")
    if int(quality_text) not in family.qualities:
        raise SynthcompError(f"Codec {codec_id!r} has the quality {quality_text}, which is out of range: {form}.")
    return ClassicalCodec(family, int(quality_text))


def decode_any(bitstream: bytes) -> Image:
    """The image in a bitstream of any classical family, told by its signature; BitstreamError for all else."""
    file_format = sniff(bitstream)
    for family in FAMILIES.values():
        if family.file_format == file_format:
            return _decode(bitstream, family)
    labels = ", ".join(family.file_format for family in FAMILIES.values())
    raise BitstreamError(f"The bitstream ({len(bitstream)} bytes) is of no known codec: expected .scb, {labels}.")


def rate_bytes(codec_id: str, bitstream: bytes) -> int:
    """The bytes that a rate counts: all of the bitstream; for ``none`` the raw samples, 3 a pixel, without header."""
    if codec_id != "none":
        return len(bitstream)
    width, height, _ = _ppm_header(bitstream)
    return 3 * width * height


def jxl_distance(quality: int) -> float:
    """Butteraugli distance for a JPEG XL quality of 1..99 (libjxl 0.11, JxlEncoderDistanceFromQuality)."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _encode(name: str, image: Image, quality: int) -> bytes:
    match name:
        case "jpeg":
            return _by_pillow(image, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
        case "webp":
            return _by_pillow(image, "WEBP", quality=quality, method=WEBP_METHOD)
        case "avif":
            return _by_pillow(
                *(image, "AVIF"),
                quality=quality,
                subsampling="4:2:0",
                speed=AVIF_SPEED,
                codec="aom",
                autotiling=True,
                max_threads=AVIF_THREADS,
            )
        case "jpeg2000":
            return _by_pillow(
                image, "JPEG2000", quality_mode="dB", quality_layers=[quality], irreversible=True, mct=1, no_jp2=False
            )
        case "jxl":
            import imagecodecs

            # libjxl's output does not depend on the number of threads.
            threads = min(8, os.cpu_count() or 1)
            if quality == 100:
                return bytes(imagecodecs.jpegxl_encode(image, lossless=True, effort=JXL_EFFORT, numthreads=threads))
            distance = jxl_distance(quality)
            return bytes(imagecodecs.jpegxl_encode(image, distance=distance, effort=JXL_EFFORT, numthreads=threads))
        case "png":
            return png_bytes(image)
        case "none":
            return b"P6\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes()
    raise SynthcompError(f"Unknown codec {name!r}: use one of {', '.join(FAMILIES)}.")


def _by_pillow(image: Image, file_format: str, **settings: object) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, file_format, **settings)
    return file.getvalue()


def _decode(bitstream: bytes, family: CodecFamily) -> Image:
    found = sniff(bitstream)
    if found != family.file_format:
        what = "empty" if not bitstream else f"{found or 'of no known format'}"
        raise BitstreamError(f"The bitstream is {what}, expected {family.file_format} for the codec {family.name}.")
    if family.name == "none":
        width, height, begin = _ppm_header(bitstream)
        return np.frombuffer(bitstream, np.uint8, offset=begin).reshape(height, width, 3).copy()
    try:
        image, _ = decode_image_file(bitstream, "The bitstream", max_pixels=MAX_BITSTREAM_PIXELS)
    except ImageError as error:
        raise BitstreamError(str(error)) from error
    return image


def _ppm_header(bitstream: bytes) -> tuple[int, int, int]:
    """(width, height, offset of the samples) of what ``none`` writes; BitstreamError for anything else."""
    match = _PPM_HEADER.match(bitstream)
    if not match:
        raise BitstreamError("The bitstream is no binary PPM of 8 bits as the codec none writes it.")
    width, height = int(match[1]), int(match[2])
    expected = match.end() + 3 * width * height
    if width < 1 or height < 1 or len(bitstream) != expected:
        raise BitstreamError(
            f"The PPM bitstream is damaged: {width} x {height} pixels take {expected} bytes, found {len(bitstream)}."
        )
    return width, height, match.end()
