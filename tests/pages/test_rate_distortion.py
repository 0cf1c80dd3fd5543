"""The rate-distortion page, driven through app.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.results.bd import BDResult, bd_rate
from synthcomp_core.results.curves import RDCurve, curves_of, find_curve
from synthcomp_core.results.formats import load_results
from synthcomp_core.results.rows import COLUMNS, ResultRow, rows_to_csv, write_rows
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT
from tests.pages.test_links import follow

THESIS = "thesis_compression_sr_results.csv"
RESULTS = PROJECT_ROOT / "artifacts" / "results"


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_file(str(PROJECT_ROOT / "app.py"), default_timeout=LIMIT_S)
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
    assert "JPEG: not monotone: JPEG, quality 75 (0.843 bpp, 43.64 dB) lies above JPEG, quality 82" in warnings
    # What is said of several curves is said once; what is not known of published means has no column.
    assert warnings.count("rates are estimates") == 1
    table = app.dataframe[0].value
    assert not {"images", "95 % low [%]"} & set(table.columns)
    # The crossover asks by default when half resolution pays, not what two unrelated curves do.
    assert app.selectbox(key="first").value == "mbt2018-mse@x2-rcan"
    assert app.selectbox(key="second").value == "mbt2018-mse"


def test_the_page_opens_on_one_data_set_with_few_curves_and_its_answer(page: AppTest) -> None:
    app = page.run()
    assert not app.exception
    assert app.selectbox(key="dataset").value == "games"
    drawn = [trace for trace in figure(app)["data"] if trace.get("mode", "").startswith("lines+markers")]
    assert 4 <= len(drawn) <= 9
    looks = {(trace["line"]["color"], trace["line"]["dash"], trace["marker"]["symbol"]) for trace in drawn}
    assert len(looks) == len(drawn)
    assert figure(app)["layout"]["xaxis"]["range"][1] < 6  # Where only uncoded images are.
    answer = app.markdown[0].value.replace("\\", "")
    assert "PSNR RGB" in answer
    assert "Learned: mbt2018, MSE, " in answer
    assert "-mse" not in answer and "avif" not in answer  # Ids are not what people call them.
    # Not a row of the table whose curves hardly share a range of the metric: those are folded away.
    overlaps = app.dataframe[0].value["overlap [%]"]
    assert (overlaps >= 50).all()
    assert any("little overlap" in expander.label for expander in app.expander)
    assert all(not expander.proto.expanded for expander in app.expander)


def test_on_kodak_the_anchors_are_drawn_dashed_and_can_be_switched_off(page: AppTest) -> None:
    app = page.run()
    app.selectbox(key="dataset").set_value("kodak").run()
    dashes = {trace["name"]: trace["line"]["dash"] for trace in figure(app)["data"] if "line" in trace}
    assert dashes["VTM (reference)"] == "dash"
    assert any(name.startswith("BPG") for name in dashes)
    app.pills(key="anchors").set_value(["VTM"]).run()
    names = [trace["name"] for trace in figure(app)["data"]]
    assert "VTM (reference)" in names
    assert not any(name.startswith("BPG") for name in names)
    assert not app.exception


def test_a_pasted_curve_joins_the_chart_and_a_faulty_line_is_named(page: AppTest) -> None:
    app = page.run()
    app.text_area(key="rd_pasted").set_value("bpp, PSNR\n0.1, 30\n0.2, 33\n0.4, 36\n0.8, 39").run()
    assert not app.exception
    (pasted,) = [trace for trace in figure(app)["data"] if trace["name"].startswith("pasted")]
    assert decoded(pasted["x"]) == [0.1, 0.2, 0.4, 0.8]
    assert decoded(pasted["y"]) == [30.0, 33.0, 36.0, 39.0]
    assert app.selectbox(key="dataset").value == "games"
    app.text_area(key="rd_pasted").set_value("0.1, 30\n0.2").run()
    assert "Line 2 of the pasted text" in app.error[0].value.replace("\\", "")
    assert app.get("plotly_chart")


def test_an_added_file_is_shown_at_once(page: AppTest) -> None:
    app = page.run()
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(own_rows()).encode(), "text/csv")]).run()
    assert app.selectbox(key="dataset").value == "d"
    assert [trace["name"] for trace in figure(app)["data"]] == ["JPEG", "WebP"]
    app.selectbox(key="dataset").set_value("games").run()
    assert app.selectbox(key="dataset").value == "games"
    assert "AVIF" in [trace["name"] for trace in figure(app)["data"]]
    assert not app.exception


def test_the_curves_follow_the_metric_until_somebody_chooses(page: AppTest) -> None:
    app = page.run()
    app.selectbox(key="metric").set_value("msssim_rgb").run()
    assert "mbt2018-msssim-games" in app.multiselect(key="curves").value
    app.multiselect(key="curves").set_value(["jpeg", "avif"]).run()
    app.selectbox(key="metric").set_value("psnr_rgb").run()
    assert app.multiselect(key="curves").value == ["jpeg", "avif"]
    assert [trace["name"] for trace in figure(app)["data"]] == ["JPEG", "AVIF"]
    assert app.query_params["curves"] == ["jpeg", "avif"]
    assert not app.exception and not app.warning


def test_the_bd_table_equals_the_core_s_bd_rate(page: AppTest) -> None:
    jpeg, learned = "compressai-kodak/jpeg.json", "compressai-kodak/compressai-mbt2018_mse_cuda.json"
    app = pick(page, jpeg, learned)
    curves = curves_of([load_results(RESULTS / jpeg), load_results(RESULTS / learned)], "psnr_rgb")
    anchor = next(curve for curve in curves if "jpeg" in curve.name.lower())
    test = next(curve for curve in curves if "mbt2018" in curve.name)
    app.selectbox(key="anchor").set_value(anchor.name).run()
    table = app.dataframe[0].value
    shown = float(table.loc[table["curve"] == "mbt2018, MSE", "BD-rate [%]"].iloc[0])
    assert shown == pytest.approx(bd_rate(anchor, test), abs=1e-9)
    assert shown == pytest.approx(-61.0, abs=1.0)
    assert find_curve(curves, anchor.name) is anchor


def test_axes_are_labelled_with_units(page: AppTest) -> None:
    layout = figure(pick(page, THESIS))["layout"]
    assert layout["xaxis"]["title"]["text"] == "Rate [bit per pixel]"
    assert "dB" in layout["yaxis"]["title"]["text"]


def own_rows() -> list[ResultRow]:
    """Two codecs, the second at half the rate of the first on i0.png, and at 0.8 of it on i1.png and i2.png."""
    return [
        ResultRow(
            dataset="d",
            image=f"i{image}.png",
            variant=f"{codec}-q{quality}",
            codec=codec,
            quality=quality,
            bpp=quality / 50 * (1 if codec == "jpeg" else 0.5 if image == 0 else 0.8),
            psnr_rgb=25 + quality / 10 + image,
        )
        for image in range(3)
        for codec in ("jpeg", "webp")
        for quality in (20, 40, 60, 80)
    ]


def test_bd_rates_of_single_images_are_listed(page: AppTest) -> None:
    app = pick(page)
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(own_rows()).encode(), "text/csv")]).run()
    app.selectbox(key="single").set_value("webp").run()
    assert not app.exception
    table = app.dataframe[1].value
    assert dict(zip(table["image"], table["BD-rate [%]"].round(6), strict=True)) == {
        "i0.png": -50.0, "i1.png": -20.0, "i2.png": -20.0,
    }  # fmt: skip
    assert any("-20.0 % as the median over 3 images, from -50.0 to -20.0 %" in caption.value for caption in app.caption)


def test_one_image_and_one_curve_are_counted_as_one(page: AppTest) -> None:
    app = pick(page)
    rows = [row for row in own_rows() if row.image == "i0.png"]
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(rows).encode(), "text/csv")]).run()
    app.selectbox(key="single").set_value("webp").run()
    assert any("-50.0 % as the median over 1 image, from" in caption.value for caption in app.caption)
    rows = [row for row in rows if row.codec == "jpeg"]
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(rows).encode(), "text/csv")]).run()
    assert app.multiselect(key="curves").help == "Available: 1 curve."


def test_crossover_and_domain_gap_are_answered_in_a_sentence(page: AppTest) -> None:
    # Half resolution begins 3 dB ahead and rises by 3 dB a doubling, not 5; training on photos costs a quarter more.
    kinds = (("games", "", 1.0, 0.0, 5.0), ("photos", "", 1.25, 0.0, 5.0), ("games", "@x2-rcan", 1.0, 3.0, 3.0))
    rows = [
        ResultRow(
            dataset="screens",
            image="a.png",
            variant=f"mbt2018-q{quality}-mse-{trained}{scaling}",
            codec="mbt2018",
            quality=quality,
            distortion="mse",
            trained_on=trained,
            scale=2.0 if scaling else None,
            upscaler="rcan" if scaling else None,
            bpp=0.1 * 2**quality * factor,
            psnr_rgb=30 + ahead + gain * quality,
        )
        for trained, scaling, factor, ahead, gain in kinds
        for quality in range(5)
    ]
    app = pick(page)
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(rows).encode(), "text/csv")]).run()
    assert not app.exception
    shown = " ".join(markdown.value.replace("\\", "") for markdown in app.markdown)
    # 33 + 3 q meets 30 + 5 q at q = 1.5, which is 0.1 * 2 ** 1.5 bits a pixel.
    assert (
        "Below 0.283 bpp mbt2018, MSE, games, half resolution + RCAN is better, above it mbt2018, MSE, games (" in shown
    )
    assert "On screens, mbt2018, MSE, trained on photos, needs 25.0 % more bits than trained on games." in shown
    assert len(app.get("plotly_chart")) == 2


def test_bd_rates_are_kept_until_curves_anchor_or_method_change(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthcomp_core.ui.rate_distortion import bd_panel

    computed = []
    original = bd_panel.bd_table

    def counted(curves: Sequence[RDCurve], anchor: str, **options: Any) -> list[BDResult]:
        computed.append(anchor)
        return original(curves, anchor, **options)

    app = pick(page)
    monkeypatch.setattr(bd_panel, "bd_table", counted)
    app.file_uploader[0].set_value([("mine.csv", rows_to_csv(own_rows()).encode(), "text/csv")]).run()
    app.toggle(key="log_rate").set_value(True).run()
    assert computed == ["jpeg"]
    app.selectbox(key="anchor").set_value("webp").run()
    assert computed == ["jpeg", "webp"]
    assert not app.exception


def test_the_camera_of_the_mode_bar_saves_svg_or_png(page: AppTest) -> None:
    app = pick(page, THESIS)
    assert camera_format(app) == "svg"
    app.segmented_control(key="camera").set_value("PNG").run()
    assert camera_format(app) == "png"


def camera_format(app: AppTest) -> str:
    return str(json.loads(app.get("plotly_chart")[0].proto.config)["toImageButtonOptions"]["format"])


def test_an_uploaded_table_of_ours_is_drawn_and_garbage_gives_one_sentence(page: AppTest) -> None:
    rows = [row for row in own_rows() if row.codec == "jpeg"]
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


def write_run(artifacts: Path, name: str, factor: float) -> None:
    rows = [replace(row, bpp=(row.bpp or 0) * factor) for row in own_rows() if row.codec == "jpeg"]
    rows.append(ResultRow("d", "i0.png", variant="webp-q50", codec="webp", quality=50, psnr_rgb=30.0))  # Of no rate.
    write_rows(artifacts / "runs" / name / "results.csv", rows)


def test_two_runs_of_one_codec_are_two_curves_named_by_their_runs(artifacts: Path, page: AppTest) -> None:
    for name, factor in (("a", 1.0), ("b", 0.5)):
        write_run(artifacts, name, factor)
    app = pick(page, "runs/a", "runs/b")
    drawn = {trace["name"]: trace for trace in figure(app)["data"] if trace.get("mode", "").startswith("lines+markers")}
    assert set(drawn) == {"JPEG [runs/a]", "JPEG [runs/b]"}
    looks = [(trace["line"]["dash"], trace["marker"]["symbol"]) for trace in drawn.values()]
    assert looks[0] != looks[1]
    assert app.multiselect(key="curves").value == ["jpeg [runs/a]", "jpeg [runs/b]"]
    assert list(app.dataframe[0].value["BD-rate [%]"].round(6)) == [-50.0]
    notes = [caption.value.replace("\\", "") for caption in app.caption]
    assert any(note.startswith("runs/a, runs/b: No rate is known for") for note in notes)


def test_curves_picked_of_other_results_do_not_hide_those_of_a_run(artifacts: Path, page: AppTest) -> None:
    for name, dataset in (("a", "d"), ("b", "e")):
        rows = [replace(row, dataset=dataset) for row in own_rows()]
        write_rows(artifacts / "runs" / name / "results.csv", rows)
    app = pick(page, "runs/a")
    assert app.multiselect(key="curves").value == ["jpeg", "webp"]
    app.multiselect(key="curves").set_value(["jpeg"]).run()
    assert app.text_input(key="rd_pasted_dataset").value == "d"
    follow(app, "runs")
    follow(app, "rate_distortion", results="runs/a")
    assert app.multiselect(key="curves").value == ["jpeg"]  # Of these results it was picked.
    follow(app, "runs")
    follow(app, "rate_distortion", results="runs/b")
    assert app.multiselect(key="curves").value == ["jpeg", "webp"]
    assert app.text_input(key="rd_pasted_dataset").value == "e"
    app.text_area(key="rd_pasted").set_value("0.1, 30\n0.2, 33\n0.4, 36\n0.8, 39").run()
    follow(app, "runs")
    follow(app, "rate_distortion", results="runs/a", curves="webp")
    # The pasted curve stays one of its own data set, and those of the run are shown.
    assert app.text_input(key="rd_pasted_dataset").value == "e" and app.selectbox(key="dataset").value == "d"
    assert app.multiselect(key="curves").value == ["webp"]
    app.text_area(key="rd_pasted").set_value("").run()
    assert app.text_input(key="rd_pasted_dataset").value == "d"
    app.text_input(key="rd_pasted_dataset").set_value("mine").run()
    app.multiselect(key="results").set_value(["runs/b"]).run()
    assert app.text_input(key="rd_pasted_dataset").value == "mine" and not app.exception and not app.warning


def test_a_run_whose_table_cannot_be_read_is_named(artifacts: Path, page: AppTest) -> None:
    write_run(artifacts, "a", 1.0)
    write_run(artifacts, "b", 1.0)
    (artifacts / "runs" / "b" / "results.csv").write_bytes(b"\xff\xfe")
    app = pick(page, "runs/a", "runs/b")
    (sentence,) = [error.value.replace("\\", "") for error in app.error]
    assert sentence.startswith("runs/b/results.csv")


def test_two_uploads_of_one_name_are_two_curves(page: AppTest) -> None:
    app = pick(page, "compact.csv")
    rows = [row for row in own_rows() if row.codec == "jpeg"]
    half = [replace(row, bpp=(row.bpp or 0) / 2) for row in rows]
    app.file_uploader[0].set_value(
        [("compact.csv", rows_to_csv(part).encode(), "text/csv") for part in (rows, half)]
    ).run()
    assert not app.exception
    assert app.multiselect(key="curves").value == ["jpeg [compact.csv (2)]", "jpeg [compact.csv (3)]"]


def test_a_table_copied_with_tabs_can_be_added(page: AppTest) -> None:
    app = pick(page)
    app.file_uploader[0].set_value([("copied.tsv", b"bpp\tpsnr\n0.1\t30\n0.2\t33\n", "text/plain")]).run()
    assert not app.exception and not app.error
    (trace,) = [trace for trace in figure(app)["data"] if trace.get("mode", "").startswith("lines+markers")]
    assert decoded(trace["y"]) == [30.0, 33.0]


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
app = AppTest.from_file("app.py", default_timeout=180)
app.switch_page("pages/rate_distortion.py").run()
assert not app.exception, app.exception
print("torch" in sys.modules)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert finished.stdout.strip() == "False", finished.stderr
