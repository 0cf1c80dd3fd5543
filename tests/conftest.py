"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clock import LIMIT_S

# Before torch is imported, and for every process that a test starts. Two workers of pytest share two cores: with a
# thread each, neither waits at every step for a thread that has no core. Tests about threads set their number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SHARED = PROJECT_ROOT.parent / "shared"


def reference_data(folder: Path) -> Path:
    """The folder, if it is there; else the test is skipped, or fails if SYNTHCOMP_REQUIRE_SHARED is set, as in CI."""
    if folder.is_dir():
        return folder
    absent = f"needs the reference data in ../{folder.name}, which is absent"
    from synthcomp_core.runtime import is_switched_on

    if is_switched_on("SYNTHCOMP_REQUIRE_SHARED"):
        pytest.fail(f"SYNTHCOMP_REQUIRE_SHARED is set, but this test {absent}", pytrace=False)
    pytest.skip(absent)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project."""
    return reference_data(SHARED)


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Keep the main module, in whose place Streamlit's AppTest leaves its script: new processes would run that."""
    kept = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = kept


@pytest.fixture(autouse=True)
def no_work_left() -> Iterator[None]:
    """End what a page has under way when its test ends: the next test would count it, time it or share its output."""
    yield
    work_queue = sys.modules.get("synthcomp_core.ui.work_queue")
    if work_queue is not None:
        assert work_queue.server_queue().end_all(LIMIT_S), "work of a page did not end when it was stopped"


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty artifacts folder that the core uses for the duration of a test."""
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"


@pytest.fixture
def reference_parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was worked out of references alone, by the name of the function, as often as it was."""
    from synthcomp_core.metrics import reference

    made: list[str] = []
    for name in ("flip_features", "reference_scales"):
        real = getattr(reference, name)

        def counted(image: Any, name: str = name, real: Any = real) -> Any:
            made.append(name)
            return real(image)

        monkeypatch.setattr(reference, name, counted)
    return made


@pytest.fixture
def flip_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows FLIP was computed for, strip by strip, as often as it was."""
    from synthcomp_core.metrics import flip_kernels

    rows: list[int] = []
    strip_errors = flip_kernels.strip_errors

    def counted(*arguments: Any) -> None:
        strip_errors(*arguments)
        rows.append(arguments[-1].shape[0])

    monkeypatch.setattr(flip_kernels, "strip_errors", counted)
    return rows
