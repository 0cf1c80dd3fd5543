"""Training speed against the plain loop of CompressAI's example, on the same batch, in alternating rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent

Patches = NDArray[np.uint8]  # (batch, patch, patch, 3)
ROUNDS = 3
STEPS_A_ROUND = 8


@dataclass(frozen=True)
class TrainSpeed:
    """Seconds per step (median over rounds), ours and the peer's, and our steps per second over the peer's."""

    ours_s: float
    peer_s: float
    patch: int
    batch: int
    N: int
    M: int
    threads: int
    precision: str
    device: str
    compiled: bool

    @property
    def ratio(self) -> float:
        """Our steps per second over the peer's."""
        return self.peer_s / self.ours_s


def bench_train(
    *,
    N: int = 64,
    M: int = 96,
    patch: int = 128,
    batch: int = 8,
    threads: int = 0,
    device: str = "cpu",
    compile_module: bool = False,
    on_progress: OnProgress = silent,
) -> TrainSpeed:
    """Time full steps (forward, backward, clipping, both optimisers; ours with averaging) in alternating rounds.

    The peer is CompressAI's examples/train.py: float32, contiguous, the model's own forward, MSE loss. It runs in a
    process of its own, where the allocator is as the C library sets it up; ours trains with freed memory kept.
    device: "cpu" or "cuda", for both; SynthcompError where it is missing. compile_module: ours by torch.compile.
    """
    import torch

    from synthcomp_core.training.generated_images import generated_image
    from synthcomp_core.training.plan import DevicePlan
    from synthcomp_core.training.record import device_name
    from synthcomp_core.training.runner import launch, precision_of

    kind: Literal["cpu", "cuda"] = "cuda" if _checked(device) == "cuda" else "cpu"
    plan = DevicePlan(accelerator=kind, threads=threads)
    fabric = launch(plan)
    image = generated_image(1, width=512, height=512)
    patches = np.stack([image[index * 16 :][:patch, index * 16 :][:, :patch] for index in range(batch)])
    ours = _our_step(fabric, patches, N, M, compile_module)
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as peer:
        peer.submit(_start_peer, patches, N, M, torch.get_num_threads(), kind).result()
        for number in range(ROUNDS + 1):
            rounds = {"ours": _round_s(ours), "peer": peer.submit(_peer_round_s).result()}
            if number:  # The first round warms up.
                for name, round_s in rounds.items():
                    seconds[name].append(round_s / STEPS_A_ROUND)
            on_progress((number + 1) / (ROUNDS + 1), "timing")
    return TrainSpeed(
        statistics.median(seconds["ours"]), statistics.median(seconds["peer"]), patch, batch, N, M,
        torch.get_num_threads(), precision_of(plan, kind), device_name(fabric), compile_module,
    )  # fmt: skip


def _checked(device: str) -> str:
    """The device, which has to be there; SynthcompError for one that is missing, or neither "cpu" nor "cuda"."""
    from synthcomp_core.runtime import torch_device

    if device not in ("cpu", "cuda"):
        raise SynthcompError(f"--device is {device!r}; training is timed on cpu or cuda.")
    torch_device(device)
    return device


def _round_s(step: Callable[[], None]) -> float:
    import torch

    started = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        step()
    if torch.cuda.is_available():  # Nothing waits for the GPU within a step.
        torch.cuda.synchronize()
    return time.perf_counter() - started


_peer: list[Callable[[], None]] = []  # In the peer's process: its step.


def _start_peer(patches: Patches, N: int, M: int, threads: int, device: str) -> None:
    import torch

    torch.set_num_threads(threads)
    _peer.append(_peer_step(patches, N, M, device))


def _peer_round_s() -> float:
    return _round_s(_peer[0])


def _our_step(fabric: Any, patches: Patches, N: int, M: int, compile_module: bool) -> Callable[[], None]:
    import tempfile
    from pathlib import Path

    from synthcomp_core.training.compression import CompressionTraining
    from synthcomp_core.training.loader import PixelCache
    from synthcomp_core.training.loop import Trainer
    from synthcomp_core.training.plan import ModelPlan

    batch, patch = patches.shape[0], patches.shape[1]
    shape = (patch, patch)
    size = patch * patch * 3
    cache = PixelCache(
        patches.reshape(-1), tuple(index * size for index in range(batch)), (shape,) * batch, ("generated",) * batch
    )
    plan = ModelPlan(id="bench", data=("generated",), steps=10**6, quality=4, N=N, M=M, patch=patch, batch=batch)
    no_checkpoint = Path(tempfile.gettempdir()) / "no-checkpoint-here"
    trainer = Trainer(CompressionTraining(plan, cache, cache), no_checkpoint, fabric, compile_module=compile_module)
    return lambda: trainer.advance(1)


def _peer_step(patches: Patches, N: int, M: int, device: str) -> Callable[[], None]:
    import torch

    from synthcomp_core.codecs.lambdas import lambda_of
    from synthcomp_core.library.snapshots import Distortion
    from synthcomp_core.training.compression import new_model

    net: Any = new_model("mbt2018", N, M).train().to(device)
    x = torch.from_numpy(patches).permute(0, 3, 1, 2).contiguous().float().to(device) / 255
    main = torch.optim.Adam([value for name, value in net.named_parameters() if not name.endswith("quantiles")], 1e-4)
    auxiliary = torch.optim.Adam([value for name, value in net.named_parameters() if name.endswith("quantiles")], 1e-3)
    pixels = x.shape[0] * x.shape[2] * x.shape[3]

    def step() -> None:
        main.zero_grad()
        auxiliary.zero_grad()
        out = net(x)
        bpp = sum(-torch.log2(likelihood).sum() / pixels for likelihood in out["likelihoods"].values())
        loss = lambda_of(4, Distortion.MSE) * 255**2 * torch.nn.functional.mse_loss(out["x_hat"], x) + bpp
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        main.step()
        net.aux_loss().backward()
        auxiliary.step()

    return step
