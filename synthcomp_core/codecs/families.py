"""The families of classical codecs: their names, qualities and limits, and the versions of their encoders."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import PIL
from PIL import features


@dataclass(frozen=True)
class CodecFamily:
    """A kind of classical codec.

    name: its ids are ``name`` or, where qualities is not None, ``name-qQUALITY``. suffix: of its files, with the dot.
    max_side: in pixels, what the format or its library can hold; None = no practical limit.
    """

    name: str
    label: str
    qualities: range | None
    default_quality: int | None
    file_format: str
    suffix: str
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
    return f"Pillow {PIL.__version__}, " + (f"zlib-ng {zlib_ng}" if zlib_ng else f"zlib {features.version('zlib')}")


_PERCENT = range(1, 101)
FAMILIES: dict[str, CodecFamily] = {
    family.name: family
    for family in (
        CodecFamily("jpeg", "JPEG", _PERCENT, 75, "JPEG", ".jpg", 65500, _jpeg_version),
        CodecFamily("webp", "WebP", _PERCENT, 75, "WebP", ".webp", 16383, _pillow_feature("libwebp", "webp")),
        CodecFamily("avif", "AVIF", _PERCENT, 60, "AVIF", ".avif", 32768, _avif_version),
        CodecFamily("jxl", "JPEG XL", _PERCENT, 75, "JPEG XL", ".jxl", None, _jxl_version),
        CodecFamily(
            *("jpeg2000", "JPEG 2000", range(20, 61), 36, "JPEG 2000", ".jp2", None),
            _pillow_feature("OpenJPEG", "jpg_2000"),
        ),
        CodecFamily("png", "PNG (lossless)", None, None, "PNG", ".png", None, _png_version),
        CodecFamily("none", "None (raw pixels)", None, None, "PPM", ".ppm", None, lambda: "none: raw 8-bit RGB"),
    )
}
