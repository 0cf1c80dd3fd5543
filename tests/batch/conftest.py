"""Small plans, and a stand-in for Dask that carries tasks out on the spot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthcomp_core.batch import runner
from synthcomp_core.batch.cluster import Workers
from synthcomp_core.images import write_png
from synthcomp_core.results.rows import ResultRow


def frame(seed: int, height: int = 64, width: int = 80) -> np.ndarray:
    """A smooth picture with an edge and some noise: something for a codec to lose."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    base = np.stack([rows * 2, columns * 2, (rows + columns) % 61 * 4], axis=-1) + rng.integers(
        0, 20, (height, width, 1)
    )
    base[height // 3 :, width // 2 :] = 255 - base[height // 3 :, width // 2 :]
    return np.clip(base, 0, 255).astype(np.uint8)


def write_frames(folder: Path, number: int, **size: int) -> None:
    for index in range(number):
        write_png(frame(index, **size), folder / f"frame{index}.png")


def without_times(row: ResultRow) -> ResultRow:
    return dataclasses.replace(row, encode_s=None, decode_s=None, upscale_s=None)


@dataclasses.dataclass
class DoneFuture:
    key: str
    call: Callable[[], Any]

    def __post_init__(self) -> None:
        self.error: BaseException | None = None
        try:
            self.value = self.call()
        except Exception as error:  # noqa: BLE001 - as Dask does, whatever a task raises is kept for the runner
            self.error = error

    @property
    def status(self) -> str:
        return "error" if self.error else "finished"

    def result(self, timeout: float | None = None) -> Any:
        return self.value

    def exception(self) -> BaseException | None:
        return self.error

    def add_done_callback(self, callback: Callable[[DoneFuture], None]) -> None:
        callback(self)


class OnTheSpot:
    """A client with one worker, this process."""

    def __init__(self) -> None:
        self.submitted: list[Any] = []

    def nthreads(self) -> dict[str, int]:
        return {"here": 1}

    def submit(self, function: Callable[[Any], Any], task: Any, *, pure: bool) -> DoneFuture:
        self.submitted.append(task)
        return DoneFuture(f"task-{len(self.submitted)}", lambda: function(task))


@pytest.fixture
def on_the_spot(monkeypatch: pytest.MonkeyPatch) -> OnTheSpot:
    """Runs are carried out in this process; the client lists what was submitted."""
    client = OnTheSpot()

    @contextmanager
    def connect(workers: Workers) -> Iterator[OnTheSpot]:
        yield client

    monkeypatch.setattr(runner, "connect", connect)
    return client
