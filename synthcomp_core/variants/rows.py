"""Rows of the results table: from a rendering and its metrics, or from what a variant's id alone says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from synthcomp_core.codecs import CodecId
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.renderings import PREFIX, find_renderings, is_files
from synthcomp_core.library.snapshots import Distortion, find_snapshot
from synthcomp_core.library.thesis_names import thesis_point
from synthcomp_core.metrics import Metrics, bits_per_pixel
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.upscalers import RCAN
from synthcomp_core.variants.rendering import Rendering
from synthcomp_core.variants.snapshots_of import codec_cards
from synthcomp_core.variants.variant import Variant


@dataclass(frozen=True)
class CodecPoint:
    """Where a codec stands: family or architecture, and the point on its rate-distortion curve."""

    family: str
    quality: float | None = None
    lmbda: float | None = None
    distortion: str | None = None
    trained_on: str | None = None


def describe_codec(codec_id: str) -> CodecPoint:
    """Family and quality of a classical codec id, or what a snapshot's card says; SynthcompError when unknown.

    Where the id aims at a target, the quality and lambda are None: they differ from image to image.
    """
    if is_files(codec_id):
        point = find_renderings(codec_id).point
        if point is None:
            return CodecPoint(codec_id)
        distortion = Distortion.parse(point.distortion).value if point.distortion else None
        return CodecPoint(point.codec, point.quality, None, distortion, "files")
    parsed = CodecId.parse(codec_id)
    if not parsed.is_learned:
        return CodecPoint(parsed.family, quality=parsed.quality)
    if parsed.target is not None:
        cards = codec_cards(parsed)
        if not cards:
            raise SynthcompError(f"No installed snapshot is named like {parsed.family}.")
        return CodecPoint(cards[0].architecture, None, None, cards[0].distortion, cards[0].trained_on)
    card = find_snapshot(parsed.family)
    return CodecPoint(card.architecture, card.quality, card.lmbda, card.distortion, card.trained_on)


def result_row(rendering: Rendering, metrics: Metrics, *, dataset: str, image_name: str) -> ResultRow:
    """The row of one rendering and its metrics; bpp on the reference's pixels; quality and lambda as used.

    Of a rendering made elsewhere, the rate is None where it is not known, and so are the times.
    """
    elsewhere = is_files(rendering.variant.codec)
    num_bytes = None if elsewhere and not rendering.num_bytes else rendering.num_bytes
    height, width = rendering.image.shape[:2]
    estimated, codec, upscaler = rendering.bits_estimated, rendering.codec_arithmetic, rendering.upscaler_arithmetic
    return dataclasses.replace(
        bare_row(dataset, image_name, rendering.settled),
        variant=str(rendering.variant),
        width=width,
        height=height,
        num_bytes=num_bytes,
        bpp=None if num_bytes is None else bits_per_pixel(num_bytes, width, height),
        bpp_estimated=None if estimated is None else estimated / (width * height),
        encode_s=None if elsewhere else rendering.encode_s,
        decode_s=None if elsewhere else rendering.decode_s,
        upscale_s=rendering.upscale_s,
        precision=None if codec is None else codec.precision,
        device=None if codec is None else codec.device,
        upscaler_precision=None if upscaler is None else upscaler.precision,
        upscaler_device=None if upscaler is None else upscaler.device,
        **dataclasses.asdict(metrics),
    )


def bare_row(dataset: str, image_name: str, variant: Variant, *, error: str | None = None) -> ResultRow:
    """A row with what the variant's id says, and nothing measured. error: why its task failed."""
    try:
        point = describe_codec(variant.codec)
    except SynthcompError:
        point = _foreign_point(variant.codec)
    scale, upscaler = _scaling(variant)
    return ResultRow(
        dataset=dataset,
        image=image_name,
        variant=str(variant),
        codec=point.family,
        quality=point.quality,
        lmbda=point.lmbda,
        distortion=point.distortion,
        trained_on=point.trained_on,
        scale=scale,
        upscaler=upscaler,
        error=error,
    )


def _scaling(variant: Variant) -> tuple[float | None, str | None]:
    """Scale and upscaler of a variant; of renderings made elsewhere, as their name says: the thesis's SR is RCAN."""
    point = thesis_point(variant.codec.removeprefix(PREFIX)) if is_files(variant.codec) else None
    if point is None or point.scale is None:
        return variant.scale, variant.upscaler
    return point.scale, RCAN


def _foreign_point(codec_id: str) -> CodecPoint:
    """The point of a codec that is not installed, as far as an id such as ``bpg-q32`` or ``m-q4-mse`` says it."""
    family, _, rest = codec_id.partition("-q")
    digits, *words = rest.split("-")
    distortion = next((distortion for distortion in Distortion if distortion.short in words), None)
    return CodecPoint(family, int(digits) if digits.isdecimal() and len(digits) < 6 else None, distortion=distortion)
