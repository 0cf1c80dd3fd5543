"""A training's folder: the names of its files, and its log, written by the loop and read by the Runs page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthcomp_core import limits
from synthcomp_core.errors import ResultsError, reason_of
from synthcomp_core.storage import read_file, runs_dir, write_text

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan, TrainingPlan

# done.json is written last: a model without it is not finished.
LAST, BEST, FINAL, DONE, LOG = "last.pt", "best.pt", "final.safetensors", "done.json", "log.csv"
_COLUMNS = ("step", "phase", "name", "value", "lr")
_LINE_BYTES = 1000  # A longer one was not written here.


@dataclass(frozen=True)
class LogPoint:
    """One value of a training's log: phase "train" or "validation", name such as "loss", "bpp", "psnr", "lr"."""

    step: int
    phase: str
    name: str
    value: float


def model_folder(plan: TrainingPlan, model: ModelPlan) -> Path:
    """Where a model's checkpoints, log and records lie."""
    return runs_dir() / f"train-{plan.name}" / model.id


def append_log(folder: Path, step: int, phase: str, values: Mapping[str, float], *, lr: float) -> None:
    """Append one row per quantity."""
    with (folder / LOG).open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(_COLUMNS)
        writer.writerows((step, phase, name, f"{value:.6g}", f"{lr:.3g}") for name, value in values.items())


def cut_log(folder: Path, step: int) -> None:
    """Remove what a killed training wrote after its last checkpoint, at ``step``: it will be written again."""
    rows = _rows(folder)
    if rows is None:
        return
    kept = [row for row in rows if row[0] == "step" or _step(row[0]) <= step]
    buffer = io.StringIO()
    csv.writer(buffer).writerows(kept)
    write_text(folder / LOG, buffer.getvalue())


def _rows(folder: Path) -> list[list[str]] | None:
    """The rows of a log that have all columns, without a torn last line; None without a log.

    No cell of a log is quoted: a line is a row, whatever the others hold. ResultsError for one that cannot be read.
    """
    try:
        content = read_file(folder / LOG, max_bytes=limits.RESULTS_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"The log of {folder.name} cannot be read: {reason_of(error)}.") from error
    lines = content.rpartition(b"\n")[0].splitlines()
    texts = (line.decode("utf-8", "replace") for line in lines if len(line) <= _LINE_BYTES)
    return [row for text in texts if len(row := text.split(",")) == len(_COLUMNS)]


def _step(text: str) -> float:
    """The step of a row; infinite, so that the row is cut, where it is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else math.inf


def read_log(folder: Path) -> list[LogPoint]:
    """The points of a training's log, its learning rate as points named "lr"; a torn last line is ignored."""
    points: list[LogPoint] = []
    lr_steps: set[int] = set()
    for written, phase, name, value, lr in _rows(folder) or ():
        try:
            step = int(written)
            points.append(LogPoint(step, phase, name, float(value)))
            if lr and step not in lr_steps:
                lr_steps.add(step)
                points.append(LogPoint(step, "train", "lr", float(lr)))
        except ValueError:
            continue  # A line that was edited by hand; the curve is drawn without it.
    return points
