"""What encoder effort gains, against the seconds that it takes: one image, one snapshot, every level."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.cli.bench.codec import bench_image
from synthcomp_core.cli.bench.machine import check_size, peak_memory_bytes, reset_peak_memory
from synthcomp_core.codecs import parse_codec
from synthcomp_core.codecs.effort import LEVELS
from synthcomp_core.codecs.learned import LearnedCodec
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.snapshots import Distortion
from synthcomp_core.metrics import MSSSIM_MIN_SIDE, bits_per_pixel, mean_squared_error, msssim, psnr
from synthcomp_core.progress import OnProgress, silent, span


@dataclass(frozen=True)
class EffortBench:
    """One level on one image, by its exact bitstream and its decoded pixels.

    cost: bits per pixel plus lambda times the distortion that the snapshot was trained for; cost_percent: its change
    against level 0. rate_percent: that change as a share of level 0's bits, which is the change of rate at equal
    distortion as far as the slope between rate and distortion is lambda. peak_mib: how far the process's memory rose
    while encoding, None where the system does not say.
    """

    snapshot: str
    level: int
    width: int
    height: int
    encode_s: float
    num_bytes: int
    bpp: float
    psnr_rgb: float
    msssim_rgb: float | None
    cost: float
    cost_percent: float
    rate_percent: float
    peak_mib: float | None


def bench_effort(
    snapshot: str,
    *,
    image: Path | None = None,
    size: tuple[int, int] | None = None,
    levels: tuple[int, ...] = LEVELS,
    on_progress: OnProgress = silent,
) -> list[EffortBench]:
    """Encode an image (a bundled frame without one), resized to (width, height) if given, at level 0 and ``levels``."""
    picture, _ = bench_image(image, size)
    height, width = picture.shape[:2]
    results: list[EffortBench] = []
    for number, level in enumerate((0, *levels)):
        codec = parse_codec(f"{snapshot}+e{level}" if level else snapshot)
        if not isinstance(codec, LearnedCodec) or codec.card.lmbda is None:
            raise SnapshotError(f"{snapshot} is no learned codec whose card names a lambda; choose one that does.")
        is_similarity = codec.card.distortion == Distortion.MS_SSIM
        if is_similarity:
            check_size(width, height, at_least=MSSSIM_MIN_SIDE, needed_by=f"MS-SSIM, which {snapshot} was trained for,")
        before = peak_memory_bytes() if reset_peak_memory() else None
        started = time.perf_counter()
        share = span(on_progress, number / (len(levels) + 1), (number + 1) / (len(levels) + 1))
        bitstream = codec.encode(picture, on_progress=share)
        encode_s = time.perf_counter() - started
        after = peak_memory_bytes()
        decoded = codec.decode(bitstream)
        similarity = msssim(picture, decoded)
        distortion = 1 - (similarity or 0.0) if is_similarity else mean_squared_error(picture, decoded)
        bpp = bits_per_pixel(len(bitstream), width, height)
        cost = bpp + codec.card.lmbda * distortion
        plain = results[0] if results else None
        results.append(
            EffortBench(
                *(snapshot, level, width, height, encode_s, len(bitstream), bpp),
                psnr_rgb=psnr(picture, decoded),
                msssim_rgb=similarity,
                cost=cost,
                cost_percent=0.0 if plain is None else 100 * (cost / plain.cost - 1),
                rate_percent=0.0 if plain is None else 100 * (cost - plain.cost) / plain.bpp,
                peak_mib=None if before is None or after is None else (after - before) / 2**20,
            )
        )
    on_progress(1.0, "done")
    return results
