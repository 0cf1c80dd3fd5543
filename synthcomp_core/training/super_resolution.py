"""Training of RCAN upscalers: on uncoded images, or on decoded ones (codec-aware).

The network is spandrel's RCAN class. The low-resolution input is the image made smaller by the product's own
bicubic; for codec-aware training whole frames have also gone through the codecs of ``behind``, as bitstreams,
once, before the first step: the upscaler then learns from exactly what it will be given.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from synthcomp_core.errors import PlanError, reason_of
from synthcomp_core.images import Image, crop, resize
from synthcomp_core.library.snapshots import find_snapshot
from synthcomp_core.metrics.psnr import decibels
from synthcomp_core.runtime import ensure_torchvision
from synthcomp_core.training.device_pixels import DevicePixels, fits, send
from synthcomp_core.training.forward import float32_region
from synthcomp_core.training.identity import digest
from synthcomp_core.training.kind import Validation
from synthcomp_core.training.loader import PatchSampler, as_floats, open_cache, to_tensor
from synthcomp_core.upscalers.edsr import in_edsr_layout, without_mean_shift

if TYPE_CHECKING:
    from synthcomp_core.training.plan import ModelPlan

VALIDATION_SIDE = 240  # Of the high-resolution crop: a multiple of 2, 3 and 4.


class SuperResolutionStep(nn.Module):
    """RCAN and its L1 loss behind one ``forward``."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """(loss, MSE) of a batch; low (B, 3, h, w), high (B, 3, h scale, w scale) in [0, 1]; or bytes, as decoded."""
        if low.dtype == torch.uint8:
            low, high = as_floats(low), as_floats(high)
        result = upscale(self.net, low)
        return torch.stack((functional.l1_loss(result, high), functional.mse_loss(result.detach(), high)))


def upscale(net: nn.Module, low: Tensor) -> Tensor:
    """RCAN's forward over (B, 3, H, W) in [0, 1] to (B, 3, scale H, scale W) float32, not clipped.

    Its first and last layer are in float32: bfloat16 has only 8 bits for a pixel's value.
    """
    rcan: Any = net
    device = low.device.type
    with float32_region(device):
        head = rcan.head(rcan.sub_mean(low.float() * rcan.rgb_range))
    features = rcan.body(head) + head
    features = rcan.tail[0](features)
    with float32_region(device):
        result: Tensor = rcan.add_mean(rcan.tail[1](features.float())) / rcan.rgb_range
        return result


class SuperResolutionTraining:
    """One upscaler of a plan."""

    columns = ("loss", "mse")

    def __init__(self, plan: ModelPlan, train: list[Path], held: list[Path], cache: Path) -> None:
        self.plan = plan
        degradations: list[str | None] = [None, *plan.behind]
        sources = [open_cache(train, cache, **_degradation(plan.scale, codec)) for codec in degradations]
        target = open_cache(train, cache, **_whole(plan.scale))
        self.sources = sources
        self.sampler = PatchSampler(target, plan.patch, plan.batch, plan.seed, rotate=True)
        held_target = open_cache(held, cache, **_whole(plan.scale))
        # Multiples of 12, so that every scale divides them.
        side = min(VALIDATION_SIDE, *(min(shape) // 12 * 12 for shape in held_target.shapes))
        held_sampler = PatchSampler(held_target, side, plan.validation_crops * len(held), seed=0)
        judged = degradations[1:] if plan.behind else degradations
        self.crops = [
            held_sampler.paired(0, [open_cache(held, cache, **_degradation(plan.scale, codec))], scale=plan.scale)
            for codec in judged
        ]
        self.held_out = digest(images for pair in self.crops for images in pair)
        self.device: torch.device | None = None
        self.pixels: tuple[DevicePixels, DevicePixels] | None = None

    def move_data(self, device: torch.device) -> None:
        """Keep the images, inputs and targets, on ``device`` if they fit, and cut patches there."""
        self.device = device
        if fits([self.sampler.cache, *self.sources], device):
            self.pixels = DevicePixels(self.sources, device), DevicePixels([self.sampler.cache], device)

    def build(self, start: dict[str, Tensor] | None) -> tuple[nn.Module, str]:
        """The network, from ``start`` or begun as an interpolation."""
        plan = self.plan
        net = new_rcan(plan.scale, plan.channels, plan.groups, plan.blocks, plan.reduction)
        if start is None:
            begin_as_interpolation(net)
            return SuperResolutionStep(net), "begun as quadratic interpolation"
        weights = without_mean_shift(in_edsr_layout(start))
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise PlanError(
                f"model {plan.id}: init {plan.init!r} does not fit an RCAN of its channels, groups, blocks and "
                f"reduction ({reason_of(error)})."
            ) from None
        return SuperResolutionStep(net), f"from {plan.init}"

    def batch(self, step: int, *, rank: int, world: int) -> tuple[Tensor | bool, ...]:
        """Low- and high-resolution patches of one step for one of ``world`` processes."""
        scale, sampler = self.plan.scale, self.sampler
        first = self.plan.clean if self.plan.behind else 1.0
        if self.pixels is not None:
            places = sampler.places(step, self.sources, scale=scale, rank=rank, world=world, first=first)
            low_pixels, high_pixels = self.pixels
            return low_pixels.cut(places, sampler.patch // scale), high_pixels.cut(places, sampler.patch, scale=scale)
        high, low = sampler.paired(step, self.sources, scale=scale, rank=rank, world=world, first=first)
        if self.device is not None:
            return send(torch.from_numpy(low), self.device), send(torch.from_numpy(high), self.device)
        return to_tensor(low), to_tensor(high)

    def auxiliary(self, module: nn.Module) -> tuple[list[nn.Parameter], Any] | None:
        """None: an upscaler has no entropy model."""
        return None

    def groups(self, module: nn.Module) -> list[list[nn.Parameter]]:
        """All parameters that are trained, at one rate."""
        return [[parameter for parameter in module.parameters() if parameter.requires_grad]]

    def factors(self, step: int) -> tuple[float, ...]:
        """The learning rate of each group, relative to the plan's."""
        return (1.0,)

    def before_validation(self, module: nn.Module) -> None:
        """Nothing: all of an upscaler's weights are trained."""

    def validate(self, module: nn.Module) -> Validation:
        """L1 and mean PSNR of 8-bit results over the held-out crops (behind the codecs, when there are any)."""
        device = next(module.parameters()).device
        losses, psnrs = [], []
        with torch.no_grad():
            for high, low in self.crops:
                for index in range(len(high)):
                    reference = to_tensor(high[index : index + 1]).to(device)
                    result = upscale(module.net, to_tensor(low[index : index + 1]).to(device))  # type: ignore[arg-type]
                    losses.append(float(functional.l1_loss(result, reference)))
                    rounded = (result.clamp(0, 1) * 255).round() / 255
                    mse = max(float(functional.mse_loss(rounded, reference)), 1e-10)
                    psnrs.append(decibels(mse, peak=1.0))
        return Validation(float(np.mean(losses)), float(np.mean(psnrs)))

    def state_dict(self, module: nn.Module) -> dict[str, Tensor]:
        """The network's state dict."""
        return module.net.state_dict()  # type: ignore[union-attr]


