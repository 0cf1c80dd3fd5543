"""Names that become paths: whatever a card, list, link or address says, nothing is written or read outside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.batch.plan import parse_run_plan
from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.library.datasets import fetch, has_data_set, read_data_set_card, split, split_files, survey_datasets
from synthcomp_core.library.run_record import RUN_JSON, STATE, read_facts, read_state
from synthcomp_core.training.plan import read_training_plan

BAD_NAMES = [
    "x/../../../escaped",
    "../x",
    "/etc",
    "..",
    ".",
    ".hidden",
    "a/b",
    "a\\b",
    "a b",
    "",
    "x\n",
    "é" * 90,
    "a" * 81,
    "x\0y",
]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for index in range(10):
        write_png(np.full((8, 8, 3), index, np.uint8), tmp_path / "frames" / f"{index}.png")
    return tmp_path / "frames"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_plan_names_a_run_or_training_outside_of_the_runs_folder(tmp_path: Path, frames: Path, name: str) -> None:
    path = tmp_path / "plan.toml"
    text = f'name = {json.dumps(name)}\nvariants = ["webp-q50"]\n[[datasets]]\nfolder = "frames"\n'
    with pytest.raises(PlanError):
        parse_run_plan(text, path)
    path.write_text(
        f'name = {json.dumps(name)}\n[data.d]\ngenerated = 3\n[[model]]\nid = "m"\ndata = "d"\nsteps = 1\nquality = 4\n'
    )
    with pytest.raises(PlanError):
        read_training_plan(path)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_card_of_any_name_writes_into_its_own_folder(artifacts: Path, frames: Path, name: str) -> None:
    fetch(str(frames), name="mine")
    path = artifacts / "data" / "mine" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "name": name}))
    before = {file for file in artifacts.parent.rglob("*") if "mine" not in file.parts}
    assert split("mine").name == "mine"
    assert {file for file in artifacts.parent.rglob("*") if "mine" not in file.parts} == before
    for part in ("data", "runs"):
        with pytest.raises(SynthcompError):
            has_data_set(name if part == "data" else f"{part}/{name}")


CARDS = [
    *("[]", "null", "5", '"x"', "{}", "[" * 100_000, "{", "\\ud800", '{"name": 5}', "1" * 5000),
    '{"name": "a", "source": "s", "licence": "l", "images": -1}',
    '{"name": "a", "source": "s", "licence": "l", "images": 3, "splits": 7}',
    '{"name": "a", "source": "s", "licence": "l", "images": 3, "splits": [[1, 2, 3]]}',
    '{"name": "a", "source": ["s"], "licence": {}, "images": "3"}',
]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card[:40])
def test_one_bad_card_of_a_data_set_costs_one_sentence_and_leaves_the_others(
    artifacts: Path, frames: Path, card: str
) -> None:
    fetch(str(frames), name="good")
    (artifacts / "data" / "bad").mkdir()
    (artifacts / "data" / "bad" / "card.json").write_text(card)
    found = survey_datasets()
    assert [sound.name for sound in found.cards] == ["good"]
    (problem,) = found.problems
    assert "bad/card.json" in problem and "\n" not in problem and len(problem) < 500
    with pytest.raises(SynthcompError):
        read_data_set_card("bad")


def test_links_that_lead_out_of_a_folder_are_not_followed(artifacts: Path, frames: Path, tmp_path: Path) -> None:
    write_png(np.zeros((8, 8, 3), np.uint8), tmp_path / "secret.png")
    (frames / "out.png").symlink_to(tmp_path / "secret.png")
    (frames / "within.png").symlink_to(frames / "0.png")
    (frames / "loop.png").symlink_to("loop.png")
    os.mkfifo(frames / "pipe.png")
    card = fetch(str(frames), name="mine")
    images = artifacts / "data" / "mine" / "images"
    assert card.images == 11 and not (images / "out.png").exists() and (images / "within.png").is_file()
    assert card.left_out == "1 link out of the folder"


@pytest.mark.parametrize("line", ["../../../secret.png", "/etc/passwd", "a/../../x.png", "x\0.png", "absent.png"])
def test_a_split_list_names_nothing_outside_of_its_data_set(artifacts: Path, frames: Path, line: str) -> None:
    fetch(str(frames), name="mine")
    split("mine")
    assert split_files("mine", "train")
    (artifacts / "data" / "mine" / "splits" / "train.txt").write_text(f"{line}\n")
    with pytest.raises(SynthcompError):
        split_files("mine", "train")
    with pytest.raises(SynthcompError):
        split_files("mine", "../../x")


STATES = [
    *("[]", "null", "5", '"x"', "{}", "[" * 100_000, '{"state": "running"}', "NaN"),
    '{"kind": "batch run", "state": "running", "total": "x", "done": 1, "started": 1}',
    '{"kind": "batch run", "state": "running", "total": 5, "done": 1, "started": NaN}',
    '{"kind": "batch run", "state": "running", "total": 5, "done": 1, "started": 1, "pid": 1e400}',
    '{"kind": "batch run", "state": "running", "total": 5, "done": 1, "started": 1, "pid": -1}',
    '{"kind": "batch run", "state": "running", "total": 5, "done": 1, "started": 1, "eta_s": Infinity}',
    '{"kind": "party", "state": "running", "total": 5, "done": 1, "started": 1}',
    '{"kind": "batch run", "state": ["running"], "total": 5, "done": 1, "started": 1}',
]


@pytest.mark.parametrize("text", STATES, ids=lambda text: text[:90])
def test_a_state_of_other_types_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_text(text)
    (tmp_path / RUN_JSON).write_text(text)
    assert read_state(tmp_path) is None
    assert isinstance(read_facts(tmp_path / RUN_JSON), dict)
