"""What a GPU trains by - patches cut on the device, late readings, skipped steps - held to what a CPU does at once."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision

from synthcomp_core.errors import PlanError, SynthcompError
from synthcomp_core.images import write_png
from synthcomp_core.training import runner
from synthcomp_core.training.compression import CompressionTraining, new_model
from synthcomp_core.training.device_pixels import DevicePixels, fits
from synthcomp_core.training.forward import Noise, draw_noise, train_forward
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.loader import PatchSampler, PixelCache, open_cache
from synthcomp_core.training.loop import LOG_EVERY, Trainer
from synthcomp_core.training.plan import ModelPlan, TrainingPlan, read_training_plan
from synthcomp_core.training.runner import launch, make_training, train_models
from tests.training.conftest import write_plan

CPU = torch.device("cpu")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
RCAN: dict[str, Any] = {
    "task": "super-resolution", "architecture": "rcan", "channels": 8, "groups": 1, "blocks": 1, "reduction": 4,
    "patch": 32,
}  # fmt: skip


def cache_of(tmp_path: Path) -> PixelCache:
    files = []
    for seed in range(3):
        files.append(tmp_path / f"{seed}.png")
        write_png(generated_image(seed, width=100 + 16 * seed, height=72 + 8 * seed), files[-1])
    return open_cache(files, tmp_path / "cache")


def tiny_plan(tmp_path: Path, **changes: Any) -> TrainingPlan:
    plan = read_training_plan(write_plan(tmp_path, steps=12))
    return dataclasses.replace(plan, models=(dataclasses.replace(plan.models[0], **changes),))


def trainer_of(plan: TrainingPlan, folder: Path, *, on_device: bool, fabric: Any = None, **options: Any) -> Trainer:
    folder.mkdir(parents=True, exist_ok=True)
    training = make_training(plan, plan.models[0])
    return Trainer(training, folder, fabric or launch(plan.device), on_device=on_device, **options)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    """All that a step may change: weights, averaged weights, and both optimisers' moments and counts."""
    context = getattr(trainer.raw.net, "context_prediction", None)
    if context is not None:
        context.weight.data.mul_(context.mask)  # As CompressAI's layer does it whenever it is called.
    found = {f"raw.{name}": value for name, value in trainer.raw.state_dict().items()}
    found |= {f"averaged.{name}": value for name, value in trainer.averaged.state_dict().items()}
    for kind, optimizer in (("main", trainer.optimizer.optimizer), ("auxiliary", trainer.auxiliary)):
        if optimizer is not None:
            for number, state in optimizer.state_dict()["state"].items():
                found |= {f"{kind}.{number}.{name}": value for name, value in state.items()}
    return {name: value.clone() for name, value in found.items()}


