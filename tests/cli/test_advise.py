"""The verb `advise` on an image and on a folder; tasks are carried out on the spot, without Dask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthcomp_core.cli import main
from tests.batch.conftest import OnTheSpot, on_the_spot, write_frames

__all__ = ["on_the_spot"]


@pytest.fixture
def frames(tmp_path: Path, artifacts: Path, on_the_spot: OnTheSpot) -> Path:
    write_frames(tmp_path / "frames", 3)
    return tmp_path / "frames"


def test_an_image_gets_its_answer_in_sentences(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["advise", str(frames / "frame0.png"), "--target-bytes", "1.5k", "--scale", "1"]
    assert main([*arguments, "--family", "jpeg", "--family", "webp"]) == 0
    printed = capsys.readouterr().out
    first = printed.splitlines()[0]
    assert first.startswith("For this image at size 1,500 bytes: ")
    assert "PSNR RGB" in first
    assert "WebP quality" in printed
    assert "Pareto" in printed


def test_a_folder_gets_an_interval_and_resumes(frames: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "advise",
        str(frames),
        "--target-bytes",
        "1500",
        "--scale",
        "1",
        "--family",
        "jpeg",
        "--family",
        "webp",
    ]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 3
    verdict = next(one for one in found["verdicts"] if one["quantity"] == "ssimulacra2")
    assert {verdict["winner"], verdict["runner_up"]} == {"jpeg-bytes1500", "webp-bytes1500"}
    assert verdict["low"] <= verdict["margin"] <= verdict["high"]
    assert verdict["is_sure"] == (verdict["low"] > 0)
    assert all(option["num_bytes"] <= 1500 for option in found["options"])
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found  # From the journal: also the times are the same.


@pytest.mark.parametrize("what", ["frames/frame0.png", "frames"])
def test_two_scales_get_the_sizes_at_which_the_lower_one_pays(
    what: str, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["advise", str(tmp_path / what), "--target-bytes", "1500", "--family", "webp"]
    assert main([*arguments, "--json"]) == 0
    crossover = json.loads(capsys.readouterr().out)["crossover"]
    assert crossover["metric"] == "ssimulacra2"
    assert crossover["low"] < crossover["high"]
    assert all(crossover["low"] <= begin < end <= crossover["high"] for begin, end in crossover["pays"])
    assert crossover["sentence"].startswith("Half resolution with Lanczos ")
    assert main(arguments) == 0
    assert crossover["sentence"] in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Give one constraint"),
        (["--target-bytes", "2k", "--family", "webp", "--workers", "2"], "--workers is for a folder of images"),
        (["--target-bytes", "1k", "--target-psnr", "30"], "cannot be met at once"),
        (["--target-bytes", "1k", "--family", "bpg"], "Unknown family"),
        (["--target-bytes", "1k", "--upscaler", "magic"], "magic"),
        (["--target-bytes", "1k", "--scale", "1", "--upscaler", "lanczos"], "--upscaler is for lower resolutions"),
        (["--target-bytes", "1k", "--scale", "nan"], "A scale is nan; it must be at least 1"),
        (["--target-bytes", "1k", "--scale", "9"], "at most 8"),
        (["--target-bytes", "1k", "--max-encode-s", "nan"], "--max-encode-s is nan; expected a number above 0."),
        (["--target-bytes", "1k", "--max-encode-s=-1"], "--max-encode-s is -1"),
        (["--target-bytes", "5", "--family", "jpeg"], "No variant meets the constraint: size 5 bytes"),
    ],
)
def test_a_wrong_call_is_one_line(
    options: list[str], said: str, frames: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["advise", str(frames / "frame0.png"), *options]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
