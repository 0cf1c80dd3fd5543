"""Joins the viewer's ES modules into a single script, as Streamlit's Components v2 and a shared page take it.

The modules keep to a few forms, so that a few lines are enough to join them; any other form is refused:

* ``import { name, name } from "./file.js";``
* ``export`` before a function, class or constant, and one ``export default function`` in the module that enters.
"""

import re
from pathlib import Path

BROWSER_FOLDER = Path(__file__).parent  # The ES modules lie beside this one.
VIEWER_STYLE = BROWSER_FOLDER / "viewer.css"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const|let) \w)", re.MULTILINE)
_DEFAULT = re.compile(r"^export default function\b", re.MULTILINE)
# Also names declared by taking something apart, which would escape the search for equal names.
_LEFT_OVER = re.compile(r"^(?:\s*(?:import|export)\b|(?:const|let|var)\s*[\[{]|var\b).*", re.MULTILINE)
_DECLARED = re.compile(r"^(export )?(?:async function|function|class|const|let) (\w+)", re.MULTILINE)


def joined_modules(entry: Path) -> str:
    """One script that does what the module ``entry`` does, with all that it imports, each module once.

    Raises ValueError, naming the file, for a form of import or export that is not one of the above, for a circle, for
    an imported name that the other module does not export, and for a name that two modules declare.
    """
    parts: list[str] = []
    exports: dict[str, set[str]] = {}
    declared: dict[str, str] = {}
    _join(entry, (), parts, exports, declared)
    return "\n".join(parts)


def _join(
    path: Path, importers: tuple[str, ...], parts: list[str], exports: dict[str, set[str]], declared: dict[str, str]
) -> None:
    """Append the modules that ``path`` imports, then its own text without imports and exports."""
    text = path.read_text(encoding="utf-8")
    for names, imported in _IMPORT.findall(text):
        if imported in (*importers, path.name):
            raise ValueError(f"{path.name} imports {imported}, which imports it again")
        if imported not in exports:
            _join(path.with_name(imported), (*importers, path.name), parts, exports, declared)
        if missing := {name.strip() for name in names.split(",") if name.strip()} - exports[imported]:
            raise ValueError(f"{path.name} imports {', '.join(sorted(missing))}, which {imported} does not export")
    found = _DECLARED.findall(text)
    for _, name in found:
        if name in declared:
            raise ValueError(f"{path.name} and {declared[name]} both declare {name}")
        declared[name] = path.name
    exports[path.name] = {name for exported, name in found if exported}
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    if left := _LEFT_OVER.search(_DEFAULT.sub("function", body) if not importers else body):
        raise ValueError(f"{path.name} has a line that cannot be joined: {left[0].strip()}")
    parts.append(body)
