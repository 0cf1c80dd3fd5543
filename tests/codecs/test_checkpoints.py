"""Checkpoints in, snapshots out: all families, other people's files, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcomp_core.codecs.checkpoints import (
    ARCHITECTURES,
    build_model,
    codec_tensors,
    compressai_model,
    import_codec,
    infer_architecture,
)
from synthcomp_core.codecs.entropy.prior import read_prior
from synthcomp_core.errors import SnapshotError
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import find_snapshot, load_snapshot
from tests.codecs.models import SNAPSHOT, random_model


def state_dict(architecture: str, N: int = 8, M: int = 12) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build_model(architecture, N, N if architecture.startswith("cheng") else M).state_dict()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architecture_and_channels_follow_from_the_weights(architecture: str) -> None:
    M = 8 if architecture.startswith("cheng") else 12
    assert infer_architecture(state_dict(architecture)) == (architecture, 8, M)


def test_the_thesiss_training_dict_with_module_prefixes_is_imported(tmp_path: Path, artifacts: Path) -> None:
    original = state_dict("mbt2018")
    path = tmp_path / "mbt2018_q4_mse_500ep.pth.tar"
    training = {
        "epoch": 499,
        "state_dict": {f"module.{name}": tensor for name, tensor in original.items()},
        "loss": torch.tensor(0.5),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "aux_optimizer": {},
        "lr_scheduler": {"best": 0.5},
    }
    torch.save(training, path)
    card = import_codec(read_checkpoint(path), id="thesis-q4", quality=4, lmbda=0.013, distortion="mse", half=False)
    assert (card.architecture, card.N, card.M, card.quality) == ("mbt2018", 8, 12, 4)
    assert find_snapshot("thesis-q4") == card
    restored = compressai_model("thesis-q4").state_dict()
    for name, tensor in build_model("mbt2018", 8, 12).named_parameters():
        assert torch.equal(restored[name], original[name]), name
        assert tensor.shape == restored[name].shape


def test_half_weights_halve_the_file_and_keep_the_medians(artifacts: Path) -> None:
    import_codec(state_dict("mbt2018"), id="full", half=False)
    import_codec(state_dict("mbt2018"), id="half", half=True)
    _, full = load_snapshot("full")
    _, half = load_snapshot("half")
    assert half["g_a.0.weight"].dtype == torch.float16
    assert torch.equal(half["entropy_bottleneck.quantiles"], full["entropy_bottleneck.quantiles"])
    assert torch.equal(half["integer_prior.counts"], full["integer_prior.counts"])


def test_a_snapshot_made_of_the_shared_checkpoint_has_its_weights(shared: Path, artifacts: Path) -> None:
    original = read_checkpoint(shared / "snapshots" / f"{SNAPSHOT}.pt")
    import_codec(original, id=SNAPSHOT, quality=4, lmbda=0.013, distortion="mse")
    card, tensors = load_snapshot(SNAPSHOT)
    assert (card.architecture, card.N, card.M, card.quality, card.lmbda) == ("mbt2018", 64, 96, 4, 0.013)
    for name in ("g_a.0.weight", "g_s.6.bias", "context_prediction.weight", "entropy_bottleneck.quantiles"):
        assert torch.equal(tensors[name].float(), original[name].float())


def test_the_integer_prior_is_compressais_density() -> None:
    _, tensors = random_model("mbt2018")
    prior = read_prior(tensors)
    model = build_model("mbt2018", 24, 36)
    torch.nn.Module.load_state_dict(model, {k: v for k, v in tensors.items() if v.is_floating_point()}, strict=False)
    for channel in (0, 11, 23):
        offset, counts = prior.offsets[channel], prior.counts[channel]
        values = torch.full((24, 1, len(counts) - 1), 0.0)
        values[channel, 0] = torch.arange(offset, offset + len(counts) - 1) + prior.medians[channel] / 65536
        with torch.inference_mode():
            expected = model.entropy_bottleneck._likelihood(values)[0][channel, 0]
        assert np.abs(counts[:-1] / 2**24 - expected.numpy()).max() < 3e-5
        assert int(counts.sum()) + len(counts) == 2**24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("h_a.2.bias"), "lacks h_a.2.bias"),
        (lambda s: s.update({"extra.weight": torch.zeros(1)}), "foreign weight extra.weight"),
        (lambda s: s.update({"g_s.2.weight": torch.zeros(1, 2, 3)}), r"shape \(1, 2, 3\)"),
        (lambda s: s["g_s.2.weight"].fill_(float("nan")), "not finite"),
        (lambda s: s["g_s.2.weight"].fill_(1e6), "too large for float16"),
        (lambda s: s["entropy_bottleneck.quantiles"].fill_(1e9), "medians"),
        (lambda s: s.pop("g_a.6.weight"), "no known codec architecture"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_in_one_sentence(
    change: Callable[[dict[str, torch.Tensor]], object], message: str, artifacts: Path
) -> None:
    state = state_dict("mbt2018")
    change(state)
    with pytest.raises(SnapshotError, match=message):
        import_codec(state, id="broken")
    assert not list(artifacts.rglob("*.safetensors"))


def test_an_unknown_distortion_is_refused() -> None:
    with pytest.raises(SnapshotError, match="distortion 'psnr'"):
        import_codec(state_dict("mbt2018"), id="broken", distortion="psnr")


def test_buffers_are_not_stored() -> None:
    names = codec_tensors(state_dict("mbt2018"))[3]
    assert not any(name.endswith((".mask", ".target", "_quantized_cdf", ".bound")) for name in names)


@pytest.mark.parametrize("shape", [(), (5,), (0, 3, 5, 5), (2000, 1, 1, 1), (10**8, 1, 1, 1), (8, 3, 5)], ids=str)
@pytest.mark.parametrize("name", ["g_a.0.weight", "g_a.6.weight", "h_s.4.weight", "h_a.0.weight"])
def test_a_weight_of_any_shape_is_refused_before_a_model_is_built(name: str, shape: tuple[int, ...]) -> None:
    _, tensors = random_model("mbt2018")
    odd = torch.zeros(1).expand(shape) if shape else torch.tensor(1.0)
    with pytest.raises(SnapshotError) as found:
        codec_tensors({**tensors, name: odd})
    assert "\n" not in str(found.value)
