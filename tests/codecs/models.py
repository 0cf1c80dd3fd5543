"""Small codecs with seeded random weights for tests, and pictures to code with them."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from synthcomp_core.codecs.checkpoints import random_weights
from synthcomp_core.codecs.learned import LearnedCodec, codec_from_tensors
from synthcomp_core.images import Image, read_image
from synthcomp_core.library.snapshots import SnapshotCard, weights_sha256
from tests.conftest import PROJECT_ROOT

SAMPLES = PROJECT_ROOT / "artifacts" / "samples"
SNAPSHOT = "mbt2018-q4-mse-games"


@cache
def random_model(architecture: str) -> tuple[SnapshotCard, dict[str, torch.Tensor]]:
    """Card and tensors: 24 channels, 36 latent ones where they may differ."""
    return random_weights(architecture, 24, 24 if architecture.startswith("cheng") else 36)


@cache
def random_codec(architecture: str) -> LearnedCodec:
    card, tensors = random_model(architecture)
    return codec_from_tensors(card, tensors, device=torch.device("cpu"), dtype=torch.float32)


def save_unchecked(card: SnapshotCard, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """A snapshot file sealed with the right hash, whatever it holds: saving one refuses what reading would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    sealed = dataclasses.asdict(dataclasses.replace(card, sha256=weights_sha256(whole)))
    save_file(whole, path, metadata={"card": json.dumps(sealed)})


def frame(index: int, *, width: int = 192, height: int = 128) -> Image:
    """A piece out of the middle of one of the bundled frames."""
    paths: list[Path] = sorted(SAMPLES.glob("*.webp"))
    image = read_image(paths[index % len(paths)]).image
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def noise(width: int, height: int, *, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
