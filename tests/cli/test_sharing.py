"""The share verb: what it refuses, in one sentence, before it computes anything."""

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.images import write_png


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    path = tmp_path / "frame.png"
    write_png(np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8), path)
    return path


def test_page_is_written_and_named_with_its_size(frame: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = frame.with_name("page.html")
    assert main(["share", str(frame), "--variant", "webp-q40", "--no-maps", "--out", str(out)]) == 0
    content = out.read_bytes()
    assert content.startswith(b"<!doctype html>") and b"FLIP error map" not in content
    assert capsys.readouterr().out == f"{out}: {len(content):,} bytes\n"


def test_the_original_is_worked_out_once_for_all_variants(frame: Path, reference_parts: list[str]) -> None:
    call = ["share", str(frame), "--variant", "webp-q40", "--variant", "jpeg-q40"]
    assert main([*call, "--out", str(frame.with_name("page.html"))]) == 0
    assert sorted(reference_parts) == ["flip_features", "reference_scales"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--variant", "webp-q40", "--out", "page.pdf"], "page.pdf: a page is written as .html."),
        (
            [word for quality in range(10, 19) for word in ("--variant", f"webp-q{quality}")] + ["--out", "page.html"],
            "9 variants were given; a page holds at most 8.",
        ),
    ],
)
def test_what_no_page_can_hold_is_refused(
    options: list[str], sentence: str, frame: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["share", str(frame), *options]) == 1
    assert capsys.readouterr().err.strip() == f"Error: {sentence}"
    assert not frame.with_name("page.html").exists()
