"""Curves pasted as text, as papers and repositories print them."""

from __future__ import annotations

import pytest

from synthcomp_core.errors import ResultsError
from synthcomp_core.results.curves import rd_curves
from synthcomp_core.results.formats.pasted import parse_pasted

POINTS = [(0.1, 30.0), (0.2, 33.0), (0.4, 36.0)]


@pytest.mark.parametrize(
    "text",
    [
        "0.1, 30\n0.2, 33\n0.4, 36",
        "bpp,psnr\n0.1,30\n0.2,33\n0.4,36\n",
        "# VTM 22\n0.1\t30\n\n0.2\t33\n0.4\t36",
        "0.1; 30;\r\n0.2; 33;\r\n0.4; 36;",
        "  1e-1   30.0  \n 2e-1 33.0\n 4e-1 36.0",
    ],
)
def test_separators_comments_and_column_names_do_not_matter(text: str) -> None:
    (curve,) = rd_curves(parse_pasted(text, metric="psnr_rgb", curve="VTM 22.0", dataset="kodak").table, "psnr_rgb")
    assert [(point.rate, point.value) for point in curve.points] == POINTS
    assert curve.name == "vtm-22.0"
    assert curve.dataset == "kodak"
    assert curve.published


def test_ms_ssim_in_decibels_is_converted_and_said() -> None:
    loaded = parse_pasted("0.1, 10\n0.2, 20", metric="msssim_rgb", curve="x", dataset="d")
    assert list(loaded.table["msssim_rgb"]) == pytest.approx([0.9, 0.99])
    assert "decibels" in loaded.notes[0]
    plain = parse_pasted("0.1, 0.9\n0.2, 0.99", metric="msssim_rgb", curve="x", dataset="d")
    assert list(plain.table["msssim_rgb"]) == pytest.approx([0.9, 0.99])
    assert plain.notes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no points"),
        ("bpp, psnr", "has no points"),
        ("0.1, 30\n0.2", "Line 2 of the pasted text is '0.2'"),
        ("0.1, 30\nmany, 31", "Line 2 of the pasted text, bpp: 'many' is not a number"),
        ("0.1, 30\n0.2, 31, 7", "expected two numbers"),
        ("0, 30", "must be above 0"),
        ("0.1, -3", "out of range"),
        ("0.1, nan\n0.2, 30", "is not a number"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ResultsError, match=said):
        parse_pasted(text, metric="psnr_rgb", curve="x", dataset="d")
