"""TOML plans as frozen dataclasses: the type hints say what may stand where, and every mistake is one clear sentence.

A field's hint decides how its key is read: ``str``, ``bool``, ``int``, ``float`` (finite; whole numbers count),
``Path`` (relative to the file), ``Literal`` and ``StrEnum`` (choices), ``tuple[X, ...]`` (a list, or for records an
array of tables), a dataclass (a table), ``dict[str, dataclass]`` (tables by name), ``X | None``. ``Annotated`` adds a
:class:`Rule`, a :class:`Key`, a :class:`Via` or a :class:`Defaults`. A field without a default is a required key.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import json
import re
import sys
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from synthcomp_core import limits
from synthcomp_core.errors import PlanError, reason_of
from synthcomp_core.storage import NAME_FORM, NAME_PATTERN, read_file

T = TypeVar("T")
# TOML's texts and comments, where brackets, dots and digits mean nothing. Possessive: none is passed over twice.
_TEXTS = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?|\'\'\'(?:[^\']|\'(?!\'\'))*+(?:\'\'\')?'
    r'|"(?:[^"\\\n]|\\.)*+"?|\'[^\'\n]*+\'?|\#[^\n]*+',
    re.DOTALL,
)
_BRACKETS = re.compile(r"[][{}]")
_HEADING = re.compile(r"^[ \t]*+\[", re.MULTILINE)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{limits.PLAN_NESTING}}}")
_LONG_NUMBER = re.compile(rf"[\d_]{{{limits.PLAN_NUMBER_DIGITS + 1}}}|0[xob][\da-fA-F_]{{{limits.PLAN_NUMBER_DIGITS}}}")
_SHOWN = 60
_LARGEST_INT = 2**53
_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


@dataclass(frozen=True)
class Rule:
    """What a value of the right type must also be; ``expected`` completes "expected ..."."""

    expected: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Key:
    """The key of a field in the file, where it is not the field's own name."""

    name: str


@dataclass(frozen=True)
class Via:
    """Read the value as ``kind``, then call ``make`` on it; its PlanError continues the sentence "`key` ...".

    As in ``folder: Annotated[Path, Via(Path, existing_folder)]``.
    """

    kind: Any
    make: Callable[[Any], Any]


@dataclass(frozen=True)
class OneOrMany:
    """For a list of texts: a single text may stand for a list of it alone."""


@dataclass(frozen=True)
class Defaults:
    """For an array of tables: the table of this key holds values for whatever its members leave out."""

    key: str


def at_least(minimum: int) -> Rule:
    """The rule of whole numbers from ``minimum``."""
    return Rule(f"a whole number of at least {minimum}", lambda value: bool(value >= minimum))


def between(low: int, high: int) -> Rule:
    """The rule of whole numbers from ``low`` to ``high``."""
    return Rule(f"a whole number of at least {low} and at most {high:,}", lambda value: bool(low <= value <= high))


def above(bound: float) -> Rule:
    """The rule of numbers above ``bound``."""
    return Rule(f"a number above {bound:g}", lambda value: bool(value > bound))


def matching(pattern: str, expected: str) -> Rule:
    """The rule of texts that match a regular expression as a whole."""
    return Rule(expected, lambda value: re.fullmatch(pattern, value) is not None)


# Names become folders: of a run, of a data set's renderings. No separator, no leading dot, nothing that climbs.
Name = Annotated[str, matching(NAME_PATTERN.pattern, NAME_FORM)]
Count = Annotated[int, at_least(1)]
Positive = Annotated[float, above(0)]
Texts = Annotated[tuple[str, ...], Rule("a list of texts, at least one", bool)]


def read_text(path: Path) -> str:
    """The text of a TOML file; PlanError when it cannot be read, is no UTF-8, or is too large to be a plan."""
    try:
        content = read_file(path, max_bytes=limits.PLAN_BYTES)
    except OSError as error:
        raise PlanError(f"{path} cannot be read as a plan: {reason_of(error)}.") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"{path} is not UTF-8 text, as TOML must be.") from error


