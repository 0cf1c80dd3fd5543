"""A training that is run again by another plan, or after a crash: foreign numbers never judge its best weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.training.checkpoint import load_checkpoint, save_checkpoint
from synthcomp_core.training.compression import CompressionTraining, new_model
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.identity import identity
from synthcomp_core.training.loader import open_cache
from synthcomp_core.training.loop import Trainer
from synthcomp_core.training.plan import ModelPlan, read_training_plan
from synthcomp_core.training.runner import launch, make_training, train_models
from tests.training.conftest import write_plan

Begin = Callable[..., Trainer]


@pytest.fixture
def begin(tmp_path: Path, artifacts: Path) -> Begin:
    """Opens the training of the tiny plan, in which texts may be replaced."""

    def opened(*changes: tuple[str, str], steps: int = 20) -> Trainer:
        path = write_plan(tmp_path, steps=steps, checkpoint_every=4)
        text = path.read_text().replace("validate_every = 10", "validate_every = 2")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        plan = read_training_plan(path)
        (tmp_path / "run").mkdir(exist_ok=True)
        (model,) = plan.models
        about = identity(model, plan.data)
        return Trainer(make_training(plan, model), tmp_path / "run", launch(plan.device), identity=about)

    return opened


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("quality = 4", "quality = 8"), "lmbda (0.013, now 0.18)"),
        (("N = 8", "N = 16"), "N (8, now 16)"),
        (("quality = 4", 'quality = 4\ninit = "klt"'), "init (none, now klt)"),
        (("generated = 5", "generated = 6"), "sources (5 generated, now 6 generated)"),
    ],
)
def test_another_network_start_objective_or_data_is_refused(begin: Begin, change: tuple[str, str], words: str) -> None:
    begun = begin()
    begun.run(until=lambda: begun.step == 4)
    with pytest.raises(PlanError) as found:
        begin(change)
    assert words in str(found.value) and "set it back" in str(found.value)


def test_rates_and_steps_may_change(begin: Begin) -> None:
    begun = begin()
    begun.run(until=lambda: begun.step == 4)
    renamed = (("[data.pictures]", "[data.others]"), ('data = "pictures"', 'data = "others"'))
    resumed = begin(("lr = 1e-3", "lr = 1e-4\nlr_quantiles = 0.5"), *renamed, steps=6)
    assert resumed.auxiliary is not None and resumed.auxiliary.param_groups[0]["lr"] == 0.5
    assert resumed.step == 4 and resumed.run().steps == 6


def test_other_held_out_images_are_judged_anew(begin: Begin) -> None:
    begun = begin()
    begun.run(until=lambda: begun.step == 4)
    begun.best = type(begun.best)(0.0, 99.0)  # Unbeatable, by the images it was judged by.
    begun.save()
    assert begin().best.loss == 0.0
    resumed = begin(("validation_crops = 1", "validation_crops = 2"), steps=6)
    assert math.isinf(resumed.best.loss)
    trained = resumed.run()
    assert 0 < trained.validation.loss < math.inf and trained.validation.psnr < 99


def test_the_best_weights_are_never_younger_than_the_checkpoint(begin: Begin, tmp_path: Path) -> None:
    best, last = tmp_path / "run" / "best.pt", tmp_path / "run" / "last.pt"
    begun = begin()
    begun.run(until=lambda: begun.step == 7)  # It has validated at steps 2, 4 and 6, and saved at 4.
    assert load_checkpoint(last)["step"] == 4 and load_checkpoint(best)["step"] <= 4
    # A crash between the two files; as if the weights of step 6 had been written, and the checkpoint not.
    save_checkpoint(best, {**load_checkpoint(best), "step": 6})
    resumed = begin()
    assert math.isinf(resumed.best.loss)
    resumed.run(until=lambda: resumed.step == 5)
    assert resumed.best_state is not None and resumed.best.loss < math.inf
    best.unlink()
    assert math.isinf(begin().best.loss), "numbers without their weights"


def test_a_finished_training_of_another_plan_says_so(tmp_path: Path, artifacts: Path) -> None:
    path = write_plan(tmp_path, steps=2)
    train_models(read_training_plan(path))
    (again,) = train_models(read_training_plan(path))
    assert (again.status, again.note) == ("skipped", None)
    path.write_text(path.read_text().replace("quality = 4", "quality = 8"))
    finished = CliRunner().invoke(app, ["train", str(path)])
    said = " ".join(finished.output.split())
    assert finished.exit_code == 0 and "was trained by another plan: lmbda (0.013, now 0.18); remove " in said
    path.write_text(path.read_text().replace("quality = 8", "quality = 4").replace("steps = 2", "steps = 3"))
    (again,) = train_models(read_training_plan(path))
    assert again.note is not None and "steps (2, now 3)" in again.note


def test_training_images_smaller_than_the_validation_crops_serve(tmp_path: Path) -> None:
    for name, side in (("small.png", 100), ("large.png", 400)):
        write_png(generated_image(1, width=side, height=side), tmp_path / name)
    model = ModelPlan("a", ("d",), 10, N=8, M=12, quality=4, patch=64, batch=2, gain=True, init="b")
    small, large = (open_cache([tmp_path / name], tmp_path / "cache") for name in ("small.png", "large.png"))
    training = CompressionTraining(model, small, large)
    assert training.crops.shape[1] == 256
    _, origin = training.build(new_model("mbt2018", 8, 12).state_dict())
    assert "latents times" in origin


def test_transforms_join_at_once_without_a_warm_up(tmp_path: Path) -> None:
    write_png(generated_image(1)[:128, :128], tmp_path / "one.png")
    cache = open_cache([tmp_path / "one.png"], tmp_path / "cache")
    model = ModelPlan("a", ("d",), 10, N=8, M=12, quality=4, patch=64, batch=2, entropy_steps=2, warmup=0)
    training = CompressionTraining(model, cache, cache)
    assert [training.factors(step)[1] for step in range(4)] == [0, 0, 1, 1]
