"""Curves, BD-rates, crossovers and the domain gap against the bjontegaard package, hand-made and published curves."""

import math
from pathlib import Path

import bjontegaard
import numpy as np
import pandas as pd
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.bd import (
    RDCurve,
    bd,
    bd_metric,
    bd_per_image,
    bd_rate,
    bd_table,
    crossover,
    curve_name,
    curves_of,
    domain_gap,
    find_curve,
    lint_curve,
    of_images,
    rd_curves,
)
from synthcomp_core.results.formats import LoadedResults, load_results
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from tests.conftest import PROJECT_ROOT

REFERENCES = PROJECT_ROOT / "artifacts" / "results"
KODAK = REFERENCES / "compressai-kodak"


def curve(rates: list[float], values: list[float], *, metric: str = "psnr_rgb", codec: str = "test") -> RDCurve:
    """A curve of one image through these points."""
    rows = [
        ResultRow(
            "games", "a.png", variant=f"{codec}-q{number}", codec=codec, quality=number, bpp=rate, **{metric: value}
        )
        for number, (rate, value) in enumerate(zip(rates, values, strict=True))
    ]
    return rd_curves(rows_table(rows), metric)[0]


def images_table(
    num_images: int = 6, codecs: tuple[str, ...] = ("jpeg", "webp"), dataset: str = "games"
) -> pd.DataFrame:
    """Five qualities of each codec on images of different difficulty."""
    generator = np.random.default_rng(11)
    difficulty = generator.uniform(0.6, 1.6, num_images)
    rows = [
        ResultRow(
            dataset,
            f"{image}.png",
            variant=f"{codec}-q{quality}",
            codec=codec,
            quality=quality,
            bpp=float(0.1 * 1.6**quality * difficulty[image] * (1 - 0.2 * number) * generator.uniform(0.97, 1.03)),
            psnr_rgb=float(26 + 2.5 * quality - 3 * difficulty[image]),
        )
        for number, codec in enumerate(codecs)
        for quality in range(5)
        for image in range(num_images)
    ]
    return rows_table(rows)


def published(name: str) -> RDCurve:
    return rd_curves(load_results(KODAK / f"{name}.json").table, "psnr_rgb")[0]


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("jpeg-q75", "jpeg"),
        ("mbt2018-q4-mse-games@x2-rcan", "mbt2018-mse-games@x2-rcan"),
        ("none@x2-fsr1_s0.2", "none@x2-fsr1_s0.2"),
        ("cheng2020-attn-q3-msssim", "cheng2020-attn-msssim"),
        ("jpeg-p3", "jpeg"),
        ("webp-q75.5", "webp"),
        ("png", "png"),
        ("my-qfoo", "my-qfoo"),
    ],
)
def test_a_curve_is_named_by_its_variants_without_the_quality(variant: str, name: str) -> None:
    assert curve_name(variant) == name


def test_points_are_means_of_per_image_values() -> None:
    rows = [
        ResultRow(
            "games", "a.png", variant="jpeg-q10", codec="jpeg", quality=10, bpp=1.0, psnr_rgb=30.0, msssim_rgb=0.9
        ),
        ResultRow(
            "games", "b.png", variant="jpeg-q10", codec="jpeg", quality=10, bpp=3.0, psnr_rgb=34.0, msssim_rgb=0.99
        ),
    ]
    (point,) = rd_curves(rows_table(rows), "psnr_rgb")[0].points
    assert (point.rate, point.value, point.num_images) == (2.0, 32.0, 2)
    # The mean of 10 dB and 20 dB, not the dB of the mean.
    (point,) = rd_curves(rows_table(rows), "msssim_rgb", decibels=True)[0].points
    assert point.value == pytest.approx(15.0, abs=1e-9)


def test_identical_images_are_reported_apart_and_not_averaged() -> None:
    rows = [
        ResultRow("games", "a.png", variant="webp-q99", codec="webp", bpp=4.0, psnr_rgb=50.0),
        ResultRow("games", "b.png", variant="webp-q99", codec="webp", bpp=2.0, psnr_rgb=math.inf),
        ResultRow("games", "a.png", variant="webp-q100", codec="webp", bpp=8.0, psnr_rgb=math.inf),
        ResultRow("games", "b.png", variant="webp-q100", codec="webp", bpp=6.0, psnr_rgb=math.inf),
    ]
    (found,) = rd_curves(rows_table(rows), "psnr_rgb")
    (point,) = found.points
    assert (point.variant, point.rate, point.value, point.num_images, point.num_identical) == (
        "webp-q99",
        4.0,
        50.0,
        1,
        1,
    )
    (identical,) = found.identical
    assert (identical.variant, identical.rate, identical.num_identical) == ("webp-q100", 7.0, 2)
    assert any("2 of 2 at webp-q100" in warning for warning in lint_curve(found))


