"""What a worker does: carry out one task at a time, with the number of threads it was given when it started."""

from __future__ import annotations

import dataclasses
import functools
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core import limits
from synthcomp_core.batch.rendered_elsewhere import MatchedRendering, measured_row
from synthcomp_core.batch.tasks import ENLARGE, MEASURE, Stamp, Task
from synthcomp_core.codecs import decode
from synthcomp_core.images import Image, png_bytes, read_image
from synthcomp_core.metrics import Reference, measure
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.storage import read_file, write_bytes
from synthcomp_core.upscalers import mode_size, parse_upscaler
from synthcomp_core.upscalers.alpha import upscale_with_alpha
from synthcomp_core.variants import bare_row, evaluate

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class TaskOutcome:
    """The row of a task, its wall time in seconds on the worker, and the stamps of the rendering and bitstream kept.

    notes: what reading the image changed, a phrase each.
    """

    row: ResultRow
    seconds: float
    stamps: tuple[Stamp | None, Stamp | None] = (None, None)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker is set to when it starts.

    threads: of torch and the like in one task; None leaves them as they are. artifacts: the folder that holds the
    snapshots. shielded: ignore SIGINT, which a terminal sends to the runner's local workers as well.
    """

    artifacts: str
    threads: int | None = None
    shielded: bool = False


def carry_out_task(task: Task) -> TaskOutcome:
    """Render and measure, measure what was kept or what was rendered elsewhere, or enlarge.

    Files are written whole or not at all, before the row is returned. Raises whatever goes wrong.
    """
    started = time.perf_counter()
    if task.kind == ENLARGE:
        return _enlarge(task, started)
    reference, notes = _reference(task.image, task.image_sha256, task.max_pixels)
    stamps = task.stamps
    if task.kind == MEASURE:
        row = _measure_elsewhere(task, reference.image)
    elif task.previous is not None and (task.rendering is not None or task.bitstream is not None):
        row = _measure_kept(task, reference, task.previous)
    else:
        row, stamps = _render(task, reference)
    return TaskOutcome(row, time.perf_counter() - started, stamps, notes)


def apply_settings(settings: WorkerSettings) -> None:
    """Apply the settings to this process."""
    os.environ["SYNTHCOMP_ARTIFACTS"] = settings.artifacts
    if settings.shielded and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if settings.threads is not None:
        for variable in THREAD_VARIABLES:
            os.environ[variable] = str(settings.threads)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(settings.threads)


# Tasks come image by image, so that the next one mostly has the same reference.
@functools.lru_cache(maxsize=2)
def _reference(path: Path, sha256: str, max_pixels: int) -> tuple[Reference, tuple[str, ...]]:
    loaded = read_image(path, max_pixels=max_pixels)
    return Reference(loaded.image), loaded.notes


def _render(task: Task, reference: Reference) -> tuple[ResultRow, tuple[Stamp | None, Stamp | None]]:
    evaluation = evaluate(
        reference.image,
        task.variant,
        dataset=task.dataset,
        image_name=task.image.name,
        metrics=task.metrics,
        reference=reference,
        precision=task.precision,
    )
    rendering = bitstream = None
    if task.bitstream is not None:
        write_bytes(task.bitstream, evaluation.rendering.bitstream)
        bitstream = Stamp.of(evaluation.rendering.bitstream)
    if task.rendering is not None:
        content = png_bytes(evaluation.rendering.image)
        write_bytes(task.rendering, content)
        rendering = Stamp.of(content)
    return evaluation.row, (rendering, bitstream)


def _enlarge(task: Task, started: float) -> TaskOutcome:
    variant = task.variant
    if variant.scale is None or variant.upscaler is None or task.rendering is None:
        raise ValueError(f"{variant} does not say how to enlarge, or nothing is kept")
    upscaler = parse_upscaler(variant.upscaler, scale=variant.scale, precision=task.precision)
    loaded = read_image(task.image, max_pixels=task.max_pixels, keep_alpha=True)
    height, width = loaded.image.shape[:2]
    size = mode_size(width, height, variant.scale)
    began = time.perf_counter()
    if loaded.alpha is None:
        enlarged, alpha = upscaler.upscale(loaded.image, size), None
    else:
        enlarged, alpha = upscale_with_alpha(upscaler, loaded.image, loaded.alpha, size)
    upscale_s = time.perf_counter() - began
    content = png_bytes(enlarged, alpha=alpha)
    write_bytes(task.rendering, content)
    row = bare_row(task.dataset, task.image.name, variant)
    row = dataclasses.replace(row, width=width, height=height, upscale_s=upscale_s)
    return TaskOutcome(row, time.perf_counter() - started, (Stamp.of(content), None), loaded.notes)


def _measure_kept(task: Task, reference: Reference, previous: ResultRow) -> ResultRow:
    if task.rendering is not None:
        image = read_image(task.rendering, max_pixels=task.max_pixels).image
    elif task.bitstream is not None:
        image = _decode_kept(task, task.bitstream, reference.image)
    else:
        raise ValueError("a task that measures what was kept has a rendering or a bitstream")
    values = dataclasses.asdict(measure(reference, image, metrics=task.metrics))
    return dataclasses.replace(previous, **{name: values[name] for name in task.metrics})


def _decode_kept(task: Task, bitstream: Path, reference: Image) -> Image:
    variant = task.variant
    content = read_file(bitstream, max_bytes=limits.BITSTREAM_BYTES)
    image = decode(content, precision=task.precision, max_pixels=task.max_pixels)
    if variant.scale is None or variant.upscaler is None:
        return image
    upscaler = parse_upscaler(variant.upscaler, scale=variant.scale, precision=task.precision)
    return upscaler.upscale(image, (reference.shape[1], reference.shape[0]))


def _measure_elsewhere(task: Task, reference: Image) -> ResultRow:
    if task.rendering is None:
        raise ValueError("a task that measures has a rendering")
    match = MatchedRendering(task.image, task.rendering, task.variant, task.bitstream)
    metrics = (*task.measured, *task.metrics)
    return measured_row(reference, match, dataset=task.dataset, metrics=metrics, max_pixels=task.max_pixels)
