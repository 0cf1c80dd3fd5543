"""The process that everything runs in: kernels, the allocator, the torchvision import, cores, processor, switches."""

from __future__ import annotations

import ctypes
import os
import pickle
import platform
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcomp_core.errors import SynthcompError

if TYPE_CHECKING:
    import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
_LARGEST, _PAD = (1 << 31) - 1, 1 << 28  # bytes
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_LOADING = threading.Lock()  # Held while a large library is imported.
_is_warm: list[bool] = []  # Filled once numba has compiled something.
_libraries: list[Any] = []  # A torch.library.Library takes its definitions back when it is collected.


class Precision(StrEnum):
    """The arithmetic of a network: of a learned codec's transforms, or of an upscaler."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"

    @classmethod
    def parse(cls, text: str) -> Precision:
        """The precision of this name; SynthcompError naming those there are.

        >>> Precision.parse("bfloat16").value
        'bfloat16'
        """
        try:
            return cls(text)
        except ValueError:
            raise SynthcompError(f"Unknown precision {text!r}: use one of {', '.join(cls)}.") from None


@dataclass(frozen=True)
class Arithmetic:
    """What a network was computed in: "float32" or "bfloat16", and the device, "cpu" or "cuda"."""

    precision: str
    device: str

    @classmethod
    def of(cls, dtype: torch.dtype, device: torch.device) -> Arithmetic:
        """From torch's objects."""
        return cls(str(dtype).removeprefix("torch."), device.type)


def torch_device(name: str | None) -> torch.device:
    """The device of this name, or for None a GPU if there is one, else the CPU.

    SynthcompError for a name that torch does not know, or a device that this machine lacks.
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # Only a value there and back tells whether the device can compute.
    except (RuntimeError, AssertionError, NotImplementedError):
        available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise SynthcompError(
            f"Device {name!r} is not available on this machine: use one of {', '.join(available)}."
        ) from None
    return device


def usable_cores() -> int:
    """The number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_bands(
    total: int, size: int, work: Callable[[int, int], None], *, on_done: Callable[[float], None] | None = None
) -> None:
    """Call ``work(start, stop)`` for bands of ``size`` of 0..total on the cores that this process may use.

    Plain threads, for work that releases the interpreter lock. on_done: called in this thread with the share that is
    done after each band. An error of a band, or from ``on_done``, stops the rest and is raised.
    """
    bands = [(start, min(start + size, total)) for start in range(0, total, size)]
    threads = min(usable_threads(), len(bands))
    if threads == 1 and on_done is None:
        for start, stop in bands:
            work(start, stop)
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            running = [pool.submit(work, start, stop) for start, stop in bands]
            for number, done in enumerate(as_completed(running), 1):
                done.result()
                if on_done is not None:
                    on_done(number / len(bands))
        finally:
            pool.shutdown(cancel_futures=True)


def usable_threads() -> int:
    """The number of threads that a computation should take: OMP_NUM_THREADS if it is set, else the usable cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else usable_cores()


def is_switched_on(variable: str) -> bool:
    """Whether an environment variable says yes: 1, true, yes or on. Anything else, such as 0, is no.

    >>> os.environ["SYNTHCOMP_EXAMPLE"] = "0"
    >>> is_switched_on("SYNTHCOMP_EXAMPLE"), is_switched_on("SYNTHCOMP_NEVER_SET")
    (False, False)
    >>> del os.environ["SYNTHCOMP_EXAMPLE"]
    """
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on")


def load_numba() -> None:
    """Import numba with all that it imports at the first compilation; for programs that compute in several threads.

    It imports parts of itself in circles: of two threads that meet there, one finds a half-made module or each waits
    for the other. So one thread does it, while the others wait. The same holds for torch.
    """
    with _LOADING:
        import numba

        if not _is_warm:
            kernel: Any = numba.njit(lambda: None)
            kernel()  # Its registries, and SciPy's linear algebra, are imported only now.
            _is_warm.append(True)


def load_torch() -> None:
    """Import torch, in one thread at a time; see :func:`load_numba`."""
    with _LOADING:
        import torch  # noqa: F401


def processor_name() -> str:
    """The processor's model name, as the operating system states it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # Not Linux; the platform's own name has to do.
    return platform.processor() or platform.machine()


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """numba.njit without the interpreter lock, with the machine code kept on disk where a cache folder is writable."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        import numba

        kernel: Any
        try:
            kernel = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
            _forgive(kernel._cache)
        except RuntimeError:  # numba found no writable cache folder: compile anew in every process
            kernel = numba.njit(nogil=True, error_model="numpy", **options)(function)
        typed: Callable[..., Any] = kernel
        return typed

    return decorate


def _forgive(cache: Any) -> None:
    """Let a numba cache file that was cut short, by a kill or a full disk, count as none: it is written anew."""
    load = cache.load_overload

    def load_or_none(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except (EOFError, ValueError, LookupError, TypeError, AttributeError, ImportError, pickle.UnpicklingError):
            cache.flush()
            return None

    cache.load_overload = load_or_none


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for programs that ask for the same large arrays over and over.

    By default glibc gives arrays of megabytes back to the system and gets them again as empty pages, which costs a
    fault for every 4 KiB: a training step took 1.5 times as long. False where the C library is another one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, _LARGEST), (_M_TOP_PAD, _PAD))
    results = [mallopt(key, value) for key, value in settings]
    return all(result == 1 for result in results)


def ensure_torchvision() -> None:
    """Import torchvision, first defining its missing operator schemas when the plain import fails.

    CompressAI and spandrel import torchvision but call none of its compiled operators. Where its build does not
    match torch's (a CUDA torchvision beside a CPU torch), the import fails on the schemas of ``nms`` and ``qnms``;
    defining those two lets it pass. A machine with matching builds is left untouched.
    """
    with _LOADING:
        _load_torchvision()


def _load_torchvision() -> None:
    if "torchvision" in sys.modules:
        return
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        import torch

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define(f"nms{_SCHEMA}")
        library.define(f"qnms{_SCHEMA}")
        _libraries.append(library)
        import torchvision  # noqa: F401
