"""Votes: counted per pair whichever side was which, with an interval held to scipy's."""

from __future__ import annotations

import csv
import io

import pytest
from scipy.stats import binomtest

from synthcomp_core.results.votes import PairTally, Vote, tally, tally_columns, votes_csv, wilson_interval


def vote(left: str, right: str, preferred: str) -> Vote:
    return Vote("2026-01-01T00:00:00+00:00", "samples", "castle.png", left, right, preferred)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (3, 7), (8, 10), (50, 100), (100, 100)])
def test_the_interval_is_wilson_s(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_what_is_no_share_has_no_interval(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(successes, trials)


def test_a_pair_is_counted_whichever_side_its_variants_were_on() -> None:
    votes = [vote("a", "b", "a"), vote("b", "a", "a"), vote("b", "a", "b"), vote("a", "b", ""), vote("a", "c", "c")]
    assert tally(votes) == [PairTally("a", "b", 2, 1, 1), PairTally("a", "c", 0, 1, 0)]
    assert tally(votes)[0].share == pytest.approx(2 / 3)


def test_a_pair_without_a_preference_has_no_share() -> None:
    (pair,) = tally([vote("a", "b", "")])
    assert (pair.share, pair.interval) == (None, None)
    assert [column.text(pair) for column in tally_columns()] == ["a", "b", "0", "0", "1", "–", "–", "–"]


def test_every_vote_is_a_line_of_the_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(votes_csv([vote("a", "b", "a"), vote("b", "a", "")]))))
    assert [(row["left"], row["right"], row["preferred"]) for row in rows] == [("a", "b", "a"), ("b", "a", "")]
