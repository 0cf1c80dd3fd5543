"""Plans: what is read, and the sentence each mistake gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from synthcomp_core.batch.plan import DataSet, expand_braces, parse_run_plan, read_run_plan
from synthcomp_core.batch.tasks import dataset_images, dataset_text
from synthcomp_core.errors import PlanError
from synthcomp_core.images import write_png
from synthcomp_core.library import datasets
from synthcomp_core.metrics import DEFAULT_METRICS
from synthcomp_core.storage import PROJECT_ROOT
from synthcomp_core.variants import Variant

from .conftest import frame, write_frames

DATA = '[[datasets]]\nname = "frames"\nfolder = "frames"\n'


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("jpeg-q75", ["jpeg-q75"]),
        ("q{4,6}-{mse,msssim}", ["q4-mse", "q4-msssim", "q6-mse", "q6-msssim"]),
        ("none{,@x2-bicubic}", ["none", "none@x2-bicubic"]),
        ("jpeg-q{10..40..10}", ["jpeg-q10", "jpeg-q20", "jpeg-q30", "jpeg-q40"]),
        ("a{3..1}", ["a3", "a2", "a1"]),
        ("{a,b{1,2}}-c", ["a-c", "b1-c", "b2-c"]),
        ("q{08..10}", ["q08", "q09", "q10"]),
    ],
)
def test_braces_expand_as_in_a_shell(pattern: str, texts: list[str]) -> None:
    assert expand_braces(pattern) == texts


@pytest.mark.parametrize(
    "pattern",
    ["a{b", "a}b", "a{b}c", "a{1..x}", "{1..99999}", "{1..200}{1..200}", "}{a,b}", "{1..9999999999}", "{a," * 3000],
)
def test_unusable_braces_are_refused(pattern: str) -> None:
    with pytest.raises(PlanError):
        expand_braces(pattern)


def plan_in(folder: Path, text: str) -> Path:
    (folder / "frames").mkdir(exist_ok=True)
    path = folder / "try.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_with_its_defaults(tmp_path: Path) -> None:
    plan = read_run_plan(plan_in(tmp_path, f'variants = ["jpeg-q{{30,60}}", "none@x2-fsr1"]\n{DATA}limit = 3\n'))
    assert plan.name == "try"
    assert plan.variants == (Variant("jpeg-q30"), Variant("jpeg-q60"), Variant("none", 2.0, "fsr1"))
    assert plan.datasets[0].folder == tmp_path / "frames"
    assert plan.datasets[0].limit == 3
    assert plan.metrics == DEFAULT_METRICS
    assert (plan.keep, plan.layout, plan.precision) == ("both", "run", "auto")
    assert plan.slurm is None


def test_variants_named_twice_are_one(tmp_path: Path) -> None:
    plan = read_run_plan(plan_in(tmp_path, f'variants = ["jpeg-q{{30,60}}", "jpeg-q30"]\n{DATA}'))
    assert [str(variant) for variant in plan.variants] == ["jpeg-q30", "jpeg-q60"]


def test_options_and_targets_stand_in_braces_and_become_canonical(tmp_path: Path) -> None:
    patterns = (
        '"avif-q60+{444,420}{,+s8}", "webp-{psnr{30,35},bytes20000}", "{webp,jxl}+lossless", "jxl-q{80..81..1}.5"'
    )
    plan = read_run_plan(plan_in(tmp_path, f"variants = [{patterns}]\n{DATA}"))
    assert [str(variant) for variant in plan.variants] == [
        *("avif-q60+444", "avif-q60+s8+444", "avif-q60", "avif-q60+s8"),
        *("webp-psnr30", "webp-psnr35", "webp-bytes20000", "webp+lossless", "jxl-q100", "jxl-q80.5", "jxl-q81.5"),
    ]


VARIANTS = 'variants = ["jpeg-q30"]\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("variants = [1 2]", ["TOML", "line 1"]),
        (f'variant = ["jpeg-q30"]\n{DATA}', ["`variant` is unknown", "did you mean `variants`?"]),
        (VARIANTS, ["`datasets` is missing", "[[datasets]]"]),
        (DATA, ["`variants` is missing"]),
        (f"variants = 3\n{DATA}", ["`variants` is 3 (a whole number)", "expected a list of texts"]),
        (f"variants = []\n{DATA}", ["`variants` is []", "at least one"]),
        (f'variants = ["jpeg-q300"]\n{DATA}', ["`variants`", '"jpeg-q300"', "jpeg-q100"]),
        (f'variants = ["jpeg-q{{30"]\n{DATA}', ["`variants`", "not closed"]),
        (f'variants = ["nosuch-q4-mse"]\n{DATA}', ["`variants`", "nosuch-q4-mse"]),
        (f'variants = ["avif-q60+s11"]\n{DATA}', ["`variants`", "'s11'", "+s0 to +s10"]),
        (f'variants = ["webp-psnr300"]\n{DATA}', ["`variants`", "PSNR 300", "below 200"]),
        (f'variants = ["mbt2018-psnr30-mse-nowhere"]\n{DATA}', ["`variants`", "mbt2018-q*-mse-nowhere"]),
        (f'variants = ["none@x2-magic"]\n{DATA}', ["`variants`", "magic"]),
        (f'variants = ["none@x9-bicubic"]\n{DATA}', ["`variants`", "scale 9"]),
        (f'{VARIANTS}keep = "all"\n{DATA}', ['`keep` is "all" (text)', "both, renderings, bitstreams, none"]),
        (f"{VARIANTS}enlarge = true\n{DATA}", ["`variants`", '"jpeg-q30"', "`enlarge`", "none@xSCALE-UPSCALER"]),
        *(
            (
                f'variants = ["none@x2-lanczos"]\nenlarge = true\nkeep = "{keep}"\n{DATA}',
                [f'`keep` is "{keep}"; with `enlarge`, expected "renderings" or "both".'],
            )
            for keep in ("none", "bitstreams")
        ),
        (f'{VARIANTS}metrics = ["vmaf"]\n{DATA}', ["`metrics`", '"vmaf"', "psnr_rgb"]),
        (f"{VARIANTS}max_megapixels = -1\n{DATA}", ["`max_megapixels` is -1", "above 0"]),
        (f'{VARIANTS}name = "../up"\n{DATA}', ["`name`", '"../up"', "letters, digits"]),
        (f'{VARIANTS}name = "x/../../../escaped"\n{DATA}', ["`name`", "escaped", "letters, digits"]),
        (f"{VARIANTS}{DATA}limit = 0\n", ["`datasets[1].limit` is 0", "at least 1"]),
        (f"{VARIANTS}{DATA}limit = true\n", ["`datasets[1].limit` is true (true or false)"]),
        (f"{VARIANTS}{DATA}fodler = 1\n", ["`datasets[1].fodler` is unknown", "`folder`"]),
        (f'{VARIANTS}[[datasets]]\nfolder = "nowhere"\n', ["`datasets[1].folder`", "no such folder"]),
        (f"{VARIANTS}{DATA}{DATA}", ["`datasets`", '"frames" twice']),
        (f"{VARIANTS}{DATA}dataset = 'kodak'\n", ["`datasets[1].dataset`", "`data fetch kodak`"]),
        (f"{VARIANTS}{DATA}split = 'test'\n", ["`datasets`", "`split`", "`dataset`"]),
        (f"{VARIANTS}{DATA}split = 'dev'\n", ["`datasets[1].split`", "one of train, valid, test"]),
        (f"{VARIANTS}[[datasets]]\nname = 'frames'\n", ["`datasets`", "either a `folder`"]),
        (f"{VARIANTS}[datasets]\nfolder = 'frames'\n", ["`datasets` is", "[[datasets]]"]),
        (
            f'{VARIANTS}{DATA}[[renderings]]\nfolder = "frames"\ndataset = "frames"\n',
            ["`renderings[1].variant` is missing"],
        ),
        (
            f'{VARIANTS}{DATA}[[renderings]]\ndataset = "other"\nvariant = "a-q1"\nfolder = "frames"\n',
            ["`renderings[1].dataset`", '"other"', "frames"],
        ),
        (
            f'{VARIANTS}{DATA}[[renderings]]\ndataset = "frames"\nvariant = "a@2"\nfolder = "frames"\n',
            ["`renderings[1].variant`", '"a@2"', "CODEC@xSCALE-UPSCALER"],
        ),
        (
            f'{VARIANTS}{DATA}[[renderings]]\ndataset = "frames"\nfolder = "frames"\nlayout = "thesis"\n'
            'variant = "a"\n',
            ["`renderings[1].variant`", "thesis layout"],
        ),
        (f"{VARIANTS}{DATA}[slurm]\ncores = 4\n", ["`slurm.time` is missing", "08:00:00"]),
        (f"{VARIANTS}slurm = 3\n{DATA}", ["`slurm` is 3", "[slurm]"]),
        (f'{VARIANTS}{DATA}[slurm]\ncores = 4\nmemory = "much"\ntime = "1:00:00"\n', ["`slurm.memory`", "16GB"]),
        (
            f'{VARIANTS}{DATA}[slurm]\ncores = 2\nprocesses = 3\nmemory = "1GB"\ntime = "1:00:00"\n',
            ["`slurm.processes` is 3", "2"],
        ),
    ],
)
def test_every_mistake_names_file_key_and_what_is_expected(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = plan_in(tmp_path, text)
    with pytest.raises(PlanError) as caught:
        read_run_plan(path)
    message = str(caught.value)
    assert str(path) in message
    for part in parts:
        assert part in message
    assert "\n" not in message


def test_files_that_are_no_plan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        read_run_plan(tmp_path / "absent.toml")
    with pytest.raises(PlanError, match="cannot be read"):
        read_run_plan(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(PlanError, match="UTF-8"):
        read_run_plan(tmp_path / "binary.toml")


def test_a_data_set_of_the_library_is_taken_whole_or_by_split(tmp_path: Path, artifacts: Path) -> None:
    write_frames(tmp_path / "mine" / "train", 2)
    write_png(frame(7), tmp_path / "mine" / "test" / "held.png")
    datasets.fetch(str(tmp_path / "mine"), name="mine")
    path = plan_in(tmp_path, f"{VARIANTS}[[datasets]]\ndataset = 'mine'\n")
    (whole,) = read_run_plan(path).datasets
    assert whole.name == "mine"
    assert [image.name for image in dataset_images(whole)] == ["held.png", "frame0.png", "frame1.png"]
    path.write_text(path.read_text() + "split = 'test'\nname = 'held-out'\n")
    (held,) = read_run_plan(path).datasets
    assert held.name == "held-out"
    assert [image.name for image in dataset_images(held)] == ["held.png"]


def test_a_plan_s_text_is_parsed_to_the_plan_that_was_read() -> None:
    plan = read_run_plan(PROJECT_ROOT / "artifacts" / "plans" / "bundled.toml")
    assert plan.name == "bundled"
    assert parse_run_plan(plan.text, plan.path) == plan


def test_what_a_plan_leaves_out_of_its_data_sets_is_counted(tmp_path: Path, artifacts: Path) -> None:
    for name in ("a.png", "b.png", "c.jpg", "more/d.png", "more/e.png"):
        write_png(frame(1), tmp_path / "frames" / name)
    frames = DataSet(folder=tmp_path / "frames", name="frames")
    below = "2 in subfolders of a folder that holds images itself"
    assert dataset_text(frames) == f"frames: 3 images; left out: {below}"
    few = dataclasses.replace(frames, images=("*.png",), limit=1)
    assert dataset_text(few) == f"frames: 1 image; left out: 2 by `images` and `limit` of the plan, {below}"
    assert dataset_text(DataSet(folder=tmp_path / "frames" / "more", name="more")) == "more: 2 images"
    (tmp_path / "levels").mkdir()
    (tmp_path / "frames" / "more").rename(tmp_path / "levels" / "1")
    assert dataset_text(DataSet(folder=tmp_path / "levels", name="l")) == "l: 2 images, 1 subfolder walked"