def make_losses_nan(trainer: Trainer, steps: set[int]) -> None:
    """Let the distortion of these steps (1 is the first) be NaN."""
    loss: Any = trainer.raw.loss
    step_of = iter(range(1, 10**6))

    class Sometimes:
        lmbda = loss.lmbda

        def distort(self, x_hat: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            value: torch.Tensor = loss.distort(x_hat, x)
            return value * (math.nan if next(step_of) in steps else 1.0)

    trainer.raw.loss = Sometimes()  # type: ignore[assignment]


@pytest.mark.parametrize("device", DEVICES)
def test_patches_cut_on_the_device_are_those_of_the_cpu(tmp_path: Path, device: str) -> None:
    cache = cache_of(tmp_path)
    pixels = DevicePixels([cache], torch.device(device))
    sampler = PatchSampler(cache, 64, 4, seed=7)
    for step, rank in ((0, 0), (5, 1)):
        ours = pixels.patches(sampler, step, rank=rank, world=2)
        np.testing.assert_array_equal(ours.cpu().numpy(), sampler.patches(step, rank=rank, world=2))


@pytest.mark.parametrize("device", DEVICES)
def test_pairs_cut_on_the_device_come_from_the_same_sources_turned_alike(tmp_path: Path, device: str) -> None:
    cache = cache_of(tmp_path)
    files = sorted(tmp_path.glob("*.png"))
    inputs = [
        open_cache(files, tmp_path / "cache", transform=lambda image: image[::2, ::2], tag="second"),
        open_cache(files, tmp_path / "cache", transform=lambda image: 255 - image[::2, ::2], tag="negative"),
    ]
    sampler = PatchSampler(cache, 32, 16, seed=3, rotate=True)
    places = sampler.places(4, inputs, scale=2, first=0.5)
    assert set(places.sources) == {0, 1} and all(set(column) == {0, 1} for column in places.turns.T)
    high, low = sampler.paired(4, inputs, scale=2, first=0.5)
    where = torch.device(device)
    np.testing.assert_array_equal(DevicePixels(inputs, where).cut(places, 16).cpu().numpy(), low)
    np.testing.assert_array_equal(DevicePixels([cache], where).cut(places, 32, scale=2).cpu().numpy(), high)


@pytest.mark.parametrize("device", DEVICES)
def test_patches_augmented_on_the_device_are_those_of_the_cpu_but_for_rounding(tmp_path: Path, device: str) -> None:
    cache = cache_of(tmp_path)
    pixels = DevicePixels([cache], torch.device(device))
    for augment in (("transpose", "channels", "gamma"), ("downscale", "transpose", "channels", "gamma")):
        sampler = PatchSampler(cache, 40, 32, 7, augment=augment)
        drawn = [sampler.augmented_place(2, sample) for sample in range(32)]
        assert {place.mirrored for place in drawn} == {True, False}
        assert (max(place.side for place in drawn) > 60) == ("downscale" in augment)
        ours = pixels.patches(sampler, 2, rank=0, world=1).cpu().numpy().astype(int)
        difference = np.abs(ours - sampler.patches(2))
        if "downscale" in augment:
            assert difference.max() <= 1 and (difference > 0).mean() < 1e-3
        else:
            assert difference.max() == 0


@pytest.mark.parametrize(
    "changes",
    [{}, {"augment": ("transpose", "channels", "gamma"), "entropy_steps": 3}, RCAN],
    ids=["compression", "augmented", "super-resolution"],
)
def test_late_reading_gives_the_weights_and_log_of_reading_at_once(
    tmp_path: Path, artifacts: Path, changes: dict[str, Any]
) -> None:
    plan = tiny_plan(tmp_path, **changes)
    late, at_once = (trainer_of(plan, tmp_path / str(kind), on_device=kind) for kind in (True, False))
    assert late.training.batch(0, rank=0, world=1)[0].dtype == torch.uint8  # type: ignore[union-attr]
    assert late.run().skipped == 0
    at_once.run()
    expected = weights(at_once)
    for name, value in weights(late).items():
        torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-3, msg=name)
    logs = [(tmp_path / kind / "log.csv").read_text().splitlines() for kind in ("True", "False")]
    for one, other in zip(*logs, strict=True):
        assert one.split(",")[:3] == other.split(",")[:3]
    readings = [trainer.readings.peek().means for trainer in (late, at_once)]
    assert readings[0] == pytest.approx(readings[1], rel=1e-4)


def test_stopped_and_resumed_on_the_device_gives_the_same_weights_and_counts(tmp_path: Path, artifacts: Path) -> None:
    plan = tiny_plan(tmp_path, checkpoint_every=4)
    whole = trainer_of(plan, tmp_path / "whole", on_device=True)
    make_losses_nan(whole, {3})
    assert whole.run().skipped == 1
    broken = trainer_of(plan, tmp_path / "broken", on_device=True)
    make_losses_nan(broken, {3})
    broken.run(until=lambda: broken.step == 10)
    resumed = trainer_of(plan, tmp_path / "broken", on_device=True)
    assert resumed.step == 8
    assert resumed.run().skipped == 1
    expected = weights(whole)
    for name, value in weights(resumed).items():
        assert torch.equal(value, expected[name]), name
    assert resumed.readings.peek() == whole.readings.peek()


def test_a_checkpoint_of_a_cpu_goes_on_on_the_device(tmp_path: Path, artifacts: Path) -> None:
    plan = tiny_plan(tmp_path, checkpoint_every=4)
    begun = trainer_of(plan, tmp_path / "run", on_device=False)
    begun.run(until=lambda: begun.step == 4)
    resumed = trainer_of(plan, tmp_path / "run", on_device=True)
    assert resumed.step == 4 and resumed.auxiliary is not None and resumed.auxiliary.param_groups[0]["fused"]
    resumed.run()
    whole = trainer_of(plan, tmp_path / "whole", on_device=False)
    whole.run()
    expected = weights(whole)
    for name, value in weights(resumed).items():
        torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-3, msg=name)


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(tmp_path: Path, artifacts: Path) -> None:
    trainer = trainer_of(tiny_plan(tmp_path, steps=60), tmp_path / "run", on_device=True)
    make_losses_nan(trainer, {4, 5, 8})
    trainer.advance(3)
    before = weights(trainer)
    trainer.advance(2)
    for name, value in weights(trainer).items():
        assert torch.equal(value, before[name]), name
    reading = trainer.readings.peek()
    assert (trainer.step, reading.skipped, reading.streak) == (5, 2, 2) and math.isnan(reading.loss)
    trainer.advance(1)
    assert not torch.equal(weights(trainer)["raw.net.g_a.0.weight"], before["raw.net.g_a.0.weight"])
    stages: list[str] = []
    trained = trainer.run(lambda fraction, stage: stages.append(stage))
    assert trained.skipped == 3
    assert "3 skipped (not finite)" in stages[0] and "nan" not in stages[0]
    rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    train = {row[2]: float(row[3]) for row in rows if row[:2] == ["50", "train"]}
    assert train["skipped"] == 3 and 0 < train["loss"] < 1e6


