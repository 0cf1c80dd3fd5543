"""The learned codec as a whole: every family, every size, against CompressAI, and its promises to callers."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcomp_core.cli.bench.codec import float_code_length_bits
from synthcomp_core.codecs import transforms as transforms_module
from synthcomp_core.codecs.checkpoints import ARCHITECTURES, compressai_model, model_from_tensors
from synthcomp_core.codecs.learned import (
    LearnedCodec,
    decode_scb,
    describe_bitstream,
    latents_sha256,
    load_codec,
)
from synthcomp_core.codecs.transforms import analyse, synthesise
from synthcomp_core.errors import BitstreamError, Cancelled, ImageError, SnapshotError, SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.library.snapshots import save_snapshot
from synthcomp_core.metrics import psnr
from tests.codecs.models import SNAPSHOT, frame, noise, random_codec, random_model


@pytest.fixture(scope="module")
def codec() -> LearnedCodec:
    return load_codec(SNAPSHOT, precision="float32", device="cpu")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_family_decodes_to_the_latents_that_were_encoded(architecture: str) -> None:
    coder = random_codec(architecture)
    encoding = coder.encode_detailed(noise(130, 70))
    decoded = coder.decode(encoding.bitstream)
    assert decoded.shape == (70, 130, 3)
    assert encoding.expected is not None
    np.testing.assert_array_equal(encoding.expected(), decoded)
    assert encoding.bit_map is not None and encoding.bits_estimated is not None
    assert encoding.bit_map.shape == (8, 12) and encoding.bit_map.dtype == np.float32
    info = describe_bitstream(encoding.bitstream)
    coded_bits = 8 * (info.z_bytes + info.y_bytes)
    assert encoding.bits_estimated == pytest.approx(encoding.bit_map.sum(), rel=1e-5)
    assert encoding.bits_estimated <= coded_bits <= encoding.bits_estimated + 140
    assert (info.z_bytes == 0) == architecture.startswith("bmshj2018-factorized")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_transforms_are_compressais(architecture: str) -> None:
    card, tensors = random_model(architecture)
    model = model_from_tensors(card, tensors)
    transforms = random_codec(architecture).transforms
    image = frame(1, width=128, height=64)
    with torch.inference_mode():
        y, z = analyse(transforms, image)
        expected_y = model.g_a(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
        scale = float(expected_y.abs().max())
        assert np.abs(y - expected_y[0].permute(1, 2, 0).numpy()).max() < 2e-5 * scale
        if z is not None:
            source = expected_y.abs() if architecture == "bmshj2018-hyperprior" else expected_y
            assert np.abs(z - model.h_a(source)[0].permute(1, 2, 0).numpy()).max() < 2e-5 * scale
        y_hat = np.rint(y)
        x_hat = model.g_s(torch.from_numpy(y_hat).permute(2, 0, 1)[None])[0].permute(1, 2, 0).clamp(0, 1)
        exact = x_hat.numpy() * 255
    assert np.abs(synthesise(transforms, y_hat) - exact).max() < 0.502


@pytest.mark.parametrize("architecture", ["mbt2018", "cheng2020-attn"])
def test_strips_give_the_picture_of_the_whole(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transforms = random_codec(architecture).transforms
    image = frame(2, width=64, height=448)
    with torch.inference_mode():
        y, _ = analyse(transforms, image)
        pixels = synthesise(transforms, y)
        monkeypatch.setattr(transforms_module, "_STRIP_PIXELS", 64 * 16 * 8)  # strips of 8 latent rows
        strips_y, _ = analyse(transforms, image)
        strips_pixels = synthesise(transforms, y)
    assert np.abs(strips_y - y).max() < 1e-5 * np.abs(y).max()
    assert np.abs(strips_pixels.astype(int) - pixels).max() <= 1
    assert (strips_pixels != pixels).mean() < 1e-3


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 130), (4000, 1), (63, 65), (64, 64)])
def test_any_size_is_coded(codec: LearnedCodec, width: int, height: int) -> None:
    bitstream = codec.encode(noise(width, height))
    assert codec.decode(bitstream).shape == (height, width, 3)
    info = describe_bitstream(bitstream)
    assert (info.width, info.height, info.snapshot) == (width, height, SNAPSHOT)


@pytest.mark.slow
def test_rate_and_picture_match_compressais_own_coder(codec: LearnedCodec) -> None:
    """Nearly everywhere both coders quantise to the same latents, so bytes and PSNR can be compared closely."""
    model = compressai_model(SNAPSHOT)
    model.update(force=True)
    ours, theirs, ideal = 0, 0, 0.0
    our_psnr, their_psnr = [], []
    for index in range(12):  # All frames: where the two round differently, the context model carries it through a crop.
        image = frame(index, width=192, height=128)
        bitstream = codec.encode(image)
        our_psnr.append(psnr(image, codec.decode(bitstream)))
        info = describe_bitstream(bitstream)
        ours += info.z_bytes + info.y_bytes
        ideal += float_code_length_bits(model, *codec.latents(bitstream)) / 8
        with torch.inference_mode():
            coded = model.compress(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
            x_hat = model.decompress(coded["strings"], coded["shape"])["x_hat"]
        theirs += sum(len(strings[0]) for strings in coded["strings"])
        their_psnr.append(psnr(image, (x_hat[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()))
    assert ours <= 1.003 * theirs
    assert ours <= 1.005 * ideal
    assert np.mean(our_psnr) == pytest.approx(np.mean(their_psnr), abs=0.01)


def test_the_same_latents_give_compressais_picture(codec: LearnedCodec) -> None:
    image = frame(4, width=256, height=192)
    bitstream = codec.encode(image)
    _, y = codec.latents(bitstream)
    with torch.inference_mode():
        x_hat = compressai_model(SNAPSHOT).g_s(torch.from_numpy(y / 65536).float().permute(2, 0, 1)[None])
    expected = (x_hat[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    assert abs(psnr(image, codec.decode(bitstream)) - psnr(image, expected)) < 0.001


def test_bfloat16_synthesis_costs_under_a_twentieth_of_a_decibel_and_must_be_asked_for(
    codec: LearnedCodec,
) -> None:
    """On one bitstream, whose precision is no part of the format. (Encoders of other precision quantise otherwise.)"""
    fast = load_codec(SNAPSHOT, precision="bfloat16", device="cpu")
    losses = []
    for index in (0, 2, 3, 5, 7, 10):
        image = frame(index, width=256, height=192)
        bitstream = codec.encode(image)
        exact, rough = codec.decode(bitstream), fast.decode(bitstream)
        assert not np.array_equal(exact, rough)
        losses.append(psnr(image, exact) - psnr(image, rough))
        assert np.abs(exact.astype(int) - rough).max() <= 6  # 3 to 4, by how the CPU rounds to bfloat16.
        assert psnr(image, fast.decode(fast.encode(image))) > psnr(image, exact) - 0.5
    assert abs(np.mean(losses)) < 0.05
    assert np.array_equal(load_codec(SNAPSHOT, precision="auto", device="cpu").decode(bitstream), exact)


def test_two_threads_get_the_bytes_and_pictures_of_one(codec: LearnedCodec) -> None:
    images = [frame(index, width=192, height=128) for index in range(4)]
    alone = [codec.encode(image) for image in images]
    pictures = [codec.decode(bitstream) for bitstream in alone]
    found: dict[int, tuple[bytes, Image]] = {}

    def work(indices: tuple[int, ...]) -> None:
        for index in indices:
            bitstream = codec.encode(images[index])
            found[index] = bitstream, codec.decode(alone[index])

    threads = [threading.Thread(target=work, args=(indices,)) for indices in ((0, 1, 2, 3), (3, 2, 1, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(4):
        assert found[index][0] == alone[index]
        assert np.array_equal(found[index][1], pictures[index])


def test_a_loaded_codec_is_loaded_once_by_many_threads() -> None:
    codecs: list[LearnedCodec] = []
    threads = [threading.Thread(target=lambda: codecs.append(load_codec(SNAPSHOT, device="cpu"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(codec) for codec in codecs}) == 1


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_coding_reports_progress_and_stops_when_cancelled(codec: LearnedCodec, verb: str) -> None:
    image = frame(0, width=128, height=64)
    subject: Image | bytes = image if verb == "encode" else codec.encode(image)
    fractions: list[float] = []
    getattr(codec, verb)(subject, on_progress=lambda fraction, stage: fractions.append(fraction))
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(fractions) > 10
    seen: list[float] = []

    def stop(fraction: float, stage: str) -> None:
        seen.append(fraction)
        if stage == "entropy coding" and len(seen) > 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        getattr(codec, verb)(subject, on_progress=stop)
    assert len(seen) == 7


def test_latents_have_one_digest_and_a_bitstream_names_its_snapshot(codec: LearnedCodec) -> None:
    image = frame(0, width=128, height=64)
    bitstream = codec.encode(image)
    digest = latents_sha256(bitstream)
    assert digest == latents_sha256(codec.encode(image)) != latents_sha256(codec.encode(frame(1, width=128, height=64)))
    assert np.array_equal(decode_scb(bitstream, precision="float32", device="cpu"), codec.decode(bitstream))


def test_the_snapshot_of_another_model_is_refused_by_name(codec: LearnedCodec) -> None:
    with pytest.raises(BitstreamError, match=SNAPSHOT):
        codec.decode(random_codec("mbt2018").encode(noise(8, 8)))


def test_an_unknown_snapshot_is_named_by_its_fingerprint() -> None:
    bitstream = random_codec("mbt2018").encode(noise(8, 8))
    fingerprint = random_model("mbt2018")[0].fingerprint.hex()
    assert describe_bitstream(bitstream).snapshot is None
    with pytest.raises(BitstreamError, match=fingerprint):
        decode_scb(bitstream)


def test_a_snapshot_replaced_on_disk_is_loaded_anew(artifacts: Path) -> None:
    for architecture in ("mbt2018-mean", "bmshj2018-hyperprior"):
        card, tensors = random_model(architecture)
        save_snapshot(card, tensors, path=artifacts / "snapshots" / "same.safetensors")
        assert load_codec("same", device="cpu").card.architecture == architecture


def test_wrong_calls_are_answered_in_one_sentence(codec: LearnedCodec) -> None:
    with pytest.raises(SynthcompError, match="precision 'half'"):
        load_codec(SNAPSHOT, precision="half")
    with pytest.raises(SynthcompError, match="Device 'abacus' is not available"):
        load_codec(SNAPSHOT, device="abacus")
    with pytest.raises(SnapshotError, match="no snapshot 'nothing'"):
        load_codec("nothing")
    with pytest.raises(ImageError):
        codec.encode(np.zeros((4, 4), np.uint8))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_latents_coded_on_a_gpu_decode_on_the_cpu_and_back(codec: LearnedCodec) -> None:
    on_gpu = load_codec(SNAPSHOT, device="cuda")
    for index in range(3):
        image = frame(index, width=384, height=256)
        for writer, reader in ((codec, on_gpu), (on_gpu, codec)):
            bitstream = writer.encode(image)
            assert np.array_equal(writer.latents(bitstream)[1], reader.latents(bitstream)[1])
            difference = np.abs(writer.decode(bitstream).astype(int) - reader.decode(bitstream))
            assert difference.max() <= 4  # bfloat16 on the GPU
