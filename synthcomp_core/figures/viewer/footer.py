"""The footer of a viewer: what each side takes and reaches, and what the page is doing. Its height never changes."""

import math
from dataclasses import dataclass

from synthcomp_core.results.rows import ResultRow


@dataclass(frozen=True)
class FooterSide:
    """The numbers of one image in the viewer; `key` is that image's.

    `label` and `metric` ("SSIMULACRA2 74.2") are plain text. `num_bytes` is the size of the bitstream; None where there
    is none yet.
    """

    key: str
    label: str
    num_bytes: int | None = None
    metric: str = ""


@dataclass(frozen=True)
class ViewerFooter:
    """What stands in the footer now. Empty values leave their places blank.

    Of more than two `sides`, the viewer shows those of the two images that are being compared. `stage` names what is
    being computed, "" if nothing is; `fraction` is how much of it is done, 0 to 1, None if that is not known. `stale`
    is a short sentence on what the images on screen do not yet show, such as "waiting for A".

    Raises ValueError for a fraction outside 0 to 1.
    """

    sides: tuple[FooterSide, ...] = ()
    stage: str = ""
    fraction: float | None = None
    stale: str = ""

    def __post_init__(self) -> None:
        if self.fraction is not None and not 0.0 <= self.fraction <= 1.0:
            raise ValueError(f"a fraction done is between 0 and 1, not {self.fraction}")


def main_metric(row: ResultRow) -> str:
    """The metric that stands beside the size: SSIMULACRA2, or PSNR until that is measured; "" before both.

    >>> main_metric(ResultRow("frames", "0.png", ssimulacra2=74.218, psnr_rgb=32.841))
    'SSIMULACRA2 74.2'
    >>> main_metric(ResultRow("frames", "0.png", psnr_rgb=32.841))
    'PSNR 32.84 dB'
    """
    if row.ssimulacra2 is not None:
        return f"SSIMULACRA2 {row.ssimulacra2:.1f}"
    if row.psnr_rgb is None:
        return ""
    return "PSNR: identical" if row.psnr_rgb == math.inf else f"PSNR {row.psnr_rgb:.2f} dB"


def described_footer(footer: ViewerFooter | None) -> dict[str, object] | None:
    """A footer as the browser side reads it (`FooterData` in footer.js)."""
    if footer is None:
        return None
    sides = [
        {
            "key": side.key,
            "label": side.label,
            "bytes": "" if side.num_bytes is None else f"{side.num_bytes:,} bytes",
            "metric": side.metric,
        }
        for side in footer.sides
    ]
    return {"sides": sides, "stage": footer.stage, "fraction": footer.fraction, "stale": footer.stale}
