"""Every command in the documentation works: it is run as printed, in a small stand-in for a clone.

A block that needs the network, or hours, says so in a comment above it: ``<!-- not run: network -->``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.images import Image, crop, read_image, resize, write_png
from synthcomp_core.results.table import read_results
from synthcomp_core.upscalers import parse_upscaler
from tests.conftest import PROJECT_ROOT
from tests.docs.blocks import Block, blocks
from tests.forked import COMMAND, forks
from tests.thesis_project import write_project

PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
REASONS = {"network", "tests/docs/test_extending.py runs it on a copy with the recipe"}
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
SAMPLE = PROJECT_ROOT / "artifacts" / "samples" / "redeclipse_longestyard_0001.webp"
WIDTH, HEIGHT = 192, 176  # The smallest frame that MS-SSIM can measure, and a learned codec's whole latents.


def shell_blocks(*, run: bool) -> list[tuple[Path, Block]]:
    found = [(page, block) for page in PAGES for block in blocks(page) if block.language == "sh"]
    return [(page, block) for page, block in found if (block.not_run is None) is run]


def commands(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line.strip()]


def pieces(count: int) -> list[Image]:
    """Pieces of a bundled frame, from its middle to the right."""
    image = read_image(SAMPLE).image
    top = (image.shape[0] - HEIGHT) // 2
    lefts = np.linspace(image.shape[1] // 4, image.shape[1] - WIDTH, count).astype(int)
    return [crop(np.ascontiguousarray(image[top:, left:]), WIDTH, HEIGHT) for left in lefts]


def write_fsr_samples(folder: Path, native: Image) -> None:
    """One image in the layout of the thesis's samples: native, and FSR's four modes with and without sharpening."""
    write_png(native, folder / "1-native.png")
    for quality, scale in {"q2": 2.0, "q3": 1.7, "q4": 1.5, "q5": 1.3}.items():
        low = resize(native, (round(WIDTH / scale), round(HEIGHT / scale)))
        for suffix, method in (("", "fsr1_off"), ("-sharpened", "fsr1")):
            write_png(parse_upscaler(method).upscale(low, (WIDTH, HEIGHT)), folder / f"1-{quality}{suffix}.png")


def write_checkpoint(path: Path) -> None:
    """A training file such as the thesis's, with the weights of a tiny untrained model."""
    import torch

    from synthcomp_core.codecs.checkpoints import build_model

    torch.manual_seed(0)
    torch.save({"epoch": 1, "state_dict": build_model("mbt2018", 8, 12).state_dict()}, path)


