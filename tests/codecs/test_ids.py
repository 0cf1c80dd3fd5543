"""Codec ids: taken apart and put together, and refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from synthcomp_core.codecs import FAMILIES, CodecId, default_codec_id, parse_codec
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError


@pytest.mark.parametrize("name", FAMILIES)
def test_parse_and_str_are_inverse_for_every_quality(name: str) -> None:
    for quality in FAMILIES[name].quality_levels or (None,):
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
        ("png+444", "has the option '444', but png takes none: write png"),
        ("jpeg-q75+lossless", r"jpeg takes \+420 \(default\), \+422 or \+444"),
        ("avif-q60+s11", r"avif takes \+s0 to \+s10 \(default s6\)"),
        ("avif-q60+", "has the option ''"),
        ("jpeg-q75+444+420", "sets chroma twice, to 444 and 420"),
        ("webp-q80+lossless", r"takes no quality: write webp\+lossless"),
        ("jxl-q90+lossless+e3", r"takes no quality: write jxl\+lossless\+e3"),
        ("jxl-q82.55", "finer than its encoder's steps: write jxl-q1 to jxl-q100 in steps of 0.1"),
        ("jxl-q100.5", "out of range"),
        ("jxl-q0.9", "out of range"),
        ("webp-psnr", "after psnr comes a number"),
        ("webp-psnr035", "after psnr comes a number"),
        ("webp-bytes1.5", "must be a whole number of at least 1"),
        ("webp-ssimulacra2_100", "above 0 and below 100"),
        ("mbt2018-q4-mse-games+e4", r"a snapshot takes \+e1 to \+e3"),
        ("png-psnr35", "png is lossless: write png"),
        ("webp-psnr35+lossless", r"takes no quality: write webp\+lossless"),
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
        ("webp+lossless", "webp"),
        ("avif-ssimulacra2_999", "avif"),
        ("jpeg-ai-q3", "jpeg-ai-q3"),
        ("mbt2018-q4-mse-games", "mbt2018-q4-mse-games"),
    ],
)
def test_the_family_is_known_also_where_the_rest_is_wrong(text: str, family: str) -> None:
    assert CodecId.family_of(text) == family


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("jpeg-q75+420", "jpeg-q75"),
        ("jpeg-q75+444", "jpeg-q75+444"),
        ("avif-q60+444+s4", "avif-q60+s4+444"),
        ("avif-q60+s6+420", "avif-q60"),
        ("webp+m2+lossless", "webp+lossless+m2"),
        ("webp+lossless+m6", "webp+lossless"),
        ("jxl+lossless", "jxl-q100"),
        ("jxl+e9+lossless", "jxl-q100+e9"),
        ("jxl-q82.50", "jxl-q82.5"),
        ("jxl-q82.0", "jxl-q82"),
        ("jpeg2000-q34.1", "jpeg2000-q34.1"),
        ("jpeg2000+lossless", "jpeg2000+lossless"),
        ("webp-psnr35.50+m0", "webp-psnr35.5+m0"),
        ("avif-ssimulacra2_70+444", "avif-ssimulacra2_70+444"),
        ("jpeg-bytes1234567", "jpeg-bytes1234567"),
        ("mbt2018-bpp0.25-mse-games", "mbt2018-bpp0.25-mse-games"),
        ("mbt2018-mean-q3-msssim-photos", "mbt2018-mean-q3-msssim-photos"),
        ("jpeg-ai-q3", "jpeg-ai-q3"),
        ("mbt2018-q4-mse-games+e2", "mbt2018-q4-mse-games+e2"),
        ("mbt2018-psnr35-mse-games+e1", "mbt2018-psnr35-mse-games+e1"),
    ],
)
def test_every_id_has_one_canonical_form(text: str, canonical: str) -> None:
    parsed = CodecId.parse(text)
    assert str(parsed) == canonical
    assert CodecId.parse(canonical) == parsed


def combinations(name: str) -> list[CodecId]:
    """Every combination of a family's options, at its default quality."""
    found = [default_codec_id(name)]
    for option in FAMILIES[name].options:
        found = [each.with_choice(option.name, choice) for each in found for choice in option.choices]
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_every_combination_of_options_comes_back_from_its_id(name: str) -> None:
    found = combinations(name)
    for codec_id in found:
        assert CodecId.parse(str(codec_id)) == codec_id
        assert all(CodecId.parse(str(codec_id)).choice(o.name) in o.choices for o in FAMILIES[name].options)
    lossy = [len(option.choices) for option in FAMILIES[name].options if option.name != "lossless"]
    sizes = np.prod(lossy, dtype=int) * (1 + (FAMILIES[name].option("lossless") is not None))
    assert len({str(codec_id) for codec_id in found}) == sizes


