"""Every form of CompressAI's weights imports to what CompressAI itself loads from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from synthcomp_core.cli import app
from synthcomp_core.codecs.checkpoints import (
    ARCHITECTURES,
    build_model,
    codec_parameters,
    compressai_model,
    import_codec,
    with_current_names,
)
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import find_snapshot

Names = Callable[[str], str]
_DENSITY = re.compile(r"entropy_bottleneck\.(matrices|biases|factors)\.(\d)")
_SINGULAR = {"matrices": "_matrix", "biases": "_bias", "factors": "_factor"}


def as_1_0(name: str) -> str:
    """As up to CompressAI 1.0: lists of parameters, and cheng2020's shortcut under its first name."""
    return _DENSITY.sub(r"entropy_bottleneck._\1.\2", name).replace(".skip.", ".downsample.")


def as_1_2_6(name: str) -> str:
    return _DENSITY.sub(lambda match: f"entropy_bottleneck.{_SINGULAR[match[1]]}{match[2]}", name)


def as_1_2_8(name: str) -> str:
    return name


FORMS: list[Names] = [as_1_0, as_1_2_6, as_1_2_8]


def weights(architecture: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = build_model(architecture, 8, 8 if architecture.startswith("cheng") else 12)
    return model.state_dict()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_family_in_every_form_imports_as_compressai_loads_it(
    architecture: str, form: Names, artifacts: Path
) -> None:
    published = {form(name): tensor for name, tensor in weights(architecture).items()}
    from compressai.zoo.pretrained import load_pretrained  # Behind the first model, as it needs torchvision's stand-in.

    oracle = build_model(architecture, 8, 8 if architecture.startswith("cheng") else 12)
    oracle.load_state_dict(load_pretrained(dict(published)))
    card = import_codec(published, id="imported", half=False)
    assert card.architecture == architecture
    imported = dict(compressai_model("imported").named_parameters())
    for name, parameter in oracle.named_parameters():
        assert torch.equal(imported[name], parameter), name


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "autoencoder.codec."])
def test_any_prefix_in_front_of_the_codec_is_dropped(prefix: str) -> None:
    plain = weights("mbt2018")
    prefixed = {f"{prefix}{name}": tensor for name, tensor in plain.items()}
    assert with_current_names(prefixed).keys() == plain.keys()


def test_what_stands_outside_the_prefix_and_a_second_codec_are_named() -> None:
    prefixed = {f"model.{name}": tensor for name, tensor in weights("mbt2018").items()}
    with pytest.raises(SnapshotError, match=r"'model\.', but 1 of the .* does not \(such as criterion.window"):
        codec_parameters({**prefixed, "criterion.window": torch.ones(1)})
    twice = {**prefixed, **{f"ema.{name}": tensor for name, tensor in weights("mbt2018").items()}}
    with pytest.raises(SnapshotError, match=r"several codecs \(ema, model\); .*--key"):
        codec_parameters(twice)


def test_an_old_and_a_new_name_of_one_weight_are_refused() -> None:
    both = weights("mbt2018")
    both["entropy_bottleneck._matrix0"] = both["entropy_bottleneck.matrices.0"]
    with pytest.raises(SnapshotError, match=r"matrices\.0 twice"):
        codec_parameters(both)


def test_the_field_s_two_files_hold_the_same_weights(shared: Path) -> None:
    old = codec_parameters(read_checkpoint(shared / "field" / "01_mbt2018_keys_1.1-1.2.6.pth.tar"))
    new = codec_parameters(read_checkpoint(shared / "field" / "01_mbt2018_keys_1.2.8.pth"))
    assert old[:3] == new[:3] and old[3].keys() == new[3].keys()
    assert all(torch.equal(old[3][name], new[3][name]) for name in old[3])


def test_the_command_reads_point_and_id_from_a_name_of_the_zoo(tmp_path: Path, artifacts: Path) -> None:
    path = tmp_path / "mbt2018-ms-ssim-4-a120e037.pth.tar"
    torch.save({as_1_0(name): tensor for name, tensor in weights("mbt2018").items()}, path)
    finished = CliRunner().invoke(app, ["snapshot", "import", str(path)])
    assert finished.exit_code == 0, finished.output
    card = find_snapshot("mbt2018-q4-msssim-vimeo90k")
    assert (card.quality, card.distortion, card.trained_on) == (4, "ms-ssim", "vimeo90k")


def test_the_command_takes_a_key_where_a_file_holds_two(tmp_path: Path, artifacts: Path) -> None:
    path = tmp_path / "mbt2018_q4_mse_500ep.pth.tar"
    ema = {name: tensor * 2 if tensor.is_floating_point() else tensor for name, tensor in weights("mbt2018").items()}
    torch.save({"model": weights("mbt2018"), "ema": ema}, path)
    refused = CliRunner().invoke(app, ["snapshot", "import", str(path), "--id", "x"])
    assert refused.exit_code != 0 and "model, ema" in str(refused.exception)
    finished = CliRunner().invoke(app, ["snapshot", "import", str(path), "--key", "ema", "--no-half"])
    assert finished.exit_code == 0, finished.output
    imported = compressai_model("mbt2018-q4-mse-own").state_dict()
    assert torch.equal(imported["g_a.0.weight"], ema["g_a.0.weight"])
