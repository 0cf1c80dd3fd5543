"""Classical codecs: JPEG, WebP, AVIF, JPEG 2000 and PNG by Pillow, JPEG XL by imagecodecs, and none at all.

Every bitstream is a complete file of its format that any viewer opens. Settings that are not the quality are fixed
here so that the same image yields the same bytes on any machine with the same encoder version:

- JPEG: 4:2:0, optimised Huffman tables, baseline. quality 1..100 of libjpeg.
- WebP: lossy, method 6 (slowest of 0..6), quality 1..100 of libwebp.
- AVIF: libaom, 4:2:0, 8 bits, full range, speed 6, libavif's automatic tiles (a function of the size alone), 8 threads
  at most; libaom writes the same bytes with any number from 2, but others with 1. quality 1..100 of libavif.
- JPEG XL: effort 7. quality 1..99 as in cjxl, by libjxl's own formula for the Butteraugli distance; 100 is lossless.
- JPEG 2000: irreversible 9/7 wavelet with colour transform, JP2 file. quality 20..60 = PSNR in dB that each image is
  cut at (opj_compress -q), met within 1 dB up to about 40 on images from 8x8 and coarsely on smaller ones.
- PNG: lossless, Pillow's default compression. none: a binary PPM, whose rate counts only the raw samples.
"""

from __future__ import annotations

import io
import os
import re

import numpy as np
from PIL import Image as PillowImage

from synthcomp_core import limits
from synthcomp_core.codecs.families import FAMILIES, CodecFamily
from synthcomp_core.codecs.ids import CodecId
from synthcomp_core.codecs.protocol import Encoding
from synthcomp_core.errors import BitstreamError, ImageError, SynthcompError
from synthcomp_core.images import Image, check_image, png_bytes
from synthcomp_core.images.decoding import decode_image_file
from synthcomp_core.images.headers import sniff
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Arithmetic

AVIF_SPEED = 6
AVIF_THREADS = (
    8  # as many as libavif's automatic tiles; see the module's docstring for why it is no function of the CPU
)
JXL_EFFORT = 7
WEBP_METHOD = 6

_PPM_HEADER = re.compile(rb"P6\n(\d{1,9}) (\d{1,9})\n255\n")


class ClassicalCodec:
    """A Codec (see the package): one family at one quality, if it has any."""

    def __init__(self, codec_id: CodecId) -> None:
        self.family = FAMILIES[codec_id.family]
        self.quality = codec_id.quality
        self.arithmetic: Arithmetic | None = None
        self.id = str(codec_id)

    def encode(self, image: Image, *, on_progress: OnProgress = silent) -> bytes:
        """The complete file of an (H, W, 3) uint8 image. ImageError when a side is longer than the format allows."""
        check_image(image)
        height, width = image.shape[:2]
        limit = self.family.max_side
        if limit is not None and max(width, height) > limit:
            raise ImageError(
                f"{self.family.label} holds at most {limit} pixels per side, this image is {width} x {height}; "
                "use another codec or shrink the image."
            )
        on_progress(0.0, f"encoding {self.family.label}")
        try:
            bitstream = _encode(self.family.name, np.ascontiguousarray(image), self.quality or 0)
        except (OSError, ValueError, RuntimeError) as error:
            raise ImageError(f"{self.id} cannot encode an image of {width} x {height}: {error}.") from error
        on_progress(1.0, f"encoded {self.family.label}")
        return bitstream

    def encode_detailed(self, image: Image, *, on_progress: OnProgress = silent) -> Encoding:
        """As :meth:`encode`; a classical codec has no bit map and no estimate."""
        return Encoding(self.encode(image, on_progress=on_progress))

    def decode(
        self, bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS, on_progress: OnProgress = silent
    ) -> Image:
        """The image in a file of this family's format; BitstreamError for other formats, damaged and too large ones."""
        on_progress(0.0, f"decoding {self.family.label}")
        image = _decode(bitstream, self.family, max_pixels)
        on_progress(1.0, f"decoded {self.family.label}")
        return image


def parse_classical(codec_id: str | CodecId) -> ClassicalCodec:
    """The codec with an id such as ``jpeg-q75``, ``png`` or ``none``; SynthcompError that says how to write it."""
    parsed = CodecId.parse(codec_id) if isinstance(codec_id, str) else codec_id
    if parsed.family not in FAMILIES:
        raise SynthcompError(f"Unknown codec {str(codec_id)!r}: use one of {', '.join(FAMILIES)}.")
    return ClassicalCodec(parsed)


def decode_any(bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS) -> Image:
    """The image in a bitstream of any classical family, recognised by its signature; BitstreamError for all else."""
    file_format = sniff(bitstream)
    for family in FAMILIES.values():
        if family.file_format == file_format:
            return _decode(bitstream, family, max_pixels)
    labels = ", ".join(family.file_format for family in FAMILIES.values())
    raise BitstreamError(f"The bitstream ({len(bitstream)} bytes) is of no known codec: expected .scb, {labels}.")


def rate_bytes(codec_id: str, bitstream: bytes) -> int:
    """The bytes that a rate counts: the whole bitstream; for ``none`` the raw samples, 3 per pixel, without header.

    >>> bitstream = parse_classical("none").encode(np.zeros((2, 3, 3), np.uint8))
    >>> rate_bytes("none", bitstream), len(bitstream)
    (18, 29)
    """
    if codec_id != "none":
        return len(bitstream)
    width, height, _ = _ppm_header(bitstream)
    return 3 * width * height


def jxl_distance(quality: int) -> float:
    """Butteraugli distance for a JPEG XL quality of 1..99 (libjxl 0.11, JxlEncoderDistanceFromQuality).

    >>> round(jxl_distance(90), 6)
    1.0
    """
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


def _decode(bitstream: bytes, family: CodecFamily, max_pixels: int) -> Image:
    found = sniff(bitstream)
    if found != family.file_format:
        what = "empty" if not bitstream else f"{found or 'of no known format'}"
        raise BitstreamError(f"The bitstream is {what}, expected {family.file_format} for the codec {family.name}.")
    if family.name == "none":
        width, height, begin = _ppm_header(bitstream)
        if width * height > max_pixels:
            raise BitstreamError(
                f"The bitstream is too large: {width} x {height} is {width * height / 1e6:.1f} megapixels, the limit "
                f"is {max_pixels / 1e6:g}; raise --max-megapixels if you trust the file."
            )
        return np.frombuffer(bitstream, np.uint8, offset=begin).reshape(height, width, 3).copy()
    try:
        image, _ = decode_image_file(bitstream, "The bitstream", max_pixels=max_pixels)
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