def test_rows_with_an_error_or_without_the_metric_do_not_count() -> None:
    rows = [
        ResultRow("games", "a.png", variant="jpeg-q1", codec="jpeg", bpp=1.0, psnr_rgb=30.0),
        ResultRow("games", "b.png", variant="jpeg-q1", codec="jpeg", bpp=9.0, psnr_rgb=90.0, error="it broke"),
        ResultRow("games", "c.png", variant="jpeg-q1", codec="jpeg", bpp=9.0),
        ResultRow("games", "d.png", variant="jpeg-q1", codec="jpeg", psnr_rgb=90.0),
    ]
    (found,) = rd_curves(rows_table(rows), "psnr_rgb")
    assert (found.points[0].rate, found.points[0].value, found.images) == (1.0, 30.0, ("a.png",))
    assert rd_curves(rows_table(rows), "flip") == []


def test_data_sets_are_kept_apart() -> None:
    table = pd.concat([images_table(3), images_table(4, dataset="kodak")], ignore_index=True)
    found = rd_curves(table, "psnr_rgb")
    assert [(one.dataset, one.name, len(one.images)) for one in found] == [
        *(("games", "jpeg", 3), ("games", "webp", 3)),
        *(("kodak", "jpeg", 4), ("kodak", "webp", 4)),
    ]
    assert {one.dataset for one in rd_curves(table, "psnr_rgb", dataset="kodak")} == {"kodak"}


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
    assert any("only the 4 images" in warning for warning in result.warnings)


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
    with pytest.raises(ResultsError, match=r"no curve 'gif'; at hand: jpeg, webp\."):
        bd_table(rd_curves(table, "psnr_rgb"), "gif")


def test_curves_of_the_same_name_from_two_files_are_told_apart() -> None:
    parts = [LoadedResults(images_table(3), name, "synthcomp") for name in ("one", "two")]
    assert [one.name for one in curves_of(parts, "psnr_rgb")] == [
        "jpeg [one]",
        "webp [one]",
        "jpeg [two]",
        "webp [two]",
    ]
    assert [one.name for one in curves_of(parts[:1], "psnr_rgb")] == ["jpeg", "webp"]


def test_the_crossover_of_two_lines_over_log_rate_is_where_they_meet() -> None:
    rates = [0.1, 0.2, 0.4, 0.8, 1.6]
    steep = curve(rates, [30 + 4 * math.log2(rate / 0.1) for rate in rates], codec="full")
    level = curve(rates, [33 + 2 * math.log2(rate / 0.1) for rate in rates], codec="half")
    found = crossover(level, steep)
    # 33 + 2 t = 30 + 4 t at t = 1.5 doublings.
    assert found.rates == pytest.approx((0.1 * 2**1.5,), rel=1e-6)
    assert (found.better_below, found.better_above) == ("half", "full")
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
    assert result.better_below is None
    assert "0.0462 to 0.208 bpp" in result.sentence
    assert "share no range" in result.sentence


def test_flip_crosses_with_the_smaller_error_as_the_better() -> None:
    first = curve([0.1, 0.2, 0.4, 0.8], [0.2, 0.15, 0.10, 0.05], metric="flip", codec="first")
    second = curve([0.1, 0.2, 0.4, 0.8], [0.16, 0.14, 0.12, 0.1], metric="flip", codec="second")
    found = crossover(first, second)
    assert (found.better_below, found.better_above) == ("second", "first")


def test_the_domain_gap_is_the_bd_rate_between_training_sets_on_each_data_set() -> None:
    factor = {("games", "games"): 1.0, ("photos", "games"): 1.25, ("games", "kodak"): 1.1, ("photos", "kodak"): 1.0}
    rows = [
        ResultRow(
            tested,
            "a.png",
            variant=f"mbt2018-q{quality}-mse-{trained}",
            codec="mbt2018",
            quality=quality,
            distortion="mse",
            trained_on=trained,
            bpp=0.1 * 2**quality * factor[trained, tested],
            psnr_rgb=30.0 + 3 * quality,
        )
        for tested in ("games", "kodak")
        for trained in ("games", "photos")
        for quality in range(4)
    ]
    (gap,) = domain_gap(rd_curves(rows_table(rows), "psnr_rgb"), reference="games")
    assert gap.family == "mbt2018-mse"
    assert (gap.trained_on, gap.tested_on) == (("games", "photos"), ("games", "kodak"))
    assert gap.rate_percent[0] == pytest.approx((0.0, 0.0), abs=1e-9)
    assert gap.rate_percent[1] == pytest.approx((25.0, 100 / 1.1 - 100), abs=1e-9)
    assert gap.sentences[0] == "On games, mbt2018-mse trained on photos needs 25.0 % more bits than trained on games."
    assert "fewer" in gap.sentences[1]
    assert domain_gap(rd_curves(images_table(), "psnr_rgb")) == []


def test_unknown_metrics_and_decibels_of_a_psnr_are_refused() -> None:
    with pytest.raises(ResultsError, match="'vmaf'"):
        rd_curves(images_table(), "vmaf")
    with pytest.raises(ResultsError, match="PSNR RGB is not shown in dB"):
        rd_curves(images_table(), "psnr_rgb", decibels=True)


def test_points_over_different_numbers_of_images_are_warned_of(tmp_path: Path) -> None:
    table = images_table(4)
    table = table[~((table["variant"] == "jpeg-q2") & (table["image"] == "1.png"))]
    assert "the points average 3 to 4 images" in lint_curve(rd_curves(table, "psnr_rgb")[0])
