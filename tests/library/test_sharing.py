"""Snapshots that share tensors: the same model from a smaller file, and a sentence where the other file is missing."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from synthcomp_core.cli import main
from synthcomp_core.codecs.checkpoints import build_model, import_codec, random_weights
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.sharing import share_weights
from synthcomp_core.library.snapshot_file import read_snapshot_file
from synthcomp_core.library.snapshots import (
    list_snapshots,
    load_snapshot,
    read_snapshot_card,
    save_snapshot,
    snapshot_path,
    survey_snapshots,
    weights_sha256,
)
from tests.codecs.models import random_model, save_unchecked
from tests.conftest import PROJECT_ROOT

MEGABYTE = 10**6
CHANGED = "g_s.0.weight"


@pytest.fixture
def base(artifacts: Path) -> dict[str, torch.Tensor]:
    """Three snapshots: "first", "second" with one other tensor, and "twin" of the second; the second's tensors."""
    card, tensors = random_model("mbt2018")
    save_snapshot(card, tensors, path=snapshot_path("first"))
    other = {**tensors, CHANGED: tensors[CHANGED] + 1}
    for snapshot_id in ("second", "twin"):
        save_snapshot(card, other, path=snapshot_path(snapshot_id))
    return other


def equal(snapshot_id: str, expected: dict[str, torch.Tensor]) -> bool:
    found = load_snapshot(snapshot_id)[1]
    return found.keys() == expected.keys() and weights_sha256(found) == weights_sha256(expected)


def stored(snapshot_id: str) -> set[str]:
    return set(read_snapshot_file(snapshot_path(snapshot_id)).tensors)


def test_a_file_that_shares_holds_only_what_differs_and_loads_bit_for_bit(base: dict[str, torch.Tensor]) -> None:
    before = read_snapshot_card(snapshot_path("second"))
    card = share_weights("second", ["first"])
    assert stored("second") == {CHANGED} and equal("second", base)
    assert (card.sha256, card.fingerprint, card.parameters) == (before.sha256, before.fingerprint, before.parameters)
    assert [lender.id for lender in card.lenders or ()] == ["first"]
    share_weights("twin", ["second", "first"])
    assert stored("twin") == set() and equal("twin", base)
    assert survey_snapshots().problems == ()


def test_sharing_nothing_makes_a_file_whole_again(base: dict[str, torch.Tensor]) -> None:
    whole = snapshot_path("second").read_bytes()
    share_weights("second", ["first"])
    assert len(snapshot_path("second").read_bytes()) < len(whole)
    assert share_weights("second").lenders is None
    snapshot_path("first").unlink()
    assert equal("second", base) and stored("second") == set(base)


def test_a_lender_that_was_renamed_is_found_by_its_weights(base: dict[str, torch.Tensor]) -> None:
    share_weights("second", ["first"])
    share_weights("twin", ["second", "first"])
    snapshot_path("first").rename(snapshot_path("a-new-name"))
    snapshot_path("second").rename(snapshot_path("z-new-name"))
    assert equal("twin", base) and equal("z-new-name", base)


@pytest.mark.parametrize("replaced", [False, True], ids=["missing", "replaced"])
def test_a_missing_or_replaced_lender_is_named_and_hides_no_other_snapshot(
    base: dict[str, torch.Tensor], replaced: bool
) -> None:
    share_weights("second", ["first"])
    if replaced:
        card, tensors = random_weights("mbt2018", 24, 24)
        save_snapshot(card, tensors, path=snapshot_path("first"))
    else:
        snapshot_path("first").unlink()
    with pytest.raises(SnapshotError, match=r"shares weights with the snapshot first of fingerprint [0-9a-f]{16}"):
        load_snapshot("second")
    assert [card.id for card in list_snapshots()] == (["first", "twin"] if replaced else ["twin"])
    assert len(survey_snapshots().problems) == 1


