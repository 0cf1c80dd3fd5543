"""The command line under attack: one line on standard error, no control characters, no traceback."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from synthcomp_core.cli import main
from synthcomp_core.cli.console import visible
from synthcomp_core.images import write_png
from synthcomp_core.results.rows import write_rows
from tests.codecs.models import frame
from tests.images.test_structure import saved
from tests.results.test_hostile_results import ROW


@pytest.mark.parametrize("limit", ["nan", "inf", "-1", "0", "1e99"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: str) -> None:
    write_png(frame(0, width=16, height=16), tmp_path / "a.png")
    assert (
        main(
            [
                "encode",
                str(tmp_path / "a.png"),
                str(tmp_path / "b.webp"),
                "--codec",
                "webp-q50",
                f"--max-megapixels={limit}",
            ]
        )
        == 1
    )
    assert "--max-megapixels" in capsys.readouterr().err
    assert not (tmp_path / "b.webp").exists()


@pytest.mark.parametrize(
    "target", ["--target-bpp=1e-300", "--target-bpp=nan", "--target-flip=1e-9", "--target-psnr=inf"]
)
def test_a_target_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    write_png(frame(0, width=16, height=16), tmp_path / "a.png")
    assert main(["encode", str(tmp_path / "a.png"), str(tmp_path / "b.webp"), "--codec", "webp", target]) == 1
    assert "cannot be reached: it must be above 0" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--lambda=nan", "--lambda=inf", "--lambda=0", "--quality=-1", "--steps=-1"])
def test_what_no_card_may_hold_is_refused_before_a_checkpoint_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["snapshot", "import", str(tmp_path / "missing.pt"), "--id", "x", option]) != 0
    error = capsys.readouterr().err
    assert option.partition("=")[0] in error and "missing.pt" not in error


def test_a_pipe_is_not_replaced_by_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(frame(0, width=16, height=16), tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.webp")
    assert main(["encode", str(tmp_path / "a.png"), str(tmp_path / "pipe.webp"), "--codec", "webp-q50"]) == 1
    assert "pipe or a device" in capsys.readouterr().err
    assert (tmp_path / "pipe.webp").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "pipe.webp"]


def test_where_nothing_can_be_written_is_a_sentence_without_a_number_of_the_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(frame(0, width=16, height=16), tmp_path / "a.png")
    for out in (tmp_path, tmp_path / "a.png" / "b.webp", tmp_path / ("x" * 300), Path("/proc/none/b.webp")):
        assert main(["encode", str(tmp_path / "a.png"), str(out), "--codec", "webp-q50"]) == 1
        shown = capsys.readouterr().err
        assert "cannot be read or written: " in shown and "Errno" not in shown and ".part" not in shown, shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_no_message_advises_to_run_what_is_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in (b"# a text\n", b"\x80\x02X" + bytes(20), b"", bytes(range(256))):
        (tmp_path / "odd.pt").write_bytes(content)
        assert main(["snapshot", "import", str(tmp_path / "odd.pt"), "--id", "odd"]) == 1
        shown = capsys.readouterr().err
        assert "odd.pt cannot be loaded" in shown and "weights_only" not in shown and shown.count("\n") == 1, shown


def test_what_libraries_say_of_a_damaged_file_is_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = saved(frame(0, width=64, height=48), "TIFF", compression="tiff_lzw")
    (tmp_path / "odd.tif").write_bytes(content[: len(content) - 20])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert main(["measure", str(tmp_path / "odd.tif"), str(tmp_path / "odd.tif")]) == 1
    assert said == [] and capfd.readouterr().err.count("\n") == 1


def test_names_with_escapes_and_line_breaks_are_written_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "a\x1b[31m\nb\u202e[red].png"
    write_png(frame(0, width=16, height=16), name)
    os.truncate(name, 50)
    assert main(["encode", str(name), str(tmp_path / "b.webp"), "--codec", "webp-q50"]) == 1
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and "\u202e" not in shown and shown.count("\n") == 1 and "\\x1b[31m\\nb" in shown
    write_png(frame(0, width=16, height=16), name)
    assert main(["encode", str(name), str(name.with_suffix(".webp")), "--codec", "webp-q50"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_validate_goes_on_after_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "good.csv", [ROW])
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "nested.json").write_text("[" * 100_000)
    (tmp_path / "odd.json").write_text('{"results": {"bpp": 5}}')
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)))
    bad = ["absent.csv", "pipe.csv", "nested.json", "odd.json", "noise.csv", ""]
    status = main(["results", "validate", *(str(tmp_path / name) for name in bad), str(tmp_path / "good.csv")])
    found = capsys.readouterr()
    assert status == 1 and "good.csv: ok" in found.out
    assert len(found.err.splitlines()) == len(bad)


@pytest.mark.parametrize("text", ["/dev/zero", "pipe", "."])
def test_no_verb_waits_for_a_device_or_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = text if text == "/dev/zero" else str(tmp_path / text)
    for arguments in (
        *(["run", path], ["train", path], ["decode", path, str(tmp_path / "x.png")], ["bitstream", "show", path]),
        *(["measure", path, path], ["results", "validate", path], ["snapshot", "import", path, "--id", "x"]),
    ):
        assert main(arguments) == 1, arguments
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1 and "Traceback" not in shown, arguments


def test_control_characters_are_written_out_and_other_text_is_left() -> None:
    assert visible("é ∞ 日本 [red] \t\n") == "é ∞ 日本 [red] \t\n"
    assert visible("\x9b0m\x07\x00\x7f\u2066\ud800") == "\\x9b0m\\x07\\x00\\x7f\\u2066\\ud800"
