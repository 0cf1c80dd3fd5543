"""`bench train`: where it cannot run, and what it says where it can."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import SynthcompError


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "--device is 'gpu'; training is timed on cpu or cuda."),
        *(
            [("cuda", "Device 'cuda' is not available on this machine: use one of cpu.")]
            if not torch.cuda.is_available()
            else []
        ),
    ],
)
def test_a_device_that_is_missing_costs_one_sentence(device: str, sentence: str) -> None:
    result = CliRunner().invoke(app, ["bench", "train", "--device", device])
    assert result.exit_code != 0
    assert isinstance(result.exception, SynthcompError) and str(result.exception) == sentence


@pytest.mark.slow
def test_both_loops_are_timed_on_the_device_that_is_named() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result = CliRunner().invoke(
        app, ["bench", "train", "--patch", "64", "--batch", "1", "--threads", "1", "--device", device, "--json"]
    )
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    assert measured["ours_s"] > 0 and measured["peer_s"] > 0 and measured["compiled"] is False
    assert measured["device"] and (measured["patch"], measured["batch"]) == (64, 1)
