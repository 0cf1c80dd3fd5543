"""Rows and texts that the tests of results share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synthcomp_core.results.curves import RDCurve, rd_curves
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from tests.conftest import PROJECT_ROOT

REFERENCES = PROJECT_ROOT / "artifacts" / "results"
KODAK = REFERENCES / "compressai-kodak"
TWO_ROWS = [
    ResultRow("samples", "a.png", 200, 176, "webp-q40", num_bytes=12345, bpp=2.80568, psnr_rgb=31.236, flip=0.08125),
    ResultRow("samples", "a.png", 200, 176, "m_1@x2-rcan", num_bytes=9999, bpp=2.2725, psnr_rgb=float("inf")),
]


def row(image: str = "a.png", variant: str = "jpeg-q75", **values: object) -> ResultRow:
    """A plausible row of a 100 x 80 image of 2000 bytes: 2 bits per pixel."""
    given: dict[str, object] = {
        "width": 100,
        "height": 80,
        "codec": "jpeg",
        "quality": 75,
        "num_bytes": 2000,
        "bpp": 2.0,
    }
    given |= {"psnr_rgb": 35.5, "ssim_rgb": 0.95, "flip": 0.05, "encode_s": 0.01}
    return ResultRow(dataset="games", image=image, variant=variant, **(given | values))  # type: ignore[arg-type]


def csv_lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def curve(rates: list[float], values: list[float], *, metric: str = "psnr_rgb", codec: str = "test") -> RDCurve:
    """A curve of one image through these points."""
    rows = [
        ResultRow(
            "games", "a.png", variant=f"{codec}-q{number}", codec=codec, quality=number, bpp=rate, **{metric: value}
        )
        for number, (rate, value) in enumerate(zip(rates, values, strict=True))
    ]
    return rd_curves(rows_table(rows), metric)[0]


def images_table(
    num_images: int = 6, codecs: tuple[str, ...] = ("jpeg", "webp"), dataset: str = "games"
) -> pd.DataFrame:
    """Five qualities of each codec on images of different difficulty."""
    generator = np.random.default_rng(11)
    difficulty = generator.uniform(0.6, 1.6, num_images)
    rows = [
        ResultRow(
            dataset,
            f"{image}.png",
            variant=f"{codec}-q{quality}",
            codec=codec,
            quality=quality,
            bpp=float(0.1 * 1.6**quality * difficulty[image] * (1 - 0.2 * number) * generator.uniform(0.97, 1.03)),
            psnr_rgb=float(26 + 2.5 * quality - 3 * difficulty[image]),
        )
        for number, codec in enumerate(codecs)
        for quality in range(5)
        for image in range(num_images)
    ]
    return rows_table(rows)


def published(name: str) -> RDCurve:
    return rd_curves(load_results(KODAK / f"{name}.json").table, "psnr_rgb")[0]
