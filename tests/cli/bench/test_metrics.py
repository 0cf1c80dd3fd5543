"""The verb `bench metrics`: every default metric meets its peer, and the figures are consistent."""

from __future__ import annotations

import json

import pytest

from synthcomp_core.cli import main


def test_every_metric_is_compared_and_described_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "metrics", "--size", "211x180", "--repeats", "1", "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    keys = {"metric", "width", "height", "ours_s", "peer", "peer_s", "speedup", "max_difference", "peak_mib"}
    assert all(set(result) == keys for result in results)
    assert [result["metric"] for result in results] == [
        *("psnr_rgb", "ssim_rgb", "msssim_rgb", "flip with map", "ssimulacra2", "all defaults")
    ]
    by_name = {result["metric"]: result for result in results}
    for name, tolerance in (("psnr_rgb", 1e-6), ("ssim_rgb", 1e-9), ("msssim_rgb", 1e-9), ("flip with map", 1e-3)):
        assert by_name[name]["max_difference"] < tolerance, name
    for result in results[:-1]:
        assert result["speedup"] == pytest.approx(result["peer_s"] / result["ours_s"])
        assert (result["width"], result["height"]) == (211, 180)
    assert by_name["all defaults"]["peer"] is None


def test_a_size_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "metrics", "--size", "huge"]) == 1
    assert "Size 'huge' is not of the form WIDTHxHEIGHT" in capsys.readouterr().err
