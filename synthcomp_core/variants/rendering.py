"""Rendering: an image sent through a variant of settled quality, down to the bitstream and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthcomp_core import limits
from synthcomp_core.codecs import Codec, Encoding, parse_codec, rate_bytes
from synthcomp_core.images import Image, downscale
from synthcomp_core.metrics import Metrics
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.runtime import Arithmetic
from synthcomp_core.upscalers import Upscaler, parse_upscaler
from synthcomp_core.variants.variant import Variant


@dataclass(frozen=True)
class Rendering:
    """What one variant made of one image.

    bitstream: complete bytes of the coded image. num_bytes: what the rate counts (see ``rate_bytes``). image: the
    final image, of the reference's size. coded_image: the decoded image before upscaling (the same array when
    nothing was upscaled). bit_map: bits per latent position, float32 (rows, columns), or None. bits_estimated:
    ideal code length in bits, or None. Times in seconds, without the loading of models;
    decode_s is None until the bitstream is decoded. *_arithmetic: precision and
    device of the networks, None without one. settled_by: the variant at the quality that ``variant``'s target led to,
    None where ``variant`` names the quality itself. measured: what that search has measured of ``image`` already, None
    without one.
    """

    variant: Variant
    bitstream: bytes
    num_bytes: int
    image: Image
    coded_image: Image
    bit_map: NDArray[np.float32] | None
    bits_estimated: float | None
    encode_s: float
    decode_s: float | None
    upscale_s: float | None
    codec_arithmetic: Arithmetic | None = None
    upscaler_arithmetic: Arithmetic | None = None
    settled_by: Variant | None = None
    measured: Metrics | None = None

    @property
    def settled(self) -> Variant:
        """The variant with the quality that was used."""
        return self.settled_by or self.variant


@dataclass(frozen=True)
class Coded:
    """What a codec made of an image. num_bytes: what the rate counts. encode_s: without the loading of a model."""

    codec: Codec
    encoding: Encoding
    num_bytes: int
    encode_s: float


OnPreview = Callable[[Rendering], None]


def render_settled(
    image: Image,
    variant: Variant,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_preview: OnPreview | None = None,
    on_progress: OnProgress = silent,
) -> Rendering:
    """Send an (H, W, 3) image through a variant without a target: downscale, encode, decode the bitstream, upscale.

    precision ("auto" | "float32" | "bfloat16") and device ("cpu", "cuda", None = best): of the codec's and the
    upscaler's networks. The decoded image comes from the bitstream itself, as any decoder would get it.
    on_preview: called before decoding with what the encoder expects to come out, where it knows that and nothing is
    upscaled. SynthcompError for an unknown codec or upscaler.
    """
    on_progress(0.0, "loading")
    upscaler = _upscaler(variant, precision, device)
    encode_end = 0.5 if upscaler is None else 0.35
    coded = code(
        downscale(image, variant.scale),
        variant.codec,
        precision=precision,
        device=device,
        on_progress=span(on_progress, 0.0, encode_end),
    )
    share = span(on_progress, encode_end, 1.0)
    return _finish(image, variant, coded, upscaler, on_preview=on_preview, on_progress=share)


def code(
    source: Image,
    codec_id: str,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> Coded:
    """The first half of a rendering: encode the (h, w, 3) image that is coded, by a codec of settled quality."""
    codec = parse_codec(codec_id, precision=precision, device=device)
    started = time.perf_counter()
    encoding = codec.encode_detailed(source, on_progress=on_progress)
    encode_s = time.perf_counter() - started
    return Coded(codec, encoding, rate_bytes(codec_id, encoding.bitstream), encode_s)


def finish(
    image: Image,
    variant: Variant,
    coded: Coded,
    *,
    precision: str = "auto",
    device: str | None = None,
    on_preview: OnPreview | None = None,
    on_progress: OnProgress = silent,
) -> Rendering:
    """The second half: the rendering of a variant of an (H, W, 3) image, from what its codec has made already."""
    upscaler = _upscaler(variant, precision, device)
    return _finish(image, variant, coded, upscaler, on_preview=on_preview, on_progress=on_progress)


def _finish(
    image: Image,
    variant: Variant,
    coded: Coded,
    upscaler: Upscaler | None,
    *,
    on_preview: OnPreview | None,
    on_progress: OnProgress,
) -> Rendering:
    height, width = image.shape[:2]
    encoding = coded.encoding
    decode_end = 1.0 if upscaler is None else 0.5

    def rendering(final: Image, decoded: Image, decode_s: float | None, upscale_s: float | None) -> Rendering:
        return Rendering(
            variant=variant,
            bitstream=encoding.bitstream,
            num_bytes=coded.num_bytes,
            image=final,
            coded_image=decoded,
            bit_map=encoding.bit_map,
            bits_estimated=encoding.bits_estimated,
            encode_s=coded.encode_s,
            decode_s=decode_s,
            upscale_s=upscale_s,
            codec_arithmetic=coded.codec.arithmetic,
            upscaler_arithmetic=None if upscaler is None else upscaler.arithmetic,
        )

    if on_preview is not None and upscaler is None and encoding.expected is not None:
        expected = encoding.expected()
        on_preview(rendering(expected, expected, None, None))
    # An image that was read under a higher limit must come back under it.
    max_pixels = max(limits.IMAGE_PIXELS, height * width)
    started = time.perf_counter()
    coded_image = coded.codec.decode(
        encoding.bitstream, max_pixels=max_pixels, on_progress=span(on_progress, 0.0, decode_end)
    )
    decoded = time.perf_counter()
    decode_s, final, upscale_s = decoded - started, coded_image, None
    if upscaler is not None:
        final = upscaler.upscale(coded_image, (width, height), on_progress=span(on_progress, decode_end, 1.0))
        upscale_s = time.perf_counter() - decoded
    on_progress(1.0, "done")
    return rendering(final, coded_image, decode_s, upscale_s)


def _upscaler(variant: Variant, precision: str, device: str | None) -> Upscaler | None:
    if variant.scale is None or variant.upscaler is None:
        return None
    return parse_upscaler(variant.upscaler, scale=variant.scale, precision=precision, device=device)
