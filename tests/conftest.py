"""Fixtures that every test may use."""

from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SHARED = PROJECT_ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project; tests that need it are skipped, by name, without it."""
    if not SHARED.is_dir():
        pytest.skip(f"reference data is absent: no folder {SHARED.name} beside the project")
    return SHARED


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty artifacts folder that the core uses for the duration of a test."""
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"
