"""A TOML table read key by key, where every wrong or unknown key becomes one clear sentence."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from synthcomp_core.errors import PlanError

T = TypeVar("T")
_REQUIRED: Any = object()
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


class TomlTable:
    """Takes values out of one table, checking each; ``finish`` refuses the keys that nobody asked for."""

    def __init__(self, values: dict[str, Any], *, file: str, prefix: str = "") -> None:
        self._values = values
        self._file = file
        self._prefix = prefix
        self._known: set[str] = set()

    @classmethod
    def read(cls, text: str, *, file: str) -> TomlTable:
        """The top table of a TOML document; PlanError with line and column when it is not TOML."""
        try:
            return cls(tomllib.loads(text), file=file)
        except tomllib.TOMLDecodeError as error:
            raise PlanError(f"{file} is not valid TOML: {error}.") from error

    def text(self, key: str, default: T = _REQUIRED, *, choices: Collection[str] | None = None) -> str | T:
        """A text of at least one character, one of ``choices`` when given."""
        expected = "text of at least one character" if choices is None else f"one of {', '.join(choices)}"
        return self._take(
            key, default, expected, lambda value: isinstance(value, str) and bool(value) and value in (choices or value)
        )

    def whole(self, key: str, default: T = _REQUIRED, *, minimum: int = 1) -> int | T:
        """A whole number from ``minimum``."""
        return self._take(
            key, default, f"a whole number from {minimum}", lambda value: type(value) is int and value >= minimum
        )

    def number(self, key: str, default: T = _REQUIRED, *, above: float = 0.0) -> float | T:
        """A number above ``above``."""
        return self._take(
            key,
            default,
            f"a number above {above:g}",
            lambda value: type(value) in (int, float) and above < value < float("inf"),
        )

    def texts(self, key: str, default: T = _REQUIRED) -> tuple[str, ...] | T:
        """A list of texts, at least one."""
        value = self._take(
            key,
            default,
            "a list of texts, at least one",
            lambda value: (
                isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)
            ),
        )
        return tuple(value) if isinstance(value, list) else value

    def tables(self, key: str) -> tuple[TomlTable, ...]:
        """The tables of an array ``[[key]]``; none when absent."""
        value = self._take(
            key,
            [],
            f"tables, each begun with [[{key}]]",
            lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
        )
        return tuple(
            TomlTable(item, file=self._file, prefix=f"{self._prefix}{key}[{number}].")
            for number, item in enumerate(value, start=1)
        )

    def table(self, key: str) -> TomlTable | None:
        """The table ``[key]``, or None when absent."""
        value = self._take(key, None, f"a table, begun with [{key}]", lambda value: isinstance(value, dict))
        return None if value is None else TomlTable(value, file=self._file, prefix=f"{self._prefix}{key}.")

    def error(self, key: str, problem: str) -> PlanError:
        """The error that says, with file and key, what is wrong with a value."""
        return PlanError(f"{self._file}: `{self._prefix}{key}` {problem}")

    def finish(self) -> None:
        """PlanError when the table has a key that was never taken."""
        for key in self._values:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                meant = f"did you mean `{close[0]}`? " if close else ""
                raise self.error(key, f"is unknown; {meant}Known here: {', '.join(sorted(self._known))}.")

    def _take(self, key: str, default: Any, expected: str, fits: Callable[[Any], bool]) -> Any:
        self._known.add(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise self.error(key, f"is missing; expected {expected}.")
            return default
        value = self._values[key]
        if not fits(value):
            raise self.error(key, f"is {_shown(value)}; expected {expected}.")
        return value


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return f"{short} ({_KINDS.get(type(value), type(value).__name__)})"
