"""A small project in the shape of the thesis's, for tests of what adopts it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch

from synthcomp_core.codecs.checkpoints import build_model
from synthcomp_core.images import png_bytes
from tests.conftest import PROJECT_ROOT

THESIS_TABLE = PROJECT_ROOT / "artifacts" / "results" / "thesis_compression_sr_results.csv"
TEST_IMAGES = ("g0173", "g0174")
WIDTH, HEIGHT = 70, 50
FOLDERS = ("mbt2018_q4_mse_fullres", "mbt2018_q4_msssim_fullres", "mbt2018_q4_mse_x2res_supersampled")


def picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def padded(image: np.ndarray, level: int) -> np.ndarray:
    """The image plus ``level``, in the middle of one whose sides are multiples of 64, as the thesis kept them."""
    height, width = (-(-side // 64) * 64 for side in image.shape[:2])
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    out[top : top + image.shape[0], left : left + image.shape[1]] = np.minimum(image, 255 - level) + level
    return out


def reference(stem: str, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    return np.minimum(picture(int(stem[1:]), width, height), 200)


def fsr_samples(width: int = WIDTH, height: int = HEIGHT) -> dict[str, np.ndarray]:
    """One game's screenshot, native and enlarged by FSR 1 at four qualities, not sharpened and sharpened."""
    native = np.minimum(picture(3, width, height), 200)
    kinds = [f"q{quality}{sharpened}" for sharpened in ("", "-sharpened") for quality in (2, 3, 4, 5)]
    return {"native": native, **{kind: native + level for level, kind in enumerate(kinds, start=1)}}


def write_project(root: Path, *, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A thesis-shaped project at ``root``, with images of ``width`` x ``height``.

    A zip of the data, a checkpoint of 2022 and a broken one, padded renderings, FSR samples of one screenshot, a table.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as opened:
        for number in range(25):
            opened.writestr(f"gtaplus-dataset/train/c{number:04d}.png", png_bytes(picture(number, width, height)))
        for stem in TEST_IMAGES:
            opened.writestr(f"gtaplus-dataset/test/{stem}.png", png_bytes(reference(stem, width, height)))
    root.mkdir()
    (root / "gtaplus-dataset.zip").write_bytes(data.getvalue())
    torch.manual_seed(0)
    weights = build_model("mbt2018", 8, 12).state_dict()
    old = {name.replace("matrices.", "_matrix").replace("biases.", "_bias").replace("factors.", "_factor"): tensor
           for name, tensor in weights.items()}  # fmt: skip
    (root / "models").mkdir()
    torch.save({"epoch": 500, "state_dict": old, "loss": np.float64(0.1)}, root / "models/mbt2018_q4_mse_500ep.pth.tar")
    (root / "models" / "broken.pt").write_bytes(b"x" * 1000)
    for level, name in enumerate(FOLDERS, start=5):
        for stem in TEST_IMAGES:
            suffix = "_x2_SR" if "x2res" in name else ""
            path = root / "results" / name / f"{stem}{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(padded(reference(stem, width, height), level)))
    rates = "".join(f"{stem}.png,{0.2 + number / 10}\n" for number, stem in enumerate(TEST_IMAGES))
    (root / "results" / FOLDERS[0] / "rates.csv").write_text("name,bpp\n" + rates)
    (root / "fsr-samples").mkdir()
    for name, image in fsr_samples(width, height).items():
        (root / "fsr-samples" / f"1-{name}.png").write_bytes(png_bytes(image))
    shutil.copy(THESIS_TABLE, root / "compression_sr_results.csv")
    (root / "package.json").write_text(json.dumps({"name": "unrelated"}))
    return root
