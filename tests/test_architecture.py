"""Who may import whom (the design's section 3), read off the source; and what start-up must not load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT

CORE = PROJECT_ROOT / "synthcomp_core"
HEAVY = {"torch", "torchvision", "compressai", "spandrel", "lightning_fabric", "dask", "distributed"}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 350, 60
# Lower layers come first; a module may import from its own layer and those before it.
LAYERS = [
    {"errors", "limits", "progress", "storage", "runtime", "toml_records"},
    {"images"},
    {"metrics", "library"},
    {"codecs", "upscalers"},
    {"training", "results"},
    {"variants"},
    {"batch", "figures"},
    {"ui", "cli"},
]


@cache
def imported_modules(path: Path) -> list[tuple[str, bool]]:
    """(module, whether the import stands at the top level) of every import in a file, TYPE_CHECKING blocks left out."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))

    def visit(node: ast.AST, top_level: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, top_level) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                found.append((child.module, top_level))
                found.extend((f"{child.module}.{alias.name}", top_level) for alias in child.names)
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            visit(child, top_level and not is_function)

    visit(tree, True)
    return found


def roots(path: Path) -> set[str]:
    return {module.split(".")[0] for module, _ in imported_modules(path)}


SOURCES = sorted([PROJECT_ROOT / "app.py", *(PROJECT_ROOT / "pages").glob("*.py"), *CORE.rglob("*.py")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PROJECT_ROOT).as_posix())
def test_each_package_is_imported_only_where_the_design_allows(path: Path) -> None:
    relative = path.relative_to(PROJECT_ROOT).as_posix()
    imported = roots(path)
    if not relative.startswith(("app.py", "pages/", "synthcomp_core/ui/")):
        assert "streamlit" not in imported
    if not relative.startswith(("synthcomp_core/codecs/", "synthcomp_core/training/", "synthcomp_core/cli/bench/")):
        assert "compressai" not in imported
    if not relative.startswith(("synthcomp_core/batch/", "synthcomp_core/cli/bench/")):
        assert not imported & {"dask", "distributed", "dask_jobqueue"}
    if relative.startswith("pages/") or relative == "app.py":
        assert not imported & {"torch", "numpy", "pandas", "compressai", "PIL"}
        modules = {module for module, _ in imported_modules(path)}
        assert not any(module.startswith(("synthcomp_core.codecs.", "synthcomp_core.upscalers.")) for module in modules)


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.relative_to(CORE).as_posix())
def test_imports_point_down_only(path: Path) -> None:
    layer_of = {name: number for number, names in enumerate(LAYERS) for name in names}
    own = path.relative_to(CORE).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in layer_of, f"{own} stands in no layer"
    for module, _ in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "synthcomp_core" and len(parts) > 1 and parts[1] in layer_of:
            assert layer_of[parts[1]] <= layer_of[own], f"{own} imports {module}, which lies above it"


def test_the_root_holds_at_most_eight_modules_and_twelve_rooms() -> None:
    modules = [path for path in CORE.glob("*.py") if path.name != "__init__.py"]
    rooms = [path for path in CORE.iterdir() if (path / "__init__.py").is_file()]
    assert len(modules) <= 8, sorted(path.name for path in modules)
    assert len(rooms) <= 12, sorted(path.name for path in rooms)


def test_what_make_quick_leaves_out_is_there() -> None:
    text = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    (left_out,) = re.findall(r"^NOT_QUICK := (.*)$", text, re.MULTILINE)
    assert [name for name in left_out.split() if not (PROJECT_ROOT / "tests" / name).exists()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PROJECT_ROOT).as_posix())
def test_modules_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    if path.name.endswith(("_kernels.py", "_kernel.py")):  # A kernel is one loop nest; cut up, it would not compile.
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


def module_imports(path: Path, modules: set[str]) -> set[str]:
    """The modules of the core that a file imports, at its top level or inside a function."""
    found = set()
    names = [name for name, _ in imported_modules(path)]
    for name in names:
        # ``from package import module`` names the package too; it counts where something else is taken from it.
        inside = {other for other in names if other.rpartition(".")[0] == name}
        if name in modules and not (inside and inside <= modules):
            found.add(name)
    return found


def test_no_module_imports_itself_in_a_circle() -> None:
    names = {
        ".".join(("synthcomp_core", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in CORE.rglob("*.py")
    }
    graph = {name: module_imports(path, set(names)) - {name} for name, path in names.items()}
    order = TopologicalSorter(graph)
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(f"imports go round in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.relative_to(CORE).as_posix())
def test_the_rooms_on_top_know_nothing_of_each_other(path: Path) -> None:
    relative = path.relative_to(CORE).as_posix()
    imported = {module for module, _ in imported_modules(path)}
    if relative.startswith("ui/"):
        assert not any(module.startswith("synthcomp_core.cli") for module in imported)
    if relative.startswith("cli/"):
        assert not any(module.startswith("synthcomp_core.ui") for module in imported)
        if not relative.startswith("cli/bench/") and relative != "cli/__init__.py":
            assert not any(module.startswith("synthcomp_core.cli.bench") for module in imported)


def test_importing_every_light_module_loads_no_heavy_package() -> None:
    program = f"""
import sys
import synthcomp_core.cli, synthcomp_core.variants, synthcomp_core.variants.matching, synthcomp_core.library.snapshots
import synthcomp_core.ui.live.sides, synthcomp_core.ui.live.view, synthcomp_core.ui.widgets.variant_picker
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT_ROOT, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_first_paint_of_the_app_does_not_import_torch() -> None:
    program = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=180)
app.query_params["a"] = "jpeg-q75"  # The default is a learned codec, which is rendered after the first paint.
app.run()
assert not app.exception, app.exception
assert app.selectbox(key="a_family").value == "jpeg"
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "[]"


def test_nothing_unpickles_a_file_without_weights_only() -> None:
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not roots(path) & {"pickle", "joblib", "dill", "shelve"} or "pickle.UnpicklingError" in path.read_text()
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name in {"torch.load", "load_state_dict_from_url", "np.load", "numpy.load"}:
                allowed = {"torch.load": "weights_only=True"}.get(name, "allow_pickle=False")
                assert allowed in ast.unparse(call), f"{path.name}: {ast.unparse(call)}"
            assert name not in {"pickle.load", "pickle.loads", "pandas.read_pickle", "pd.read_pickle"}


def test_no_file_names_a_machine_path_or_a_registry_host() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("pypi" + ".org", "pythonhosted", "/tmp/", "/work/"))
