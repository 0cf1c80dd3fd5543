"""Speed and memory of the metrics against the packages that people use for them, in one run at several sizes."""

from __future__ import annotations

import io
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.cli.bench.machine import check_size, peak_memory_bytes, reset_peak_memory
from synthcomp_core.cli.bench.upscale import made_up_picture
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.metrics import DEFAULT_METRICS, MSSSIM_MIN_SIDE, flip_error, measure
from synthcomp_core.progress import OnProgress, silent

SIZES = ((960, 540), (1920, 1080), (3840, 2160))
ALL = "all defaults"
_REPEATS = 3
_PEERS = ("skimage", "pytorch_msssim", "flip_evaluator", "ssimulacra2")


@dataclass(frozen=True)
class MetricBench:
    """One metric, or all defaults together, at one size, against its peer.

    ours_s, peer_s: medians of alternating runs; peer None where there is none for it. max_difference: the largest
    absolute difference between the two: of a map's pixels for FLIP, else of the values; pytorch-msssim, whose float32
    errs by some 1e-6, is run once more in float64, window included, for it. peak_mib: how far the
    process's memory rose while ours ran, None where the system does not say.
    """

    metric: str
    width: int
    height: int
    ours_s: float
    peer: str | None
    peer_s: float | None
    speedup: float | None
    max_difference: float | None
    peak_mib: float | None


@dataclass(frozen=True)
class _Contest:
    """What is timed: ours and the peer's call, whose results are compared where both are arrays or numbers.

    exactly: the peer's call that ours is compared with, where that is not the one that is timed.
    """

    metric: str
    ours: Callable[[], object]
    peer: str | None = None
    theirs: Callable[[], object] | None = None
    exactly: Callable[[], object] | None = None


def bench_metrics(
    sizes: Sequence[tuple[int, int]] = SIZES, *, repeats: int = _REPEATS, on_progress: OnProgress = silent
) -> list[MetricBench]:
    """Time every metric at every (width, height), on a made-up image and the same with noise."""
    if repeats < 1:
        raise SynthcompError(f"A benchmark takes at least 1 run, not {repeats}.")
    for width, height in sizes:
        check_size(width, height, at_least=MSSSIM_MIN_SIDE, needed_by="MS-SSIM")
    missing = [name for name in _PEERS if find_spec(name) is None]
    if missing:
        raise SynthcompError(f"The peers {', '.join(missing)} are not installed; run `pip install -e '.[dev]'` first.")
    for contest in _contests(*_pair(200, 200)):  # Imports the peers, and compiles the kernels or loads them.
        contest.ours()
        if contest.theirs is not None:
            contest.theirs()
    results = []
    for number, (width, height) in enumerate(sizes):
        contests = _contests(*_pair(width, height))
        for index, contest in enumerate(contests):
            done = (number + index / len(contests)) / len(sizes)
            on_progress(done, f"{contest.metric}, {width}x{height}")
            results.append(_run(contest, width, height, repeats))
    on_progress(1.0, "done")
    return results


def _pair(width: int, height: int) -> tuple[Image, Image]:
    reference = made_up_picture(width, height)
    noise = np.random.default_rng(0).normal(0, 6, reference.shape)
    return reference, np.clip(reference + noise, 0, 255).astype(np.uint8)


def _contests(reference: Image, image: Image) -> list[_Contest]:
    def one(name: str) -> float:
        return float(getattr(measure(reference, image, metrics=(name,)), name) or 0.0)

    return [
        _Contest("psnr_rgb", partial(one, "psnr_rgb"), "scikit-image", partial(_scikit_psnr, reference, image)),
        _Contest("ssim_rgb", partial(one, "ssim_rgb"), "pytorch-msssim", *_torch_calls(_torch_ssim, reference, image)),
        _Contest(
            "msssim_rgb", partial(one, "msssim_rgb"), "pytorch-msssim", *_torch_calls(_torch_msssim, reference, image)
        ),
        _Contest(
            "flip with map", partial(flip_error, reference, image), "flip-evaluator", partial(_nvidia, reference, image)
        ),
        _Contest("ssimulacra2", partial(one, "ssimulacra2"), "ssimulacra2", partial(_package, reference, image)),
        _Contest(ALL, partial(measure, reference, image, metrics=DEFAULT_METRICS)),
    ]


def _run(contest: _Contest, width: int, height: int, repeats: int) -> MetricBench:
    ours_s, peer_s, peak_mib = [], [], None
    ours: object = None
    theirs: object = None
    for _ in range(repeats):
        before = peak_memory_bytes() if reset_peak_memory() else None
        started = time.perf_counter()
        ours = contest.ours()
        ours_s.append(time.perf_counter() - started)
        after = peak_memory_bytes()
        if before is not None and after is not None:
            peak_mib = max(peak_mib or 0.0, (after - before) / 2**20)
        if contest.theirs is not None:
            started = time.perf_counter()
            theirs = contest.theirs()
            peer_s.append(time.perf_counter() - started)
    median = statistics.median(ours_s)
    peer_median = statistics.median(peer_s) if peer_s else None
    return MetricBench(
        metric=contest.metric,
        width=width,
        height=height,
        ours_s=median,
        peer=contest.peer,
        peer_s=peer_median,
        speedup=None if peer_median is None else peer_median / median,
        max_difference=_difference(ours, theirs if contest.exactly is None else contest.exactly()),
        peak_mib=peak_mib,
    )


def _difference(ours: object, theirs: object) -> float | None:
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        return float(np.abs(ours.astype(np.float64) - theirs).max())
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) if math.isfinite(ours - theirs) else None
    return None


def _scikit_psnr(reference: Image, image: Image) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(reference, image, data_range=255))  # type: ignore[no-untyped-call]


def _torch_calls(
    call: Callable[[Image, Image, str], float], reference: Image, image: Image
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The call as people make it, and in float64."""
    return partial(call, reference, image, "float32"), partial(call, reference, image, "float64")


def _torch_ssim(reference: Image, image: Image, dtype: str) -> float:
    from pytorch_msssim import ssim

    return float(ssim(*_tensors(reference, image, dtype), data_range=255, win=_window(dtype)))


def _torch_msssim(reference: Image, image: Image, dtype: str) -> float:
    from pytorch_msssim import ms_ssim

    return float(ms_ssim(*_tensors(reference, image, dtype), data_range=255, win=_window(dtype)))


def _window(dtype: str) -> object:
    """The package's Gaussian in float64, (3, 1, 1, 11); None for its own, which it computes in float32."""
    import torch

    if dtype == "float32":
        return None
    values = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    return (values / values.sum()).repeat(3, 1, 1, 1)


def _tensors(reference: Image, image: Image, dtype: str) -> list[object]:
    import torch

    planes = (torch.from_numpy(part).permute(2, 0, 1)[None] for part in (reference, image))
    return [part.to(getattr(torch, dtype)) for part in planes]


def _nvidia(reference: Image, image: Image) -> NDArray[np.float32]:
    from flip_evaluator import evaluate

    inputs = [part.astype(np.float32) / np.float32(255) for part in (reference, image)]
    error: NDArray[np.float32] = evaluate(
        *inputs, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": 67.0}
    )[0]
    return error[:, :, 0]


def _package(reference: Image, image: Image) -> float:
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(*(_ppm(part) for part in (reference, image))))


def _ppm(image: Image) -> io.BytesIO:
    """The image as an uncompressed file in memory, as the package only reads files."""
    height, width = image.shape[:2]
    return io.BytesIO(f"P6 {width} {height} 255\n".encode() + image.tobytes())
