"""Training speed against the plain loop of CompressAI's example, on the same batch, in alternating rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthcomp_core import limits
from synthcomp_core.errors import SynthcompError
from synthcomp_core.progress import OnProgress, silent

Patches = NDArray[np.uint8]  # (batch, patch, patch, 3)
ROUNDS = 3
STEPS_A_ROUND = 8
_SIDE = 512  # pixels of the image that the patches are cut from
_SHIFT = 16  # pixels from one patch to the next


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
    patch: a multiple of 64, up to 512. device: "cpu" or "cuda", for both. compile_module: ours by torch.compile.
    SynthcompError where one of them cannot be.
    """
    _check(patch, batch, threads)
    import torch

    from synthcomp_core.training.plan import DevicePlan
    from synthcomp_core.training.record import device_name
    from synthcomp_core.training.runner import launch, precision_of

    kind: Literal["cpu", "cuda"] = "cuda" if _checked(device) == "cuda" else "cpu"
    plan = DevicePlan(accelerator=kind, threads=threads)
    fabric = launch(plan)
    patches = generated_patches(patch, batch)
    ours = _our_step(fabric, patches, N, M, compile_module)
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    processes = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
    with processes as peer, _compilation(compile_module):
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


def _check(patch: int, batch: int, threads: int) -> None:
    from synthcomp_core.codecs.phases import HYPER_STRIDE

    if patch % HYPER_STRIDE or not HYPER_STRIDE <= patch <= _SIDE:
        raise SynthcompError(f"--patch is {patch}; expected a multiple of {HYPER_STRIDE} up to {_SIDE}.")
    if not 1 <= batch <= limits.TRAINING_BATCH:
        raise SynthcompError(f"--batch is {batch}; expected 1 to {limits.TRAINING_BATCH:,} patches.")
    if not 0 <= threads <= limits.THREADS:
        raise SynthcompError(f"--threads is {threads}; expected 1 to {limits.THREADS:,}, or 0 for torch's choice.")


def generated_patches(patch: int, batch: int) -> Patches:
    """Patches of one generated image, each 16 pixels further along its diagonal, from its start again at the end."""
    from synthcomp_core.training.generated_images import generated_image

    image = generated_image(1, width=_SIDE, height=_SIDE)
    starts = [index * _SHIFT % (_SIDE - patch + 1) for index in range(batch)]
    return np.stack([image[start : start + patch, start : start + patch] for start in starts])


def _checked(device: str) -> str:
    """The device, which has to be there; SynthcompError for one that is missing, or neither "cpu" nor "cuda"."""
    from synthcomp_core.runtime import torch_device

    if device not in ("cpu", "cuda"):
        raise SynthcompError(f"--device is {device!r}; training is timed on cpu or cuda.")
    torch_device(device)
    return device


@contextmanager
def _compilation(is_wanted: bool) -> Iterator[None]:
    """SynthcompError where torch.compile fails: it needs a compiler, and Triton for a GPU."""
    import torch

    try:
        yield
    except RuntimeError as error:
        if not is_wanted or not isinstance(error, torch._dynamo.exc.TorchDynamoException):
            raise
        lines = str(getattr(error, "inner_exception", error)).strip().splitlines() or [type(error).__name__]
        reason = lines[0].strip().rstrip(".:")[:200]
        raise SynthcompError(f"torch.compile failed ({reason}); leave out --compile.") from error


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
