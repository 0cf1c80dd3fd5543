"""BD-rates and their intervals against the bjontegaard package, hand-made and published curves."""

import bjontegaard
import numpy as np
import pandas as pd
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.bd import bd, bd_metric, bd_per_image, bd_rate, bd_table
from synthcomp_core.results.curves import (
    find_curve,
    lint_curve,
    of_images,
    rd_curves,
)
from synthcomp_core.results.formats import load_results
from tests.results.samples import REFERENCES, curve, images_table, published


@pytest.mark.parametrize("method", ["akima", "pchip", "cubic"])
@pytest.mark.parametrize("seed", range(8))
def test_bd_rate_equals_bjontegaard_on_random_curves(method: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    points = []
    for _ in range(2):
        count = int(generator.integers(4, 9))
        rates = np.sort(generator.uniform(0.1, 3.0, count))
        points.append((rates, np.sort(generator.uniform(25, 42, count))))
    (rates_a, values_a), (rates_b, values_b) = points
    anchor, test = curve(list(rates_a), list(values_a)), curve(list(rates_b), list(values_b))
    options = {"method": method, "require_matching_points": False, "min_overlap": 0}
    expected = bjontegaard.bd_rate(rates_a, values_a, rates_b, values_b, **options)
    assert bd_rate(anchor, test, method=method) == pytest.approx(expected, abs=1e-6, rel=1e-9)
    expected = bjontegaard.bd_psnr(rates_a, values_a, rates_b, values_b, **options)
    assert bd_metric(anchor, test, method=method) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("anchor", "percent"),
    [("jpeg", -61.0), ("webp", -38.4), ("bpg_444_x265_ycbcr", -11.2), ("vtm", 11.0)],
)
def test_bd_rate_of_published_mbt2018_is_what_is_known(anchor: str, percent: float) -> None:
    base, test = published(anchor), published("compressai-mbt2018_mse_cuda")
    result = bd(base, test)
    assert result.rate_percent == pytest.approx(percent, abs=0.05)
    assert result.rate_percent == pytest.approx(
        bjontegaard.bd_rate(
            *(base.mean_rates, base.mean_values, test.mean_rates, test.mean_values),
            method="akima",
            require_matching_points=False,
            min_overlap=0,
        ),
        abs=1e-6,
    )
    assert result.num_images == 0


def test_half_the_rate_at_every_quality_is_minus_50_percent() -> None:
    anchor = curve([0.2, 0.4, 0.8, 1.6], [30, 33, 36, 39])
    half = curve([0.1, 0.2, 0.4, 0.8], [30, 33, 36, 39], codec="half")
    result = bd(anchor, half)
    assert result.rate_percent == pytest.approx(-50, abs=1e-9)
    assert result.metric_delta == pytest.approx(3, abs=1e-9)
    assert result.overlap == 1.0
    assert (result.overlap_low, result.overlap_high) == (30, 39)
    assert result.warnings == ()


def test_a_metric_that_falls_with_quality_is_compared_the_right_way_round() -> None:
    anchor = curve([0.2, 0.4, 0.8, 1.6], [0.20, 0.15, 0.10, 0.05], metric="flip")
    half = curve([0.1, 0.2, 0.4, 0.8], [0.20, 0.15, 0.10, 0.05], metric="flip", codec="half")
    result = bd(anchor, half)
    assert result.rate_percent == pytest.approx(-50, abs=1e-9)
    assert result.metric_delta == pytest.approx(-0.05, abs=1e-9)
    assert (result.overlap_low, result.overlap_high) == (0.05, 0.20)
    assert lint_curve(anchor) == ()


def test_curves_of_different_metrics_are_not_compared() -> None:
    flip = curve([0.2, 0.4], [0.2, 0.1], metric="flip")
    with pytest.raises(ResultsError, match="flip"):
        bd(curve([0.2, 0.4], [30, 33]), flip)
    with pytest.raises(ResultsError, match=r"'spline'.*akima"):
        bd_rate(curve([0.2, 0.4], [30, 33]), curve([0.2, 0.4], [30, 33]), method="spline")


def test_no_overlap_gives_no_number_but_says_so() -> None:
    result = bd(curve([0.2, 0.4, 0.8, 1.6], [30, 31, 32, 33]), curve([0.2, 0.4, 0.8, 1.6], [40, 41, 42, 43]))
    assert result.rate_percent is None
    assert result.overlap == 0.0
    assert any("no overlap" in warning for warning in result.warnings)


