"""Classical codecs: JPEG, WebP, AVIF, JPEG 2000 and PNG by Pillow, JPEG XL by imagecodecs, and none at all.

Every bitstream is a complete file of its format that any viewer opens. What is neither the quality nor an option of
the family (in brackets: its default) is fixed here, so that the same image yields the same bytes on any machine with
the same encoder version:

- JPEG: optimised Huffman tables, baseline. quality 1..100 of libjpeg; chroma (4:2:0).
- WebP: quality 1..100 of libwebp; effort = its method 0..6 (6), chroma always 4:2:0; lossless with libwebp's quality
  75, which there is an effort.
- AVIF: libaom, 8 bits, full range, libavif's automatic tiles (a function of the size alone), 8 threads at most; libaom
  writes the same bytes with any number from 2, but others with 1. quality 1..100 of libavif; speed 0..10 (6), chroma
  (4:2:0).
- JPEG XL: quality 1..99.9 as in cjxl, by libjxl's own formula for the Butteraugli distance; 100 is lossless. effort
  1..9 (7).
- JPEG 2000: irreversible 9/7 wavelet with colour transform, JP2 file. quality 20..60 = PSNR in dB that each image is
  cut at (opj_compress -q), met within 1 dB up to about 40 on images from 8x8 and coarsely on smaller ones. Lossless:
  reversible 5/3 wavelet with reversible colour transform.
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

AVIF_THREADS = (
    8  # as many as libavif's automatic tiles; see the module's docstring for why it is no function of the CPU
)
WEBP_LOSSLESS_EFFORT = 75

_PPM_HEADER = re.compile(rb"P6\n(\d{1,9}) (\d{1,9})\n255\n")


class ClassicalCodec:
    """A Codec (see the package): one family at one quality, if it has any, with its options."""

    def __init__(self, codec_id: CodecId) -> None:
        if codec_id.target is not None:
            raise SynthcompError(
                f"{codec_id} aims at a target, which only an image can settle: render or encode one with it."
            )
        self.codec_id = codec_id
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
            bitstream = _encode(self.codec_id, np.ascontiguousarray(image))
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
        """The (H, W, 3) uint8 image in a file of this family's format.

        BitstreamError for other formats, damaged and too large ones.
        """
        on_progress(0.0, f"decoding {self.family.label}")
        # Rendering decodes what was encoded a moment ago, and times it.
        image = _decode(bitstream, self.family, max_pixels, check_whole=False)
        on_progress(1.0, f"decoded {self.family.label}")
        return image


def parse_classical(codec_id: str | CodecId) -> ClassicalCodec:
    """The codec with an id such as ``jpeg-q75``, ``png`` or ``none``; SynthcompError that says how to write it."""
    parsed = CodecId.parse(codec_id) if isinstance(codec_id, str) else codec_id
    if parsed.family not in FAMILIES:
        raise SynthcompError(f"Unknown codec {str(codec_id)!r}: use one of {', '.join(FAMILIES)}.")
    return ClassicalCodec(parsed)


def decode_any(bitstream: bytes, *, max_pixels: int = limits.IMAGE_PIXELS) -> Image:
    """The (H, W, 3) uint8 image in a bitstream of any classical family, recognised by its signature.

    BitstreamError for all else.
    """
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


def jxl_distance(quality: float) -> float:
    """Butteraugli distance for a JPEG XL quality of 1 to below 100 (libjxl 0.11, JxlEncoderDistanceFromQuality).

    >>> round(jxl_distance(90), 6)
    1.0
    """
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _encode(codec_id: CodecId, image: Image) -> bytes:
    match codec_id.family:
        case "jpeg":
            return _by_pillow(
                image, "JPEG", quality=codec_id.quality, subsampling=_label(codec_id, "chroma"), optimize=True
            )
        case "webp":
            effort = _number(codec_id, "effort")
            if codec_id.is_lossless:
                return _by_pillow(image, "WEBP", lossless=True, quality=WEBP_LOSSLESS_EFFORT, method=effort)
            return _by_pillow(image, "WEBP", quality=codec_id.quality, method=effort)
        case "avif":
            return _by_pillow(
                *(image, "AVIF"),
                quality=codec_id.quality,
                subsampling=_label(codec_id, "chroma"),
                speed=_number(codec_id, "speed"),
                codec="aom",
                autotiling=True,
                max_threads=AVIF_THREADS,
            )
        case "jpeg2000":
            if codec_id.is_lossless:
                return _by_pillow(image, "JPEG2000", irreversible=False, mct=1, no_jp2=False)
            layers = [codec_id.quality]
            return _by_pillow(
                image, "JPEG2000", quality_mode="dB", quality_layers=layers, irreversible=True, mct=1, no_jp2=False
            )
        case "jxl":
            return _jxl(image, codec_id)
        case "png":
            return png_bytes(image)
        case "none":
            return b"P6\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes()
    raise SynthcompError(f"Unknown codec {codec_id.family!r}: use one of {', '.join(FAMILIES)}.")


def _jxl(image: Image, codec_id: CodecId) -> bytes:
    import imagecodecs

    # libjxl's output does not depend on the number of threads.
    threads, effort = min(8, os.cpu_count() or 1), _number(codec_id, "effort")
    if codec_id.is_lossless or codec_id.quality is None:
        return bytes(imagecodecs.jpegxl_encode(image, lossless=True, effort=effort, numthreads=threads))
    distance = jxl_distance(codec_id.quality)
    return bytes(imagecodecs.jpegxl_encode(image, distance=distance, effort=effort, numthreads=threads))


def _label(codec_id: CodecId, name: str) -> str:
    """An option's choice as its encoder writes it, such as "4:2:0"."""
    choice = codec_id.choice(name)
    return next(option.label_of(choice) for option in codec_id.available_options if option.name == name)


def _number(codec_id: CodecId, name: str) -> int:
    """The number of an option that is a scale: 6 of ``s6``."""
    return int(codec_id.choice(name)[1:])


def _by_pillow(image: Image, file_format: str, **settings: object) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, file_format, **settings)
    return file.getvalue()


def _decode(bitstream: bytes, family: CodecFamily, max_pixels: int, *, check_whole: bool = True) -> Image:
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
        image, _ = decode_image_file(bitstream, "The bitstream", max_pixels=max_pixels, check_whole=check_whole)
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