def test_a_gradient_that_is_not_finite_is_skipped_though_the_loss_is(tmp_path: Path, artifacts: Path) -> None:
    trainer = trainer_of(tiny_plan(tmp_path), tmp_path / "run", on_device=True)
    trainer.advance(2)
    before = weights(trainer)
    weight: Any = trainer.raw.net.g_s[2].weight  # type: ignore[union-attr,index]
    hook = weight.register_hook(lambda gradient: gradient * math.inf)
    trainer.advance(1)
    hook.remove()
    for name, value in weights(trainer).items():
        assert torch.equal(value, before[name]), name
    assert math.isfinite(trainer.readings.peek().loss) and trainer.readings.peek().skipped == 1


def test_as_many_steps_that_are_not_finite_as_are_read_at_once_end_the_training(
    tmp_path: Path, artifacts: Path
) -> None:
    trainer = trainer_of(tiny_plan(tmp_path, steps=200, validate_every=200), tmp_path / "run", on_device=True)
    make_losses_nan(trainer, set(range(21, 201)))
    with pytest.raises(SynthcompError, match=rf"tiny-codec: the loss is nan at step {2 * LOG_EVERY}; the last check"):
        trainer.run()  # After 50 steps 30 of the last were not finite, after 100 all of the last 50 and more.
    short = trainer_of(tiny_plan(tmp_path), tmp_path / "short", on_device=True)
    make_losses_nan(short, set(range(1, 13)))
    with pytest.raises(SynthcompError, match="tiny-codec: the loss is nan at step 12; the last checkpoint is kept"):
        short.run()


def test_the_snapshot_of_a_training_with_skipped_steps_says_so(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnDevice(Trainer):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options, on_device=True)
            make_losses_nan(self, {2})

    monkeypatch.setattr(runner, "Trainer", OnDevice)
    card = train_models(tiny_plan(tmp_path))[0].card
    assert card is not None and card.notes is not None
    assert card.notes.endswith("1 step skipped, loss or gradient not finite.")


def test_under_bfloat16_the_layers_beside_the_latents_and_the_images_stay_float32(tmp_path: Path) -> None:
    training = CompressionTraining(
        ModelPlan(id="a", data=("d",), steps=9, quality=4, N=8, M=12, patch=64, batch=2),
        cache_of(tmp_path), cache_of(tmp_path),
    )  # fmt: skip
    training.move_data(CPU)
    module: Any = training.build(None)[0]
    seen: dict[str, torch.dtype] = {}
    for name, layer in module.net.named_modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            layer.register_forward_hook(lambda layer, inputs, output, name=name: seen.update({name: output.dtype}))
    distort, targets = module.loss.distort, []
    object.__setattr__(module.loss, "distort", lambda x_hat, x: targets.append(x) or distort(x_hat, x))
    fabric = Fabric(accelerator="cpu", precision="bf16-mixed")
    x, *others = training.batch(0, rank=0, world=1)
    parts = fabric.setup(module)(x, *others)
    assert {name for name in seen if seen[name] == torch.float32} == {"g_a.6", "g_s.0"}
    assert len(seen) == 18 and set(seen.values()) == {torch.float32, torch.bfloat16}
    # Fabric makes floats bfloat16 before the module; bytes become floats behind that.
    assert torch.equal(targets[0], x.permute(0, 3, 1, 2).float() / 255)  # type: ignore[union-attr]
    assert bool(torch.isfinite(parts).all())


def test_float32_latents_change_nothing_in_float32() -> None:
    torch.manual_seed(0)
    net = new_model("mbt2018", 8, 12)
    x = torch.rand(1, 3, 64, 64)
    noise = draw_noise(net, 1, 64, 64, torch.Generator().manual_seed(3))
    plain, other = (train_forward(net, x, noise, float32_latents=kind) for kind in (False, True))
    assert torch.equal(plain.x_hat, other.x_hat) and torch.equal(plain.bits_y, other.bits_y)


def test_whole_numbers_of_noise_stand_for_even_numbers_around_zero() -> None:
    torch.manual_seed(0)
    net = new_model("mbt2018", 8, 12)
    numbers = draw_noise(net, 4, 64, 64, torch.Generator().manual_seed(3), integers=True)
    assert numbers.y.dtype == torch.int32 and int(numbers.y.min()) >= 0 and int(numbers.y.max()) < 2**24
    floats = Noise(numbers.y / 2**24 - 0.5, numbers.z / 2**24 - 0.5)
    assert abs(float(floats.y.mean())) < 0.03 and abs(float(floats.y.var()) - 1 / 12) < 0.01
    x = torch.rand(4, 3, 64, 64)
    assert torch.equal(train_forward(net, x, numbers).bits_y, train_forward(net, x, floats).bits_y)