@pytest.mark.parametrize("how", ["replace", "train"])
def test_weights_that_others_borrow_are_replaced_once_these_are_whole(
    base: dict[str, torch.Tensor], how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    share_weights("second", ["first"])
    share_weights("twin", ["second", "first"])
    first_tensors, sha256 = load_snapshot("first")[1], read_snapshot_card(snapshot_path("first")).sha256
    # The same weights again lend on.
    save_snapshot(dataclasses.replace(read_snapshot_card(snapshot_path("first")), id="first"), first_tensors)
    assert stored("second") == {CHANGED} and equal("second", base)
    torch.manual_seed(3)
    other = build_model("mbt2018", 8, 12).state_dict()
    if how == "replace":
        torch.save(other, tmp_path / "other.pth.tar")
        assert main(["snapshot", "import", str(tmp_path / "other.pth.tar"), "--id", "first", "--replace"]) == 0
    else:
        import_codec(other, id="first")  # As at the end of a training.
    assert read_snapshot_card(snapshot_path("first")).sha256 != sha256
    assert equal("second", base) and equal("twin", base)
    assert stored("second") == set(base) and survey_snapshots().problems == ()


def test_a_twin_that_lends_nothing_may_be_replaced_without_ado(base: dict[str, torch.Tensor]) -> None:
    share_weights("second", ["first"])
    share_weights("twin", ["second", "first"])
    card, tensors = random_weights("mbt2018", 8, 12)
    save_snapshot(dataclasses.replace(card, id="twin"), tensors)
    assert stored("second") == {CHANGED} and equal("second", base) and equal("twin", tensors)


def test_a_lender_whose_tensors_were_altered_under_its_old_card_is_refused(base: dict[str, torch.Tensor]) -> None:
    share_weights("second", ["first"])
    path = snapshot_path("first")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=r"second do not match its card|not finite"):
        load_snapshot("second")


def test_a_snapshot_that_lends_cannot_borrow_and_another_architecture_lends_nothing(
    base: dict[str, torch.Tensor],
) -> None:
    share_weights("second", ["first"])
    with pytest.raises(SnapshotError, match="first lends weights to second"):
        share_weights("first", ["twin"])
    card, tensors = random_model("mbt2018-mean")
    save_snapshot(card, tensors, path=snapshot_path("other"))
    assert share_weights("other", ["first"]).lenders is None and equal("other", tensors)


def test_a_snapshot_does_not_borrow_from_itself_by_whatever_name(base: dict[str, torch.Tensor]) -> None:
    snapshot_path("alias").symlink_to(snapshot_path("second").name)
    for lender, words in (("second", "itself"), ("alias", "alias, which is the same file")):
        with pytest.raises(SnapshotError, match=f"second cannot share weights with {words}; name another snapshot"):
            share_weights("second", [lender])
    assert stored("second") == set(base) and equal("second", base) and equal("alias", base)


def test_a_file_that_could_not_be_read_with_its_lenders_replaces_nothing(
    base: dict[str, torch.Tensor],
) -> None:
    """Here because there are more lenders than a card may name."""
    card, tensors = random_model("mbt2018")
    names = sorted(tensors)[:9]
    for number, name in enumerate(names):
        others = {other: tensor + 1 for other, tensor in tensors.items() if other != name}
        save_unchecked(
            dataclasses.replace(card, id=f"l{number}"), {**others, name: base[name]}, snapshot_path(f"l{number}")
        )
    with pytest.raises(SnapshotError, match=r"second\.safetensors was not written"):
        share_weights("second", [f"l{number}" for number in range(9)])
    assert stored("second") == set(base) and equal("second", base)


def test_saving_what_was_loaded_from_two_files_writes_a_whole_one(base: dict[str, torch.Tensor]) -> None:
    share_weights("second", ["first"])
    card, tensors = load_snapshot("second")
    assert save_snapshot(card, tensors, path=snapshot_path("saved")).lenders is None
    assert stored("saved") == set(base)


def test_the_command_says_what_is_shared(base: dict[str, torch.Tensor], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "share", "second", "--with", "first"]) == 0
    assert re.search(r"shares weights +with first", capsys.readouterr().out)
    assert main(["snapshot", "share", "second"]) == 0
    assert "shares weights" not in capsys.readouterr().out
    assert main(["snapshot", "share", "second", "--with", "nowhere"]) == 1


def test_the_bundled_snapshots_take_at_most_120_mb_and_load_whichever_share() -> None:
    files = list((PROJECT_ROOT / "artifacts" / "snapshots").glob("*.safetensors"))
    assert sum(path.stat().st_size for path in files) <= 120 * MEGABYTE
    sharing = [path.stem for path in files if read_snapshot_card(path).lenders]
    assert len(sharing) == 6
    for snapshot_id in sharing:
        card, tensors = load_snapshot(snapshot_id)
        assert weights_sha256(tensors) == card.sha256
