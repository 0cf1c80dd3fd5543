"""The verbs `train` and `data`, through Typer."""

from __future__ import annotations

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
