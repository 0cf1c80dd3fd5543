"""The one script made of the viewer's ES modules: what it holds, and what is refused rather than joined wrongly."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcomp_core.figures.viewer.scripts import joined_modules
from tests.conftest import PROJECT_ROOT

VIEWER = PROJECT_ROOT / "synthcomp_core" / "figures" / "viewer"
MODULES = sorted((PROJECT_ROOT / "synthcomp_core").rglob("*.js"))

MAIN = """import { greet } from "./greet.js";
import { NAME } from "./name.js";

export default function (say) {
  say(greet(NAME));
}
"""
GREET = """import {
  NAME,
  join,
} from "./name.js";

/** @import { Name } from "./main.js" */

const own = (name) => name === NAME;
export const greet = (name) => join(own(name) ? "Hello" : "Who is", name);
"""
NAME = """export const NAME = "frame";

export function join(a, b) {
  return `${a} ${b}`;
}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes modules into a folder, and returns the path of main.js."""

    def write_modules(main: str = MAIN, greet: str = GREET, name: str = NAME) -> Path:
        for file, text in (("main.js", main), ("greet.js", greet), ("name.js", name)):
            (tmp_path / file).write_text(text, encoding="utf-8")
        return tmp_path / "main.js"

    return write_modules


def test_modules_are_joined_each_once_and_what_is_imported_comes_first(write: Callable[..., Path]) -> None:
    script = joined_modules(write())
    assert script == (
        'const NAME = "frame";\n\nfunction join(a, b) {\n  return `${a} ${b}`;\n}\n\n'
        '\n/** @import { Name } from "./main.js" */\n\nconst own = (name) => name === NAME;\n'
        'const greet = (name) => join(own(name) ? "Hello" : "Who is", name);\n\n'
        "\nexport default function (say) {\n  say(greet(NAME));\n}\n"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"main": MAIN.replace("{ NAME }", "* as names")}, r'main\.js .*: import \* as names from "\./name\.js";'),
        (
            {"main": MAIN.replace("{ NAME }", "{ NAME as WHO }")},
            r"main\.js imports NAME as WHO, which name\.js",
        ),
        ({"main": MAIN.replace("./name.js", "https://example.org/name.js")}, r"main\.js has a line .*example"),
        ({"main": MAIN.replace("export default function (say)", "export default (say) =>")}, r"main\.js has a line"),
        ({"main": MAIN + "export { NAME };\n"}, r"main\.js has a line .*: export \{ NAME \};"),
        ({"greet": GREET + "export default function () {}\n"}, r"greet\.js has a line .*: export default"),
        ({"greet": GREET + "const [a, b] = [1, 2];\n"}, r"greet\.js has a line .*: const \[a, b\]"),
        (
            {"name": NAME.replace("export function", "function")},
            r"greet\.js imports join, which name\.js does not",
        ),
        ({"name": NAME + "const own = 1;\n"}, r"greet\.js and name\.js both declare own"),
        (
            {"name": 'import { greet } from "./greet.js";\n' + NAME},
            r"name\.js imports greet\.js, which imports it",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused_by_name(
    change: dict[str, str], sentence: str, write: Callable[..., Path]
) -> None:
    with pytest.raises(ValueError, match=sentence):
        joined_modules(write(**change))


ENTRIES = {"mount.js": ["export default function (component) {"], "page.js": []}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_module_of_the_viewer_is_in_each_script_and_every_export_is_used(entry: str) -> None:
    script = joined_modules(VIEWER / entry)
    texts = {path.name: path.read_text(encoding="utf-8") for path in VIEWER.glob("*.js")}
    imported = {
        (file, name.strip())
        for text in texts.values()
        for names, file in re.findall(r'import \{([^}]*)\} from "\./([\w-]+\.js)"', text)
        for name in names.split(",")
    }
    for file, text in texts.items():
        if file in ENTRIES.keys() - {entry}:
            continue
        assert script.count(text.splitlines()[0]) == 1, f"{file} is imported by no other module"
        for name in re.findall(r"^export (?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE):
            assert (file, name) in imported, (
                f"{file} exports {name}, which no other module imports, not even for a type"
            )
    assert re.findall(r"^(?:import|export) .*", script, re.MULTILINE) == ENTRIES[entry]
    assert "</script" not in script.lower(), "a shared page holds the script in such an element"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT_ROOT).as_posix())
def test_modules_stay_short_and_their_lines_too(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 350
    assert max(map(len, lines)) <= 120


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("entry", ENTRIES)
def test_the_joined_script_is_a_module_that_a_browser_would_take(entry: str, tmp_path: Path) -> None:
    (tmp_path / "viewer.mjs").write_text(joined_modules(VIEWER / entry), encoding="utf-8")
    finished = subprocess.run(
        ["node", "--check", str(tmp_path / "viewer.mjs")], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_the_check_of_types_says_aloud_when_node_is_missing(tmp_path: Path) -> None:
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    script = PROJECT_ROOT / "tests" / "js" / "check_types.sh"
    finished = subprocess.run(
        [str(tmp_path / "bash"), str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0
    assert finished.stderr.startswith("SKIPPED: the JavaScript was not type-checked")
