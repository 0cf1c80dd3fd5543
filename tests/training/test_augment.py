"""What a plan adds to training: augmented patches, pooled data, what is too small, dry runs, loggers of one's own."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.errors import PlanError
from synthcomp_core.images import resize, write_png
from synthcomp_core.library.snapshots import find_snapshot
from synthcomp_core.training.augment import Draw, apply, draw
from synthcomp_core.training.compression import new_model
from synthcomp_core.training.dry_run import SavedBytes, estimate_training
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.loader import PatchSampler, open_cache
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.training.runner import train_models
from tests.training.conftest import write_plan

ALL = ("downscale", "transpose", "channels", "gamma")


def crop(seed: int = 0, side: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_each_augmentation_does_what_its_name_says_and_nothing_else() -> None:
    patch = crop()
    np.testing.assert_array_equal(apply(patch, Draw(), 24), patch)
    np.testing.assert_array_equal(apply(patch, Draw(transpose=True), 24), patch.swapaxes(0, 1))
    np.testing.assert_array_equal(apply(patch, Draw(channels=(2, 0, 1)), 24), patch[..., [2, 0, 1]])
    np.testing.assert_array_equal(apply(patch, Draw(zoom=1.5), 16), resize(patch, (16, 16)))
    powered = np.round(255 * (patch / 255.0) ** 1.3)
    assert np.abs(apply(patch, Draw(gamma=1.3), 24) - powered).max() <= 1


def test_only_what_is_named_is_drawn_and_half_of_the_samples_are_changed() -> None:
    draws = [draw(("channels",), np.random.default_rng(seed)) for seed in range(400)]
    assert all((one.zoom, one.transpose, one.gamma) == (1.0, False, 1.0) for one in draws)
    changed = sum(one.channels != (0, 1, 2) for one in draws)
    assert 400 * 5 / 12 - 60 < changed < 400 * 5 / 12 + 60  # one order of six is the usual one
    both = [draw(ALL, np.random.default_rng(seed)) for seed in range(400)]
    assert [one.channels for one in both] == [one.channels for one in draws]
    assert all(1 <= one.zoom <= 2 and 1 / 1.4 <= one.gamma <= 1.4 for one in both)
    assert sum(one.zoom > 1 for one in both) > 150 and sum(one.transpose for one in both) > 150


def test_augmented_patches_depend_on_seed_and_step_alone_however_they_are_shared(tmp_path: Path) -> None:
    files = []
    for seed in range(3):
        files.append(tmp_path / f"{seed}.png")
        write_png(generated_image(seed, width=96, height=80), files[-1])
    cache = open_cache(files, tmp_path / "cache")
    sampler = PatchSampler(cache, 64, 4, 7, augment=ALL)
    whole = sampler.patches(5)
    assert whole.shape == (4, 64, 64, 3) and not np.array_equal(whole, sampler.patches(6))
    halves = [sampler.patches(5, rank=rank, world=2) for rank in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    plain = PatchSampler(cache, 64, 4, 7)
    np.testing.assert_array_equal(plain.patches(5), PatchSampler(cache, 64, 4, 7, augment=()).patches(5))


def write_images(folder: Path, count: int, side: int, offset: int = 0) -> None:
    for index in range(count):
        write_png(generated_image(offset + index, width=side, height=side), folder / f"{offset + index}.png")


def pooled_plan(tmp_path: Path, model: str = "") -> Path:
    """Two folders, of which one has an image smaller than the patch."""
    write_images(tmp_path / "games", 3, 96)
    write_images(tmp_path / "games", 1, 40, offset=9)
    write_images(tmp_path / "photos", 2, 80, offset=20)
    text = write_plan(tmp_path, steps=4).read_text()
    start, end = text.index("[data.pictures]"), text.index("[[model]]")
    data = "".join(
        f'[data.{name}]\nfolder = "{name}"\nvalidation = ["{held}"]\ntrained_on = "{name}"\n'
        for name, held in (("games", "0.png"), ("photos", "20.png"))
    )
    path = tmp_path / "pooled.toml"
    text = text[:start] + data + text[end:]
    path.write_text(text.replace('data = "pictures"', 'data = ["games", "photos"]') + model)
    return path


def test_pooled_data_is_trained_on_together_and_small_images_are_skipped_and_counted(
    tmp_path: Path, artifacts: Path
) -> None:
    plan = read_training_plan(pooled_plan(tmp_path, 'augment = ["channels", "downscale"]\n'))
    images = plan.images(plan.models[0])
    assert sorted(path.name for path in images.train) == ["1.png", "2.png", "21.png"]
    assert sorted(path.name for path in images.valid) == ["0.png", "20.png"]
    assert images.skipped == 1
    train_models(plan)
    card = find_snapshot("tiny-codec")
    assert card.trained_on == "games + photos"
    assert card.notes and "3 training and 2 validation images, 1 smaller than the patch skipped" in card.notes
    assert "augmented by channels, downscale" in card.notes


def test_wrong_names_of_data_and_augmentations_are_named(tmp_path: Path, artifacts: Path) -> None:
    path = pooled_plan(tmp_path)
    path.write_text(path.read_text().replace('["games", "photos"]', '["games", "films"]'))
    with pytest.raises(PlanError, match=r'`model\[1\]\.data` is "films"; expected one of games, photos'):
        read_training_plan(path)
    path = pooled_plan(tmp_path, 'augment = ["mirror"]\n')
    with pytest.raises(PlanError, match=r"augment"):
        read_training_plan(path)
    path = pooled_plan(tmp_path, "")
    path.write_text(path.read_text().replace("patch = 64", "patch = 128"))
    with pytest.raises(PlanError, match=r"has no training image of at least 128x128, the `patch` of tiny-codec"):
        read_training_plan(path)


def test_a_dry_run_counts_times_a_step_and_leaves_nothing(tmp_path: Path, artifacts: Path) -> None:
    path = pooled_plan(tmp_path)
    (one,) = estimate_training(read_training_plan(path))
    assert (one.id, one.train, one.valid, one.skipped, one.steps) == ("tiny-codec", 3, 2, 1, 4)
    assert one.step_s > 0 and one.hours == pytest.approx(4 * one.step_s / 3600)
    path.write_text(path.read_text() + "entropy_steps = 3\n")
    (entropy_first,) = estimate_training(read_training_plan(path))
    assert entropy_first.memory_bytes == one.memory_bytes, "the steps of the entropy model alone take much less"
    weights = 5 * 4 * sum(parameter.numel() for parameter in new_model("mbt2018", 8, 12).parameters())
    assert one.memory_bytes > weights + 4 * (4 * 8 * 32 * 32 * 4), "more than the first layer's output of each sample"
    finished = CliRunner().invoke(app, ["train", str(path), "--dry-run"])
    assert finished.exit_code == 0 and "hours in all" in finished.output
    assert not (artifacts / "runs").exists() and not (artifacts / "snapshots").exists()


def test_activations_that_follow_a_freed_one_at_its_address_are_counted_too() -> None:
    saved = SavedBytes()
    for _ in range(20):
        saved.pack(torch.zeros(1000))  # Freed at once: the next may lie where it lay.
    whole = torch.zeros(1000)
    saved.pack(whole[:500])
    saved.pack(whole[500:])
    saved.pack(torch.nn.Parameter(torch.zeros(1000)))
    assert saved.num_bytes == 21 * 4000, "each storage once, in whole, and no parameters"


def test_each_model_has_a_run_of_its_own_at_weights_and_biases(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict[str, Any]] = []
    logged: list[tuple[str, dict[str, float], int]] = []
    ended: list[str] = []

    class Run:
        def __init__(self, name: str) -> None:
            self.name = name

        def log(self, values: dict[str, float], step: int) -> None:
            logged.append((self.name, values, step))

        def finish(self) -> None:
            ended.append(self.name)

    def init(**settings: Any) -> Run:
        begun.append(settings)
        return Run(settings["name"])

    wandb = types.ModuleType("wandb")
    wandb.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    path = write_plan(tmp_path, steps=4)
    text = path.read_text().replace("[device]", '[device]\nlogger = "wandb"\nproject = "thesis"')
    second = text[text.index("[[model]]") :].replace("tiny-codec", "other-codec")
    path.write_text(text + second)
    train_models(read_training_plan(path))
    assert [(one["project"], one["name"], one["id"]) for one in begun] == [
        ("thesis", "tiny-codec", "tiny-tiny-codec"),
        ("thesis", "other-codec", "tiny-other-codec"),
    ]
    assert begun[0]["config"]["steps"] == 4 and "[[model]]" in begun[0]["config"]["plan"]
    assert ended == ["tiny-codec", "other-codec"]
    assert {name for name, _, _ in logged} == {"tiny-codec", "other-codec"}
    assert any("validation/psnr" in values and step == 4 for _, values, step in logged)
