"""One row of the results table per image and variant, and how rows are written.

CSV in UTF-8: comma, decimal point, an empty cell for what was not measured, ``inf`` only as a PSNR.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from synthcomp_core.results.text_tables import csv_text
from synthcomp_core.storage import write_text

LARGEST = 2**53  # Up to here every whole number is one in float64, as tables hold it.
_Side = Annotated[int, Meta(ge=1, le=2**31)]


@dataclass(frozen=True, slots=True)  # A JSON file may hold 100,000; with a dict each they take four times the memory.
class ResultRow:
    """One image through one variant; None = not measured.

    (dataset, image, variant) names the row. width, height: of the reference, in pixels. num_bytes: of the bitstream;
    bpp: its bits per pixel of the reference; bpp_estimated: the same from likelihoods. psnr_*: dB, inf when identical.
    Times in seconds. precision, device: what the codec computed in ("bfloat16") and on ("cpu"); upscaler_*: the same
    for the upscaler. error: why the task failed, in one line.
    """

    dataset: str
    image: str
    width: _Side | None = None
    height: _Side | None = None
    variant: str = ""
    codec: str | None = None
    quality: float | None = None
    lmbda: float | None = None
    distortion: str | None = None
    trained_on: str | None = None
    scale: float | None = None
    upscaler: str | None = None
    num_bytes: Annotated[int, Meta(ge=0, le=LARGEST)] | None = None
    bpp: float | None = None
    bpp_estimated: float | None = None
    psnr_rgb: float | None = None
    psnr_y: float | None = None
    ssim_rgb: float | None = None
    ssim_y: float | None = None
    msssim_rgb: float | None = None
    msssim_y: float | None = None
    flip: float | None = None
    ssimulacra2: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    upscale_s: float | None = None
    precision: str | None = None
    device: str | None = None
    upscaler_precision: str | None = None
    upscaler_device: str | None = None
    error: str | None = None


COLUMNS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(ResultRow))
KEY_COLUMNS: tuple[str, ...] = ("dataset", "image", "variant")
MACHINE_COLUMNS: tuple[str, ...] = ("precision", "device", "upscaler_precision", "upscaler_device")
TEXT_COLUMNS: tuple[str, ...] = (
    *(*KEY_COLUMNS, "codec", "distortion", "trained_on", "upscaler"),
    *(*MACHINE_COLUMNS, "error"),
)
NUMBER_COLUMNS: tuple[str, ...] = tuple(name for name in COLUMNS if name not in TEXT_COLUMNS)
OPTIONAL_COLUMNS: tuple[str, ...] = ("ssimulacra2", *MACHINE_COLUMNS)  # Tables of older versions lack them.
METRIC_COLUMNS: tuple[str, ...] = COLUMNS[COLUMNS.index("psnr_rgb") : COLUMNS.index("ssimulacra2") + 1]
INTEGER_COLUMNS: tuple[str, ...] = ("width", "height", "num_bytes")
# What a table of points needs that is not our own, as the end of a sentence.
NEEDED_COLUMNS = (
    "at least a rate (bpp; or bytes, width and height) and a metric (psnr_rgb, msssim_rgb, ssim_rgb, flip or "
    "ssimulacra2); dataset, image, codec and quality may stand beside them (`results template` writes an example)"
)
MEAN_IMAGE = "(mean)"  # Stands for the image in a row of published means over a whole data set.


def rows_to_csv(rows: Iterable[ResultRow], *, header: bool = True) -> str:
    """The rows as CSV, one line each, below a line of column names unless ``header`` is off."""
    return csv_text(COLUMNS if header else (), ([getattr(row, name) for name in COLUMNS] for row in rows))


def write_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Write a results file with these rows, whole or not at all."""
    write_text(path, rows_to_csv(rows))


def append_rows(path: Path, rows: Iterable[ResultRow]) -> None:
    """Add rows to the end of a file that :func:`write_rows` began; for the only writer of that file.

    The rows go out in one write. If the program is killed within it, the last row is torn: reading leaves it out, and
    a run writes its file anew before it resumes.
    """
    content = rows_to_csv(rows, header=False).encode("utf-8")
    with path.open("ab", buffering=0) as file:
        while content:
            content = content[file.write(content) or 0 :]
        os.fsync(file.fileno())