def test_float16_is_scaled_clipped_and_goes_on_after_an_overflow(tmp_path: Path, artifacts: Path) -> None:
    def fabric() -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, growth_interval=10**6)
        precision = MixedPrecision("16-mixed", "cpu", scaler)
        precision.forward_context = torch.enable_grad  # type: ignore[method-assign]  # Scaling alone: in float32.
        precision.convert_input = lambda data: data  # type: ignore[method-assign]
        return Fabric(accelerator="cpu", plugins=[precision])

    plan = tiny_plan(tmp_path, checkpoint_every=4)
    scaled = trainer_of(plan, tmp_path / "scaled", on_device=True, fabric=fabric())
    plain = trainer_of(plan, tmp_path / "plain", on_device=True)
    for trainer in (scaled, plain):
        make_losses_nan(trainer, {3})
    scaled.run(until=lambda: scaled.step == 8)
    plain.run(until=lambda: plain.step == 8)
    expected = weights(plain)
    for name, value in weights(scaled).items():
        torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-3, msg=name)
    assert scaled.readings.peek().skipped == 1
    assert scaled.fabric.strategy.precision.scaler.get_scale() == 2.0**7  # Halved by the overflow.
    resumed = trainer_of(plan, tmp_path / "scaled", on_device=True, fabric=fabric())
    assert resumed.fabric.strategy.precision.scaler.get_scale() == 2.0**7


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_compiled_step_is_one_graph_with_the_weights_of_a_plain_one(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch, precision: Literal["32-true", "bf16-mixed"]
) -> None:
    torch.compiler.reset()
    graphs = []
    compile_module = torch.compile

    def counted(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    # Not the real back end, whose compiler takes minutes: what matters here is that the step can be traced whole.
    monkeypatch.setattr(torch, "compile", lambda module, **_: compile_module(module, backend=counted, fullgraph=True))
    plan = tiny_plan(tmp_path, entropy_steps=3)
    plan = dataclasses.replace(plan, device=dataclasses.replace(plan.device, precision=precision))
    compiled = trainer_of(plan, tmp_path / "compiled", on_device=True, compile_module=True)
    plain = trainer_of(plan, tmp_path / "plain", on_device=True)
    compiled.advance(6)
    plain.advance(6)
    assert len(graphs) == 2  # Of the entropy model's steps, and of whole ones.
    expected = weights(plain)
    for name, value in weights(compiled).items():
        torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-3, msg=name)


def test_a_compiler_that_fails_costs_a_sentence(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_module = torch.compile

    def broken(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("no Triton here")

    monkeypatch.setattr(torch, "compile", lambda module, **_: compile_module(module, backend=broken))
    plan = tiny_plan(tmp_path)
    plan = dataclasses.replace(plan, device=dataclasses.replace(plan.device, compile=True))
    with pytest.raises(PlanError, match=r"`device.compile` is true, but .*no Triton here.*; set `compile = false`\.$"):
        train_models(plan)


def test_images_go_to_a_gpu_only_if_half_of_its_free_memory_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_of(tmp_path)
    size = cache.pixels.nbytes
    gpu = torch.device("cuda")
    for free, expected in ((2 * size, True), (2 * size - 2, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10 * size))
        assert fits([cache], gpu) is expected
    assert fits([cache], CPU)


def test_images_that_do_not_fit_are_cut_on_the_cpu_and_sent(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("compression", "super_resolution"):
        monkeypatch.setattr(f"synthcomp_core.training.{module}.fits", lambda caches, device: False)
    for changes in ({}, RCAN):
        training = make_training(tiny_plan(tmp_path, **changes), tiny_plan(tmp_path, **changes).models[0])
        expected = training.batch(3, rank=0, world=1)[0]
        training.move_data(CPU)
        assert training.pixels is None  # type: ignore[attr-defined]
        sent = training.batch(3, rank=0, world=1)[0]
        assert torch.equal(sent.permute(0, 3, 1, 2) / 255, expected)  # type: ignore[union-attr,arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_trains_without_waiting_and_its_loss_falls(tmp_path: Path, artifacts: Path) -> None:
    plan = tiny_plan(tmp_path, steps=300, validate_every=300, checkpoint_every=300)
    plan = dataclasses.replace(plan, device=dataclasses.replace(plan.device, accelerator="cuda", precision="auto"))
    trainer = trainer_of(plan, tmp_path / "run", on_device=True)
    before = trainer.validate()
    trainer.advance(3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.advance(20)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    trained = trainer.run()
    assert trained.skipped == 0 and trained.validation.loss < 0.9 * before.loss
