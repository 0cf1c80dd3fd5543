"""Comparisons saved by name: what stood in the Compare page's address, one small file each under the artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.json_records import JsonError, read_json
from synthcomp_core.storage import NAME_PATTERN, artifacts_dir, check_name, write_bytes

MAX_COMPARISONS = 500
_MAX_BYTES = 100_000
_MAX_PAIRS = 200
_Text = Annotated[str, Meta(max_length=500)]


@dataclass(frozen=True)
class SavedComparison:
    """pairs: the address's (parameter, value), repeated ones repeated, in order."""

    name: str
    pairs: Annotated[tuple[tuple[_Text, _Text], ...], Meta(max_length=_MAX_PAIRS)]


def comparisons_dir() -> Path:
    """The folder of saved comparisons, which may not exist yet."""
    return artifacts_dir() / "comparisons"


def save_comparison(name: str, pairs: Sequence[tuple[str, str]]) -> SavedComparison:
    """Write a comparison whole or not at all; one of the same name is replaced.

    SynthcompError for a name that cannot name a file, for too long an address, and when there are MAX_COMPARISONS.
    """
    path = _path(name)
    saved = SavedComparison(name, tuple(pairs))
    content = msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n"
    too_long = any(len(text) > 500 for pair in pairs for text in pair)
    if too_long or len(saved.pairs) > _MAX_PAIRS or len(content) > _MAX_BYTES:
        raise SynthcompError(f"The comparison {name} has too many or too long parts to be saved; choose less.")
    if not path.is_file() and len(list_comparisons()) >= MAX_COMPARISONS:
        raise SynthcompError(f"There are {MAX_COMPARISONS} saved comparisons already; delete some.")
    write_bytes(path, content)
    return saved


def list_comparisons() -> list[SavedComparison]:
    """All saved comparisons by name; a file that holds none is left out, and opening it by name says why."""
    found = []
    for path in sorted(comparisons_dir().glob("*.json")):
        if NAME_PATTERN.fullmatch(path.stem):
            try:
                found.append(read_comparison(path.stem))
            except SynthcompError:
                continue
    return found


def read_comparison(name: str) -> SavedComparison:
    """The comparison saved under a name; SynthcompError if there is none, or its file is damaged."""
    path = _path(name)
    try:
        saved = read_json(path, SavedComparison, max_bytes=_MAX_BYTES)
    except FileNotFoundError:
        raise SynthcompError(f"There is no saved comparison named {name}.") from None
    except (JsonError, OSError) as error:
        raise SynthcompError(f"{path.name} is no saved comparison ({error}); delete it.") from error
    return SavedComparison(name, saved.pairs)


def delete_comparison(name: str) -> None:
    """Remove a saved comparison; one that is gone already is no error."""
    _path(name).unlink(missing_ok=True)


def _path(name: str) -> Path:
    checked = check_name(name, "The comparison's name")
    return comparisons_dir() / f"{checked}.json"
