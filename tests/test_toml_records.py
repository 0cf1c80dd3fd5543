"""TOML tables as records: what each type hint accepts, and the sentence that each mistake gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest

from synthcomp_core.errors import PlanError
from synthcomp_core.toml_records import (
    Count,
    Defaults,
    Key,
    Name,
    Positive,
    Rule,
    Texts,
    Via,
    at_least,
    parse_record,
    read_text,
)


class Colour(StrEnum):
    RED = "red"
    DEEP_BLUE = "deep-blue"


def _even(value: int) -> str:
    if value % 2:
        raise PlanError(f"is {value}, which is odd.")
    return f"even {value}"


@dataclass(frozen=True)
class Part:
    size: Count
    colour: Colour = Colour.RED
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    title: Name
    parts: Annotated[tuple[Part, ...], Key("part"), Defaults("defaults"), Rule("at least one [[part]]", bool)]
    origin: str
    weight: Positive = 1.0
    level: Literal[2, 3] = 2
    on: bool = False
    words: Texts | None = None
    folder: Path | None = None
    pair: Annotated[str, Via(Annotated[int, at_least(0)], _even)] = "none"
    named: dict[str, Part] = field(default_factory=dict)
    single: Part | None = None


GOOD = 'title = "t"\n[[part]]\nsize = 1\n'


def read(text: str) -> Whole:
    return parse_record(text, Whole, path=Path("/plans/p.toml"), fallback={"title": "p"}, given={"origin": "here"})


def test_every_kind_of_hint_is_read() -> None:
    text = """
weight = 2
level = 3
on = true
words = ["a", "b"]
folder = "../data"
pair = 4
[defaults]
size = 7
colour = "deep-blue"
[[part]]
[[part]]
size = 8
tags = ["x"]
[named.one]
size = 1
[single]
size = 2
"""
    assert read(text) == Whole(
        title="p",
        parts=(Part(7, Colour.DEEP_BLUE), Part(8, Colour.DEEP_BLUE, ("x",))),
        origin="here",
        weight=2.0,
        level=3,
        on=True,
        words=("a", "b"),
        folder=Path("/data"),
        pair="even 4",
        named={"one": Part(1)},
        single=Part(2),
    )
    assert type(read(text).weight) is float


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "`part` is missing; expected at least one [[part]]."),
        ("part = []", "`part` is [] (a list); expected at least one [[part]]."),
        ("[[part]]\n", "`part[1].size` is missing; expected a whole number of at least 1."),
        ("[[part]]\nsize = 0", "`part[1].size` is 0 (a whole number); expected a whole number of at least 1."),
        ("[[part]]\nsize = true", "`part[1].size` is true (true or false); expected a whole number of at least 1."),
        ("[[part]]\nsize = 1.0", "`part[1].size` is 1.0 (a number); expected a whole number of at least 1."),
        (
            '[[part]]\nsize = 1\n[[part]]\nsize = 1\ncolour = "green"',
            '`part[2].colour` is "green" (text); expected one of red, deep-blue.',
        ),
        (
            "[defaults]\nsize = 'x'\n[[part]]\n",
            '`defaults.size` is "x" (text); expected a whole number of at least 1.',
        ),
        (f"titel = 3\n{GOOD}", "`titel` is unknown; did you mean `title`? Known here: defaults, folder, level,"),
        (f"origin = 'there'\n{GOOD}", "`origin` is unknown; "),
        (f"weight = -1\n{GOOD}", "`weight` is -1 (a whole number); expected a number above 0."),
        (f"weight = nan\n{GOOD}", "`weight` is nan (a number); expected a number above 0."),
        (f"weight = inf\n{GOOD}", "`weight` is inf (a number); expected a number above 0."),
        (f"level = 4\n{GOOD}", "`level` is 4 (a whole number); expected one of 2, 3."),
        (f"level = 2.0\n{GOOD}", "`level` is 2.0 (a number); expected one of 2, 3."),
        (f"on = 1\n{GOOD}", "`on` is 1 (a whole number); expected true or false."),
        (f"words = 'a'\n{GOOD}", '`words` is "a" (text); expected a list of texts, at least one.'),
        (f"words = ['a', 2]\n{GOOD}", '`words` is ["a", 2] (a list); expected a list of texts, at least one.'),
        (f"words = []\n{GOOD}", "`words` is [] (a list); expected a list of texts, at least one."),
        (f"folder = ''\n{GOOD}", '`folder` is "" (text); expected a path, relative to the file.'),
        (f"pair = 3\n{GOOD}", "`pair` is 3, which is odd."),
        (f"pair = 'x'\n{GOOD}", '`pair` is "x" (text); expected a whole number of at least 0.'),
        (f"pair = -2\n{GOOD}", "`pair` is -2 (a whole number); expected a whole number of at least 0."),
        (f"named = 3\n{GOOD}", "`named` is 3 (a whole number); expected tables, each begun with [named.NAME]."),
        (f"named.a = 3\n{GOOD}", "`named.a` is 3 (a whole number); expected a table, begun with [named.a]."),
        (
            f"named.a.sise = 3\n{GOOD}",
            "`named.a.sise` is unknown; did you mean `size`? Known here: colour, size, tags.",
        ),
        (f"single = 'x'\n{GOOD}", '`single` is "x" (text); expected a table, begun with [single].'),
        ("part = 3", "`part` is 3 (a whole number); expected at least one [[part]]."),
        ("part = [1]", "`part` is [1] (a list); expected at least one [[part]]."),
        ("title = '../t'", '`title` is "../t" (text); expected at most 80 letters'),
        ("title = 'ä'", '`title` is "ä" (text); expected at most 80 letters'),
        (f"words = ['{'long ' * 40}', 1]\n{GOOD}", "long ... (a list); expected a list of texts"),
    ],
)
def test_every_mistake_is_one_sentence_with_file_key_found_and_expected(text: str, sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith("/plans/p.toml: `")
    assert sentence in message
    assert "\n" not in message


def test_a_fallback_is_checked_like_the_file() -> None:
    with pytest.raises(PlanError, match=r"`title` is \"my plan\" \(text\); expected at most 80 letters"):
        parse_record(GOOD[11:], Whole, path=Path("x.toml"), fallback={"title": "my plan"}, given={"origin": ""})


def test_what_is_no_toml_is_named_with_its_line() -> None:
    with pytest.raises(PlanError, match=r"p\.toml is not valid TOML: .*line 2"):
        read("weight = 1\nlevel = = 2\n")


def test_files_that_cannot_be_a_plan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"absent\.toml cannot be read as a plan: No such file"):
        read_text(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match=r"binary\.toml is not UTF-8"):
        read_text(tmp_path / "binary.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(PlanError, match=r"huge\.toml cannot be read as a plan: it has 1,048,577 bytes"):
        read_text(tmp_path / "huge.toml")