def test_little_overlap_and_few_points_are_warned_of() -> None:
    result = bd(curve([0.2, 0.4, 0.8], [30, 32, 34]), curve([0.2, 0.4, 0.8], [33, 35, 38]))
    assert result.overlap == pytest.approx(1 / 8)
    assert any("little overlap, 12%" in warning for warning in result.warnings)
    assert "anchor test only 3 points, fewer than 4" in result.warnings
    assert "only 3 points, fewer than 4" in result.warnings
    assert bd(curve([0.2, 0.4], [30, 34]), curve([0.2, 0.4], [31, 33]), method="cubic").rate_percent is None


def test_the_thesis_jpeg_curve_is_found_not_to_be_monotone() -> None:
    table = load_results(REFERENCES / "thesis_compression_sr_results.csv").table
    found = rd_curves(table, "psnr_rgb")
    assert sum(len(one.points) for one in found) == 25
    (warning,) = [warning for warning in lint_curve(find_curve(found, "jpeg")) if "monotone" in warning]
    assert warning == "not monotone: jpeg-q75 (0.843 bpp, 43.64 dB) lies above jpeg-q82 (0.987 bpp, 43.09 dB)"
    others = [one for one in found if one.name != "jpeg"]
    assert not any("monotone" in warning for one in others for warning in lint_curve(one))
    assert any("estimates" in warning for warning in lint_curve(others[0]))
    # By rising quality it can be compared all the same.
    assert bd_rate(find_curve(found, "jpeg"), find_curve(found, "mbt2018-mse")) == pytest.approx(-10.44, abs=0.01)


def test_points_of_equal_quality_count_once_by_the_cheaper() -> None:
    anchor = curve([0.2, 0.4, 0.8, 1.6], [30, 33, 36, 39])
    with_tie = curve([0.1, 0.2, 0.3, 0.4, 0.8], [30, 33, 33, 36, 39], codec="tie")
    assert bd_rate(anchor, with_tie) == pytest.approx(-50, abs=1e-9)


def test_uneven_images_are_paired_before_averaging() -> None:
    table = images_table(6)
    thinned = table[~((table["codec"] == "webp") & table["image"].isin(["0.png", "1.png"]))]
    anchor, test = rd_curves(thinned, "psnr_rgb")
    result = bd(anchor, test)
    kept = [f"{number}.png" for number in range(2, 6)]
    anchor_all, test_all = rd_curves(table, "psnr_rgb")
    expected = bd_rate(of_images(anchor_all, kept), of_images(test_all, kept))
    assert result.rate_percent == pytest.approx(expected, abs=1e-9)
    assert result.num_images == 4
    assert any("over the 4 images" in warning for warning in result.warnings)


def test_the_bootstrap_interval_holds_the_bd_rate_and_is_repeatable() -> None:
    anchor, test = rd_curves(images_table(12), "psnr_rgb")
    result = bd(anchor, test, bootstrap=200, seed=4)
    assert result.rate_low is not None
    assert result.rate_high is not None
    assert result.rate_percent is not None
    assert result.rate_low < result.rate_percent < result.rate_high
    assert result.rate_high - result.rate_low < 5
    assert result == bd(anchor, test, bootstrap=200, seed=4)
    assert result.rate_percent == pytest.approx(-20, abs=2)


def test_the_bootstrap_resamples_images_as_a_direct_computation_does() -> None:
    anchor, test = rd_curves(images_table(5), "psnr_rgb")
    counts = np.random.default_rng(9).multinomial(5, np.full(5, 0.2), 30)
    expected = []
    for draw in counts:
        chosen = np.repeat(np.arange(5), draw)
        means = [(one.rates[:, chosen].mean(axis=1), one.values[:, chosen].mean(axis=1)) for one in (anchor, test)]
        expected.append(bjontegaard.bd_rate(*means[0], *means[1], method="akima", min_overlap=0))
    result = bd(anchor, test, bootstrap=30, seed=9)
    np.testing.assert_allclose([result.rate_low, result.rate_high], np.quantile(expected, [0.025, 0.975]), atol=1e-9)


def test_the_interval_of_a_curve_with_missing_rows_is_over_the_images_of_its_points() -> None:
    # The hardest image lacks the best quality of webp, as while a run goes on: it counts where it was measured.
    table = images_table(8)
    last = table["image"].eq("0.png") & table["variant"].eq("webp-q4")
    anchor, test = rd_curves(table[~last], "psnr_rgb")
    result = bd(anchor, test, bootstrap=300)
    assert result.rate_percent is not None and result.rate_low is not None and result.rate_high is not None
    assert result.rate_low < result.rate_percent < result.rate_high
    counts = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), 300)
    expected = []
    for draw in counts:
        chosen = np.repeat(np.arange(8), draw)
        means = [
            (np.nanmean(one.rates[:, chosen], axis=1), np.nanmean(one.values[:, chosen], axis=1))
            for one in (anchor, test)
        ]
        expected.append(bjontegaard.bd_rate(*means[0], *means[1], method="akima", min_overlap=0))
    np.testing.assert_allclose([result.rate_low, result.rate_high], np.quantile(expected, [0.025, 0.975]), atol=1e-9)


