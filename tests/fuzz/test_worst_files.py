"""The worst files, in a process whose memory is capped: each is refused in a sentence, in bounded memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clock import at_most
from tests.conftest import PROJECT_ROOT
from tests.fuzz.doors import MAX_REFUSAL_BYTES, MAX_REFUSAL_S

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")]
DEADLINE_S = 3600  # for all files: 70 or so, of up to two seconds each on an idle machine, and their making


def test_the_worst_files_are_refused_within_300_mib_and_two_seconds(tmp_path: Path) -> None:
    # One thread and one arena: address space that threads reserve without using would count against the cap.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.worst_files", str(tmp_path)],
        cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    tried = [json.loads(line) for line in ended.stdout.splitlines()]
    last = tried[-1][0] if tried else "none"
    assert ended.returncode == 0, f"died after {last}: {ended.stderr[-2000:]}"
    assert len(tried) > 70
    wrong = [f"{name}: {came}" for name, came, *_ in tried if not came.startswith("refused: ") or "\n" in came]
    assert wrong == []
    short = [f"{name}: {came}" for name, came, *_ in tried if "memory" in came.lower()]
    assert short == [], "refused for want of memory, not by a budget"
    assert [f"{name}: {seconds:.1f} s" for name, _, seconds, _ in tried if seconds > at_most(MAX_REFUSAL_S)] == []
    large = [f"{name}: {size / 2**20:.0f} MiB" for name, *_, size in tried if size > MAX_REFUSAL_BYTES]
    assert large == []
