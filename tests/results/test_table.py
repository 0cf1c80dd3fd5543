"""The results table: what is written is read, what is wrong is named, and writers, readers and kills get along."""

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.formats import load_results, reference_files, table_to_csv, table_to_thesis_csv
from synthcomp_core.results.table import (
    COLUMNS,
    MEAN_IMAGE,
    ResultRow,
    append_rows,
    parse_results,
    read_results,
    replace_rows,
    rows_table,
    rows_to_csv,
    table_rows,
    write_rows,
)
from tests.conftest import PROJECT_ROOT

HEADER = ",".join(COLUMNS)


def row(image: str = "a.png", variant: str = "jpeg-q75", **values: object) -> ResultRow:
    """A plausible row of a 100 x 80 image of 2000 bytes: 2 bits a pixel."""
    given: dict[str, object] = {
        "width": 100,
        "height": 80,
        "codec": "jpeg",
        "quality": 75,
        "num_bytes": 2000,
        "bpp": 2.0,
    }
    given |= {"psnr_rgb": 35.5, "ssim_rgb": 0.95, "flip": 0.05, "encode_s": 0.01}
    return ResultRow(dataset="games", image=image, variant=variant, **(given | values))  # type: ignore[arg-type]


def csv_with(**cells: str) -> bytes:
    """A table of two rows, the second with these cells."""
    second = dict(zip(COLUMNS, rows_to_csv([row("b.png")], header=False).rstrip("\n").split(","), strict=True)) | cells
    lines = [rows_to_csv([row()]).rstrip("\n"), ",".join(second[column] for column in COLUMNS)]
    return ("\n".join(lines) + "\n").encode()


def test_the_columns_are_those_of_the_design() -> None:
    assert HEADER == (
        "dataset,image,width,height,variant,codec,quality,lmbda,distortion,trained_on,scale,upscaler,num_bytes,bpp,"
        "bpp_estimated,psnr_rgb,psnr_y,ssim_rgb,ssim_y,msssim_rgb,msssim_y,flip,ssimulacra2,encode_s,decode_s,upscale_s,"
        "precision,device,upscaler_precision,upscaler_device,error"
    )


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        row("a, b.png", psnr_rgb=math.inf, bpp=2.0000001, lmbda=0.0067, trained_on="games", distortion="ms-ssim"),
        row('quo"ted.png', variant="mbt2018-q4-mse-games@x2-rcan", scale=2.0, upscaler="rcan", ssimulacra2=-12.5),
        row("d.png", precision="bfloat16", device="cpu", upscaler_precision="float32", upscaler_device="cuda:0"),
        row("ünïcödé 图.png", psnr_rgb=1 / 3, error="it broke; badly"),
        ResultRow(dataset="games", image="c.png", variant="none"),
    ]
    append_rows(tmp_path / "deep" / "results.csv", rows)
    assert table_rows(read_results(tmp_path / "deep" / "results.csv")) == rows
    assert table_rows(parse_results(table_to_csv(rows_table(rows)).encode(), name="copy")) == rows


def test_appending_adds_below_one_header(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append_rows(path, [row("a.png")])
    append_rows(path, [])
    append_rows(path, [row("b.png"), row("c.png")])
    assert path.read_text().splitlines() == rows_to_csv([row("a.png"), row("b.png"), row("c.png")]).splitlines()


def test_a_line_break_in_an_error_does_not_break_the_row(tmp_path: Path) -> None:
    append_rows(tmp_path / "results.csv", [row(error="first\nsecond\r\nthird"), row("b.png")])
    assert read_results(tmp_path / "results.csv")["error"].tolist()[0] == "first second third"
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 3


def test_appending_to_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ResultsError, match=r"results\.csv has other columns"):
        append_rows(path, [row()])
    assert path.read_text() == "a,b\n1,2\n"


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
    assert "upscaler_device" not in path.read_text().splitlines()[0]
    table = read_results(path)
    assert list(table.columns) == list(COLUMNS)
    assert table[["precision", "device", "upscaler_precision", "upscaler_device"]].isna().all().all()
    assert parse_results(table_to_csv(table).encode(), name="copy").equals(table)


