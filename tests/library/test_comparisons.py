"""Saved comparisons: a round trip, names, damaged files, and files whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.errors import SynthcompError
from synthcomp_core.library import comparisons
from synthcomp_core.library.comparisons import (
    comparisons_dir,
    delete_comparison,
    list_comparisons,
    read_comparison,
    save_comparison,
)

PAIRS = (("image", "a b<>.png"), ("variant", "jpeg-q30"), ("variant", "avif-q60+444@x2-rcan"), ("computed", "1"))


def test_what_is_saved_is_read_back_in_order_and_can_be_replaced_and_deleted(artifacts: Path) -> None:
    assert list_comparisons() == []
    save_comparison("b", PAIRS)
    save_comparison("a", PAIRS[:1])
    assert [(saved.name, saved.pairs) for saved in list_comparisons()] == [("a", PAIRS[:1]), ("b", PAIRS)]
    save_comparison("a", PAIRS[2:])
    assert read_comparison("a").pairs == PAIRS[2:]
    assert sorted(path.name for path in comparisons_dir().iterdir()) == ["a.json", "b.json"]
    delete_comparison("a")
    delete_comparison("a")
    assert [saved.name for saved in list_comparisons()] == ["b"]


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "a b", "x" * 81])
def test_a_name_that_cannot_name_a_file_is_refused_everywhere(name: str, artifacts: Path) -> None:
    for action in (
        lambda: save_comparison(name, PAIRS),
        lambda: read_comparison(name),
        lambda: delete_comparison(name),
    ):
        with pytest.raises(SynthcompError, match="not usable as a name"):
            action()
    assert not comparisons_dir().exists()


@pytest.mark.parametrize("content", ["", "[]", '{"name": "b", "pairs": 3}', '{"name": "b", "pairs": [["a"]]}', "\x00"])
def test_a_damaged_file_is_one_sentence_and_leaves_the_others(content: str, artifacts: Path) -> None:
    save_comparison("a", PAIRS)
    (comparisons_dir() / "b.json").write_text(content)
    assert [saved.name for saved in list_comparisons()] == ["a"]
    with pytest.raises(SynthcompError, match=r"b\.json is no saved comparison"):
        read_comparison("b")
    with pytest.raises(SynthcompError, match="no saved comparison named c"):
        read_comparison("c")


def test_too_long_an_address_and_too_many_comparisons_are_refused(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SynthcompError, match="too many or too long"):
        save_comparison("a", [("variant", "x" * 501)])
    with pytest.raises(SynthcompError, match="too many or too long"):
        save_comparison("a", [("variant", "x")] * 201)
    monkeypatch.setattr(comparisons, "MAX_COMPARISONS", 1)
    save_comparison("a", PAIRS)
    with pytest.raises(SynthcompError, match="delete some"):
        save_comparison("b", PAIRS)
    save_comparison("a", PAIRS[:1])  # Replacing one adds none.
