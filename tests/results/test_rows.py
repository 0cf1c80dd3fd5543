"""Writing results tables: one row per line, readable at any moment, and after a kill."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from synthcomp_core.results.rows import COLUMNS, append_rows, rows_to_csv, write_rows
from synthcomp_core.results.table import read_results, table_rows
from tests.conftest import PROJECT_ROOT
from tests.results.samples import row


def test_the_columns_are_those_of_the_design() -> None:
    assert ",".join(COLUMNS) == (
        "dataset,image,width,height,variant,codec,quality,lmbda,distortion,trained_on,scale,upscaler,num_bytes,bpp,"
        "bpp_estimated,psnr_rgb,psnr_y,ssim_rgb,ssim_y,msssim_rgb,msssim_y,flip,ssimulacra2,encode_s,decode_s,upscale_s,"
        "precision,device,upscaler_precision,upscaler_device,error"
    )


def test_appending_adds_below_one_header(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.csv"
    write_rows(path, [row("a.png")])
    append_rows(path, [])
    append_rows(path, [row("b.png"), row("c.png")])
    assert path.read_text() == rows_to_csv([row("a.png"), row("b.png"), row("c.png")])


def test_a_line_break_in_an_error_does_not_break_the_row(tmp_path: Path) -> None:
    write_rows(tmp_path / "results.csv", [row(error="first\nsecond\r\nthird"), row("b.png")])
    assert read_results(tmp_path / "results.csv")["error"].tolist()[0] == "first second third"
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("cut", [1, 5, 30, 60])
def test_a_torn_last_row_is_left_out_and_gone_when_the_file_is_written_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.csv"
    write_rows(path, [row("a.png"), row("b.png", error="why")])
    whole = path.read_bytes()
    torn = rows_to_csv([row("c.png")], header=False).encode()[:-1]
    path.write_bytes(whole + torn[: len(torn) - cut])
    assert read_results(path)["image"].tolist() == ["a.png", "b.png"]
    write_rows(path, table_rows(read_results(path)))
    assert path.read_bytes() == whole


def test_readers_beside_the_writer_see_only_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_rows(path, [row("first.png")])

    def append_many() -> None:
        for number in range(40):
            append_rows(path, [row(f"{number}.png", error="x" * 3000), row(f"{number}-second.png")])

    writer = threading.Thread(target=append_many)
    writer.start()
    lengths = [1]
    while writer.is_alive():
        lengths.append(len(read_results(path)))
    writer.join()
    assert lengths == sorted(lengths)
    images = read_results(path)["image"].tolist()
    assert images == [
        "first.png",
        *(name for number in range(40) for name in (f"{number}.png", f"{number}-second.png")),
    ]


def test_a_killed_writer_leaves_a_file_that_reads(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    program = """
import sys, itertools
from pathlib import Path
from synthcomp_core.results.rows import ResultRow, append_rows, write_rows
write_rows(Path(sys.argv[1]), [])
for number in itertools.count():
    append_rows(Path(sys.argv[1]), [ResultRow("games", f"{number}.png", variant="png", error="y" * 5000)])
"""
    writer = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=PROJECT_ROOT)
    while not path.exists() or path.stat().st_size < 50_000:
        assert writer.poll() is None, "the writer ended by itself"
        time.sleep(0.01)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    images = read_results(path)["image"].tolist()
    assert len(images) >= 9
    assert images == [f"{number}.png" for number in range(len(images))]
