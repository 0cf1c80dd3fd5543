"""Other people's formats: what is read from them and written in them, and what a faulty file is told."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.formats import load_results, reference_files
from synthcomp_core.results.formats.thesis import table_to_thesis_csv
from synthcomp_core.results.rows import MEAN_IMAGE, ResultRow
from synthcomp_core.results.table import rows_table, table_rows
from tests.conftest import PROJECT_ROOT
from tests.results.samples import csv_lines, row


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
    # The thesis's msssim is of luma for mbt2018 and bicubic, of RGB for the others.
    assert table.loc["mbt2018-q4-mse", "msssim_y"] == 0.984101 and math.isnan(table.loc["mbt2018-q4-mse", "msssim_rgb"])
    assert table.loc["none@x2-rcan", "msssim_y"] == 0.997868 and math.isnan(table.loc["jpeg-q75", "msssim_y"])
    assert any("of luma for mbt2018" in note for note in loaded.notes)
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
        load_results(csv_lines(*lines), name="t.csv")
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


def test_the_thesis_export_refuses_variants_that_it_would_not_tell_apart() -> None:
    learned = {"codec": "mbt2018", "quality": 4, "distortion": "mse"}
    games, photos = (row(variant=f"mbt2018-q4-mse-{name}", trained_on=name, **learned) for name in ("games", "photos"))
    with pytest.raises(ResultsError, match="mbt2018-q4-mse-games and mbt2018-q4-mse-photos would be the same line"):
        table_to_thesis_csv(rows_table([row(), games, photos]))
    upscaled = [
        row(variant=f"mbt2018-q4-mse-games@x2-{name}", scale=2.0, upscaler=name, **learned)
        for name in ("rcan", "bicubic")
    ]
    with pytest.raises(ResultsError, match="@x2-rcan and mbt2018-q4-mse-games@x2-bicubic would be the same line"):
        table_to_thesis_csv(rows_table(upscaled))
    # What it tells apart, its reader does, too.
    uncoded = row(variant="none@x2-rcan", codec="none", quality=None, scale=2.0, upscaler="rcan")
    exported = table_to_thesis_csv(rows_table([row(), games, upscaled[0], uncoded]))
    assert len(load_results(exported.encode(), name="means.csv").table) == 4
