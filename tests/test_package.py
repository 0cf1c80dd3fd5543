"""The installable package: what it declares, what a wheel carries, and that it works away from a clone."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core import __version__, codecs
from synthcomp_core.images import list_images, read_image, write_png
from tests.conftest import PROJECT_ROOT

REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) +# \S.*")
SOURCES = ["pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-dev.txt"]
SNAPSHOT = "mbt2018-q4-mse-games"


def requirements(file_name: str) -> dict[str, str]:
    """Name and version of every requirement in a file; each must be pinned and have its reason beside it."""
    found = {}
    for line in (PROJECT_ROOT / file_name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = REQUIREMENT.fullmatch(line)
            assert requirement, f"{file_name}: {line!r} is not of the form name==version  # reason"
            found[requirement["name"]] = requirement["version"]
    return found


def imported_packages(node: ast.AST) -> Iterator[str]:
    """Top-level names that the code imports; imports with an ``except ImportError`` are optional and left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and child.level == 0:
            yield child.module.split(".")[0]
        elif isinstance(child, ast.Try) and any(
            handler.type is not None and ast.unparse(handler.type) in ("ImportError", "ModuleNotFoundError")
            for handler in child.handlers
        ):
            for statement in [*child.handlers, *child.orelse, *child.finalbody]:
                yield from imported_packages(statement)
        else:
            yield from imported_packages(child)


def undeclared(paths: list[Path], declared: set[str]) -> list[str]:
    distributions = packages_distributions()
    own = {"synthcomp_core", "tests"}
    found = set()
    for path in paths:
        for package in imported_packages(ast.parse(path.read_text(encoding="utf-8"))):
            if package not in sys.stdlib_module_names | own:
                names = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions.get(package, [package])}
                if not names & declared:
                    found.add(f"{path.relative_to(PROJECT_ROOT).as_posix()} imports {package}")
    return sorted(found)


def test_every_imported_package_is_declared() -> None:
    runtime, development = requirements("requirements.txt"), requirements("requirements-dev.txt")
    assert not set(runtime) & set(development), "a dependency is declared once"
    app = [PROJECT_ROOT / "app.py", *(PROJECT_ROOT / "pages").glob("*.py")]
    app += (PROJECT_ROOT / "synthcomp_core").rglob("*.py")
    # Benchmarks measure against packages that only development needs, and say so where one is missing.
    benchmarks = [path for path in app if path.parent.name == "bench"]
    assert undeclared([path for path in app if path not in benchmarks], set(runtime)) == []
    assert undeclared(benchmarks, {*runtime, *development}) == []
    assert undeclared([*(PROJECT_ROOT / "tests").rglob("*.py")], {*runtime, *development}) == []


def test_an_undeclared_import_would_be_noticed() -> None:
    program = "import torch\ndef f():\n    import psutil\n"
    program += "try:\n    import wandb\nexcept ImportError:\n    import dask.array\n"
    assert list(imported_packages(ast.parse(program))) == ["torch", "psutil", "dask"]
    declared = set(requirements("requirements.txt")) - {"typer"}
    missed = undeclared([PROJECT_ROOT / "synthcomp_core" / "cli" / "__init__.py"], declared)
    assert missed == ["synthcomp_core/cli/__init__.py imports typer"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is built from, so that the build leaves nothing in the clone."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(PROJECT_ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT_ROOT / "synthcomp_core", folder / "synthcomp_core", ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a download: setuptools is among the development requirements."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", source, "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an environment with the wheel installed, which borrows the other packages from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    # Added by a .pth file, the folder comes last and its own .pth files, as of an editable install, have no effect.
    borrowed = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site_packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))
    return folder / "bin"


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


