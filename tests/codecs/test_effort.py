"""Encoder effort: cheaper latents for the same decoder, never dearer ones, tile by tile."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthcomp_core.codecs import decode, effort, parse_codec
from synthcomp_core.codecs.checkpoints import ARCHITECTURES, model_from_tensors
from synthcomp_core.codecs.effort.annealing import _soft_round
from synthcomp_core.codecs.effort.network import Network
from synthcomp_core.codecs.effort.tile import cut, paste, windows
from synthcomp_core.codecs.entropy.scale_tables import UNIT
from synthcomp_core.codecs.learned import LearnedCodec
from synthcomp_core.errors import Cancelled, SnapshotError
from synthcomp_core.library.snapshots import save_snapshot
from synthcomp_core.metrics import mean_squared_error
from tests.codecs.models import SNAPSHOT, frame, random_model
from tests.tiny_codecs import make_codecs


def cost(codec: Any, image: np.ndarray, bitstream: bytes) -> float:
    """Bits per pixel + lambda MSE, from the bitstream and what anybody decodes from it."""
    pixels = image.shape[0] * image.shape[1]
    return len(bitstream) * 8 / pixels + codec.card.lmbda * mean_squared_error(image, decode(bitstream))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Sides that are no multiple of 64."""
    return frame(4, width=120, height=100)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "_STEPS", {1: 3, 2: 25})


def test_effort_pays_in_bits_and_pixels_that_any_decoder_sees(image: np.ndarray, few_steps: None) -> None:
    plain, searching = parse_codec(SNAPSHOT), parse_codec(f"{SNAPSHOT}+e2")
    assert searching.id == f"{SNAPSHOT}+e2" and plain.id == SNAPSHOT
    before, after = plain.encode(image), searching.encode(image)
    assert cost(plain, image, after) < 0.995 * cost(plain, image, before)
    np.testing.assert_array_equal(plain.decode(after), searching.decode(after))
    assert searching.encode(image) == after


def test_a_search_that_finds_nothing_better_changes_no_byte(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = parse_codec(SNAPSHOT).encode(image)
    monkeypatch.setattr(effort, "search", lambda network, padded, y, z, **options: (y + np.float32(0.4), z))
    assert parse_codec(f"{SNAPSHOT}+e3").encode(image) == plain


def test_the_network_s_bits_are_those_of_the_exact_coder(image: np.ndarray) -> None:
    codec = parse_codec(SNAPSHOT)
    assert isinstance(codec, LearnedCodec)
    encoding = codec.encode_detailed(image)
    z, y = (torch.from_numpy(part / UNIT).float().permute(2, 0, 1)[None] for part in codec.latents(encoding.bitstream))
    network = effort.load_network(codec.card.id, codec.card.sha256, torch.device("cpu"))
    bits = network.bits(y, network.side_information(network.hyper(z), y)).sum() + network.bits_of_prior(z).sum()
    assert float(bits) == pytest.approx(encoding.bits_estimated, rel=0.02)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_can_be_searched(
    architecture: str, image: np.ndarray, artifacts: Path, few_steps: None
) -> None:
    card, tensors = random_model(architecture)
    save_snapshot(dataclasses.replace(card, id="random", lmbda=0.01, distortion="mse"), tensors)
    plain = parse_codec("random")
    before = cost(plain, image, plain.encode(image))
    assert cost(plain, image, parse_codec("random+e1").encode(image)) <= before


def test_ms_ssim_counts_for_a_snapshot_trained_for_it(artifacts: Path, few_steps: None) -> None:
    make_codecs(("mbt2018-q4-msssim-games",))
    small = frame(2, width=120, height=100)
    plain, searching = (parse_codec(f"mbt2018-q4-msssim-games{option}") for option in ("", "+e1"))
    assert searching.encode(small) == plain.encode(small)  # MS-SSIM is not defined at this size.
    large = frame(2, width=180, height=170)
    assert len(searching.encode(large)) > 0


def test_a_card_without_lambda_is_refused_in_one_sentence() -> None:
    card, tensors = random_model("mbt2018-mean")
    with pytest.raises(SnapshotError, match="names no lambda") as caught:
        Network(model_from_tensors(card, tensors), dataclasses.replace(card, lmbda=None), torch.device("cpu"))
    assert "\n" not in str(caught.value)


def test_the_search_reports_and_stops_when_cancelled(image: np.ndarray) -> None:
    fractions: list[float] = []

    def cancel(fraction: float, stage: str) -> None:
        fractions.append(fraction)
        if stage.startswith("step 3"):
            raise Cancelled

    with pytest.raises(Cancelled):
        parse_codec(f"{SNAPSHOT}+e2").encode(image, on_progress=cancel)
    assert fractions == sorted(fractions) and fractions[-1] < 0.2


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (32, 32), (36, 4), (68, 120), (136, 256)])
def test_tiles_cover_every_latent_once(rows: int, columns: int) -> None:
    y, z = torch.zeros(1, 2, rows, columns), torch.zeros(1, 2, rows // 4, columns // 4)
    x, counted = torch.zeros(1, 3, rows * 16, columns * 16), torch.ones(1, 1, rows * 16, columns * 16)
    for window in windows(rows, columns):
        tile = cut(window, x, counted, y, z)
        assert tile.z is not None and max(tile.y.shape[2:]) <= 40
        assert tile.x.shape[2] == 16 * tile.y.shape[2] == 64 * tile.z.shape[2]
        inside = tile.inner_y.expand_as(tile.y)
        paste(window, torch.where(inside, tile.y + 1, torch.nan), tile.z + tile.inner_z, y, z)
    assert bool((y == 1).all()) and bool((z == 1).all())


def test_soft_rounding_hardens_to_a_choice_of_both_neighbours() -> None:
    values = torch.full((20_000,), 2.3)
    generator = torch.Generator().manual_seed(0)
    hard = _soft_round(values, 0.05, generator)
    chosen = hard.round()
    assert float((hard - chosen).abs().mean()) < 0.01
    assert float((chosen == 2).float().mean()) > 0.99  # atanh(0.3) against atanh(0.7), over the temperature.
    warm = _soft_round(torch.full((20_000,), 2.5), 1.0, generator)
    assert float(warm.mean()) == pytest.approx(2.5, abs=0.01)
    assert float(warm.min()) >= 2 and float(warm.max()) <= 3
