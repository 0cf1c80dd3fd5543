"""Compiled kernels whose cache on disk was cut short: compiled anew, without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.conftest import PROJECT_ROOT

# In forks of one process that has imported the compiler, which is most of what a call takes.
PROGRAM = """
import os, sys
import numba
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import synthcomp_core.runtime
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        from small_kernel import double
        print(double(21), sum(double.stats.cache_hits.values()), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
KERNEL = """
from synthcomp_core.runtime import compiled

@compiled()
def double(x):
    return 2 * x
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Calls the kernel in a new process: what it gives, and how often it was found in the cache."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", PROGRAM, str(PROJECT_ROOT), str(tmp_path)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment) as forking:
        assert forking.stdin is not None and forking.stdout is not None
        asked, answers = forking.stdin, forking.stdout

        def call() -> str:
            asked.write("\n")
            asked.flush()
            return answers.readline().strip()

        yield call
        asked.close()


def test_a_cache_file_that_was_cut_short_is_written_anew(tmp_path: Path, run: Callable[[], str]) -> None:
    (tmp_path / "small_kernel.py").write_text(KERNEL)
    assert run() == "42 0"
    assert run() == "42 1"
    for suffix in ("*.nbi", "*.nbc"):
        for length in (0, 10, 60):
            (path,) = (tmp_path / "cache").rglob(suffix)
            path.write_bytes(path.read_bytes()[:length])
            assert run() == "42 0"
            assert run() == "42 1"
