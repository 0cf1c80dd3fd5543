"""How long a rendering is expected to take on this server, from its size and the renderings before it."""

from __future__ import annotations

import threading

import streamlit as st

from synthcomp_core.codecs import CodecId
from synthcomp_core.images import Image, coded_size
from synthcomp_core.library.renderings import is_files
from synthcomp_core.variants import Rendering, Variant

# Seconds per coded megapixel (codecs) or per final megapixel (upscalers), until this server has measured its own.
_FIRST_GUESSES = {"jpeg": 0.1, "webp": 0.4, "avif": 1.0, "jxl": 1.5, "jpeg2000": 1.0, "png": 0.5, "none": 0.05}
_LEARNED_GUESS, _NEURAL_GUESS, _OTHER_GUESS = 2.0, 5.0, 0.3
_METRICS_S = 0.7  # Seconds per megapixel of the default metrics.
_MOST_GUESSES = 4.0
_SEARCH_STEPS = 8
_QUICK_UPSCALERS = ("nearest", "bilinear", "bicubic", "lanczos", "fsr1", "nis", "gsr")


class Timings:
    """The seconds per megapixel that codecs and upscalers took at best; shared by all sessions, safe between threads.

    At best, and never more than a few times the first guess: one rendering on a busy server says little of the next.
    """

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, rendering: Rendering) -> None:
        """Remember what a rendering took; nothing of one made elsewhere, which is only read."""
        if is_files(rendering.variant.codec):
            return
        final, coded = (image.shape[0] * image.shape[1] / 1e6 for image in (rendering.image, rendering.coded_image))
        codec = _codec_name(rendering.variant)
        self._note(codec, (rendering.encode_s + (rendering.decode_s or 0.0)) / coded, _codec_guess(codec))
        upscaler = rendering.variant.upscaler
        if rendering.upscale_s is not None and upscaler is not None:
            self._note(upscaler, rendering.upscale_s / final, _upscaler_guess(upscaler))

    def _note(self, name: str, rate: float, guess: float) -> None:
        with self._lock:
            self._rates[name] = min(rate, self._rates.get(name, _MOST_GUESSES * guess))

    def expected_s(self, image: Image, variant: Variant) -> float:
        """The seconds that sending an image through a variant and measuring it should take, alone on this server."""
        height, width = image.shape[:2]
        coded_width, coded_height = coded_size(width, height, variant.scale)
        final, coded = width * height / 1e6, coded_width * coded_height / 1e6
        codec, upscaler = _codec_name(variant), variant.upscaler
        with self._lock:
            codec_rate = self._rates.get(codec, _codec_guess(codec))
            upscaler_rate = 0.0 if upscaler is None else self._rates.get(upscaler, _upscaler_guess(upscaler))
        # A target is searched for in about so many steps, each of which encodes and decodes.
        steps = 1 if variant.codec_id.target is None else _SEARCH_STEPS
        return steps * codec_rate * coded + (upscaler_rate + _METRICS_S) * final


def _codec_guess(codec: str) -> float:
    if is_files(codec):
        return 0.0
    return _FIRST_GUESSES.get(codec, _LEARNED_GUESS)


def _upscaler_guess(upscaler: str) -> float:
    return _OTHER_GUESS if upscaler.startswith(_QUICK_UPSCALERS) else _NEURAL_GUESS


def _codec_name(variant: Variant) -> str:
    return CodecId.family_of(variant.codec)


@st.cache_resource
def server_timings() -> Timings:
    """The one record of this server."""
    return Timings()
