"""Images rendered elsewhere: matching, cutting, sizes, rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.batch.plan import RenderedFolder
from synthcomp_core.batch.rendered_elsewhere import match_renderings, measured_row
from synthcomp_core.errors import ImageError, PlanError
from synthcomp_core.images import write_png
from synthcomp_core.library.renderings import cut_to_size
from synthcomp_core.metrics import measure, psnr
from synthcomp_core.variants import Variant, bare_row

from .conftest import frame

METRICS = ("psnr_rgb", "ssim_rgb")


def test_the_middle_is_cut_out_of_a_padded_rendering() -> None:
    reference = frame(1, 45, 67)
    # As compressai pads to 64: the surplus of 19 rows is 9 above and 10 below, of 61 columns 30 left and 31 right.
    padded = np.pad(reference, ((9, 10), (30, 31), (0, 0)))
    assert padded.shape == (64, 128, 3)
    assert np.array_equal(cut_to_size(padded, 67, 45), reference)


def test_a_rendering_smaller_than_its_reference_is_an_error() -> None:
    with pytest.raises(ImageError, match="66 x 45, smaller than its reference of 67 x 45"):
        cut_to_size(frame(1, 45, 66), 67, 45)


@pytest.fixture
def thesis(tmp_path: Path) -> Path:
    """Two references, and a folder of renderings in the thesis's layout."""
    for name in ("c0000", "c0001"):
        write_png(frame(ord(name[-1]), 64, 80), tmp_path / "test" / f"{name}.png")
        write_png(frame(7, 64, 80), tmp_path / "out" / "mbt2018_q4_mse_fullres" / f"{name}.png")
        write_png(frame(8, 64, 82), tmp_path / "out" / "mbt2018_q4_mse_x2res_supersampled" / f"{name}_x2_SR.png")
        write_png(frame(9, 64, 80), tmp_path / "out" / "bicubic_supersampled" / f"{name}_x2_SR.png")
    (tmp_path / "out" / "notes").mkdir()
    return tmp_path


def references(folder: Path) -> list[Path]:
    return sorted((folder / "test").iterdir())


def test_the_thesis_layout_is_matched_by_name(thesis: Path) -> None:
    matches = match_renderings(RenderedFolder("test", thesis / "out", "thesis", trained_on="games"), references(thesis))
    assert {(str(match.variant), match.reference.stem, match.rendering.name) for match in matches} == {
        ("mbt2018-q4-mse-games", "c0000", "c0000.png"),
        ("mbt2018-q4-mse-games", "c0001", "c0001.png"),
        ("mbt2018-q4-mse-games@x2-rcan", "c0000", "c0000_x2_SR.png"),
        ("mbt2018-q4-mse-games@x2-rcan", "c0001", "c0001_x2_SR.png"),
        ("none@x2-rcan", "c0000", "c0000_x2_SR.png"),
        ("none@x2-rcan", "c0001", "c0001_x2_SR.png"),
    }


def test_a_row_measures_the_cut_image_and_has_no_rate_without_a_bitstream(thesis: Path) -> None:
    matches = match_renderings(RenderedFolder("test", thesis / "out", "thesis"), references(thesis))
    match = next(m for m in matches if str(m.variant) == "mbt2018-q4-mse@x2-rcan" and m.reference.stem == "c0000")
    reference = frame(ord("0"), 64, 80)
    row = measured_row(reference, match, dataset="test", metrics=METRICS, max_pixels=10**6)
    assert (row.dataset, row.image, row.variant) == ("test", "c0000.png", "mbt2018-q4-mse@x2-rcan")
    assert (row.width, row.height, row.scale, row.upscaler) == (80, 64, 2.0, "rcan")
    assert (row.codec, row.quality, row.distortion) == ("mbt2018", 4, "mse")
    assert (row.num_bytes, row.bpp, row.encode_s, row.error) == (None, None, None, None)
    assert row.psnr_rgb == psnr(reference, frame(8, 64, 82)[:, 1:81])
    assert row.ssim_y is None


def test_the_uncoded_half_size_image_has_its_known_rate(thesis: Path) -> None:
    match = match_renderings(RenderedFolder("test", thesis / "out", "thesis"), references(thesis))[0]
    assert str(match.variant) == "none@x2-rcan"
    row = measured_row(frame(ord("0"), 64, 80), match, dataset="test", metrics=METRICS, max_pixels=10**6)
    assert row.num_bytes == 40 * 32 * 3
    assert row.bpp == 6.0


def test_sizes_come_from_bitstreams_of_the_same_name(thesis: Path) -> None:
    folder = thesis / "bits" / "mbt2018_q4_mse_fullres"
    folder.mkdir(parents=True)
    (folder / "c0000.bin").write_bytes(b"x" * 640)
    rendered = RenderedFolder("test", thesis / "out", "thesis", bitstreams=thesis / "bits")
    match = next(
        m for m in match_renderings(rendered, references(thesis)) if m.rendering.parent.name.endswith("mse_fullres")
    )
    reference = frame(ord("0"), 64, 80)
    row = measured_row(reference, match, dataset="test", metrics=METRICS, max_pixels=10**6)
    assert (row.num_bytes, row.bpp) == (640, 640 * 8 / (64 * 80))
    assert row.psnr_rgb == measure(reference, frame(7, 64, 80), metrics=METRICS).psnr_rgb


def test_a_folder_that_matches_nothing_says_what_it_expected(thesis: Path) -> None:
    write_png(frame(1), thesis / "other" / "unlike.png")
    with pytest.raises(PlanError, match=r"holds unlike\.png; expected, say, c0000\.png or c0000_x2_SR\.png"):
        match_renderings(RenderedFolder("test", thesis / "other", variant=Variant.parse("mine-q1")), references(thesis))


def test_two_images_of_one_reference_are_refused(thesis: Path) -> None:
    write_png(frame(1), thesis / "out" / "mbt2018_q4_mse_fullres" / "c0000_x2_SR.png")
    with pytest.raises(PlanError, match=r"are both of c0000\.png"):
        match_renderings(RenderedFolder("test", thesis / "out", "thesis"), references(thesis))


def test_a_bare_row_knows_what_the_id_tells() -> None:
    row = bare_row("d", "a.png", Variant.parse("hific-q3-msssim-photos"), error="gone")
    assert (row.codec, row.quality, row.distortion, row.error) == ("hific", 3, "ms-ssim", "gone")
