"""RCAN and other networks: EDSR-PyTorch's numbers, any size, strips and tiles that do not show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synthcomp_core.errors import Cancelled, ImageError, SnapshotError, SynthcompError
from synthcomp_core.images import Image, resize
from synthcomp_core.library.checkpoint_files import read_checkpoint
from synthcomp_core.library.snapshots import (
    list_snapshots,
    save_snapshot,
    snapshot_path,
)
from synthcomp_core.metrics import psnr
from synthcomp_core.upscalers import list_upscalers, parse_upscaler, rcan
from synthcomp_core.upscalers.neural import build_upscaler, import_upscaler, load_upscaler
from tests.codecs.models import random_model
from tests.conftest import PROJECT_ROOT
from tests.upscalers.networks import bilinear_rcan, random_rcan
from tests.upscalers.test_registration import scene

TOLERANCE = 1e-3  # on the 0..255 scale
GOLDEN = PROJECT_ROOT / "tests" / "golden" / "rcan_g2b3f16r4_x2.npz"


def interleaved(tensor: np.ndarray) -> np.ndarray:
    """(1, 3, H, W) to (H, W, 3)."""
    return np.ascontiguousarray(tensor[0].transpose(1, 2, 0))


@pytest.fixture
def golden_weights() -> dict[str, torch.Tensor]:
    golden = np.load(GOLDEN, allow_pickle=False)
    return {name[2:]: torch.from_numpy(golden[name]) for name in golden.files if name.startswith("w:")}


def test_rcan_gives_edsr_pytorch_s_numbers(golden_weights: dict[str, torch.Tensor]) -> None:
    golden = np.load(GOLDEN, allow_pickle=False)
    enlarged = build_upscaler(golden_weights).enlarge(interleaved(golden["input"]))
    assert np.abs(enlarged - interleaved(golden["output"])).max() < TOLERANCE


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_rcan_matches_every_reference_file(scale: int, suffix: str, shared: Path, artifacts: Path) -> None:
    folder = shared / "reference" / "rcan"
    state_dict = read_checkpoint(folder / f"rcan_g2b3f16r4_x{scale}.{suffix}")
    card = import_upscaler(state_dict, id=f"small-x{scale}", trained_on="nothing")
    upscaler = load_upscaler(card.id, precision="float32")
    enlarged = upscaler.enlarge(interleaved(np.load(folder / "input_1x3x48x64.npy", allow_pickle=False)))
    expected = interleaved(np.load(folder / f"output_x{scale}.npy", allow_pickle=False))
    assert np.abs(enlarged - expected).max() < TOLERANCE
    manifest = json.loads((folder / "manifest.json").read_text())
    assert card.parameters == manifest[f"small_x{scale}"]["params"]
    assert (card.kind, card.architecture, card.scale, card.trained_on) == ("upscaler", "rcan", scale, "nothing")


def test_the_full_network_s_parameters_are_counted(shared: Path, artifacts: Path) -> None:
    keys = json.loads((shared / "reference" / "rcan" / "rcan_full_x2_keys.json").read_text())["keys"]
    state_dict = {name: torch.zeros(shape) for name, shape, _ in keys}
    card = import_upscaler(state_dict, id="full")
    assert (card.architecture, card.scale, card.parameters) == ("rcan", 2, 15_444_667)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (67, 41), (40, 90)])
def test_strips_give_what_the_whole_network_gives(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rcan, "_STRIP_BYTES", 1)
    monkeypatch.setattr(rcan, "_TAIL_STRIP_BYTES", 1)
    monkeypatch.setattr(rcan, "_MIN_STRIP_ROWS", 7)
    model = random_rcan(2, 2, 16)
    picture = np.random.default_rng(0).uniform(0, 255, (size[1], size[0], 3)).astype(np.float32)
    with torch.inference_mode():
        whole = model(torch.from_numpy(picture / 255).permute(2, 0, 1)[None].clone())[0].permute(1, 2, 0) * 255
    strips = build_upscaler(model.state_dict()).enlarge(picture)
    assert np.abs(strips - whole.numpy()).max() < TOLERANCE


def test_weights_for_pictures_in_0_to_1_are_told_apart(golden_weights: dict[str, torch.Tensor]) -> None:
    """The golden network rescaled to rgb_range 1 (biases / 255, attention's input * 255) is the same function."""
    rescaled = {}
    for name, tensor in golden_weights.items():
        if name.endswith("bias") and "conv_du" not in name:
            rescaled[name] = tensor / 255
        else:
            rescaled[name] = tensor * 255 if name.endswith("conv_du.0.weight") else tensor
    golden = np.load(GOLDEN, allow_pickle=False)
    enlarged = build_upscaler(rescaled).enlarge(interleaved(golden["input"]))
    assert np.abs(enlarged - interleaved(golden["output"])).max() < TOLERANCE


def test_bfloat16_costs_less_than_a_fiftieth_of_a_decibel() -> None:
    """Against the native image, in a network whose body matters."""
    model = bilinear_rcan(2, 4, 16, disturbance=0.5)
    native = scene(161, 121)
    low = resize(native, (80, 60))
    plain, exact, fast = (
        build_upscaler(weights.state_dict(), precision=precision).upscale(low, (161, 121))
        for weights, precision in ((bilinear_rcan(2, 4, 16), "float32"), (model, "float32"), (model, "bfloat16"))
    )
    assert np.abs(plain.astype(int) - exact).mean() > 1  # the body does matter
    assert not np.array_equal(exact, fast)
    assert abs(psnr(native, exact) - psnr(native, fast)) < 0.02


def tiled_and_whole(margin_memory: int) -> tuple[np.ndarray, np.ndarray, Image, object]:
    model = bilinear_rcan(2, 3, 16, disturbance=0.3)
    native = scene(322, 242)
    low = resize(native, (161, 121)).astype(np.float32)
    upscaler = build_upscaler(model.state_dict())
    whole = upscaler.enlarge(low)
    assert upscaler.plan(161, 121).num_tiles == 1
    upscaler.memory_bytes = margin_memory
    plan = upscaler.plan(161, 121)
    return upscaler.enlarge(low), whole, native, plan


def test_tiles_of_a_channel_attention_network_stay_close_to_the_whole_and_show_no_seam() -> None:
    tiled, whole, native, plan = tiled_and_whole(4_000_000)
    assert plan.num_tiles >= 4
    # Channel attention averages over the tile: the result differs, by less than a grey level on average.
    assert 0 < np.abs(tiled - whole).mean() < 0.5
    error = np.abs(tiled - native[:242, :322]).mean(2)
    near = np.zeros(error.shape, bool)
    for seam in {span.seam_after for span in plan.rows[:-1]}:
        near[seam * 2 - 8 : seam * 2 + 8] = True
    for seam in {span.seam_after for span in plan.columns[:-1]}:
        near[:, seam * 2 - 8 : seam * 2 + 8] = True
    assert error[near].mean() <= 1.05 * error[~near].mean()


def test_960x540_goes_through_a_compact_rcan_in_one_piece() -> None:
    upscaler = build_upscaler(random_rcan(3, 5, 32).state_dict(), precision="bfloat16")
    assert upscaler.plan(960, 540).num_tiles == 1


def compact(scale: int = 2) -> torch.nn.Module:
    """Another architecture that spandrel knows: Real-ESRGAN's compact network, convolutions only."""
    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Compact(num_feat=16, num_conv=4, upscale=scale).eval()


def test_another_architecture_is_imported_and_tiles_give_its_whole_result(artifacts: Path) -> None:
    card = import_upscaler(compact().state_dict(), id="compact-x2")
    assert (card.architecture, card.scale) == ("compact", 2)
    upscaler = load_upscaler("compact-x2", precision="float32")
    picture = scene(150, 90).astype(np.float32)
    whole = upscaler.enlarge(picture)
    with torch.inference_mode():
        expected = (
            compact()(torch.from_numpy(picture / 255).permute(2, 0, 1)[None])[0].permute(1, 2, 0).clip(0, 1) * 255
        )
    assert np.abs(whole - expected.numpy()).max() < TOLERANCE
    upscaler.memory_bytes = upscaler._forward.bytes_per_pixel * 3000
    assert upscaler.plan(150, 90).num_tiles >= 6
    # Without channel attention a margin of the receptive field makes tiles exact.
    assert np.abs(upscaler.enlarge(picture) - whole).max() < TOLERANCE


@pytest.mark.parametrize("size", [(1, 1), (101, 77), (151, 115), (300, 9)])
def test_any_target_size_follows_the_network_s_own_scale(size: tuple[int, int]) -> None:
    upscaler = build_upscaler(bilinear_rcan().state_dict())
    low = scene(51, 39)
    doubled = upscaler.upscale(low, (102, 78))
    assert np.array_equal(upscaler.upscale(low, size), resize(doubled, size, method="bicubic"))


def test_progress_rises_and_cancelling_stops_within_a_tile() -> None:
    upscaler = build_upscaler(bilinear_rcan(1, 4).state_dict())
    seen: list[float] = []
    upscaler.upscale(scene(30, 20), (60, 40), on_progress=lambda fraction, _: seen.append(fraction))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1 and len(seen) > 5

    def cancel(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    upscaler.memory_bytes = 1
    with pytest.raises(Cancelled):
        upscaler.upscale(scene(300, 200), (600, 400), on_progress=cancel)


def test_weights_of_no_known_network_are_refused(artifacts: Path) -> None:
    with pytest.raises(SnapshotError, match="of no upscaler that is known"):
        import_upscaler({"g_a.0.weight": torch.zeros(3, 3)}, id="what")
    assert list_snapshots() == []


def test_weights_that_do_not_fit_their_architecture_are_refused(
    golden_weights: dict[str, torch.Tensor], artifacts: Path
) -> None:
    golden_weights["body.0.body.1.body.2.weight"] = torch.zeros(16, 9, 3, 3)
    with pytest.raises(SnapshotError, match="do not fit"):
        import_upscaler(golden_weights, id="broken")


def test_a_network_for_grey_images_is_refused(artifacts: Path) -> None:
    from spandrel.architectures.Compact import Compact

    with pytest.raises(SnapshotError, match="1 input"):
        import_upscaler(Compact(num_in_ch=1, num_out_ch=1, num_feat=16, num_conv=2, upscale=2).state_dict(), id="grey")


def test_large_networks_are_stored_in_float16_and_small_ones_are_not(
    golden_weights: dict[str, torch.Tensor], artifacts: Path
) -> None:
    import_upscaler(golden_weights, id="small")
    assert {tensor.dtype for tensor in load_file(snapshot_path("small")).values()} == {torch.float32}
    large = random_rcan(2, 4, 64, reduction=16).state_dict()
    card = import_upscaler(large, id="large")
    assert card.parameters and card.parameters > 500_000
    stored = load_file(snapshot_path("large"))
    assert stored["body.0.body.0.body.0.weight"].dtype == torch.float16
    assert stored["sub_mean.bias"].dtype == torch.float32  # 114.4 in float16 would be off by 0.03
    import_upscaler(large, id="whole", half=False)
    picture = scene(40, 30).astype(np.float32)
    difference = load_upscaler("large", precision="float32").enlarge(picture)
    difference -= load_upscaler("whole", precision="float32").enlarge(picture)
    assert np.abs(difference).max() < 0.2


def test_rcan_means_the_snapshot_for_the_scale_and_says_how_to_get_it(artifacts: Path) -> None:
    with pytest.raises(SynthcompError, match=r"rcan-x2-games.*snapshot import"):
        parse_upscaler("rcan", scale=1.5)
    with pytest.raises(SynthcompError, match="rcan-x3-games"):
        parse_upscaler("rcan", scale=2.5)
    assert not next(info for info in list_upscalers() if info.id == "rcan").available
    import_upscaler(bilinear_rcan().state_dict(), id="rcan-x2-games")
    assert parse_upscaler("rcan", scale=1.5).id == "rcan-x2-games"
    assert next(info for info in list_upscalers() if info.id == "rcan").available
    # It is listed once, as what it is for.
    assert [info.id for info in list_upscalers() if "rcan" in info.id] == ["rcan"]


def test_a_snapshot_replaced_on_disk_is_loaded_anew(artifacts: Path) -> None:
    picture = scene(20, 20)
    import_upscaler(bilinear_rcan().state_dict(), id="one")
    before = parse_upscaler("one").upscale(picture, (40, 40))
    assert parse_upscaler("one") is parse_upscaler("one")
    import_upscaler(bilinear_rcan(disturbance=2.0).state_dict(), id="one")
    assert not np.array_equal(parse_upscaler("one").upscale(picture, (40, 40)), before)


def test_a_codec_s_snapshot_is_no_upscaler(artifacts: Path) -> None:
    card, tensors = random_model("bmshj2018-factorized")
    save_snapshot(card, tensors, path=snapshot_path("one"))
    with pytest.raises(SnapshotError, match="not an upscaler"):
        load_upscaler("one")


def test_an_absurd_size_is_refused() -> None:
    with pytest.raises(ImageError, match="at least 1"):
        build_upscaler(bilinear_rcan().state_dict()).upscale(scene(20, 20), (40, 0))


PEAK = """
from tests.peak import peak_bytes
import numpy as np
from synthcomp_core.upscalers.neural import build_upscaler
from tests.upscalers.networks import random_rcan
upscaler = build_upscaler(random_rcan(2, 3, 32).state_dict(), precision="auto")
image = np.random.default_rng(0).integers(0, 256, (540, 960, 3), dtype=np.uint8)
assert upscaler.upscale(image, (1920, 1080)).shape == (1080, 1920, 3)
print(peak_bytes())
"""


@pytest.mark.slow
def test_1080p_by_a_compact_rcan_peaks_below_two_gigabytes() -> None:
    finished = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 2e9
