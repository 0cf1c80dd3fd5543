"""The learned codec against CompressAI's own coder: same weights, same image, alternating runs, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.cli.bench.machine import (
    append_record,
    check_columns,
    check_size,
    describe_machine,
    peak_memory_bytes,
    reset_peak_memory,
)
from synthcomp_core.errors import SnapshotError, SynthcompError
from synthcomp_core.images import Image, crop, pad_to_multiple, read_image, resize
from synthcomp_core.metrics import psnr
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.runtime import Precision
from synthcomp_core.storage import artifacts_dir

if TYPE_CHECKING:
    import torch

    from synthcomp_core.codecs.entropy.latents import Units
    from synthcomp_core.codecs.learned import LearnedCodec
    from synthcomp_core.library.snapshots import SnapshotCard

PEERS = ("compressai",)
DEFAULT_SIZE = (768, 512)
_PADDING = 64

# (N, M) of CompressAI's pretrained models by quality (compressai.zoo.image.cfgs).
_SMALL, _LARGE = (128, 192), (192, 320)
OFFICIAL_CHANNELS: dict[str, tuple[tuple[int, int], ...]] = {
    "bmshj2018-factorized": (_SMALL,) * 5 + (_LARGE,) * 3,
    "bmshj2018-hyperprior": (_SMALL,) * 5 + (_LARGE,) * 3,
    "mbt2018-mean": (_SMALL,) * 4 + (_LARGE,) * 4,
    "mbt2018": ((192, 192),) * 4 + (_LARGE,) * 4,
    "cheng2020-anchor": ((128, 128),) * 3 + ((192, 192),) * 3,
    "cheng2020-attn": ((128, 128),) * 3 + ((192, 192),) * 3,
}


@dataclass(frozen=True)
class CodecBench:
    """Medians over ``repeats`` alternating runs; the ``against_`` fields and speed-ups are None without a peer.

    encode_s, decode_s: whole calls in seconds, entropy_*_s their entropy part. num_bytes: of the complete bitstream
    (the peer has no container: its strings). bits_estimated: ideal code length of the exact integer model;
    float_bits: of the float model for the same latents. peak_memory_bytes: resident, of one encode and decode.
    """

    architecture: str
    snapshot: str | None
    quality: int | None
    N: int
    M: int
    image: str
    width: int
    height: int
    precision: str
    repeats: int
    encode_s: float
    decode_s: float
    entropy_encode_s: float
    entropy_decode_s: float
    num_bytes: int
    bits_estimated: float
    float_bits: float
    psnr_rgb: float
    peak_memory_bytes: int | None
    against: str | None
    against_encode_s: float | None
    against_decode_s: float | None
    against_num_bytes: int | None
    against_psnr_rgb: float | None
    encode_speedup: float | None
    decode_speedup: float | None
    machine: str


def results_path() -> Path:
    """The CSV that every benchmark of the codec appends a row to."""
    return artifacts_dir() / "results" / "bench_codec.csv"


def bench_codec(
    *,
    architecture: str | None = None,
    quality: int | None = None,
    snapshot: str | None = None,
    image: Path | None = None,
    size: tuple[int, int] | None = None,
    against: str | None = "compressai",
    repeats: int = 3,
    precision: str = "auto",
    on_progress: OnProgress = silent,
) -> CodecBench:
    """Measure one codec and append the row to ``results_path()``.

    Either ``snapshot`` (an id) or ``architecture`` and ``quality``: CompressAI's channels for that quality with seeded
    random weights. image: a file, else the first bundled sample; size: (width, height) to resize it to (768x512 for a
    bundled one). against: "compressai" or None. precision: of the codec's transforms; the peer's are float32.
    """
    import torch

    from synthcomp_core.codecs.checkpoints import model_from_tensors
    from synthcomp_core.codecs.learned import codec_from_tensors
    from synthcomp_core.codecs.transforms import best_dtype

    if against not in (None, *PEERS):
        raise SynthcompError(f"Unknown peer {against!r}: use {', '.join(PEERS)}.")
    if repeats < 1:
        raise SynthcompError(f"A benchmark takes at least 1 run, not {repeats}.")
    check_columns(results_path(), CodecBench)  # Before minutes of measuring, which would be lost.
    reference, name = bench_image(image, size)
    card, tensors = _weights(architecture, quality, snapshot)
    device = torch.device("cpu")
    codec = codec_from_tensors(card, tensors, device=device, dtype=best_dtype(Precision.parse(precision)))
    model = model_from_tensors(card, tensors)
    model.update(force=True)
    peer = _CompressaiRun(model, reference, decoded=reference) if against else None
    runs = _alternate(codec, peer, reference, repeats, on_progress)
    bench = _summary(card, snapshot, codec, model, peer, reference, name, runs)
    append_record(results_path(), bench)
    return bench


def _summary(
    card: SnapshotCard,
    snapshot: str | None,
    codec: LearnedCodec,
    model: Any,
    peer: _CompressaiRun | None,
    reference: Image,
    name: str,
    runs: _Runs,
) -> CodecBench:
    repeats = len(runs.ours)
    encode_s, decode_s = _medians(runs.ours)
    against_encode_s, against_decode_s = _medians(runs.theirs) if peer else (None, None)
    entropy_encode_s, entropy_decode_s = _entropy_times(codec, reference, runs.bitstream, repeats)
    return CodecBench(
        architecture=card.architecture,
        snapshot=snapshot,
        quality=card.quality,
        N=card.N or 0,
        M=card.M or 0,
        image=name,
        width=reference.shape[1],
        height=reference.shape[0],
        precision=codec.arithmetic.precision,
        repeats=repeats,
        encode_s=encode_s,
        decode_s=decode_s,
        entropy_encode_s=entropy_encode_s,
        entropy_decode_s=entropy_decode_s,
        num_bytes=len(runs.bitstream),
        bits_estimated=codec.encode_detailed(reference).bits_estimated or 0.0,
        float_bits=float_code_length_bits(model, *codec.latents(runs.bitstream)),
        psnr_rgb=psnr(reference, runs.decoded),
        peak_memory_bytes=runs.peak_bytes,
        against=PEERS[0] if peer else None,
        against_encode_s=against_encode_s,
        against_decode_s=against_decode_s,
        against_num_bytes=peer.num_bytes if peer else None,
        against_psnr_rgb=psnr(reference, peer.decoded) if peer else None,
        encode_speedup=against_encode_s / encode_s if against_encode_s else None,
        decode_speedup=against_decode_s / decode_s if against_decode_s else None,
        machine=describe_machine(),
    )


@dataclass(frozen=True)
class _Runs:
    """Alternating runs: (encode, decode) seconds of both coders, what ours made, and its peak memory in bytes."""

    ours: list[tuple[float, float]]
    theirs: list[tuple[float, float]]
    bitstream: bytes
    decoded: Image
    peak_bytes: int | None


def _alternate(
    codec: LearnedCodec, peer: _CompressaiRun | None, reference: Image, repeats: int, on_progress: OnProgress
) -> _Runs:
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    codec.decode(codec.encode(crop(reference, min(64, reference.shape[1]), min(64, reference.shape[0]))))  # Warm up.
    reset_peak_memory()
    peak = None
    for index in range(repeats):
        on_progress(index / repeats, f"run {index + 1} of {repeats}")
        start = time.perf_counter()
        bitstream = codec.encode(reference)
        middle = time.perf_counter()
        decoded = codec.decode(bitstream)
        ours.append((middle - start, time.perf_counter() - middle))
        peak = peak or peak_memory_bytes()
        if peer is not None:
            peer.run()
            theirs.append((peer.encode_s, peer.decode_s))
    return _Runs(ours, theirs, bitstream, decoded, peak)


def float_code_length_bits(model: Any, z: Units | None, y: Units) -> float:
    """Ideal code length in bits of decoded latents under CompressAI's float ``model`` (integer units of 2^-16).

    The sum of -log2 of its likelihoods for z and y, with its context model fed the decoded y.
    """
    import torch

    from synthcomp_core.codecs.entropy.scale_tables import UNIT

    def tensor(latents: Units) -> torch.Tensor:
        return torch.from_numpy(latents / UNIT).float().permute(2, 0, 1)[None]

    def bits(likelihoods: torch.Tensor) -> float:
        return float(-torch.log2(likelihoods.clamp(min=1e-9)).double().sum())

    with torch.inference_mode():
        y_hat = tensor(y)
        bottleneck = model.entropy_bottleneck
        coded = y_hat if z is None else tensor(z)
        total = bits(bottleneck._likelihood(coded[0].flatten(1)[:, None, :])[0])
        if z is None:
            return total
        parameters = model.h_s(coded)
        if hasattr(model, "context_prediction"):
            context = model.context_prediction(y_hat)
            parameters = model.entropy_parameters(torch.cat((parameters, context), dim=1))
        if parameters.shape[1] == y_hat.shape[1]:
            return total + bits(model.gaussian_conditional._likelihood(y_hat, parameters))
        scales, means = parameters.chunk(2, 1)
        return total + bits(model.gaussian_conditional._likelihood(y_hat, scales, means=means))


@dataclass
class _CompressaiRun:
    """One timed encode and decode with CompressAI's own ``compress`` and ``decompress`` at a time."""

    model: Any
    reference: Image
    decoded: Image
    encode_s: float = 0.0
    decode_s: float = 0.0
    num_bytes: int = 0

    def run(self) -> None:
        import torch

        height, width = self.reference.shape[:2]
        padded = pad_to_multiple(self.reference, _PADDING)
        with torch.inference_mode():
            start = time.perf_counter()
            x = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
            coded = self.model.compress(x)
            middle = time.perf_counter()
            x_hat = self.model.decompress(coded["strings"], coded["shape"])["x_hat"]
            levels = (x_hat[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            self.encode_s, self.decode_s = middle - start, time.perf_counter() - middle
        self.decoded = crop(levels, width, height)
        self.num_bytes = sum(len(string) for strings in coded["strings"] for string in strings)


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _medians(runs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def _entropy_times(codec: LearnedCodec, reference: Image, bitstream: bytes, repeats: int) -> tuple[float, float]:
    """Median seconds of the entropy part of encoding (hyperprior, context, range coding) and of decoding."""
    import torch

    from synthcomp_core.codecs.entropy.latents import encode_latents
    from synthcomp_core.codecs.transforms import analyse

    runs = []
    with torch.inference_mode():
        y, z = analyse(codec.transforms, pad_to_multiple(reference, _PADDING))
        for _ in range(repeats):
            encode_s, _ = _timed(lambda: encode_latents(codec.entropy, y, z, on_progress=silent))
            decode_s, _ = _timed(lambda: codec.latents(bitstream))
            runs.append((encode_s, decode_s))
    return _medians(runs)


def bench_image(image: Path | None, size: tuple[int, int] | None) -> tuple[Image, str]:
    if image is None:
        samples = sorted((artifacts_dir() / "samples").glob("*.webp"))
        if not samples:
            raise SynthcompError("There are no bundled samples to measure on; name an image.")
        image, size = samples[0], size or DEFAULT_SIZE
    if size:
        check_size(*size)
    loaded = read_image(image)
    picture = loaded.image
    return (resize(picture, size) if size and size != (picture.shape[1], picture.shape[0]) else picture), loaded.name


def _weights(
    architecture: str | None, quality: int | None, snapshot: str | None
) -> tuple[SnapshotCard, dict[str, torch.Tensor]]:
    from synthcomp_core.codecs.checkpoints import random_weights
    from synthcomp_core.library.snapshots import load_snapshot

    if (snapshot is None) == (architecture is None):
        raise SynthcompError("Name either a snapshot or an architecture with a quality to measure.")
    if snapshot is not None:
        return load_snapshot(snapshot)
    sizes = OFFICIAL_CHANNELS.get(architecture or "")
    if sizes is None:
        raise SnapshotError(f"Unknown architecture {architecture!r}: use one of {', '.join(OFFICIAL_CHANNELS)}.")
    quality = quality or 4
    if not 1 <= quality <= len(sizes):
        raise SnapshotError(f"{architecture} has the qualities 1 to {len(sizes)}, not {quality}.")
    return random_weights(architecture or "", *sizes[quality - 1], quality=quality)
