"""Checkpoint files as people have them: wrapped, prefixed, with numbers of numpy or foreign objects in them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.checkpoint_files import WRAPPERS, read_checkpoint, without_prefixes
from synthcomp_core.library.checkpoint_names import NamedPoint, point_in_name
from synthcomp_core.library.snapshots import Distortion

WEIGHTS = {"head.0.weight": torch.arange(12.0).reshape(3, 4), "head.0.bias": torch.arange(3.0)}
OTHER = {name: tensor + 1 for name, tensor in WEIGHTS.items()}


def saved(tmp_path: Path, content: Any, name: str = "model.pth.tar", **options: Any) -> Path:
    path = tmp_path / name
    torch.save(content, path, **options)
    return path


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("wrapper", [*WRAPPERS, "generator", "model.state_dict", "ema.shadow"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "net.module."])
def test_every_wrapper_and_prefix_is_taken_off(wrapper: str, prefix: str, tmp_path: Path) -> None:
    content: Any = {f"{prefix}{name}": tensor for name, tensor in WEIGHTS.items()}
    for name in reversed(wrapper.split(".")):
        content = {name: content, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(2, 2)}}}}
    assert_same(read_checkpoint(saved(tmp_path, content)), WEIGHTS)


def test_a_prefix_stays_where_the_name_behind_it_would_be_a_number() -> None:
    names = {"model.0.weight": torch.ones(1), "model.1.sub.0.weight": torch.ones(1)}
    assert without_prefixes(names).keys() == names.keys()
    assert list(without_prefixes({"module.model.0.weight": torch.ones(1)})) == ["model.0.weight"]


def test_of_several_state_dicts_the_key_says_which(tmp_path: Path) -> None:
    path = saved(tmp_path, {"model": WEIGHTS, "ema": {"shadow": OTHER}, "epoch": 1})
    with pytest.raises(SnapshotError, match=r"model.pth.tar holds several state dicts \(model, ema.shadow\).*--key"):
        read_checkpoint(path)
    assert_same(read_checkpoint(path, key="model"), WEIGHTS)
    assert_same(read_checkpoint(path, key="ema"), OTHER)
    with pytest.raises(SnapshotError, match=r"no state dict at the key 'net'; it holds model, ema.shadow"):
        read_checkpoint(path, key="net")


@pytest.mark.parametrize(("first", "second"), [("model", "model_ema"), ("state_dict", "best_state_dict")])
def test_weights_and_their_average_are_a_choice_even_if_only_one_name_is_usual(
    first: str, second: str, tmp_path: Path
) -> None:
    averaged = {f"module.{name}": tensor for name, tensor in OTHER.items()}
    path = saved(tmp_path, {first: WEIGHTS, second: averaged, "criterion": {"window": torch.ones(3, 3)}})
    with pytest.raises(SnapshotError, match=rf"several state dicts \({first}, {second}, criterion\)"):
        read_checkpoint(path)
    assert_same(read_checkpoint(path, key=first), WEIGHTS)
    assert_same(read_checkpoint(path, key=second), OTHER)
    assert_same(read_checkpoint(saved(tmp_path, {first: WEIGHTS, "criterion": {"window": torch.ones(3, 3)}})), WEIGHTS)


def test_a_whole_network_is_saved_again_by_its_own_state_dict(tmp_path: Path) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.ReLU()), tmp_path / "net.pth")
    with pytest.raises(SnapshotError, match=r"torch\.nn\.modules\..* torch\.save\(c\.state_dict\(\), 'weights\.pth'\)"):
        read_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("content", [b"hello, world", b""])
def test_what_is_no_checkpoint_at_all_is_said_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes.pth").write_bytes(content)
    with pytest.raises(SnapshotError, match=r"^notes\.pth cannot be loaded \(it is no such file\); expected a PyTorch"):
        read_checkpoint(tmp_path / "notes.pth")


def test_basicsr_s_averaged_weights_are_taken(tmp_path: Path) -> None:
    assert_same(read_checkpoint(saved(tmp_path, {"params": OTHER, "params_ema": WEIGHTS})), WEIGHTS)


def test_the_key_may_be_a_prefix_that_leaves_other_names_out(tmp_path: Path) -> None:
    content = {**{f"net.{name}": tensor for name, tensor in WEIGHTS.items()}, "criterion.window": torch.ones(2, 2)}
    assert_same(read_checkpoint(saved(tmp_path, {"state_dict": content}), key="net"), WEIGHTS)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_number_of_numpy_beside_the_weights_is_read(legacy: bool, tmp_path: Path) -> None:
    content = {"epoch": np.int64(7), "state_dict": WEIGHTS, "loss": np.float64(0.25), "best": np.float32(1.5)}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=not legacy)
    assert_same(read_checkpoint(path), WEIGHTS)


@pytest.mark.parametrize("legacy", [False, True])
def test_other_objects_are_named_in_one_line_that_says_how_to_save_again(legacy: bool, tmp_path: Path) -> None:
    content = {"state_dict": WEIGHTS, "args": argparse.Namespace(lmbda=0.01), "history": np.zeros(3)}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(SnapshotError) as raised:
        read_checkpoint(path)
    message = str(raised.value)
    assert "argparse.Namespace" in message and "weights_only=False" in message and "torch.save" in message
    assert message.isprintable()


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": WEIGHTS, "o": np.array([print], dtype=object)})
    with pytest.raises(SnapshotError, match="more than tensors and numbers"):
        read_checkpoint(path)


def test_the_field_s_numpy_scalar_is_read(shared: Path) -> None:
    assert "g_a.0.weight" in read_checkpoint(shared / "field" / "07_numpy_scalar_loss.pth.tar")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 torn", b"\x80\x02}q\x00.", b"not a checkpoint", b"\x80\x04\x95\xff\xff\xff"]
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_damaged_file_is_refused_in_one_line(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=rf"broken.{suffix}") as raised:
        read_checkpoint(path)
    assert str(raised.value).isprintable()


def test_plain_values_beside_the_weights_are_left_out_and_odd_ones_refused(tmp_path: Path) -> None:
    assert_same(read_checkpoint(saved(tmp_path, {**WEIGHTS, "epoch": 3})), WEIGHTS)
    with pytest.raises(SnapshotError, match=r"'head.1.weight' is a list"):
        read_checkpoint(saved(tmp_path, {**WEIGHTS, "head.1.weight": [1.0]}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mbt2018_q4_mse_500ep.pth.tar", NamedPoint("mbt2018", 4, Distortion.MSE, None)),
        ("mbt2018_q8_ms-ssim_gta_500ep.pth.tar", NamedPoint("mbt2018", 8, Distortion.MS_SSIM, "gtaplus")),
        ("mbt2018-q6-msssim-photos.safetensors", NamedPoint("mbt2018", 6, Distortion.MS_SSIM, "photos")),
        ("mbt2018-4-456e2af9.pth.tar", NamedPoint("mbt2018", 4, Distortion.MSE, "vimeo90k")),
        ("mbt2018-mean-ms-ssim-3-640ce819.pth.tar", NamedPoint("mbt2018-mean", 3, Distortion.MS_SSIM, "vimeo90k")),
        (
            "bmshj2018-factorized-prior-1-446d5c7f.pth.tar",
            NamedPoint("bmshj2018-factorized", 1, Distortion.MSE, "vimeo90k"),
        ),
        ("cheng2020_attn-mse-6-730501f2.pth.tar", NamedPoint("cheng2020-attn", 6, Distortion.MSE, "vimeo90k")),
        ("checkpoint_best_loss.pth.tar", NamedPoint()),
        ("q44_msex.pt", NamedPoint()),
    ],
)
def test_names_say_quality_distortion_and_data(name: str, expected: NamedPoint) -> None:
    assert point_in_name(name) == expected


def test_every_name_of_compressai_s_zoo_is_read_as_its_table_says() -> None:
    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    from compressai.zoo.image import model_urls

    for architecture, of_metric in model_urls.items():
        for metric, of_quality in of_metric.items():
            for quality, url in of_quality.items():
                expected = NamedPoint(architecture, quality, Distortion.parse(metric), "vimeo90k")
                assert point_in_name(url.rpartition("/")[2]) == expected
