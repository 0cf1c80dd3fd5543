"""The verbs `upscale` and `fsr`, called as a user calls them."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcomp_core.cli import main
from synthcomp_core.images import downscale, read_image, resize, write_png
from synthcomp_core.upscalers import fsr_benchmark
from synthcomp_core.upscalers.fsr1 import Fsr1
from synthcomp_core.upscalers.neural import import_upscaler
from tests.pages.conftest import frame
from tests.upscalers.networks import bilinear_rcan
from tests.upscalers.test_fsr_benchmark import fill_with_samples


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "frame.png"
    write_png(frame(5, 61, 45), path)
    return path


@pytest.mark.parametrize(
    ("options", "sharpness", "size"),
    [
        (["--scale", "1.5"], 0.2, (92, 68)),  # 61 * 1.5 = 91.5 and 45 * 1.5 = 67.5, halves up
        (["--method", "fsr1", "--size", "100x90"], 0.2, (100, 90)),
        (["--scale", "2", "--sharpness", "off"], None, (122, 90)),
        (["--scale", "2", "--sharpness", "0.75"], 0.75, (122, 90)),
        (["--scale", "2", "--sharpness", "0"], 0.0, (122, 90)),
    ],
)
def test_upscale_by_fsr(
    options: list[str], sharpness: float | None, size: tuple[int, int], image: Path, tmp_path: Path
) -> None:
    assert main(["upscale", str(image), str(tmp_path / "out.png"), *options]) == 0
    assert np.array_equal(read_image(tmp_path / "out.png").image, Fsr1(sharpness).upscale(frame(5, 61, 45), size))


def test_upscale_by_interpolation_and_by_rcan(image: Path, tmp_path: Path, artifacts: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["upscale", str(image), str(out), "--method", "lanczos", "--size", "97x31"]) == 0
    assert np.array_equal(read_image(out).image, resize(frame(5, 61, 45), (97, 31), method="lanczos"))
    import_upscaler(bilinear_rcan().state_dict(), id="rcan-x2-games")
    assert main(["upscale", str(image), str(out), "--method", "rcan", "--scale", "2"]) == 0
    assert read_image(out).image.shape == (90, 122, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "either --scale"),
        (["--scale", "2", "--size", "9x9"], "either --scale"),
        (["--size", "9by9"], "WIDTHxHEIGHT"),
        (["--size", "0x9"], "WIDTHxHEIGHT"),
        (["--scale", "0"], "above 0"),
        (["--scale", "nan"], "above 0"),
        (["--scale", "5000"], "megapixels"),
        (["--scale", "2", "--sharpness", "much"], "stops"),
        (["--scale", "2", "--sharpness", "-1"], "stops"),
        (["--scale", "2", "--sharpness", "99"], "stops"),
        (["--scale", "2", "--method", "lanczos", "--sharpness", "0.2"], "for fsr1"),
        (["--scale", "2", "--method", "magic"], "Unknown upscaler"),
        (["--scale", "2", "--method", "rcan"], "snapshot import"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_1(
    options: list[str],
    message: str,
    image: Path,
    tmp_path: Path,
    artifacts: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["upscale", str(image), str(tmp_path / "out.png"), *options]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_beyond_2x_fsr_says_that_quality_falls_off(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upscale", str(image), str(tmp_path / "out.png"), "--scale", "3"]) == 0
    assert "quality falls off" in capsys.readouterr().err


def test_fsr_on_a_folder_prints_the_table_and_writes_the_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_with_samples(tmp_path / "samples", 1)
    assert main(["fsr", str(tmp_path / "samples"), "--csv", str(tmp_path / "fsr.csv")]) == 0
    printed = capsys.readouterr().out
    assert "penalise sharpening" in printed and "FSR 1, sharpened" in printed
    with (tmp_path / "fsr.csv").open(encoding="utf-8") as file:
        assert [row["quality"] for row in csv.DictReader(file)] == ["q2", "q3", "q4", "q5"] * 2


def test_fsr_exits_with_1_when_a_file_is_at_fault_and_evaluates_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_with_samples(tmp_path / "samples", 1)
    (tmp_path / "samples" / "1-q3.png").unlink()
    assert main(["fsr", str(tmp_path / "samples"), "--csv", str(tmp_path / "fsr.csv")]) == 1
    assert "1-q3.png is missing." in capsys.readouterr().err
    with (tmp_path / "fsr.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and sum(bool(row["psnr_rgb"]) for row in rows) == 7


def test_fsr_on_an_image_compares_upscalers_and_prints_the_curve(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "fsr.md"
    call = ["fsr", str(image), "--method", "fsr1_off", "--method", "bicubic", "--curve", "2", "--markdown", str(table)]
    assert main(call) == 0
    printed = capsys.readouterr().out
    assert "Bicubic" in printed and "over sharpness" in printed
    assert table.read_text(encoding="utf-8").count("FSR 1, not sharpened |") == 4


def test_the_limit_on_megapixels_counts_for_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples, archive = tmp_path / "samples", tmp_path / "samples.zip"
    fill_with_samples(samples, 1)
    with zipfile.ZipFile(archive, "w") as opened:
        for path in samples.iterdir():
            opened.write(path, path.name)
    for source in (samples, archive):
        assert main(["fsr", str(source), "--max-megapixels", "0.001"]) == 1
        assert "1-native.png" in (error := capsys.readouterr().err) and "the limit is 0.001" in error
    assert main(["fsr", str(samples), "--max-megapixels", "nan"]) == 1
    assert "--max-megapixels is nan" in capsys.readouterr().err


def test_fsr_writes_over_no_sample_but_over_its_own_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = tmp_path / "samples"
    fill_with_samples(samples / "inside", 1)
    table = samples / "inside" / "fsr.csv"
    for _ in range(2):
        assert main(["fsr", str(samples), "--csv", str(table)]) == 0
    before = (samples / "inside" / "1-native.png").read_bytes()
    capsys.readouterr()
    assert main(["fsr", str(samples), "--csv", str(samples / "inside" / "1-native.png")]) == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert (samples / "inside" / "1-native.png").read_bytes() == before


@pytest.mark.parametrize("scale", ["0", "0.5", "1", "nan", "-2", "inf", "8.1"])
def test_a_curve_at_no_scale_is_refused_before_the_benchmark(
    scale: str, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fsr", str(image), f"--curve={scale}"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"Error: --curve is {scale}; the scale must be above 1 and at most 8.\n"


def test_fsr_works_the_image_out_once_and_shrinks_it_once_for_each_scale(
    image: Path, reference_parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shrunk: list[float | None] = []

    def counted(image: np.ndarray, scale: float | None) -> np.ndarray:
        shrunk.append(scale)
        return downscale(image, scale)

    monkeypatch.setattr(fsr_benchmark, "downscale", counted)
    assert main(["fsr", str(image), "--method", "bicubic", "--method", "fsr1", "--curve", "2"]) == 0
    assert sorted(reference_parts) == ["flip_features", "reference_scales"]
    assert shrunk == [*fsr_benchmark.FSR_MODES.values(), 2.0]


def test_fsr_works_a_native_sample_out_once(tmp_path: Path, reference_parts: list[str]) -> None:
    fill_with_samples(tmp_path / "samples", 2)
    assert main(["fsr", str(tmp_path / "samples")]) == 0
    assert sorted(reference_parts) == ["flip_features"] * 2 + ["reference_scales"] * 2


def test_fsr_reads_an_image_once_and_says_once_what_reading_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(frame(5, 61, 45), tmp_path / "clear.png", alpha=np.full((45, 61), 128, np.uint8))
    assert main(["fsr", str(tmp_path / "clear.png"), "--method", "bicubic", "--curve", "2"]) == 0
    assert capsys.readouterr().err.count("clear.png: ") == 1


def test_fsr_on_a_folder_of_something_else_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsr", str(tmp_path)]) == 1
    assert "1-native.png" in capsys.readouterr().err


def test_bench_upscale_prints_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "upscale", "--size", "64x48", "--repeats", "2"]) == 0
    printed = capsys.readouterr().out
    assert "fsr1 64x48 to 128x96" in printed and "Pillow bicubic" in printed and "x" in printed
    assert " on " not in printed


def test_bench_upscale_runs_a_network_and_its_peer_on_one_device(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["bench", "upscale", "--method", "rcan-compact", "--size", "32x24", "--repeats", "1"]
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        assert main([*call, "--against", "float32-contiguous", "--device", device]) == 0
        printed = capsys.readouterr().out
        assert printed.count(f" s on {device}, ") == 2 and "dB from it" in printed
    assert main([*call, "--device", "cpu"]) == 0
    assert capsys.readouterr().out.count(" on cpu") == 1  # Pillow is nowhere else.


def test_a_curve_and_a_method_for_samples_are_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "samples.zip"
    fill_with_samples(tmp_path / "samples")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in (tmp_path / "samples").iterdir():
            opened.write(path, path.name)
    for source in (archive, tmp_path / "samples"):
        assert main(["fsr", str(source), "--curve", "2"]) == 1
        message = capsys.readouterr().err
        assert f"--curve needs an image to downscale; {source.name} holds samples" in " ".join(message.split())
        assert main(["fsr", str(source), "--method", "nis"]) == 1
        message = capsys.readouterr().err
        assert f"--method needs an image to downscale; {source.name} holds samples" in " ".join(message.split())


@pytest.mark.parametrize("device", ["nonsense", "cuda:9", "xpu", "cpu:x"])
def test_an_unknown_device_is_refused_in_one_sentence(
    device: str, image: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_upscaler(bilinear_rcan(2).state_dict(), id="rcan-x2-games")
    out = str(image.with_name("out.png"))
    assert main(["upscale", str(image), out, "--method", "rcan", "--scale", "2", "--device", device]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert f"Device {device!r} is not available on this machine: use one of cpu" in message
    assert "Traceback" not in message


def test_what_only_codecs_have_is_refused_of_an_upscaler_s_checkpoint(
    tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(bilinear_rcan(2).state_dict(), tmp_path / "mine.pt")
    call = ["snapshot", "import", str(tmp_path / "mine.pt")]
    assert main([*call, "--quality", "4", "--lambda", "0.1"]) == 1
    assert "mine.pt holds an upscaler, which has no quality and lambda; leave that out" in capsys.readouterr().err
    assert main([*call, "--trained-on", "games"]) == 0


def test_a_quality_beside_a_snapshot_is_refused_by_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "codec", "--snapshot", "mbt2018-q4-mse-games", "--quality", "8"]) == 1
    assert "--quality is for an architecture" in capsys.readouterr().err
