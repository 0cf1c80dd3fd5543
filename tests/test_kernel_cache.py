"""Compiled kernels whose cache on disk was cut short: compiled anew, without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT_ROOT

PROGRAM = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from small_kernel import double
print(double(21), sum(double.stats.cache_hits.values()))
"""
KERNEL = """
from synthcomp_core.runtime import compiled

@compiled()
def double(x):
    return 2 * x
"""


def run(folder: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", PROGRAM, str(PROJECT_ROOT), str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_a_cache_file_that_was_cut_short_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "small_kernel.py").write_text(KERNEL)
    assert run(tmp_path) == "42 0"
    assert run(tmp_path) == "42 1"
    for suffix in ("*.nbi", "*.nbc"):
        for length in (0, 10, 60):
            (path,) = (tmp_path / "cache").rglob(suffix)
            path.write_bytes(path.read_bytes()[:length])
            assert run(tmp_path) == "42 0"
            assert run(tmp_path) == "42 1"
