"""The rule at every door: only the project's errors come out, in one line, in bounded time and memory."""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from synthcomp_core.cli.bench.machine import peak_memory_bytes, reset_peak_memory
from synthcomp_core.errors import SynthcompError
from tests.clock import at_most

FOUND = Path(__file__).parent / "found"
FACTOR = float(os.environ.get("SYNTHCOMP_FUZZ", "1"))
# Of each the inputs that once broke the rule are tried again, by test_files.py and test_texts.py.
FILE_DOORS = ("images", "headers", "scb", "checkpoints", "zips", "snapshots", "results")
TEXT_DOORS = ("pasted", "plans", "braces", "ids", "journals", "cards", "states", "logs", "links")
MAX_REFUSAL_S, MAX_REFUSAL_BYTES = 2.0, 300 * 2**20
tries: Counter[str] = Counter()
refusals: Counter[str] = Counter()
_kept: dict[str, Path] = {}


def fuzzed(examples: int) -> settings:
    """Hypothesis's settings for a door: so many examples in the tests, SYNTHCOMP_FUZZ times as many in `make fuzz`.

    The tests try the same ones each time; to find new ones is left to `make fuzz`.
    """
    return settings(
        derandomize=FACTOR == 1,
        max_examples=max(1, round(examples * FACTOR)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@contextmanager
def guarded(door: str, tried: bytes = b"") -> Iterator[None]:
    """Count a try, and hold what comes out of the block to the rule. tried: kept in a file when it breaks the rule."""
    tries[door] += 1
    gc.disable()  # It would walk what Hypothesis remembers, gigabytes in the end, at the expense of what is tried.
    reset_peak_memory()
    before, start = peak_memory_bytes(), time.process_time()
    try:
        yield
    except SynthcompError as error:
        refusals[door] += 1
        seconds, after = time.process_time() - start, peak_memory_bytes()
        if "\n" in str(error) or not str(error) or len(str(error)) > 5000:
            _fail(door, tried, f"not a sentence: {str(error)[:200]!r}")
        if seconds > at_most(MAX_REFUSAL_S):
            _fail(door, tried, f"refused only after {seconds:.1f} s: {error}")
        if before is not None and after is not None and after - before > MAX_REFUSAL_BYTES:
            _fail(door, tried, f"refused after taking {(after - before) / 2**20:.0f} MiB: {error}")
    except (Exception, RecursionError) as error:  # noqa: BLE001 (the claim under test: nothing else comes out)
        _fail(door, tried, f"{type(error).__name__}: {error}")
    finally:
        gc.enable()


def _fail(door: str, tried: bytes, what: str) -> None:
    """Fail, keeping the input as an example for ever: a file in found/ is tried again by every run of the tests."""
    name = "none"
    if tried:
        folder = FOUND / door
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(tried).hexdigest()[:16]}.bin"
        if door in _kept:  # Hypothesis goes on to smaller ones; the last is the smallest.
            _kept[door].unlink(missing_ok=True)
        path.write_bytes(tried)
        _kept[door] = path
        name = str(path.relative_to(FOUND.parent))
    pytest.fail(f"{door} ({name}): {what}")


def found(door: str) -> list[bytes]:
    """The inputs that once broke the rule at a door."""
    return [path.read_bytes() for path in sorted((FOUND / door).glob("*.bin"))]


def kept_doors(among: Collection[str]) -> list[str]:
    """The doors of which inputs are kept; AssertionError if one is neither among these nor of the other kind."""
    kept = {path.name for path in FOUND.iterdir() if path.is_dir() and any(path.glob("*.bin"))}
    assert kept <= {*FILE_DOORS, *TEXT_DOORS}, "an input was kept for a door that is not tried again"
    return sorted(kept.intersection(among))


_INTEGERS = (0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@st.composite
def damaged(draw: Callable[..., object], originals: list[bytes]) -> bytes:
    """One of the originals after a few cuts, flips, splices and integers in odd places; sometimes noise."""
    content = bytearray(draw(st.sampled_from(originals)))  # type: ignore[arg-type]
    operations = st.tuples(st.integers(0, 7), st.floats(0, 1), st.floats(0, 1), st.sampled_from(_INTEGERS))
    for kind, first, second, number in draw(st.lists(operations, min_size=1, max_size=6)):  # type: ignore[attr-defined]
        # Headers decide on most: half of all changes fall within the first 200 bytes.
        span = min(len(content), 200) if second < 0.5 else len(content)
        at = int(first * max(0, span - 1))
        match kind:
            case 0:
                del content[at:]
            case 1 if content:
                content[at] ^= 1 << (number % 8)
            case 2 if content:
                content[at] = number & 255
            case 3:
                content[at : at + 4] = number.to_bytes(4, "big")
            case 4:
                content[at : at + 4] = number.to_bytes(4, "little")
            case 5:
                content[at:at] = content[int(second * at) : at][:64]
            case 6:
                del content[at : at + 1 + number % 16]
            case _:
                other = draw(st.sampled_from(originals))
                content[at:] = other[int(second * len(other)) :]  # type: ignore[index,arg-type]
    return bytes(content)


def json_values() -> st.SearchStrategy[object]:
    """Any JSON value, small, with the numbers that hurt."""
    odd = [0, -1, 1, 2**31, 2**53, 2**63, 10**30, 1e308, -1e308, 1e-308, float("inf"), float("nan"), True, None]
    texts = st.text(max_size=12) | st.sampled_from(["", "x", "../x", "/etc", "a\0b", "\ud800", "=1", "9" * 400])
    leaves = st.sampled_from(odd) | st.integers() | st.floats() | texts
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


@st.composite
def altered(draw: Callable[..., object], document: object) -> object:
    """A JSON document with one or more of its values replaced by any others."""
    value = document
    for _ in range(draw(st.integers(1, 3))):  # type: ignore[call-overload]
        value = _replaced(value, draw)
    return value


def _replaced(value: object, draw: Callable[..., object]) -> object:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: _replaced(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(value) - 1))
        return [_replaced(item, draw) if index == at else item for index, item in enumerate(value)]
    return draw(json_values())
