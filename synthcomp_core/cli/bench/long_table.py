"""A long results table from its file to its chart, stage by stage, with plain pandas for comparison."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synthcomp_core import limits
from synthcomp_core.cli.bench.machine import peak_memory_bytes, reset_peak_memory
from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent
from synthcomp_core.results.rows import COLUMNS, ResultRow, rows_to_csv
from synthcomp_core.results.table import check_table, unchecked_table

if TYPE_CHECKING:
    import pyarrow as pa

_CODECS = ("jpeg", "webp", "avif", "jxl")
_SCALINGS = ("", "@x2-bicubic", "@x2-lanczos", "@x2-rcan", "@x1.5-fsr1")
_QUALITIES = 100
VARIANTS = len(_CODECS) * len(_SCALINGS) * _QUALITIES
_WIDTH, _HEIGHT = 1920, 1080
_CHUNK_IMAGES = 20  # In memory at a time while the file is written.


@dataclass(frozen=True)
class ResultsBench:
    """Seconds of every stage between a results file and its chart, and the memory they took.

    read_s: CSV to table; validate_s: its checks; curves_s: means over images; chart_s: plotly figure and its JSON;
    whole_s: their sum, which is what the page does before its first chart. cpu_s: processor time of all of them,
    threads together, on which other load on the machine has no effect. pandas_s: ``pandas.read_csv`` of the same file,
    without any checks. table_bytes: the table's own memory. before_bytes, peak_bytes: resident memory of the process
    before the stages and at its peak during them; None if the system does not report it.
    """

    rows: int
    images: int
    variants: int
    curves: int
    file_bytes: int
    read_s: float
    validate_s: float
    curves_s: float
    chart_s: float
    whole_s: float
    cpu_s: float
    pandas_s: float
    table_bytes: int
    before_bytes: int | None
    peak_bytes: int | None

    def sentence(self) -> str:
        """The figures in one sentence, for people."""
        memory = "" if self.peak_bytes is None else f", {self.peak_bytes / 2**20:,.0f} MiB at the peak"
        return (
            f"{self.rows:,} rows ({self.file_bytes / 1e6:,.0f} MB) from file to chart in {self.whole_s:.2f} s "
            f"({self.cpu_s:.2f} s of processor time): read "
            f"{self.read_s:.2f}, validate {self.validate_s:.2f}, curves {self.curves_s:.2f}, chart {self.chart_s:.2f}"
            f"{memory}; pandas.read_csv alone {self.pandas_s:.2f} s."
        )


def write_long_results(path: Path, rows: int, *, on_progress: OnProgress = silent) -> None:
    """Write a made-up results CSV of ``rows`` rows as a batch run would: images x 2,000 variants, all columns.

    Rates and metrics rise with the quality as those of codecs do, and differ between images. SynthcompError if there
    are fewer rows than variants, or more than are read.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if rows < VARIANTS:
        raise SynthcompError(f"{rows:,} rows are too few: a made-up table has {VARIANTS:,} variants per image.")
    if rows >= limits.RESULTS_ROWS:  # Its first line names the columns.
        raise SynthcompError(f"{rows:,} rows are too many: a table that is read has under {limits.RESULTS_ROWS:,}.")
    images = -(-rows // VARIANTS)
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write(rows_to_csv([]).encode())
        for first in range(0, images, _CHUNK_IMAGES):
            on_progress(first / images, "writing the table")
            last = min(first + _CHUNK_IMAGES, images)
            chunk = _made_up_rows(range(first, last)).slice(0, rows - first * VARIANTS)
            arrow_csv.write_csv(chunk, pa.PythonFile(file), write_options=options)


def _made_up_rows(images: range) -> pa.Table:
    """All variants of these images, image by image."""
    import pyarrow as pa

    kinds = [(codec, scaling) for codec in _CODECS for scaling in _SCALINGS]
    number, kind, quality = (
        axis.ravel()
        for axis in np.meshgrid(np.array(images), np.arange(len(kinds)), np.arange(1, _QUALITIES + 1), indexing="ij")
    )
    rng = np.random.default_rng(images.start)
    codec_number, scaling_number = kind // len(_SCALINGS), kind % len(_SCALINGS)
    detail = 0.6 + 0.8 * ((number * 7919) % 101) / 100  # How hard the image is to code.
    rate = 0.05 * 2 ** (quality / 20) * detail * (1 - 0.12 * codec_number) / (1 + 0.5 * (scaling_number > 0))
    num_bytes = np.maximum(1, np.round(rate * _WIDTH * _HEIGHT / 8)).astype(np.int64)
    ceiling = np.where(scaling_number > 0, 38.0 + scaling_number, 60.0)
    psnr = ceiling - (ceiling - 24) * np.exp(-quality / 45) - 3 * detail + rng.normal(0, 0.2, len(quality))
    similarity = 1 - np.exp(-psnr / 9)
    seconds = rng.uniform(0.01, 0.2, (3, len(quality)))
    upscaled = scaling_number > 0
    scales = np.where(scaling_number == len(_SCALINGS) - 1, 1.5, 2.0)
    names = [f"{codec}-q{step}{scaling}" for codec, scaling in kinds for step in range(1, _QUALITIES + 1)]
    upscalers = [scaling.rpartition("-")[2] or None for _, scaling in kinds]
    columns = {
        "dataset": np.full(len(quality), "made-up"),
        "image": np.array([f"frame{image:05d}.png" for image in images])[number - images.start],
        "width": np.full(len(quality), _WIDTH),
        "height": np.full(len(quality), _HEIGHT),
        "variant": np.array(names)[kind * _QUALITIES + quality - 1],
        "codec": np.array([codec for codec, _ in kinds])[kind],
        "quality": quality,
        "scale": pa.array(scales, mask=~upscaled),
        "upscaler": pa.array(np.array(upscalers, dtype=object)[kind]),
        "num_bytes": num_bytes,
        "bpp": num_bytes * 8 / (_WIDTH * _HEIGHT),
        "psnr_rgb": psnr,
        "psnr_y": psnr + 1.2,
        "ssim_rgb": similarity,
        "ssim_y": similarity,
        "msssim_rgb": np.sqrt(similarity),
        "msssim_y": np.sqrt(similarity),
        "flip": (1 - similarity) / 2,
        "encode_s": seconds[0],
        "decode_s": seconds[1],
        "upscale_s": pa.array(seconds[2], mask=~upscaled),
    }
    empty = pa.nulls(len(quality), pa.string())
    return pa.table({column: columns.get(column, empty) for column in COLUMNS})


def bench_results(*, rows: int = 1_000_000, on_progress: OnProgress = silent) -> ResultsBench:
    """Write a made-up table of ``rows`` rows (at least 2,000), then time what the page does with it.

    The stages are those of the rate-distortion page, one after the other in this process, without any cache.
    """
    import pandas as pd

    from synthcomp_core.figures.rd_chart import rd_chart
    from synthcomp_core.results.curves import rd_curves

    # A small table goes through all stages first, so that imports do not count.
    warm_up = unchecked_table(rows_to_csv(_FEW).encode(), name="few rows")
    rd_chart(rd_curves(warm_up, "psnr_rgb")).to_json()
    with tempfile.TemporaryDirectory(prefix="synthcomp-bench-") as name:
        path = Path(name) / "results.csv"
        write_long_results(path, rows, on_progress=lambda fraction, stage: on_progress(0.4 * fraction, stage))
        before = peak_memory_bytes() if reset_peak_memory() else None
        clock, cpu = [time.perf_counter()], time.process_time()
        on_progress(0.4, "reading")
        table = unchecked_table(path.read_bytes(), name=path.name)
        clock.append(time.perf_counter())
        on_progress(0.6, "validating")
        check_table(table, name=path.name)
        clock.append(time.perf_counter())
        on_progress(0.7, "curves and chart")
        curves = rd_curves(table, "psnr_rgb")
        clock.append(time.perf_counter())
        rd_chart(curves).to_json()
        clock.append(time.perf_counter())
        cpu_s = time.process_time() - cpu
        peak = None if before is None else peak_memory_bytes()
        on_progress(0.8, "pandas.read_csv")
        begun = time.perf_counter()
        pd.read_csv(path)
        pandas_s = time.perf_counter() - begun
        file_bytes = path.stat().st_size
    read_s, validate_s, curves_s, chart_s = np.diff(clock).tolist()
    on_progress(1.0, "done")
    return ResultsBench(
        rows=len(table),
        images=table["image"].nunique(),
        variants=table["variant"].nunique(),
        curves=len(curves),
        file_bytes=file_bytes,
        read_s=read_s,
        validate_s=validate_s,
        curves_s=curves_s,
        chart_s=chart_s,
        whole_s=clock[-1] - clock[0],
        cpu_s=cpu_s,
        pandas_s=pandas_s,
        table_bytes=int(table.memory_usage(deep=True).sum()),
        before_bytes=before,
        peak_bytes=peak,
    )


_FEW = [
    ResultRow(dataset="few", image="one.png", variant=f"jpeg-q{quality}", codec="jpeg", bpp=quality, psnr_rgb=30)
    for quality in (1, 2, 3)
]
