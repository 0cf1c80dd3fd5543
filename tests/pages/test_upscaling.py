"""The Upscaling page, driven through app.py, on both sources."""

from __future__ import annotations

import dataclasses
import math
import threading
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import png_bytes, read_image, resize, write_png
from synthcomp_core.images.zipped import ZippedImages
from synthcomp_core.metrics import METRICS, measure
from synthcomp_core.ui.bytes_cache import BytesCache
from synthcomp_core.ui.upscaling import benchmark, pictures
from synthcomp_core.ui.widgets.state import state_key
from synthcomp_core.ui.work_queue import JobState
from synthcomp_core.upscalers import fsr_benchmark
from synthcomp_core.upscalers.fsr_benchmark import upscaled
from synthcomp_core.upscalers.fsr_samples import SampleSet
from tests.clock import LIMIT_S
from tests.pages.conftest import frame, jobs_of, settled
from tests.upscalers.random_rcan import save_random_rcan


@pytest.fixture
def page(app: AppTest, small_artifacts: Path) -> AppTest:
    save_random_rcan("rcan-x2-games", scale=2)
    return app.switch_page("pages/upscaling.py")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return settled(app)


def said(elements: Iterable[Any]) -> list[str]:
    """The texts of elements, without the escapes of Markdown."""
    return [element.value.replace("\\", "") for element in elements]


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


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods that were carried out for the viewer; the server's cache starts empty."""
    methods: list[str] = []

    def counted(image: Any, upscaler_id: str, scale: float) -> Any:
        methods.append(upscaler_id)
        return upscaled(image, upscaler_id, scale)

    monkeypatch.setattr(pictures, "upscaled", counted)
    pictures.picture_cache().clear()
    return methods


def test_methods_that_the_viewer_has_no_place_for_are_named(page: AppTest, made: list[str]) -> None:
    page.query_params["fsr_against"] = ["nis", "gsr1", "bicubic", "lanczos", "bilinear", "nearest", "rcan"]
    page.run()
    assert not page.exception and not page.warning
    assert made == ["fsr1_off", "fsr1_s0.2", "nis", "gsr1", "bicubic", "lanczos", "bilinear", "nearest"]
    assert "The viewer holds 9 images with the native one; pick fewer to see RCAN." in said(page.caption)


