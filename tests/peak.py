"""Peak memory of a program of its own."""

from __future__ import annotations

from pathlib import Path


def peak_bytes() -> int:
    """Peak resident memory of this process since it began, in bytes.

    From /proc where there is one: ``ru_maxrss`` begins with the size of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
