"""The verbs on results files, run as a user runs them."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthcomp_core.cli import main
from synthcomp_core.cli.results import results_app
from synthcomp_core.errors import ResultsError, SynthcompError
from synthcomp_core.figures import rd_chart_file
from synthcomp_core.results.curves import RDCurve
from synthcomp_core.results.rows import ResultRow, write_rows
from synthcomp_core.results.table import read_results, table_rows
from tests.conftest import PROJECT_ROOT

REFERENCES = PROJECT_ROOT / "artifacts" / "results"
KODAK = REFERENCES / "compressai-kodak"
THESIS = REFERENCES / "thesis_compression_sr_results.csv"
MBT2018 = KODAK / "compressai-mbt2018_mse_cuda.json"


def run(*arguments: str | Path) -> str:
    """Standard output of a verb that succeeds."""
    result = CliRunner().invoke(results_app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def error(*arguments: str | Path) -> str:
    """The sentence of a verb that fails."""
    result = CliRunner().invoke(results_app, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SynthcompError), result.output
    return str(result.exception)


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """Results of two codecs on three images; webp needs 20 % fewer bits."""
    rows = [
        ResultRow(
            "games",
            f"{image}.png",
            variant=f"{codec}-q{quality}",
            codec=codec,
            quality=quality,
            bpp=factor * 0.1 * 2**quality * (1 + image / 10),
            psnr_rgb=30.0 + 3 * quality,
            msssim_rgb=1 - 0.05 / 2**quality,
        )
        for codec, factor in (("jpeg", 1.0), ("webp", 0.8))
        for quality in range(4)
        for image in range(3)
    ]
    write_rows(tmp_path / "results.csv", rows)
    return tmp_path / "results.csv"


def test_bdrate_prints_a_line_a_curve_of_name_rate_overlap_and_warnings() -> None:
    files = [KODAK / f"{name}.json" for name in ("compressai-mbt2018_mse_cuda", "webp", "vtm")]
    lines = [line.split("\t") for line in run("bdrate", *files, "--anchor", KODAK / "jpeg.json").splitlines()]
    assert lines == [
        ["mbt2018-mse", "-61.00 %", "overlap 74%", "no warnings"],
        ["webp", "-36.18 %", "overlap 68%", "no warnings"],
        ["vtm", "-67.58 %", "overlap 63%", "no warnings"],
    ]


@pytest.mark.parametrize("anchor", ["vtm", "vtm.json", str(KODAK / "vtm.json")])
def test_the_anchor_may_be_a_file_or_a_bundled_curve(anchor: str) -> None:
    name, rate, *_ = run("bdrate", MBT2018, "--anchor", anchor).split("\t")
    assert (name, rate) == ("mbt2018-mse", "+11.01 %")


def test_the_anchor_may_be_a_curve_of_the_files(own_file: Path) -> None:
    assert run("bdrate", own_file, "--anchor", "jpeg") == "webp\t-20.00 %\toverlap 100%\tno warnings\n"
    assert run("bdrate", own_file, "--anchor", "webp-q2") == "jpeg\t+25.00 %\toverlap 100%\tno warnings\n"
    line = run("bdrate", own_file, "--anchor", "jpeg", "--metric", "msssim_rgb", "--db", "--method", "pchip")
    assert line.startswith("webp\t-20.00 %\t")


def test_bdrate_as_json_has_every_figure(own_file: Path) -> None:
    (record,) = json.loads(run("bdrate", own_file, "--anchor", "jpeg", "--bootstrap", "20", "--json"))
    assert record["name"] == "webp"
    assert record["rate_percent"] == pytest.approx(-20, abs=1e-9)
    assert record["rate_low"] == pytest.approx(-20, abs=1e-6)
    assert record["num_images"] == 3
    assert record["warnings"] == []


def test_bdrate_of_the_thesis_warns_of_the_jpeg_curve() -> None:
    lines = run("bdrate", THESIS, "--anchor", "jpeg").splitlines()
    assert len(lines) == 5
    assert all("not monotone: jpeg-q75 (0.843 bpp, 43.64 dB) lies above jpeg-q82" in line for line in lines)
    assert lines[0].startswith("none@x2-rcan\t+737.19 %\toverlap 0%\t")
    assert "a single point's rate difference" in lines[0]


def printed(*arguments: str | Path) -> str:
    """Standard error of a verb that succeeds, on one line."""
    result = CliRunner().invoke(results_app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return " ".join(result.stderr.split())


def test_every_verb_says_once_what_reading_the_thesis_changed(own_file: Path, tmp_path: Path) -> None:
    out, single = tmp_path / "out.csv", tmp_path / "one.csv"
    lines = THESIS.read_text(encoding="utf-8").splitlines(keepends=True)
    single.write_text("".join([lines[0], *(line for line in lines if line.startswith("jpeg;"))]), encoding="utf-8")
    for call in (
        ["bdrate", THESIS, "--anchor", "jpeg"],
        ["bdrate", THESIS, "--anchor", "jpeg", "--json"],
        ["bdrate", own_file, "--anchor", single],
        ["bdrate", single, own_file, "--anchor", single],
        ["export", THESIS, out],
        ["export", THESIS, out, "--format", "synthcomp"],
        ["plot", own_file, "--reference", THESIS, "--out", tmp_path / "chart.html"],
    ):
        said = printed(*call)
        assert said.count("were read as bpp_estimated") == said.count("The thesis's msssim is of luma") == 1, call


def test_an_export_of_means_says_what_is_in_none(own_file: Path, tmp_path: Path) -> None:
    first, second, third, *rest = table_rows(read_results(own_file))
    first = dataclasses.replace(first, psnr_rgb=math.inf)
    failed = dataclasses.replace(second, error="It failed.", bpp=None, psnr_rgb=None, msssim_rgb=None)
    write_rows(own_file, [first, failed, third, *rest])
    said = printed("export", own_file, tmp_path / "means.csv")
    assert "means.csv: the means leave out rows that failed: 1 of 3 for jpeg-q0." in said
    assert "means.csv: the mean PSNR leaves out images identical to the original: 1 of 2 for jpeg-q0." in said
    assert printed("export", own_file, tmp_path / "same.csv", "--format", "synthcomp") == ""


def test_a_bootstrap_without_an_interval_says_why(own_file: Path) -> None:
    said = printed("bdrate", MBT2018, "--anchor", "vtm", "--bootstrap", "20")
    assert said.count("--bootstrap gave no interval for") == 1 and "published means" in said
    assert "--bootstrap" not in printed("bdrate", own_file, "--anchor", "jpeg", "--bootstrap", "20")
    assert "--bootstrap" not in printed("bdrate", MBT2018, "--anchor", "vtm")


def test_the_data_set_also_chooses_the_anchor_s_curve(own_file: Path, tmp_path: Path) -> None:
    rows = table_rows(read_results(own_file))
    jpegs = [row for row in rows if row.codec == "jpeg"]
    cheaper = [dataclasses.replace(row, dataset="photos", bpp=row.bpp / 2) for row in jpegs if row.bpp is not None]
    anchor = tmp_path / "anchor.csv"
    write_rows(anchor, [*jpegs, *cheaper])
    refused = error("bdrate", own_file, "--anchor", anchor)
    assert "has 2 curves (jpeg on games, jpeg on photos); choose a data set with --dataset" in refused
    line = run("bdrate", own_file, "--anchor", anchor, "--dataset", "games").splitlines()[-1]
    assert line == "webp\t-20.00 %\toverlap 100%\tno warnings"


def test_bdrate_between_data_sets_says_so() -> None:
    assert "data sets differ: kodak, anchor thesis" in run("bdrate", MBT2018, THESIS, "--anchor", "jpeg")


def test_bdrate_names_what_is_missing(own_file: Path) -> None:
    assert "no curve 'gif'; available: jpeg, webp" in error("bdrate", own_file, "--anchor", "gif")
    assert "no row has both a rate and flip" in error("bdrate", own_file, "--anchor", "jpeg", "--metric", "flip")
    assert "Unknown metric 'vmaf'" in error("bdrate", own_file, "--anchor", "jpeg", "--metric", "vmaf")
    assert "'linear'" in error("bdrate", own_file, "--anchor", "jpeg", "--method", "linear")
    assert "has 6 curves" in error("bdrate", own_file, "--anchor", THESIS)
    assert "no row has both a rate and psnr_rgb on the data set kodak" in error(
        "bdrate", own_file, "--anchor", "jpeg", "--dataset", "kodak"
    )
    assert "no curve to compare" in error("bdrate", KODAK / "vtm.json", "--anchor", "vtm-p3")


def test_import_and_export_of_the_thesis_table_are_inverse(tmp_path: Path) -> None:
    assert "25 rows from thesis format" in run("import", THESIS, tmp_path / "own.csv")
    assert len(read_results(tmp_path / "own.csv")) == 25
    run("export", tmp_path / "own.csv", tmp_path / "thesis.csv", "--format", "thesis")
    assert (tmp_path / "thesis.csv").read_text() == THESIS.read_text()


def test_import_says_what_it_changed_and_names_the_data_set(tmp_path: Path) -> None:
    result = CliRunner().invoke(results_app, ["import", str(THESIS), str(tmp_path / "own.csv"), "--dataset", "gta"])
    assert "estimates" in result.stderr
    assert set(read_results(tmp_path / "own.csv")["dataset"]) == {"gta"}


def test_export_of_one_data_set(own_file: Path, tmp_path: Path) -> None:
    run("export", own_file, tmp_path / "copy.csv", "--format", "synthcomp", "--dataset", "games")
    assert read_results(tmp_path / "copy.csv").equals(read_results(own_file))
    assert "no data set 'kodak'; it has games" in error("export", own_file, tmp_path / "x.csv", "--dataset", "kodak")
    assert not (tmp_path / "x.csv").exists()


def test_validate_says_what_is_right_and_what_is_wrong(own_file: Path, tmp_path: Path) -> None:
    assert "ok, synthcomp format, 24 rows, 8 variants, 3 images, 0 errors" in run("validate", own_file, THESIS, MBT2018)
    broken = tmp_path / "broken.csv"
    broken.write_text(own_file.read_text().replace("30.0", "thirty").replace(",30,", ",thirty,"))
    result = CliRunner().invoke(results_app, ["validate", str(broken), str(own_file)])
    assert result.exit_code == 1
    assert "broken.csv, row 2, column psnr_rgb: 'thirty' is not a number" in result.stderr
    assert "results.csv: ok" in result.stdout


def test_a_reference_with_the_codecs_of_the_file_is_a_curve_of_its_own(
    own_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[list[str], list[str]]] = []

    def write(out: Path, curves: Sequence[RDCurve], *, references: Sequence[RDCurve], **options: object) -> None:
        drawn.append(([curve.name for curve in curves], [curve.name for curve in references]))

    monkeypatch.setattr(rd_chart_file, "write_rd_chart", write)
    other = tmp_path / "earlier" / "results.csv"
    other.parent.mkdir()
    other.write_bytes(own_file.read_bytes())
    run("plot", own_file, "--reference", other, "--out", tmp_path / "chart.html")
    own = own_file.parent.name
    assert drawn == [([f"jpeg [{own}]", f"webp [{own}]"], ["jpeg [earlier]", "webp [earlier]"])]


def test_plot_writes_a_chart(own_file: Path, tmp_path: Path) -> None:
    assert "8 curves" in run(
        "plot", own_file, "--reference", THESIS, "--log-rate", "--bands", "--out", tmp_path / "chart.html"
    )
    assert "webp" in (tmp_path / "chart.html").read_text()
    run("plot", KODAK / "vtm.json", KODAK / "jpeg.json", "-o", tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text().startswith("<?xml")
    refused = CliRunner().invoke(results_app, ["plot", str(own_file), "--bands", "-o", str(tmp_path / "bands.svg")])
    assert "bands.svg: bands can only be drawn in .html" in str(refused.exception)
    assert not (tmp_path / "bands.svg").exists()


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(results_app, ["import", str(tmp_path / "no.csv"), str(tmp_path / "out.csv")])
    assert isinstance(result.exception, ResultsError)
    assert not (tmp_path / "out.csv").exists()


def test_bdrate_takes_a_range_of_rates_and_says_what_it_leaves_out(own_file: Path) -> None:
    whole = run("bdrate", own_file, "--anchor", "jpeg")
    assert run("bdrate", own_file, "--anchor", "jpeg", "--bpp", "0:100") == whole
    finished = CliRunner().invoke(results_app, ["bdrate", str(own_file), "--anchor", "jpeg", "--bpp", "50:60"])
    assert finished.exit_code == 0 and "n/a" in finished.output
    for wrong in ("1", "2:1", "a:b"):
        refused = CliRunner().invoke(results_app, ["bdrate", str(own_file), "--anchor", "jpeg", "--bpp", wrong])
        assert isinstance(refused.exception, ResultsError) and "--bpp" in str(refused.exception)


def test_a_pdf_chart_embeds_truetype_fonts(own_file: Path, tmp_path: Path) -> None:
    run("plot", own_file, "--out", tmp_path / "chart.pdf")
    content = (tmp_path / "chart.pdf").read_bytes()
    assert b"/FontFile2" in content and b"/Type3" not in content


def test_two_runs_curves_are_called_by_their_runs(own_file: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name / "results.csv" for name in ("monday", "tuesday")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(own_file.read_bytes())
    lines = run("bdrate", *paths, "--anchor", "jpeg [monday]").splitlines()
    assert any(line.startswith("webp [tuesday]\t") for line in lines)


def test_an_export_that_could_not_be_read_back_is_refused_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "means.csv"
    assert main(["results", "export", str(REFERENCES / "compact.csv"), str(out), "--dataset", "games"]) == 1
    error = capsys.readouterr().err
    assert "mbt2018-q4-mse-games and mbt2018-q4-mse-photos would be the same line" in error
    assert len(error.strip().splitlines()) == 1 and not out.exists()


def test_a_template_that_was_filled_in_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.csv"
    for _ in range(2):
        assert main(["results", "template", str(file)]) == 0
    filled = file.read_text(encoding="utf-8").replace("my-codec", "ours")
    file.write_text(filled, encoding="utf-8")
    assert main(["results", "template", str(file)]) == 1
    assert "mine.csv exists already and would be lost; name a new file" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == filled
