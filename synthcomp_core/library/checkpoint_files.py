"""Other people's checkpoint files: read without running code, whatever they are wrapped in, to named tensors."""

from __future__ import annotations

import gc
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from synthcomp_core import limits
from synthcomp_core.errors import SnapshotError, reason_of
from synthcomp_core.images.archives import open_archive
from synthcomp_core.library.snapshot_file import read_snapshot_file
from synthcomp_core.library.snapshots import WEIGHTS_ERRORS
from synthcomp_core.progress import counted
from synthcomp_core.storage import exists, open_file

if TYPE_CHECKING:
    import torch

# What people put a state dict into: training dicts, BasicSR, EMA wrappers. Any other name will do if there is one.
WRAPPERS = ("state_dict", "model_state_dict", "model", "params", "params_ema", "ema", "net")
# What DataParallel, torch.compile and training classes put in front of every name.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
_BASICSR = ("params", "params_ema")  # BasicSR's own tests and inference read the latter.
_DEPTH = 4
_GLOBALS_SHOWN = 4
_NETWORKS = ("torch.nn.modules.", "compressai.models.")
_RIVAL = 0.5  # A state dict that has this share of another's names is one of the same model.
_HINT = "expected a PyTorch state dict or a safetensors file"
_LONG_PICKLE = f"what it holds beside the tensors' values is longer than {limits.CHECKPOINT_PICKLE_BYTES:,} bytes"
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_NUMBERS = (
    "Bool",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float16",
    "Float32",
    "Float64",
)


def read_checkpoint(path: Path, *, key: str | None = None) -> dict[str, torch.Tensor]:
    """The state dict in a ``.pt``/``.pth``/``.pth.tar``/``.ckpt``/``.safetensors`` file, by plain names.

    A training dict (epoch, state_dict, loss, optimizer, ...) yields its only state dict; of BasicSR's ``params`` and
    ``params_ema`` the latter. key: which one to take where there are several, as in "ema" or "model.state_dict"; or a
    prefix of names, as in "net", which leaves out all other names. A prefix that all names share (:data:`PREFIXES`)
    is dropped. Nothing is unpickled but tensors, plain values and numpy's scalars. SnapshotError, in one line, for
    anything else, and for a choice that ``key`` must make.
    """
    if not exists(path):
        raise SnapshotError(f"There is no checkpoint file {path}.")
    content = _loaded(path)
    found = dict(_state_dicts(content, ""))
    tensors = found[_only(path, found)] if key is None else _chosen(path, content, found, key)
    return without_prefixes(_tensors(path, tensors))


