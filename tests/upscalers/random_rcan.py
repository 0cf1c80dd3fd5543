"""A tiny RCAN with seeded random weights, for tests of what surrounds a network."""

from __future__ import annotations


def save_random_rcan(snapshot_id: str, *, scale: int, seed: int = 3) -> None:
    """Write a snapshot of a network of one group, two blocks and eight features."""
    import torch

    from synthcomp_core.runtime import ensure_torchvision

    ensure_torchvision()
    from spandrel.architectures.RCAN import RCAN

    from synthcomp_core.upscalers.neural import import_upscaler

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RCAN(scale=scale, n_resgroups=1, n_resblocks=2, n_feats=8, reduction=4)
    import_upscaler(model.state_dict(), id=snapshot_id, trained_on="nothing", half=False)