class Away:
    """The installed command in an empty folder, for a user whose home is empty as well."""

    def __init__(self, scripts: Path, folder: Path) -> None:
        self.scripts, self.folder, self.home = scripts, folder / "work", folder / "home"
        self.folder.mkdir()
        self.home.mkdir()

    def run(self, *command: str, artifacts: Path | None = None) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("SYNTHCOMP_ARTIFACTS", "PYTHONPATH")}
        environment = {**kept, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data")}
        if artifacts is not None:
            environment["SYNTHCOMP_ARTIFACTS"] = str(artifacts)
        program, *arguments = command
        return subprocess.run(
            [str(self.scripts / program), *arguments], capture_output=True, text=True, cwd=self.folder, env=environment
        )

    def output(self, *command: str, artifacts: Path | None = None) -> str:
        finished = self.run(*command, artifacts=artifacts)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


@pytest.fixture
def away(installed: Path, tmp_path: Path) -> Away:
    return Away(installed, tmp_path)


@pytest.fixture
def frame(away: Away) -> np.ndarray:
    """A crop of a bundled frame, also as frame.png in the folder of the installed command."""
    sample = read_image(list_images(PROJECT_ROOT / "artifacts" / "samples")[0]).image
    crop = np.ascontiguousarray(sample[300:476, 500:692])
    write_png(crop, away.folder / "frame.png")
    return crop


@pytest.mark.slow
def test_the_wheel_carries_every_file_of_the_core_and_nothing_else(source: Path, wheel: Path) -> None:
    expected = {
        path.relative_to(source).as_posix() for path in (source / "synthcomp_core").rglob("*") if path.is_file()
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
    suffixes = {Path(name).suffix for name in packed}
    assert {".js", ".css", ".png", ".py"} <= suffixes and "synthcomp_core/py.typed" in packed


@pytest.mark.slow
def test_the_wheel_declares_the_requirement_files(wheel: Path) -> None:
    content = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in content.namelist() if name.endswith(".dist-info/METADATA")]
    fields = Parser().parsestr(content.read(metadata).decode())
    assert (fields["Name"], fields["Version"]) == ("synthcomp", __version__)
    expected = {f"{name}=={version}" for name, version in requirements("requirements.txt").items()}
    expected |= {f'{name}=={version}; extra == "dev"' for name, version in requirements("requirements-dev.txt").items()}
    assert set(fields.get_all("Requires-Dist")) == expected


@pytest.mark.slow
def test_the_command_is_the_module_and_both_run_from_the_wheel(away: Away) -> None:
    location = away.output("python", "-c", "import synthcomp_core; print(synthcomp_core.__file__)").strip()
    assert Path(location).is_relative_to(away.scripts.parent)
    assert away.output("synthcomp", "--version") == f"synthcomp {__version__}\n"
    assert away.output("synthcomp", "--help") == away.output("python", "-m", "synthcomp_core", "--help")
    listed = away.output("synthcomp", "list")
    assert "webp-qN" in listed and "fsr1" in listed and SNAPSHOT not in listed
    assert "SYNTHCOMP_ARTIFACTS" in listed  # How to get at snapshots, when there are none.
    assert SNAPSHOT in away.output("synthcomp", "list", artifacts=PROJECT_ROOT / "artifacts")


@pytest.mark.slow
def test_an_installed_wheel_codes_and_measures_a_frame(away: Away, frame: np.ndarray) -> None:
    """In one test, since each environment compiles the kernels that it uses."""
    for codec, artifacts in (("webp-q80", None), (SNAPSHOT, PROJECT_ROOT / "artifacts")):
        away.output("synthcomp", "encode", "frame.png", "frame.bin", "--codec", codec, artifacts=artifacts)
        away.output("synthcomp", "decode", "frame.bin", "decoded.png", artifacts=artifacts)
        decoded = read_image(away.folder / "decoded.png").image
        assert np.array_equal(decoded, codecs.decode((away.folder / "frame.bin").read_bytes()))
        measured = away.output("synthcomp", "measure", "frame.png", "decoded.png", "--json", artifacts=artifacts)
        psnr = re.search(r'"psnr_rgb": ([\d.]+)', measured)
        error = np.mean((frame.astype(float) - decoded) ** 2)
        assert psnr and float(psnr[1]) == pytest.approx(10 * np.log10(255**2 / error))
        assert not any(away.home.iterdir()), "reading must not create folders in the user's home"


@pytest.mark.slow
def test_without_snapshots_the_error_names_the_folder_and_the_variable(away: Away, frame: np.ndarray) -> None:
    finished = away.run("synthcomp", "encode", "frame.png", "frame.scb", "--codec", SNAPSHOT)
    assert finished.returncode == 1 and finished.stderr.count("\n") == 1
    assert str(away.home / "data" / "synthcomp" / "snapshots") in finished.stderr
    assert "SYNTHCOMP_ARTIFACTS" in finished.stderr
    assert not (away.folder / "frame.scb").exists()
