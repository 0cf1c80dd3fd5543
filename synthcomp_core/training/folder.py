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
from synthcomp_core.errors import ResultsError
from synthcomp_core.storage import read_file, runs_dir, write_text

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan, TrainingPlan

# done.json is written last: a model without it is not finished.
LAST, BEST, FINAL, DONE, LOG = "last.pt", "best.pt", "final.safetensors", "done.json", "log.csv"
_COLUMNS = ("step", "phase", "name", "value", "lr")


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
    path = folder / LOG
    if not path.is_file():
        return
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
    kept = [row for row in rows if len(row) == len(_COLUMNS) and (row[0] == "step" or _step(row[0]) <= step)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows(kept)
    write_text(path, buffer.getvalue())


def _step(text: str) -> float:
    """The step of a row; infinite, so that the row is cut, where it is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else math.inf


def read_log(folder: Path) -> list[LogPoint]:
    """The points of a training's log, its learning rate as points named "lr"; a torn last line is ignored."""
    try:
        content = read_file(folder / LOG, max_bytes=limits.RESULTS_BYTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResultsError(f"The log of {folder.name} cannot be read: {error.strerror or error}.") from error
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8", "replace").rpartition("\n")[0])))
    except csv.Error as error:  # A cell of more than 128 KiB.
        raise ResultsError(f"The log of {folder.name} cannot be read: {error}.") from error
    points: list[LogPoint] = []
    lr_steps: set[int] = set()
    for row in rows:
        try:
            step, lr = int(row["step"]), row.get("lr")
            points.append(LogPoint(step, row["phase"], row["name"], float(row["value"])))
            if lr and step not in lr_steps:
                lr_steps.add(step)
                points.append(LogPoint(step, "train", "lr", float(lr)))
        except (KeyError, TypeError, ValueError):
            continue  # A line that was edited by hand; the curve is drawn without it.
    return points
