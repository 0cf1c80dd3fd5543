"""The lambda of every quality."""

from __future__ import annotations

from synthcomp_core.library.snapshots import Distortion

QUALITIES = range(1, 9)
# CompressAI's published values (its documentation, "Pre-trained weights: training"), quality 1 to 8.
LAMBDAS: dict[Distortion, tuple[float, ...]] = {
    Distortion.MSE: (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    Distortion.MS_SSIM: (2.40, 4.58, 8.73, 16.64, 31.37, 60.50, 115.37, 220.00),
}


def lambda_of(quality: int, distortion: Distortion) -> float:
    """Lambda of a quality in 1..8.

    >>> lambda_of(4, Distortion.MSE)
    0.013
    """
    return LAMBDAS[distortion][quality - 1]
