"""Rows and texts that the tests of results share."""

from __future__ import annotations

from synthcomp_core.results.rows import ResultRow


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
