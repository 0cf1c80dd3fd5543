"""Speed and memory of the upscalers against a named peer: FSR 1 against Pillow, RCAN against plain float32."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synthcomp_core import limits
from synthcomp_core.cli.bench.machine import check_size, peak_memory_bytes, reset_peak_memory
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, resize
from synthcomp_core.metrics.psnr import decibels
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.upscalers import Upscaler, parse_upscaler

if TYPE_CHECKING:
    import torch

PEERS = ("pillow", "float32-contiguous")
# Name: residual groups, blocks a group, features. "full" is the published network, 15.4 million parameters.
RANDOM_RCANS = {"rcan-full": (10, 20, 64), "rcan-compact": (3, 5, 32)}
PILLOW = "Pillow bicubic"  # which runs on the processor, whatever its rival runs on
SCALES, RANDOM_SCALES = tuple(range(1, 9)), (2, 3, 4)
DEFAULT_SIZES = {"pillow": (960, 540), "float32-contiguous": (480, 270)}


@dataclass(frozen=True)
class UpscaleBenchmark:
    """An upscaler and its peer on one image, runs interleaved.

    subject_s, peer_s: medians over ``repeats`` runs, after one run each to warm up. subject_extra_bytes: how much
    higher the process's memory stood at its peak during a run than before it, None where the system does not tell.
    agreement_db: PSNR between the two 8-bit outputs where they compute the same thing, else None. device: where a
    network runs, "cpu" or "cuda", and its peer if that is one too; None without a network.
    """

    subject: str
    peer: str
    source_size: tuple[int, int]
    target_size: tuple[int, int]
    repeats: int
    subject_s: float
    peer_s: float
    subject_extra_bytes: int | None
    agreement_db: float | None
    device: str | None = None

    @property
    def ratio(self) -> float:
        """Time of the subject over that of its peer: below 1 is faster."""
        return self.subject_s / self.peer_s

    def sentence(self) -> str:
        """The figures in one line, for a person."""
        width, height = self.source_size
        speed = f"{self.ratio:.1f}x its time" if self.ratio >= 1 else f"{1 / self.ratio:.2f}x as fast"
        extra = "" if self.subject_extra_bytes is None else f", {self.subject_extra_bytes / 2**20:.0f} MiB extra"
        agreement = "" if self.agreement_db is None else f", {self.agreement_db:.1f} dB from it"
        where = "" if self.device is None else f" on {self.device}"
        peer_where = "" if self.peer == PILLOW else where
        return (
            f"{self.subject} {width}x{height} to {self.target_size[0]}x{self.target_size[1]}: {self.subject_s:.3f} s"
            f"{where}, {self.peer} {self.peer_s:.3f} s{peer_where}, {speed}{extra}{agreement} "
            f"(median of {self.repeats})."
        )


def bench_upscale(
    method: str = "fsr1",
    against: str = "pillow",
    *,
    size: tuple[int, int] | None = None,
    scale: int = 2,
    repeats: int | None = None,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> UpscaleBenchmark:
    """Time ``method`` against a peer on a made-up picture of ``size`` (width, height), enlarged ``scale`` times.

    against "pillow": any upscaler id, or an RCAN with random weights (``rcan-full``, ``rcan-compact``), against
    Pillow's bicubic resize. against "float32-contiguous": a network against the same weights run whole in float32
    in PyTorch's default layout, as EDSR-PyTorch does. device: "cpu", "cuda", None = a GPU if there is one.
    SynthcompError for an unknown method or peer, or what cannot be enlarged.
    """
    if against not in PEERS:
        raise SynthcompError(f"Unknown peer {against!r}: use one of {', '.join(PEERS)}.")
    if against == "float32-contiguous" and method == "fsr1":
        method = "rcan-full"
    if repeats is None:
        repeats = 1 if against == "float32-contiguous" else 7
    width, height = size or DEFAULT_SIZES[against]
    _check(method, width, height, scale, repeats)
    image = made_up_picture(width, height)
    target = (width * scale, height * scale)
    subject, peer_upscaler = _subject_and_peer(method, against, scale, precision, device)

    def run_subject() -> Image:
        return subject.upscale(image, target)

    def run_peer() -> Image:
        if peer_upscaler is None:
            return resize(image, target, method="bicubic")
        return peer_upscaler(image, target)

    on_progress(0.0, "warming up")
    if against == "pillow":
        run_subject()
        run_peer()
    else:  # Seconds to minutes a run: a corner is enough to set the libraries up.
        subject.upscale(image[:64, :64], (64 * scale, 64 * scale))
        if peer_upscaler is not None:
            peer_upscaler(image[:64, :64], (64 * scale, 64 * scale))
    times = _interleave(run_subject, run_peer, repeats, against, on_progress)
    return UpscaleBenchmark(
        subject=subject.id,
        peer=PILLOW if against == "pillow" else against,
        source_size=(width, height),
        target_size=target,
        repeats=repeats,
        subject_s=statistics.median(times.subject_s),
        peer_s=statistics.median(times.peer_s),
        subject_extra_bytes=times.extra_bytes,
        agreement_db=None if against == "pillow" else _agreement_db(times.ours, times.theirs),
        device=None if subject.arithmetic is None else subject.arithmetic.device,
    )


def _check(method: str, width: int, height: int, scale: int, repeats: int) -> None:
    if repeats < 1:
        raise SynthcompError(f"A benchmark takes at least 1 run, not {repeats}.")
    check_size(width, height)
    scales = RANDOM_SCALES if method in RANDOM_RCANS else SCALES
    if scale not in scales:
        raise SynthcompError(f"--scale is {scale}; expected one of {', '.join(map(str, scales))} for {method}.")
    if width * scale * height * scale > limits.UPSCALED_PIXELS:
        raise SynthcompError(
            f"{width}x{height} enlarged {scale} times is more than a benchmark may make, "
            f"{limits.UPSCALED_PIXELS / 1e6:g} megapixels; lower --size or --scale."
        )


@dataclass(frozen=True)
class _Times:
    """Seconds of each run of both, the subject's extra memory at its peak, and what both made in the last run."""

    subject_s: list[float]
    peer_s: list[float]
    extra_bytes: int | None
    ours: Image
    theirs: Image


