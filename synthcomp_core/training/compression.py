"""Training of compression models, as :mod:`synthcomp_core.training.loop` carries it out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synthcomp_core.codecs.phases import HYPER_STRIDE
from synthcomp_core.errors import PlanError, SnapshotError
from synthcomp_core.metrics.psnr import decibels
from synthcomp_core.runtime import ensure_torchvision
from synthcomp_core.training.device_pixels import DevicePixels, fits, send
from synthcomp_core.training.forward import Noise, draw_noise, quantised_forward, train_forward
from synthcomp_core.training.gain import search_gain
from synthcomp_core.training.gdn import use_blocked_gdn
from synthcomp_core.training.identity import digest
from synthcomp_core.training.kind import Validation
from synthcomp_core.training.klt_start import linear_start
from synthcomp_core.training.loader import Bytes, PatchSampler, PixelCache, as_floats, to_tensor, validation_crops
from synthcomp_core.training.losses import RateDistortionLoss
from synthcomp_core.training.plan import KLT_START

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan

VALIDATION_SIDE = 256
GAIN_CROPS = 24
KLT_PATCHES = 512
TRANSFORMS = ("net.g_a.", "net.g_s.")
# Parts of a state dict that are computed from the weights, not trained.
TABLES = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")


class CompressionStep(nn.Module):
    """A model and its loss behind one ``forward``, as data-parallel wrappers want it.

    float32_latents: see :func:`~synthcomp_core.training.forward.train_forward`.
    """

    def __init__(
        self, net: nn.Module, loss: RateDistortionLoss, surrogate: str, *, float32_latents: bool = False
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.surrogate = surrogate
        self.float32_latents = float32_latents

    def forward(self, x: Tensor, noise_y: Tensor, noise_z: Tensor, entropy_only: bool) -> Tensor:
        """(loss, bpp, distortion) of a batch, (3,) float32; of the entropy model's steps (bpp, bpp, 0).

        x: (B, 3, H, W) in [0, 1], or (B, H, W, 3) uint8.
        """
        if x.dtype == torch.uint8:
            x = as_floats(x)
        result = train_forward(
            self.net,
            x,
            Noise(noise_y, noise_z),
            surrogate=self.surrogate,
            entropy_only=entropy_only,
            float32_latents=self.float32_latents,
        )
        bpp = result.bits_per_pixel()
        if entropy_only:
            return torch.stack((bpp, bpp, torch.zeros_like(bpp)))
        distortion = self.loss.distort(result.x_hat, x)
        return torch.stack((bpp + self.loss.lmbda * distortion, bpp, distortion))


def _crop_side(largest: int, shapes: Iterable[tuple[int, int]]) -> int:
    """The side of square crops of whole hyper-latents that fit into images of these (H, W)."""
    return min(largest, *(min(shape) // HYPER_STRIDE * HYPER_STRIDE for shape in shapes))


class CompressionTraining:
    """One compression model of a plan: how to build it, feed it, and judge it."""

    columns = ("loss", "bpp", "distortion")

    def __init__(self, plan: ModelPlan, train: PixelCache, validation: PixelCache) -> None:
        self.plan = plan
        self.loss = RateDistortionLoss(plan.lambda_value, plan.distortion)
        self.sampler = PatchSampler(train, plan.patch, plan.batch, plan.seed, augment=plan.augment)
        side = _crop_side(VALIDATION_SIDE, validation.shapes)
        self.crops = validation_crops(validation, side=side, per_image=plan.validation_crops)
        self.held_out = digest([self.crops])
        self.device: torch.device | None = None
        self.pixels: DevicePixels | None = None

    def move_data(self, device: torch.device) -> None:
        """Keep the images on ``device`` if they fit, and draw patches and noise there."""
        caches = [self.sampler.cache]
        self.device, self.pixels = device, DevicePixels(caches, device) if fits(caches, device) else None

    def build(self, start: dict[str, Tensor] | None) -> tuple[nn.Module, str]:
        """The model to train, from ``start`` when given, and a note on how the start was fitted to the plan."""
        plan = self.plan
        net = use_blocked_gdn(new_model(plan.architecture, plan.N, plan.M))
        if start is None and plan.init == KLT_START:
            linear_start(net, self._patches(), plan.lambda_value)
            return self._step(net), "from a cascaded KLT of the training images"
        if start is None:
            return self._step(net), "from random weights"
        weights = self._weights(start)
        note = f"from {plan.init}"
        # Parameters only: the constants among the buffers do not survive float16 (a likelihood floor of 1e-9 is 0).
        net.load_state_dict({**net.state_dict(), **weights})
        if plan.gain:
            net.eval()
            gain, loss = search_gain(net, to_tensor(self._gain_crops()), self.loss)
            note += f", latents times {gain:.3g} (loss {loss:.3f})"
        return self._step(net), note

    def _gain_crops(self) -> Bytes:
        """Crops of the first training images, by which the latents' gain is searched, (<= GAIN_CROPS, S, S, 3)."""
        cache = self.sampler.cache
        side = _crop_side(self.crops.shape[1], cache.shapes[:GAIN_CROPS])
        return validation_crops(cache, side=side, per_image=1, seed=1, first=GAIN_CROPS)

    def _step(self, net: nn.Module) -> CompressionStep:
        return CompressionStep(net, self.loss, self.plan.surrogate, float32_latents=self.device is not None)

    def _weights(self, start: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every parameter of the plan's network, from a start in any form that `snapshot import` takes.

        PlanError when the start is of another architecture or width, or lacks or adds a weight.
        """
        from synthcomp_core.codecs.checkpoints import codec_parameters

        plan = self.plan
        where = f"model {plan.id}: init {plan.init!r}"
        try:
            architecture, N, M, weights = codec_parameters(start)
        except SnapshotError as error:
            raise PlanError(f"{where} cannot be used. {error}") from None
        if architecture != plan.architecture:
            raise PlanError(f"{where} is {architecture}, the plan's architecture {plan.architecture}; choose another.")
        if M != plan.M:
            raise PlanError(
                f"{where} has M={M} latent channels, the plan M={plan.M}; set `M = {M}`, or begin from a model with "
                f"M={plan.M}."
            )
        if N != plan.N:
            raise PlanError(f"{where} has N={N} channels and does not fit N={plan.N}; set `N = {N}`.")
        return weights

    def _patches(self) -> Tensor:
        """The patches from which the KLT is computed, (KLT_PATCHES, 3, P, P) in [0, 1]."""
        steps = range(-(-KLT_PATCHES // self.plan.batch))
        return torch.cat([to_tensor(self.sampler.patches(step)) for step in steps])

    def batch(self, step: int, *, rank: int, world: int) -> tuple[Tensor | bool, ...]:
        """Patches and noise of one step for one of ``world`` processes, and whether it is the entropy model's."""
        plan, device = self.plan, self.device
        generator = torch.Generator(device or "cpu").manual_seed(plan.seed * 1_000_003 + step)
        channels = _Channels(plan.N, plan.M)
        noise = draw_noise(channels, plan.batch, plan.patch, plan.patch, generator, integers=device is not None)
        share = slice(rank * plan.batch // world, (rank + 1) * plan.batch // world)
        if device is not None and self.pixels is not None:
            x = self.pixels.patches(self.sampler, step, rank=rank, world=world)
        else:
            patches = self.sampler.patches(step, rank=rank, world=world)
            x = to_tensor(patches) if device is None else send(torch.from_numpy(patches), device)
        return x, noise.y[share], noise.z[share], step < plan.entropy_steps

    def auxiliary(self, module: nn.Module) -> tuple[list[nn.Parameter], Any] | None:
        """The quantiles and their loss: they only track the learnt density, outside the gradient of the rate."""
        bottleneck: Any = module.net.entropy_bottleneck  # type: ignore[union-attr]
        return [bottleneck.quantiles], bottleneck.loss

    def groups(self, module: nn.Module) -> list[list[nn.Parameter]]:
        """The entropy model's parameters, and the transforms'."""
        named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        transforms = [parameter for name, parameter in named if name.startswith(TRANSFORMS)]
        return [[parameter for name, parameter in named if not name.startswith(TRANSFORMS)], transforms]

    def factors(self, step: int) -> tuple[float, ...]:
        """The learning rate of each group relative to the plan's; the transforms' warms up when they join."""
        plan = self.plan
        joined = step - plan.entropy_steps
        warm = min(1.0, max(0, joined + 1) / max(1, plan.warmup)) if plan.entropy_steps else 1.0
        return 1.0, plan.transform_rate * warm

    def before_validation(self, module: nn.Module) -> None:
        """Set the quantiles to those of the learnt density (CompressAI's bisection; needs no data)."""
        bottleneck: Any = module.net.entropy_bottleneck  # type: ignore[union-attr]
        bottleneck._update_quantiles()

    def validate(self, module: nn.Module) -> Validation:
        """Loss, bpp and PSNR over the held-out crops, with the latents that a decoder rebuilds."""
        net = module.net
        device = next(net.parameters()).device  # type: ignore[union-attr]
        losses, rates, psnrs = [], [], []
        with torch.no_grad():
            for start in range(0, len(self.crops), 16):
                x = to_tensor(self.crops[start : start + 16]).to(device)
                result = quantised_forward(net, x)  # type: ignore[arg-type]
                bits = (result.bits_y + result.bits_z) / (x.shape[-1] * x.shape[-2])
                x_hat = (result.x_hat.clamp(0, 1) * 255).round() / 255
                for index in range(len(x)):
                    one, reference = x_hat[index : index + 1], x[index : index + 1]
                    losses.append(float(self.loss(one, reference, bits[index])))
                    rates.append(float(bits[index]))
                    mse = max(float(functional.mse_loss(one, reference)), 1e-10)
                    psnrs.append(decibels(mse, peak=1.0))
        count = len(losses)
        return Validation(sum(losses) / count, sum(psnrs) / count, sum(rates) / count)

    def state_dict(self, module: nn.Module) -> dict[str, Tensor]:
        """CompressAI's state dict without tables, to be saved."""
        state = module.net.state_dict()  # type: ignore[union-attr]
        return {name: value for name, value in state.items() if name.split(".")[-1] not in TABLES}


class _Channels:
    """Takes a model's place where only its channel counts matter."""

    def __init__(self, N: int, M: int) -> None:
        self.N, self.M = N, M


def new_model(architecture: str, N: int, M: int) -> nn.Module:
    """A CompressAI model with random weights; only mbt2018 has the context model this trainer knows."""
    ensure_torchvision()
    from compressai.models import JointAutoregressiveHierarchicalPriors

    if architecture != "mbt2018":
        raise PlanError(f"architecture {architecture!r} cannot be trained here; use 'mbt2018'.")
    model: nn.Module = JointAutoregressiveHierarchicalPriors(N, M)
    return model
