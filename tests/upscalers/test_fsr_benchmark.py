"""The FSR benchmark gives the numbers of the thesis's notebook, and says what it could not measure."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim

from synthcomp_core import limits
from synthcomp_core.cli.bench.machine import peak_memory_bytes, reset_peak_memory
from synthcomp_core.errors import SynthcompError
from synthcomp_core.images import Image, png_bytes, read_image, resize, write_png
from synthcomp_core.metrics import Metrics
from synthcomp_core.results.fsr_tables import fsr_csv, fsr_markdown
from synthcomp_core.upscalers import parse_upscaler
from synthcomp_core.upscalers.fsr_benchmark import (
    evaluate_image,
    evaluate_samples,
    sharpness_curve,
    upscaled,
)
from synthcomp_core.upscalers.fsr_table import FsrRow, FsrTable, Treatment
from tests.clock import at_most
from tests.pages.conftest import frame

QUICK = ("psnr_rgb",)
SCALES = {"q2": 2.0, "q3": 1.7, "q4": 1.5, "q5": 1.3}


def fill_with_samples(folder: Path, images: int = 2, *, super_resolved: bool = False) -> None:
    """A folder in the thesis's layout: native frames, and what FSR makes of them from the four modes' sizes."""
    for number in range(1, images + 1):
        native = frame(number)
        write_png(native, folder / f"{number}-native.png")
        for quality, scale in SCALES.items():
            low = resize(native, (round(200 / scale), round(176 / scale)))
            for suffix, upscaler_id in (("", "fsr1_off"), ("-sharpened", "fsr1")):
                enlarged = parse_upscaler(upscaler_id).upscale(low, (200, 176))
                write_png(enlarged, folder / f"{number}-{quality}{suffix}.png")
        if super_resolved:
            write_png(resize(resize(native, (100, 88)), (200, 176)), folder / f"{number}-native_x2_SR.png")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "fsr-samples"
    fill_with_samples(folder)
    return folder


def notebook_psnr(native: Image, image: Image) -> float:
    """cv2.PSNR: over all samples of the picture."""
    return float(10 * np.log10(255**2 / np.mean((native.astype(np.float64) - image.astype(np.float64)) ** 2)))


def notebook_msssim(native: Image, image: Image) -> float:
    pair = [torch.from_numpy(picture.astype(np.float64)).permute(2, 0, 1)[None] for picture in (native, image)]
    return float(ms_ssim(*pair, data_range=255))


def test_every_row_is_what_the_notebook_computes(tmp_path: Path) -> None:
    samples = tmp_path / "fsr-samples"
    fill_with_samples(samples, images=8)
    table = evaluate_samples(samples, metrics=("psnr_rgb", "msssim_rgb"))
    assert table.errors == () and table.num_images == 8
    assert len(table.rows) == 8 * 8
    for row in table.rows:
        native, image = (read_image(samples / name).image for name in (f"{row.image}-native.png", row.file or ""))
        assert row.metrics.psnr_rgb == pytest.approx(notebook_psnr(native, image), abs=1e-9)
        if row.image in ("1", "8"):
            assert row.metrics.msssim_rgb == pytest.approx(notebook_msssim(native, image), abs=1e-5)
        quality, sharpened = (row.file or "")[2:4], "sharpened" in (row.file or "")
        assert row.treatment.quality == quality and row.treatment.sharpened is sharpened
        assert row.treatment.scale == SCALES[quality]
    order = [(row.image, row.file) for row in table.rows][:8]
    assert order[0] == ("1", "1-q2.png") and order[4] == ("1", "1-q2-sharpened.png")


def test_means_are_means_of_the_images_in_decibels(samples: Path) -> None:
    table = evaluate_samples(samples, metrics=QUICK)
    mean = next(m for m in table.means() if m.treatment == Treatment("fsr1", 2.0, sharpened=False))
    expected = np.mean([row.metrics.psnr_rgb for row in table.rows if row.treatment == mean.treatment])
    assert mean.metrics.psnr_rgb == pytest.approx(expected, abs=1e-12)
    assert mean.num_images == 2 and mean.treatment.mode == "performance"
    assert [m.treatment.scale for m in table.means()] == sorted(m.treatment.scale for m in table.means())


def test_the_sr_file_is_expected_where_some_image_has_one(tmp_path: Path) -> None:
    fill_with_samples(tmp_path, 2, super_resolved=True)
    (tmp_path / "2-native_x2_SR.png").unlink()
    table = evaluate_samples(tmp_path, metrics=QUICK)
    assert len(table.rows) == 18
    assert [row.error for row in table.errors] == ["2-native_x2_SR.png is missing."]
    assert any(row.treatment == Treatment("rcan", 2.0) and row.error is None for row in table.rows)


def test_missing_corrupt_and_wrong_sized_files_are_rows_with_an_error(samples: Path) -> None:
    (samples / "1-q3.png").unlink()
    (samples / "1-q4.png").write_bytes((samples / "1-q4.png").read_bytes()[:200])
    write_png(frame(9, 100, 88), samples / "2-q2-sharpened.png")
    table = evaluate_samples(samples, metrics=QUICK)
    errors = {row.file: row.error or "" for row in table.errors}
    assert set(errors) == {"1-q3.png", "1-q4.png", "2-q2-sharpened.png"}
    assert errors["1-q3.png"] == "1-q3.png is missing."
    assert "1-q4.png" in errors["1-q4.png"]
    assert "100 x 88" in errors["2-q2-sharpened.png"] and "200 x 176" in errors["2-q2-sharpened.png"]
    assert len(table.rows) == 16 and all(row.metrics == Metrics() for row in table.errors)
    assert sum(row.metrics.psnr_rgb is not None for row in table.rows) == 13


def test_without_its_native_image_all_of_an_image_s_rows_say_so(samples: Path) -> None:
    (samples / "2-native.png").unlink()
    table = evaluate_samples(samples, metrics=QUICK)
    assert len(table.errors) == 8
    assert all("2-native.png is missing" in (row.error or "") for row in table.errors)
    assert table.num_images == 1


def test_a_zip_of_the_folder_gives_the_same_table(samples: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "samples.zip", "w") as archive:
        for path in samples.iterdir():
            archive.write(path, f"some/folder/{path.name}")
    zipped = evaluate_samples(tmp_path / "samples.zip", metrics=QUICK)
    assert zipped.rows == evaluate_samples(samples, metrics=QUICK).rows


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    write_png(frame(1, 8, 8), tmp_path / "holiday.png")
    with pytest.raises(SynthcompError, match=r"1-native\.png"):
        evaluate_samples(tmp_path)
    with pytest.raises(SynthcompError, match=r"There is no folder .*nowhere, and no zip of that name"):
        evaluate_samples(tmp_path / "nowhere")


def test_csv_holds_every_row_and_error(samples: Path) -> None:
    (samples / "1-q5.png").unlink()
    table = evaluate_samples(samples, metrics=("psnr_rgb", "flip"))
    rows = list(csv.DictReader(io.StringIO(fsr_csv(table))))
    assert len(rows) == 16
    by_file = {row["file"]: row for row in rows}
    assert by_file["1-q5.png"]["error"] == "1-q5.png is missing." and by_file["1-q5.png"]["psnr_rgb"] == ""
    sharpened = by_file["2-q3-sharpened.png"]
    assert (sharpened["quality"], sharpened["sharpened"], sharpened["mode"]) == ("q3", "true", "balanced")
    expected = next(row for row in table.rows if row.file == "2-q3-sharpened.png").metrics
    assert float(sharpened["psnr_rgb"]) == expected.psnr_rgb
    assert float(sharpened["flip"]) == expected.flip


def made_up_table() -> FsrTable:
    plain, sharp = Treatment("fsr1", 2.0, sharpened=False), Treatment("fsr1", 2.0, sharpened=True, stops=0.2)
    return FsrTable(
        "made up",
        (
            FsrRow("a", plain, Metrics(psnr_rgb=30.0, flip=0.10)),
            FsrRow("b", plain, Metrics(psnr_rgb=20.0, flip=0.20)),
            FsrRow("a", sharp, Metrics(psnr_rgb=29.0, flip=0.05)),
            FsrRow("b", sharp, Metrics(), error="b is missing."),
        ),
        ("psnr_rgb", "flip"),
    )


def test_the_best_is_judged_on_the_images_that_all_have() -> None:
    """Unsharpened has 25 dB over both images and 30 dB over the one that sharpened has too, at 29 dB."""
    plain, sharp = made_up_table().means()
    assert (plain.metrics.psnr_rgb, sharp.metrics.psnr_rgb) == (25.0, 29.0)
    assert plain.best == ("psnr_rgb",)
    assert sharp.best == ("flip",)  # lower is better


def test_the_verdict_says_what_won_by_which_metric_and_what_such_metrics_penalise() -> None:
    verdict = made_up_table().verdict()
    assert "PSNR RGB: FSR 1, not sharpened at 2x" in verdict
    assert "FLIP: FSR 1, sharpened by 0.2 stops at 2x" in verdict
    assert "penalise sharpening" in verdict


def test_a_scale_at_which_a_method_is_missing_is_not_judged() -> None:
    """Of two scales, one is whole; at the other, FSR 1 would win for want of a rival that has been measured."""
    methods = [Treatment(method, scale) for scale in (1.5, 2.0) for method in ("nis", "bicubic", "lanczos")]
    values = (30.0, 29.0, 28.0, 27.0, 26.0)
    rows = tuple(FsrRow("a", how, Metrics(psnr_rgb=psnr)) for how, psnr in zip(methods, values, strict=False))
    begun = FsrTable("made up", rows, ("psnr_rgb",), tuple(methods))
    assert (begun.is_whole, begun.num_planned) == (False, 6)
    assert [mean.best for mean in begun.means()] == [("psnr_rgb",), (), (), (), ()]
    assert begun.verdict().startswith("Best by PSNR RGB: NVIDIA Image Scaling at 1.5x. ")
    assert "Stopped after 5 of 6 measurements." in fsr_markdown(begun)
    whole = FsrTable("made up", (*rows, FsrRow("a", methods[5], Metrics(), error="no")), ("psnr_rgb",), tuple(methods))
    assert whole.is_whole and "NVIDIA Image Scaling at every scale" in whole.verdict()
    assert "Stopped" not in fsr_markdown(whole)


def test_the_table_grows_row_by_row_and_says_how_many_there_will_be() -> None:
    seen: list[FsrTable] = []
    table = evaluate_image(
        frame(4), "castle", upscaler_ids=["bicubic", "lanczos"], scales=[1.5, 2.0], metrics=("psnr_rgb",),
        on_table=seen.append,
    )  # fmt: skip
    assert [(len(so_far.rows), so_far.num_planned) for so_far in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seen[-1].rows == table.rows and table.is_whole


def test_samples_grow_row_by_row_too(samples: Path) -> None:
    seen: list[FsrTable] = []
    table = evaluate_samples(samples, metrics=("psnr_rgb",), on_table=seen.append)
    assert [len(so_far.rows) for so_far in seen] == list(range(1, len(table.rows) + 1))
    assert {so_far.num_planned for so_far in seen} == {len(table.rows)}


def test_markdown_marks_the_best_and_lists_errors() -> None:
    text = fsr_markdown(made_up_table())
    assert "| performance (x2) | FSR 1, not sharpened | **25.00** | 0.1500 | 2 | – |" in text
    assert "- b is missing." in text


def test_identical_images_are_counted_and_left_out_of_the_mean() -> None:
    how = Treatment("bicubic", 2.0)
    rows = (
        FsrRow("a", how, Metrics(psnr_rgb=float("inf"), flip=0.0)),
        FsrRow("b", how, Metrics(psnr_rgb=30.0, flip=0.2)),
    )
    (mean,) = FsrTable("made up", rows, ("psnr_rgb", "flip")).means()
    assert (mean.metrics.psnr_rgb, mean.metrics.flip, mean.num_identical) == (30.0, pytest.approx(0.1), 1)
    assert "| 30.00 (1 of 2) | 0.1000 | 2 |" in fsr_markdown(FsrTable("made up", rows, ("psnr_rgb", "flip")))
    assert "| ∞ | 0.0000 | 1 |" in fsr_markdown(FsrTable("made up", rows[:1], ("psnr_rgb", "flip")))


def test_what_is_identical_on_all_images_is_the_best_and_the_rest_is_judged_on_common_images() -> None:
    psnrs = {"bicubic": (float("inf"), 30.0), "lanczos": (50.0, 31.0), "nearest": (20.0, 21.0)}

    def best(**changed: tuple[float, float]) -> list[str]:
        rows = tuple(
            FsrRow(image, Treatment(method, 2.0), Metrics(psnr_rgb=value))
            for method, values in {**psnrs, **changed}.items()
            for image, value in zip("ab", values, strict=True)
        )
        return [mean.treatment.method for mean in FsrTable("made up", rows, ("psnr_rgb",)).means() if mean.best]

    assert best() == ["lanczos"]  # By image b, the only one at which all are finite.
    assert best(nearest=(float("inf"), float("inf"))) == ["nearest"]


def test_an_image_is_scaled_down_and_brought_back_in_every_mode() -> None:
    native = frame(4, 201, 177)
    table = evaluate_image(native, "castle", upscaler_ids=["fsr1_off", "fsr1", "bicubic"], metrics=QUICK)
    assert len(table.rows) == 4 * 3 and table.errors == ()
    row = next(row for row in table.rows if row.treatment == Treatment("bicubic", 1.5))
    low = resize(native, (134, 118))  # 201 / 1.5 and 177 / 1.5
    expected = resize(low, (201, 177))
    assert np.array_equal(upscaled(native, "bicubic", 1.5)[0], expected)
    assert row.metrics.psnr_rgb == pytest.approx(notebook_psnr(native, expected), abs=1e-9)
    assert row.upscale_s is not None and row.upscale_s > 0
    assert {row.treatment.stops for row in table.rows if row.treatment.sharpened} == {0.2}


def test_an_upscaler_that_is_not_installed_is_a_row_with_an_error(artifacts: Path) -> None:
    table = evaluate_image(frame(4), "castle", upscaler_ids=["rcan", "bicubic"], scales=[2.0], metrics=QUICK)
    assert [row.treatment.method for row in table.errors] == ["rcan"]
    assert "snapshot import" in (table.errors[0].error or "")


def test_the_sharpness_curve_names_the_best_point() -> None:
    curve = sharpness_curve(frame(4), stops=(0.0, 1.0, 2.0), metrics=("psnr_rgb", "flip"))
    assert [point.stops for point in curve.points] == [None, 2.0, 1.0, 0.0]
    psnrs = [point.metrics.psnr_rgb or 0.0 for point in curve.points]
    assert curve.best("psnr_rgb").metrics.psnr_rgb == max(psnrs)
    flips = [point.metrics.flip or 0.0 for point in curve.points]
    assert curve.best("flip").metrics.flip == min(flips)
    alone = upscaled(frame(4), "fsr1_off", 2.0)[0]
    assert psnrs[0] == pytest.approx(notebook_psnr(frame(4), alone), abs=1e-9)


@pytest.mark.slow
def test_a_zip_of_the_thesis_s_size_opens_in_bounded_memory(tmp_path: Path) -> None:
    content = png_bytes(np.random.default_rng(1).integers(0, 256, (866, 866, 3), np.uint8))
    path = tmp_path / "fsr-samples.zip"
    kinds = ["native", "native_x2_SR", *(f"q{quality}{end}" for quality in (2, 3, 4, 5) for end in ("", "-sharpened"))]
    with zipfile.ZipFile(path, "w") as archive:
        for image in range(1, 9):
            for kind in kinds:
                archive.writestr(f"fsr-samples/{image}-{kind}.png", content)
    assert 175e6 < path.stat().st_size <= limits.UPLOAD_BYTES
    reset_peak_memory()
    before = peak_memory_bytes() or 0
    table = evaluate_samples(path, metrics=("psnr_rgb",))
    assert (peak_memory_bytes() or 0) - before < 150 * limits.MIB, "an image at a time, never the whole zip"
    assert (len(table.rows), table.num_images, table.errors) == (72, 8, ())
    assert all(row.metrics.psnr_rgb == float("inf") for row in table.rows)


@pytest.mark.parametrize("folder", ["/", "/usr", "/proc", "/dev"])
def test_a_whole_disk_and_folders_of_a_system_are_refused_at_once(folder: str) -> None:
    started = time.process_time()
    with pytest.raises(SynthcompError, match=r"whole disk|folders, too many|holds no FSR samples"):
        evaluate_samples(Path(folder))
    assert time.process_time() - started < at_most(2)
