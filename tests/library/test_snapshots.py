"""Snapshots that do not fit: refused in a sentence before anything is loaded, and never in the way of the others."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import resource
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from synthcomp_core import limits
from synthcomp_core.cli import main
from synthcomp_core.codecs.checkpoints import ARCHITECTURES, build_model
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.codec_shapes import codec_shapes
from synthcomp_core.library.snapshot_file import read_snapshot_file, stored_sha256
from synthcomp_core.library.snapshots import (
    find_snapshot,
    list_snapshots,
    load_snapshot,
    save_snapshot,
    snapshot_path,
    survey_snapshots,
    weights_sha256,
)
from synthcomp_core.upscalers.neural import load_upscaler
from tests.clock import at_most
from tests.codecs.models import random_model, save_unchecked
from tests.conftest import PROJECT_ROOT

CARDS = [
    *("[]", "null", "5", '"x"', "{}", "[" * 100_000, '{"id": ', '"\\ud800"', "1" * 5000),
    *('{"id": "a", "kind": "codec", "architecture": 5}', '{"id": "a", "kind": "thief", "architecture": "mbt2018"}'),
]


def change_card(path: Path, **values: object) -> None:
    """Rewrite fields of a snapshot's card, tensors untouched."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        card = json.loads(json.loads(file.read(length))["__metadata__"]["card"])
    save_file(load_file(path), path, metadata={"card": json.dumps({**card, **values})})


def with_card(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": torch.zeros(2)}, path, metadata={"card": text})


def save_random(snapshot_id: str = "tiny", architecture: str = "mbt2018", **changed: Any) -> Path:
    card, tensors = random_model(architecture)
    save_unchecked(card, {**tensors, **changed}, snapshot_path(snapshot_id))
    return snapshot_path(snapshot_id)


def refused(snapshot_id: str = "tiny") -> str:
    with pytest.raises(SnapshotError) as found:
        load_snapshot(snapshot_id)
    assert "\n" not in str(found.value) and str(found.value).endswith(".")
    return str(found.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("N", "M"), [(8, 12), (17, 23)])
def test_the_table_of_shapes_is_what_compressai_builds(architecture: str, N: int, M: int) -> None:
    built = {name: tuple(weight.shape) for name, weight in build_model(architecture, N, M).named_parameters()}
    assert codec_shapes(architecture, N, M) == built


def test_every_bundled_snapshot_passes_and_keeps_its_hash() -> None:
    found = survey_snapshots()
    assert found.problems == ()
    assert len(found.cards) == len(list((PROJECT_ROOT / "artifacts" / "snapshots").glob("*.safetensors")))
    file = read_snapshot_file(snapshot_path(found.cards[0].id))
    assert stored_sha256(file) == found.cards[0].sha256 == weights_sha256(load_snapshot(found.cards[0].id)[1])


@pytest.mark.parametrize("architecture", ["mbt2018", "bmshj2018-factorized", "cheng2020-anchor"])
def test_a_tensor_of_another_shape_type_or_name_is_refused_whichever_it_is(artifacts: Path, architecture: str) -> None:
    _, tensors = random_model(architecture)
    save_random(architecture=architecture)
    assert load_snapshot("tiny")[0].architecture == architecture
    for name, tensor in tensors.items():
        odd: list[torch.Tensor] = [torch.cat([tensor, tensor[:1]]), tensor[None], tensor.to(torch.int64)]
        if name == "integer_prior.counts":
            odd.append(torch.zeros((len(tensor), 3000), dtype=torch.int32))
        for changed in odd:
            save_random(architecture=architecture, **{name: changed})
            assert name in refused()
    save_random(architecture=architecture, **{"g_a.99.weight": torch.zeros(3)})
    assert "g_a.99.weight" in refused()


@pytest.mark.parametrize(
    "values",
    [
        *({"N": 23}, {"M": 12}, {"N": None}, {"N": "24"}, {"N": 10**30}, {"M": -1}, {"N": 100_000}, {"M": 1.5}),
        *({"architecture": "mbt2018-mean"}, {"architecture": "rcan"}, {"architecture": ["mbt2018"]}, {"sha256": "zz"}),
        *({"sha256": ""}, {"kind": None}, {"lmbda": "much"}, {"distortion": "pleasure"}, {"trained_on": {"a": 1}}),
    ],
    ids=str,
)
def test_a_card_at_odds_with_its_weights_is_refused(artifacts: Path, values: dict[str, object]) -> None:
    path = save_random()
    change_card(path, **values)
    refused()
    assert list_snapshots() == [] and len(survey_snapshots().problems) == 1


def test_weights_that_are_not_finite_or_not_those_of_the_card_are_refused(artifacts: Path) -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        save_random(**{"h_a.0.bias": torch.full((24,), value)})
        assert "not finite" in refused()
    path = save_random()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert "do not match its card" in refused()


@pytest.mark.parametrize(
    ("changed", "values"),
    [
        *(({}, {"steps": -5}), ({}, {"lmbda": 1e20}), ({}, {"lmbda": float("nan")}), ({}, {"source": "a" * 20_001})),
        ({"g_a.99.weight": torch.zeros(3)}, {}),
        ({"h_a.0.bias": torch.full((24,), float("nan"))}, {}),
    ],
    ids=str,
)
def test_what_could_not_be_read_back_is_not_written_and_replaces_nothing(
    artifacts: Path, changed: dict[str, torch.Tensor], values: dict[str, Any]
) -> None:
    before = save_random().read_bytes()
    card, tensors = random_model("mbt2018")
    with pytest.raises(
        SnapshotError, match=r"tiny\.safetensors was not written, since it could not have been read"
    ) as found:
        save_snapshot(dataclasses.replace(card, id="tiny", **values), {**tensors, **changed})
    assert "\n" not in str(found.value)
    assert [path.name for path in snapshot_path("tiny").parent.iterdir()] == ["tiny.safetensors"]
    assert snapshot_path("tiny").read_bytes() == before


@pytest.mark.parametrize(
    "option",
    [("--quality", "-1"), ("--quality", "99"), ("--steps", "-5"), ("--steps", "9" * 20)]
    + [("--lambda", value) for value in ("nan", "1e20", "0", "-1", "inf")],
    ids=" ".join,
)
def test_an_import_refuses_what_no_model_was_trained_for_before_reading_its_file(
    artifacts: Path, tmp_path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "import", str(tmp_path / "missing.pth"), "--id", "own", *option]) == 1
    assert f"{option[0]} is" in capsys.readouterr().err


