"""Reading results tables: what was written is read back, and what is wrong is named with its place."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.rows import COLUMNS, ResultRow, rows_to_csv, write_rows
from synthcomp_core.results.table import parse_results, read_results, rows_table, table_rows, table_to_csv
from tests.conftest import PROJECT_ROOT
from tests.results.samples import csv_lines, row

HEADER = ",".join(COLUMNS)


def csv_with(**cells: str) -> bytes:
    """A table of two rows, the second with these cells."""
    second = dict(zip(COLUMNS, rows_to_csv([row("b.png")], header=False).rstrip("\n").split(","), strict=True)) | cells
    lines = [rows_to_csv([row()]).rstrip("\n"), ",".join(second[column] for column in COLUMNS)]
    return ("\n".join(lines) + "\n").encode()


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        row("a, b.png", psnr_rgb=math.inf, bpp=2.0000001, lmbda=0.0067, trained_on="games", distortion="ms-ssim"),
        row('quo"ted.png', variant="mbt2018-q4-mse-games@x2-rcan", scale=2.0, upscaler="rcan", ssimulacra2=-12.5),
        row("d.png", precision="bfloat16", device="cpu", upscaler_precision="float32", upscaler_device="cuda:0"),
        row("ünïcödé 图.png", psnr_rgb=1 / 3, error="it broke; badly"),
        ResultRow(dataset="games", image="c.png", variant="none"),
    ]
    write_rows(tmp_path / "deep" / "results.csv", rows)
    assert table_rows(read_results(tmp_path / "deep" / "results.csv")) == rows
    assert table_rows(parse_results(table_to_csv(rows_table(rows)).encode(), name="copy")) == rows


def test_empty_cells_are_not_measured_and_inf_is_an_identical_image() -> None:
    table = parse_results(csv_with(psnr_rgb="inf", psnr_y="", flip="", error=""), name="r.csv")
    assert table["psnr_rgb"].tolist() == [35.5, math.inf]
    assert table["psnr_y"].isna().all()
    assert math.isnan(table["flip"].iloc[1])
    assert table["error"].isna().all()
    assert list(table.columns) == list(COLUMNS)


@pytest.mark.parametrize(
    "change",
    ["bom", "crlf", "no end", "blank end", "quoted", "reordered", "extra", "without ssimulacra2", "without machine"],
)
def test_harmless_ways_of_writing_the_same_table_are_read_alike(change: str) -> None:
    content = rows_to_csv([row(), row("b.png")])
    lines = [line.split(",") for line in content.splitlines()]
    match change:
        case "bom":
            content = "\ufeff" + content
        case "crlf":
            content = content.replace("\n", "\r\n")
        case "no end":
            content = content.rstrip("\n")
        case "blank end":
            content += "\n\n"
        case "quoted":
            content = "\n".join(",".join(f'"{cell}"' if cell else cell for cell in cells) for cells in lines) + "\n"
        case "reordered":
            content = "\n".join(",".join(reversed(cells)) for cells in lines) + "\n"
        case "extra":
            content = "\n".join(",".join([*cells, "note"]) for cells in lines) + "\n"
        case "without ssimulacra2":
            content = without(lines, "ssimulacra2")
        case _:
            content = without(lines, "precision", "device", "upscaler_precision", "upscaler_device")
    assert table_rows(parse_results(content.encode(), name="r.csv")) == [row(), row("b.png")]


def without(lines: list[list[str]], *names: str) -> str:
    """The table of these lines without some of its columns."""
    kept = [position for position, name in enumerate(COLUMNS) if name not in names]
    return "\n".join(",".join(cells[position] for position in kept) for cells in lines) + "\n"


def test_a_table_of_before_precision_and_device_is_read_and_written_again_with_them_empty() -> None:
    path = PROJECT_ROOT / "artifacts" / "results" / "compact.csv"
    added = ("precision", "device", "upscaler_precision", "upscaler_device")
    with path.open(newline="", encoding="utf-8") as file:
        older = without(list(csv.reader(file)), *added)
    assert "upscaler_device" not in older.splitlines()[0]
    table = parse_results(older.encode(), name="older")
    assert list(table.columns) == list(COLUMNS)
    assert table[list(added)].isna().all().all()
    assert parse_results(table_to_csv(table).encode(), name="copy").equals(table)


_ROW = rows_to_csv([row()], header=False).rstrip("\n")
GARBAGE: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "g.csv is empty"),
    "blank lines": (b"\n\n \n", "g.csv is empty"),
    "zero bytes": (b"\0" * 100, "not text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 200)), "row 1: the header is not UTF-8"),
    "a web page": (
        b"<!doctype html>\n<html><body>404</body></html>\n",
        "not a results table: its first line is '<!doctype",
    ),
    "prose": (b"Dear reader,\nthis is a letter.\n", "not a results table"),
    "UTF-16": (rows_to_csv([row()]).encode("utf-16-le"), "not text"),
    "Latin-1": (csv_with(image="caf\xe9.png").decode().encode("latin-1"), "row 3: not UTF-8"),
    "semicolons": (csv_with().replace(b",", b";"), "not a results table: its first line is 'dataset;image"),
    "tabs": (csv_with().replace(b",", b"\t"), "not a results table"),
    "no header": (csv_lines(_ROW), "not a results table"),
    "missing column": (csv_with().replace(b"psnr_y", b"psnr_z"), "column psnr_y is missing"),
    "column twice": (csv_with().replace(b"ssimulacra2", b"flip"), "column 'flip' occurs twice"),
    "too few cells": (csv_lines(HEADER, _ROW, "games,b.png,100"), "row 3: 3 cells where the header has 31"),
    "too many cells": (csv_lines(HEADER, _ROW, _ROW + ",1,2"), "row 3: 33 cells where the header has 31"),
    "blank row": (csv_lines(HEADER, "", _ROW), "row 2, column dataset: the cell is empty"),
    "open quote": (csv_lines(HEADER, _ROW, 'games,"b.png' + _ROW[11:]), "not well-formed CSV"),
    "text in a number": (csv_with(psnr_rgb="high"), "row 3, column psnr_rgb: 'high' is not a number"),
    "decimal comma": (csv_with(bpp='"2,0"'), "row 3, column bpp: '2,0' is not a number"),
    "nan": (csv_with(flip="nan"), "row 3, column flip: 'nan' is not a number"),
    "NA": (csv_with(flip="NA"), "row 3, column flip: 'NA' is not a number"),
    "underscore": (csv_with(num_bytes="2_000"), "row 3, column num_bytes: '2_000' is not a number"),
    "negative rate": (
        csv_with(bpp="-2", num_bytes=""),
        "row 3, column bpp: -2.0 is out of range, it must be at least 0",
    ),
    "negative bytes": (csv_with(num_bytes="-2000"), "row 3, column num_bytes: -2000.0 is out of range"),
    "infinite rate": (csv_with(bpp="inf"), "row 3, column bpp: inf is out of range"),
    "too large a number": (csv_with(encode_s="1e999"), "row 3, column encode_s: inf is out of range"),
    "negative PSNR": (csv_with(psnr_rgb="-3"), "row 3, column psnr_rgb: -3.0 is out of range"),
    "SSIM in percent": (csv_with(ssim_rgb="95"), "row 3, column ssim_rgb: 95.0 is out of range"),
    "FLIP above 1": (
        csv_with(flip="1.2"),
        "row 3, column flip: 1.2 is out of range, it must be at least 0 and at most 1",
    ),
    "zero width": (csv_with(width="0"), "row 3, column width: 0.0 is out of range, it must be above 0"),
    "half a pixel": (csv_with(width="100.5"), "row 3, column width: 100.5 is not a whole number"),
    "rate of other pixels": (csv_with(bpp="8"), "row 3, column bpp: 8.0 does not fit num_bytes, width and height"),
    "no image": (csv_with(image=""), "row 3, column image: the cell is empty"),
    "duplicate key": (csv_lines(HEADER, _ROW, _ROW), r"row 3: (games, a.png, jpeg-q75) repeats row 2"),
    "duplicate among many": (
        (rows_to_csv([row(f"{number}.png") for number in range(50)]) + _ROW.replace("a.png", "7.png") + "\n").encode(),
        "row 52: (games, 7.png, jpeg-q75) repeats row 9",
    ),
    "deep JSON": (b"[" * 100_000, "g.csv is not JSON"),
    "other JSON": (b'{"a": 1}', "neither a CompressAI result"),
    "broken JSON": (b'{"name": "x", ', "g.csv is not JSON"),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_gives_one_sentence_that_names_the_place(kind: str) -> None:
    content, expected = GARBAGE[kind]
    with pytest.raises(ResultsError) as caught:
        load_results(content, name="g.csv")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nowhere\.csv cannot be read"):
        read_results(tmp_path / "nowhere.csv")
    with pytest.raises(ResultsError, match="cannot be read"):
        load_results(tmp_path)


def test_a_file_with_only_a_header_is_a_table_without_rows() -> None:
    assert len(parse_results((HEADER + "\n").encode(), name="r.csv")) == 0


def test_a_long_table_is_read_exactly(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    values = generator.uniform(20, 50, 20_000)
    rows = [
        row(f"{number // 20}.png", variant=f"jpeg-q{number % 20}", psnr_rgb=float(value), num_bytes=None, bpp=None)
        for number, value in enumerate(values)
    ]
    write_rows(tmp_path / "results.csv", rows)
    table = read_results(tmp_path / "results.csv")
    np.testing.assert_array_equal(table["psnr_rgb"].to_numpy(), values)
    assert table["variant"].iloc[12_345] == "jpeg-q5"
    assert table["variant"].nunique() == 20
