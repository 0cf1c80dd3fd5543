"""The plans that ship: each is read from a clone, or says in one sentence which data to fetch, and how."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from synthcomp_core.batch.plan import Plan, read_run_plan
from synthcomp_core.batch.tasks import dataset_images
from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.library import datasets
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.plan import TrainingPlan, read_training_plan
from tests.conftest import PROJECT_ROOT

PLANS = sorted((PROJECT_ROOT / "artifacts" / "plans").glob("*.toml"))
BRING_GAMES = "`data fetch FOLDER --name games`"
# What a plan needs beside the clone: the key, and the command that gets it.
NEEDS = {
    "compact": ("data.games.dataset", BRING_GAMES),
    "compact-evaluation": ("datasets[1].dataset", BRING_GAMES),
    "recipes": ("data.games.dataset", BRING_GAMES),
    "thesis": ("data.games.dataset", "`data fetch gta-plus`"),
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The artifacts of a fresh clone: plans, samples and snapshots, but neither data sets nor runs."""
    for name in ("plans", "samples", "snapshots"):
        (tmp_path / name).symlink_to(PROJECT_ROOT / "artifacts" / name)
    monkeypatch.setenv("SYNTHCOMP_ARTIFACTS", str(tmp_path))
    return tmp_path


def read(path: Path) -> Plan | TrainingPlan:
    return read_training_plan(path) if "model" in tomllib.loads(path.read_text()) else read_run_plan(path)


def bring(clone: Path, name: str, images: dict[str, int]) -> None:
    """A data set of generated images: numbers of images by the beginning of their names, folders included."""
    seed = 0
    for beginning, count in images.items():
        for _ in range(count):
            seed += 1
            write_png(generated_image(seed, width=200, height=192), clone / "own" / name / f"{beginning}{seed:02d}.png")
    datasets.fetch(str(clone / "own" / name), name=name)


@pytest.mark.parametrize("name", [path.stem for path in PLANS])
def test_a_bundled_plan_is_read_from_a_clone_or_says_what_to_fetch(clone: Path, name: str) -> None:
    path = clone / "plans" / f"{name}.toml"
    if name not in NEEDS:
        assert read(path).name == name
        return
    with pytest.raises(PlanError) as caught:
        read(path)
    key, command = NEEDS[name]
    message = str(caught.value)
    assert message.startswith(f"{path}: `{key}` is ")
    assert f"a data set that is not available yet; run {command}" in message
    assert message.endswith(".") and ". " not in message and "\n" not in message  # One sentence.


def test_no_bundled_plan_points_outside_of_the_project() -> None:
    assert {path.stem for path in PLANS} >= {*NEEDS, "smoke", "bundled"}
    for path in PLANS:
        assert "../.." not in path.read_text(), path.name


def test_with_its_data_the_compact_plan_names_all_fourteen_snapshots(clone: Path) -> None:
    bring(clone, "games", {"train/stk_": 3, "train/redeclipse_wet_": 1, "test/": 1})
    bring(clone, "photos", {"train/": 3, "train/popos_ng": 1})
    bring(clone, "pooled", {"train/": 3, "train/popos_ng": 1, "train/redeclipse_wet_": 1})
    plan = read(clone / "plans" / "compact.toml")
    assert isinstance(plan, TrainingPlan)
    codecs = {f"mbt2018-q{q}-{d}-{t}" for q in (4, 6, 8) for d in ("mse", "msssim") for t in ("games", "photos")}
    assert {model.id for model in plan.models if model.ship} == codecs | {"rcan-x2-games", "rcan-x2-games-coded"}
    train, held = plan.split("games")
    assert (len(train), [path.name[:14] for path in held]) == (3, ["redeclipse_wet"])
    recipes = read(clone / "plans" / "recipes.toml")
    assert isinstance(recipes, TrainingPlan)
    assert recipes.split("games") == (train, held)


def test_with_its_data_the_evaluation_takes_the_test_frames_and_all_of_kodak(clone: Path) -> None:
    bring(clone, "games", {"train/": 1, "test/": 2})
    bring(clone, "kodak", {"kodim": 3})
    plan = read(clone / "plans" / "compact-evaluation.toml")
    assert isinstance(plan, Plan)
    assert len(plan.variants) == 50
    assert [(dataset.name, len(dataset_images(dataset))) for dataset in plan.datasets] == [("games", 2), ("kodak", 3)]


def test_with_its_data_the_thesis_s_plan_trains_on_the_train_splits(clone: Path) -> None:
    for name in ("gta-plus", "clic2020"):
        bring(clone, name, {"train/": 3, "valid/": 1})
    with pytest.raises(PlanError, match=r"has no training image of at least 512x512, the `patch` of"):
        read(clone / "plans" / "thesis.toml")