def test_cards_with_and_without_the_training_s_time_and_device_load(artifacts: Path) -> None:
    change_card(save_random("with"), id="with", training_s=93.5, training_device="a processor")
    save_random("without")
    cards = {card.id: (card.training_s, card.training_device) for card in list_snapshots()}
    assert cards == {"with": (93.5, "a processor"), "without": (None, None)}
    assert load_snapshot("with")[0].sha256 == load_snapshot("without")[0].sha256
    change_card(snapshot_path("with"), training_s=-1)
    assert [card.id for card in list_snapshots()] == ["without"]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card[:40])
def test_one_bad_card_costs_one_sentence_and_leaves_the_others(artifacts: Path, card: str) -> None:
    save_random("good")
    with_card(snapshot_path("bad"), card)
    found = survey_snapshots()
    assert [sound.id for sound in found.cards] == ["good"]
    (problem,) = found.problems
    assert "bad.safetensors" in problem and "\n" not in problem and len(problem) < 500


def test_a_pipe_a_folder_and_a_loop_of_links_in_the_snapshots_folder_hang_nothing(artifacts: Path) -> None:
    path = save_random("good")
    os.mkfifo(path.with_name("pipe.safetensors"))
    path.with_name("folder.safetensors").mkdir()
    path.with_name("loop.safetensors").symlink_to("loop.safetensors")
    path.with_name("Bad Name.safetensors").write_bytes(path.read_bytes())
    found = survey_snapshots()
    assert [card.id for card in found.cards] == ["good"] and len(found.problems) == 4
    for name in ("pipe", "folder"):
        with pytest.raises(SnapshotError):
            find_snapshot(name)


def test_a_header_that_does_not_describe_the_file_is_refused(artifacts: Path) -> None:
    path = save_random()
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])

    def write(changed: dict[str, Any]) -> None:
        text = json.dumps(changed).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    name = next(key for key in header if key != "__metadata__")
    for offsets in ([0, 2**62], [-4, 0], [4, 0], [1, 2, 3], "all"):
        write({**header, name: {**header[name], "data_offsets": offsets}})
        refused()
    for shape in ([2**40] * 8, [-1], [0], [1] * 99, "wide"):
        write({**header, name: {**header[name], "shape": shape}})
        refused()
    write({**header, name: {**header[name], "dtype": "F8"}})
    refused()
    write({**header, "extra": header[name]})
    refused()
    for damaged in (content[:-1], content + b"\0", content[:8], b"", struct.pack("<Q", 2**63) + content[8:]):
        path.write_bytes(damaged)
        refused()


def test_a_file_over_the_limit_is_refused_by_its_size(artifacts: Path) -> None:
    path = save_random()
    with path.open("r+b") as file:
        file.truncate(limits.SNAPSHOT_BYTES + 1)  # A hole: it takes no room on the disk.
    assert f"at most {limits.SNAPSHOT_BYTES:,}" in refused()


def test_an_upscaler_whose_scale_is_not_its_weights_is_refused(artifacts: Path) -> None:
    bundled = PROJECT_ROOT / "artifacts" / "snapshots" / "rcan-x2-games.safetensors"
    snapshot_path("rcan").parent.mkdir(parents=True)
    snapshot_path("rcan").write_bytes(bundled.read_bytes())
    change_card(snapshot_path("rcan"), scale=3)
    with pytest.raises(SnapshotError, match="enlarge by 2, but the card says 3"):
        load_upscaler("rcan", device="cpu")
    change_card(snapshot_path("rcan"), scale=2)
    assert load_upscaler("rcan", device="cpu").scale == 2


