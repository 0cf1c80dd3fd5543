"""A safetensors file written, or taken apart without loading it: its header checked, its tensors read piece by piece.

The format: 8 bytes length of the header (little-endian), the header as JSON (name: dtype, shape, data_offsets; texts
under __metadata__), the tensors' bytes without gaps.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import numpy as np
from msgspec import Meta

from synthcomp_core import limits
from synthcomp_core.errors import SnapshotError, reason_of
from synthcomp_core.library.json_records import JsonError, parse_json, to_record
from synthcomp_core.storage import atomic_path, open_file

if TYPE_CHECKING:
    import torch

_LENGTH = struct.Struct("<Q")
_CHUNK = 2**20
# The names of safetensors, bytes of an element, and what torch calls it, as weights_sha256 hashes it.
DTYPES: dict[str, tuple[int, str]] = {
    "F16": (2, "torch.float16"),
    "BF16": (2, "torch.bfloat16"),
    "F32": (4, "torch.float32"),
    "F64": (8, "torch.float64"),
    "I8": (1, "torch.int8"),
    "U8": (1, "torch.uint8"),
    "I16": (2, "torch.int16"),
    "I32": (4, "torch.int32"),
    "I64": (8, "torch.int64"),
    "BOOL": (1, "torch.bool"),
}
_EXPONENT = {"F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80), "F32": (np.uint32, 0x7F800000)}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor as the header describes it; data_offsets: begin and end in bytes behind the header."""

    dtype: str
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=2**40)]], Meta(max_length=8)]
    data_offsets: tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]

    @property
    def num_bytes(self) -> int:
        """The bytes that dtype and shape ask for."""
        return DTYPES[self.dtype][0] * math.prod(self.shape)


@dataclass(frozen=True)
class SnapshotFile:
    """The checked header of a file: its texts, its tensors by name, and where the first tensor begins.

    lenders: files that hold tensors which this one leaves out (lenders.py).
    """

    path: Path
    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorEntry] = field(repr=False)
    start: int
    lenders: tuple[SnapshotFile, ...] = ()

    def holders(self) -> dict[str, SnapshotFile]:
        """The file that holds each tensor, by the tensor's name: this one, or else the first of the lenders."""
        found: dict[str, SnapshotFile] = {}
        for file in (self, *self.lenders):
            found = dict.fromkeys(file.tensors, file) | found
        return found

    def all_tensors(self) -> dict[str, TensorEntry]:
        """Every tensor as its file's header describes it."""
        return {name: file.tensors[name] for name, file in self.holders().items()}


def read_snapshot_file(path: Path) -> SnapshotFile:
    """The header of a safetensors file; OSError or JsonError, in a few words each, for anything that is not one.

    Checked: that it is a file within the limits, the header's types, and that the tensors fill the file exactly.
    """
    with open_file(path, max_bytes=limits.SNAPSHOT_BYTES) as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = _header(file, size)
    values = parse_json(header, dict[str, Any])
    start = _LENGTH.size + len(header)
    metadata = to_record(values.pop("__metadata__", {}), dict[str, str])
    if len(values) > limits.SNAPSHOT_TENSORS:
        raise JsonError(f"it lists {len(values):,} tensors, more than {limits.SNAPSHOT_TENSORS:,}")
    tensors = to_record(values, dict[str, TensorEntry])
    at = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        if entry.dtype not in DTYPES:
            raise JsonError(f"the tensor {name[:80]!r} has the unknown type {entry.dtype[:20]!r}")
        if entry.data_offsets != (at, at + entry.num_bytes):
            raise JsonError(f"the tensor {name[:80]!r} does not have as many bytes as its shape takes")
        at += entry.num_bytes
    if start + at != size:
        raise JsonError(f"its tensors take {at:,} bytes, but {size - start:,} are there")
    return SnapshotFile(path, metadata, tensors, start)


def write_tensors(
    tensors: dict[str, torch.Tensor],
    path: Path,
    *,
    metadata: dict[str, str] | None = None,
    check: Callable[[Path], None] = lambda written: None,
) -> None:
    """Write a safetensors file whole or not at all; SnapshotError when the library cannot, as on a full disk.

    check: called with the file before it takes its place; what it raises leaves ``path`` as it was.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=metadata)
        except SafetensorError as error:
            raise SnapshotError(f"{path} cannot be written: {reason_of(error)}.") from error
        check(temporary)


def stored_sha256(file: SnapshotFile) -> str:
    """What ``weights_sha256`` gives for the tensors, lent ones included; JsonError for one that is not finite.

    Read piece by piece, so that a file that was altered is refused without its weights being loaded.
    """
    digest = hashlib.sha256()
    with ExitStack() as stack:
        contents = {each.path: stack.enter_context(open_file(each.path)) for each in (file, *file.lenders)}
        for name, holder in sorted(file.holders().items()):
            entry, content = holder.tensors[name], contents[holder.path]
            digest.update(f"{name}|{DTYPES[entry.dtype][1]}|{tuple(entry.shape)}|".encode())
            content.seek(holder.start + entry.data_offsets[0])
            left = entry.num_bytes
            while left:
                chunk = content.read(min(left, _CHUNK))
                if not chunk:
                    raise JsonError("it ends early")
                if not _is_finite(chunk, entry.dtype):
                    raise JsonError(f"the tensor {name[:80]!r} holds values that are not finite")
                digest.update(chunk)
                left -= len(chunk)
    return digest.hexdigest()


def _header(file: BinaryIO, size: int) -> bytes:
    first = file.read(_LENGTH.size)
    if len(first) < _LENGTH.size:
        raise JsonError("it is too short to be a safetensors file")
    (length,) = _LENGTH.unpack(first)
    if length > limits.SNAPSHOT_HEADER_BYTES or _LENGTH.size + length > size:
        raise JsonError("its header is longer than the file or than any header")
    return file.read(length)


def _is_finite(chunk: bytes, dtype: str) -> bool:
    if dtype == "F64":
        return bool(np.isfinite(np.frombuffer(chunk, np.float64)).all())
    if dtype not in _EXPONENT:
        return True
    words, exponent = _EXPONENT[dtype]
    # Of an infinity or NaN all bits of the exponent are set; faster than isfinite on float16.
    return not bool(((np.frombuffer(chunk, words) & exponent) == exponent).any())