@pytest.mark.parametrize("name", FAMILIES)
def test_options_say_enough_to_draw_their_controls(name: str) -> None:
    for option in FAMILIES[name].options:
        assert len(option.choices) == len(option.labels) == len(set(option.choices))
        assert option.default in option.choices and option.label
        assert option.is_switch == (option.choices[0] == "")
        assert option.numbers is None or len(option.numbers) == len(option.choices)


def test_turning_lossless_on_and_off_leaves_the_other_options_in_place() -> None:
    lossy = CodecId.parse("webp-q30+m2")
    lossless = lossy.with_choice("lossless", "lossless")
    assert (str(lossless), lossless.is_lossless, lossless.searchable) == ("webp+lossless+m2", True, False)
    assert str(lossless.with_choice("effort", "m0")) == "webp+lossless+m0"
    assert str(lossless.with_choice("lossless", "")) == "webp-q75+m2"
    exact = CodecId.parse("jxl-q80+e3").with_choice("lossless", "lossless")
    assert (str(exact), exact.choice("lossless"), exact.searchable) == ("jxl-q100+e3", "lossless", True)
    assert str(exact.with_choice("lossless", "")) == "jxl-q75+e3"
    assert str(CodecId.parse("webp-psnr35").with_choice("effort", "m1")) == "webp-psnr35+m1"


def test_an_option_that_a_codec_does_not_have_is_refused() -> None:
    with pytest.raises(SynthcompError, match="no option 'chroma'; its options: lossless, effort"):
        CodecId.parse("webp-q75").with_choice("chroma", "444")
    with pytest.raises(SynthcompError, match=r"its chroma is \+420 \(default\), \+422 or \+444"):
        CodecId.parse("avif-q60").with_choice("chroma", "400")


def test_a_snapshot_s_effort_is_an_option_like_any_other() -> None:
    parsed = CodecId.parse("mbt2018-q4-mse-games").with_choice("effort", "e3")
    assert (str(parsed), parsed.family, parsed.choice("effort")) == (
        "mbt2018-q4-mse-games+e3",
        "mbt2018-q4-mse-games",
        "e3",
    )
    assert str(parsed.with_choice("effort", "")) == "mbt2018-q4-mse-games"


def test_a_target_takes_the_place_of_the_quality() -> None:
    target = Target.parse("ssimulacra2_70")
    assert str(CodecId.parse("avif-q60+444").at_target(target)) == "avif-ssimulacra2_70+444"
    learned = CodecId.parse("mbt2018-q4-mse-games").at_target(Target.parse("bytes90000"))
    assert (str(learned), learned.family) == ("mbt2018-bytes90000-mse-games", "mbt2018-q*-mse-games")
    assert CodecId.parse(str(learned)) == learned
    assert str(CodecId.parse("avif-psnr40").at_quality(12)) == "avif-q12"
    with pytest.raises(SynthcompError, match="lossless and has no quality"):
        CodecId.parse("webp+lossless").at_target(target)
    with pytest.raises(SynthcompError, match="does not name a quality"):
        CodecId.parse("my-model").at_target(target)
    with pytest.raises(SynthcompError, match="only an image can settle"):
        parse_codec("webp-psnr35")


def test_limits_are_kept_and_other_targets_reached() -> None:
    assert Target.parse("bytes100").is_met_by(100) and not Target.parse("bytes100").is_met_by(101)
    assert Target.parse("flip0.05").is_met_by(0.04) and not Target.parse("flip0.05").is_met_by(0.06)
    assert Target.parse("psnr35").is_met_by(float("inf")) and not Target.parse("psnr35").is_met_by(34.99)
