"""What a run will take: seconds from what was measured so far or typical speeds, bytes from typical rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from synthcomp_core.batch.journal import Entry
from synthcomp_core.batch.tasks import ENLARGE, MEASURE, RENDER, Task
from synthcomp_core.codecs import CodecId
from synthcomp_core.variants import Variant
from synthcomp_core.variants.snapshots_of import codec_snapshot, upscaler_snapshot

# Core seconds per coded megapixel for encoding and decoding, measured on a bundled frame of 960x540 with one thread.
_CODING_S = {"jpeg": 0.013, "webp": 0.13, "avif": 0.46, "jxl": 0.56, "jpeg2000": 0.15, "png": 0.35, "none": 0.001}
_OPTION_S = {  # Instead, where an option changes much.
    "avif": {"s0": 22, "s1": 9.7, "s2": 8.3, "s3": 5.8, "s4": 2.9, "s5": 2.3, "s7": 0.29, "s8": 0.13},
    "jxl": {"e1": 0.08, "e2": 0.06, "e3": 0.06, "e4": 0.06, "e5": 0.23, "e6": 0.34, "e8": 1.6, "e9": 2.3},
    "webp": {"m0": 0.03, "m1": 0.03, "m2": 0.03, "lossless": 1.3},
}
_EFFORT_S = {"e1": 90, "e2": 220, "e3": 660}  # Per coded megapixel, for the networks of _LEARNED_N channels.
_TRIES, _LEARNED_TRIES = 4, 3  # Encodings until a target is met.
_LEARNED_S, _LEARNED_N = 1.3, 64  # mbt2018 of 64 channels; the transforms' cost grows with their square.
_FSR_S, _INTERPOLATION_S = 0.09, 0.03
_NETWORK_S, _NETWORK_PARAMETERS = 2.0, 600_000  # The bundled RCAN; the cost grows with the weights.
# Core seconds per megapixel of the reference, for the metrics that are computed together.
_METRIC_S = {
    ("psnr_rgb",): 0.003,
    ("psnr_y",): 0.004,
    ("ssim_rgb", "msssim_rgb"): 0.38,
    ("ssim_y", "msssim_y"): 0.10,
    ("flip",): 0.13,
    ("ssimulacra2",): 0.26,
}
_READING_S = 0.05
_PNG_S, _PNG_BYTES = 0.28, 0.95e6  # Per megapixel of a decoded game frame.
# Bits per coded pixel, roughly the middle of a codec's range.
_BITS = {"none": 24.0, "png": 7.6}
_LOSSY_BITS, _LEARNED_BITS = 0.8, 0.5


@dataclass(frozen=True)
class Estimate:
    """What is still to come. seconds: of one worker alone; num_bytes: of files kept; megapixels: of references.

    measured: the share of tasks whose time comes from finished tasks of the same variant.
    """

    seconds: float
    num_bytes: float
    megapixels: float
    measured: float


def estimate(tasks: Iterable[Task], entries: Iterable[Entry]) -> Estimate:
    """Time and disk space that tasks take, by the times of earlier tasks of the same variant, if any."""
    known = _known_rates(entries)
    tasks = list(tasks)
    # What is known is how long coding and upscaling take, not measuring or enlarging alone.
    rates = [known.get(str(task.variant)) if (task.kind, task.previous) == (RENDER, None) else None for task in tasks]
    costs = [
        task_cost_s(task) if rate is None else rate * task.pixels / 1e6 for task, rate in zip(tasks, rates, strict=True)
    ]
    return Estimate(
        seconds=sum(costs),
        num_bytes=sum(_kept_bytes(task) for task in tasks if task.previous is None),
        megapixels=sum(task.pixels for task in tasks) / 1e6,
        measured=sum(rate is not None for rate in rates) / len(tasks) if tasks else 0.0,
    )


def task_cost_s(task: Task) -> float:
    """Roughly the seconds that a task takes; good enough to weigh tasks against each other."""
    megapixels = max(task.pixels, 1) / 1e6
    metrics = sum(cost * (1.0 if len(set(names) & set(task.metrics)) else 0.0) for names, cost in _METRIC_S.items())
    if task.kind == MEASURE or task.previous is not None:
        return megapixels * (metrics + _READING_S)
    if task.kind == ENLARGE:
        return megapixels * (_READING_S + _enlargement(task) * (_upscaling_s(task.variant) + _PNG_S))
    return megapixels * (metrics + _rendering_s(task.variant) + (_PNG_S if task.rendering else 0.0))


def _enlargement(task: Task) -> float:
    """Pixels of the final image for each of the reference."""
    return (task.variant.scale or 1.0) ** 2 if task.kind == ENLARGE else 1.0


class RemainingTime:
    """What is left of a run, from the tasks done so far.

    A variant that has been carried out goes on as fast as it was; the others by typical speeds, corrected by how far
    off these have been. How many tasks advance at a time is measured too.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._left: dict[str, float] = {}
        self._done: dict[str, list[tuple[float, float]]] = {}  # By variant: (typical, measured) seconds.
        for task in tasks:
            self._left[str(task.variant)] = self._left.get(str(task.variant), 0.0) + task_cost_s(task)

    def finish(self, task: Task, seconds: float) -> None:
        """Note a task that took ``seconds`` on its worker."""
        variant, cost = str(task.variant), task_cost_s(task)
        self._left[variant] = max(self._left.get(variant, 0.0) - cost, 0.0)
        self._done.setdefault(variant, []).append((cost, seconds))

    def left_s(self, elapsed_s: float) -> float | None:
        """Seconds left after ``elapsed_s`` of work; None before the first task is done."""
        busy = sum(seconds for done in self._done.values() for _, seconds in done)
        if not busy or elapsed_s <= 0:
            return None
        everything = _ratio([pair for done in self._done.values() for pair in _warm(done)])
        ratios = {variant: _ratio(_warm(done)) for variant, done in self._done.items()}
        left = sum(cost * ratios.get(variant, everything) for variant, cost in self._left.items())
        return left * elapsed_s / busy


