"""Texts at their doors: results, plans, patterns, ids, journals, cards, states, links."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synthcomp_core.batch.journal import JOURNAL, read_journal
from synthcomp_core.batch.plan import expand_braces, parse_run_plan
from synthcomp_core.batch.status import list_runs, run_command, run_environment, run_failures, run_plan, run_words
from synthcomp_core.codecs import CodecId
from synthcomp_core.library.datasets import survey_datasets
from synthcomp_core.library.run_record import RUN_JSON, STATE
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.formats.pasted import parse_pasted
from synthcomp_core.results.rows import ResultRow, rows_to_csv
from synthcomp_core.results.table import table_rows, table_to_csv
from synthcomp_core.training.folder import LOG, read_log
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.ui import query
from synthcomp_core.variants import Variant
from tests.batch.test_journal import LINE
from tests.conftest import PROJECT_ROOT
from tests.fuzz.doors import TEXT_DOORS, altered, damaged, found, fuzzed, guarded, json_values, kept_doors
from tests.results.test_hostile_results import CODEC_COMPARE, COMPRESSAI, ROW

RESULTS = PROJECT_ROOT / "artifacts" / "results"
ROWS = [ROW, ResultRow("d", "j.png", 10, 10, "none", psnr_rgb=float("inf"), error='a "quoted", text')]
THESIS = (
    b"model;quality;metric;supersampled;bpp;psnr_rgb;psnr_y;ssim_rgb;ssim_y;msssim\n"
    b"mbt2018;4;mse;FALSE;0.3;30.1;32;0.9;0.91;0.97\n"
)
pytestmark = pytest.mark.slow
TABLES = [rows_to_csv(ROWS).encode(), THESIS, b"bpp,psnr\n0.1,30\n0.2,32\n", b"# bpp psnr\n0.1 30\n0.2 32\n"]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("fuzz")
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(path / "artifacts"))
    return path


def try_results(content: bytes) -> None:
    with guarded("results", content):
        loaded = load_results(content, name="odd")
        table_to_csv(loaded.table)
        table_rows(loaded.table)


@given(damaged(TABLES))
@fuzzed(300)
def test_tables(content: bytes) -> None:
    try_results(content)


@given(
    st.sampled_from(TABLES), st.integers(0, 400), st.text(max_size=20) | st.floats().map(str) | st.integers().map(str)
)
@fuzzed(200)
def test_tables_with_any_text_anywhere(content: bytes, at: int, text: str) -> None:
    at %= len(content)
    try_results(content[:at] + text.encode("utf-8", "surrogatepass") + content[at:])


@given(altered(COMPRESSAI) | altered(CODEC_COMPARE) | json_values())
@fuzzed(400)
def test_json_results(document: object) -> None:
    try_results(json.dumps(document).encode())


@given(st.text(max_size=100), st.sampled_from(["psnr_rgb", "msssim_rgb", "flip", "nonsense"]))
@fuzzed(150)
def test_pasted_curves(text: str, metric: str) -> None:
    try_pasted(text, metric)


def try_pasted(text: str, metric: str = "psnr_rgb") -> None:
    with guarded("pasted", text.encode("utf-8", "surrogatepass")):
        parse_pasted(text, metric=metric, curve=text[:10], dataset=text[:5])


RUN_PLAN = b"""name = "run"
variants = ["webp-q{10..30..10}", "none@x2-bicubic"]
metrics = ["psnr_rgb"]
keep = "none"
max_megapixels = 20.5
[[datasets]]
folder = "."
images = ["*.png"]
limit = 3
[slurm]
time = "08:00:00"
memory = "16GB"
cores = 4
"""
TRAINING_PLAN = b"""name = "train"
[data.d]
generated = 3
[defaults]
steps = 5
[[model]]
id = "m"
data = "d"
quality = 4
lr = 1e-4
seed = 3
[device]
threads = 1
"""


@given(damaged([RUN_PLAN]))
@fuzzed(250)
def test_run_plans(content: bytes) -> None:
    try_run_plan(content)


def try_run_plan(content: bytes) -> None:
    with guarded("plans", content):
        parse_run_plan(content.decode("utf-8", "replace"), Path("plan.toml"))


@given(content=damaged([TRAINING_PLAN]))
@fuzzed(150)
def test_training_plans(folder: Path, content: bytes) -> None:
    try_training_plan(folder, content)


def try_training_plan(folder: Path, content: bytes) -> None:
    path = folder / "plan.toml"
    path.write_bytes(content)
    with guarded("plans", content):
        read_training_plan(path)


TOML_VALUES = (
    st.sampled_from(
        ["nan", "inf", "-inf", "1e999", "0", "-1", "true", "[]", "{}", '""', '"../x"', '"a\\u0000b"', "[[1]]"]
    )
    | st.integers().map(str)
    | st.floats().map(str)
    | st.text(max_size=20).map(json.dumps)
    | st.lists(st.text(max_size=8), max_size=3).map(json.dumps)
)


@given(data=st.data())
@fuzzed(250)
def test_plans_with_any_value(folder: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([RUN_PLAN, TRAINING_PLAN])).decode()
    lines = text.splitlines()
    at = data.draw(st.sampled_from([index for index, line in enumerate(lines) if "=" in line]))
    lines[at] = f"{lines[at].split('=')[0]}= {data.draw(TOML_VALUES)}"
    content = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    if "[[model]]" in text:
        try_training_plan(folder, content)
    else:
        try_run_plan(content)


@given(st.text("{},.0123456789-ab\\$", max_size=60))
@example("{1..100}x{1..100}")
@example("{1..99999999999999999999999}")
@fuzzed(300)
def test_braces(pattern: str) -> None:
    try_braces(pattern)


def try_braces(pattern: str) -> None:
    with guarded("braces", pattern.encode()):
        assert len(expand_braces(pattern)) <= 10_000


IDS = [
    *("webp-q80", "none@x2-fsr1_s0.2", "mbt2018-q4-mse-games@x1.5-rcan"),
    *("jpeg-q75+444", "webp-psnr35", "files:x@x2-rcan"),
]


@given(st.sampled_from(IDS), st.integers(0, 40), st.text(max_size=12) | st.integers().map(str), st.integers(0, 5))
@example("mbt2018-q4-mse-games@x1.5-rcan", 24, "00000", 0)
@fuzzed(300)
def test_ids(text: str, at: int, inserted: str, removed: int) -> None:
    try_id(text[:at] + inserted + text[at + removed :])


def try_id(tried: str) -> None:
    with guarded("ids", tried.encode("utf-8", "surrogatepass")):
        assert Variant.parse(str(Variant.parse(tried))) == Variant.parse(tried)
    with guarded("ids", tried.encode("utf-8", "surrogatepass")):
        CodecId.parse(tried)


@given(lines=st.lists(altered(LINE) | json_values(), max_size=3))
@fuzzed(250)
def test_journals(folder: Path, lines: list[object]) -> None:
    try_journal(folder, "".join(json.dumps(line) + "\n" for line in lines).encode())


def try_journal(folder: Path, content: bytes) -> None:
    (folder / JOURNAL).write_bytes(content)
    with guarded("journals", content):
        for entry in read_journal(folder / JOURNAL).values():
            kept = [entry.kept_rendering, entry.kept_bitstream]
            assert all(path is None or path.resolve().is_relative_to(folder.resolve()) for path in kept)
            rows_to_csv([entry.row])


@given(content=damaged([json.dumps(LINE).encode() + b"\n"]))
@fuzzed(150)
def test_damaged_journals(folder: Path, content: bytes) -> None:
    try_journal(folder, content)


CARD = {"name": "d", "source": "s", "licence": "l", "images": 3, "splits": [["train", 2], ["test", 1]], "notes": ""}
RUN_STATE = {"kind": "batch run", "state": "running", "total": 5, "done": 1, "started": 1.0, "pid": 1, "host": "h"}
RECORD = {
    "kind": "batch run",
    "command": "run x",
    "machine": {"host": "h"},
    "versions": {"python": "3"},
    "snapshots": {},
}


@given(card=altered(CARD) | json_values())
@fuzzed(150)
def test_data_set_cards(folder: Path, card: object) -> None:
    try_card(folder, json.dumps(card).encode())


def try_card(folder: Path, content: bytes) -> None:
    path = folder / "artifacts" / "data" / "odd" / "card.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with guarded("cards", content):
        found_sets = survey_datasets()
        assert len(found_sets.cards) + len(found_sets.problems) == 1
        assert all(one.name == "odd" for one in found_sets.cards)


@given(state=altered(RUN_STATE) | json_values(), record=altered(RECORD) | json_values())
@fuzzed(200)
def test_run_states(folder: Path, state: object, record: object) -> None:
    try_state(folder, json.dumps(state).encode() + b"\n" + json.dumps(record).encode())


def try_state(folder: Path, content: bytes) -> None:
    """content: a run's state in the first line, its record in the second."""
    run = folder / "artifacts" / "runs" / "odd"
    run.mkdir(parents=True, exist_ok=True)
    for name, line in zip((STATE, RUN_JSON), content.split(b"\n"), strict=True):
        (run / name).write_bytes(line)
    with guarded("states", content):
        list_runs()
        run_command(run), run_words(run), run_environment(run), run_plan(run), run_failures(run)


