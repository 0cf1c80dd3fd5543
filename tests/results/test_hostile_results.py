"""Results files that no tool wrote: numbers out of range, other types, formulas; one sentence each."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError
from synthcomp_core.results import table_blocks
from synthcomp_core.results.bd import bd_table
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.formats.pasted import parse_pasted
from synthcomp_core.results.rows import ResultRow, rows_to_csv
from synthcomp_core.results.table import parse_results, rows_table, table_rows, table_to_csv

ROW = ResultRow("d", "i.png", 10, 10, "webp-q50", "webp", num_bytes=100, bpp=8.0, psnr_rgb=30.0)


def with_cell(column: str, value: str) -> bytes:
    header, line = csv.reader(io.StringIO(rows_to_csv([ROW])))
    line[header.index(column)] = value
    text = io.StringIO()
    csv.writer(text).writerows([header, line])
    return text.getvalue().encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("num_bytes", "1e308"), ("num_bytes", "99999999999999999999"), ("num_bytes", "-5"), ("num_bytes", "inf")),
        *(("width", "1e300"), ("width", "nan"), ("height", "0"), ("bpp", "1e308"), ("quality", "1e308")),
        *(("psnr_rgb", "-4000"), ("psnr_rgb", "1e308"), ("msssim_rgb", "2"), ("ssimulacra2", "-1e308")),
        *(("encode_s", "1e308"), ("scale", "1e308"), ("lmbda", "inf"), ("flip", "0x10")),
        *(("variant", ""), ("image", "a\0b"), ("variant", "\ud800")),
    ],
)
def test_a_value_out_of_range_is_named(column: str, value: str) -> None:
    with pytest.raises(ResultsError) as found:
        load_results(with_cell(column, value), name="odd.csv")
    assert "odd.csv" in str(found.value) and "\n" not in str(found.value) and len(str(found.value)) < 600


def test_a_cell_longer_than_any_is_refused() -> None:
    for text in (with_cell("image", "x" * 200_000), rows_to_csv([ROW]).encode() + b"x" * 200_000 + b"," * 40):
        try:
            load_results(text, name="odd.csv")
        except ResultsError as error:
            assert "\n" not in str(error)


COMPRESSAI = {"name": "mbt2018", "results": {"bpp": [0.1, 0.2], "psnr-rgb": [30.0, 32.0]}}
CODEC_COMPARE = {
    "constant_descriptions": [{"codec": "x"}],
    "constant_values": ["webp"],
    "field_descriptions": [{"original_name": "n"}, {"bpp": "b"}, {"psnr": "p"}],
    "field_values": [["a.png", 0.5, 30.0]],
}
JUNK: list[object] = [
    *(None, 5, -1e308, 1e308, "x", [], {}, [[]], True, 10**30, float("inf"), float("nan"), [None], "\ud800"),
]


@pytest.mark.parametrize("document", [COMPRESSAI, CODEC_COMPARE], ids=["compressai", "codec-compare"])
def test_junk_at_any_place_of_a_json_result_is_a_sentence(document: dict[str, object]) -> None:
    def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        inside = list(pairs)
        return [path, *(place for key, item in inside for place in places(item, (*path, key)))]

    assert len(load_results(json.dumps(document).encode(), name="odd.json").table)
    for place in places(document)[1:]:
        for junk in JUNK:
            changed = json.loads(json.dumps(document))
            holder = changed
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = junk
            try:
                load_results(json.dumps(changed).encode(), name="odd.json")
            except ResultsError as error:
                assert "\n" not in str(error), (place, junk)


@pytest.mark.parametrize("value", [-4000, -1e308, 1e308, 4000])
def test_decibels_far_out_of_range_are_named(value: float) -> None:
    document = {"name": "x", "results": {"bpp": [0.1], "ms-ssim-db-rgb": [value]}}
    try:
        load_results(json.dumps(document).encode(), name="odd.json")
    except ResultsError as error:
        assert "odd.json" in str(error)
    else:
        assert value > 0  # So many decibels are 1 to all digits.


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "{", '{"results": {"bpp": [1e999]}}', "1" * 9000])
def test_json_that_is_none_or_nested_without_end_is_a_sentence(text: str) -> None:
    with pytest.raises(ResultsError) as found:
        load_results(text.encode(), name="odd.json")
    assert "\n" not in str(found.value)


FORMULAS = ["=1+1", "+A1", "-2+3", "@SUM(A1)", "'=1", "''-x", "plain", "'quoted'", "-", "="]


def test_no_cell_of_an_export_begins_like_a_formula_and_all_come_back() -> None:
    rows = [
        ResultRow("d", text, variant=f"v{index}", trained_on=text, error=text) for index, text in enumerate(FORMULAS)
    ]
    table = rows_table(rows)
    for exported in (rows_to_csv(rows), table_to_csv(table)):
        for cells in list(csv.reader(io.StringIO(exported)))[1:]:
            assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
        assert table_rows(parse_results(exported.encode(), name="t.csv")) == rows


def test_a_million_resamplings_are_refused() -> None:
    with pytest.raises(ResultsError, match="10,000"):
        bd_table([], "anchor", bootstrap=1_000_000)


def test_a_results_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", tmp_path, Path("/dev/zero"), tmp_path / "absent.csv"):
        with pytest.raises(ResultsError, match="cannot be read"):
            load_results(path)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        *(("high", "is not a number"), ("nan", "is not a number"), ("-4000", "is out of range")),
        *(("30,0,0", "33 cells"), ("30\xff", "is not a number")),
    ],
)
def test_damage_at_the_end_of_a_long_table_is_found_by_reading_its_last_block(
    monkeypatch: pytest.MonkeyPatch, cell: str, said: str
) -> None:
    monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", 2000)
    searched: list[int] = []
    records = table_blocks._records
    monkeypatch.setattr(
        table_blocks, "_records", lambda block, **how: searched.append(len(block)) or records(block, **how)
    )
    rows = [ResultRow("d", f"{number}\n.png", 10, 10, "webp-q50", "webp", psnr_rgb=30.0) for number in range(500)]
    content = rows_to_csv(rows).encode()
    assert len(parse_results(content, name="long.csv")) == 500
    at = content.rfind(b"30")
    with pytest.raises(ResultsError, match=f"long.csv, row 501.*{said}"):
        parse_results(content[:at] + cell.encode() + content[at + 2 :], name="long.csv")
    assert all(size < 5000 for size in searched)
    repeated = content + content.splitlines(keepends=True)[7]
    with pytest.raises(ResultsError, match=r"row 502: \(d, 6 .png, webp-q50\) repeats row 8"):
        parse_results(repeated, name="long.csv")


def test_a_table_of_too_many_lines_is_refused_before_a_row_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESULTS_ROWS", 10)
    rows = [ResultRow("d", f"{number}.png", variant="none") for number in range(10)]
    assert len(parse_results(rows_to_csv(rows[:9]).encode(), name="nine.csv")) == 9
    for content in (rows_to_csv(rows), rows_to_csv(rows).replace("\n", "\r"), rows_to_csv(rows[:5]) + 9 * "\n"):
        with pytest.raises(ResultsError, match=r"t\.csv has 1\d lines, and at most 10 are read; split it into several"):
            parse_results(content.encode(), name="t.csv")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "", "\n\n\n", "\r\n\r\n", "\nd,torn"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_endings_of_a_table_change_nothing(mark: str, ending: str) -> None:
    text = rows_to_csv([ROW, ResultRow("d", "j.png", variant="none")]).rstrip("\n")
    text = text.replace("\n", "\r") if ending == "\r" else text
    assert list(parse_results((mark + text + ending).encode(), name="t.csv")["image"]) == ["i.png", "j.png"]


def test_keys_that_only_look_alike_are_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_blocks, "_key_hashes", lambda block: np.zeros(block.num_rows, np.uint64))
    rows = [ResultRow("d", f"{number}.png", variant="none") for number in range(3)]
    assert len(parse_results(rows_to_csv(rows).encode(), name="t.csv")) == 3
    with pytest.raises(ResultsError, match=r"row 5: \(d, 1\.png, none\) repeats row 3"):
        parse_results(rows_to_csv([*rows, rows[1]]).encode(), name="t.csv")


def test_quotation_marks_that_hide_the_line_breaks_do_not_make_the_search_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_blocks, "_BLOCK_BYTES", 2000)
    content = rows_to_csv([ResultRow("d", f"{number}.png", variant="none") for number in range(500)]).encode()
    inches = content.replace(b"1.png", b'1".png', 1)
    assert len(parse_results(inches, name="inches.csv")) == 500
    with pytest.raises(ResultsError, match=r"inches\.csv"):
        parse_results(inches + b"d,last.png\n", name="inches.csv")
    with pytest.raises(ResultsError, match=r"open\.csv"):
        parse_results(content.replace(b"\nd,", b'\n"d,', 1), name="open.csv")


def test_texts_that_become_one_when_their_apostrophe_goes_are_one() -> None:
    lines = rows_to_csv([ROW, ROW]).replace("i.png", "=i.png", 1).encode()
    with pytest.raises(ResultsError, match="repeats row 2"):
        parse_results(lines.replace(b"i.png", b"'=i.png").replace(b"='=", b"="), name="t.csv")
    other = rows_to_csv([ROW, ResultRow("=d", "i.png", variant="none"), ResultRow("'=d", "j.png", variant="none")])
    plain = other.replace("''=d", "=d")
    assert parse_results(plain.encode(), name="t.csv")["dataset"].tolist() == ["d", "=d", "=d"]


def points(count: int, **last: object) -> bytes:
    """JSON of so many points, the last one's values replaced."""
    columns: dict[str, list[object]] = {"bpp": [0.1] * count, "psnr": [30.0] * count}
    columns["variant"] = [f"v{number}" for number in range(count)]
    for name, value in last.items():
        columns[name][-1] = value
    return json.dumps(columns).encode()


@pytest.mark.parametrize(
    ("last", "said"),
    [({"psnr": 4000}, "row 5000, column psnr_rgb: 4000.0 is out of range"), ({"variant": "v1"}, "repeats row 2")],
)
def test_what_is_wrong_with_the_last_of_many_points_is_said_before_a_table_is_made(
    monkeypatch: pytest.MonkeyPatch, last: dict[str, object], said: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a table was made")

    assert len(load_results(points(5000), name="p.json").table) == 5000
    monkeypatch.setattr("pandas.DataFrame", never)
    with pytest.raises(ResultsError, match=said):
        load_results(points(5000, **last), name="p.json")
    document = {"name": "x", "results": {"bpp": [0.1] * 5000, "psnr": [30.0] * 4999 + [4000]}}
    with pytest.raises(ResultsError, match=r"row 5000, column psnr_rgb: 4000\.0 is out of range"):
        load_results(json.dumps(document).encode(), name="c.json")


def test_a_pasted_text_longer_than_any_curve_is_refused() -> None:
    with pytest.raises(ResultsError, match="7,000,000 characters"):
        parse_pasted("0.1 30\n" * 1_000_000, metric="psnr_rgb", curve="c", dataset="d")