def _warm(done: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the first of several: it loads and compiles what the others find ready."""
    return done[1:] or done


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return sum(seconds for _, seconds in pairs) / sum(cost for cost, _ in pairs)


@cache  # Asked for every task, and the snapshots' cards are files.
def _rendering_s(variant: Variant) -> float:
    """Core seconds that a variant takes per megapixel of the reference."""
    card = codec_snapshot(variant)
    coding_s = _classical_s(variant) if card is None else _learned_s(variant, card.N or _LEARNED_N)
    target, rendering_s = variant.codec_id.target, coding_s / (variant.scale or 1.0) ** 2 + _upscaling_s(variant)
    if target is None:
        return rendering_s
    searching_s = sum(cost for names, cost in _METRIC_S.items() if target.kind.quantity in names) + rendering_s
    return rendering_s + searching_s * (_TRIES if card is None else _LEARNED_TRIES)


def _classical_s(variant: Variant) -> float:
    """Core seconds per coded megapixel, for the dearest of the encoder's options."""
    family = CodecId.family_of(variant.codec)
    dear = [cost for word, cost in _OPTION_S.get(family, {}).items() if word in variant.codec_id.options]
    return max(dear, default=_CODING_S.get(family, _LEARNED_S))


def _learned_s(variant: Variant, channels: int) -> float:
    effort_s = sum(_EFFORT_S[word] for word in variant.codec_id.options)
    return (_LEARNED_S + effort_s) * (channels / _LEARNED_N) ** 2


def _upscaling_s(variant: Variant) -> float:
    if variant.upscaler is None:
        return 0.0
    if variant.upscaler.startswith(("fsr1", "nis", "gsr1")):
        return _FSR_S
    card = upscaler_snapshot(variant)
    if card is None:
        return _INTERPOLATION_S
    return _NETWORK_S * (card.parameters or _NETWORK_PARAMETERS) / _NETWORK_PARAMETERS


def _kept_bytes(task: Task) -> float:
    if task.kind == MEASURE:
        return 0.0
    codec = task.variant.codec_id
    bits = _LEARNED_BITS if codec.is_learned else _BITS.get(codec.family, _LOSSY_BITS)
    bits /= (task.variant.scale or 1.0) ** 2
    megapixels = task.pixels / 1e6
    rendering = _PNG_BYTES * megapixels * _enlargement(task) if task.rendering else 0.0
    return rendering + (bits / 8 * task.pixels if task.bitstream else 0.0)


def _known_rates(entries: Iterable[Entry]) -> dict[str, float]:
    """Seconds per megapixel of each variant that was carried out before."""
    sums: dict[str, tuple[float, float]] = {}
    for entry in entries:
        row = entry.row
        if row.error is None and row.width and row.height and row.encode_s is not None:
            seconds, megapixels = sums.get(row.variant, (0.0, 0.0))
            sums[row.variant] = (seconds + entry.seconds, megapixels + row.width * row.height / 1e6)
    return {variant: seconds / megapixels for variant, (seconds, megapixels) in sums.items()}
