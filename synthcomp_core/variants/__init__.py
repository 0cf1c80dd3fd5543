"""Variants: codec, optional resolution scale and upscaler; their ids, and rendering an image through one."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthcomp_core.codecs import Encoding, encode, parse_codec
from synthcomp_core.codecs.classical import FAMILIES, rate_bytes
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, resize
from synthcomp_core.library.snapshots import find_snapshot, list_snapshots
from synthcomp_core.metrics import DEFAULT_METRICS, Metrics, bits_per_pixel, measure
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.results.table import ResultRow
from synthcomp_core.upscalers import parse_upscaler

if TYPE_CHECKING:
    import numpy as np

DOWNSCALING = "bicubic"  # Pillow's, antialiased: what precedes the codec in every variant with a scale.
_SCALING = re.compile(r"x(\d+(?:\.\d+)?)-(.+)")
MAX_SCALE = 8.0


@dataclass(frozen=True)
class Variant:
    """What a user compares: ``CODEC[@xSCALE-UPSCALER]``.

    codec: a codec id. scale: the reference's side over the coded image's side, 1 < scale <= 8, or None for full
    resolution. upscaler: an upscaler id, given exactly when scale is.
    """

    codec: str
    scale: float | None = None
    upscaler: str | None = None

    def __str__(self) -> str:
        return self.codec if self.scale is None else f"{self.codec}@x{self.scale:g}-{self.upscaler}"

    @classmethod
    def parse(cls, text: str) -> Variant:
        """The variant with this id; SynthcompError when it does not follow the grammar."""
        codec, at, scaling = text.partition("@")
        if not codec:
            raise SynthcompError(f"Variant {text!r} names no codec; write CODEC or CODEC@xSCALE-UPSCALER.")
        if not at:
            return cls(codec)
        match = _SCALING.fullmatch(scaling)
        if not match:
            raise SynthcompError(
                f"Variant {text!r} is not of the form CODEC@xSCALE-UPSCALER, as in jpeg-q75@x1.5-fsr1."
            )
        scale = float(match[1])
        if not 1 < scale <= MAX_SCALE:
            raise SynthcompError(
                f"Variant {text!r} has the scale {scale:g}; it must be above 1 and at most {MAX_SCALE:g}."
            )
        return cls(codec, scale, match[2])


@dataclass(frozen=True)
class Rendering:
    """What one variant made of one image.

    bitstream: complete bytes of the coded image. num_bytes: what the rate counts (see ``rate_bytes``). image: the
    final image, of the reference's size. coded_image: the decoded image before upscaling (the same array when
    nothing was upscaled). bit_map: bits per latent position, float32 (rows, columns), or None. bits_estimated:
    ideal code length in bits, or None. Times in seconds, without the loading of models.
    """

    variant: Variant
    bitstream: bytes
    num_bytes: int
    image: Image
    coded_image: Image
    bit_map: np.ndarray | None
    bits_estimated: float | None
    encode_s: float
    decode_s: float
    upscale_s: float | None


def coded_size(width: int, height: int, scale: float | None) -> tuple[int, int]:
    """(width, height) that a variant with this scale codes: sides / scale, rounded half up, at least 1."""
    if scale is None:
        return width, height
    return max(1, int(width / scale + 0.5)), max(1, int(height / scale + 0.5))


def render(
    image: Image,
    variant: Variant,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> Rendering:
    """Send an (H, W, 3) image through a variant: downscale, encode, decode the bitstream, upscale.

    The decoded image comes from the bitstream itself, as any decoder would get it. SynthcompError for an unknown
    codec or upscaler.
    """
    height, width = image.shape[:2]
    on_progress(0.0, "loading")
    codec = parse_codec(variant.codec, precision=precision, device=device)
    upscaler = None
    if variant.scale is not None and variant.upscaler is not None:
        upscaler = parse_upscaler(variant.upscaler, scale=variant.scale)
    low = coded_size(width, height, variant.scale)
    source = image if low == (width, height) else resize(image, low, method=DOWNSCALING)
    encode_end, decode_end = (0.5, 1.0) if upscaler is None else (0.35, 0.7)

    started = time.perf_counter()
    encoding: Encoding = encode(codec, source, on_progress=span(on_progress, 0.0, encode_end))
    encoded = time.perf_counter()
    coded_image = codec.decode(encoding.bitstream, on_progress=span(on_progress, encode_end, decode_end))
    decoded = time.perf_counter()
    final, upscale_s = coded_image, None
    if upscaler is not None:
        final = upscaler.upscale(coded_image, (width, height), on_progress=span(on_progress, decode_end, 1.0))
        upscale_s = time.perf_counter() - decoded
    on_progress(1.0, "done")
    return Rendering(
        variant=variant,
        bitstream=encoding.bitstream,
        num_bytes=rate_bytes(variant.codec, encoding.bitstream),
        image=final,
        coded_image=coded_image,
        bit_map=encoding.bit_map,
        bits_estimated=encoding.bits_estimated,
        encode_s=encoded - started,
        decode_s=decoded - encoded,
        upscale_s=upscale_s,
    )


def measure_rendering(
    reference: Image,
    rendering: Rendering,
    *,
    metrics: Collection[str] = DEFAULT_METRICS,
    on_progress: OnProgress = silent,
) -> Metrics:
    """The metrics of a rendering's final image against the reference."""
    return measure(reference, rendering.image, metrics=metrics, on_progress=on_progress)


