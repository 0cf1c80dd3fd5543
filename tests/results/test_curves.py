"""Curves: means of per-image values, names, and what is said about doubtful curves."""

import math
from pathlib import Path

import pandas as pd
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.curves import (
    curve_name,
    curves_of,
    lint_curve,
    rd_curves,
)
from synthcomp_core.results.formats import LoadedResults
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from tests.results.samples import images_table


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


def test_curves_of_the_same_name_from_two_files_are_told_apart() -> None:
    parts = [LoadedResults(images_table(3), name, "synthcomp") for name in ("one", "two")]
    assert [one.name for one in curves_of(parts, "psnr_rgb")] == [
        "jpeg [one]",
        "webp [one]",
        "jpeg [two]",
        "webp [two]",
    ]
    assert [one.name for one in curves_of(parts[:1], "psnr_rgb")] == ["jpeg", "webp"]


def test_unknown_metrics_and_decibels_of_a_psnr_are_refused() -> None:
    with pytest.raises(ResultsError, match="'vmaf'"):
        rd_curves(images_table(), "vmaf")
    with pytest.raises(ResultsError, match="PSNR RGB is not shown in dB"):
        rd_curves(images_table(), "psnr_rgb", decibels=True)


def test_points_over_different_numbers_of_images_are_warned_of(tmp_path: Path) -> None:
    table = images_table(4)
    table = table[~((table["variant"] == "jpeg-q2") & (table["image"] == "1.png"))]
    assert "the points average 3 to 4 images" in lint_curve(rd_curves(table, "psnr_rgb")[0])
