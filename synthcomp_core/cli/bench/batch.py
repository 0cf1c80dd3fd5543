"""Local workers against one: the same 48 tasks by both, from the start of the workers to the last row."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from synthcomp_core.batch.cluster import Workers
from synthcomp_core.batch.plan import Plan, parse_run_plan
from synthcomp_core.batch.runner import carry_out_plan
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import crop, list_images, read_image, write_png
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.progress import OnProgress, counted, silent
from synthcomp_core.results.table import read_results, table_rows
from synthcomp_core.storage import artifacts_dir

_IMAGES, _WIDTH, _HEIGHT = 8, 960, 540
_VARIANTS = ("jpeg-q50", "jpeg-q80", "webp-q50", "webp-q80", "none@x2-fsr1")
_LEARNED, _INSTEAD = "mbt2018-q4-mse-games", "jpeg2000-q36"


@dataclass(frozen=True)
class BatchBench:
    """Wall times in seconds, medians over repeats, of one worker and of several, one thread each.

    ratio: one_s / several_s. work_ratio: the same without the time it takes to start and stop the workers.
    """

    tasks: int
    megapixels: float
    variants: tuple[str, ...]
    workers: int
    repeats: int
    one_s: float
    several_s: float
    ratio: float
    work_ratio: float
    rows_equal: bool


@dataclass(frozen=True)
class _Timing:
    whole_s: float
    work_s: float
    rows: tuple[tuple[object, ...], ...]


def bench_batch(*, workers: int = 2, repeats: int = 1, on_progress: OnProgress = silent) -> BatchBench:
    """Carry out a plan of 8 frames of 960x540 x 6 variants with one worker and with ``workers``, in turn.

    SynthcompError when a task fails, or when there are fewer than 8 bundled frames.
    """
    sources = list_images(artifacts_dir() / "samples")[:_IMAGES]
    if len(sources) < _IMAGES:
        raise SynthcompError(f"bench batch needs {_IMAGES} images in {artifacts_dir() / 'samples'}.")
    ones, several = [], []
    with tempfile.TemporaryDirectory(prefix="synthcomp-bench-") as name:
        folder = Path(name)
        for source in sources:
            write_png(crop(read_image(source).image, _WIDTH, _HEIGHT), folder / "frames" / f"{source.stem}.png")
        plan = _plan(folder)
        for repeat in range(repeats):
            on_progress((2 * repeat) / (2 * repeats), "one worker")
            ones.append(_timed(plan, folder / f"one-{repeat}", 1))
            on_progress((2 * repeat + 1) / (2 * repeats), counted(workers, "worker"))
            several.append(_timed(plan, folder / f"several-{repeat}", workers))
    on_progress(1.0, "done")
    one_s, several_s = _median(ones), _median(several)
    return BatchBench(
        tasks=len(ones[0].rows),
        megapixels=_IMAGES * _WIDTH * _HEIGHT / 1e6,
        variants=tuple(str(variant) for variant in plan.variants),
        workers=workers,
        repeats=repeats,
        one_s=one_s,
        several_s=several_s,
        ratio=one_s / several_s,
        work_ratio=statistics.median(t.work_s for t in ones) / statistics.median(t.work_s for t in several),
        rows_equal=len({timing.rows for timing in ones + several}) == 1,
    )


def _plan(folder: Path) -> Plan:
    at_hand = _LEARNED in {card.id for card in list_snapshots("codec")}
    variants = [*_VARIANTS, _LEARNED if at_hand else _INSTEAD]
    text = f'variants = {json.dumps(variants)}\n[[datasets]]\nname = "frames"\nfolder = "frames"\n'
    return parse_run_plan(text, folder / "bench.toml")


def _timed(plan: Plan, run: Path, workers: int) -> _Timing:
    first_done: list[float] = []
    started = time.perf_counter()
    outcome = carry_out_plan(
        plan,
        Workers(count=workers, threads=1),
        folder=run,
        on_progress=lambda progress: first_done.append(time.perf_counter()) if progress.workers else None,
    )
    whole_s = time.perf_counter() - started
    if outcome.failed:
        raise SynthcompError(f"{counted(outcome.failed, 'task')} of the benchmark failed; see {outcome.results.name}.")
    rows = table_rows(read_results(outcome.results))
    measured = tuple((row.image, row.variant, row.num_bytes, row.psnr_rgb, row.msssim_rgb, row.flip) for row in rows)
    # From when the workers are there to the last report, which comes when nothing is left in flight.
    return _Timing(whole_s, first_done[-1] - first_done[0], measured)


def _median(timings: list[_Timing]) -> float:
    return statistics.median(timing.whole_s for timing in timings)