def test_an_upscaler_with_a_tensor_of_another_shape_is_refused(artifacts: Path) -> None:
    bundled = PROJECT_ROOT / "artifacts" / "snapshots" / "rcan-x2-games.safetensors"
    tensors = load_file(bundled)
    card = list_card(bundled)
    for name in list(tensors)[::9]:
        tensor = tensors[name]
        for changed in (torch.cat([tensor, tensor[:1]]), tensor[None], tensor.reshape(-1)[:0]):
            save_unchecked(card, {**tensors, name: changed}, snapshot_path("rcan"))
            with pytest.raises(SnapshotError) as found:
                load_upscaler("rcan", device="cpu")
            assert "\n" not in str(found.value)


def list_card(path: Path) -> Any:
    from synthcomp_core.library.snapshots import read_snapshot_card

    return read_snapshot_card(path)


def test_a_checkpoint_whose_tensors_are_larger_than_its_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.pt"
    torch.save({"g_a.0.weight": torch.zeros(1).expand(100_000, 100_000)}, path)
    with pytest.raises(SnapshotError, match="larger than its data"):
        read_checkpoint(path)
    torch.save({"g_a.0.weight": torch.zeros(3).to_sparse()}, path)
    with pytest.raises(SnapshotError):
        read_checkpoint(path)


def test_no_file_at_all_ends_in_anything_but_a_sentence_as_a_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "zip.pt").write_bytes(b"PK\x03\x04" + bytes(100))
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    (tmp_path / "folder.pt").mkdir()
    for path in [*sorted(tmp_path.iterdir()), tmp_path / "absent.pt"]:
        with pytest.raises(SnapshotError) as found:
            read_checkpoint(path)
        assert "\n" not in str(found.value)


def torch_zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip such as torch reads, with these members and the pickle of an empty dict."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in {"a/data.pkl": b"\x80\2}.", "a/version": b"3\n", **members}.items():
            archive.writestr(name, content)
    return file.getvalue()


def overlapping() -> bytes:
    content = torch_zip({f"a/data/{number}": bytes(1000) for number in range(20)})
    at = content.index(b"PK\1\2")
    sizes = re.sub(
        rb"(PK\x01\x02.{16}).{8}", rb"\g<1>" + struct.pack("<II", 50_000, 50_000), content[at:], flags=re.DOTALL
    )
    return content[:at] + sizes


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x80\2" + b"]" * 20_000_000 + b".", "beside the tensors' values"),
        (b"\x80\2X" + struct.pack("<I", 10_000_000) + bytes(10_000_000) + b".", "beside the tensors' values"),
        (torch_zip({"a/data.pkl": b"\x80\2" + b"]" * 20_000_000 + b"."}), "beside the tensors' values"),
        (torch_zip({"a/data.pkl": b"\x80\2" + b"]" * 20_000_000 + b"."}, zipfile.ZIP_DEFLATED), "compressed"),
        (torch_zip({"a/data/0": bytes(100_000_000)}, zipfile.ZIP_DEFLATED), "compressed"),
        (overlapping(), "overlap"),
    ],
    ids=["opcodes", "a text", "opcodes in a zip", "compressed opcodes", "compressed values", "overlapping"],
)
def test_a_checkpoint_that_grows_when_it_is_read_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "odd.pt"
    path.write_bytes(content)
    started = time.thread_time()  # Another test's threads may still be at work in this process.
    with pytest.raises(SnapshotError, match=word):
        read_checkpoint(path)
    assert time.thread_time() - started < at_most(2)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_training_s_checkpoint_with_an_optimiser_and_large_tensors_is_read(tmp_path: Path, zipped: bool) -> None:
    tensors = {f"layer.{number}.weight": torch.full((300, 40), float(number)) for number in range(300)}
    content = {"state_dict": tensors, "epoch": 3, "optimizer": {"state": dict(enumerate(tensors.values()))}}
    torch.save(content, tmp_path / "a.pth.tar", _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(tmp_path / "a.pth.tar")
    assert found.keys() == tensors.keys() and all(bool((found[name] == tensors[name]).all()) for name in tensors)


def test_a_snapshot_that_does_not_fit_on_the_disk_is_a_sentence(artifacts: Path) -> None:
    path = save_random()
    card, tensors = random_model("mbt2018")
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(SnapshotError, match=r"tiny\.safetensors cannot be written: .*File too large"):
            save_snapshot(dataclasses.replace(card, id="tiny"), tensors)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert path.read_bytes() == before
    assert list_snapshots()[0].id == "tiny" and len(list(path.parent.iterdir())) == 1
