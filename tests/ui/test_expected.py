"""How long a rendering should take: by size, by what the server has measured, and never by one slow case alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from synthcomp_core.ui.live.expected import Timings
from synthcomp_core.ui.live.sides import LONG_S
from synthcomp_core.variants import Rendering, Variant, render

FRAME = np.zeros((100, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def rendering() -> Rendering:
    return render(FRAME, Variant("webp-q50"))


def test_twice_the_pixels_take_twice_as_long() -> None:
    twice = np.zeros((200, 200, 3), np.uint8)
    for text in ("webp-q50", "mbt2018-q4-mse-games", "none@x2-rcan"):
        once = Timings().expected_s(FRAME, Variant.parse(text))
        assert Timings().expected_s(twice, Variant.parse(text)) == pytest.approx(2 * once)


def test_the_best_measured_rate_counts(rendering: Rendering) -> None:
    timings = Timings()
    before = timings.expected_s(FRAME, Variant("webp-q80"))
    timings.note(dataclasses.replace(rendering, encode_s=0.0, decode_s=0.0))
    quick = timings.expected_s(FRAME, Variant("webp-q80"))
    assert quick < before
    timings.note(dataclasses.replace(rendering, encode_s=0.1, decode_s=0.1))
    assert timings.expected_s(FRAME, Variant("webp-q80")) == quick


def test_one_rendering_on_a_busy_server_makes_no_small_image_long(rendering: Rendering) -> None:
    timings = Timings()
    timings.note(dataclasses.replace(rendering, encode_s=1000.0, decode_s=1000.0))
    assert timings.expected_s(FRAME, Variant("webp-q80")) < 0.1


def test_a_searched_quality_takes_several_encodings() -> None:
    timings = Timings()
    assert timings.expected_s(FRAME, Variant("webp-psnr35")) > timings.expected_s(FRAME, Variant("webp-q75"))


def test_a_file_that_is_only_read_takes_no_coding() -> None:
    frame_4k = np.broadcast_to(np.zeros(3, np.uint8), (2160, 3840, 3))
    measuring = Timings().expected_s(frame_4k, Variant("none")) - 0.05 * 3840 * 2160 / 1e6
    timings = Timings()
    assert timings.expected_s(frame_4k, Variant.parse("files:opened")) == pytest.approx(measuring)
    assert measuring < LONG_S