def write_programs(folder: Path) -> None:
    """``python`` and ``synthcomp`` as an installed environment has them, by the interpreter of this test."""
    folder.mkdir(parents=True)
    for name, arguments in (("python", ""), ("synthcomp", "-m synthcomp_core ")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
        program.chmod(0o755)


class StandIn:
    """A folder that looks like a clone with its environment, with small frames instead of the bundled ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("synthcomp_core", "pages", "tests", "app.py", "pyproject.toml", "Makefile"):
            (folder / name).symlink_to(PROJECT_ROOT / name)
        bundled, artifacts = PROJECT_ROOT / "artifacts", folder / "artifacts"
        for name in ("plans", "results"):
            shutil.copytree(bundled / name, artifacts / name)
        (artifacts / "snapshots").mkdir()
        for path in (bundled / "snapshots").iterdir():
            (artifacts / "snapshots" / path.name).symlink_to(path)
        # `bench codec` takes the first bundled frame, which are lossless WebP.
        (artifacts / "samples").mkdir()
        shutil.copy(SAMPLE, artifacts / "samples" / "z.webp")
        for name, key, value in (("smoke.toml", "steps", 3), ("bundled.toml", "limit", 1)):
            plan = artifacts / "plans" / name
            text, count = re.subn(rf"^{key} = \d+", f"{key} = {value}", plan.read_text(), flags=re.MULTILINE)
            assert count, f"{name} sets no {key}"
            plan.write_text(text)
        write_programs(folder / ".venv" / "bin")
        frame, *others = pieces(10)
        write_png(frame, artifacts / "samples" / "a.png")
        write_png(frame, folder / "frame.png")
        write_png(np.clip(frame + 2.0, 0, 255).astype(np.uint8), folder / "decoded.png")
        for number, other in enumerate(others):
            write_png(other, folder / "my-frames" / f"{number}.png")
        write_fsr_samples(folder / "fsr-samples", frame)

        self.environment = {
            **os.environ,
            "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT_ROOT),
            "SYNTHCOMP_ARTIFACTS": str(artifacts),
            "COLUMNS": "200",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, cwd=self.folder, env=self.environment
        )


def run_in_a_fork(command: str, stand_in: StandIn) -> subprocess.CompletedProcess[str]:
    """A command of `synthcomp`, as the shell would: its words, without what stands behind #."""
    program, *arguments = shlex.split(command, comments=True)
    plain = command.partition("#")[0].replace("'", "")
    assert program == "synthcomp" and not re.search(r"[$|<>&;`*]", plain), command
    folder = stand_in.folder
    return forks().run(COMMAND, arguments, folder=folder, environment=stand_in.environment, output=folder)


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


def test_every_block_that_is_not_run_gives_a_reason_that_holds() -> None:
    for page, block in shell_blocks(run=False):
        assert block.not_run in REASONS, f"{page.name}, line {block.line}: {block.not_run}"
        if block.not_run == "network":
            online = ("data fetch", "snapshot fetch", "pip install", "git clone")
            assert any(verb in line for verb in online for line in commands(block))


def test_every_command_is_one_that_this_test_can_run() -> None:
    known = re.compile(r"(synthcomp|python|\.venv/bin/(python|synthcomp)|make) ")
    for page, block in shell_blocks(run=True):
        for line in commands(block):
            assert known.match(line), f"{page.name}, line {block.line}: {line}"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(TARGET.findall((PROJECT_ROOT / "Makefile").read_text()))
    named = {name for page in PAGES for name in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"app", "test", "quick", "help"} <= named <= targets
    contributing = (PROJECT_ROOT / "CONTRIBUTING.md").read_text()
    assert all(f"`make {target}`" in contributing for target in targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_image_of_a_page_exists(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.is_file(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    core = {path.name for path in (PROJECT_ROOT / "synthcomp_core").iterdir() if path.is_dir()}
    for name in re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", text):
        first = name.split("/")[0]
        if "/" in name and first in {*core, "tests", "artifacts", "docs", "pages", "synthcomp_core"}:
            folder = PROJECT_ROOT / "synthcomp_core" if first in core else PROJECT_ROOT
            assert (folder / name).exists(), f"{page.name} names {name}"


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({page for page, _ in shell_blocks(run=True)}), ids=lambda page: page.name)
def test_the_commands_of_a_page_run_as_printed(page: Path, stand_in: StandIn) -> None:
    lines = [line for found, block in shell_blocks(run=True) if found == page for line in commands(block)]
    if any("ba-thesis-scripts" in line for line in lines):
        project = write_project(stand_in.folder / "ba-thesis-scripts", width=WIDTH, height=HEIGHT)
        write_fsr_samples(project / "fsr-samples", pieces(1)[0])
    if any("checkpoint" in line for line in lines):
        write_checkpoint(stand_in.folder / "checkpoint.pth.tar")
    programs = set()
    for line in lines:
        program = line.split()[0]
        if program == "make":  # That sets up an environment; its target exists, as is checked above.
            continue
        # The first of each kind as the shell runs it, a process of its own; then what costs nothing but time is spared.
        finished = run_in_a_fork(line, stand_in) if program in programs & {"synthcomp"} else stand_in.run(line)
        programs.add(program)
        assert finished.returncode == 0, f"{line}\n{finished.stderr}{finished.stdout}"
    if page.name == "README.md":
        check_what_the_readme_left(stand_in.folder)


def check_what_the_readme_left(folder: Path) -> None:
    """The commands do what the text beside them says."""
    frame = read_image(folder / "frame.png").image
    decoded = read_image(folder / "decoded.png").image
    assert (folder / "frame.scb").read_bytes()[:3] == b"SCB" and decoded.shape == frame.shape
    assert np.mean((decoded.astype(float) - frame) ** 2) < 255**2 / 100  # Over 20 dB: it is the same scene.
    assert read_image(folder / "large.png").image.shape == (HEIGHT * 3 // 2, WIDTH * 3 // 2, 3)
    assert read_results(folder / "row.csv")["variant"].tolist() == ["webp-q80@x2-bicubic"]
    assert (folder / "figure.pdf").read_bytes()[:5] == b"%PDF-" and "figure.pdf" in (folder / "figure.tex").read_text()
    artifacts = folder / "artifacts"
    assert len(list((artifacts / "data" / "mine" / "images").iterdir())) == 9
    rows = read_results(artifacts / "runs" / "bundled" / "results.csv")
    assert len(rows) == rows["variant"].nunique() == 12 and rows["error"].isna().all()
    for name in ("smoke-codec", "smoke-upscaler", "mbt2018-q4-mse-mine"):
        assert (artifacts / "snapshots" / f"{name}.safetensors").is_file()
