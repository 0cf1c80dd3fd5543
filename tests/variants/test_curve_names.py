"""What people call curves and points; two that would be called the same keep their own names."""

from __future__ import annotations

import pytest

from synthcomp_core.results.curves import RDCurve, rd_curves
from synthcomp_core.results.labels import family_title, shown_names, with_labels
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.results.table import rows_table
from synthcomp_core.variants.curve_names import curve_label


def curves(*rows: ResultRow) -> list[RDCurve]:
    return with_labels(rd_curves(rows_table(list(rows)), "psnr_rgb", source="mine.csv"), curve_label)


def row(variant: str, **columns: object) -> ResultRow:
    return ResultRow("d", "i.png", variant=variant, bpp=0.5, psnr_rgb=35.0, **columns)  # type: ignore[arg-type]


LEARNED = {"codec": "mbt2018", "distortion": "ms-ssim", "trained_on": "games"}


@pytest.mark.parametrize(
    ("one", "label", "point"),
    [
        (row("avif-q60", codec="avif", quality=60), "AVIF", "AVIF, quality 60"),
        (row("avif-q60+444", codec="avif", quality=60), "AVIF, 4:4:4", "AVIF, quality 60, 4:4:4"),
        (
            row("mbt2018-q4-msssim-games", quality=4, **LEARNED),
            "mbt2018, MS-SSIM, games",
            "mbt2018, quality 4, MS-SSIM, games",
        ),
        (
            row("mbt2018-q4-msssim-games@x2-fsr1", quality=4, scale=2.0, upscaler="fsr1", **LEARNED),
            "mbt2018, MS-SSIM, games, half resolution + FSR 1",
            "mbt2018, quality 4, MS-SSIM, games, half resolution + FSR 1",
        ),
        (row("webp-psnr35", codec="webp", quality=70), "WebP, at a PSNR", "WebP, quality 70, at a PSNR"),
        (
            row("mbt2018-bytes9000-msssim-games", quality=6, **LEARNED),
            "mbt2018, at a size, MS-SSIM, games",
            "mbt2018, quality 6, at a size, MS-SSIM, games",
        ),
        (row("vtm-p3", codec="vtm"), "VTM", "VTM"),
        (row("bpg-444-p3", codec="bpg-444"), "BPG (444)", "BPG (444)"),
        (
            row("none@x2-bicubic", codec="none", scale=2.0, upscaler="bicubic"),
            "uncompressed, half resolution + bicubic",
            "uncompressed, half resolution + bicubic",
        ),
        (row("files:dlss"), "dlss (file)", "dlss (file)"),
        (row("my codec-q3", codec="jpeg", quality=3), "my codec", "my codec, quality 3"),
    ],
)  # fmt: skip
def test_curves_and_points_have_names_for_people(one: ResultRow, label: str, point: str) -> None:
    (curve,) = curves(one)
    assert curve.shown == label
    assert curve.points[0].shown == point
    assert curve.points[0].variant == one.variant


def test_equal_labels_and_numbered_points_are_told_apart() -> None:
    first, second = curves(
        row("jpeg-p1", codec="jpeg"), row("jpeg-p2", codec="jpeg"),
        row("JPEG-q5", codec="JPEG", quality=5),
    )  # fmt: skip
    assert [point.shown for point in first.points] == ["JPEG, point 1", "JPEG, point 2"]
    assert (first.shown, second.shown) == ("JPEG (jpeg)", "JPEG")
    assert shown_names([first, second]) == {"jpeg": "JPEG (jpeg)", "JPEG": "JPEG"}
    assert family_title(first) == "JPEG (jpeg)"


def test_curves_without_labels_go_by_their_names() -> None:
    (curve,) = rd_curves(rows_table([row("avif-q60", codec="avif", quality=60)]), "psnr_rgb")
    assert (curve.shown, curve.points[0].shown, family_title(curve)) == ("avif", "avif-q60", "avif")
