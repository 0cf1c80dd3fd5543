"""AVIF's equal qualities, told by a small sample, are those whose bitstreams of an image are the same."""

from __future__ import annotations

import itertools

import pytest

from synthcomp_core.codecs import FAMILIES, parse_codec
from synthcomp_core.codecs.equal_qualities import bitstream_class
from synthcomp_core.images import crop, read_image
from tests.codecs.models import SAMPLES
from tests.pages.conftest import frame


@pytest.mark.parametrize("options", ["", "+444", "+s9"])
def test_qualities_of_one_class_write_the_same_bytes_and_others_do_not(options: str) -> None:
    image = frame(6, 96, 80)
    codecs = [f"avif-q{quality}{options}" for quality in FAMILIES["avif"].quality_levels]
    bitstreams = {codec: parse_codec(codec).encode(image) for codec in codecs}
    for first, second in itertools.pairwise(codecs):
        assert (bitstream_class(first) == bitstream_class(second)) == (bitstreams[first] == bitstreams[second])
    assert len({bitstream_class(codec) for codec in codecs}) < len(codecs)


def test_other_codecs_are_each_their_own() -> None:
    for codec in ("jpeg-q50", "jxl-q50.1", "webp-q40", "mbt2018-q4-mse-games"):
        assert bitstream_class(codec) == codec


@pytest.mark.parametrize("family", [family.name for family in FAMILIES.values() if family.sizes_rise])
@pytest.mark.parametrize("sample", ["torcs_forza_0002", "redeclipse_castle_0007"])
def test_where_sizes_are_said_to_rise_they_do(family: str, sample: str) -> None:
    image = crop(read_image(SAMPLES / f"{sample}.webp").image, 200, 176)
    levels = FAMILIES[family].quality_levels[:: 3 if FAMILIES[family].quality_step < 1 else 1]
    sizes = [len(parse_codec(f"{family}-q{level:g}").encode(image)) for level in levels]
    assert all(size >= 0.995 * max(sizes[: number + 1]) for number, size in enumerate(sizes))
