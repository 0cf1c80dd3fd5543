"""The rate-distortion page, driven through app.py."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.rd import bd_rate, curves_of, find_curve
from synthcomp_core.results import COLUMNS, ResultRow, rows_to_csv
from synthcomp_core.results_formats import load_results
from tests.conftest import PROJECT_ROOT

THESIS = "thesis_compression_sr_results.csv"
RESULTS = PROJECT_ROOT / "artifacts" / "results"


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=120)
    return app.switch_page("pages/rate_distortion.py")


def pick(app: AppTest, *names: str) -> AppTest:
    app.run()
    app.multiselect(key="results").set_value(list(names)).run()
    assert not app.exception
    return app


def figure(app: AppTest) -> dict:
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def test_the_thesis_table_shows_its_25_points_and_the_q75_warning(page: AppTest) -> None:
    app = pick(page, THESIS)
    points = {
        (round(float(x), 6), round(float(y), 6))
        for trace in figure(app)["data"]
        if trace.get("mode", "").startswith("lines+markers")
        for x, y in zip(decoded(trace["x"]), decoded(trace["y"]), strict=True)
    }
    rows = [line.split(";") for line in (RESULTS / THESIS).read_text().splitlines()[1:]]
    assert points == {(round(float(row[4]), 6), round(float(row[5]), 6)) for row in rows}
    assert len(points) == 25
    warnings = " ".join(markdown.value.replace("\\", "") for markdown in app.markdown)
    assert "jpeg-q75" in warnings and "not monotone" in warnings


def test_the_bd_table_equals_the_core_s_bd_rate(page: AppTest) -> None:
    jpeg, learned = "compressai-kodak/jpeg.json", "compressai-kodak/compressai-mbt2018_mse_cuda.json"
    app = pick(page, jpeg, learned)
    curves = curves_of([load_results(RESULTS / jpeg), load_results(RESULTS / learned)], "psnr_rgb")
    anchor = next(curve for curve in curves if "jpeg" in curve.name.lower())
    test = next(curve for curve in curves if "mbt2018" in curve.name)
    app.selectbox(key="anchor").set_value(anchor.name).run()
    table = app.dataframe[0].value
    shown = float(table.loc[table["curve"] == test.name, "BD-rate [%]"].iloc[0])
    assert shown == pytest.approx(bd_rate(anchor, test), abs=1e-9)
    assert shown == pytest.approx(-61.0, abs=1.0)
    assert find_curve(curves, anchor.name) is anchor


def test_axes_are_labelled_with_units(page: AppTest) -> None:
    layout = figure(pick(page, THESIS))["layout"]
    assert layout["xaxis"]["title"]["text"] == "Rate [bit per pixel]"
    assert "dB" in layout["yaxis"]["title"]["text"]


def test_an_uploaded_table_of_ours_is_drawn_and_garbage_gives_one_sentence(page: AppTest) -> None:
    rows = [
        ResultRow(
            dataset="d",
            image=f"i{image}.png",
            variant=f"jpeg-q{quality}",
            codec="jpeg",
            quality=quality,
            bpp=quality / 50,
            psnr_rgb=25 + quality / 10 + image,
        )
        for image in range(3)
        for quality in (20, 40, 60, 80)
    ]
    app = pick(page)
    app.file_uploader[0].set_value(
        [("mine.csv", rows_to_csv(rows).encode(), "text/csv"), ("bad.csv", b"a,b\n1,2\n", "text/csv")]
    ).run()
    assert not app.exception
    assert len(app.error) == 1
    assert "bad" in app.error[0].value
    (trace,) = [trace for trace in figure(app)["data"] if trace.get("mode", "").startswith("lines+markers")]
    assert [float(value) for value in decoded(trace["y"])] == [28.0, 30.0, 32.0, 34.0]
    assert set(COLUMNS) >= {"bpp", "psnr_rgb"}


def test_unknown_url_values_give_a_sentence_each(page: AppTest) -> None:
    page.query_params["metric"] = "beauty"
    page.query_params["results"] = "moon.csv"
    app = page.run()
    assert not app.exception
    assert len(app.warning) == 2


def decoded(values: object) -> list[float]:
    """A plotly array, plain or as base64 of float64."""
    import base64

    import numpy as np

    if isinstance(values, dict):
        return list(np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"])))
    return list(values)  # type: ignore[call-overload]


def test_the_page_does_not_need_torch() -> None:
    import subprocess
    import sys

    program = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=120)
app.switch_page("pages/rate_distortion.py").run()
assert not app.exception, app.exception
print("torch" in sys.modules)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert finished.stdout.strip() == "False", finished.stderr
