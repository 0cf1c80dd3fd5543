"""Tiny untrained codec snapshots: what a matrix of trained ones is to the pages and the figure verb, in a second."""

from __future__ import annotations

from collections.abc import Sequence

POINTS = ("mbt2018-q4-mse-games", "mbt2018-q4-msssim-games", "mbt2018-q6-mse-games", "mbt2018-q6-msssim-games")
LMBDAS = {"q4-mse": 0.013, "q6-mse": 0.0483, "q8-mse": 0.18, "q4-msssim": 16.64, "q6-msssim": 60.5, "q8-msssim": 220.0}


def make_codecs(ids: Sequence[str] = POINTS) -> None:
    """Write random mbt2018 snapshots of 8 and 8 channels, each with other weights, into the artifacts folder."""
    import torch

    from synthcomp_core.codecs.checkpoints import build_model, import_codec

    for number, snapshot_id in enumerate(ids):
        torch.manual_seed(number)
        model, quality, distortion, trained_on = snapshot_id.split("-")
        import_codec(
            build_model(model, 8, 8).state_dict(),
            id=snapshot_id,
            quality=int(quality[1:]),
            lmbda=LMBDAS[f"{quality}-{distortion}"],
            distortion={"mse": "mse", "msssim": "ms-ssim"}[distortion],
            trained_on=trained_on,
        )
