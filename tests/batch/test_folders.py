"""Where a run's files lie, and the thesis's folder names read and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthcomp_core.batch.folders import (
    bitstream_path,
    check_layout,
    rendering_path,
    thesis_folder,
    thesis_folders,
    thesis_variant,
)
from synthcomp_core.errors import PlanError
from synthcomp_core.library.snapshots import SnapshotCard
from synthcomp_core.library.thesis_names import reference_stem
from synthcomp_core.variants import Variant

RUN = Path("run")


def test_paths_in_the_run_layout_carry_the_variants_id() -> None:
    variant = Variant.parse("jpeg-q30@x2-fsr1")
    assert (
        rendering_path(RUN, "run", "kodak", variant, "kodim01.webp")
        == RUN / "renderings/kodak/jpeg-q30@x2-fsr1/kodim01.png"
    )
    assert (
        bitstream_path(RUN, "run", "kodak", variant, "kodim01.webp")
        == RUN / "bitstreams/kodak/jpeg-q30@x2-fsr1/kodim01.jpg"
    )


@pytest.mark.parametrize(
    ("variant", "suffix"),
    [("jpeg2000-q30", ".jp2"), ("jxl-q30", ".jxl"), ("none", ".ppm"), ("mbt2018-q4-mse-games", ".scb")],
)
def test_bitstreams_have_their_formats_suffix(variant: str, suffix: str) -> None:
    assert bitstream_path(RUN, "run", "d", Variant.parse(variant), "a.png").name == f"a{suffix}"


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SnapshotCard("mbt2018-q4-msssim-games", "codec", "mbt2018", quality=4, distortion="ms-ssim")
    monkeypatch.setattr("synthcomp_core.batch.folders.find_snapshot", lambda snapshot_id: card)


def test_thesis_paths_are_those_of_the_thesis(card: None) -> None:
    full, half = Variant.parse("mbt2018-q4-msssim-games"), Variant.parse("mbt2018-q4-msssim-games@x2-rcan")
    assert (
        rendering_path(RUN, "thesis", "d", full, "c0000.jpg")
        == RUN / "renderings/d/mbt2018_q4_msssim_fullres/c0000.png"
    )
    assert (
        rendering_path(RUN, "thesis", "d", half, "c0000.jpg")
        == RUN / "renderings/d/mbt2018_q4_msssim_x2res_supersampled/c0000_x2_SR.png"
    )
    uncoded = Variant.parse("none@x2-rcan")
    assert rendering_path(RUN, "thesis", "d", uncoded, "a.png") == RUN / "renderings/d/bicubic_supersampled/a_x2_SR.png"


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("mbt2018_q4_mse_fullres", "mbt2018-q4-mse-games"),
        ("mbt2018_q8_msssim_x2res_supersampled", "mbt2018-q8-msssim-games@x2-rcan"),
        ("bicubic_supersampled", "none@x2-rcan"),
        ("jpeg_q75_fullres", "jpeg-q75"),
        ("jpeg_q75_x2res_supersampled", "jpeg-q75@x2-rcan"),
    ],
)
def test_thesis_folder_names_tell_the_variant(name: str, variant: str) -> None:
    assert str(thesis_variant(name, "games")) == variant


@pytest.mark.parametrize("name", ["original", "mbt2018_q4_mse", "mbt2018_mse_fullres", ""])
def test_other_folder_names_tell_nothing(name: str) -> None:
    assert thesis_variant(name, "games") is None


@pytest.mark.parametrize("variant", ["jpeg-q75", "webp-q20@x2-rcan", "none@x2-rcan"])
def test_a_thesis_name_read_back_is_the_same_variant(variant: str) -> None:
    assert str(thesis_variant(thesis_folder(Variant.parse(variant)), None)) == variant


def test_variants_that_share_a_thesis_folder_are_refused() -> None:
    variants = (Variant.parse("jpeg-q75@x2-rcan"), Variant.parse("jpeg-q75@x2-bicubic"))
    check_layout("run", variants)
    with pytest.raises(PlanError, match="jpeg_q75_x2res_supersampled"):
        check_layout("thesis", variants)


def test_a_folder_without_thesis_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(PlanError, match="mbt2018_q4_mse_fullres"):
        thesis_folders(tmp_path, None)


@pytest.mark.parametrize(
    ("name", "stem"), [("c0000_x2_SR.png", "c0000"), ("c0000.png", "c0000"), ("a_x2_SR_b.png", "a_x2_SR_b")]
)
def test_the_super_resolution_suffix_is_not_part_of_the_name(name: str, stem: str) -> None:
    assert reference_stem(Path(name)) == stem
