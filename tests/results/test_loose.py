"""Rate-distortion points under other projects' names: what they are taken for, and that it is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import ResultsError
from synthcomp_core.results.curves import rd_curves
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.formats.loaded import LoadedResults
from synthcomp_core.results.rows import COLUMNS
from synthcomp_core.results.table import table_rows
from tests.results.samples import csv_lines


def load(document: object) -> LoadedResults:
    return load_results(json.dumps(document).encode(), name="curve.json")


BPP, PSNR = [0.1, 0.2, 0.4], [30.0, 33.0, 36.0]


@pytest.mark.parametrize(
    "document",
    [
        {"psnr": PSNR, "bpp": BPP},
        {"PSNR (dB)": PSNR, "Bpp": BPP, "name": "ours"},
        {"kodak": {"mse": {"psnr-rgb": PSNR, "rate": BPP}}},
        [{"bpp": bpp, "PSNR": psnr} for bpp, psnr in zip(BPP, PSNR, strict=True)],
        {"results": {"BPP": BPP, "PSNR": PSNR}},
        {f"q{number}": {"bpp": bpp, "psnr": psnr} for number, (bpp, psnr) in enumerate(zip(BPP, PSNR, strict=True))},
        {"points": [{"bit_rate": bpp, "psnr_rgb": psnr} for bpp, psnr in zip(BPP, PSNR, strict=True)]},
    ],
)
def test_lists_and_entries_are_read_under_any_of_their_usual_names(document: object) -> None:
    loaded = load_results(json.dumps(document).encode(), name="ours.json")
    (curve,) = rd_curves(loaded.table, "psnr_rgb")
    assert (curve.mean_rates.tolist(), curve.mean_values.tolist()) == (BPP, PSNR)
    assert any(note.startswith("Read as 1 curve, 3 points: ") and "psnr_rgb" in note for note in loaded.notes)


def test_one_point_is_counted_as_one() -> None:
    assert load({"psnr": PSNR[:1], "bpp": BPP[:1]}).notes[0].startswith("Read as 1 curve, 1 point: ")


def test_several_places_in_a_document_are_several_curves_called_by_their_place() -> None:
    document = {"mse": {"psnr": PSNR, "bpp": BPP}, "ms-ssim": {"psnr": PSNR, "bpp": BPP}}
    curves = rd_curves(load_results(json.dumps(document).encode(), name="stf.json").table, "psnr_rgb")
    assert [curve.name for curve in curves] == ["stf-mse", "stf-ms-ssim"]


def test_ms_ssim_above_1_is_decibels_and_said_so() -> None:
    decibels = [10.0, 13.0, 16.0]
    loaded = load_results(json.dumps({"bpp": BPP, "MS-SSIM": decibels}).encode(), name="a.json")
    np.testing.assert_allclose(-10 * np.log10(1 - loaded.table["msssim_rgb"].to_numpy()), decibels)
    assert any("read as decibels" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("lines", "metric", "named_by"),
    [
        (("# bpp, MS-SSIM", "0.1, 0.9", "0.2, 0.95", "0.4, 0.97"), "msssim_rgb", "a comment"),
        (("0.1 0.9", "0.2 0.95", "0.4 0.97"), "msssim_rgb", "their values alone"),
        (("0.1\t30", "0.2\t33", "0.4\t36"), "psnr_rgb", "their values alone"),
        (("bpp;PSNR-Y", "0.1;30", "0.2;33", "0.4;36"), "psnr_y", "its first line"),
        (("bpp;PSNR", "0,1;30,5", "0,2;33", "0,4;36"), "psnr_rgb", "its first line"),
        (("bpp PSNR", "0.1 30", "0.2 33", "0.4 36"), "psnr_rgb", "its first line"),
    ],
)
def test_two_columns_are_read_and_it_is_said_what_named_them(
    lines: tuple[str, ...], metric: str, named_by: str
) -> None:
    loaded = load_results(csv_lines(*lines), name="columns.txt")
    (curve,) = rd_curves(loaded.table, metric)
    assert curve.mean_rates.tolist() == BPP
    assert loaded.notes[0] == f"The columns were named by {named_by}."


def test_images_codecs_qualities_and_sizes_beside_the_metric_are_kept() -> None:
    lines = [
        "image,codec,quality,bytes,width,height,psnr",
        *(f"{i}.png,vvc,{q},1000,100,80,3{q}" for i in "ab" for q in "12"),
    ]
    loaded = load_results(csv_lines(*lines), name="t.csv", dataset="games")
    assert sorted(set(loaded.table["variant"])) == ["vvc-q1", "vvc-q2"]
    assert set(loaded.table["bpp"]) == {1.0} and set(loaded.table["dataset"]) == {"games"}
    assert set(loaded.table["image"]) == {"a.png", "b.png"}


def test_what_is_not_understood_is_named_and_what_is_missing_too() -> None:
    loaded = load_results(csv_lines("bpp,psnr,gpu", "0.1,30,3090"), name="t.csv")
    assert "Not understood, and left out: gpu." in loaded.notes
    with pytest.raises(ResultsError, match=r"at least a rate \(bpp.*results template"):
        load_results(csv_lines("alpha,beta", "0.1,30"), name="t.csv")
    with pytest.raises(ResultsError, match=r"t.csv, point 2: 3 cells where 2 columns"):
        load_results(csv_lines("bpp,psnr", "0.1,30", "0.2,31,4"), name="t.csv")
    with pytest.raises(ResultsError, match=r"the lists have 2, 3 entries, not equal"):
        load_results(json.dumps({"bpp": BPP, "psnr": PSNR[:2]}).encode(), name="t.json")


def test_a_table_of_ours_with_a_column_missing_is_still_told_which() -> None:
    header = ",".join(column for column in COLUMNS if column != "psnr_y")
    with pytest.raises(ResultsError, match="column psnr_y is missing"):
        load_results(csv_lines(header), name="ours.csv")


def test_the_template_is_read_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "template.csv"
    written = CliRunner().invoke(app, ["results", "template", str(path)])
    assert written.exit_code == 0 and "bpp" in written.output
    (curve,) = rd_curves(load_results(path).table, "msssim_rgb")
    assert (curve.name, curve.dataset, curve.images) == ("my-codec", "kodak", ("kodim01.png", "kodim02.png"))
    assert curve.mean_rates.tolist() == pytest.approx([0.215, 0.43])


@pytest.mark.parametrize("name", ["04_bpp_psnr.csv", "04_flat_rd.json", "04_two_columns.txt"])
def test_the_field_s_files_are_one_curve_each(name: str, shared: Path) -> None:
    loaded = load_results(shared / "field" / name)
    metric = "msssim_rgb" if "two_columns" in name else "psnr_rgb"
    (curve,) = rd_curves(loaded.table, metric)
    assert len(curve.points) >= 4 and loaded.notes


def test_a_document_in_compressai_s_shape_with_other_names_loses_no_metric() -> None:
    document = {"name": "TinyLIC", "results": {"bpp": [0.1, 0.2], "PSNR (dB)": [28.0, 30.0], "MS-SSIM (dB)": [10, 13]}}
    table = load(document).table
    assert table["codec"].unique().tolist() == ["curve-tinylic"]
    assert table["psnr_rgb"].tolist() == [28.0, 30.0]
    assert table["msssim_rgb"].tolist() == pytest.approx([0.9, 1 - 10**-1.3])
    own = {"name": "mine", "results": {"bpp": [0.1, 0.2], "psnr": [28, 30], "vmaf": [60, 70]}}
    assert "Not understood, and left out: vmaf." in load(own).notes


POINT, OTHER = {"bpp": 0.3, "psnr": 30.0}, {"bpp": 0.5, "psnr": 33.0}


@pytest.mark.parametrize(
    "document",
    [
        {"q1": {"a.png": POINT, "b.png": POINT}, "q2": {"a.png": OTHER, "b.png": OTHER}},
        {"a.png": {"1": POINT, "2": OTHER}, "b.png": {"1": POINT, "2": OTHER}},
        {"mine": {"quality_1": {"a.png": POINT, "b.png": POINT}, "quality_2": {"a.png": OTHER, "b.png": OTHER}}},
    ],
)
def test_images_and_qualities_that_are_keys_are_images_and_qualities(document: object) -> None:
    table = load(document).table
    assert table["codec"].nunique() == 1
    found = {(row.image, row.quality): (row.bpp, row.psnr_rgb) for row in table_rows(table)}
    expected = {(image, quality): point for image in ("a.png", "b.png") for quality, point in ((1, POINT), (2, OTHER))}
    assert found == {key: (point["bpp"], point["psnr"]) for key, point in expected.items()}