def without_prefixes(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without what wrappers put in front of all their names: ``module.``, ``_orig_mod.``, ...

    A prefix stays where a number would be left in front, as in ESRGAN's ``model.0.weight``, which is the name itself.
    """
    names = {name: name.replace("._orig_mod.", ".") for name in tensors}
    while True:
        shared = [prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names.values())]
        if not shared or any(name.removeprefix(shared[0])[:1].isdigit() for name in names.values()):
            return {names[name]: tensor for name, tensor in tensors.items()}
        names = {name: short.removeprefix(shared[0]) for name, short in names.items()}


def _loaded(path: Path) -> Any:
    import pickle
    import struct

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            read_snapshot_file(path)
            return load_file(path)
        with _numpy_scalars_allowed(), _uncollected(), open_file(path, max_bytes=limits.CHECKPOINT_BYTES) as file:
            is_zip = file.read(4) == b"PK\3\4"  # as torch tells its two formats apart
            file.seek(0)
            if is_zip:
                _check_members(path)
            source = file if is_zip else cast(BinaryIO, _Pickles(file))
            return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise SnapshotError(_foreign_content(path, str(error))) from None
    except (SafetensorError, struct.error, *WEIGHTS_ERRORS) as error:
        # The unpickler's own slips on what is no pickle, such as KeyError: 101, say nothing to anybody.
        reason = "it is no such file" if isinstance(error, LookupError | EOFError) else reason_of(error)
        raise SnapshotError(f"{path.name} cannot be loaded ({reason}); {_HINT}.") from error


def _check_members(path: Path) -> None:
    """ValueError for a zip of torch's whose members would grow when they are read, or whose pickle is too long."""
    with open_archive(path) as opened:
        infos = opened.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise ValueError("its members are compressed, which PyTorch never does")
    if sum(info.file_size for info in infos) > path.stat().st_size:
        raise ValueError("its members overlap")
    if any(info.filename.endswith(".pkl") and info.file_size > limits.CHECKPOINT_PICKLE_BYTES for info in infos):
        raise ValueError(_LONG_PICKLE)


class _Pickles:
    """A checkpoint of torch's older format, open for reading: a few pickles and, behind them, the tensors' values.

    The latter torch takes from the file itself. What it reads here are the pickles, each byte of which may become an
    object: ValueError for more of them than limits.CHECKPOINT_PICKLE_BYTES.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, limits.CHECKPOINT_PICKLE_BYTES
        self.seek, self.tell, self.fileno = file.seek, file.tell, file.fileno

    def read(self, size: int = -1) -> bytes:
        """As of a file. The unpickler asks for every byte of its own: a million times, within the limit."""
        left = self._left
        return self._counted(self._file.read(size if 0 <= size <= left else left + 1))

    def readline(self) -> bytes:
        """As of a file."""
        return self._counted(self._file.readline(self._left + 1))

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(_LONG_PICKLE)
        return content


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: for every million objects of a hostile file it would walk a whole app's."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _numpy_scalars_allowed() -> Iterator[None]:
    """Let the unpickler build numbers of numpy, which training scripts store beside the weights (a loss, an epoch).

    Rebuilding one runs none of the file's code: a number's type and its bytes. Types that hold objects stay refused.
    """
    import numpy as np
    import torch

    scalar = np.core.multiarray.scalar  # type: ignore[attr-defined]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")  # before and from numpy 2 on
    types = [getattr(np.dtypes, f"{name}DType") for name in _NUMBERS]
    with torch.serialization.safe_globals([*((scalar, name) for name in names), np.dtype, *types]):
        yield


def _foreign_content(path: Path, message: str) -> str:
    """The sentence on a file that holds more than tensors and numbers, naming what, and how to save it again."""
    import pickle

    import torch

    named = _GLOBAL.findall(message)
    try:
        with _numpy_scalars_allowed():
            named = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path)) or named
    except (pickle.UnpicklingError, *WEIGHTS_ERRORS):
        pass  # Not a zip archive, or a damaged one; the unpickler's message names the first.
    if not named:  # torch's own message advises to read the file by running what is in it.
        return f"{path.name} cannot be loaded (it is no file of tensors and numbers); {_HINT}."
    shown = list(dict.fromkeys(named))
    more = f" and {counted(len(shown) - _GLOBALS_SHOWN, 'other')}" if len(shown) > _GLOBALS_SHOWN else ""
    # A whole network, or the weights in a dict of whatever else a script keeps.
    weights = "c.state_dict()" if any(name.startswith(_NETWORKS) for name in shown) else "c['state_dict']"
    return (
        f"{path.name} holds more than tensors and numbers ({', '.join(shown[:_GLOBALS_SHOWN])}{more}), which would "
        "have to be run to be read. If you trust the file, save its weights alone where it was made: "
        f"c = torch.load({path.name!r}, weights_only=False); torch.save({weights}, 'weights.pth')."
    )


def _state_dicts(content: Any, where: str, depth: int = _DEPTH) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """(path with dots, mapping) of what looks like a model's state dict: a mapping that itself holds weights."""
    import torch

    if not isinstance(content, Mapping) or depth == 0:
        return
    if any(isinstance(value, torch.Tensor) and value.dim() > 1 for value in content.values()):
        yield where, content
        return
    for name, value in content.items():
        if isinstance(name, str):  # An optimiser's state goes by numbers.
            yield from _state_dicts(value, f"{where}.{name}" if where else name, depth - 1)


def _only(path: Path, found: Mapping[str, Mapping[Any, Any]]) -> str:
    if not found:
        raise SnapshotError(f"{path.name} holds no state dict; {_HINT}.")
    known = [where for where in found if set(where.split(".")) & set(WRAPPERS)]
    if len(found) == 1:
        return next(iter(found))
    if len(known) == 1 and not any(_is_rival(found[where], found[known[0]]) for where in found if where != known[0]):
        return known[0]
    if sorted(found) == sorted(_BASICSR):
        return _BASICSR[1]
    raise SnapshotError(
        f"{path.name} holds several state dicts ({', '.join(found)}); choose one with --key (in a plan, init_key)."
    )


def _is_rival(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Whether two state dicts are of one model, as weights and their average are, whatever stands before the names."""
    names = [{".".join(str(name).split(".")[-3:]) for name in mapping} for mapping in (one, other)]
    return len(names[0] & names[1]) >= _RIVAL * len(names[1])


def _chosen(path: Path, content: Any, found: Mapping[str, Mapping[Any, Any]], key: str) -> Mapping[Any, Any]:
    """The state dict at ``key``, the only one below it, or the names that begin with it."""
    below = {where: tensors for where, tensors in found.items() if where == key or where.startswith(f"{key}.")}
    if len(below) == 1:
        return next(iter(below.values()))
    prefix = f"{key.rstrip('.')}."
    for tensors in found.values():
        named = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if str(name).startswith(prefix)}
        if named and not below:
            return named
    known = ", ".join(below or [where for where in found if where] or (map(str, content) if found else ["nothing"]))
    raise SnapshotError(f"{path.name} has no state dict at the key {key!r}; it holds {known[:300]}.")


def _tensors(path: Path, mapping: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """The named tensors; plain values that scripts lay beside them (epoch = 3) are left out."""
    import torch

    tensors = {}
    for name, value in mapping.items():
        if isinstance(name, str) and isinstance(value, torch.Tensor):
            # A view may claim any shape over a few bytes, and would be as large once it is copied.
            num_bytes = value.numel() * value.element_size()
            if value.layout != torch.strided or num_bytes > value.untyped_storage().nbytes():
                raise SnapshotError(f"{path.name} holds {name[:80]!r}, which is larger than its data; {_HINT}.")
            tensors[name] = value
        elif not isinstance(name, str) or "." in name:
            raise SnapshotError(
                f"{path.name} holds other things than named tensors ({str(name)[:60]!r} is a {type(value).__name__}); "
                f"{_HINT}."
            )
    return tensors
