"""The verb `bench effort`: what it prints follows from bitstreams that anybody can make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthcomp_core.cli import main
from synthcomp_core.codecs import decode, effort, parse_codec
from synthcomp_core.images import write_png
from synthcomp_core.metrics import mean_squared_error, psnr
from tests.codecs.models import SNAPSHOT, frame


def test_the_figures_are_those_of_the_bitstreams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(effort, "_STEPS", {1: 5})
    image = frame(0, width=64, height=64)
    write_png(image, tmp_path / "frame.png")
    arguments = ["--snapshot", SNAPSHOT, "--image", str(tmp_path / "frame.png"), "--level", "1", "--json"]
    assert main(["bench", "effort", *arguments]) == 0
    plain, searched = json.loads(capsys.readouterr().out)
    costs = []
    for record, codec_id in ((plain, SNAPSHOT), (searched, f"{SNAPSHOT}+e1")):
        bitstream = parse_codec(codec_id).encode(image)
        assert record["num_bytes"] == len(bitstream) and record["bpp"] == len(bitstream) * 8 / 64**2
        assert record["psnr_rgb"] == pytest.approx(psnr(image, decode(bitstream)), abs=1e-9)
        costs.append(record["bpp"] + 0.013 * mean_squared_error(image, decode(bitstream)))
        assert record["cost"] == pytest.approx(costs[-1])
    assert searched["cost_percent"] == pytest.approx(100 * (costs[1] / costs[0] - 1)) and costs[1] <= costs[0]
    assert searched["rate_percent"] == pytest.approx(100 * (costs[1] - costs[0]) / plain["bpp"])
    assert (plain["level"], plain["cost_percent"], searched["level"]) == (0, 0, 1)


def test_a_classical_codec_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "effort", "--snapshot", "jpeg-q75", "--size", "64x64"]) == 1
    assert "no learned codec" in capsys.readouterr().err
