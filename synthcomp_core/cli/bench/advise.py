"""The advice on one image against a plain grid: every whole quality of every codec encoded, and the best measured."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.cli.bench.codec import bench_image
from synthcomp_core.codecs import FAMILIES
from synthcomp_core.codecs.targets import Target
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.runtime import usable_threads
from synthcomp_core.variants import Variant
from synthcomp_core.variants.advice import advice
from synthcomp_core.variants.candidates import candidates, rows_for_image
from synthcomp_core.variants.rendering import code

_WARM_SIDE = 192  # Pixels of an image that loads what both need.


@dataclass(frozen=True)
class AdviseBench:
    """The search and the grid on one image, both in as many threads as there are cores, with the same measurements.

    *_s: wall times; *_cpu_s: CPU seconds of all threads, which other work on the machine hardly changes. cpu_ratio:
    grid_cpu_s / advise_cpu_s. grid_encodings: what the grid encodes. least_filled: the smallest of the search's bytes
    over the grid's, of all variants; above 1 where tenths of a quality fill a size better. same_winners: whether both
    name the same codec at the same resolution for every metric.
    """

    width: int
    height: int
    target: str
    variants: int
    advise_s: float
    advise_cpu_s: float
    grid_s: float
    grid_cpu_s: float
    grid_encodings: int
    cpu_ratio: float
    least_filled: float
    same_winners: bool


def bench_advise(
    image: Path | None = None,
    *,
    size: tuple[int, int] | None = None,
    target_bpp: float = 0.4,
    families: Sequence[str] | None = None,
    on_progress: OnProgress = silent,
) -> AdviseBench:
    """Search and grid on an image (a bundled frame without one), resized to (width, height) if given.

    families: classical codecs with a quality, all of them by default; each at full and half resolution.
    """
    classical = [name for name, family in FAMILIES.items() if family.qualities is not None]
    unknown = sorted(set(families or ()) - set(classical))
    if unknown:
        raise SynthcompError(f"The grid has no {unknown[0]!r}: use {', '.join(classical)}.")
    picture, _ = bench_image(image, size)
    height, width = picture.shape[:2]
    target = Target.of("bytes", max(1, round(target_bpp * width * height / 8)))
    variants = candidates(target, families=families or classical)
    rows_for_image(picture[:_WARM_SIDE, :_WARM_SIDE], variants, dataset="bench", image_name="")
    started, cpu_started = time.perf_counter(), time.process_time()
    found = rows_for_image(
        picture, variants, dataset="bench", image_name="image", on_progress=span(on_progress, 0.0, 0.3)
    )
    advise_s, advise_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    started, cpu_started = time.perf_counter(), time.process_time()
    expected = _grid(picture, variants, target, span(on_progress, 0.3, 1.0))
    grid_s, grid_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    return AdviseBench(
        width=width,
        height=height,
        target=str(target),
        variants=len(variants),
        advise_s=advise_s,
        advise_cpu_s=advise_cpu_s,
        grid_s=grid_s,
        grid_cpu_s=grid_cpu_s,
        grid_encodings=sum(len(_levels(variant)) for variant in variants),
        cpu_ratio=grid_cpu_s / advise_cpu_s,
        least_filled=min(
            ((own.num_bytes or 0) / row.num_bytes for own, row in zip(found, expected, strict=True) if row.num_bytes),
            default=1.0,
        ),
        same_winners=_winners(found, target) == _winners(expected, target),
    )


def _grid(picture: Image, variants: Sequence[Variant], target: Target, on_progress: OnProgress) -> list[ResultRow]:
    """The rows of the variants at the largest size that any whole quality keeps to the target with."""

    def settled(variant: Variant) -> Variant | None:
        source = downscale(picture, variant.scale)
        sizes = {level: code(source, level).num_bytes for level in _levels(variant)}
        fitting = [level for level, num_bytes in sizes.items() if num_bytes <= target.value]
        return dataclasses.replace(variant, codec=max(fitting, key=lambda level: sizes[level])) if fitting else None

    on_progress(0.0, "grid")
    with ThreadPoolExecutor(usable_threads()) as pool:
        choices = list(pool.map(settled, variants))
    reached = [choice for choice in choices if choice is not None]
    rows = iter(rows_for_image(picture, reached, dataset="bench", image_name="image"))
    on_progress(1.0, "done")
    failed = "no quality keeps to the size"
    return [
        ResultRow("bench", "image", variant=str(variant), error=failed)
        if choice is None
        else dataclasses.replace(next(rows), variant=str(variant))
        for variant, choice in zip(variants, choices, strict=True)
    ]


def _levels(variant: Variant) -> list[str]:
    codec_id = variant.codec_id
    return [str(codec_id.at_quality(quality)) for quality in FAMILIES[codec_id.family].qualities or ()]


def _winners(rows: Sequence[ResultRow], target: Target) -> list[Variant]:
    return [verdict.winner.variant for verdict in advice(rows, target).verdicts]
