"""The hyper-synthesis in strips: the same numbers as at once, for every architecture; and data that end early."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
import torch

from synthcomp_core.cli.bench.machine import peak_memory_bytes, reset_peak_memory
from synthcomp_core.codecs.bitstream import pack, unpack
from synthcomp_core.codecs.entropy import hyper
from synthcomp_core.codecs.entropy.hyper import hyper_field
from synthcomp_core.codecs.learned import decode_scb, load_codec
from synthcomp_core.errors import BitstreamError
from tests.clock import at_most
from tests.codecs.models import SNAPSHOT, frame, random_codec


@pytest.mark.parametrize("architecture", ["mbt2018", "mbt2018-mean", "bmshj2018-hyperprior", "cheng2020-anchor"])
@pytest.mark.parametrize("positions", [1, 300, 10**9])
def test_strips_are_what_the_whole_is(architecture: str, positions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = random_codec(architecture).entropy.h_s
    assert layers is not None
    z_hat = np.rint(np.random.default_rng(1).normal(0, 90_000, (13, 5, 24)))
    whole = torch.from_numpy(z_hat)
    for layer in layers:
        whole = layer(whole)
    monkeypatch.setattr(hyper, "STRIP_POSITIONS", positions)
    field = hyper_field(layers, z_hat)
    assert (field.height, field.width) == tuple(whole.shape[:2])
    strips = field.strips()
    assert len(strips) == {1: 13, 300: 5, 10**9: 1}[positions]
    assert torch.equal(torch.cat([field.rows(*strip) for strip in strips]), whole)


@pytest.mark.parametrize("architecture", ["mbt2018", "mbt2018-mean"])
def test_a_bitstream_is_the_same_whatever_the_strips(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = random_codec(architecture)
    image = frame(2, width=100, height=300)
    bitstream = codec.encode(image)
    decoded = codec.decode(bitstream)
    monkeypatch.setattr(hyper, "STRIP_POSITIONS", 1)
    assert codec.encode(image) == bitstream
    assert np.array_equal(codec.decode(bitstream), decoded)


def test_data_that_end_early_are_refused_after_little_work() -> None:
    codec = load_codec(SNAPSHOT, device="cpu")
    flat = np.full((2048, 2048, 3), 90, np.uint8)
    flat[::7] = 140
    container = unpack(codec.encode(flat))
    for share in (0.0, 0.02):
        short = dataclasses.replace(container, y=container.y[: int(len(container.y) * share) // 4 * 4 + 64])
        reset_peak_memory()
        before, started = peak_memory_bytes(), time.process_time()
        with pytest.raises(BitstreamError, match=r"end before the image does|takes at least|invalid"):
            decode_scb(pack(short), device="cpu")
        after = peak_memory_bytes()
        assert time.process_time() - started < at_most(2)
        if before is not None and after is not None:
            assert after - before < 300 * 2**20
