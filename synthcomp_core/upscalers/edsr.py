"""EDSR (Lim et al. 2017), which spandrel has not; and BasicSR's files of EDSR and RCAN by EDSR-PyTorch's names.

Layout of the names: ``head.0``, ``body.B.body.{0,2}``, ``body.BLOCKS`` (behind the blocks), ``tail.0.*`` (upsampling),
``tail.1``, and ``sub_mean``, ``add_mean`` around it all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from synthcomp_core.errors import SnapshotError

# Mean colour of DIV2K, which both projects subtract, at the range 255 of both projects' published weights.
MEAN = (0.4488, 0.4371, 0.4040)
RANGE = 255.0
_ONE_RANGE = 2.0  # The mean shift's largest bias is 0.45 for images in [0, 1] and 114 for those in [0, 255].
# EDSR-PyTorch's paper models: 256 features, 32 blocks, residuals times 0.1; its baselines (64, 16) times 1.
_WIDE, _WIDE_RES_SCALE = 256, 0.1
_BASICSR = {"conv_first.weight", "conv_after_body.weight", "conv_last.weight"}
_ENDS = {"conv_first": "head.0", "conv_last": "tail.1", "upsample": "tail.0"}


def in_edsr_layout(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BasicSR's EDSR or RCAN by EDSR-PyTorch's names, with the mean shift that BasicSR keeps out of its files.

    Any other state dict as it is. The function of the network stays the same (BasicSR's ``img_range`` taken for 255,
    its default and that of its published weights).
    """
    if not set(state_dict) >= _BASICSR or not any(
        name.startswith(("body.0.conv1.", "body.0.residual_group.")) for name in state_dict
    ):
        return dict(state_dict)
    groups = 1 + max(int(match[1]) for name in state_dict if (match := re.match(r"body\.(\d+)\.", name)))
    blocks = [int(match[1]) for name in state_dict if (match := re.match(r"body\.0\.residual_group\.(\d+)\.", name))]
    num_blocks = 1 + max(blocks, default=0)
    named = {_edsr_name(name, groups, num_blocks): tensor for name, tensor in state_dict.items()}
    identity = torch.eye(3).reshape(3, 3, 1, 1)
    shift = RANGE * torch.tensor(MEAN)
    return {
        **named,
        "sub_mean.weight": identity,
        "sub_mean.bias": -shift,
        "add_mean.weight": identity.clone(),
        "add_mean.bias": shift,
    }


def _edsr_name(name: str, groups: int, blocks: int) -> str:
    for theirs, ours in _ENDS.items():
        if name.startswith(f"{theirs}."):
            return ours + name.removeprefix(theirs)
    name = name.replace("conv_after_body.", f"body.{groups}.")
    name = re.sub(r"^body\.(\d+)\.conv1\.", r"body.\1.body.0.", name)
    name = re.sub(r"^body\.(\d+)\.conv2\.", r"body.\1.body.2.", name)
    name = re.sub(r"^body\.(\d+)\.residual_group\.(\d+)\.rcab\.", r"body.\1.body.\2.body.", name)
    name = name.replace(".body.3.attention.1.", ".body.3.conv_du.0.").replace(
        ".body.3.attention.3.", ".body.3.conv_du.2."
    )
    return re.sub(r"^body\.(\d+)\.conv\.", rf"body.\1.body.{blocks}.", name)


def without_mean_shift(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in EDSR-PyTorch's layout as those of the same network on images in [0, 1] without its mean shift.

    The shift and the range go into the first and last convolution, which is exact but for the border: there, the
    padding stood for the mean colour and now stands for black. Weights without a mean shift are only made float32.
    """
    weights = {name: tensor.float() for name, tensor in state_dict.items()}
    if "sub_mean.bias" not in weights:
        return weights
    before, behind = weights.pop("sub_mean.bias"), weights.pop("add_mean.bias")
    weights.pop("sub_mean.weight"), weights.pop("add_mean.weight")
    scale = 1.0 if float(before.abs().max()) < _ONE_RANGE else RANGE
    first, last = weights["head.0.weight"], weights["tail.1.weight"]
    weights["head.0.bias"] = weights["head.0.bias"] + (first.sum(dim=(2, 3)) @ before)
    weights["head.0.weight"], weights["tail.1.weight"] = first * scale, last / scale
    weights["tail.1.bias"] = (weights["tail.1.bias"] + behind) / scale
    return weights


def is_edsr(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of EDSR-PyTorch's EDSR: residual blocks of two convolutions and nothing else."""
    block = {int(match[1]) for name in state_dict if (match := re.match(r"body\.0\.body\.(\d+)\.", name))}
    return {"head.0.weight", "tail.1.weight"} <= set(state_dict) and block == {0, 2}


def residual_scale(features: int) -> float:
    """What the published EDSRs of a width multiply their residuals by; the weights do not tell."""
    return _WIDE_RES_SCALE if features >= _WIDE else 1.0


class Edsr(nn.Module):
    """EDSR on (B, 3, h, w) in [0, 1] to (B, 3, h scale, w scale); parameters by EDSR-PyTorch's names."""

    def __init__(self, *, scale: int, features: int, blocks: int, res_scale: float = 1.0) -> None:
        super().__init__()
        self.scale, self.res_scale, self.rgb_range = scale, res_scale, RANGE
        self.sub_mean, self.add_mean = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.head = nn.Sequential(_convolution(3, features))
        self.body = nn.Sequential(*(_Block(features) for _ in range(blocks)), _convolution(features, features))
        steps: list[nn.Module] = []
        for factor in _factors(scale):
            steps += [_convolution(features, factor**2 * features), nn.PixelShuffle(factor)]
        self.tail = nn.Sequential(nn.Sequential(*steps), _convolution(features, 3))

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.head(self.sub_mean(x * self.rgb_range))
        stream = shallow
        *blocks, last = self.body
        for block in blocks:
            stream = stream + block(stream) * self.res_scale
        enlarged: Tensor = self.add_mean(self.tail(last(stream) + shallow)) / self.rgb_range
        return enlarged


class _Block(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(features, features), nn.ReLU(), _convolution(features, features))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)  # type: ignore[no-any-return]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _factors(scale: int) -> list[int]:
    return [3] if scale == 3 else [2] * int(math.log2(scale))


