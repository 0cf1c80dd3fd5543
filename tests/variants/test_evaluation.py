"""Evaluations: one way from an image to a row, FLIP once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.metrics import Metrics, flip_error, measure
from synthcomp_core.variants import ERROR_MAP, Evaluation, Variant, evaluate, evaluation, render, result_row
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame
from tests.tiny_codecs import make_codecs

_TIMES = {"encode_s": None, "decode_s": None, "upscale_s": None}


def test_a_row_is_that_of_rendering_and_measuring_by_hand() -> None:
    image = frame(1, 201, 187)
    variant = Variant.parse("webp-q60@x1.5-lanczos")
    evaluated = evaluate(image, variant, dataset="d", image_name="i.png")
    rendering = render(image, variant)
    expected = result_row(rendering, measure(image, rendering.image), dataset="d", image_name="i.png")
    assert dataclasses.replace(evaluated.row, **_TIMES) == dataclasses.replace(expected, **_TIMES)
    assert np.array_equal(evaluated.rendering.image, rendering.image)
    assert evaluated.error_map is not None
    assert np.array_equal(evaluated.error_map, flip_error(image, rendering.image))
    assert evaluated.row.flip == evaluated.error_map.mean(dtype=np.float64)


def test_flip_is_computed_once_for_mean_map_and_image(flip_rows: list[int]) -> None:
    image = frame(1, 200, 180)
    evaluated = evaluate(image, Variant("jpeg-q20"), dataset="d", image_name="i.png", want=(ERROR_MAP,))
    assert evaluated.error_image() is not None and evaluated.row.flip is not None
    assert sum(flip_rows) == 180


def test_a_render_of_1080p_with_the_default_metrics_computes_flip_once(
    flip_rows: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = PROJECT_ROOT / "artifacts/samples/torcs_forza_0002.webp"
    assert main(["render", str(source), str(tmp_path / "out.png"), "--variant", "jpeg-q50", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["width"], row["height"]) == (1920, 1080)
    assert row["flip"] > 0 and row["msssim_y"] > 0
    assert sum(flip_rows) == 1080


def test_a_map_is_made_without_the_metric_and_neither_when_unasked(flip_rows: list[int]) -> None:
    image = frame(1, 64, 64)
    names = {"dataset": "d", "image_name": "i.png"}
    alone = evaluate(image, Variant("jpeg-q20"), metrics=("psnr_rgb",), want=(ERROR_MAP,), **names)
    assert alone.error_map is not None and alone.row.flip is None
    without = evaluate(image, Variant("jpeg-q20"), metrics=("psnr_rgb",), **names)
    assert without.error_map is None and without.error_image() is None
    assert sum(flip_rows) == 64


def test_the_image_comes_first_and_then_each_group_of_metrics() -> None:
    seen: list[Evaluation] = []
    last = evaluate(frame(1, 64, 64), Variant("webp-q50"), dataset="d", image_name="i", on_stage=seen.append)
    assert seen[0].metrics == Metrics() and seen[0].error_map is None
    assert [(stage.metrics.psnr_rgb, stage.metrics.flip, stage.metrics.ssim_y) for stage in (seen[1], seen[2])] == [
        (last.metrics.psnr_rgb, None, None),
        (last.metrics.psnr_rgb, last.metrics.flip, None),
    ]
    assert [stage.error_map is not None for stage in seen] == [False, False, True, True, True]
    assert all(stage.row.num_bytes == last.row.num_bytes for stage in seen)
    assert (seen[-1].metrics, seen[-1].row) == (last.metrics, last.row)
    assert last.metrics.psnr_rgb is not None and last.metrics.ssim_y is not None


def test_of_a_learned_codec_the_image_that_the_encoder_expects_comes_before_it_is_decoded(artifacts: object) -> None:
    make_codecs(("mbt2018-q4-mse-games",))
    seen: list[Evaluation] = []
    names = {"dataset": "d", "image_name": "i", "metrics": ("psnr_rgb",)}
    for variant in ("mbt2018-q4-mse-games", "mbt2018-q4-mse-games@x2-bicubic"):
        seen.clear()
        last = evaluate(frame(1, 70, 66), Variant.parse(variant), on_stage=seen.append, **names)  # type: ignore[arg-type]
        assert last.row.decode_s is not None
        if "@" in variant:  # There the image would have to be upscaled twice.
            assert seen[0].row.decode_s is not None
            continue
        assert seen[0].row.decode_s is None and seen[1].row.decode_s is not None
        assert seen[0].row.num_bytes == last.row.num_bytes
        np.testing.assert_array_equal(seen[0].rendering.image, last.rendering.image)


def test_a_row_says_what_networks_computed_in_and_on(artifacts: object) -> None:
    make_codecs(("mbt2018-q4-mse-games",))
    image = frame(1, 70, 66)
    for precision in ("float32", "bfloat16"):
        row = evaluate(
            image,
            Variant("mbt2018-q4-mse-games"),
            dataset="d",
            image_name="i",
            metrics=("psnr_rgb",),
            precision=precision,
            device="cpu",
        ).row
        assert (row.precision, row.device) == (precision, "cpu")
        assert row.upscaler_precision is None and row.upscaler_device is None
    plain = evaluate(image, Variant("png"), dataset="d", image_name="i", metrics=("psnr_rgb",)).row
    assert plain.precision is None and plain.device is None


def test_the_upscaler_obeys_the_precision(artifacts: object) -> None:
    from tests.upscalers.random_rcan import save_random_rcan

    save_random_rcan("rcan-x2-games", scale=2)
    for precision in ("float32", "bfloat16"):
        row = evaluate(
            frame(1, 64, 48),
            Variant.parse("none@x2-rcan"),
            dataset="d",
            image_name="i",
            metrics=("psnr_rgb",),
            precision=precision,
            device="cpu",
        ).row
        assert (row.upscaler_precision, row.upscaler_device) == (precision, "cpu")
        assert row.precision is None


def test_the_bit_image_has_the_reference_s_size(artifacts: object) -> None:
    make_codecs(("mbt2018-q4-mse-games",))
    evaluated = evaluate(
        frame(1, 150, 90), Variant.parse("mbt2018-q4-mse-games@x2-bicubic"), dataset="d", image_name="i", metrics=()
    )
    bits = evaluated.bit_image()
    assert bits is not None and bits.shape == (90, 150, 3)
    assert evaluate(frame(1, 20, 20), Variant("png"), dataset="d", image_name="i", metrics=()).bit_image() is None


@pytest.mark.parametrize("target", ["psnr34", "ssimulacra2_60", "flip0.06"])
def test_what_the_search_for_a_target_has_measured_is_not_measured_again(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = frame(4)
    settled = render(image, Variant(f"webp-{target}")).settled
    expected = evaluate(image, settled, dataset="d", image_name="i.png")
    asked: list[str] = []

    def counted(*arguments: object, metrics: tuple[str, ...], **options: object) -> Metrics:
        asked.extend(metrics)
        return measure(*arguments, metrics=metrics, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluation, "measure", counted)
    found = evaluate(image, Variant(f"webp-{target}"), dataset="d", image_name="i.png", want=(ERROR_MAP,))
    assert found.metrics == expected.metrics
    assert found.error_map is not None
    searched = {"psnr34": "psnr_rgb", "ssimulacra2_60": "ssimulacra2"}.get(target)
    assert searched not in asked and len(set(asked)) == len(asked) == (8 if searched is None else 7)
