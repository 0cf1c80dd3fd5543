"""The recipes of docs/extending.md, each applied to a copy of the package and tried there."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.images import read_image, write_png
from tests.conftest import PROJECT_ROOT
from tests.docs.blocks import Block, blocks

PAGE = PROJECT_ROOT / "docs" / "extending.md"
RECIPES = ("Add a codec", "Add an upscaler", "Add a metric", "Add a results format", "Add a page")


def recipe_blocks(recipe: str, *languages: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.section == recipe and block.language in languages]


def apply(block: Block, folder: Path) -> Path:
    """Carry out a block in a copy of the project; the file that it made or changed."""
    first, _, text = block.text.partition("\n")
    path = folder / first.removeprefix("# ")
    if block.language == "python":
        assert not path.exists(), f"{path.name} is there already"
        path.write_text(text, encoding="utf-8")
        return path
    content = path.read_text(encoding="utf-8")
    for hunk in text.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        assert all(line[0] in " +-" for line in lines), f"line {block.line}: a diff's lines begin with ' ', '+' or '-'"
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        assert content.count(before) == 1, f"{path.name} has {content.count(before)} places for this:\n{before}"
        content = content.replace(before, after)
    path.write_text(content, encoding="utf-8")
    return path


def textured(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 5), np.cos(x / 11 + y / 7), np.sin(y / 3)], axis=2)
    return (waves * 90 + 128).astype(np.uint8)


class Copy:
    """A copy of the project with one recipe applied, beside a frame and its JPEG-like neighbour."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What stays is machine code of the kernels, which holds here as well. Others may be writing files just now.
        ignored = shutil.ignore_patterns("*.pyc*", "*tmp*")
        for name in ("synthcomp_core", "pages"):
            shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=ignored)
        for name in ("app.py", "pyproject.toml"):
            shutil.copy(PROJECT_ROOT / name, folder)
        (folder / "artifacts" / "results").mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "artifacts" / "results" / "compact.csv", folder / "artifacts" / "results")
        self.frame = textured(96, 64)
        write_png(self.frame, folder / "frame.png")
        write_png(self.frame + np.uint8(2), folder / "decoded.png")
        self.changed: list[Path] = []

    def run(self, *command: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"}
        environment.pop("SYNTHCOMP_ARTIFACTS", None)
        finished = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, cwd=self.folder, env=environment
        )
        assert finished.returncode == 0, finished.stderr + finished.stdout
        return finished.stdout

    def verbs(self, recipe: str) -> str:
        """What the commands of the recipe print."""
        (block,) = recipe_blocks(recipe, "sh")
        printed = []
        for line in block.text.splitlines():
            program, *arguments = line.split()
            assert program == "synthcomp"
            printed.append(self.run("-m", "synthcomp_core", *arguments))
        return "".join(printed)


@pytest.fixture
def with_recipe(tmp_path: Path) -> Callable[..., Copy]:
    def make(*recipes: str) -> Copy:
        copy = Copy(tmp_path)
        copy.changed = [
            apply(block, tmp_path) for recipe in recipes for block in recipe_blocks(recipe, "python", "diff")
        ]
        assert copy.changed
        return copy

    return make


def test_the_page_holds_these_recipes_and_the_frame_is_unchanged_by_them() -> None:
    sections = [block.section for block in blocks(PAGE)]
    assert list(dict.fromkeys(sections)) == list(RECIPES)


@pytest.mark.slow
def test_all_recipes_together_keep_to_the_style_and_the_floors_of_the_house(
    with_recipe: Callable[..., Copy],
) -> None:
    copy = with_recipe(*RECIPES)
    names = sorted({path.relative_to(copy.folder).as_posix() for path in copy.changed})
    copy.run("-m", "ruff", "check", "--no-cache", *names)
    copy.run("-m", "ruff", "format", "--check", "--no-cache", *names)
    (copy.folder / "tests").mkdir()
    for name in ("__init__.py", "clock.py", "conftest.py", "test_architecture.py"):
        shutil.copy(PROJECT_ROOT / "tests" / name, copy.folder / "tests")
    about = "test_modules_and_functions_stay_short", "test_each_package_is_imported_only_where_the_design_allows"
    claims = [f"tests/test_architecture.py::{test}[{name}]" for test in about for name in names]
    floors = "tests/test_architecture.py::test_imports_point_down_only"
    claims += [f"{floors}[{name.removeprefix('synthcomp_core/')}]" for name in names if name.startswith("synthcomp")]
    printed = copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *claims)
    assert f"{len(claims)} passed" in printed


