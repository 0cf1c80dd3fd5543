"""The viewer's arithmetic in its own JavaScript: which pixel a place names, which zoom comes next, a view as text."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthcomp_core.figures.viewer.state import ViewState
from tests.conftest import PROJECT_ROOT

VIEWER = PROJECT_ROOT / "synthcomp_core" / "figures" / "viewer"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture
def in_node(tmp_path: Path) -> Callable[[str], Any]:
    """Runs a script beside the viewer's modules; what it returns, as JSON brings it back."""
    for module in VIEWER.glob("*.js"):
        shutil.copy(module, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")

    def run(script: str) -> Any:
        (tmp_path / "test.js").write_text(script, encoding="utf-8")
        finished = subprocess.run(["node", str(tmp_path / "test.js")], capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return run


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1366, 768), (3840, 2160)])
def test_every_column_and_row_is_read_where_it_lies(width: int, height: int, in_node: Callable[[str], Any]) -> None:
    wrong = in_node(
        f"""
        import {{ pixelAt }} from "./rasters.js";
        const size = {{ width: {width}, height: {height} }};
        const wrong = [];
        for (const zoom of [1, 2, 3, 6, 24])
          for (let k = 0; k < size.width; k++) {{
            const row = k % size.height;
            const fraction = {{ x: (k * zoom) / (zoom * size.width), y: (row * zoom) / (zoom * size.height) }};
            const at = pixelAt(size, fraction);
            if (at.x !== k || at.y !== row) wrong.push([zoom, k, row, at]);
          }}
        console.log(JSON.stringify(wrong));
        """
    )
    assert wrong == []


def test_a_place_just_left_of_a_pixel_is_not_that_pixel(in_node: Callable[[str], Any]) -> None:
    assert in_node(
        """
        import { pixelAt } from "./rasters.js";
        const at = (x) => pixelAt({ width: 1920, height: 1 }, { x: x / 1920, y: 0 }).x;
        console.log(JSON.stringify([at(6.99), at(7.01), at(-3), at(1921)]));
        """
    ) == [6, 7, 0, 1919]


def test_a_view_comes_back_from_python_as_the_browser_wrote_it(in_node: Callable[[str], Any]) -> None:
    written = in_node(
        """
        import { DEFAULT_VIEW, formatView, parseView, GAINS } from "./view.js";
        const changes = GAINS.map((gain) => ({ gain, split: 1 / 3 }));
        changes.push({ overlay: "Bit map", opacity: 0.05, orient: "h" }, { mode: "difference", kind: "FLIP error map" });
        changes.push({ overlay: "a~b %é", opacity: 0, split: 0 }, { kind: "signed", split: 1e-9 });
        const texts = changes.map((change) => formatView({ ...DEFAULT_VIEW, left: "p1", ...change }));
        console.log(JSON.stringify(texts.map((text) => [text, formatView(parseView(text))])));
        """
    )
    assert [(str(ViewState.parse(text)), again) for text, again in written] == [(text, text) for text, _ in written]