def _interleave(
    run_subject: Callable[[], Image],
    run_peer: Callable[[], Image],
    repeats: int,
    against: str,
    on_progress: OnProgress,
) -> _Times:
    subject_times, peer_times, extra_bytes = [], [], None
    for number in range(repeats):
        on_progress(number / repeats, f"run {number + 1} of {repeats}")
        before = peak_memory_bytes() if reset_peak_memory() else None
        started = time.perf_counter()
        ours = run_subject()
        subject_times.append(time.perf_counter() - started)
        peak = peak_memory_bytes()
        if before is not None and peak is not None:
            extra_bytes = max(extra_bytes or 0, peak - before)
        on_progress((number + 0.5) / repeats, f"run {number + 1} of {repeats}, {against}")
        started = time.perf_counter()
        theirs = run_peer()
        peer_times.append(time.perf_counter() - started)
    on_progress(1.0, "done")
    return _Times(subject_times, peer_times, extra_bytes, ours, theirs)


def made_up_picture(width: int, height: int) -> Image:
    """A picture of that size with gradients, edges and texture, the same every time."""
    generator = np.random.default_rng(7)
    coarse = generator.integers(0, 256, (max(2, height // 24), max(2, width // 24), 3)).astype(np.uint8)
    base = resize(coarse, (width, height), method="bicubic").astype(np.int16)
    y, x = np.mgrid[0:height, 0:width]
    edges = np.where((x // 37 + y // 29) % 2 == 0, 18, -18)[..., None]
    noise = generator.normal(0, 4, (height, width, 3))
    picture: Image = np.clip(base + edges + noise, 0, 255).astype(np.uint8)
    return picture


def _subject_and_peer(
    method: str, against: str, scale: int, precision: str, device: str | None
) -> tuple[Upscaler, Callable[[Image, tuple[int, int]], Image] | None]:
    if method not in RANDOM_RCANS and against == "pillow":
        return parse_upscaler(method, scale=scale, precision=precision, device=device), None
    from synthcomp_core.runtime import torch_device
    from synthcomp_core.upscalers import neural

    device = str(torch_device(device))
    if method in RANDOM_RCANS:
        state_dict = _random_rcan(*RANDOM_RCANS[method], scale)
        name = f"{method}-x{scale} (random weights)"
        subject = neural.build_upscaler(state_dict, precision=precision, device=device, id=name)
    else:
        upscaler = parse_upscaler(method, scale=scale, precision=precision, device=device)
        if not isinstance(upscaler, neural.NeuralUpscaler):
            raise SynthcompError(f"{method} is no network: the peer float32-contiguous is for networks only.")
        from synthcomp_core.library.snapshots import load_snapshot

        subject = upscaler
        state_dict = {name: tensor.float() for name, tensor in load_snapshot(upscaler.id)[1].items()}
    if against == "pillow":
        return subject, None
    return subject, neural.plain_upscaler(state_dict, device=device)


def _random_rcan(groups: int, blocks: int, features: int, scale: int) -> dict[str, torch.Tensor]:
    import torch

    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    from spandrel.architectures.RCAN import RCAN

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RCAN(scale=scale, n_resgroups=groups, n_resblocks=blocks, n_feats=features)
    weights: dict[str, torch.Tensor] = model.state_dict()
    return weights


def _agreement_db(ours: Image, theirs: Image) -> float:
    return decibels(float(np.mean((ours.astype(np.float64) - theirs) ** 2)))