def parse_record(
    text: str,
    kind: type[T],
    *,
    path: Path,
    fallback: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
) -> T:
    """A TOML text as a record of a dataclass; PlanError naming file, key, what was found and what is expected.

    path: where the text stands, or could stand; paths in it are relative to that folder. fallback: values of keys
    that the text may leave out. given: fields that do not come from the file.
    """
    _check_budget(text, path)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError.
        raise PlanError(f"{path} is not valid TOML: {reason_of(error)}.") from error
    record: T = _record(_Table({**(fallback or {}), **values}, path), kind, dict(given or {}))
    return record


def _check_budget(text: str, path: Path) -> None:
    """PlanError for what no plan has and reading would pay dearly for: deep nesting, long keys, many tables."""
    bare = _TEXTS.sub("_", text)
    steps = (1 if bracket in "[{" else -1 for bracket in _BRACKETS.findall(bare))
    deepest = max(itertools.accumulate(steps), default=0)
    for what, is_found in (
        (f"{deepest} brackets within each other, more than {limits.PLAN_NESTING}", deepest > limits.PLAN_NESTING),
        (f"a key of more than {limits.PLAN_NESTING} parts, joined by dots", _LONG_KEY.search(bare)),
        (f"a number of more than {limits.PLAN_NUMBER_DIGITS} digits", _LONG_NUMBER.search(bare)),
        (f"more than {limits.PLAN_TABLES:,} tables", len(_HEADING.findall(bare)) > limits.PLAN_TABLES),
    ):
        if is_found:
            raise PlanError(f"{path} has {what}.")


def plan_error(path: Path, key: str, problem: str) -> PlanError:
    """The error that says, with file and key, what is wrong with a value."""
    return PlanError(f"{path}: `{key}` {problem}")


@dataclass(frozen=True)
class _Table:
    """A TOML table and where it stands. defaulted: keys whose values come from the table ``defaults``."""

    values: dict[str, Any]
    path: Path
    prefix: str = ""
    defaults: str = ""
    defaulted: frozenset[str] = frozenset()

    def error(self, key: str, problem: str) -> PlanError:
        prefix = f"{self.defaults}." if key in self.defaulted else self.prefix
        return plan_error(self.path, f"{prefix}{key}", problem)

    def below(self, key: str, values: dict[str, Any]) -> _Table:
        return _Table(values, self.path, f"{self.prefix}{key}.")


def _record(table: _Table, kind: Any, given: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [field for field in dataclasses.fields(kind) if field.name not in given]
    keys = {field.name: (_mark(hints[field.name], Key) or Key(field.name)).name for field in fields}
    shared = [mark.key for field in fields if (mark := _mark(hints[field.name], Defaults))]
    _refuse_unknown(table, {*keys.values(), *shared})
    found = dict(given)
    for field in fields:
        key, hint = keys[field.name], hints[field.name]
        if key in table.values:
            found[field.name] = _value(table, key, table.values[key], hint)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise table.error(key, f"is missing; expected {_expected(hint, key)}.")
    return kind(**found)


def _refuse_unknown(table: _Table, known: set[str]) -> None:
    for key in table.values:
        if key not in known:
            close = difflib.get_close_matches(key[:_SHOWN], known, n=1)
            key = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}..."
            meant = f"did you mean `{close[0]}`? " if close else ""
            raise table.error(key, f"is unknown; {meant}Known here: {', '.join(sorted(known))}.")


def _value(table: _Table, key: str, value: Any, hint: Any) -> Any:
    """The value of a key as its hint says."""
    core, marks = _taken_apart(hint)
    if isinstance(value, str) and any(isinstance(mark, OneOrMany) for mark in marks):
        value = [value]
    for mark in marks:
        if isinstance(mark, Via):
            return _made(table, key, _value(table, key, value, mark.kind), mark)
    if _is_record(core) and isinstance(value, dict):
        return _record(table.below(key, value), core, {})
    if typing.get_origin(core) is dict and isinstance(value, dict):
        return {name: _named(table.below(key, value), name, item, core) for name, item in value.items()}
    converted = _converted(table, key, value, core, _mark(hint, Defaults))
    if converted is not _UNFIT and all(mark.holds(converted) for mark in marks if isinstance(mark, Rule)):
        return converted
    raise table.error(key, f"is {_shown(value)}; expected {_expected(hint, key)}.")


def _made(table: _Table, key: str, value: Any, via: Via) -> Any:
    try:
        return via.make(value)
    except PlanError as error:
        raise table.error(key, str(error)) from error


_UNFIT: Any = object()


