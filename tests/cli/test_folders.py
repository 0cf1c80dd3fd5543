"""The verbs on a folder: `evaluate`, `encode` and `upscale`; tasks are carried out on the spot, without Dask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.codecs import parse_codec
from synthcomp_core.images import read_image, write_png
from synthcomp_core.results.table import read_results, table_rows
from synthcomp_core.upscalers import parse_upscaler
from tests.batch.conftest import OnTheSpot, frame, on_the_spot, write_frames

__all__ = ["on_the_spot"]


@pytest.fixture
def frames(tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot) -> Path:
    write_frames(tmp_path / "my frames", 2)
    return tmp_path / "my frames"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_evaluate_writes_the_table_and_later_only_adds_what_is_missing(
    frames: Path, tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.csv"
    arguments = ["evaluate", str(frames), "--metric", "psnr_rgb", "--out", str(out)]
    assert main([*arguments, "--variants", "jpeg-q{30,60}"]) == 0
    text = printed(capsys)
    assert "4 of 4 tasks carried out" in text
    rows = table_rows(read_results(out))
    assert [(row.image, row.variant) for row in rows] == [
        (f"frame{number}.png", variant) for number in (0, 1) for variant in ("jpeg-q30", "jpeg-q60")
    ]
    mean = np.mean([row.psnr_rgb or 0.0 for row in rows if row.variant == "jpeg-q60"])
    assert f"{mean:.2f}" in text
    assert all(row.flip is None for row in rows)  # Only what was asked for.
    assert main([*arguments, "--variants", "jpeg-q{30,60}", "--variants", "webp-q50"]) == 0
    assert "2 of 6 tasks carried out, 4 already there" in printed(capsys)
    assert {row.variant for row in table_rows(read_results(out))} == {"jpeg-q30", "jpeg-q60", "webp-q50"}
    (run,) = (artifacts / "runs").iterdir()
    assert run.name.startswith("evaluate-my-frames-")


def test_evaluate_says_over_how_many_images_a_mean_of_psnr_is(
    tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frames(tmp_path / "frames", 2)
    write_png(np.full((48, 64, 3), 128, np.uint8), tmp_path / "frames" / "grey.png")
    call = ["evaluate", str(tmp_path / "frames"), "--metric", "psnr_rgb", "--variants", "jpeg-q90"]
    assert main([*call, "--variants", "none"]) == 0
    text = printed(capsys)
    assert " (2 of 3) " in text and "none 3 24.0000 ∞" in text


def test_encode_of_a_folder_writes_the_bitstreams_that_encode_writes_one_by_one(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", str(frames), str(tmp_path / "coded"), "--codec", "webp-q40"]) == 0
    assert "2 files and results.csv" in printed(capsys)
    for number in (0, 1):
        expected = parse_codec("webp-q40").encode(frame(number))
        assert (tmp_path / "coded" / f"frame{number}.webp").read_bytes() == expected
    assert main(["encode", str(frames), str(tmp_path / "coded"), "--codec", "webp-q40"]) == 0
    assert "0 of 2 tasks carried out" in printed(capsys)


def test_encode_of_a_folder_aims_at_a_size_for_each_image(frames: Path, tmp_path: Path) -> None:
    arguments = ["encode", str(frames), str(tmp_path / "coded"), "--codec", "jpeg", "--target-bytes", "1500"]
    assert main(arguments) == 0
    sizes = [path.stat().st_size for path in (tmp_path / "coded").glob("*.jpg")]
    assert len(sizes) == 2
    assert all(1000 < size <= 1500 for size in sizes)


def test_upscale_of_a_folder_writes_the_images_that_upscale_writes_one_by_one(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["upscale", str(frames), str(tmp_path / "large"), "--method", "nis", "--scale", "1.5"]
    assert main(arguments) == 0
    for number in (0, 1):
        enlarged = read_image(tmp_path / "large" / f"frame{number}.png").image
        assert np.array_equal(enlarged, parse_upscaler("nis").upscale(frame(number), (120, 96)))
    rows = table_rows(read_results(tmp_path / "large" / "results.csv"))
    assert [row.variant for row in rows] == ["none@x1.5-nis"] * 2
    assert all(row.psnr_rgb is None and row.upscale_s is not None for row in rows)
    capsys.readouterr()
    assert main(arguments) == 0
    assert "0 of 2 tasks carried out, 2 already there" in printed(capsys)
    # What is gone is made again.
    next((tmp_path / "artifacts" / "runs").rglob("frame1.png")).unlink()
    assert main(arguments) == 0
    assert "1 of 2 tasks carried out" in printed(capsys)


def test_upscale_of_a_folder_keeps_transparency_as_upscale_of_one_image_does(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alpha = np.tile(np.arange(80, dtype=np.uint8) * 3, (64, 1))
    write_png(frame(1), frames / "frame1.png", alpha=alpha)
    options = ["--method", "bicubic", "--scale", "2"]
    assert main(["upscale", str(frames), str(tmp_path / "large"), *options]) == 0
    assert main(["upscale", str(frames / "frame1.png"), str(tmp_path / "one.png"), *options]) == 0
    assert (tmp_path / "large" / "frame1.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert read_image(tmp_path / "one.png", keep_alpha=True).alpha is not None
    assert read_image(tmp_path / "large" / "frame0.png", keep_alpha=True).alpha is None
    assert "black" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["evaluate", "--metric", "psnr_rgb", "--variants"], ["encode", "coded", "--codec"]])
def test_what_reading_a_folder_changed_is_said_once_with_the_number_of_images(
    verb: list[str], frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        write_png(frame(number), frames / f"frame{number}.png", alpha=np.full((64, 80), 99, np.uint8))
    patterns = ["webp-q{30,60}" if verb[0] == "evaluate" else "webp-q30"]
    assert main([verb[0], str(frames), *verb[1:], *patterns]) == 0
    assert capsys.readouterr().err.count("2 images: transparent parts are shown over black") == 1


def test_advise_on_a_folder_says_once_what_reading_it_changed(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(frame(1), frames / "frame1.png", alpha=np.full((64, 80), 99, np.uint8))
    assert main(["advise", str(frames), "--target-bpp", "1", "--family", "webp", "--family", "jpeg"]) == 0
    assert capsys.readouterr().err.count("1 image: transparent parts are shown over black") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "nowhere", "--variants", "jpeg-q30"], "is neither a folder nor a data set"),
        (["evaluate", "empty", "--variants", "jpeg-q30"], "holds no image"),
        (["evaluate", "my frames", "--variants", "jpeg-q300"], 'Error: --variants has "jpeg-q300". '),
        (["evaluate", "my frames", "--variants", "jpeg-q{30"], 'Error: --variants has "jpeg-q{30". '),
        (["evaluate", "my frames", "--variants", "jpeg-q30\x7f"], "Error: --variants has "),
        (["evaluate", "my frames", "--variants", "jpeg-q30", "--metric", "beauty"], 'Error: --metric has "beauty"; '),
        (["encode", "my frames", "coded", "--codec", "webp-q8x"], "Error: Codec 'webp-q8x' has no whole number"),
        (["encode", "my frames", "coded", "--codec", "mbt2018-q{4,6}-mse-games"], "Error: Unknown codec 'mbt2018-q{4"),
        (["encode", "my frames", "coded", "--codec", "mbt2018-q4-mse-games@x2-nis"], "Error: Unknown codec 'mbt2018"),
        (["encode", "my frames", "my frames/frame0.png", "--codec", "jpeg-q30"], "needs a folder"),
        (["encode", "my frames", "empty/file/coded", "--codec", "jpeg-q30"], "results.csv cannot be read or written"),
        (["upscale", "my frames", "empty/file/new", "--scale", "2"], "results.csv cannot be read or written: "),
        (["upscale", "my frames", "large", "--size", "100x100"], "give --scale"),
        (["upscale", "my frames", "large", "--scale", "0.5"], "Error: --scale is 0.5; for a folder"),
        (["upscale", "my frames", "large", "--scale", "9"], "Error: --scale is 9; for a folder"),
        (
            ["upscale", "my frames", "large", "--scale", "nan", "--method", "rcan"],
            "Error: --scale is nan; for a folder",
        ),
        (
            ["advise", "my frames", "--target-bpp", "1", "--scale", "nan"],
            "Error: A scale is nan; it must be at least 1",
        ),
        (["advise", "my frames", "--target-bpp", "1", "--scale", "9"], "Error: A scale is 9; it must be at least 1"),
        (["upscale", "my frames", "large", "--scale", "1.5", "--method", "magic"], "magic"),
        (["upscale", "my frames", "large", "--scale", "1.5", "--device", "cpu"], "--device is for a single image"),
        (["encode", "my frames", "coded", "--codec", "webp-q40", "--device", "cpu"], "--device is for a single"),
        (["encode", "my frames", "coded", "--codec", "webp-q40", "--device", "nonsense"], "Device 'nonsense' is not"),
        (["encode", "my frames", "coded", "--codec", "webp-q40", "--precision", "floaty"], "Unknown precision"),
        (["evaluate", "my frames", "--variants", "webp-q40", "--precision", "floaty"], "Unknown precision 'floaty'"),
    ],
)
def test_a_wrong_call_is_one_line_and_begins_nothing(
    arguments: list[str], said: str, frames: Path, tmp_path: Path, artifacts: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").touch()
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (artifacts / "runs").exists()


def test_an_enlarging_plan_takes_only_variants_that_enlarge(tmp_path: Path, artifacts: Path) -> None:
    from synthcomp_core.batch.plan import parse_run_plan
    from synthcomp_core.errors import PlanError

    write_frames(tmp_path / "frames", 1)
    text = 'enlarge = true\nvariants = ["jpeg-q30"]\n[[datasets]]\nfolder = "frames"\n'
    with pytest.raises(PlanError, match="none@xSCALE-UPSCALER"):
        parse_run_plan(text, tmp_path / "plan.toml")


@pytest.mark.parametrize(
    "verb",
    [
        ["upscale", "--scale", "2", "--method", "bicubic"],
        ["encode", "--codec", "png"],
        ["encode", "--codec", "webp-q40"],
    ],
)
@pytest.mark.parametrize(
    "out", ["my frames", "my frames/../my frames", "link", "outer", "outer/my frames", "outer/new"]
)
def test_the_images_of_a_folder_are_never_written_over_nor_mixed_with_what_is_made_of_them(
    verb: list[str], out: str, frames: Path, tmp_path: Path, artifacts: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(frames)
    source = "my frames"
    if out.startswith("outer"):  # Its images lie in a subfolder, so that all of its subfolders are read.
        (tmp_path / "outer").mkdir()
        frames.rename(tmp_path / "outer" / "my frames")
        source = "outer"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    assert main([verb[0], source, out, *verb[1:]]) == 1
    error = capsys.readouterr().err
    assert "give another folder" in error and len(error.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".png", ".webp")} == before
    assert not (artifacts / "runs").exists()


def test_a_folder_of_links_is_not_written_to_where_the_images_lie(
    frames: Path, tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "links").mkdir()
    for path in frames.iterdir():
        (tmp_path / "links" / path.name).symlink_to(path)
    assert main(["encode", str(tmp_path / "links"), str(frames), "--codec", "png"]) == 1
    assert "give another folder" in capsys.readouterr().err


def test_a_subfolder_of_a_folder_that_holds_images_itself_takes_what_is_made_of_them(
    frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in ("2 of 2 tasks carried out", "0 of 2 tasks carried out, 2 already there"):
        assert main(["encode", str(frames), str(frames / "coded"), "--codec", "png"]) == 0
        assert said in printed(capsys)


def test_images_that_have_gone_from_a_folder_are_not_copied_again(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", str(frames), str(tmp_path / "first"), "--codec", "webp-q40"]) == 0
    (frames / "frame0.png").unlink()
    capsys.readouterr()
    assert main(["encode", str(frames), str(tmp_path / "second"), "--codec", "webp-q40"]) == 0
    assert "second: 1 file and results.csv" in printed(capsys)
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["frame1.webp", "results.csv"]
