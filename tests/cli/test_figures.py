"""The figure verb: its grid shows the results table's numbers, and its printed command makes the same file again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.images import read_image, write_png
from synthcomp_core.metrics import measure
from synthcomp_core.results.table import read_results
from synthcomp_core.variants import Variant, render
from tests.pages.conftest import frame
from tests.tiny_codecs import make_codecs

QUALITIES, DISTORTIONS = (4, 6, 8), ("mse", "msssim")
IDS = [f"mbt2018-q{quality}-{distortion}-games" for quality in QUALITIES for distortion in DISTORTIONS]


@pytest.fixture
def image(artifacts: Path, tmp_path: Path) -> Path:
    path = tmp_path / "a frame.png"
    write_png(frame(5), path)
    return path


def svg_texts(path: Path) -> list[str]:
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


def test_the_thesis_figure_shows_the_results_table_s_numbers(image: Path, tmp_path: Path) -> None:
    make_codecs(IDS)
    names = [str(tmp_path / name) for name in ("f.svg", "f.pdf", "f.tex")]
    call = ["figure", str(image), *names, "--scalings", "full,x2-bicubic", "--crop", "20,30,40,40"]
    assert main([*call, "--csv", str(tmp_path / "f.csv")]) == 0
    table = read_results(tmp_path / "f.csv")
    variants = [f"{name}{scaling}" for scaling in ("", "@x2-bicubic") for name in IDS]
    assert sorted(table["variant"]) == sorted(variants)
    texts = svg_texts(tmp_path / "f.svg")
    for row in table.itertuples():
        assert any(text.startswith(f"{row.bpp:.3f} bpp, {row.psnr_rgb:.2f} dB") for text in texts)
        assert any(f"MS-SSIM {row.msssim_rgb:.4f}" in text for text in texts)
    # One of them anew, as `render` would make it.
    again = render(frame(5), Variant.parse(variants[-1]))
    row = table.set_index("variant").loc[variants[-1]]
    assert row["num_bytes"] == again.num_bytes
    assert row["psnr_rgb"] == pytest.approx(measure(frame(5), again.image, metrics=("psnr_rgb",)).psnr_rgb)
    for label in ("quality 4", "λ = 0.013, 16.64", "quality 8", "full resolution", "half resolution + bicubic ×2"):
        assert label in texts
    assert [texts.count(label) for label in ("MSE", "MS-SSIM", "original")] == [2, 2, 1]
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF-")
    assert r"\includegraphics[width=\linewidth]{f.svg}" in (tmp_path / "f.tex").read_text(encoding="utf-8")


def test_variants_alone_need_no_snapshot_and_the_printed_command_remakes_the_file(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], reference_parts: list[str]
) -> None:
    out = tmp_path / "f.png"
    call = ["figure", str(image), str(out), "--variant", "webp-q10", "--variant", "jpeg-q10", "--crop-side", "64"]
    assert main([*call, "--width", "one", "--dpi", "150"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert sorted(reference_parts) == ["flip_features", "reference_scales"]  # Once for both variants.
    printed = capsys.readouterr().out
    assert re.search(r"--crop \d+,\d+,64,64", printed)
    assert "--variant webp-q10 --variant jpeg-q10" in printed
    assert "--model" not in printed

    # The printed command, given to a shell, makes the same bytes again.
    first = out.read_bytes()
    out.unlink()
    assert main(shlex.split(printed.split("python -m synthcomp_core ")[-1])) == 0
    assert out.read_bytes() == first


def test_a_variant_of_the_matrix_named_again_is_evaluated_and_written_once(
    image: Path, tmp_path: Path, flip_rows: list[int]
) -> None:
    make_codecs(IDS[:1])
    call = ["figure", str(image), str(tmp_path / "f.png"), "--scalings", "full", "--variant", IDS[0]]
    assert main([*call, "--variant", "webp-q10", "--error-maps", "--csv", str(tmp_path / "f.csv")]) == 0
    assert read_results(tmp_path / "f.csv")["variant"].tolist() == [IDS[0], "webp-q10"]
    # FLIP is computed once per rendering: for the mean, the map, and where to crop.
    assert sum(flip_rows) == 2 * read_image(image).image.shape[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["f.gif"], "f.gif: a figure is written as .png, .svg, .pdf or .tex"),
        (["f.png"], "There is no codec snapshot"),
        (["f.png", "--variant", "webp-q10", "--crop", "1,2,3"], "X,Y,WIDTH,HEIGHT"),
        (["f.png", "--variant", "webp-q10", "--crop", "190,0,20,20"], "does not lie in the image"),
        (["f.png", "--variant", "nothing-q10"], "Unknown codec"),
        (["f.png", "--variant", "webp-q10", "--width", "three"], "Unknown figure width"),
        (["f.png", "--variant", "webp-q10", "--crop", "1,2,30,40", "--crop-side", "64"], "--crop-side is for the"),
    ],
)
def test_bad_calls_give_one_sentence_and_write_nothing(
    options: list[str], sentence: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, *others = options
    assert main(["figure", str(image), str(tmp_path / out), *others]) == 1
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / out).exists()


def test_points_that_no_snapshot_has_are_named(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_codecs(IDS[:1])
    for option, value in (("--qualities", "4,7"), ("--distortions", "l1"), ("--trained-on", "cats"), ("--model", "x")):
        assert main(["figure", str(image), str(tmp_path / "f.png"), option, value]) == 1
        message = capsys.readouterr().err
        assert "installed" in message and value.split(",")[-1] in message
    assert main(["figure", str(image), str(tmp_path / "f.png"), "--qualities", "four"]) == 1
    assert "whole numbers" in capsys.readouterr().err
    for option in ("--qualities", "--distortions", "--trained-on", "--scalings"):
        assert main(["figure", str(image), str(tmp_path / "f.png"), option, ",", "--variant", "webp-q10"]) == 1
        assert f"{option} names no value" in capsys.readouterr().err


def test_the_rows_of_an_image_in_the_current_folder_name_it_as_their_data_set(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image.parent)
    assert main(["figure", image.name, "f.png", "--variant", "jpeg-q10", "--dpi", "72", "--csv", "f.csv"]) == 0
    assert list(read_results(Path("f.csv"))["dataset"]) == [image.parent.name]


def test_a_figure_says_what_reading_the_image_changed(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = frame(5)
    write_png(pixels, image, alpha=np.full(pixels.shape[:2], 99, np.uint8))
    assert main(["figure", str(image), str(tmp_path / "f.svg"), "--variant", "png"]) == 0
    assert "a frame.png: transparent parts are shown over black" in capsys.readouterr().err