@pytest.mark.slow
def test_a_codec_is_listed_and_an_image_goes_through_it(with_recipe: Callable[..., Copy]) -> None:
    copy = with_recipe("Add a codec")
    printed = copy.verbs("Add a codec")
    assert "losslesswebp" in printed and "libwebp" in printed
    assert (copy.folder / "frame.webp").read_bytes()[12:16] == b"VP8L"  # The chunk of a lossless WebP.
    assert np.array_equal(read_image(copy.folder / "decoded.png").image, copy.frame)
    assert "inf" in printed  # The PSNR of identical images.


@pytest.mark.slow
def test_an_upscaler_is_listed_and_enlarges_alone_and_in_a_variant(with_recipe: Callable[..., Copy]) -> None:
    copy = with_recipe("Add an upscaler")
    printed = copy.verbs("Add an upscaler")
    assert "Sharp bilinear (for pixel art)" in printed and "large.png: 144x96 from 96x64, sharp-bilinear" in printed
    assert read_image(copy.folder / "large.png").image.shape == (96, 144, 3)
    assert "webp-q80@x2-sharp-bilinear" in printed
    assert read_image(copy.folder / "out.png").image.shape == (64, 96, 3)
    large = ["frame.png", "double.png", "--method", "sharp-bilinear", "--scale", "2"]
    copy.run("-m", "synthcomp_core", "upscale", *large)
    double = read_image(copy.folder / "double.png").image
    assert np.array_equal(double, copy.frame.repeat(2, axis=0).repeat(2, axis=1))  # Whole blocks at a whole scale.


@pytest.mark.slow
def test_a_metric_is_measured_printed_and_written_and_older_tables_are_still_read(
    with_recipe: Callable[..., Copy],
) -> None:
    copy = with_recipe("Add a metric")
    printed = copy.verbs("Add a metric")
    (line,) = [line.split() for line in printed.splitlines() if line.split()[:1] == ["MAE"]]
    assert line == ["MAE", "2.00", "levels", "lower"]
    with (copy.folder / "row.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    decoded = read_image(copy.folder / "out.png").image
    assert float(row["mae"]) == pytest.approx(np.abs(decoded.astype(int) - copy.frame).mean(), abs=1e-9)
    assert "row.csv: ok" in printed and "compact.csv: ok" in printed


@pytest.mark.slow
def test_a_results_format_is_recognised_read_and_refused_by_row_and_column(
    with_recipe: Callable[..., Copy],
) -> None:
    copy = with_recipe("Add a results format")
    lines = ["image\tcodec\tquality\tbpp\tpsnr_rgb"]
    for codec, share in (("JPEG", 1.0), ("WebP", 0.8)):
        for quality, rate in ((10, 0.25), (30, 0.5), (60, 1.0), (90, 2.0)):
            lines.append(f"0.png\t{codec}\t{quality}\t{rate * share}\t{25 + quality / 10}")
    (copy.folder / "copied.tsv").write_text("\n".join(lines) + "\n")
    printed = copy.verbs("Add a results format")
    assert "copied.tsv: ok, tab-separated format, 8 rows, 8 variants, 1 image," in printed
    assert "webp\t-20.00 %" in printed  # A fifth fewer bits at every quality.
    (copy.folder / "copied.tsv").write_text("\n".join([*lines[:2], "1.png\tJPEG\tgood\t1\t30"]))
    program = "from pathlib import Path; from synthcomp_core.results.formats import load_results\n"
    program += "try: load_results(Path('copied.tsv'))\nexcept ValueError as error: print(error)"
    assert "copied.tsv, row 3, column quality: 'good' is not a number" in copy.run("-c", program)


@pytest.mark.slow
def test_a_page_opens_and_shows_the_snapshots(with_recipe: Callable[..., Copy]) -> None:
    copy = with_recipe("Add a page")
    artifacts = copy.folder / "artifacts"
    shutil.copytree(PROJECT_ROOT / "tests" / "golden" / "version-0.1" / "snapshots", artifacts / "snapshots")
    write_png(copy.frame, artifacts / "samples" / "frame.png")
    program = """
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=180).run()
assert not app.exception, app.exception
app.switch_page("pages/snapshots.py").run()
assert not app.exception, app.exception
print(app.title[0].value, sorted(app.dataframe[0].value["id"]))
"""
    assert copy.run("-c", program).strip() == (
        "Snapshots ['bmshj2018-factorized', 'bmshj2018-hyperprior', 'cheng2020-anchor', 'mbt2018', 'mbt2018-mean', "
        "'rcan-x2']"
    )
