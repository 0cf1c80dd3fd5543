"""Compile the kernels ahead: ``python -m synthcomp_core.cli.warm_up``, so that the first picture does not wait for it.

Numba keeps the machine code beside the modules (or in the user's cache folder) for every later process.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from synthcomp_core.codecs.checkpoints import random_weights
from synthcomp_core.codecs.learned import codec_from_tensors
from synthcomp_core.upscalers import parse_upscaler


def compile_kernels() -> float:
    """Code and upscale a small picture; the seconds it took."""
    started = time.perf_counter()
    image = np.zeros((64, 64, 3), np.uint8)
    card, tensors = random_weights("mbt2018", 32, 32)
    codec = codec_from_tensors(card, tensors, device=torch.device("cpu"), dtype=torch.float32)
    codec.decode(codec.encode(image))
    parse_upscaler("fsr1").upscale(image, (96, 96))
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.stdout.write(f"Compiled the kernels in {compile_kernels():.0f} s.\n")
