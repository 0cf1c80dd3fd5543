"""Commands of ``synthcomp`` in forks of one process that has imported what they import: most of a short command's time.

python -m tests.docs.forked

Reads one JSON object a line, {"arguments", "folder", "environment", "out", "err"}, carries the command out with its
output in the two files, as a process of its own would, and answers with a line that holds the exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

import synthcomp_core.cli
from synthcomp_core.runtime import ensure_torchvision

FAILED = 70


def main() -> None:
    """Serve until the input ends."""
    import_libraries()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = FAILED
            try:
                status = carry_out(json.loads(line))
            finally:
                if sys.exc_info()[0] is not None:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


def import_libraries() -> None:
    """Import, and no more: a library that has started threads does not survive a fork."""
    for name in ("dask.distributed", "matplotlib.figure", "numba", "pandas", "torch", "synthcomp_core.codecs.learned"):
        importlib.import_module(name)
    ensure_torchvision()
    importlib.import_module("compressai.models")


def carry_out(job: dict[str, Any]) -> int:
    """One command in this process; its exit status."""
    for path, stream in ((job["out"], 1), (job["err"], 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    sys.argv = ["synthcomp", *job["arguments"]]
    return synthcomp_core.cli.main(job["arguments"])


if __name__ == "__main__":
    main()
