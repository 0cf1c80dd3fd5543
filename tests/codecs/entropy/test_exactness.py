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
import torch

from synthcomp_core.library.snapshots import save_snapshot
from tests.codecs.models import SNAPSHOT, frame, random_model
from tests.conftest import PROJECT_ROOT

THREADS = ("1", "2")
# torch takes whatever ATEN_CPU_CAPABILITY names, and dies where the processor lacks it.
_HAS_AVX512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
CAPABILITIES = ("default", "avx2", "avx512") if _HAS_AVX512 else ("default", "avx2")
MKLDNN = ("on", "off")
SETTINGS = list(itertools.product(THREADS, CAPABILITIES, MKLDNN))
FRAMES = 6
ARCHITECTURES = ("mbt2018 (trained)", "cheng2020-attn (random)", "mbt2018-mean (random)")


def run(verb: str, setting: tuple[str, str, str], folder: Path, home: Path, artifacts: Path) -> Path:
    threads, capability, mkldnn = setting
    own = home / f"{verb}-{threads}-{capability}-{mkldnn}"
    own.mkdir(parents=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT),
        "SYNTHCOMP_ARTIFACTS": str(artifacts),
        "ATEN_CPU_CAPABILITY": capability,
        "OMP_NUM_THREADS": threads,
        # Other kernels of the matrix library, too: MKL takes no AVX-512 where it is told so.
        "MKL_ENABLE_INSTRUCTIONS": {"avx2": "AVX2", "avx512": "AVX512"}.get(capability, ""),
    }
    if capability == "default":
        # Our compiled kernels, too: for a processor of 2003, without fused multiply-adds.
        environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    command = [sys.executable, "-m", "tests.codecs.entropy.exactness_worker", verb, str(folder), threads, mkldnn]
    finished = subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return own


def test_latents_are_the_same_under_every_setting_and_pixels_within_one_level(tmp_path: Path) -> None:
    artifacts, frames, bitstreams = tmp_path / "artifacts", tmp_path / "frames", tmp_path / "bitstreams"
    frames.mkdir()
    bitstreams.mkdir()
    (artifacts / "snapshots").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "artifacts" / "snapshots" / f"{SNAPSHOT}.safetensors", artifacts / "snapshots")
    for architecture in ("cheng2020-attn", "mbt2018-mean"):
        save_snapshot(*random_model(architecture), path=artifacts / "snapshots" / f"{architecture}.safetensors")
    for index in range(FRAMES):
        np.save(frames / f"frame{index}.npy", frame(2 * index, width=128, height=128))

    with ThreadPoolExecutor(2) as pool:
        encoded = list(pool.map(lambda setting: run("encode", setting, frames, tmp_path, artifacts), SETTINGS))
        written: dict[str, set[str]] = {}
        for own in encoded:
            files = sorted(own.glob("*.scb"))
            assert len(files) == FRAMES * len(ARCHITECTURES)
            for path in files:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                written.setdefault(path.stem, set()).add(digest)
                # Equal files, of which there are many, are decoded once under each setting.
                shutil.copy(path, bitstreams / f"{path.stem}-{digest}.scb")
        decoded = list(pool.map(lambda setting: run("decode", setting, bitstreams, tmp_path, artifacts), SETTINGS))

    results = [dict(np.load(own / "decoded.npz", allow_pickle=False)) for own in decoded]
    names = sorted(results[0])
    assert len(names) == 2 * sum(len(digests) for digests in written.values()) >= 2 * FRAMES * len(ARCHITECTURES)
    for setting, result in zip(SETTINGS, results, strict=True):
        assert sorted(result) == names
        for name in names:
            if name.endswith(":sha256"):
                assert np.array_equal(result[name], results[0][name]), (name, setting)
            else:
                difference = np.abs(result[name].astype(int) - results[0][name])
                assert difference.max() <= 1, (name, setting)