def result_row(rendering: Rendering, metrics: Metrics, *, dataset: str, image_name: str) -> ResultRow:
    """The results table's row for one rendering and its metrics; bpp on the reference's pixels."""
    height, width = rendering.image.shape[:2]
    estimated = rendering.bits_estimated
    point = describe_codec(rendering.variant.codec)
    return ResultRow(
        dataset=dataset,
        image=image_name,
        width=width,
        height=height,
        variant=str(rendering.variant),
        codec=point.family,
        quality=point.quality,
        lmbda=point.lmbda,
        distortion=point.distortion,
        trained_on=point.trained_on,
        scale=rendering.variant.scale,
        upscaler=rendering.variant.upscaler,
        num_bytes=rendering.num_bytes,
        bpp=bits_per_pixel(rendering.num_bytes, width, height),
        bpp_estimated=None if estimated is None else estimated / (width * height),
        psnr_rgb=metrics.psnr_rgb,
        psnr_y=metrics.psnr_y,
        ssim_rgb=metrics.ssim_rgb,
        ssim_y=metrics.ssim_y,
        msssim_rgb=metrics.msssim_rgb,
        msssim_y=metrics.msssim_y,
        flip=metrics.flip,
        ssimulacra2=metrics.ssimulacra2,
        encode_s=rendering.encode_s,
        decode_s=rendering.decode_s,
        upscale_s=rendering.upscale_s,
        error=None,
    )


@dataclass(frozen=True)
class CodecPoint:
    """A codec id taken apart: family or architecture, and the point on its rate-distortion curve."""

    family: str
    quality: int | None = None
    lmbda: float | None = None
    distortion: str | None = None
    trained_on: str | None = None


def describe_codec(codec_id: str) -> CodecPoint:
    """Family and quality of a classical codec id, or what a snapshot's card says; SynthcompError when unknown."""
    family, _, quality = codec_id.partition("-q")
    if family in FAMILIES:
        return CodecPoint(family, quality=int(quality) if quality.isdigit() else None)
    card = find_snapshot(codec_id)
    return CodecPoint(card.architecture, card.quality, card.lmbda, card.distortion, card.trained_on)


def has_codec(codec_id: str) -> bool:
    """Whether a codec with this id is at hand, without loading it."""
    family = codec_id.partition("-q")[0]
    if family not in FAMILIES:
        return codec_id in {card.id for card in list_snapshots("codec")}
    try:
        parse_codec(codec_id)
    except SynthcompError:
        return False
    return True
