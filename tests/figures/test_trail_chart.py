"""The chart of a trail: a point per variant, a line per classical family, and nothing that cannot be drawn."""

from __future__ import annotations

from synthcomp_core.figures.trail_chart import trail_chart
from synthcomp_core.results.rows import ResultRow


def row(variant: str, bpp: float, psnr: float | None, **more: float) -> ResultRow:
    return ResultRow("d", "i", variant=variant, bpp=bpp, psnr_rgb=psnr, **more)


def test_points_carry_their_variant_and_the_marks_of_the_sides() -> None:
    points = {"JPEG, quality 50": row("jpeg-q50", 0.5, 33.0), "half": row("webp-q50@x2-bicubic", 0.2, 30.0, scale=2.0)}
    figure = trail_chart(points, [], "psnr_rgb", marks={"jpeg-q50": "A"})
    drawn = {trace.customdata[0]: trace for trace in figure.data}
    assert {variant: (trace.x[0], trace.y[0]) for variant, trace in drawn.items()} == {
        "jpeg-q50": (0.5, 33.0),
        "webp-q50@x2-bicubic": (0.2, 30.0),
    }
    assert "A" in drawn["jpeg-q50"].text[0] and drawn["jpeg-q50"].mode == "markers+text"
    assert drawn["jpeg-q50"].marker.symbol != drawn["webp-q50@x2-bicubic"].marker.symbol
    assert figure.layout.xaxis.title.text == "rate [bpp]"
    assert figure.layout.yaxis.title.text == "PSNR RGB [dB] (higher is better)"


def test_curves_are_one_line_per_family_by_rising_rate() -> None:
    curves = [row("jpeg-q85", 1.5, 38.0), row("webp-q50", 0.3, 32.0), row("jpeg-q15", 0.2, 28.0)]
    figure = trail_chart({}, curves, "psnr_rgb", marks={})
    assert [(trace.name, tuple(trace.x)) for trace in figure.data] == [("JPEG", (0.2, 1.5)), ("WebP", (0.3,))]


def test_identical_and_unmeasured_images_are_left_out() -> None:
    points = {"png": row("png", 9.0, float("inf")), "none": row("none", 24.0, None)}
    assert not trail_chart(points, [], "psnr_rgb", marks={}).data


def test_a_metric_of_errors_is_drawn_with_its_best_value_on_top() -> None:
    figure = trail_chart({"a": ResultRow("d", "i", variant="jpeg-q5", bpp=0.1, flip=0.2)}, [], "flip", marks={})
    assert figure.layout.yaxis.autorange == "reversed"
