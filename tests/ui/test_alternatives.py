"""What a screen reader is told of what it cannot show."""

from __future__ import annotations

import ast

from synthcomp_core.figures.chart_alt import chart_alt
from synthcomp_core.figures.trail_chart import trail_chart
from synthcomp_core.figures.training_chart import training_chart
from synthcomp_core.training.folder import LogPoint
from tests.conftest import PROJECT_ROOT


def test_every_chart_on_a_page_has_an_alternative() -> None:
    places = {}
    for path in [*(PROJECT_ROOT / "pages").glob("*.py"), *(PROJECT_ROOT / "synthcomp_core" / "ui").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "plotly_chart":
                places[f"{path.name}:{node.lineno}"] = [keyword.arg for keyword in node.keywords]
    assert len(places) > 5
    assert [place for place, keywords in places.items() if "alt" not in keywords] == []


def test_an_alternative_is_the_title_and_the_axes_without_markup() -> None:
    points = [LogPoint(step, "train", name, 1.0) for step in (1, 2) for name in ("loss", "bpp")]
    text = chart_alt(training_chart(points, name="a<b> & c"))
    assert text.startswith("Chart: a<b> & c. Vertical axes: ")
    assert text.endswith(". Horizontal axis: Step.")


def test_a_chart_without_a_title_is_named() -> None:
    chart = trail_chart({}, [], "psnr_rgb", marks={})
    assert chart_alt(chart, title="trail of this image") == (
        "Chart: trail of this image. Vertical axis: PSNR RGB [dB] (higher is better). Horizontal axis: rate [bpp]."
    )
