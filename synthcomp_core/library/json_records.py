"""JSON that nobody vouches for as records: cards, states, journal lines and results, each checked against its type.

The type hints of a dataclass say what may stand where (msgspec checks them, ``msgspec.Meta`` adds ranges); unknown keys
are ignored, so that files of a later version can be read.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from synthcomp_core.errors import reason_of
from synthcomp_core.storage import read_file

T = TypeVar("T")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # Only an escape can bring one in.


class JsonError(ValueError):
    """Why a text is not the JSON that was expected; completes "... is not a card (...)"."""


def parse_json(content: bytes | str, kind: type[T]) -> T:
    """The record of type ``kind`` in a JSON text; JsonError in a few words for anything else.

    Infinity and NaN are read, as Python writes them; the type's ranges say where they may stand.
    """
    try:
        value = json.loads(content.decode("utf-8-sig") if isinstance(content, bytes) else content)
        if _SURROGATE.search(content if isinstance(content, bytes) else content.encode("utf-8", "replace")):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise JsonError("its brackets are nested too deeply") from None
    except UnicodeEncodeError:
        raise JsonError("it holds half of a surrogate pair, which is no character") from None
    except UnicodeDecodeError as error:
        raise JsonError(f"it is not UTF-8 ({error.reason} at byte {error.start})") from None
    except ValueError as error:  # JSONDecodeError, and numbers of thousands of digits
        raise JsonError(f"it is not JSON: {reason_of(error)}") from None
    return to_record(value, kind)


def to_record(value: Any, kind: type[T]) -> T:
    """A decoded JSON value as a record of type ``kind``; JsonError naming the place and what is expected there."""
    try:
        record: T = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise JsonError(reason_of(error).replace("`", "")) from None
    except (OverflowError, RecursionError) as error:
        raise JsonError(reason_of(error)) from None
    return record


def read_json(path: Path, kind: type[T], *, max_bytes: int) -> T:
    """The record in a JSON file; JsonError as :func:`parse_json`, OSError when it cannot be read or is too large."""
    return parse_json(read_file(path, max_bytes=max_bytes), kind)


__all__ = ["JsonError", "parse_json", "read_json", "to_record"]
