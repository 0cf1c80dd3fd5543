"""A small artifacts folder and the app on it: two tiny frames instead of the bundled ones, so that pages are quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.images import write_png
from tests.conftest import PROJECT_ROOT

DEFAULT_TIMEOUT_S = 120


def frame(seed: int, width: int = 200, height: int = 176) -> np.ndarray:
    """A smooth textured frame that MS-SSIM can measure (at least 161 pixels a side)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + seed), np.cos(x / 23 + y / 7), np.sin(y / 5)], axis=2) * 90 + 128
    return np.clip(waves + generator.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def small_artifacts(artifacts: Path) -> Path:
    """Artifacts with two samples of 200x176, a data set folder of one, and no snapshots."""
    (artifacts / "samples").mkdir(parents=True)
    write_png(frame(1), artifacts / "samples" / "castle.png")
    write_png(frame(2), artifacts / "samples" / "forest.png")
    write_png(frame(3), artifacts / "data" / "mine" / "test" / "a<b>.png")
    (artifacts / "snapshots").mkdir()
    return artifacts


@pytest.fixture
def app(small_artifacts: Path) -> AppTest:
    """The whole app, not yet run, on the small artifacts."""
    return AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=DEFAULT_TIMEOUT_S)