def test_what_is_shown_stays_though_the_cache_has_no_room_for_it(
    page: AppTest, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image is made once, although all of them together, or one by itself, are more than the server keeps."""
    for max_bytes in (1, len(png_bytes(frame(1), fast=True)) * 2):
        small: BytesCache[pictures.UpscaledPicture] = BytesCache(max_bytes, lambda picture: len(picture.png) + 1)
        monkeypatch.setattr(pictures, "picture_cache", lambda small=small: small)
        made.clear()
        page.session_state[state_key(pictures.OwnPictures)] = pictures.OwnPictures()
        page.run()
        assert not page.exception
        assert made == ["fsr1_off", "fsr1_s0.2", "nis", "gsr1", "bicubic", "lanczos"]
    page.segmented_control(key="fsr_view_scale").set_value("1.5").run()
    kept = page.session_state[state_key(pictures.OwnPictures)].pictures
    assert len(kept) == 6, "what is shown no longer is the cache's to keep"


def test_a_picture_is_made_again_when_the_network_is_replaced(page: AppTest, made: list[str]) -> None:
    page.query_params["fsr_against"] = ["rcan"]
    page.run()
    page.run()
    assert made.count("rcan") == 1
    save_random_rcan("rcan-x2-games", scale=2, seed=4)
    page.run()
    assert not page.exception
    assert made.count("rcan") == 2


def test_a_failure_is_not_kept_for_good(page: AppTest, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = pictures.upscaled

    def failing(image: Any, upscaler_id: str, scale: float) -> Any:
        if upscaler_id == "bicubic":
            raise SynthcompError("The memory is full.")
        return counted(image, upscaler_id, scale)

    monkeypatch.setattr(pictures, "upscaled", failing)
    page.query_params["fsr_against"] = ["bicubic"]
    page.run()
    page.run()
    assert said(page.error) == ["The memory is full."]
    monkeypatch.setattr(pictures, "upscaled", counted)
    page.button(key="fsr_again").click().run()
    assert not page.error and not page.exception
    assert made == ["fsr1_off", "fsr1_s0.2", "bicubic"]


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
    page.text_input(key="fsr_folder").set_value(str(folder)).run()
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
    page.text_input(key="fsr_folder").set_value(str(tmp_path)).run()
    page.button(key="fsr_evaluate").click().run()
    (job,) = jobs_of(page)
    assert job.wait(lambda status: status.is_over, LIMIT_S).is_over
    page.run()  # The first run with charts says what the link asks for in vain.
    assert not page.exception
    assert page.selectbox(key="fsr_metric").options == ["psnr_rgb", "ssim_rgb", "flip", "ssimulacra2"]
    assert ["msssim" in warning.value.replace("\\", "") for warning in page.warning] == [True]
    assert cells(page)["performance (x2)", "FSR 1, not sharpened"]["MS-SSIM RGB"] == "–"


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("/no/such/folder", "There is no folder /no/such/folder, and no zip of that name."),
        ("~no-such-user/a", "~no-such-user/a cannot be found: there is no such home folder; type the whole path."),
    ],
)
def test_a_folder_that_is_none_gives_one_sentence(folder: str, sentence: str, page: AppTest) -> None:
    page.run()
    page.segmented_control(key="fsr_source").set_value("FSR samples").run()
    page.text_input(key="fsr_folder").set_value(folder).run()
    assert not page.exception
    assert said(page.error) == [sentence]
    assert not any(button.label == "Evaluate the samples" for button in page.button)


class Shown:
    """What the viewer was given, run by run: the images by their keys, and the numbers in its footer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: list[dict[str, Any]] = []
        self.metrics: dict[str, str] = {}
        monkeypatch.setattr(pictures, "show_viewer", self.take)

    def take(self, images: Any, *, footer: Any, **options: Any) -> None:
        self.runs.append({image.key: image for image in images})
        self.metrics = {side.key: side.metric for side in footer.sides}

    def pixels(self, key: str) -> Any:
        return read_image(self.runs[-1][key].png, name=key).image


def opened_on_samples(page: AppTest, folder: Path, **query: str | list[str]) -> None:
    page.query_params["fsr_source"] = "FSR samples"
    page.query_params["fsr_folder"] = str(folder)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception


def sample_files(*images: str, width: int = 96, height: int = 72) -> dict[str, Any]:
    """Two flat modes and a native image that differ by as many levels as their names say."""
    files = {}
    for number, image in enumerate(images):
        native = frame(number, width=width, height=height) // 2 + 20
        files |= {f"{image}-native.png": native, f"{image}-q2.png": native + 2, f"{image}-q5-sharpened.png": native + 5}
    return files


def test_samples_are_shown_native_against_each_mode_before_anything_is_measured(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sample_files("1", "2")
    for name, image in files.items():
        write_png(image, tmp_path / name)
    (tmp_path / "2-q5-sharpened.png").unlink()
    reads: list[str] = []
    read = SampleSet.read

    def counted(samples: SampleSet, name: str) -> Any:
        reads.append(name)
        return read(samples, name)

    monkeypatch.setattr(SampleSet, "read", counted)
    shown = Shown(monkeypatch)
    opened_on_samples(page, tmp_path)
    assert reads == ["1-native.png", "1-q2.png", "1-q5-sharpened.png"]
    # One more with every run.
    assert [list(run) for run in shown.runs][-3:] == [
        ["native"], ["native", "q2"], ["native", "q2", "q5-sharpened"]
    ]  # fmt: skip
    for key in ("native", "q2", "q5-sharpened"):
        assert (shown.pixels(key) == files[f"1-{key}.png"]).all()
    for key, level in (("q2", 2), ("q5-sharpened", 5)):
        assert shown.metrics[key] == f"PSNR RGB {20 * math.log10(255 / level):.2f} dB"
    assert not page.table and not any("Not in" in text for text in said(page.caption))

    page.selectbox(key="fsr_image").set_value("2").run()
    assert list(shown.runs[-1]) == ["native", "q2"] and (shown.pixels("q2") == files["2-q2.png"]).all()
    assert any("Not in" in text and "2-q5-sharpened.png" in text for text in said(page.caption))
    runs = len(shown.runs)
    page.selectbox(key="fsr_image").set_value("1").run()
    assert [list(run) for run in shown.runs[runs:]] == [["native", "q2", "q5-sharpened"]], "read once and kept"
    page.multiselect(key="fsr_kinds").set_value(["q5-sharpened"]).run()
    assert list(shown.runs[-1]) == ["native", "q5-sharpened"]


def test_a_zip_of_samples_is_read_image_by_image_as_it_is_shown(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fsr-samples.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, image in sample_files("1", "2", "3").items():
            archive.writestr(f"fsr-samples/{name}", png_bytes(image))
    read: list[str] = []
    whole = ZippedImages.read
    monkeypatch.setattr(ZippedImages, "read", lambda self, path: read.append(path.name) or whole(self, path))
    shown = Shown(monkeypatch)
    opened_on_samples(page, path, fsr_image="3", fsr_kinds=["q2"])
    assert list(shown.runs[-1]) == ["native", "q2"] and set(read) == {"3-native.png", "3-q2.png"}
    assert shown.runs[-1]["native"].label == "Native · 3-native.png"


def test_samples_that_cannot_be_shown_are_sentences_and_the_others_are_shown(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, image in sample_files("1", "2").items():
        write_png(image, tmp_path / name)
    write_png(frame(1, width=40, height=30), tmp_path / "1-q2.png")
    (tmp_path / "2-native.png").unlink()
    shown = Shown(monkeypatch)
    opened_on_samples(page, tmp_path)
    assert list(shown.runs[-1]) == ["native", "q5-sharpened"]
    assert ["40 x 30 pixels, but its native image 96 x 72" in text for text in said(page.error)] == [True]
    runs = len(shown.runs)
    page.selectbox(key="fsr_image").set_value("2").run()
    assert not page.exception and len(shown.runs) == runs
    assert said(page.error) == ["2-native.png is missing."]


def test_a_table_of_samples_stays_with_its_samples(page: AppTest, tmp_path: Path) -> None:
    for place in ("day", "night"):
        for name, image in sample_files("1").items():
            write_png(image, tmp_path / place / name)
    opened_on_samples(page, tmp_path / "day")
    press(page, "Evaluate the samples")
    assert page.table and not page.exception
    page.text_input(key="fsr_folder").set_value(str(tmp_path / "night")).run()
    assert not page.table and not page.exception


class Gate:
    """Holds the benchmark back before one of its measurements, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        self.reached, self.opened, self.left = threading.Event(), threading.Event(), after
        monkeypatch.setattr(fsr_benchmark, "measure", self.measure)

    def measure(self, *args: Any, **options: Any) -> Any:
        if self.left == 0:
            self.reached.set()
            assert self.opened.wait(LIMIT_S)
        self.left -= 1
        return measure(*args, **options)


@pytest.fixture
def begun(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A benchmark of 2 modes x 3 methods that has measured four and holds at the fifth."""
    page.query_params["fsr_against"] = ["bicubic"]
    page.query_params["fsr_modes"] = ["ultra-quality", "performance"]
    page.run()
    gate = Gate(monkeypatch, after=4)
    next(button for button in page.button if button.label == "Run the benchmark").click()
    page.run()
    assert gate.reached.wait(LIMIT_S)
    yield gate
    gate.opened.set()
    settled(page)


def test_a_click_during_the_benchmark_does_not_end_it(page: AppTest, begun: Gate) -> None:
    page.segmented_control(key="fsr_view_scale").set_value("1.5").run()
    assert not page.exception and len(cells(page)) == 4
    assert not any("Best by" in text for text in said(page.markdown)), "no verdict before the end"
    begun.opened.set()
    settled(page)
    assert not page.exception and not page.warning
    assert len(cells(page)) == 6
    assert any("Best by" in text for text in said(page.markdown))


def test_what_a_stopped_benchmark_has_measured_is_not_judged_as_if_it_were_whole(page: AppTest, begun: Gate) -> None:
    page.run()
    page.button(key="fsr_stop").click().run()
    begun.opened.set()
    settled(page)
    assert not page.exception
    assert ["Stopped after 4 of 6 measurements" in text for text in said(page.warning)] == [True]
    assert len(cells(page)) == 4
    (verdict,) = [text for text in said(page.markdown) if "Best by" in text]
    assert "at 1.3x" in verdict and "2x" not in verdict and "every scale" not in verdict


def test_a_benchmark_that_failed_does_not_say_that_it_was_stopped(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **options: Any) -> Any:
        raise SynthcompError("The curve cannot be measured.")

    monkeypatch.setattr(benchmark, "sharpness_curve", fails)
    page.query_params["fsr_modes"] = ["performance"]
    page.query_params["fsr_curve"] = "true"
    page.run()
    press(page, "Run the benchmark")
    assert not page.exception and page.table
    assert said(page.error) == ["The curve cannot be measured."]
    assert said(page.warning) == ["It ended before the sharpness curve was measured."]


@pytest.mark.parametrize(
    ("control", "value"), [("image_choice", "forest.png"), ("fsr_source", "FSR samples")], ids=["image", "source"]
)
def test_a_benchmark_of_something_else_is_named_while_it_runs_and_can_be_stopped(
    page: AppTest, begun: Gate, control: str, value: str
) -> None:
    page.run()
    name = next(box for box in page.selectbox if box.key == "image_choice").value
    next(one for one in (*page.selectbox, *page.segmented_control) if one.key == control).set_value(value)
    page.run()
    assert not page.exception and not page.table
    assert f"The benchmark of {name} is not finished yet." in said(page.markdown)
    page.button(key="fsr_stop").click().run()
    begun.opened.set()
    settled(page)
    assert not page.exception and not any("is not finished yet" in text for text in said(page.markdown))
    assert all(job.status().state == JobState.STOPPED for job in jobs_of(page))


def test_samples_that_change_during_their_evaluation_have_changed_once_it_is_over(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, image in sample_files("1").items():
        write_png(image, tmp_path / name)
    opened_on_samples(page, tmp_path)
    gate = Gate(monkeypatch, after=1)
    next(button for button in page.button if button.label == "Evaluate the samples").click()
    page.run()
    assert gate.reached.wait(LIMIT_S)
    write_png(frame(7, width=96, height=72), tmp_path / "1-q2.png")
    page.run()
    assert not page.info and f"The benchmark of {tmp_path.name} is not finished yet." in said(page.markdown)
    gate.opened.set()
    settled(page)
    assert not page.exception
    assert ["have changed since they were evaluated" in text for text in said(page.info)] == [True]


def test_a_click_during_the_evaluation_of_samples_does_not_end_it(
    page: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, image in sample_files("1", "2").items():
        write_png(image, tmp_path / name)
    opened_on_samples(page, tmp_path)
    gate = Gate(monkeypatch, after=2)
    next(button for button in page.button if button.label == "Evaluate the samples").click()
    page.run()
    assert gate.reached.wait(LIMIT_S)
    page.multiselect(key="fsr_kinds").set_value(["q2"]).run()
    assert any(button.key == "fsr_stop" for button in page.button)
    gate.opened.set()
    settled(page)
    assert not page.exception and not page.warning
    assert cells(page)["performance (x2)", "FSR 1, not sharpened"]["images"] == "2"


def test_a_table_of_samples_goes_when_a_file_is_replaced(page: AppTest, tmp_path: Path) -> None:
    for name, image in sample_files("1").items():
        write_png(image, tmp_path / name)
    opened_on_samples(page, tmp_path)
    press(page, "Evaluate the samples")
    assert page.table and not page.info
    write_png(frame(7, width=96, height=72), tmp_path / "1-q2.png")
    page.run()
    assert not page.table and not page.exception
    assert ["have changed since they were evaluated" in text for text in said(page.info)] == [True]
    press(page, "Evaluate the samples")
    assert page.table and not page.info


def test_a_table_goes_when_a_network_in_it_is_replaced(page: AppTest) -> None:
    page.query_params["fsr_against"] = ["rcan"]
    page.query_params["fsr_modes"] = ["performance"]
    page.run()
    press(page, "Run the benchmark")
    assert page.table and not page.exception
    save_random_rcan("rcan-x2-games", scale=2, seed=4)
    page.run()
    assert not page.table and not page.exception
