"""The families of classical codecs: their names, qualities, options and limits, and the versions of their encoders."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import PIL
from PIL import features

from synthcomp_core.codecs.options import CodecOption, chroma_option, lossless_option, scale_option


@dataclass(frozen=True)
class CodecFamily:
    """A kind of classical codec.

    name: its ids are ``name`` or, where qualities is not None, ``name-qQUALITY``, then its options. suffix: of its
    files, with the dot. max_side: in pixels, what the format or its library can hold; None = no practical limit.
    options: in the order of the ids. quality_step: 1, or 0.1 where the encoder tells tenths apart. lossless_quality:
    the quality that means lossless, where one does; ``+lossless`` is then another way to write it. sizes_rise: whether
    a higher quality takes no fewer bytes, or by 0.5 % at most; of the other families some fall by up to 5 %.
    metrics_rise: whether PSNR, MS-SSIM and SSIMULACRA2 do not fall either.
    """

    name: str
    label: str
    qualities: range | None
    default_quality: int | None
    file_format: str
    suffix: str
    max_side: int | None
    encoder_version: Callable[[], str] = field(repr=False, compare=False)
    options: tuple[CodecOption, ...] = ()
    quality_step: float = 1
    lossless_quality: int | None = None
    sizes_rise: bool = False
    metrics_rise: bool = False

    @property
    def quality_levels(self) -> tuple[float, ...]:
        """Every quality that an id may name, rising; whole numbers as int."""
        if self.qualities is None:
            return ()
        per_unit = round(1 / self.quality_step)
        return tuple(
            level // per_unit if level % per_unit == 0 else level / per_unit
            for level in range(self.qualities[0] * per_unit, self.qualities[-1] * per_unit + 1)
        )

    def option(self, name: str) -> CodecOption | None:
        """The option of this name; None where the family has none."""
        return next((option for option in self.options if option.name == name), None)

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
_TENTHS = 0.1
FAMILIES: dict[str, CodecFamily] = {
    family.name: family
    for family in (
        CodecFamily(
            *("jpeg", "JPEG", _PERCENT, 75, "JPEG", ".jpg", 65500, _jpeg_version),
            options=(chroma_option("420", "422", "444"),),
            metrics_rise=True,
        ),
        CodecFamily(
            *("webp", "WebP", _PERCENT, 75, "WebP", ".webp", 16383, _pillow_feature("libwebp", "webp")),
            options=(
                lossless_option(),
                scale_option("effort", "Effort", "m", range(7), 6, ends=("fastest", "slowest")),
            ),
        ),
        CodecFamily(
            *("avif", "AVIF", _PERCENT, 60, "AVIF", ".avif", 32768, _avif_version),
            options=(
                scale_option("speed", "Speed", "s", range(11), 6, ends=("slowest", "fastest")),
                chroma_option("420", "422", "444"),
            ),
            sizes_rise=True,
            metrics_rise=True,
        ),
        CodecFamily(
            *("jxl", "JPEG XL", _PERCENT, 75, "JPEG XL", ".jxl", None, _jxl_version),
            options=(
                lossless_option(),
                scale_option("effort", "Effort", "e", range(1, 10), 7, ends=("fastest", "slowest")),
            ),
            quality_step=_TENTHS,
            lossless_quality=100,
        ),
        CodecFamily(
            *("jpeg2000", "JPEG 2000", range(20, 61), 36, "JPEG 2000", ".jp2", None),
            _pillow_feature("OpenJPEG", "jpg_2000"),
            options=(lossless_option(),),
            quality_step=_TENTHS,
            sizes_rise=True,
            metrics_rise=True,
        ),
        CodecFamily("png", "PNG (lossless)", None, None, "PNG", ".png", None, _png_version),
        CodecFamily("none", "None (raw pixels)", None, None, "PPM", ".ppm", None, lambda: "none: raw 8-bit RGB"),
    )
}
