"""Images generated from numbers, for trainings that must run without any data: smoke tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synthcomp_core.images import Image, write_png


def generated_image(seed: int, *, width: int = 256, height: int = 192) -> Image:
    """Gradients, flat discs and a little texture: smooth areas and edges, as rendered frames have."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    slopes = generator.uniform(-0.5, 0.5, (3, 2))
    image = 128 + rows[..., None] * slopes[:, 0] + columns[..., None] * slopes[:, 1]
    for _ in range(12):
        centre = generator.uniform(0, (height, width))
        radius = generator.uniform(8, 48)
        inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
        image[inside] = generator.uniform(0, 255, 3)
    image += 6 * np.sin(rows / generator.uniform(1, 4) + columns / generator.uniform(1, 4))[..., None]
    rounded: Image = np.clip(np.round(image), 0, 255).astype(np.uint8)
    return rounded


def write_images(folder: Path, count: int) -> None:
    """``count`` images as PNG files in ``folder``; those already there are kept."""
    for seed in range(count):
        path = folder / f"{seed:04d}.png"
        if not path.is_file():
            write_png(generated_image(seed), path)
