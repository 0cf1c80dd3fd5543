"""The Upscaling page, driven through app.py, on both sources."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.images import resize, write_png
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.upscalers.fsr_benchmark import upscaled
from tests.pages.conftest import frame
from tests.upscalers.random_rcan import save_random_rcan


@pytest.fixture
def page(app: AppTest, small_artifacts: Path) -> AppTest:
    save_random_rcan("rcan-x2-games", scale=2)
    return app.switch_page("pages/upscaling.py")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def cells(app: AppTest) -> dict[tuple[str, str], dict[str, str]]:
    """The table of means: {(mode, method): {heading: text}} without Markdown."""
    table = app.table[0].value
    return {
        (str(mode), str(row["method"]).replace("\\", "")): {
            str(name).replace("\\", ""): str(text).strip("* ◀") for name, text in row.items()
        }
        for mode, row in table.iterrows()
    }


def test_all_modes_and_methods_show_the_core_s_values(page: AppTest) -> None:
    page.run()
    assert not page.exception
    press(page, "Run the benchmark")
    assert not page.exception
    shown = cells(page)
    reference = frame(1)
    modes = ["ultra quality (x1.3)", "quality (x1.5)", "balanced (x1.7)", "performance (x2)"]
    methods = ["FSR 1, not sharpened", "FSR 1, sharpened by 0.2 stops", "NVIDIA Image Scaling", "Snapdragon GSR 1"]
    methods += ["Bicubic", "Lanczos"]
    assert set(shown) == {(mode, method) for mode in modes for method in methods}
    for upscaler_id, method in zip(["fsr1_off", "fsr1_s0.2", "nis", "gsr1", "bicubic"], methods, strict=False):
        expected = measure(reference, upscaled(reference, upscaler_id, 2.0)[0])
        for name in ("psnr_rgb", "flip"):
            info = METRICS[name]
            heading = f"{info.label} [{info.unit}]" if info.unit else info.label
            assert shown["performance (x2)", method][heading] == f"{getattr(expected, name):.{info.decimals}f}"
    texts = " ".join(markdown.value for markdown in page.markdown).replace("\\", "")
    assert "sharpening" in texts
    assert len(page.get("plotly_chart")) == 1


def test_the_viewer_shows_native_and_every_method_before_anything_is_measured(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthcomp_core.ui.upscaling import pictures

    shown: list[list[str]] = []
    footers: list[dict[str, str]] = []

    def record(images: Any, *, footer: Any, **options: Any) -> None:
        shown.append([picture.key for picture in images])
        footers.append({side.key: side.metric for side in footer.sides})

    monkeypatch.setattr(pictures, "show_viewer", record)
    page.run()
    assert not page.exception
    keys = ["native", "fsr1_off@x2", "fsr1_s0.2@x2", "nis@x2", "gsr1@x2", "bicubic@x2", "lanczos@x2"]
    # One more with every run, until all are there.
    assert shown[0] == keys[: len(shown[0])]
    assert shown[-1] == keys
    expected = measure(frame(1), upscaled(frame(1), "nis", 2.0)[0], metrics=("psnr_rgb",)).psnr_rgb
    assert footers[-1]["nis@x2"] == f"PSNR RGB {expected:.2f} dB"
    runs = len(shown)
    page.segmented_control(key="fsr_view_scale").set_value("1.5").run()
    page.segmented_control(key="fsr_view_scale").set_value("2").run()
    # Those of x2 are all there at once.
    assert shown[-1] == keys and shown[-2] != keys[:-1]
    assert len(shown) > runs
    page.segmented_control(key="fsr_show").set_value("modes").run()
    assert shown[-1] == ["native", *(f"fsr1_s0.2@x{scale}" for scale in ("1.3", "1.5", "1.7", "2"))]
    assert not page.exception


def test_only_the_metrics_asked_for_are_computed(page: AppTest) -> None:
    page.run()
    page.multiselect(key="fsr_modes").set_value(["performance"])
    page.multiselect(key="fsr_metrics").set_value(["psnr_rgb"]).run()
    press(page, "Run the benchmark")
    assert not page.exception
    row = cells(page)["performance (x2)", "Lanczos"]
    assert set(row) == {"method", "PSNR RGB [dB]", "images", "time [s]"}


def test_the_sharpness_curve_names_its_best_point(page: AppTest) -> None:
    page.run()
    page.multiselect(key="fsr_modes").set_value(["performance"])
    page.multiselect(key="fsr_against").set_value(["bicubic"])
    page.toggle(key="fsr_curve").set_value(True)
    press(page, "Run the benchmark")
    assert not page.exception
    assert len(page.get("plotly_chart")) == 2
    assert any("is best" in markdown.value for markdown in page.markdown)


def test_a_folder_of_samples_lists_what_is_missing_and_measures_the_rest(page: AppTest, tmp_path: Path) -> None:
    folder = tmp_path / "fsr-samples"
    native = frame(5, width=192, height=176)
    write_png(native, folder / "1-native.png")
    enlarged = resize(resize(native, (96, 88)), (192, 176))
    write_png(enlarged, folder / "1-q2.png")
    page.run()
    page.segmented_control(key="fsr_source").set_value("FSR samples").run()
    page.text_input(key="fsr_folder").set_value(str(folder))
    press(page, "Evaluate the samples")
    assert not page.exception
    assert len(page.error) == 7
    assert all("missing" in error.value for error in page.error)
    expected = dataclasses.asdict(measure(native, enlarged))["psnr_rgb"]
    shown = cells(page)["performance (x2)", "FSR 1, not sharpened"]
    assert shown["PSNR RGB [dB]"] == f"{expected:.2f}"


def test_the_charts_offer_only_metrics_that_were_measured(page: AppTest, tmp_path: Path) -> None:
    native = frame(5, width=100, height=88)  # Too small for MS-SSIM.
    write_png(native, tmp_path / "1-native.png")
    write_png(resize(resize(native, (50, 44)), (100, 88)), tmp_path / "1-q2.png")
    page.query_params["fsr_metric"] = "msssim_rgb"
    page.run()
    page.segmented_control(key="fsr_source").set_value("FSR samples").run()
    page.text_input(key="fsr_folder").set_value(str(tmp_path))
    press(page, "Evaluate the samples")
    assert not page.exception
    assert page.selectbox(key="fsr_metric").options == ["psnr_rgb", "ssim_rgb", "flip", "ssimulacra2"]
    assert ["msssim" in warning.value.replace("\\", "") for warning in page.warning] == [True]
    assert cells(page)["performance (x2)", "FSR 1, not sharpened"]["MS-SSIM RGB"] == "–"


def test_a_folder_that_is_none_gives_one_sentence(page: AppTest) -> None:
    page.run()
    page.segmented_control(key="fsr_source").set_value("FSR samples").run()
    page.text_input(key="fsr_folder").set_value("/no/such/folder")
    press(page, "Evaluate the samples")
    assert not page.exception
    assert len(page.error) == 1
