"""Snapshots that share tensors: a file may leave out what another file in its folder holds, bit for bit.

Models that were trained from one base, with parts of it fixed, hold many identical tensors. The card of a snapshot that
leaves some out names its lenders; what it lacks is read from the tensors that these hold themselves. The card's sha256
still covers all tensors, so that a shared snapshot is the same model as a whole one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from synthcomp_core.library.json_records import JsonError, parse_json
from synthcomp_core.library.snapshot_file import SnapshotFile, read_snapshot_file


@dataclass(frozen=True)
class Lender:
    """A snapshot that holds tensors of another one. sha256: of its weights; id: its name when the other was written."""

    id: Annotated[str, Meta(max_length=100, pattern=r"^[a-z0-9]+(?:[-._][a-z0-9]+)*$")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

    def __str__(self) -> str:
        return self.id


def with_lenders(file: SnapshotFile, lenders: Iterable[Lender]) -> SnapshotFile:
    """``file`` with the files that lend it tensors; JsonError, in a few words, when one is not in its folder."""
    return dataclasses.replace(file, lenders=tuple(_find(file.path, lender) for lender in lenders))


def _find(borrower: Path, lender: Lender) -> SnapshotFile:
    """The file of a lender, under its name or, if it was renamed, under any other."""
    named = borrower.with_name(f"{lender.id}.safetensors")
    for path in _candidates(borrower, named):
        try:
            file = read_snapshot_file(path)
            card = parse_json(file.metadata.get("card", ""), dict[str, Any])
        except (OSError, JsonError):
            continue
        # A twin of the same weights that holds none of them itself lends nothing.
        if card.get("sha256") == lender.sha256 and file.tensors:
            return file
    raise JsonError(
        f"it shares weights with the snapshot {lender.id} of fingerprint {lender.sha256[:16]}, which is not beside it"
    )


def _candidates(borrower: Path, named: Path) -> Iterator[Path]:
    yield named
    yield from sorted(path for path in borrower.parent.glob("*.safetensors") if path not in (named, borrower))
