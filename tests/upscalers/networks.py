"""Small networks with chosen weights, for tests."""

from __future__ import annotations

import torch

from synthcomp_core.runtime import ensure_torchvision


def random_rcan(groups: int, blocks: int, features: int, *, scale: int = 2, reduction: int = 4) -> torch.nn.Module:
    """spandrel's RCAN with PyTorch's default initialisation, the same every time."""
    ensure_torchvision()
    from spandrel.architectures.RCAN import RCAN

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RCAN(scale=scale, n_resgroups=groups, n_resblocks=blocks, n_feats=features, reduction=reduction)
    return model.eval()


def bilinear_rcan(groups: int = 1, blocks: int = 2, features: int = 8, *, disturbance: float = 0.0) -> torch.nn.Module:
    """An RCAN whose result is bilinear interpolation by 2, plus ``disturbance`` times what its random body adds.

    Output pixel centres lie a quarter of an input pixel from the input's, so that every weight is 1/4 or 3/4.
    """
    model = random_rcan(groups, blocks, features)
    with torch.no_grad():
        for layer in (model.head[0], model.tail[0][0], model.tail[1]):
            layer.weight.zero_()
            layer.bias.zero_()
        model.body[-1].weight.mul_(disturbance)
        model.body[-1].bias.zero_()
        for colour in range(3):
            model.head[0].weight[colour, colour, 1, 1] = 1
            model.tail[1].weight[colour, colour, 1, 1] = 1
            for below in (0, 1):
                for right in (0, 1):
                    taps = torch.zeros(3, 3)
                    near_y, near_x = 2 * below, 2 * right  # the neighbour on the side of this output pixel
                    for row, weight_y in ((1, 0.75), (near_y, 0.25)):
                        for column, weight_x in ((1, 0.75), (near_x, 0.25)):
                            taps[row, column] += weight_y * weight_x
                    model.tail[0][0].weight[4 * colour + 2 * below + right, colour] = taps
    return model