def _converted(table: _Table, key: str, value: Any, hint: Any, shared: Defaults | None) -> Any:
    """A plain value or a list as a bare hint says, or _UNFIT."""
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        return value if any(type(value) is type(choice) and value == choice for choice in choices) else _UNFIT
    if typing.get_origin(hint) is tuple:
        return _list(table, key, value, typing.get_args(hint)[0], shared)
    if hint is float and type(value) in (int, float):
        return float(value) if abs(value) <= sys.float_info.max else _UNFIT  # neither NaN nor infinite
    if hint is int and type(value) is int and abs(value) > _LARGEST_INT:
        return _UNFIT
    if hint is Path:
        return _path(table, key, value) if isinstance(value, str) and value else _UNFIT
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value) if value in list(hint) else _UNFIT
    return value if type(value) is hint and value != "" else _UNFIT


def _path(table: _Table, key: str, value: str) -> Path:
    try:
        return (table.path.parent / Path(value).expanduser()).resolve()
    except (ValueError, RuntimeError, OSError) as error:  # a NUL, the home of nobody, links in a circle
        raise table.error(key, f"is {_shown(value)}, which is no path ({reason_of(error)}).") from error


def _list(table: _Table, key: str, value: Any, item: Any, shared: Defaults | None) -> Any:
    """A list of plain values, or an array of tables, or _UNFIT."""
    if not isinstance(value, list):
        return _UNFIT
    if not _is_record(item):
        items = tuple(_converted(table, key, one, item, None) for one in value)
        return _UNFIT if any(one is _UNFIT for one in items) else items
    if not all(isinstance(one, dict) for one in value):
        return _UNFIT
    source = shared.key if shared else ""
    defaults = table.values.get(source, {})
    if not isinstance(defaults, dict):
        raise table.error(source, f"is {_shown(defaults)}; expected a table, begun with [{source}].")
    prefix = f"{table.prefix}{key}"
    tables = (
        _Table({**defaults, **own}, table.path, f"{prefix}[{number}].", source, frozenset(defaults) - set(own))
        for number, own in enumerate(value, start=1)
    )
    return tuple(_record(one, item, {}) for one in tables)


def _named(table: _Table, name: str, value: Any, hint: Any) -> Any:
    """One of the tables of ``dict[str, dataclass]``."""
    if not isinstance(value, dict):
        raise table.error(name, f"is {_shown(value)}; expected a table, begun with [{table.prefix}{name}].")
    return _record(table.below(name, value), typing.get_args(hint)[1], {})


def _expected(hint: Any, key: str) -> str:
    """What a hint allows, as the end of a sentence."""
    core, marks = _taken_apart(hint)
    for mark in marks:
        if isinstance(mark, Via):
            return _expected(mark.kind, key)
        if isinstance(mark, Rule):
            return mark.expected
    if _is_record(core):
        return f"a table, begun with [{key}]"
    origin, arguments = typing.get_origin(core), typing.get_args(core)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is dict:
        return f"tables, each begun with [{key}.NAME]"
    if origin is tuple:
        return f"tables, each begun with [[{key}]]" if _is_record(arguments[0]) else "a list of texts"
    if isinstance(core, type) and issubclass(core, StrEnum):
        return f"one of {', '.join(core)}"
    return {str: "text of at least one character", Path: "a path, relative to the file"}.get(core, _KINDS.get(core, ""))


def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A hint without its ``Annotated`` and its ``| None`` (a key that is present is not None), and what they add."""
    marks: tuple[Any, ...] = ()
    while True:
        if typing.get_origin(hint) is Annotated:
            hint, *more = typing.get_args(hint)
            marks = (*marks, *more)
        elif typing.get_origin(hint) in (types.UnionType, typing.Union):
            (hint,) = (option for option in typing.get_args(hint) if option is not types.NoneType)
        else:
            return hint, marks


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _mark(hint: Any, kind: type[T]) -> T | None:
    """What ``Annotated`` adds of one kind, if any."""
    return next((mark for mark in _taken_apart(hint)[1] if isinstance(mark, kind)), None)


def _shown(value: Any) -> str:
    text = _as_toml(value)
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f"{short} ({_KINDS.get(type(value), type(value).__name__)})"


def _as_toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value[: 2 * _SHOWN], ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(item) for item in value[:_SHOWN])}]"
    return str(value)
