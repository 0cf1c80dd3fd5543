"""The FSR benchmark: FSR 1's modes, sharpened and not, NIS, GSR 1, RCAN and interpolation against native images.

Two sources: a folder of screenshots in the thesis's layout, taken in a game with FSR switched on; and any image,
downscaled here and brought back. The result is the table of :mod:`.fsr_table`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, downscale
from synthcomp_core.metrics import METRICS, SHOWN_METRICS, Metrics, Reference, measure
from synthcomp_core.progress import OnProgress, silent, span
from synthcomp_core.upscalers import FSR_MODES, Upscaler, list_upscalers, parse_upscaler
from synthcomp_core.upscalers.fsr_samples import SampleFile, SampleSet, open_samples
from synthcomp_core.upscalers.fsr_table import FsrRow, FsrTable, Treatment

OnTable = Callable[[FsrTable], None]
DEFAULT_STOPS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class SharpnessPoint:
    """The metrics against native with RCAS at so many stops (None: off)."""

    stops: float | None
    metrics: Metrics


@dataclass(frozen=True)
class SharpnessCurve:
    """Metrics against RCAS sharpness at one scale; the first point is EASU alone."""

    scale: float
    points: tuple[SharpnessPoint, ...]

    def best(self, metric: str) -> SharpnessPoint:
        """The best point by ``metric``, of equal ones the least sharp; SynthcompError if it was not measured."""
        sign = 1 if METRICS[metric].higher_is_better else -1
        measured = [point for point in self.points if getattr(point.metrics, metric) is not None]
        if not measured:
            raise SynthcompError(f"{METRICS[metric].label} was not measured: the image may be too small.")
        return max(measured, key=lambda point: sign * getattr(point.metrics, metric))


def evaluate_samples(
    source: Path | SampleSet,
    *,
    metrics: Collection[str] = SHOWN_METRICS,
    on_table: OnTable = lambda table: None,
    on_progress: OnProgress = silent,
) -> FsrTable:
    """Measure a folder (or a zip of one) in the thesis's layout: one row per image, quality and sharpening.

    A file that is missing, cannot be read or differs in size from its native image is a row with an error; so is
    every file of an image whose native one is faulty. SynthcompError if there is nothing in that layout. on_table:
    called with the table so far after every row.
    """
    samples = open_samples(source) if isinstance(source, Path) else source
    rows: list[FsrRow] = []
    planned = tuple(file.treatment for file in samples.files)
    native: Reference | SynthcompError = SynthcompError("not read yet")
    native_of = None
    for number, file in enumerate(samples.files):
        part = span(on_progress, number / len(samples.files), (number + 1) / len(samples.files))
        part(0.0, file.name)
        if file.image != native_of:
            native, native_of = _read_or_error(samples, samples.native_name(file.image)), file.image
        rows.append(_sample_row(samples, file, native, metrics, part))
        on_table(FsrTable(samples.name, tuple(rows), _ordered(metrics), planned))
    on_progress(1.0, "measured")
    return FsrTable(samples.name, tuple(rows), _ordered(metrics))


def evaluate_image(
    image: Image,
    name: str,
    *,
    upscaler_ids: Sequence[str] | None = None,
    scales: Sequence[float] = tuple(FSR_MODES.values()),
    metrics: Collection[str] = SHOWN_METRICS,
    reference: Reference | None = None,
    precision: str = "auto",
    on_table: OnTable = lambda table: None,
    on_progress: OnProgress = silent,
) -> FsrTable:
    """Downscale an image (Pillow bicubic, antialiased) by each scale, bring it back by each upscaler, and measure.

    upscaler_ids: default :func:`benchmark_upscalers`. An upscaler that is not available is rows with an error.
    reference: of the image, where more is measured against it. on_table: called with the table so far after every row.
    """
    known = reference or Reference(image)
    lows: dict[float, Image] = {}
    ids = benchmark_upscalers() if upscaler_ids is None else list(upscaler_ids)
    tasks = [(scale, upscaler_id) for scale in scales for upscaler_id in ids]
    planned = tuple(_upscaler_treatment(upscaler_id, scale) for scale, upscaler_id in tasks)
    rows = []
    for number, ((scale, upscaler_id), treatment) in enumerate(zip(tasks, planned, strict=True)):
        part = span(on_progress, number / len(tasks), (number + 1) / len(tasks))
        part(0.0, f"{treatment.label}, {treatment.mode_label}")
        try:
            if scale not in lows:  # All upscalers of a scale follow each other.
                lows = {scale: downscale(image, scale)}
            enlarged, seconds = upscaled(
                image, upscaler_id, scale, low=lows[scale], precision=precision, on_progress=span(part, 0.0, 0.5)
            )
            values = measure(known, enlarged, metrics=metrics, on_progress=span(part, 0.5, 1.0))
            rows.append(FsrRow(name, treatment, values, upscale_s=seconds))
        except SynthcompError as error:
            rows.append(FsrRow(name, treatment, Metrics(), error=str(error)))
        on_table(FsrTable(name, tuple(rows), _ordered(metrics), planned))
    on_progress(1.0, "measured")
    return FsrTable(name, tuple(rows), _ordered(metrics))


def upscaled(
    image: Image,
    upscaler_id: str,
    scale: float,
    *,
    low: Image | None = None,
    precision: str = "auto",
    on_progress: OnProgress = silent,
) -> tuple[Image, float]:
    """The image downscaled by ``scale`` and brought back to its size, and the seconds that the latter took.

    low: the downscaled image, if there is one already.
    """
    height, width = image.shape[:2]
    upscaler: Upscaler = parse_upscaler(upscaler_id, scale=scale, precision=precision)
    low = downscale(image, scale) if low is None else low
    started = time.perf_counter()
    enlarged = upscaler.upscale(low, (width, height), on_progress=on_progress)
    return enlarged, time.perf_counter() - started


def sharpness_curve(
    image: Image,
    *,
    scale: float = 2.0,
    stops: Sequence[float] = DEFAULT_STOPS,
    metrics: Collection[str] = SHOWN_METRICS,
    reference: Reference | None = None,
    on_progress: OnProgress = silent,
) -> SharpnessCurve:
    """FSR 1 at one scale over RCAS sharpness: EASU alone, then each of ``stops`` from the weakest to the sharpest.

    reference: of the image, where more is measured against it.
    """
    known, low = reference or Reference(image), downscale(image, scale)
    settings: list[float | None] = [None, *sorted(stops, reverse=True)]
    points = []
    for number, setting in enumerate(settings):
        part = span(on_progress, number / len(settings), (number + 1) / len(settings))
        upscaler_id = "fsr1_off" if setting is None else f"fsr1_s{setting:g}"
        enlarged, _ = upscaled(image, upscaler_id, scale, low=low)
        points.append(SharpnessPoint(setting, measure(known, enlarged, metrics=metrics, on_progress=part)))
    return SharpnessCurve(scale, tuple(points))


def benchmark_upscalers() -> list[str]:
    """Compared by default: FSR 1 without and with sharpening, NIS, GSR 1, RCAN if installed, bicubic, Lanczos."""
    has_rcan = any(info.id == "rcan" and info.available for info in list_upscalers())
    return ["fsr1_off", "fsr1", "nis", "gsr1", *(["rcan"] if has_rcan else []), "bicubic", "lanczos"]


def _sample_row(
    samples: SampleSet,
    file: SampleFile,
    native: Reference | SynthcompError,
    metrics: Collection[str],
    on_progress: OnProgress,
) -> FsrRow:
    def failed(reason: str) -> FsrRow:
        return FsrRow(file.image, file.treatment, Metrics(), file=file.name, error=reason)

    if isinstance(native, SynthcompError):
        return failed(f"{file.name} cannot be compared: {native}")
    try:
        enlarged = samples.read_like(file, native.image)
    except SynthcompError as error:
        return failed(str(error))
    values = measure(native, enlarged, metrics=metrics, on_progress=on_progress)
    return FsrRow(file.image, file.treatment, values, file=file.name)


def _read_or_error(samples: SampleSet, name: str) -> Reference | SynthcompError:
    try:
        return Reference(samples.read(name))
    except SynthcompError as error:
        return error


def method_label(upscaler_id: str, scale: float) -> str:
    """An upscaler at a scale, for people.

    >>> method_label("fsr1_s0.5", 2.0), method_label("nis", 1.5)
    ('FSR 1, sharpened by 0.5 stops', 'NVIDIA Image Scaling')
    """
    return _upscaler_treatment(upscaler_id, scale).label


def _upscaler_treatment(upscaler_id: str, scale: float) -> Treatment:
    if not upscaler_id.startswith("fsr1"):
        return Treatment(upscaler_id, scale)
    sharpness = getattr(parse_upscaler(upscaler_id), "sharpness", None)
    return Treatment("fsr1", scale, sharpened=sharpness is not None, stops=sharpness)


def _ordered(metrics: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in METRICS if name in metrics)
