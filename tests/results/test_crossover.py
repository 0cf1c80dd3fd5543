"""Crossovers of hand-made curves, against where the lines meet."""

import math
import re

import pytest

from synthcomp_core.results.crossover import crossover
from synthcomp_core.results.curves import (
    find_curve,
    rd_curves,
)
from synthcomp_core.results.formats import load_results
from tests.results.samples import REFERENCES, curve


def test_the_crossover_of_two_lines_over_log_rate_is_where_they_meet() -> None:
    rates = [0.1, 0.2, 0.4, 0.8, 1.6]
    steep = curve(rates, [30 + 4 * math.log2(rate / 0.1) for rate in rates], codec="full")
    level = curve(rates, [33 + 2 * math.log2(rate / 0.1) for rate in rates], codec="half")
    found = crossover(level, steep)
    # 33 + 2 t = 30 + 4 t at t = 1.5 doublings.
    assert found.rates == pytest.approx((0.1 * 2**1.5,), rel=1e-6)
    assert found.sentence.startswith("Below 0.283 bpp half is better, above it full")


def test_a_curve_above_another_has_no_crossover() -> None:
    found = crossover(curve([0.1, 0.2, 0.4], [30, 33, 36]), curve([0.1, 0.2, 0.4], [31, 34, 37], codec="better"))
    assert found.rates == ()
    assert found.sentence.startswith("better is better than test at all common rates")


def test_curves_without_a_common_rate_have_no_crossover_and_say_why() -> None:
    table = load_results(REFERENCES / "thesis_compression_sr_results.csv").table
    found = rd_curves(table, "psnr_rgb")
    result = crossover(find_curve(found, "mbt2018-mse@x2-rcan"), find_curve(found, "mbt2018-mse"))
    assert result.rates == ()
    assert (result.low, result.high) == (None, None)
    assert "0.0462 to 0.208 bpp" in result.sentence
    assert "share no range" in result.sentence


def test_flip_crosses_with_the_smaller_error_as_the_better() -> None:
    first = curve([0.1, 0.2, 0.4, 0.8], [0.2, 0.15, 0.10, 0.05], metric="flip", codec="first")
    second = curve([0.1, 0.2, 0.4, 0.8], [0.16, 0.14, 0.12, 0.1], metric="flip", codec="second")
    found = crossover(first, second)
    assert re.match(r"Below \S+ bpp second is better, above it first \(FLIP,", found.sentence)


def test_curves_that_cross_several_times_name_all_rates_and_the_better_at_both_ends() -> None:
    rates = [0.1, 0.2, 0.4, 0.8]
    found = crossover(curve(rates, [30, 34, 36, 41], codec="first"), curve(rates, [31, 33, 37, 40], codec="second"))
    assert [round(rate, 2) for rate in found.rates] == sorted(round(rate, 2) for rate in found.rates)
    assert len(found.rates) == 3 and 0.1 < found.rates[0] < 0.2 < found.rates[1] < 0.4 < found.rates[2] < 0.8
    assert found.sentence.startswith("The curves cross at ") and "second is better below, first above" in found.sentence


def test_equal_curves_are_said_to_be_equal() -> None:
    rates, values = [0.1, 0.2, 0.4, 0.8], [30.0, 33.0, 36.0, 39.0]
    found = crossover(curve(rates, values, codec="first"), curve(rates, values, codec="second"))
    assert found.sentence == "first and second are equal at all common rates (PSNR RGB, common rates 0.1 to 0.8 bpp)."
    assert (found.rates, found.low, found.high) == ((), 0.1, pytest.approx(0.8))
    # Less than is shown of the metric, back and forth, is equal as well; more is not.
    near = [value + sign * 0.004 for value, sign in zip(values, (1, -1, 1, -1), strict=True)]
    assert " are equal " in crossover(curve(rates, near), curve(rates, values, codec="second")).sentence
    ahead = [value + 0.006 for value in values]
    assert "better" in crossover(curve(rates, ahead), curve(rates, values, codec="second")).sentence
