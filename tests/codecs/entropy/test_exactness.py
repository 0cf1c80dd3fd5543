"""A bitstream decodes to the same latents with any thread count, CPU capability and convolution library."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcomp_core.library.snapshots import save_snapshot
from tests.codecs.entropy.exactness_worker import MKLDNN
from tests.codecs.models import SNAPSHOT, frame, random_model
from tests.conftest import PROJECT_ROOT

THREADS = ("1", "2")
# torch takes whatever ATEN_CPU_CAPABILITY names, and dies where the processor lacks it.
_HAS_AVX512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
CAPABILITIES = ("default", "avx2", "avx512") if _HAS_AVX512 else ("default", "avx2")
PROCESSES = list(itertools.product(THREADS, CAPABILITIES))
FRAMES = 6
ARCHITECTURES = ("mbt2018 (trained)", "cheng2020-attn (random)", "mbt2018-mean (random)")


class Worker:
    """A process with its own threads and instructions; it encodes, and decodes when everything is encoded."""

    def __init__(self, threads: str, capability: str, *, frames: Path, bitstreams: Path, home: Path) -> None:
        self.setting = (threads, capability)
        self.folder = home / f"{threads}-{capability}"
        self.folder.mkdir(parents=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT_ROOT),
            "SYNTHCOMP_ARTIFACTS": str(home / "artifacts"),
            "ATEN_CPU_CAPABILITY": capability,
            "OMP_NUM_THREADS": threads,
            # Other kernels of the matrix library, too: MKL takes no AVX-512 where it is told so.
            "MKL_ENABLE_INSTRUCTIONS": {"avx2": "AVX2", "avx512": "AVX512"}.get(capability, ""),
        }
        if capability == "default":
            # Our compiled kernels, too: for a processor of 2003, without fused multiply-adds.
            environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
        command = [sys.executable, "-m", "tests.codecs.entropy.exactness_worker", str(frames), str(bitstreams), threads]
        self.errors = (self.folder / "errors.txt").open("w+")
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def wait_until_encoded(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "encoded\n", self.said()

    def decode(self) -> None:
        self.process.communicate("decode\n")
        assert self.process.returncode == 0, self.said()

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Frames to encode, and an empty folder for the bitstreams to decode."""
    artifacts, frames, bitstreams = tmp_path / "artifacts", tmp_path / "frames", tmp_path / "bitstreams"
    frames.mkdir()
    bitstreams.mkdir()
    (artifacts / "snapshots").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "artifacts" / "snapshots" / f"{SNAPSHOT}.safetensors", artifacts / "snapshots")
    for architecture in ("cheng2020-attn", "mbt2018-mean"):
        save_snapshot(*random_model(architecture), path=artifacts / "snapshots" / f"{architecture}.safetensors")
    for index in range(FRAMES):
        np.save(frames / f"frame{index}.npy", frame(2 * index, width=128, height=128))
    return frames, bitstreams


@pytest.mark.slow
def test_latents_are_the_same_under_every_setting_and_pixels_within_one_level(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    frames, bitstreams = inputs
    workers: list[Worker] = []
    written: dict[str, set[str]] = {}
    try:
        for threads, capability in PROCESSES:
            worker = Worker(threads, capability, frames=frames, bitstreams=bitstreams, home=tmp_path)
            workers.append(worker)
            if len(workers) > 1:
                workers[-2].wait_until_encoded()  # Two at a time.
        workers[-1].wait_until_encoded()
        for worker, mkldnn in itertools.product(workers, MKLDNN):
            files = sorted((worker.folder / mkldnn).glob("*.scb"))
            assert len(files) == FRAMES * len(ARCHITECTURES)
            for path in files:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                written.setdefault(path.stem, set()).add(digest)
                # Equal files, of which there are many, are decoded once under each setting.
                shutil.copy(path, bitstreams / f"{path.stem}-{digest}.scb")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Worker.decode, workers))
    finally:
        for worker in workers:
            worker.close()

    settings = list(itertools.product(workers, MKLDNN))
    results = [dict(np.load(worker.folder / mkldnn / "decoded.npz", allow_pickle=False)) for worker, mkldnn in settings]
    names = sorted(results[0])
    assert len(names) == 2 * sum(len(digests) for digests in written.values()) >= 2 * FRAMES * len(ARCHITECTURES)
    for (worker, mkldnn), result in zip(settings, results, strict=True):
        assert sorted(result) == names
        for name in names:
            if name.endswith(":sha256"):
                assert np.array_equal(result[name], results[0][name]), (name, worker.setting, mkldnn)
            else:
                difference = np.abs(result[name].astype(int) - results[0][name])
                assert difference.max() <= 1, (name, worker.setting, mkldnn)
