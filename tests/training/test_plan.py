"""Training plans: what is read, and for each mistake one sentence naming file and key, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.library import datasets
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.plan import ModelPlan, read_training_plan

GOOD = """
[data.frames]
folder = "frames"
validation = ["1.png"]

[[model]]
id = "a-codec"
data = "frames"
quality = 4
steps = 10
patch = 64
"""


@pytest.fixture
def plan(tmp_path: Path, artifacts: Path) -> Path:
    for number in range(3):
        write_png(generated_image(number), tmp_path / "frames" / f"{number}.png")
    path = tmp_path / "plan.toml"
    path.write_text(GOOD)
    return path


def test_a_good_plan_is_read_with_its_defaults(plan: Path) -> None:
    checked = read_training_plan(plan)
    assert checked.models[0].lambda_value == 0.013
    train, held = checked.split("frames")
    assert [path.name for path in train] == ["0.png", "2.png"]
    assert [path.name for path in held] == ["1.png"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps = 10", "stepps = 10", ["model[1].stepps", "steps"]),
        ("steps = 10", "", ["model[1].steps", "missing"]),
        ("steps = 10", "steps = 0", ["model[1].steps", "is 0", "at least 1"]),
        ("steps = 10", 'steps = "ten"', ["model[1].steps", "whole number"]),
        ("steps = 10", "steps = 1.5", ["model[1].steps", "whole number"]),
        ("steps = 10", "steps = true", ["model[1].steps", "whole number"]),
        ("quality = 4", "quality = 9", ["model[1].quality", "1 to 8"]),
        ("quality = 4", "quality = 4\ngain = true", ["model[1].gain", "no `init`"]),
        # What no snapshot's card may hold, and would be refused at the end of the training.
        ("quality = 4", "lmbda = 1e20", ["model[1].lmbda", "at most 1e+12"]),
        ("quality = 4", "lmbda = nan", ["model[1].lmbda", "above 0"]),
        ("quality = 4", f'quality = 4\nnotes = "{"a" * 10_001}"', ["model[1].notes", "10,000 characters"]),
        ('folder = "frames"', f'folder = "frames"\ntrained_on = "{"a" * 1001}"', ["model[1].data", "`trained_on`"]),
        ("quality = 4", "", ["model[1].quality", "missing"]),
        ("quality = 4", 'quality = 4\ndistortion = "psnr"', ["model[1].distortion", "mse, ms-ssim"]),
        ("quality = 4", 'quality = 4\ndistortion = "ms-ssim"', ["model[1].patch", "192"]),
        ("patch = 64", "patch = 50", ["model[1].patch", "multiple of 64"]),
        ("patch = 64", "patch = 256", ["data.frames.folder", "0.png", "256x192", "256"]),
        ("patch = 64", "entropy_steps = -1", ["model[1].entropy_steps", "is -1", "at least 0"]),
        ("patch = 64", "patch = 64\nema = 1.0", ["model[1].ema", "below 1"]),
        ("patch = 64", "patch = 64\nclean = 1.5", ["model[1].clean", "from 0 to 1"]),
        ("patch = 64", "patch = 64\nlr = inf", ["model[1].lr", "above 0"]),
        ("patch = 64", "gain = true\ninit = 'klt'", ["model[1].gain", "step of its lambda"]),
        (
            "quality = 4",
            "task = 'super-resolution'\narchitecture = 'rcan'\ninit = 'klt'",
            ["model[1].init", "compression"],
        ),
        (
            "quality = 4",
            "task = 'super-resolution'\narchitecture = 'rcan'\nscale = 3",
            ["model[1].patch", "multiple of `scale`, 3"],
        ),
        ("[[model]]", "[[model]]\nid = 'a-codec'\ndata = 'frames'\nsteps = 1\nquality = 1\n[[model]]", ["model[2].id"]),
        ("patch = 64", "transform_rate = 0", ["model[1].transform_rate", "above 0"]),
        ("patch = 64", "patch = 192\ninit = 'klt'\ndistortion = 'ms-ssim'", ["model[1].init", "mse"]),
        (
            "[data.frames]",
            "[device]\ndevices = 2\n[defaults]\nentropy_steps = 5\n[data.frames]",
            ["entropy_steps", "single"],
        ),
        ("patch = 64", "lr = -1.0", ["model[1].lr", "above 0"]),
        ('id = "a-codec"', 'id = "A Codec"', ["model[1].id"]),
        ('id = "a-codec"', 'id = "../a-codec"', ["model[1].id"]),
        ("[data.frames]", 'name = "x/../../../escaped"\n[data.frames]', ["`name`", "x/../../../escaped", "letters"]),
        ("[data.frames]", 'name = ".."\n[data.frames]', ["`name`", "letters"]),
        ("[data.frames]", "name = 3\n[data.frames]", ["`name`", "3 (a whole number)"]),
        ("[data.frames]", "[defaults]\nlr = -1\n[data.frames]", ["`defaults.lr`", "above 0"]),
        ("[data.frames]", "[defaults]\nlrr = 1\n[data.frames]", ["`defaults.lrr`", "did you mean `lr`?"]),
        ("[data.frames]", "defaults = 1\n[data.frames]", ["`defaults`", "1 (a whole number)", "table"]),
        ("[data.frames]", "[device]\nprecision = 'half'\n[data.frames]", ["`device.precision`", "bf16-mixed"]),
        ('data = "frames"', 'data = "photos"', ["model[1].data", "frames"]),
        ('folder = "frames"', 'folder = "nowhere"', ["data.frames.folder", "nowhere"]),
        ('folder = "frames"', "", ["data.frames.folder", "missing"]),
        ('folder = "frames"', 'folder = "empty"', ["data.frames.folder"]),
        ('validation = ["1.png"]', 'validation = ["x*"]', ["data.frames.validation", "none"]),
        ('validation = ["1.png"]', 'validation = "1.png"', ["data.frames.validation", "list"]),
        ('folder = "frames"', 'folder = "frames"\ngenerated = 4', ["data.frames.generated", "`folder`"]),
        ('folder = "frames"', "generated = 2", ["data.frames.generated", "at least 3"]),
        ('folder = "frames"', 'dataset = "kodak"', ["data.frames.dataset", "`data fetch kodak`"]),
        ('folder = "frames"', 'dataset = "mine"', ["data.frames.dataset", "`data fetch FOLDER --name mine`"]),
        ('folder = "frames"', 'dataset = "../frames"', ["data.frames.dataset", "letters"]),
        ("[data.frames]", "[device]\ndevices = 3\n[data.frames]", ["model[1].batch", "3 processes"]),
        ("[[model]]", "[[modell]]", ["modell", "model"]),
        ("[[model]]", "[[model", ["not valid TOML"]),
        ("[[model]]", "[model]", ["`model`", "[[model]]"]),
    ],
)
def test_a_bad_plan_gives_one_sentence_naming_file_and_key(plan: Path, old: str, new: str, words: list[str]) -> None:
    plan.write_text(GOOD.replace(old, new))
    with pytest.raises(PlanError) as caught:
        read_training_plan(plan)
    message = str(caught.value)
    assert "plan.toml" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"absent\.toml"):
        read_training_plan(tmp_path / "absent.toml")


def test_defaults_stand_for_what_a_model_leaves_out(plan: Path) -> None:
    plan.write_text("[defaults]\npatch = 128\nlr = 1e-3\nbehind = ['jpeg-q30']\n" + GOOD + "behind = []\n")
    (model,) = read_training_plan(plan).models
    assert (model.patch, model.lr, model.behind) == (64, 1e-3, ())
    assert ModelPlan("b", "d", 1).patch == 128


def test_a_data_set_s_valid_split_is_held_out_unless_patterns_say_otherwise(plan: Path) -> None:
    for number in range(3):
        part = "valid" if number == 2 else "train"
        write_png(generated_image(number), plan.parent / "mine" / part / f"{number}.png")
    datasets.fetch(str(plan.parent / "mine"), name="mine")
    plan.write_text(GOOD.replace('folder = "frames"\nvalidation = ["1.png"]', 'dataset = "mine"'))
    parts = read_training_plan(plan).split("frames")
    assert [[path.name for path in part] for part in parts] == [["0.png", "1.png"], ["2.png"]]
    plan.write_text(GOOD.replace('folder = "frames"', 'dataset = "mine"'))
    parts = read_training_plan(plan).split("frames")
    assert [[path.name for path in part] for part in parts] == [["0.png"], ["1.png"]]


def test_a_folder_s_test_images_are_never_trained_on_and_its_valid_ones_are_held_out(plan: Path) -> None:
    for number, part in enumerate(("train", "train", "Validation", "test/night", "zoo")):
        write_png(generated_image(number), plan.parent / "parts" / part / f"{number}.png")
    plan.write_text(GOOD.replace('folder = "frames"\nvalidation = ["1.png"]', 'folder = "parts"'))
    parts = read_training_plan(plan).parts("frames")
    names = [[path.name for path in files] for files in (parts.train, parts.valid)]
    assert (names, parts.left_out) == ([["0.png", "1.png", "4.png"], ["2.png"]], (("in test", 1),))
    plan.write_text(GOOD.replace('folder = "frames"', 'folder = "parts"'))
    train, valid = read_training_plan(plan).split("frames")
    assert ([path.name for path in train], [path.name for path in valid]) == (["0.png", "4.png"], ["2.png", "1.png"])
    plan.write_text(GOOD.replace('folder = "frames"', 'folder = "parts/test"').replace("1.png", "3.png"))
    with pytest.raises(PlanError, match="holds no images to train on"):
        read_training_plan(plan)
    plan.write_text(GOOD.replace('folder = "frames"', 'folder = "parts"').replace("1.png", "3.png"))
    assert [path.name for path in read_training_plan(plan).split("frames")[1]] == ["2.png"], "never a test image"


def test_a_file_that_is_no_image_is_named(plan: Path) -> None:
    (plan.parent / "frames" / "2.png").write_bytes(b"not an image")
    with pytest.raises(PlanError, match=r"data\.frames\.folder` holds 2\.png, which is no readable image"):
        read_training_plan(plan)
