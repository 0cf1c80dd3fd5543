"""The ids of snapshots that say at which point they are: MODEL-qQUALITY-DISTORTION-TRAINED_ON."""

from __future__ import annotations

import re

# The distortion also with the hyphen that people write.
POINT_ID = re.compile(r"(?P<model>.+)-q(?P<quality>\d+)-(?P<distortion>mse|ms-?ssim)-(?P<trained_on>[a-z0-9_.]+)")


def point_id(model: str, quality: int | None, distortion: str | None, trained_on: str | None) -> str:
    """The id of the snapshot at a point; what is not known is left out. distortion: in short, "mse" or "msssim".

    >>> point_id("mbt2018", 6, "msssim", "photos"), point_id("mbt2018", 6, "mse", None)
    ('mbt2018-q6-msssim-photos', 'mbt2018-q6-mse')
    """
    parts = (model, None if quality is None else f"q{quality}", distortion, trained_on)
    return "-".join(part for part in parts if part)
