"""A training starts from exactly the weights that `init` names, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from synthcomp_core.codecs.checkpoints import build_model, import_codec
from synthcomp_core.errors import PlanError, SnapshotError
from synthcomp_core.images import write_png
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.plan import read_training_plan
from synthcomp_core.training.runner import make_training, starting_weights
from tests.training.conftest import write_plan
from tests.upscalers.networks import random_rcan


def codec_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return build_model("mbt2018", 8, 12).state_dict()


def started(tmp_path: Path, content: Any, name: str, extra: str = "") -> dict[str, torch.Tensor]:
    """The parameters with which the tiny plan's training begins from a checkpoint of this content."""
    path = write_plan(tmp_path)
    torch.save(content, tmp_path / name)
    path.write_text(path.read_text() + f'init = "{name}"\n{extra}')
    plan = read_training_plan(path)
    module, _ = make_training(plan, plan.models[0]).build(starting_weights(plan, plan.models[0]))
    return {name.removeprefix("net."): parameter for name, parameter in module.named_parameters()}


@pytest.mark.parametrize("prefix", ["", "model.", "module."])
@pytest.mark.parametrize("density", ["matrices.", "_matrix", "_matrices."])
def test_old_names_and_prefixes_start_from_the_file_s_weights(
    prefix: str, density: str, tmp_path: Path, artifacts: Path
) -> None:
    plain = codec_weights()
    renamed = {f"{prefix}{name.replace('matrices.', density)}": tensor for name, tensor in plain.items()}
    begun = started(tmp_path, {"state_dict": renamed}, "start.ckpt")
    assert all(torch.equal(parameter, plain[name]) for name, parameter in begun.items())


def test_a_key_chooses_among_the_state_dicts_of_a_start(tmp_path: Path, artifacts: Path) -> None:
    other = {name: tensor * 2 if tensor.is_floating_point() else tensor for name, tensor in codec_weights().items()}
    content = {"model": codec_weights(), "ema": other}
    with pytest.raises(SnapshotError, match=r"several state dicts \(model, ema\)"):
        started(tmp_path / "a", content, "both.pt")
    begun = started(tmp_path / "b", content, "both.pt", 'init_key = "ema"\n')
    assert torch.equal(begun["g_a.0.weight"], other["g_a.0.weight"])


def test_a_snapshot_starts_with_its_weights(tmp_path: Path, artifacts: Path) -> None:
    import_codec(codec_weights(), id="base", half=False)
    path = write_plan(tmp_path)
    path.write_text(path.read_text() + 'init = "base"\n')
    plan = read_training_plan(path)
    module, _ = make_training(plan, plan.models[0]).build(starting_weights(plan, plan.models[0]))
    assert torch.equal(dict(module.named_parameters())["net.g_s.6.weight"], codec_weights()["g_s.6.weight"])


def test_what_is_missing_left_over_or_another_network_is_named(tmp_path: Path, artifacts: Path) -> None:
    lacking = codec_weights()
    del lacking["h_s.2.bias"]
    with pytest.raises(PlanError, match=r"tiny-codec: init 'lacking.pt' cannot be used. .*lacks h_s.2.bias"):
        started(tmp_path / "a", lacking, "lacking.pt")
    with pytest.raises(PlanError, match=r"foreign weight extra.weight"):
        started(tmp_path / "b", {**codec_weights(), "extra.weight": torch.ones(1)}, "more.pt")
    with pytest.raises(PlanError, match="no known codec architecture"):
        started(tmp_path / "c", random_rcan(1, 1, 8).state_dict(), "rcan.pt")
    mean = build_model("mbt2018-mean", 8, 12).state_dict()
    with pytest.raises(PlanError, match="is mbt2018-mean, the plan's architecture mbt2018"):
        started(tmp_path / "d", mean, "mean.pt")


def test_an_upscaler_starts_from_an_official_rcan_and_refuses_a_codec(tmp_path: Path, artifacts: Path) -> None:
    for index in range(3):
        write_png(generated_image(index, width=96, height=96), tmp_path / "images" / f"{index}.png")
    text = """
name = "sr"
[device]
accelerator = "cpu"
[data.d]
folder = "images"
validation = ["0*"]
[[model]]
id = "sr"
task = "super-resolution"
architecture = "rcan"
data = "d"
channels = 8
groups = 1
blocks = 1
reduction = 4
patch = 48
batch = 2
steps = 2
init = "start.pt"
"""
    (tmp_path / "sr.toml").write_text(text)
    plan = read_training_plan(tmp_path / "sr.toml")
    training = make_training(plan, plan.models[0])
    official = random_rcan(1, 1, 8).state_dict()
    torch.save(official, tmp_path / "start.pt")
    module, note = training.build(starting_weights(plan, plan.models[0]))
    assert note == "from start.pt"
    assert torch.equal(dict(module.named_parameters())["net.body.1.weight"], official["body.1.weight"])
    torch.save(codec_weights(), tmp_path / "start.pt")
    with pytest.raises(PlanError, match=r"init 'start.pt' does not fit an RCAN"):
        training.build(starting_weights(plan, plan.models[0]))
