"""The verb `bench advise`: search and grid agree, and the figures are consistent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthcomp_core.cli import main
from synthcomp_core.images import write_png
from tests.pages.conftest import frame


def test_search_and_grid_name_the_same_winners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(frame(6), tmp_path / "frame.png")
    families = ["--family", "jpeg", "--family", "webp"]
    assert main(["bench", "advise", "--image", str(tmp_path / "frame.png"), *families, "--bpp", "1.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"], found["target"]) == (200, 176, "bytes6600")
    assert (found["variants"], found["grid_encodings"]) == (4, 400)
    assert found["same_winners"] is True
    assert found["least_filled"] == 1.0
    assert found["cpu_ratio"] == pytest.approx(found["grid_cpu_s"] / found["advise_cpu_s"])
    assert found["cpu_ratio"] > 1


def test_a_family_without_a_quality_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "advise", "--family", "png"]) == 1
    assert "The grid has no 'png': use jpeg" in capsys.readouterr().err
