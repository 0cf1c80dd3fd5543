"""Give a trained mbt2018 model more latent channels without changing what it computes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

QUIET = 0.1  # New channels of y start small, ...
SCALE_BIAS = 0.5  # ... under a scale of this order, so that they cost few bits until they are of use.


@torch.no_grad()
def grow_latents(net: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """State dict for ``net`` (more latent channels M) that computes what ``weights`` (fewer) computes.

    Old values go to their old places; a weight from a new input to an old output is zero, so old outputs do not
    change; weights into new outputs keep the fresh initialisation of ``net``.
    """
    model: Any = net
    old_m, new_m = weights["g_a.6.weight"].shape[0], int(model.M)
    grown = {name: value.clone() for name, value in net.state_dict().items()}
    grown["g_a.6.weight"] *= QUIET
    half = torch.arange(old_m)
    for name, value in weights.items():
        if name not in grown or value.dim() == 0 or grown[name].shape == value.shape:
            grown[name] = value
            continue
        target = grown[name]
        if value.dim() == 1:
            target[_outputs(name, len(value), half, new_m)] = value
            if name == "entropy_parameters.4.bias":
                target[old_m:new_m] = SCALE_BIAS
            continue
        transposed = name.startswith(("g_s.", "h_s.0.", "h_s.2."))  # ConvTranspose2d keeps (in, out, ...).
        if transposed:
            value, target = value.transpose(0, 1), target.transpose(0, 1)
        rows = _outputs(name, value.shape[0], half, new_m)
        columns = torch.arange(value.shape[1])
        if name == "entropy_parameters.0.weight":  # Its input is h_s's 2M beside the context model's 2M.
            columns = torch.cat((torch.arange(2 * old_m), 2 * new_m + torch.arange(2 * old_m)))
        target[rows] = 0
        block = target[rows]
        block[:, columns] = value
        target[rows] = block
    return grown


def _outputs(name: str, count: int, half: Tensor, new_m: int) -> Tensor:
    """Where the old outputs of a layer lie in the new one: scales and means are two halves of the last layer."""
    if name.startswith("entropy_parameters.4."):
        return torch.cat((half, new_m + half))
    return torch.arange(count)