def test_published_means_have_no_interval() -> None:
    result = bd(published("jpeg"), published("vtm"), bootstrap=50)
    assert (result.rate_low, result.rate_high) == (None, None)
    assert bd_per_image(published("jpeg"), published("vtm")) == {}


def test_bd_rate_of_single_images_equals_that_of_a_table_with_only_that_image() -> None:
    table = images_table(4)
    anchor, test = rd_curves(table, "psnr_rgb")
    by_image = bd_per_image(anchor, test)
    assert set(by_image) == {f"{number}.png" for number in range(4)}
    alone = rd_curves(table[table["image"] == "2.png"], "psnr_rgb")
    assert by_image["2.png"] == pytest.approx(bd_rate(*alone), abs=1e-9)


def test_a_table_of_bd_rates_uses_the_anchor_of_each_data_set() -> None:
    table = pd.concat([images_table(3), images_table(3, dataset="kodak")], ignore_index=True)
    results = bd_table(rd_curves(table, "psnr_rgb"), "jpeg")
    assert [(result.dataset, result.name, result.anchor) for result in results] == [
        *(("games", "webp", "jpeg"), ("kodak", "webp", "jpeg")),
    ]
    assert all(result.warnings == () for result in results)
    assert bd_table(rd_curves(table, "psnr_rgb"), "jpeg-q3") == results
    with pytest.raises(ResultsError, match=r"no curve 'gif'; available: jpeg, webp\."):
        bd_table(rd_curves(table, "psnr_rgb"), "gif")


def test_one_point_within_the_anchor_s_range_gets_its_rate_difference() -> None:
    """The case of FAU-LMS/bjontegaard#5: at 36 dB the anchor takes 0.1 2^1.2 bpp."""
    anchor = curve([0.1, 0.2, 0.4, 0.8], [30, 35, 40, 45])
    expected = 100 * (0.18 / (0.1 * 2**1.2) - 1)
    for method in ("akima", "pchip", "cubic"):
        result = bd(anchor, curve([0.18], [36.0]), method=method)
        assert result.rate_percent == pytest.approx(expected, abs=1e-6) == pytest.approx(-21.65, abs=0.005)
        assert any("single point's rate difference" in warning for warning in result.warnings)
        assert (result.overlap_low, result.overlap_high) == (36.0, 36.0)
    turned = bd(curve([0.18], [36.0]), anchor)
    assert turned.rate_percent == pytest.approx(100 * (1 / (1 + expected / 100) - 1))
    outside = bd(anchor, curve([0.05], [29.0]))
    assert outside.rate_percent is None and any("no overlap" in warning for warning in outside.warnings)


def test_a_cubic_that_overshoots_is_named_with_the_other_interpolations_values() -> None:
    anchor, test = curve([0.1, 0.2, 0.4, 0.8], [30, 35, 40, 45]), curve([0.05, 0.9, 1.0, 5.0], [30, 30.5, 44, 45])
    result = bd(anchor, test, method="cubic")
    assert result.rate_percent is not None and result.rate_percent > 10_000
    (warning,) = [warning for warning in result.warnings if "interpolations disagree" in warning]
    others = {name: bd_rate(anchor, test, method=name) for name in ("akima", "pchip")}
    assert all(f"{name} {value:+,.1f} %" in warning for name, value in others.items())
    assert "the cubic overshoots" in warning
    assert any("hardly an average" in warning for warning in result.warnings)


def test_a_saturated_curve_is_named_with_the_rates_that_gain_nothing() -> None:
    anchor = curve([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], [30, 33, 36, 37.9, 38, 38.02])
    test = curve([0.1, 0.2, 0.4, 0.8, 1.6], [31, 34, 37, 40, 43], codec="steady")
    warnings = bd(anchor, test).warnings
    assert "anchor test is saturated: from 0.8 to 3.2 bpp it gains only 1.50% of its range" in warnings
    assert not any("steady is saturated" in warning for warning in warnings)


def test_sound_published_curves_raise_no_doubt() -> None:
    for anchor in ("jpeg", "webp", "bpg_444_x265_ycbcr", "vtm"):
        assert bd(published(anchor), published("compressai-mbt2018_mse_cuda")).warnings == ()
