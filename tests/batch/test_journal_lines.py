"""A journal is read fast where a run wrote it, and just as before where it did not; what is too long is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthcomp_core import limits
from synthcomp_core.batch.journal import JOURNAL, RESULTS, Writer, read_journal
from synthcomp_core.batch.journal_lines import Line, is_as_written, parse_line
from synthcomp_core.errors import ResultsError
from synthcomp_core.library.json_records import JsonError, parse_json
from tests.batch.test_journal import LINE, entry
from tests.clock import at_most

FULL = {
    **LINE,
    "kept_rendering": "renderings/a.png",
    "rendering_stamp": {"num_bytes": 5, "sha256": "a" * 64},
    "row": {**LINE["row"], "width": 10, "num_bytes": 100, "precision": "float32", "error": None},  # type: ignore[dict-item]
}
KEYS = [*FULL, *FULL["row"], "num_bytes", "sha256", "new"]
# As they stand in a text: what JSON has, what only Python reads, and what nobody does.
VALUES = [
    *("0", "-0", "1", "1.0", "10.0", "1.5", "-1", "1e3", "1e308", "1e400", "-1e400", "1E+2", "9007199254740993"),
    *("18446744073709551616", "9" * 30, "1" * 400, "1" * 4400, "0.1" + "0" * 400 + "1", "1e-400", "01", "1."),
    *(".5", "+1", "9" * 19, "1e22"),
    *("NaN", "Infinity", "-Infinity", "nan", "Infinity5", "null", "true", "nul", "", "[]", "{}", "[[]]"),
    *('["a"]', "[1]"),
    *('""', '"a"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud800x"', '"\\u0000"'),
    *('"\\x"', '"\t"', '"\x7f"'),
    *('"\U0001f600"', '"é"', '"' + "b" * 64 + '"', '"a:Infinity"', '"' + "x" * 999 + '"', "[" * 3000 + "]" * 3000),
    *("[" * 200 + "]" * 200, '{"a":1,"a":"x"}', json.dumps(FULL["rendering_stamp"]), '{"num_bytes":1.0,"sha256":5}'),
]  # fmt: skip


def read_slowly(line: bytes) -> Line | str:
    try:
        return parse_json(line, Line)
    except JsonError as error:
        return str(error)


def read(line: bytes) -> Line | str:
    try:
        return parse_line(1, line)
    except ValueError as error:
        return str(error)


def members(values: dict[str, object], odd: dict[str, str], doubled: str | None) -> str:
    """An object as text, with odd values in some places, one of them as a second value of its key."""
    texts = [
        (key, members(value, odd, doubled) if key == "row" and key not in odd else json.dumps(value))  # type: ignore[arg-type]
        for key, value in values.items()
    ]
    texts = [(key, odd.get(key, text) if key != doubled else text) for key, text in texts]
    texts += [(key, text) for key, text in odd.items() if key == doubled or (key == "new" and "row" in values)]
    return "{" + ",".join(f'"{key}":{text}' for key, text in texts) + "}"


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3),
    st.none() | st.sampled_from(KEYS),
    st.sampled_from([b"", b"\xef\xbb\xbf", b" ", b"\r", b"\xff", b"\0", b"]"]),
    st.sampled_from([b"", b" ", b"x", b",", b"\r", b"\0"]),
    st.tuples(st.integers(0, 700), st.sampled_from([b"", b'"', b"\\", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"}"])),
)
def test_a_line_is_read_as_by_json_itself(
    odd: dict[str, str], doubled: str | None, before: bytes, after: bytes, splice: tuple[int, bytes]
) -> None:
    line = before + members(FULL, odd, doubled).encode() + after
    line = line[: splice[0]] + splice[1] + line[splice[0] :]
    expected = read_slowly(line)
    assert repr(read(line)) == repr(expected)  # NaN is not equal to itself
    assert not (is_as_written(line) and isinstance(expected, str))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:12])
def test_a_value_in_every_place_is_read_as_by_json_itself(value: str) -> None:
    for key in KEYS:
        for doubled in (None, key):
            line = members(FULL, {key: value}, doubled).encode()
            expected = read_slowly(line)
            assert repr(read(line)) == repr(expected)
            assert not (is_as_written(line) and isinstance(expected, str))


def test_what_a_run_writes_is_read_the_fast_way() -> None:
    for line in (LINE, FULL, {**FULL, "bitstream_stamp": FULL["rendering_stamp"], "made_with": ["a"]}):
        assert is_as_written(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    assert not is_as_written(json.dumps({**FULL, "new": 1}).encode())


def test_damage_at_the_end_of_a_long_journal_is_found_soon(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(10_000 * (json.dumps(FULL).encode() + b"\n") + b"{}\n")
    start = time.thread_time()
    with pytest.raises(ResultsError, match=r"line 10001, is damaged \(Object missing required field image_sha256\)"):
        read_journal(tmp_path / JOURNAL)
    assert time.thread_time() - start < at_most(0.5)  # It takes 0.05 s; a collection of garbage may come in between.


def test_a_journal_of_too_many_lines_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "JOURNAL_LINES", 5)
    line = json.dumps(LINE).encode() + b"\n"
    (tmp_path / JOURNAL).write_bytes(5 * line)
    assert len(read_journal(tmp_path / JOURNAL)) == 1
    (tmp_path / JOURNAL).write_bytes(6 * line)
    with pytest.raises(ResultsError, match="has more than 5 lines; carry its plan out under another name"):
        read_journal(tmp_path / JOURNAL)


def test_lines_of_another_form_have_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "JOURNAL_OTHER_VALUES", 200)
    other = json.dumps({**LINE, "new": [1] * 50}).encode() + b"\n"
    (tmp_path / JOURNAL).write_bytes(2 * other)
    assert len(read_journal(tmp_path / JOURNAL)) == 1
    (tmp_path / JOURNAL).write_bytes(4 * other)
    with pytest.raises(ResultsError, match="has more than 200 values in lines of another version's form"):
        read_journal(tmp_path / JOURNAL)


def test_one_odd_name_does_not_hide_the_kept_files_beside_it(artifacts: Path, tmp_path: Path) -> None:
    names = ["x\0y", "y" * 300, "a.png", "loop.png", "../../a.png", "b.png"]
    (tmp_path / "loop.png").symlink_to("loop.png")
    rows = [{**LINE["row"], "image": name[:9]} for name in names]  # type: ignore[dict-item]
    lines = [json.dumps({**LINE, "row": row, "kept_rendering": name}) for row, name in zip(rows, names, strict=True)]
    (tmp_path / JOURNAL).write_text("\n".join(lines) + "\n")
    kept = {entry.kept_rendering for entry in read_journal(tmp_path / JOURNAL).values()}
    assert kept >= {tmp_path / "a.png", tmp_path / "b.png"}
    assert tmp_path / "../../a.png" not in kept and tmp_path / "x\0y" not in kept


def test_a_run_keeps_its_journal_short_enough_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "JOURNAL_LINES", 6)
    monkeypatch.setattr(limits, "PLAN_TASKS", 4)
    old, new = ([entry(f"{kind}{number}.png") for number in range(3)] for kind in ("old", "new"))
    for entries in (old, new, new, new):  # The plan asks for others from the second run on, each time for them anew.
        writer = Writer(tmp_path, [one.slot for one in entries])
        for one in entries:
            writer.add(one)
            assert (tmp_path / JOURNAL).read_bytes().count(b"\n") <= limits.JOURNAL_LINES
            assert one.slot in read_journal(tmp_path / JOURNAL)
        writer.close()
    assert set(read_journal(tmp_path / JOURNAL)) == {one.slot for one in new}
    assert (tmp_path / RESULTS).read_text().count("\n") == 4
    size = (tmp_path / JOURNAL).stat().st_size
    monkeypatch.setattr(limits, "JOURNAL_BYTES", size + 10)
    monkeypatch.setattr(limits, "PLAN_TASKS", 100)
    writer = Writer(tmp_path, [])
    writer.add(new[0])  # In place of its older line
    with pytest.raises(ResultsError, match="split the plan into several"):
        for number in range(9):
            writer.add(entry(f"{number}.png"))
    writer.close()


def test_msgspec_passes_over_what_it_does_not_know() -> None:
    """Why the fast way knows all keys: of others, msgspec would let through what is no text at all."""
    line = json.dumps({**FULL, "new": "?"}).replace("Infinity", "1").encode().replace(b"?", b"\xff")
    assert msgspec.json.decode(line, type=Line).row.width == 10
    assert "it is not UTF-8" in str(read(line))
