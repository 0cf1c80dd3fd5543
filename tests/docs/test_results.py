"""The figures in docs/results.md and README.md are those of the bundled tables."""

from __future__ import annotations

import csv
import re
from functools import cache

import pytest

from synthcomp_core.results.bd import bd_table
from synthcomp_core.results.curves import rd_curves
from synthcomp_core.results.table import read_results
from tests.conftest import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "artifacts" / "results"
PAGE = (PROJECT_ROOT / "docs" / "results.md").read_text(encoding="utf-8")
COLUMNS = (("games", "psnr_rgb"), ("games", "msssim_rgb"), ("kodak", "psnr_rgb"), ("kodak", "msssim_rgb"))
CURVES = {"WebP": "webp", "AVIF": "avif", "JPEG XL": "jxl"}


def table_below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head and without backquotes."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def bd_rates(dataset: str, metric: str) -> dict[str, tuple[float | None, float]]:
    """BD-rate against JPEG in % and overlap of every curve; MS-SSIM in dB."""
    curves = rd_curves(read_results(RESULTS / "compact.csv"), metric=metric, decibels=metric == "msssim_rgb")
    compared = bd_table([curve for curve in curves if curve.dataset == dataset], "jpeg")
    return {result.name: (result.rate_percent, result.overlap) for result in compared}


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=lambda column: "-".join(COLUMNS[column]))
def test_the_bd_rates_are_those_of_the_bundled_rows(column: int) -> None:
    rows = table_below("What the bundled snapshots reach")
    assert len(rows) == 7
    for name, *cells in rows:
        rate, overlap = bd_rates(*COLUMNS[column])[CURVES.get(name, name)]
        assert cells[column] == f"{rate:+.1f} ({overlap * 100:.0f} %)", name


def test_the_speeds_are_those_of_the_bundled_benchmark() -> None:
    with (RESULTS / "bench_codec.csv").open(newline="", encoding="utf-8") as file:
        measured = {
            (row["snapshot"] or f"official, quality {row['quality']}", f"{row['width']}x{row['height']}"): row
            for row in csv.DictReader(file)
        }
    rows = table_below("Speed of the learned codec")
    assert {(model, size) for model, size, *_ in rows} == set(measured)
    for model, size, encode, decode, encode_ratio, decode_ratio in rows:
        row = measured[model, size]
        assert float(encode.removesuffix(" s")) == pytest.approx(float(row["encode_s"]), rel=0.02)
        assert float(decode.removesuffix(" s")) == pytest.approx(float(row["decode_s"]), rel=0.02)
        assert encode_ratio == f"{float(row['encode_speedup']):.1f}"
        assert decode_ratio == f"{float(row['decode_speedup']):.1f}"


def test_the_readme_rounds_the_same_figures() -> None:
    text = " ".join((PROJECT_ROOT / "README.md").read_text(encoding="utf-8").split())
    found = re.search(
        r"they need (\d+) and (\d+) % fewer bits than JPEG at the same PSNR, WebP (\d+) %.* need (\d+) % fewer bits "
        r"than JPEG in PSNR \(trained for MSE; .*\) and (\d+) % fewer in MS-SSIM \(trained for MS-SSIM; .*\)",
        text,
    )
    assert found is not None
    psnr, msssim = bd_rates("games", "psnr_rgb"), bd_rates("games", "msssim_rgb")
    rates = [psnr["avif"], psnr["jxl"], psnr["webp"], psnr["mbt2018-mse-games"], msssim["mbt2018-msssim-games"]]
    stated = [-int(figure) for figure in found.groups()]
    assert stated == [round(rate or 0.0) for rate, _ in rates]
