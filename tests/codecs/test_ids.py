"""Codec ids: taken apart and put together, and refused in one sentence."""

from __future__ import annotations

import pytest

from synthcomp_core.codecs import FAMILIES, CodecId, default_codec_id, parse_codec
from synthcomp_core.errors import SynthcompError


@pytest.mark.parametrize("name", FAMILIES)
def test_parse_and_str_are_inverse_for_every_quality(name: str) -> None:
    for quality in FAMILIES[name].qualities or (None,):
        parsed = CodecId(name, quality)
        assert CodecId.parse(str(parsed)) == parsed
        assert not parsed.is_learned


@pytest.mark.parametrize("name", FAMILIES)
def test_the_default_id_of_every_family_is_a_codec(name: str) -> None:
    codec_id = default_codec_id(name)
    assert parse_codec(str(codec_id)).id == str(codec_id)
    assert codec_id.searchable == (FAMILIES[name].qualities is not None)


def test_a_snapshot_s_id_stays_whole() -> None:
    parsed = CodecId.parse("mbt2018-q4-mse-games")
    assert parsed == CodecId("mbt2018-q4-mse-games")
    assert parsed.is_learned and not parsed.searchable and parsed.suffix == ".scb"
    assert default_codec_id("mbt2018-q4-mse-games") == parsed


def test_suffixes_are_those_that_viewers_know() -> None:
    suffixes = {name: default_codec_id(name).suffix for name in FAMILIES}
    assert suffixes == {
        "jpeg": ".jpg",
        "webp": ".webp",
        "avif": ".avif",
        "jxl": ".jxl",
        "jpeg2000": ".jp2",
        "png": ".png",
        "none": ".ppm",
    }


def test_another_quality_is_checked_against_the_family_s_range() -> None:
    assert str(CodecId.parse("jpeg2000-q36").at_quality(60)) == "jpeg2000-q60"
    with pytest.raises(SynthcompError, match="jpeg2000-q20 to jpeg2000-q60"):
        CodecId.parse("jpeg2000-q36").at_quality(75)
    with pytest.raises(SynthcompError, match="no quality to choose"):
        CodecId.parse("png").at_quality(75)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("jpeg", "needs a quality"),
        ("jpeg-q", "no whole number"),
        ("jpeg-q7.5", "no whole number"),
        ("jpeg-q007", "no whole number"),
        ("jpeg-q0", "out of range"),
        ("webp-q101", "out of range"),
        ("jpeg2000-q75", "out of range"),
        ("png-q5", "takes none"),
        ("jpeg-q75+444", "has the option '444'"),
    ],
)
def test_an_id_written_wrongly_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SynthcompError, match=sentence) as caught:
        CodecId.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("jpeg", "jpeg"),
        ("jpeg-q999", "jpeg"),
        ("jpeg-q75+444", "jpeg"),
        ("mbt2018-q4-mse-games", "mbt2018-q4-mse-games"),
    ],
)
def test_the_family_is_known_also_where_the_rest_is_wrong(text: str, family: str) -> None:
    assert CodecId.family_of(text) == family
