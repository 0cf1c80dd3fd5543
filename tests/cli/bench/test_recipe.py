"""The verb `bench recipe`: on the CPU whatever the plan names, and one recipe that fails costs no other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthcomp_core.cli import main
from synthcomp_core.cli.bench import recipe
from synthcomp_core.cli.bench.recipe import CANDIDATES, Candidate, RecipePoint, compare
from synthcomp_core.errors import SynthcompError
from synthcomp_core.training.plan import ModelPlan, TrainingPlan, read_training_plan
from tests.training.conftest import write_plan


def plan_with(folder: Path, *changes: tuple[str, str]) -> Path:
    path = write_plan(folder)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def plan_that_starts(folder: Path, *changes: tuple[str, str]) -> Path:
    """A plan whose model starts from a file: without one there is nothing that a gain could rescale."""
    (folder / "start.pth").touch()
    return plan_with(folder, ("quality = 4", 'quality = 4\ninit = "start.pth"'), *changes)


def test_all_train_on_the_cpu_and_warm_up_for_a_step_at_least(tmp_path: Path, artifacts: Path) -> None:
    path = plan_with(tmp_path, ('"cpu"', '"cuda"'), ("warmup = 4", "warmup = 0"))
    candidates = (Candidate("entropy model", (("entropy_steps", 10**9),)),)
    compared = compare(read_training_plan(path), "tiny-codec", seconds=1e-6, candidates=candidates)
    assert [(point.recipe, point.steps) for point in compared.points] == [("entropy model", step) for step in (0, 1, 2)]
    assert compared.left_out == ()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[ModelPlan]:
    """What was trained, without training; a recipe with gain fails after its first point."""
    models: list[ModelPlan] = []

    def measure(plan: TrainingPlan, model: ModelPlan, name: str, *_: Any) -> Iterator[RecipePoint]:
        models.append(model)
        yield RecipePoint(name, 0.0, 0, 2.0, 1.0, 30.0)
        if model.gain:
            raise SynthcompError(f"{name}: the loss is nan; lower `lr`.")
        yield RecipePoint(name, 1.0, 9, 1.0, 0.5, 32.0)

    monkeypatch.setattr(recipe, "_measure", measure)
    return models


def test_a_recipe_that_fails_costs_no_other(
    tmp_path: Path, artifacts: Path, measured: list[ModelPlan], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "points.csv"
    assert main(["bench", "recipe", str(plan_that_starts(tmp_path)), "tiny-codec", "--csv", str(out)]) == 0
    with out.open() as file:
        points = [row["recipe"] for row in csv.DictReader(file)]
    assert len(measured) == len(CANDIDATES)
    assert points.count("random weights") == points.count("KLT, all parts") == 2 and points.count("noise + gain") == 1
    assert "noise + gain: failed. noise + gain: the loss is nan" in capsys.readouterr().out
    assert out.with_suffix(".png").is_file()


def test_what_a_plan_may_not_ask_for_is_left_out(tmp_path: Path, artifacts: Path, measured: list[ModelPlan]) -> None:
    plan = read_training_plan(
        plan_that_starts(tmp_path, ("quality = 4", 'quality = 4\ndistortion = "ms-ssim"'), ("64", "192"))
    )
    compared = compare(plan, "tiny-codec")
    assert all(model.init != "klt" for model in measured) and len(measured) == len(CANDIDATES) - 2
    assert compared.left_out[-2:] == tuple(
        f'{name}: left out, since `init` is "klt", whose step size is known for `distortion` mse only.'
        for name in ("KLT, all parts", "KLT, entropy model")
    )
    with pytest.raises(
        SynthcompError, match=r"None of the 2 recipes could be trained; the first is KLT, all parts: left"
    ):
        compare(plan, "tiny-codec", candidates=CANDIDATES[-2:])


def test_the_points_so_far_are_written_when_a_recipe_is_stopped(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(plan: TrainingPlan, model: ModelPlan, name: str, *rest: Any) -> Iterator[RecipePoint]:
        yield RecipePoint(name, 0.0, 0, 2.0, 1.0, 30.0)
        if name == CANDIDATES[1].name:
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "_measure", stopped)
    out = tmp_path / "points.csv"
    assert main(["bench", "recipe", str(plan_that_starts(tmp_path)), "tiny-codec", "--csv", str(out)]) == 130
    with out.open(newline="") as file:
        assert [row["recipe"] for row in csv.DictReader(file)] == [one.name for one in CANDIDATES[:2]]