LOG_TEXT = b"step,phase,name,value,lr\n50,train,loss,1.5,0.1\n50,validation,psnr,30,0.1\n"


@given(content=damaged([LOG_TEXT]))
@fuzzed(100)
def test_training_logs(folder: Path, content: bytes) -> None:
    try_log(folder, content)


def try_log(folder: Path, content: bytes) -> None:
    (folder / LOG).write_bytes(content)
    with guarded("logs", content):
        read_log(folder)


@given(st.lists(st.text(max_size=30) | st.integers().map(str) | st.floats().map(str) | st.just("9" * 400), min_size=1))
@fuzzed(200)
def test_numbers_in_links(asked: list[str]) -> None:
    try_numbers(asked)


def try_numbers(asked: list[str]) -> None:
    with guarded("links", "&".join(asked).encode("utf-8", "surrogatepass")):
        value = query._parsed(asked)
        assert value is None or abs(value) < float("inf")


def test_texts_that_once_broke_the_rule_keep_it(folder: Path) -> None:
    def text(content: bytes) -> str:
        return content.decode("utf-8", "surrogatepass")

    doors: dict[str, Callable[[bytes], object]] = {
        "pasted": lambda content: try_pasted(text(content)),
        "plans": lambda content: (try_run_plan(content), try_training_plan(folder, content)),
        "braces": lambda content: try_braces(text(content)),
        "ids": lambda content: try_id(text(content)),
        "journals": lambda content: try_journal(folder, content),
        "cards": lambda content: try_card(folder, content),
        "states": lambda content: try_state(folder, content),
        "logs": lambda content: try_log(folder, content),
        "links": lambda content: try_numbers(text(content).split("&")),
    }
    assert set(doors) == set(TEXT_DOORS)
    for door in kept_doors(TEXT_DOORS):
        for content in found(door):
            doors[door](content)
