"""The ranking as dots: best on the right for either direction, ties in the middle, what is not measured left out."""

from __future__ import annotations

import math

from synthcomp_core.figures.ranking_chart import ranking_chart
from synthcomp_core.results.rows import ResultRow


def row(variant: str, num_bytes: int, psnr: float, flip: float | None) -> ResultRow:
    codec = variant.partition("-")[0]
    return ResultRow("d", "a.png", variant=variant, codec=codec, num_bytes=num_bytes, psnr_rgb=psnr, flip=flip)


def test_the_best_stands_on_the_right_and_colours_and_markers_tell_variants_apart() -> None:
    rows = [row("jpeg-q30", 1000, 30.0, 0.1), row("jpeg-q60", 2000, 35.0, 0.05), row("png", 3000, math.inf, None)]
    figure = ranking_chart(rows, image="a.png")
    places = {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data}
    assert places["jpeg-q30"] == {"bytes": 1.0, "PSNR RGB [dB]": 0.0, "FLIP": 0.0}
    assert places["jpeg-q60"] == {"bytes": 0.5, "PSNR RGB [dB]": 1.0, "FLIP": 1.0}
    assert places["png"] == {"bytes": 0.0, "PSNR RGB [dB]": 1.0}
    styles = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
    assert len(styles) == 3
    assert len({trace.marker.color for trace in figure.data}) == 2
    assert "jpeg-q30: 1,000" in figure.data[0].text[0]
    assert "a.png" in figure.layout.title.subtitle.text


def test_equal_values_stand_in_the_middle() -> None:
    figure = ranking_chart([row("jpeg-q30", 1000, 30.0, 0.1), row("webp-q30", 1000, 31.0, 0.1)], image="a.png")
    assert [dict(zip(trace.y, trace.x, strict=True))["bytes"] for trace in figure.data] == [0.5, 0.5]