def _lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


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
    "Latin-1": (csv_with(image="caf\xe9.png").decode().encode("latin-1"), "row 3 or later: not UTF-8"),
    "semicolons": (csv_with().replace(b",", b";"), "not a results table: its first line is 'dataset;image"),
    "tabs": (csv_with().replace(b",", b"\t"), "not a results table"),
    "no header": (_lines(_ROW), "not a results table"),
    "missing column": (csv_with().replace(b"psnr_y", b"psnr_z"), "column psnr_y is missing"),
    "column twice": (csv_with().replace(b"ssimulacra2", b"flip"), "column 'flip' occurs twice"),
    "too few cells": (_lines(HEADER, _ROW, "games,b.png,100"), "row 3: 3 cells where the header has 31"),
    "too many cells": (_lines(HEADER, _ROW, _ROW + ",1,2"), "row 3: 33 cells where the header has 31"),
    "blank row": (_lines(HEADER, "", _ROW), "row 2, column dataset: the cell is empty"),
    "open quote": (_lines(HEADER, _ROW, 'games,"b.png' + _ROW[11:]), "not well-formed CSV"),
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
    "duplicate key": (_lines(HEADER, _ROW, _ROW), r"row 3: (games, a.png, jpeg-q75) repeats row 2"),
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


@pytest.mark.parametrize("cut", [1, 5, 30, 60])
def test_a_torn_last_row_is_left_out_and_mended_by_the_next_append(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.csv"
    append_rows(path, [row("a.png"), row("b.png", error="why")])
    whole = path.read_bytes()
    path.write_bytes(whole + _ROW.encode()[: len(_ROW) - cut])
    assert read_results(path)["image"].tolist() == ["a.png", "b.png"]
    append_rows(path, [row("c.png")])
    assert read_results(path)["image"].tolist() == ["a.png", "b.png", "c.png"]
    assert path.read_bytes().startswith(whole)


def test_replacing_rows_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    replace_rows(path, [row("a.png"), row("b.png")])
    replace_rows(path, [row("a.png", flip=0.5)])
    assert table_rows(read_results(path)) == [row("b.png"), row("a.png", flip=0.5)]


def _append_many(path: str, writer: int, count: int) -> None:
    for number in range(count):
        append_rows(Path(path), [row(f"{writer}-{number}.png", error="x" * 3000), row(f"{writer}-{number}-second.png")])


def test_concurrent_writers_and_readers_see_only_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append_rows(path, [row("first.png")])
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(str(path), number, 40)) for number in range(2)]
    for writer in writers:
        writer.start()
    lengths = []
    while any(writer.is_alive() for writer in writers):
        lengths.append(len(read_results(path)))
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert lengths == sorted(lengths)
    images = read_results(path)["image"].tolist()
    assert len(images) == 1 + 2 * 40 * 2
    assert len(set(images)) == len(images)


def test_a_killed_writer_leaves_a_file_that_reads_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    program = """
import sys, itertools
from pathlib import Path
from synthcomp_core.results.table import ResultRow, append_rows
for number in itertools.count():
    append_rows(Path(sys.argv[1]), [ResultRow("games", f"{number}.png", variant="png", error="y" * 5000)])
"""
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=PROJECT_ROOT)
    while not path.exists() or path.stat().st_size < 50_000:
        time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    before = read_results(path)["image"].tolist()
    assert before == [f"{number}.png" for number in range(len(before))]
    append_rows(path, [row("after.png")])
    assert read_results(path)["image"].tolist()[-1] == "after.png"


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


# Other people's formats


def test_the_thesis_table_is_read_in_full_with_its_rates_as_estimates() -> None:
    path = PROJECT_ROOT / "artifacts/results/thesis_compression_sr_results.csv"
    loaded = load_results(path)
    assert loaded.format == "thesis"
    assert "estimates" in loaded.notes[0]
    table = loaded.table.set_index("variant")
    assert len(table) == 25
    assert table["bpp"].isna().all()
    assert table.loc["mbt2018-q4-mse", "bpp_estimated"] == 0.23706267774105072
    assert table.loc["mbt2018-q8-msssim@x2-rcan", "psnr_y"] == 32.3323
    assert table.loc["mbt2018-q8-msssim@x2-rcan", "distortion"] == "ms-ssim"
    assert table.loc["none@x2-rcan", "bpp_estimated"] == 6.0  # "bicubic": raw RGB at half the size.
    assert table.loc["jpeg-q75", "msssim_rgb"] == 0.9943486219061944
    assert math.isnan(table.loc["jpeg-q75", "ssim_rgb"])
    assert set(table["image"]) == {MEAN_IMAGE}
    assert table_to_thesis_csv(loaded.table) == path.read_text()


