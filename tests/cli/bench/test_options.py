"""The verbs of `bench`: an option that cannot be is one sentence, said before anything is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.cli.bench import codec
from synthcomp_core.cli.bench.train import generated_patches
from synthcomp_core.training.generated_images import generated_image
from tests.training.conftest import write_plan

HUGE = "99999x99999"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train --patch 100", "--patch is 100; expected a multiple of 64 up to 512."),
        ("train --patch 576", "--patch is 576; expected a multiple of 64 up to 512."),
        ("train --patch 0", "--patch is 0; expected a multiple of 64 up to 512."),
        ("train --batch 0", "--batch is 0; expected 1 to 65,536 patches."),
        ("train --threads -1", "--threads is -1; expected 1 to 4,096, or 0 for torch's choice."),
        ("upscale --repeats 0", "A benchmark takes at least 1 run, not 0."),
        ("upscale --scale 0", "--scale is 0; expected one of 1, 2, 3, 4, 5, 6, 7, 8 for fsr1."),
        ("upscale --method rcan-compact --scale 5", "--scale is 5; expected one of 2, 3, 4 for rcan-compact."),
        (f"upscale --size {HUGE}", f"--size is {HUGE}; expected at most 50 megapixels, the limit for image files."),
        ("upscale --size 4000x4000 --scale 6", "more than a benchmark may make, 400 megapixels; lower --size or"),
        ("metrics --size 200x160", "The image is 200x160; MS-SSIM needs at least 161 pixels per side: choose a larger"),
        (f"metrics --size {HUGE}", f"--size is {HUGE}; expected at most 50 megapixels"),
        (f"codec --size {HUGE}", f"--size is {HUGE}; expected at most 50 megapixels"),
        ("codec --repeats 0", "A benchmark takes at least 1 run, not 0."),
        (f"advise --size {HUGE}", f"--size is {HUGE}; expected at most 50 megapixels"),
        (
            "effort --snapshot mbt2018-q6-msssim-games --size 64x64",
            "The image is 64x64; MS-SSIM, which mbt2018-q6-msssim-games was trained for, needs at least 161 pixels",
        ),
        ("results --rows 1100000", "1,100,000 rows are too many: a table that is read has under 1,100,000."),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence(
    arguments: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments.split()]) == 1
    shown = capsys.readouterr().err
    assert sentence in shown and "Traceback" not in shown


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seconds", "nan"], "--seconds is nan; expected a number above 0."),
        (["--seconds", "inf"], "--seconds is inf; expected a number above 0."),
        (["--seconds", "0"], "--seconds is 0; expected a number above 0."),
        (["--csv", "points.png"], "points.png is where the chart would be written; name a file that ends in .csv."),
    ],
)
def test_an_option_of_recipe_that_cannot_be_is_one_sentence(
    options: list[str], sentence: str, tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "recipe", str(write_plan(tmp_path)), "tiny-codec", *options]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("patch", "batch"), [(128, 8), (128, 32), (512, 3), (64, 1)])
def test_every_patch_of_a_batch_is_whole(patch: int, batch: int) -> None:
    patches = generated_patches(patch, batch)
    assert patches.shape == (batch, patch, patch, 3)
    image = generated_image(1, width=512, height=512)
    last = (batch - 1) * 16 % (512 - patch + 1)
    assert np.array_equal(patches[-1], image[last : last + patch, last : last + patch])


def test_a_table_that_a_benchmark_cannot_be_added_to_is_refused_before_it_is_run(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(codec, "bench_image", lambda image, size: pytest.fail("measured"))
    codec.results_path().parent.mkdir(parents=True, exist_ok=True)
    codec.results_path().write_text("image,seconds\n")
    assert main(["bench", "codec"]) == 1
    assert "bench_codec.csv has other columns than this benchmark writes; move it away" in capsys.readouterr().err
