"""The verbs `train` and `data`, through Typer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from synthcomp_core.cli import training
from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.library.snapshots import list_snapshots
from synthcomp_core.training.generated_images import generated_image
from tests.conftest import PROJECT_ROOT

runner = CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    training.register(app)
    return app


def test_the_smoke_plan_trains_and_writes_snapshots_that_load(app: typer.Typer, artifacts: Path) -> None:
    result = runner.invoke(app, ["train", str(PROJECT_ROOT / "artifacts" / "plans" / "smoke.toml")])
    assert result.exit_code == 0, result.output
    assert {card.id: card.kind for card in list_snapshots()} == {"smoke-codec": "codec", "smoke-upscaler": "upscaler"}
    from synthcomp_core.codecs import parse_codec

    image = generated_image(40, width=70, height=50)
    codec = parse_codec("smoke-codec", precision="float32")
    decoded = codec.decode(codec.encode(image))
    assert decoded.shape == image.shape
    from synthcomp_core.upscalers import parse_upscaler

    assert parse_upscaler("smoke-upscaler").upscale(image, (140, 100)).shape == (100, 140, 3)


def test_a_bad_plan_stops_before_anything(app: typer.Typer, tmp_path: Path, artifacts: Path) -> None:
    plan = tmp_path / "bad.toml"
    plan.write_text("stepps = 3\n")
    result = runner.invoke(app, ["train", str(plan)])
    assert isinstance(result.exception, PlanError)
    assert "stepps" in str(result.exception)
    assert not artifacts.exists()


def write_parts(folder: Path) -> None:
    """A published data set in the wild: splits by other names, levels, a folder more, and files of other kinds."""
    names = ["Train/a/0", "Train/b/0", "Train/b/1", "val/2", "TEST/night/3", "TEST/night/4", "extra/5", "extra/6"]
    for number, name in enumerate(names):
        write_png(generated_image(number, width=80, height=72), folder / f"{name}.png")
    (folder / "Train" / "loop.gif").write_bytes(b"GIF89a")
    (folder / "readme.txt").write_text("frames")
    (folder / ".DS_Store").write_bytes(b"\0")


@pytest.mark.parametrize("packed", [False, True])
def test_data_says_what_serves_for_what_and_what_is_left_out(
    app: typer.Typer, tmp_path: Path, artifacts: Path, packed: bool
) -> None:
    write_parts(tmp_path / "frames")
    source = tmp_path / "frames"
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "frames"))
    counted = "mine: 8 images, 5 subfolders walked: train 3, valid 1, test 2"
    left_out = "mine: 2 images in no split, which no training uses; left out: 2 other files (.gif 1, .txt 1)"
    fetched = runner.invoke(app, ["data", "fetch", str(source), "--name", "mine"]).output
    assert counted in fetched and left_out in fetched.replace(".txt 1, .gif 1", ".gif 1, .txt 1")
    listed = runner.invoke(app, ["data", "list"]).output
    assert left_out in listed.replace(".txt 1, .gif 1", ".gif 1, .txt 1")
    (artifacts / "data" / "mine" / "images" / ("frames/val" if packed else "val") / "2.png").unlink()
    listed = runner.invoke(app, ["data", "list"])
    assert listed.exit_code == 0 and "2.png is missing (1 in all); fetch the data set mine again" in listed.output


def test_a_dry_run_says_which_images_a_training_leaves_out(app: typer.Typer, tmp_path: Path, artifacts: Path) -> None:
    write_parts(tmp_path / "frames")
    write_png(generated_image(9, width=80, height=72), tmp_path / "flat" / "own.png")
    write_png(generated_image(10, width=80, height=72), tmp_path / "flat" / "held.png")
    write_png(generated_image(11, width=80, height=72), tmp_path / "flat" / "more" / "x.png")
    runner.invoke(app, ["data", "fetch", str(tmp_path / "frames"), "--name", "mine"])
    (tmp_path / "plan.toml").write_text(
        '[data.mine]\ndataset = "mine"\n[data.folder]\nfolder = "frames"\n'
        '[data.flat]\nfolder = "flat"\nvalidation = ["held*"]\n'
        '[[model]]\nid = "a"\ndata = ["mine", "folder", "flat"]\n'
        "quality = 4\nN = 8\nM = 12\npatch = 64\nsteps = 2\nbatch = 1\n"
    )
    said = runner.invoke(app, ["train", str(tmp_path / "plan.toml"), "--dry-run"]).output
    for line in (
        "data mine: 4 images, 3 subfolders walked: 3 to train on, 1 to validate on; left out: 2 in no split, 2 in test",
        "data folder: 6 images, 4 subfolders walked: 5 to train on, 1 to validate on; left out: 2 in test",
        "data flat: 2 images: 1 to train on, 1 to validate on; "
        "left out: 1 in subfolders of a folder that holds images itself",
    ):
        assert line in said


def test_data_fetch_list_split_and_convert(app: typer.Typer, tmp_path: Path, artifacts: Path) -> None:
    for number in range(10):
        write_png(generated_image(number, width=32, height=24), tmp_path / "frames" / f"{number}.png")
    assert "10 images" in runner.invoke(app, ["data", "fetch", str(tmp_path / "frames"), "--name", "mine"]).output
    write_png(generated_image(0, width=32, height=24), tmp_path / "levels" / "a" / "0.png")
    fetched = runner.invoke(app, ["data", "fetch", str(tmp_path / "levels"), "--name", "levels"]).output
    assert "levels: 1 image, 1 subfolder walked" in fetched
    assert "train 8, valid 1, test 1" in runner.invoke(app, ["data", "split", "mine"]).output
    listed = runner.invoke(app, ["data", "list"]).output
    assert "mine" in listed
    assert "gta-plus" in listed
    converted = runner.invoke(app, ["data", "convert", "mine", str(tmp_path / "out"), "--downscale", "2"])
    assert "10 images written" in converted.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("published", "splits", "sentence"),
    [
        (("train", "valid", "test"), "test 4, train 4, valid 4", "The test and valid sets are the published ones"),
        (("train", "test"), "train 3, valid 1, test 4", "The test set is the published one, whatever --test says"),
        (("train", "valid"), "train 4, valid 2, test 2", "The published valid set was split anew"),
    ],
)
def test_data_split_says_which_published_parts_it_keeps(
    app: typer.Typer,
    tmp_path: Path,
    artifacts: Path,
    published: tuple[str, ...],
    splits: str,
    sentence: str,
) -> None:
    for part in published:
        for number in range(4):
            write_png(generated_image(number, width=32, height=24), tmp_path / "frames" / part / f"{number}.png")
    runner.invoke(app, ["data", "fetch", str(tmp_path / "frames"), "--name", "mine"])
    said = runner.invoke(app, ["data", "split", "mine", "--valid", "0.3", "--test", "0.3"]).output
    assert f"mine: {splits}" in said and sentence in said
    said = runner.invoke(app, ["data", "split", "mine", "--ignore-published"]).output
    assert "published" not in said


def test_a_dry_run_estimates_only_the_models_that_are_asked_for(
    app: typer.Typer, tmp_path: Path, artifacts: Path
) -> None:
    model = 'data = "made"\nquality = 4\nN = 8\nM = 12\npatch = 64\nsteps = 2\nbatch = 1\n'
    (tmp_path / "plan.toml").write_text(
        '[data.made]\ngenerated = 4\n[data.others]\nfolder = "frames"\n'
        f'[[model]]\nid = "first"\n{model}[[model]]\nid = "second"\n{model.replace("made", "others")}'
    )
    write_png(generated_image(1, width=80, height=72), tmp_path / "frames" / "train" / "a.png")
    write_png(generated_image(2, width=80, height=72), tmp_path / "frames" / "valid" / "b.png")
    call = ["train", str(tmp_path / "plan.toml"), "--dry-run"]
    said = runner.invoke(app, [*call, "--only", "first"]).output
    assert "data made" in said and "first" in said and "second" not in said and "others" not in said
    result = runner.invoke(app, [*call, "--only", "third"])
    assert isinstance(result.exception, PlanError) and "plan.toml has no model third" in str(result.exception)
