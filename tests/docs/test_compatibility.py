"""The promise of docs/codecs.md: what version 0.1 wrote is read by this version, to the same latents.

``tests/golden/version-0.1`` was written by 0.1 and is never written again: a tiny snapshot of every kind of entropy
model, a ``.scb`` with each (and one with a bundled snapshot), the SHA-256 of its latents, and the images it decoded to.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core import codecs
from synthcomp_core.codecs.learned import latents_sha256
from synthcomp_core.images import read_image
from synthcomp_core.library.snapshots import list_snapshots, load_snapshot, read_snapshot_card
from synthcomp_core.upscalers import parse_upscaler
from tests.conftest import PROJECT_ROOT

WRITTEN = PROJECT_ROOT / "tests" / "golden" / "version-0.1"
CODECS = ("bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean", "mbt2018", "cheng2020-anchor")


@pytest.fixture
def snapshots_of_0_1(artifacts: Path) -> Path:
    """An artifacts folder with the snapshots that 0.1 wrote."""
    shutil.copytree(WRITTEN / "snapshots", artifacts / "snapshots")
    return artifacts / "snapshots"


def test_every_snapshot_of_version_0_1_is_listed_and_loads(snapshots_of_0_1: Path) -> None:
    cards = {card.id: card for card in list_snapshots()}
    assert set(cards) == {*CODECS, "rcan-x2"}
    for snapshot_id in cards:
        load_snapshot(snapshot_id)  # Checks the weights against the card's SHA-256.
    card = cards["mbt2018"]
    assert (card.kind, card.architecture, card.N, card.M) == ("codec", "mbt2018", 8, 12)
    assert (card.quality, card.lmbda, card.distortion, card.trained_on) == (4, 0.013, "ms-ssim", "nothing")
    assert (card.steps, card.source, card.licence) == (0, "seeded random weights", "MIT")
    assert (cards["rcan-x2"].kind, cards["rcan-x2"].scale) == ("upscaler", 2)


@pytest.mark.parametrize("snapshot_id", CODECS)
def test_every_scb_of_version_0_1_decodes_to_the_latents_and_image_of_then(
    snapshot_id: str, snapshots_of_0_1: Path
) -> None:
    bitstream = (WRITTEN / f"{snapshot_id}.scb").read_bytes()
    digests = json.loads((WRITTEN / "latents.json").read_text())
    assert latents_sha256(bitstream) == digests[f"{snapshot_id}.scb"]
    decoded = codecs.decode(bitstream, precision="float32", device="cpu").astype(int)
    assert np.abs(decoded - read_image(WRITTEN / f"{snapshot_id}.png").image).max() <= 1


def test_an_upscaler_of_version_0_1_enlarges_as_then(snapshots_of_0_1: Path) -> None:
    frame = read_image(WRITTEN / "frame.png").image
    enlarged = parse_upscaler("rcan-x2", precision="float32", device="cpu").upscale(frame, (140, 100)).astype(int)
    assert np.abs(enlarged - read_image(WRITTEN / "rcan-x2.png").image).max() <= 1


def test_a_card_with_fields_of_a_later_version_is_read(snapshots_of_0_1: Path) -> None:
    path = snapshots_of_0_1 / "mbt2018.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["card"] = json.dumps({**json.loads(header["__metadata__"]["card"]), "mood": "sunny"})
    longer = json.dumps(header).encode()
    path.write_bytes(len(longer).to_bytes(8, "little") + longer + content[8 + length :])
    assert read_snapshot_card(path) == read_snapshot_card(WRITTEN / "snapshots" / "mbt2018.safetensors")
    load_snapshot("mbt2018")
