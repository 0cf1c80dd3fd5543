"""The verb ``warm-up``: compile the kernels ahead of time, so that the first image does not have to wait for it."""

from __future__ import annotations

import time

import typer

from synthcomp_core.cli.console import say


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("warm-up")(warm_up)


def warm_up() -> None:
    """Compile the kernels now, so that the first image does not wait for it; `make app` does this once.

    Later calls find the compiled kernels on disk and take a few seconds.

    Example: synthcomp warm-up
    """
    say(f"The kernels are compiled ({compile_kernels():.0f} s).")


def compile_kernels() -> float:
    """Encode, decode, upscale and measure a small image, which compiles every kernel; returns the seconds it took.

    Numba keeps the machine code beside the modules, or in the user's cache folder where those are read-only.
    """
    import numpy as np
    import torch

    from synthcomp_core.codecs.checkpoints import random_weights
    from synthcomp_core.codecs.learned import codec_from_tensors
    from synthcomp_core.metrics import METRICS, measure
    from synthcomp_core.upscalers import parse_upscaler

    started = time.perf_counter()
    image = np.zeros((192, 192, 3), np.uint8)  # Large enough for MS-SSIM.
    card, tensors = random_weights("mbt2018", 32, 32)
    codec = codec_from_tensors(card, tensors, device=torch.device("cpu"), dtype=torch.float32)
    codec.decode(codec.encode(image))
    for upscaler_id in ("fsr1", "nis", "gsr1"):
        parse_upscaler(upscaler_id).upscale(image, (288, 288))
    measure(image, image + np.uint8(1), metrics=tuple(METRICS))
    return time.perf_counter() - started