@dataclass(frozen=True)
class EdsrArchitecture:
    """The name of the network, as spandrel's descriptors give it."""

    id: str = "EDSR"
    name: str = "EDSR"


class EdsrDescriptor:
    """An EDSR in the shape of spandrel's descriptors, as far as this package uses them."""

    architecture = EdsrArchitecture()
    input_channels = output_channels = 3

    def __init__(self, model: Edsr) -> None:
        self.model = model
        self.scale = model.scale

    def to(self, *, device: torch.device, dtype: torch.dtype) -> EdsrDescriptor:
        """Itself, on a device, in a number format."""
        self.model.to(device=device, dtype=dtype)
        return self

    def eval(self) -> EdsrDescriptor:
        """Itself, in evaluation mode."""
        self.model.eval()
        return self

    def __call__(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.model(x)
        return enlarged.clamp(0, 1)


def load_edsr(state_dict: Mapping[str, Tensor], *, res_scale: float | None = None) -> EdsrDescriptor:
    """The EDSR of a state dict in EDSR-PyTorch's layout; res_scale: None for the published one of its width.

    SnapshotError, naming it, for a weight that is missing, left over or of the wrong shape, and for a scale that no
    EDSR has.
    """
    features = state_dict["head.0.weight"].shape[0]
    blocks = max(int(match[1]) for name in state_dict if (match := re.match(r"body\.(\d+)\.", name)))
    stages = [
        tensor.shape[0] for name, tensor in sorted(state_dict.items()) if re.fullmatch(r"tail\.0\.\d+\.weight", name)
    ]
    factors = [round(math.sqrt(channels / features)) for channels in stages]
    scale = math.prod(factors)
    if scale not in (2, 3, 4, 8) or factors != _factors(scale):
        raise SnapshotError(f"The weights look like EDSR, but their upsampling is by {scale}; EDSR has 2, 3, 4 or 8.")
    model = Edsr(
        scale=scale,
        features=features,
        blocks=blocks,
        res_scale=residual_scale(features) if res_scale is None else res_scale,
    )
    _load(model, state_dict)
    return EdsrDescriptor(model)


def _load(model: Edsr, state_dict: Mapping[str, Tensor]) -> None:
    own: dict[str, Any] = model.state_dict()
    given = dict(state_dict)
    for name in ("sub_mean", "add_mean"):
        # Some exports leave the fixed mean shift out.
        sign = -1 if name == "sub_mean" else 1
        given.setdefault(f"{name}.weight", torch.eye(3).reshape(3, 3, 1, 1))
        given.setdefault(f"{name}.bias", sign * RANGE * torch.tensor(MEAN))
    if float(given["sub_mean.bias"].abs().max()) < _ONE_RANGE:
        model.rgb_range = 1.0
    missing = [name for name in own if name not in given]
    foreign = [name for name in given if name not in own]
    if missing or foreign:
        problem = f"lack {missing[0]}" if missing else f"have the foreign weight {foreign[0]}"
        raise SnapshotError(
            f"The weights look like EDSR but {problem} ({len(missing)} missing, {len(foreign)} foreign)."
        )
    for name, tensor in own.items():
        if given[name].shape != tensor.shape:
            raise SnapshotError(
                f"The weight {name} has the shape {tuple(given[name].shape)}; this EDSR takes {tuple(tensor.shape)}."
            )
    model.load_state_dict({name: given[name].float() for name in own})
