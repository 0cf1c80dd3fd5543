"""How long a variant takes: medians of repeated runs, after one that loads, compiles and warms up."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.variants.rendering import render_settled
from synthcomp_core.variants.variant import Variant

MAX_REPEATS = 1000


@dataclass(frozen=True)
class Timing:
    """Medians over ``repeats`` runs, in seconds, and the shortest and longest encoding. upscale_s: None without one."""

    repeats: int
    encode_s: float
    decode_s: float
    upscale_s: float | None
    fastest_encode_s: float
    slowest_encode_s: float


def time_variant(
    image: Image,
    variant: Variant,
    *,
    repeats: int,
    precision: str = "auto",
    device: str | None = None,
    on_progress: OnProgress = silent,
) -> Timing:
    """Time a variant of settled quality on an (H, W, 3) image; one run more than ``repeats``, the first not counted.

    precision, device: see ``render``. SynthcompError unless ``repeats`` is from 1 to MAX_REPEATS.
    """
    if not 1 <= repeats <= MAX_REPEATS:
        raise SynthcompError(f"The number of repeats is {repeats}; it must be from 1 to {MAX_REPEATS:,}.")
    runs = []
    for number in range(repeats + 1):
        part = span(on_progress, number / (repeats + 1), (number + 1) / (repeats + 1))
        rendering = render_settled(image, variant, precision=precision, device=device, on_progress=part)
        if number > 0:
            runs.append(rendering)
    encoded = [run.encode_s for run in runs]
    enlarged = [run.upscale_s for run in runs if run.upscale_s is not None]
    return Timing(
        repeats=repeats,
        encode_s=statistics.median(encoded),
        decode_s=statistics.median(run.decode_s for run in runs if run.decode_s is not None),
        upscale_s=statistics.median(enlarged) if enlarged else None,
        fastest_encode_s=min(encoded),
        slowest_encode_s=max(encoded),
    )