def new_rcan(scale: int, channels: int, groups: int, blocks: int, reduction: int) -> nn.Module:
    """spandrel's RCAN without mean shift (it would fold into the first and last bias), with random weights."""
    ensure_torchvision()
    # The name begins with two underscores: an import statement inside a class would mangle it.
    arch = importlib.import_module("spandrel.architectures.RCAN.__arch.rcan_arch")
    network: nn.Module = arch.RCAN(
        scale=scale, n_resgroups=groups, n_resblocks=blocks, n_feats=channels, reduction=reduction, norm=False
    )
    return network


@torch.no_grad()
def begin_as_interpolation(net: nn.Module, *, quiet: float = 0.0) -> None:
    """Set the outer layers so that the untrained network interpolates, and learns the difference.

    Features 0..2 carry the image; the upsampling layers compute each sub-pixel by the quadratic through three
    neighbours (Lagrange weights); what the body and the other features add is multiplied by ``quiet``.
    """
    rcan: Any = net
    head, body_end, last = rcan.head[0], rcan.body[-1], rcan.tail[1]
    head.weight[:3] = 0
    head.bias[:3] = 0
    for channel in range(3):
        head.weight[channel, channel, 1, 1] = 1
    body_end.weight.mul_(quiet)
    body_end.bias.mul_(quiet)
    last.weight.mul_(quiet)
    last.bias.zero_()
    last.weight[:, :3] = 0
    for channel in range(3):
        last.weight[channel, channel, 1, 1] = 1
    for index in range(0, len(rcan.tail[0]), 2):
        conv, factor = rcan.tail[0][index], rcan.tail[0][index + 1].upscale_factor
        offsets = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
        taps = torch.tensor([[t * (t - 1) / 2, 1 - t * t, t * (t + 1) / 2] for t in offsets])
        conv.weight[: 3 * factor**2] = 0
        conv.bias[: 3 * factor**2] = 0
        for channel in range(3):
            for row in range(factor):
                for column in range(factor):
                    output = channel * factor**2 + row * factor + column
                    conv.weight[output, channel] = torch.outer(taps[row], taps[column])


def _whole(scale: int) -> dict[str, Any]:
    """Arguments of open_cache for the targets: images cut to multiples of the scale."""

    def cut(image: Image) -> Image:
        return crop(image, image.shape[1] // scale * scale, image.shape[0] // scale * scale)

    return {"transform": cut, "tag": f"multiple of {scale}"}


def _degradation(scale: int, codec_id: str | None) -> dict[str, Any]:
    """Arguments of open_cache for inputs: made smaller by ``scale`` and, behind a codec, coded and decoded."""
    tag = f"bicubic 1/{scale}"
    if codec_id is None:
        return {"transform": _smaller(scale), "tag": tag}
    from synthcomp_core.codecs import list_learned, parse_codec

    if codec_id in {card.id for card in list_learned()}:
        tag += f" behind {codec_id} {find_snapshot(codec_id).sha256}"
    else:
        tag += f" behind {codec_id}"

    def degrade(image: Image) -> Image:
        codec = parse_codec(codec_id)
        return codec.decode(codec.encode(_smaller(scale)(image)))

    return {"transform": degrade, "tag": tag}


def _smaller(scale: int) -> Callable[[Image], Image]:
    def shrink(image: Image) -> Image:
        return resize(image, (image.shape[1] // scale, image.shape[0] // scale), method="bicubic")

    return shrink
