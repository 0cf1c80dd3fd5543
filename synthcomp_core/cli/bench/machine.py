"""What a benchmark ran on, how much memory it took at its peak, and its row in a results file."""

from __future__ import annotations

import csv
import dataclasses
import os
import platform
from pathlib import Path
from typing import Any

from synthcomp_core.errors import ResultsError, SynthcompError
from synthcomp_core.images import DEFAULT_MAX_PIXELS
from synthcomp_core.progress import counted
from synthcomp_core.runtime import processor_name, usable_cores

_PROC = Path("/proc/self")


def describe_machine() -> str:
    """Processor, cores this process may use, memory, and versions of Python and torch, in one line."""
    import torch

    return (
        f"{processor_name()}, {counted(usable_cores(), 'core')}, {_memory_gib():.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, {counted(torch.get_num_threads(), 'thread')}"
    )


def check_size(width: int, height: int, *, at_least: int = 1, needed_by: str = "") -> None:
    """SynthcompError for a measured image of more pixels than an image file may have, or with too short a side."""
    if width * height > DEFAULT_MAX_PIXELS:
        raise SynthcompError(
            f"--size is {width}x{height}; expected at most {DEFAULT_MAX_PIXELS / 1e6:g} megapixels, the limit for "
            "image files."
        )
    if min(width, height) < at_least:
        raise SynthcompError(
            f"The image is {width}x{height}; {needed_by} needs at least {at_least} pixels per side: choose a larger "
            "one."
        )


def reset_peak_memory() -> bool:
    """Start counting this process's peak resident memory anew; False where the system cannot (not Linux)."""
    try:
        (_PROC / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_bytes() -> int | None:
    """Peak resident memory of this process since the last reset, in bytes; None where it is not known."""
    return process_peak_bytes("self")


def process_peak_bytes(process: int | str) -> int | None:
    """Peak resident memory of the process with this number, in bytes; None where it is not known."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def check_columns(path: Path, record: Any) -> list[str]:
    """The columns of a dataclass, or of a record of it; ResultsError when the file that it goes to has others."""
    columns = [field.name for field in dataclasses.fields(record)]
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            found = next(csv.reader(file), [])
        if found != columns:
            raise ResultsError(f"{path.name} has other columns than this benchmark writes; move it away and run again.")
    return columns


def append_record(path: Path, record: Any) -> None:
    """Append a dataclass as a row to a CSV, with a header when the file is new.

    ResultsError when the file has other columns.
    """
    columns = check_columns(path, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(columns)
        values = (getattr(record, name) for name in columns)
        writer.writerow(["" if value is None else _text(value) for value in values])


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return float("nan")