def test_the_bundled_references_are_those_published(shared: Path) -> None:
    for path in reference_files():
        if path.name == "compact.csv":  # Measured here, not published.
            continue
        published = shared / "reference" / ("compressai-kodak" if path.suffix == ".json" else ".") / path.name
        assert path.read_bytes() == published.read_bytes()
    names = {load_results(path).table["codec"].iloc[0] for path in reference_files() if path.suffix == ".json"}
    assert names == {
        *("mbt2018", "mbt2018-mean", "bmshj2018-hyperprior"),
        *("jpeg", "jpeg2000", "webp", "bpg-8b-444-x265-ycbcr", "vtm"),
    }


def test_every_published_compressai_result_is_read(shared: Path) -> None:
    for path in (shared / "reference" / "compressai-kodak").glob("*.json"):
        published = json.loads(path.read_text())["results"]
        table = load_results(path).table
        assert table["bpp"].tolist() == published["bpp"]
        assert set(table["dataset"]) == {"kodak"}
        if "psnr-rgb" in published:
            assert table["psnr_rgb"].tolist() == published["psnr-rgb"]
        if "ms-ssim-rgb" in published:
            assert table["msssim_rgb"].tolist() == published["ms-ssim-rgb"]
        if "ms-ssim-db-rgb" in published:
            decibels = -10 * np.log10(1 - table["msssim_rgb"].to_numpy())
            np.testing.assert_allclose(decibels, published["ms-ssim-db-rgb"], rtol=1e-9)


def test_a_compressai_model_says_quality_and_distortion() -> None:
    content = json.dumps(
        {"name": "mbt2018", "description": "Inference (ans)", "results": {"bpp": [0.1, 0.2], "psnr-rgb": [28, 30]}}
    )
    table = load_results(content.encode(), name="compressai-mbt2018_ms-ssim_cuda.json", dataset="clic").table
    assert table["variant"].tolist() == ["mbt2018-q1-msssim", "mbt2018-q2-msssim"]
    assert table["quality"].tolist() == [1, 2]
    assert set(table["distortion"]) == {"ms-ssim"}
    assert set(table["dataset"]) == {"clic"}


CODEC_COMPARE = {
    "constant_descriptions": [{"name": "."}, {"codec": "."}, {"source_data_set": "."}],
    "constant_values": ["WebP m4 4:2:0", "webp", "CLIC 2024 (https://example.org)"],
    "field_descriptions": [
        *({name: "."} for name in ("original_name", "width", "height", "chroma_subsampling", "effort", "quality")),
        *({name: "."} for name in ("encoded_size", "encoding_time", "decoding_time", "psnr", "ssim", "butteraugli")),
    ],
    "field_values": [
        ["a.png", 100, 80, 420, 4, 50, 1000, 0.5, 0.1, 33.25, 10.0, 3.0],
        ["a.png", 100, 80, 420, 4, 75.5, 2000, 0.6, 0.2, 99.0, 20.0, 1.0],
    ],
}


def test_a_codec_compare_batch_is_read_with_rates_from_its_sizes() -> None:
    loaded = load_results(json.dumps(CODEC_COMPARE).encode(), name="webp_420_4.json")
    assert loaded.format == "codec-compare"
    first, second = table_rows(loaded.table)
    assert first.variant == "webp-m4-4-2-0-q50"
    assert second.variant == "webp-m4-4-2-0-q75.5"
    assert (first.dataset, first.codec, first.image) == ("CLIC 2024", "webp", "a.png")
    assert (first.num_bytes, first.bpp, first.encode_s, first.psnr_rgb) == (1000, 1.0, 0.5, 33.25)
    assert second.psnr_rgb == math.inf
    assert first.ssim_rgb == pytest.approx(0.9, abs=1e-12)  # 10 dB
    assert any("dB" in note for note in loaded.notes)


