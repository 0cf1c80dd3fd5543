"""Bad plans: one sentence naming file and key, before anything is computed; the plans in artifacts are good."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.plan import read_plan
from tests.conftest import PROJECT_ROOT

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
    checked = read_plan(plan)
    assert checked.models[0].lambda_value == 0.013
    train, held = checked.split("frames")
    assert [path.name for path in train] == ["0.png", "2.png"]
    assert [path.name for path in held] == ["1.png"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps = 10", "stepps = 10", ["model[1].stepps", "steps"]),
        ("steps = 10", "", ["model[1].steps", "missing"]),
        ("steps = 10", "steps = 0", ["model[1].steps", "at least 1"]),
        ("steps = 10", 'steps = "ten"', ["model[1].steps", "whole number"]),
        ("steps = 10", "steps = 1.5", ["model[1].steps", "whole number"]),
        ("steps = 10", "steps = true", ["model[1].steps", "whole number"]),
        ("quality = 4", "quality = 9", ["model[1].quality", "1 to 8"]),
        ("quality = 4", "", ["model[1].quality", "missing"]),
        ("quality = 4", 'quality = 4\ndistortion = "psnr"', ["model[1].distortion", "mse, ms-ssim"]),
        ("quality = 4", 'quality = 4\ndistortion = "ms-ssim"', ["model[1].patch", "192"]),
        ("patch = 64", "patch = 50", ["model[1].patch", "multiple of 64"]),
        ("patch = 64", "patch = 256", ["data.frames.folder", "0.png", "256x192", "256"]),
        ("patch = 64", "entropy_steps = -1", ["model[1].entropy_steps", "0 or more"]),
        ("patch = 64", "gain = true\ninit = 'klt'", ["model[1].gain", "step of its lambda"]),
        (
            "quality = 4",
            "task = 'super-resolution'\narchitecture = 'rcan'\ninit = 'klt'",
            ["model[1].init", "compression"],
        ),
        ("patch = 64", "transform_rate = 0", ["model[1].transform_rate", "above 0"]),
        ("patch = 64", "patch = 192\ninit = 'klt'\ndistortion = 'ms-ssim'", ["model[1].init", "mse"]),
        (
            "[data.frames]",
            "[device]\ndevices = 2\n[defaults]\nentropy_steps = 5\n[data.frames]",
            ["entropy_steps", "single"],
        ),
        ("patch = 64", "lr = -1.0", ["model[1].lr", "above 0"]),
        ('id = "a-codec"', 'id = "A Codec"', ["model[1].id"]),
        ('data = "frames"', 'data = "photos"', ["model[1].data", "frames"]),
        ('folder = "frames"', 'folder = "nowhere"', ["data.frames.folder", "nowhere"]),
        ('folder = "frames"', "", ["data.frames.folder", "missing"]),
        ('folder = "frames"', 'folder = "."', ["data.frames.folder", "no images"]),
        ('validation = ["1.png"]', 'validation = ["x*"]', ["data.frames.validation", "none"]),
        ('validation = ["1.png"]', 'validation = "1.png"', ["data.frames.validation", "list"]),
        ("[data.frames]", "[device]\ndevices = 3\n[data.frames]", ["model[1].batch", "3 processes"]),
        ("[[model]]", "[[modell]]", ["modell", "model"]),
        ("[[model]]", "[[model", ["not valid TOML"]),
    ],
)
def test_a_bad_plan_gives_one_sentence_naming_file_and_key(plan: Path, old: str, new: str, words: list[str]) -> None:
    plan.write_text(GOOD.replace(old, new))
    with pytest.raises(PlanError) as caught:
        read_plan(plan)
    message = str(caught.value)
    assert "plan.toml" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"absent\.toml"):
        read_plan(tmp_path / "absent.toml")


def test_the_smoke_plan_is_good(artifacts: Path) -> None:
    assert [model.id for model in read_plan(PROJECT_ROOT / "artifacts/plans/smoke.toml").models] == [
        "smoke-codec",
        "smoke-upscaler",
    ]


def test_the_compact_plan_names_all_fourteen_snapshots(shared: Path) -> None:
    ids = {model.id for model in read_plan(PROJECT_ROOT / "artifacts/plans/compact.toml").models if model.ship}
    codecs = {f"mbt2018-q{q}-{d}-{t}" for q in (4, 6, 8) for d in ("mse", "msssim") for t in ("games", "photos")}
    assert ids == codecs | {"rcan-x2-games", "rcan-x2-games-coded"}
