"""The matrix of learned codecs, read off the snapshots' ids and cards, and off renderings in the thesis's folders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from synthcomp_core.codecs.checkpoints import random_weights
from synthcomp_core.errors import SynthcompError
from synthcomp_core.library.snapshots import save_snapshot
from synthcomp_core.variants.names import scaling_label
from synthcomp_core.variants.snapshot_matrix import (
    MatrixAxes,
    all_axes,
    learned_points,
    matrix_cells,
    quality_label,
)
from tests.upscalers.random_rcan import save_random_rcan


def write_card(artifacts: Path, snapshot_id: str, lmbda: float | None = None, **fields: object) -> None:
    card, tensors = random_weights("mbt2018", 4, 6)
    save_snapshot(dataclasses.replace(card, id=snapshot_id, lmbda=lmbda, **fields), tensors)  # type: ignore[arg-type]


def test_points_are_what_the_ids_say_and_other_ids_have_none(artifacts: Path) -> None:
    for snapshot_id in (
        "mbt2018-q8-msssim-photos",
        "mbt2018-q4-mse-games",
        "my-codec",
        "cheng2020-anchor-q3-mse-games",
    ):
        write_card(artifacts, snapshot_id)
    assert [(point.model, point.quality, point.distortion, point.trained_on) for point in learned_points()] == [
        ("cheng2020-anchor", 3, "mse", "games"),
        ("mbt2018", 4, "mse", "games"),
        ("mbt2018", 8, "msssim", "photos"),
    ]
    assert all_axes() == MatrixAxes("mbt2018", (4, 8), ("mse", "msssim"), ("games", "photos"), ("full",))
    assert all_axes("cheng2020-anchor").qualities == (3,)


def test_cells_are_all_combinations_and_those_without_a_snapshot_have_no_variant(artifacts: Path) -> None:
    write_card(artifacts, "mbt2018-q4-mse-games")
    write_card(artifacts, "mbt2018-q6-msssim-games")
    axes = MatrixAxes("mbt2018", (4, 6), ("mse", "msssim"), ("games",), ("full", "x2-rcan"))
    assert [None if cell.variant is None else str(cell.variant) for cell in matrix_cells(axes)] == [
        "mbt2018-q4-mse-games",
        None,
        None,
        "mbt2018-q6-msssim-games",
        "mbt2018-q4-mse-games@x2-rcan",
        None,
        None,
        "mbt2018-q6-msssim-games@x2-rcan",
    ]


def test_a_snapshot_of_any_name_enters_through_its_card_and_yields_to_one_named_after_the_point(
    artifacts: Path,
) -> None:
    write_card(artifacts, "checkpoint-best", quality=4, distortion="ms-ssim", trained_on="GTA+")
    write_card(artifacts, "mine", quality=4, distortion="mse")
    write_card(artifacts, "a-copy", quality=6, distortion="mse", trained_on="games")
    write_card(artifacts, "mbt2018-q6-mse-games")
    axes = all_axes("mbt2018")
    assert (axes.qualities, axes.trained_on) == ((4, 6), ("GTA+", "games", "unstated"))
    cells = [cell for cell in matrix_cells(axes) if cell.variant is not None]
    assert [(cell.quality, cell.trained_on, cell.distortion, str(cell.variant)) for cell in cells] == [
        (4, "GTA+", "msssim", "checkpoint-best"),
        (4, "unstated", "mse", "mine"),
        (6, "games", "mse", "mbt2018-q6-mse-games"),
    ]


def test_labels_name_every_lambda_of_a_row(artifacts: Path) -> None:
    write_card(artifacts, "mbt2018-q4-mse-games", 0.013)
    write_card(artifacts, "mbt2018-q4-msssim-games", 16.64)
    write_card(artifacts, "mbt2018-q6-mse-games")
    assert quality_label(4, learned_points()) == "quality 4\nλ = 0.013, 16.64"
    assert quality_label(6, learned_points()) == "quality 6"
    assert scaling_label("full") == "full resolution"
    assert scaling_label("x2-rcan") == "half resolution + RCAN ×2"
    assert scaling_label("x1.5-fsr1") == "1/1.5 resolution + FSR 1 ×1.5"
    save_random_rcan("rcan-x2-mine", scale=2)
    assert scaling_label("x2-rcan-x2-mine") == "half resolution + rcan-x2-mine ×2", "a factor once"


def test_no_snapshot_and_an_unknown_model_are_said_so(artifacts: Path) -> None:
    with pytest.raises(SynthcompError, match="There is no codec snapshot named like"):
        all_axes()
    write_card(artifacts, "mbt2018-q4-mse-games")
    with pytest.raises(SynthcompError, match="no snapshot of the model 'x'; installed: mbt2018"):
        all_axes("x")
    with pytest.raises(SynthcompError, match="CODEC@xSCALE-UPSCALER"):
        matrix_cells(MatrixAxes("mbt2018", (4,), ("mse",), ("games",), ("magic",)))