def test_settings_that_change_within_a_batch_are_part_of_the_variant() -> None:
    batch = json.loads(json.dumps(CODEC_COMPARE))
    batch["field_values"][1][4] = 6
    table = load_results(json.dumps(batch).encode(), name="b.json").table
    assert table["variant"].tolist() == ["webp-m4-4-2-0-effort4-q50", "webp-m4-4-2-0-effort6-q75.5"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"name": "x", "results": {"psnr-rgb": [1]}}, "results/bpp is missing"),
        ({"name": "x", "results": {"bpp": [1, 2], "psnr-rgb": [1]}}, "results/psnr-rgb must be a list as long"),
        ({"name": "x", "results": {"bpp": 3}}, "results/bpp must be a list"),
        ({"name": "x", "results": {"bpp": ["a"]}}, "results/bpp, point 1: 'a' is not a number"),
        ({"name": "x", "results": {"bpp": [True]}}, "results/bpp, point 1: 'True' is not a number"),
        ({"name": "x", "results": {"bpp": [-1]}}, "row 1, column bpp: -1.0 is out of range"),
        ({"name": "x", "results": {"bpp": [float("nan")]}}, "results/bpp, point 1: 'nan' is not a number"),
        (CODEC_COMPARE | {"field_values": []}, "field_values must be a list of entries"),
        (CODEC_COMPARE | {"field_values": [["a.png"]]}, "entry 1: expected a list of 12 values"),
        (CODEC_COMPARE | {"field_values": CODEC_COMPARE["field_values"][:1] * 2}, "row 2: (CLIC 2024, a.png"),
        (CODEC_COMPARE | {"field_descriptions": 3}, "field_descriptions must be a list"),
        (CODEC_COMPARE | {"field_descriptions": [{"width": "."}]}, "no original_name"),
    ],
)
def test_wrong_json_gives_one_sentence(content: dict[str, object], expected: str) -> None:
    with pytest.raises(ResultsError) as caught:
        load_results(json.dumps(content).encode(), name="g.json")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


THESIS_HEADER = "model;quality;metric;supersampled;bpp;psnr_rgb;psnr_y;ssim_rgb;ssim_y;msssim"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["model;quality;bpp", "jpeg;7;1"], "column metric of the thesis table is missing"),
        ([THESIS_HEADER, "jpeg;7;none;FALSE;1"], "row 2: 5 cells"),
        ([THESIS_HEADER, "jpeg;7;none;MAYBE;1;30;;;;"], "row 2, column supersampled: 'MAYBE'"),
        ([THESIS_HEADER, "jpeg;7;l1;FALSE;1;30;;;;"], "row 2, column metric: 'l1'"),
        ([THESIS_HEADER, "jpeg;7;none;FALSE;0,5;30;;;;"], "row 2, column bpp: '0,5' is not a number"),
        ([THESIS_HEADER, "jpeg;7;none;FALSE;-1;30;;;;"], "row 2, column bpp_estimated: -1.0 is out of range"),
        ([THESIS_HEADER, ";7;none;FALSE;1;30;;;;"], "row 2, column model: the cell is empty"),
        ([THESIS_HEADER, *["jpeg;7;none;FALSE;1;30;;;;"] * 2], "row 3: (thesis, (mean), jpeg-q7) repeats row 2"),
    ],
)
def test_a_wrong_thesis_table_gives_one_sentence(lines: list[str], expected: str) -> None:
    with pytest.raises(ResultsError) as caught:
        load_results(_lines(*lines), name="t.csv")
    assert expected in str(caught.value)


def test_the_thesis_export_averages_images_but_not_identical_ones() -> None:
    table = rows_table(
        [
            row("a.png", psnr_rgb=30.0),
            row("b.png", psnr_rgb=34.0),
            row("c.png", psnr_rgb=math.inf),
            row("a.png", variant="png", codec="png", quality=None, psnr_rgb=math.inf),
        ]
    )
    lines = table_to_thesis_csv(table).splitlines()
    assert lines[1].startswith("jpeg;75;none;FALSE;2;32;")
    assert lines[2].startswith("png;0;none;FALSE;2;inf;")


def test_the_thesis_export_refuses_two_data_sets() -> None:
    table = rows_table([row(), ResultRow(dataset="kodak", image="a.png", variant="jpeg-q75")])
    with pytest.raises(ResultsError, match="games, kodak"):
        table_to_thesis_csv(table)
