"""The coding verbs, called as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.images import read_image, write_png
from synthcomp_core.metrics import measure
from tests.pages.conftest import frame
from tests.tiny_codecs import make_codecs
from tests.upscalers.random_rcan import save_random_rcan


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "frame.png"
    write_png(frame(5), path)
    return path


@pytest.fixture
def rendered(reference: Path, artifacts: Path) -> Path:
    """The reference's file, of which the set files:dlss has a rendering."""
    folder = artifacts / "renderings" / "dlss"
    write_png(frame(5) // 2 * 2, folder / reference.name)
    return reference


@pytest.mark.parametrize("codec", ["jpeg-q50", "webp-q50", "avif-q50", "jxl-q50", "png", "none"])
def test_encode_then_decode_gives_what_the_codec_gives(codec: str, reference: Path, tmp_path: Path) -> None:
    from synthcomp_core.codecs import parse_codec

    assert main(["encode", str(reference), str(tmp_path / "out.bin"), "--codec", codec]) == 0
    assert main(["decode", str(tmp_path / "out.bin"), str(tmp_path / "out.png")]) == 0
    coder = parse_codec(codec)
    expected = coder.decode(coder.encode(frame(5)))
    assert np.array_equal(read_image(tmp_path / "out.png").image, expected)


@pytest.mark.parametrize(
    "arguments", [["--codec", "webp", "--target-bytes", "4k"], ["--codec", "webp-q90", "--target-bytes", "4000"]]
)
def test_encode_fills_a_size_and_says_which_quality_does(
    arguments: list[str], reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from synthcomp_core.codecs import parse_codec

    assert main(["encode", str(reference), str(tmp_path / "out.webp"), *arguments]) == 0
    sizes = {f"webp-q{quality}": len(parse_codec(f"webp-q{quality}").encode(frame(5))) for quality in range(1, 101)}
    fitting = max(size for size in sizes.values() if size <= 4000)
    assert (tmp_path / "out.webp").stat().st_size == fitting
    printed = " ".join(capsys.readouterr().out.split())
    assert f"; size {fitting:,} bytes (asked for: at most 4,000 bytes)" in printed
    assert any(f", {codec};" in printed for codec, size in sizes.items() if size == fitting)


def test_encode_and_render_take_a_target_in_the_id(reference: Path, tmp_path: Path) -> None:
    import csv

    variant = "jpeg-psnr32+444"
    assert main(["encode", str(reference), str(tmp_path / "out.jpg"), "--codec", variant]) == 0
    rendering = ["render", str(reference), str(tmp_path / "out.png"), "--variant", variant]
    assert main([*rendering, "--csv", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["variant"] == variant and 1 <= float(row["quality"]) <= 100
    assert 32 <= float(row["psnr_rgb"]) < 33
    assert int(row["num_bytes"]) == (tmp_path / "out.jpg").stat().st_size


def test_measure_prints_the_results_table_s_names_as_json(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.png"
    write_png(frame(6), other)
    assert main(["measure", str(reference), str(other), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    expected = measure(frame(5), frame(6))
    for name in ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y", "flip"):
        assert record[name] == pytest.approx(getattr(expected, name), abs=1e-12)
    assert (record["width"], record["height"]) == (200, 176)


def test_shaving_leaves_the_border_out_of_the_luma_metrics(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference in the border alone counts until it is shaved off; inside, by PSNR's definition on studio luma."""
    image = frame(5)
    image[:4] = image[-4:] = 255 - image[:4]
    image[:, :4] = image[:, -4:] = 0
    image[50:60, 70:90] //= 2
    write_png(image, tmp_path / "other.png")
    assert main(["measure", str(reference), str(tmp_path / "other.png"), "--shave", "4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record) == {"reference", "image", "width", "height", "shave", "psnr_y", "ssim_y", "msssim_y"}
    difference = (frame(5)[4:-4, 4:-4].astype(float) - image[4:-4, 4:-4]) @ [65.481, 128.553, 24.966] / 255
    assert record["psnr_y"] == pytest.approx(10 * np.log10(255**2 / np.mean(difference**2)), abs=1e-9)
    assert record["ssim_y"] == pytest.approx(
        measure(frame(5)[4:-4, 4:-4].copy(), image[4:-4, 4:-4].copy()).ssim_y, abs=1e-12
    )
    assert (record["width"], record["height"], record["shave"]) == (200, 176, 4)
    assert main(["measure", str(reference), str(tmp_path / "other.png"), "--shave", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["psnr_y"] < record["psnr_y"] - 3


def test_identical_images_have_infinite_psnr_in_valid_json(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", str(reference), str(reference), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["psnr_rgb"] == "inf"


def test_render_writes_picture_bitstream_and_row(reference: Path, tmp_path: Path) -> None:
    import csv

    status = main(
        [
            *("render", str(reference), str(tmp_path / "o.png"), "--variant", "webp-q70@x2-bicubic"),
            *("--bitstream", str(tmp_path / "o.webp"), "--csv", str(tmp_path / "o.csv")),
        ]
    )
    assert status == 0
    with (tmp_path / "o.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["variant"] == "webp-q70@x2-bicubic"
    assert int(row["num_bytes"]) == (tmp_path / "o.webp").stat().st_size
    assert float(row["bpp"]) == int(row["num_bytes"]) * 8 / (200 * 176)
    measured = measure(frame(5), read_image(tmp_path / "o.png").image)
    assert float(row["psnr_rgb"]) == pytest.approx(measured.psnr_rgb, abs=1e-9)


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "missing.png", "o.bin", "--codec", "png"],
        ["encode", "{frame}", "o.bin", "--codec", "gif-q1"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg-q101"],
        ["encode", "{frame}", "o.bin", "--codec", "png", "--max-megapixels", "0.001"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg-q75+lossless"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg", "--target-bytes", "100 parsecs"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg", "--target-bytes", "0"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg", "--target-psnr", "99"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg", "--target-psnr", "nan"],
        ["encode", "{frame}", "o.bin", "--codec", "jpeg", "--target-psnr", "30", "--target-bpp", "1"],
        ["encode", "{frame}", "o.bin", "--codec", "png", "--target-bytes", "100k"],
        ["encode", "{frame}", "o.bin", "--codec", "webp-psnr"],
        ["decode", "{frame}.txt", "o.png"],
        ["decode", "missing.scb", "o.png"],
        ["measure", "{frame}", "{small}"],
        ["measure", "{frame}", "{frame}", "--shave", "88"],
        ["render", "{frame}", "o.png", "--variant", "png@x2"],
        *(
            [*verb, *option]
            for verb in (
                ["encode", "{frame}", "o.bin", "--codec", "webp-q80"],
                ["encode", "{frame}", "o.bin", "--codec", "webp", "--target-bpp", "1"],
                ["decode", "{frame}", "o.bin"],
                ["render", "{frame}", "o.bin", "--variant", "webp-q80"],
                ["upscale", "{frame}", "o.bin", "--method", "lanczos", "--scale", "2"],
                ["share", "{frame}", "--variant", "webp-q80", "--out", "o.html"],
            )
            for option in (["--device", "nonsense"], ["--precision", "floaty"])
        ),
        ["bench", "upscale", "--method", "lanczos", "--precision", "floaty"],
        ["render", "{frame}", "o.png", "--variant", "files:dlss", "--repeats", "3"],
        ["snapshot", "show", "nothing-like-this"],
        ["snapshot", "import", "missing.pt", "--id", "a-b"],
        ["snapshot", "import", "{frame}.txt", "--id", "a-b"],
        ["snapshot", "import", "{frame}.txt", "--id", "../x"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_a_wrong_call_gives_one_line_and_status_1(
    arguments: list[str],
    reference: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frame.png.txt").write_text("neither an image nor a bitstream")
    write_png(frame(5, width=20, height=20), tmp_path / "small.png")
    filled = [word.format(frame=str(reference), small=str(tmp_path / "small.png")) for word in arguments]
    assert main(filled) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("Error: ")
    assert "\n" not in error
    assert "Traceback" not in error
    assert not (tmp_path / "o.bin").exists() and not (tmp_path / "o.html").exists()


def test_list_names_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for word in ("jpeg-qN", "webp-qN", "avif-qN", "jxl-qN", "jpeg2000-qN", "png", "none", "bicubic", "psnr_rgb"):
        assert word in printed


@pytest.mark.parametrize("verb", ["list", "encode", "decode", "render", "measure", "bitstream", "snapshot", "bench"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["nonsense", "cuda:9"])
def test_an_unknown_device_of_a_learned_codec_is_refused_in_one_sentence(
    device: str, reference: Path, tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_codecs(("mbt2018-q4-mse-games",))
    codec = ["--codec", "mbt2018-q4-mse-games", "--device", device]
    assert main(["encode", str(reference), str(tmp_path / "out.scb"), *codec]) == 1
    assert f"Device {device!r} is not available on this machine" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.scb").exists()


def test_list_names_every_upscaler_once(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_random_rcan("rcan-x2-games", scale=2)
    save_random_rcan("rcan-x2-games-coded", scale=2)
    assert main(["list"]) == 0
    ids = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ids.count("rcan") == 1 and "rcan-x2-games" not in ids and ids.count("rcan-x2-games-coded") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "frame.png", "frame.png", "--codec", "png"],
        ["encode", "frame.png", "./frame.png", "--codec", "webp", "--target-bytes", "2k"],
        ["encode", "link.png", "frame.png", "--codec", "jpeg-q30"],
        ["decode", "frame.png", "frame.png"],
        ["upscale", "frame.png", "frame.png", "--scale", "2"],
        ["render", "frame.png", "frame.png", "--variant", "jpeg-q30"],
        ["render", "frame.png", "out.png", "--variant", "png", "--bitstream", "frame.png"],
        ["figure", "frame.png", "frame.png", "--variant", "jpeg-q30"],
        ["fsr", "frame.png", "--method", "lanczos", "--csv", "frame.png"],
        ["results", "export", "table.csv", "table.csv"],
        ["results", "import", "table.csv", "table.csv"],
        ["results", "plot", "table.csv", "--out", "table.csv"],
        ["results", "plot", "table.csv", "--reference", "link.csv", "--out", "table.csv"],
        ["evaluate", ".", "--variants", "webp-q30", "--out", "frame.png"],
        ["render", "frame.png", "artifacts/renderings/dlss/frame.png", "--variant", "files:dlss"],
        ["figure", "frame.png", "artifacts/renderings/dlss/frame.png", "--variant", "files:dlss"],
    ],
)
def test_no_verb_writes_over_the_file_that_it_reads(
    arguments: list[str], rendered: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rendered.parent)
    Path("link.png").symlink_to(rendered)
    Path("table.csv").write_text("variant,quality,bpp,psnr_rgb\njpeg-q30,30,0.5,32.0\n")
    Path("link.csv").symlink_to("table.csv")
    if arguments[0] == "evaluate":
        Path("link.png").unlink()  # of the same stem
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "would be overwritten" in error and len(error.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["render", "frame.png", "o.png", "--variant", "png", "--bitstream", "o.png"],
        ["render", "frame.png", "o.png", "--variant", "png", "--bitstream", "o.bin", "--csv", "new/../o.bin"],
        ["render", "frame.png", "o.png", "--variant", "png", "--csv", "link.csv", "--bitstream", "table.csv"],
        ["figure", "frame.png", "o.pdf", "./o.pdf", "--variant", "png"],
        ["fsr", "frame.png", "--csv", "o.csv", "--markdown", "o.csv"],
    ],
)
def test_no_verb_writes_two_outputs_to_one_file(
    arguments: list[str], reference: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reference.parent)
    Path("new").mkdir()
    Path("table.csv").write_text("")
    Path("link.csv").symlink_to("table.csv")
    before = sorted(Path().rglob("*"))
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "would be written twice" in error and len(error.strip().splitlines()) == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("out", ["frame.png/o", "folder"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", ".", "--variants", "webp-q30", "--out"],
        ["render", "frame.png", "o.png", "--variant", "png", "--csv"],
        ["fsr", "frame.png", "--markdown"],
        ["results", "plot", "table.csv", "--out"],
        ["encode", "frame.png", "--codec", "png"],
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(
    arguments: list[str], out: str, reference: Path, artifacts: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(reference.parent)
    Path("folder").mkdir()
    Path("table.csv").write_text("variant,quality,bpp,psnr_rgb\njpeg-q30,30,0.5,32.0\n")
    before = sorted(Path().rglob("*"))
    assert main([*arguments, out]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"Error: {out} cannot be read or written: ") and not said.out
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--repeats", "3"], "files:dlss was made elsewhere and cannot be timed; leave out --repeats."),
        (["--repeats", "1001"], "less than or equal to 1000"),
        (["--bitstream", "o.bin"], "files:dlss was made elsewhere and has no bitstream to write; leave out"),
    ],
)
def test_what_renderings_made_elsewhere_do_not_have_is_refused_before_the_work(
    options: list[str], said: str, rendered: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthcomp_core.cli import coding

    monkeypatch.chdir(rendered.parent)
    call = ["render", str(rendered), "o.png", "--variant", "files:dlss"]
    assert main(call) == 0
    Path("o.png").unlink()
    capsys.readouterr()
    monkeypatch.setattr(coding, "evaluate", lambda *image, **options: pytest.fail("measured"))
    assert main([*call, *options]) != 0
    assert said in " ".join(capsys.readouterr().err.split()) and not Path("o.png").exists()


@pytest.mark.parametrize("target", [[], ["--target-bpp", "1"]])
@pytest.mark.parametrize("of_folder", [False, True])
def test_renderings_made_elsewhere_encode_nothing(
    target: list[str], of_folder: bool, rendered: Path, tmp_path: Path, artifacts: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "frames").mkdir()
    rendered.rename(tmp_path / "frames" / rendered.name)
    source = tmp_path / "frames" if of_folder else tmp_path / "frames" / rendered.name
    assert main(["encode", str(source), str(tmp_path / "out"), "--codec", "files:dlss", *target]) == 1
    expected = "Error: files:dlss was made elsewhere and has no bitstream to write; name a codec, as in webp-q80.\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "out").exists() and not (artifacts / "runs").exists()
