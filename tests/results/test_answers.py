"""What a chart says in sentences, on curves whose answers are known by construction."""

from __future__ import annotations

import dataclasses

import pytest

from synthcomp_core.results.answers import (
    chart_answer,
    competing_rates,
    default_curves,
    leads,
    learned_sentence,
    winner_sentences,
)
from synthcomp_core.results.curves import RDCurve, rd_curves
from synthcomp_core.results.formats import load_results
from tests.results.samples import REFERENCES, curve

RATES = [0.1, 0.2, 0.4, 0.8, 1.6]


def line(codec: str, at_first: float, per_doubling: float, *, metric: str = "psnr_rgb") -> RDCurve:
    """A curve that is a straight line over the logarithm of the rate, from 0.1 to 1.6 bpp."""
    values = [at_first + per_doubling * number for number in range(len(RATES))]
    return curve(RATES, values, metric=metric, codec=codec)


def test_two_lines_that_cross_share_the_rates_at_their_crossing() -> None:
    # 31 + 2 d meets 30 + 3 d after one doubling, at 0.2 bpp.
    first, second = leads([line("flat", 31, 2), line("steep", 30, 3)])
    assert (first.name, second.name) == ("flat", "steep")
    assert first.high == pytest.approx(0.2, rel=0.01)
    assert second.low == pytest.approx(0.2, rel=0.01)
    # Ahead by 1 dB falling to 0, then by 0 rising to 3 dB, evenly over log rate.
    assert first.margin == pytest.approx(0.5, abs=0.02)
    assert second.margin == pytest.approx(1.5, abs=0.02)
    (sentence,) = winner_sentences([line("flat", 31, 2), line("steep", 30, 3)])
    assert sentence.startswith("Best PSNR RGB: flat below 0.2 bpp, on average 0.50 dB ahead of steep; steep above 0.2")


def test_one_winner_everywhere_is_said_in_one_sentence_with_its_runner_up() -> None:
    three = [line("worst", 30, 2), line("best", 34, 2), line("second", 33, 2)]
    assert winner_sentences(three) == [
        "best has the best PSNR RGB at all rates compared, on average 1.00 dB ahead of second."
    ]


def test_of_a_metric_that_falls_with_quality_the_lowest_wins() -> None:
    flips = [line("good", 0.20, -0.04, metric="flip"), line("bad", 0.25, -0.04, metric="flip")]
    (lead,) = leads(flips)
    assert lead.name == "good"
    assert lead.margin == pytest.approx(0.05)


def test_a_lead_within_the_noise_is_no_lead() -> None:
    # Ahead only below 0.102 bpp.
    blip = curve([0.1, 0.102, 0.4, 1.6], [31, 30.05, 33, 36], codec="blip")
    assert [lead.name for lead in leads([blip, line("steady", 30.5, 2)])] == ["steady"]


def test_single_curves_and_curves_without_common_rates_give_no_sentence() -> None:
    assert winner_sentences([line("alone", 30, 2)]) == []
    assert winner_sentences([curve([0.1, 0.2], [30, 31]), curve([0.4, 0.8], [30, 31], codec="other")]) == []
    assert winner_sentences([]) == []


def test_the_axis_ends_where_one_codec_is_alone() -> None:
    wide = curve([0.05, 0.5, 5.0], [28, 33, 40], codec="wide")
    point = curve([6.0], [45], codec="uncoded")
    low, high = competing_rates([wide, line("other", 30, 2), point])
    assert low == pytest.approx(0.05, rel=0.03)
    assert high == pytest.approx(1.6, rel=0.03)
    assert competing_rates([point]) is None
    # A single point at a low rate is in view.
    low, _ = competing_rates([wide, line("other", 30, 2), curve([0.02], [25], codec="half")]) or (0.0, 0.0)
    assert low == pytest.approx(0.02, rel=0.03)


def test_learned_against_classical_is_told_in_bits() -> None:
    jpeg, webp = line("jpeg", 30, 3), curve([rate * 0.8 for rate in RATES], [30, 33, 36, 39, 42], codec="webp")
    learned = curve([rate * 0.6 for rate in RATES], [30, 33, 36, 39, 42], codec="mbt2018")
    learned = dataclasses.replace(learned, distortion="mse")
    sentence = learned_sentence([jpeg, webp, learned])
    # WebP is the best classical codec, and 0.6 / 0.8 of its bits are 25 % fewer.
    assert sentence is not None
    assert "needs 25.0 % fewer bits than webp" in sentence
    assert learned_sentence([jpeg, webp]) is None


def test_the_bundled_table_opens_on_few_curves_that_answer_the_question() -> None:
    every = rd_curves(load_results(REFERENCES / "compact.csv").table, "psnr_rgb")
    games = [curve for curve in every if curve.dataset == "games"]
    shown = default_curves(games)
    names = {curve.name for curve in shown}
    assert len(games) > len(shown)
    assert len(shown) <= 9
    assert {"jpeg", "webp", "avif", "jxl", "mbt2018-mse-games", "mbt2018-mse-photos"} <= names
    assert sum(curve.scale is not None for curve in shown) == 1
    assert default_curves(shown) == shown  # Few curves are all shown.
    answer = " ".join(chart_answer(shown, games))
    assert "PSNR RGB" in answer
    assert "Learned: mbt2018-mse-" in answer
    assert "trained on photos, needs" in answer
    low, high = competing_rates(shown) or (0.0, 0.0)
    assert 0.0 < low < high < 6.0


def test_several_data_sets_are_answered_apart() -> None:
    games = [line("a", 30, 2), line("b", 31, 2)]
    kodak = [dataclasses.replace(one, dataset="kodak") for one in (line("a", 32, 2), line("b", 31, 2))]
    first, second = chart_answer([*games, *kodak], [*games, *kodak])
    assert first.startswith("games: b has the best")
    assert second.startswith("kodak: a has the best")


def test_a_winner_that_is_no_better_is_level() -> None:
    assert winner_sentences([line("first", 30, 2), line("second", 30, 2)]) == [
        "first has the best PSNR RGB at all rates compared, level with second."
    ]


def test_a_curve_whose_points_are_equal_is_compared_over_no_range() -> None:
    classical = line("jpeg", 30, 2)
    flat = dataclasses.replace(curve([0.4, 0.5], [32.0, 32.0], codec="mbt2018"), distortion="mse")
    assert learned_sentence([classical, flat]) is None
    chart_answer([classical, flat], [classical, flat])
