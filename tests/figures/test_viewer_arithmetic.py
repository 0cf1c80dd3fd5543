"""The viewer's own JavaScript without a browser: which pixel a place names, a view as text, what fails to load."""

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


# A scene of two images and a map, and a network and decoder that fail as told.
FAKES = """
import { Scene } from "./scene.js";
const failing = { fetch: true, decode: false, draw: true };
globalThis.fetch = async () => {
  if (failing.fetch) throw new TypeError("Failed to fetch");
  return { ok: true, blob: async () => ({}) };
};
globalThis.createImageBitmap = async () => {
  if (failing.decode) throw new Error("The source image could not be decoded.");
  return { width: 4, height: 3, close() {} };
};
globalThis.OffscreenCanvas = class {
  getContext() {
    return null;
  }
};
const picture = (key, overlay_of = null) =>
  ({ key, label: key.toUpperCase(), detail: "", width: 4, height: 3, overlay_of, url: `blob:${key}`, scale: null });
const scene = new Scene({ pictures: [picture("a"), picture("b")], overlays: [picture("map", "b")], footer: null });
const [a, b] = scene.pictures;
const [map] = scene.overlays;
const later = () => new Promise((resolve) => setTimeout(resolve, 5));
"""


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
        changes.push({ overlay: "Bit map", opacity: 0.05, orient: "h" });
        changes.push({ mode: "difference", kind: "FLIP error map" });
        changes.push({ overlay: "a~b %é", opacity: 0, split: 0 }, { kind: "signed", split: 1e-9 });
        const texts = changes.map((change) => formatView({ ...DEFAULT_VIEW, left: "p1", ...change }));
        console.log(JSON.stringify(texts.map((text) => [text, formatView(parseView(text))])));
        """
    )
    assert [(str(ViewState.parse(text)), again) for text, again in written] == [(text, text) for text, _ in written]


def test_an_image_or_map_that_could_not_be_loaded_is_tried_again_and_says_why_until_then(
    in_node: Callable[[str], Any],
) -> None:
    said, undecodable, loaded = in_node(
        FAKES
        + """
        await scene.load();
        scene.fileRaster(map, () => {});
        await later();
        const said = [a, b, map].map((what) => scene.failure(what));
        [failing.fetch, failing.decode] = [false, true];
        await scene.retry();
        const undecodable = scene.failure(a);
        failing.decode = false;
        await scene.retry();
        const loaded = [a, b, map].map((what) => [scene.failure(what), scene.raster(what)?.users]);
        console.log(JSON.stringify([said, undecodable, loaded]));
        """
    )
    assert said == ["The image could not be loaded (the server does not answer); try again."] * 3
    assert undecodable == "The image could not be loaded (this browser cannot decode it); try again."
    assert loaded == [["", 1]] * 3


def test_a_difference_that_cannot_be_computed_is_said_once_and_not_tried_with_every_frame(
    in_node: Callable[[str], Any],
) -> None:
    calls, failure, again = in_node(
        FAKES
        + """
        failing.fetch = false;
        await scene.load();
        let calls = 0;
        scene.difference(a, b, false, 4, () => (calls += 1));
        await later();
        const again = scene.difference(a, b, false, 4, () => (calls += 1));
        await later();
        console.log(JSON.stringify([calls, scene.failure(a, b), again]));
        """
    )
    assert (calls, again) == (1, None)
    assert failure.startswith("This browser could not compute it")


def test_a_difference_that_cannot_be_computed_is_tried_again_by_a_click_alone(in_node: Callable[[str], Any]) -> None:
    polled, clicked = in_node(
        FAKES
        + """
        failing.fetch = false;
        await scene.load();
        scene.difference(a, b, false, 4, () => {});
        await later();
        await scene.retry();
        const polled = scene.failure(a, b);
        await scene.retry({ computed: true });
        console.log(JSON.stringify([polled, scene.failure(a, b)]));
        """
    )
    assert polled.startswith("This browser could not compute it")
    assert clicked == ""


def test_an_image_that_a_viewer_takes_while_others_load_stays_open(in_node: Callable[[str], Any]) -> None:
    closed = in_node(
        """
        import { dropUnused, loadRaster } from "./rasters.js";
        const closed = [];
        let made = 0;
        let finish;
        globalThis.fetch = async (url) => {
          if (url === "blob:slow") await new Promise((resolve) => (finish = resolve));
          return { ok: true, blob: async () => ({}) };
        };
        globalThis.createImageBitmap = async () => {
          const number = made++;
          return { width: 1, height: 1, close: () => closed.push(number) };
        };
        const rasters = [];
        for (let i = 0; i < 15; i++) rasters.push(await loadRaster(`blob:${i}`));
        const slow = loadRaster("blob:slow");
        const dropping = dropUnused();
        await new Promise((resolve) => setTimeout(resolve, 5));
        rasters[0].users += 1;
        finish();
        await slow;
        await dropping;
        console.log(JSON.stringify(closed));
        """
    )
    assert closed == [1, 2, 3]


def test_zooming_out_never_zooms_in_nor_the_other_way_round(in_node: Callable[[str], Any]) -> None:
    steps = in_node(
        """
        import { nextStep } from "./view.js";
        const tried = [[0.05, -1, 0.05], [1 / 8, -1, 0.05], [1 / 8, -1, 0.4], [0.05, 1, 0.05], [100, 1, 100],
          [64, 1, 100], [64, 1, 2], [100, -1, 100], [1, 1, 0.5], [0.3, -1, 0.3], [0.3, 1, 0.3]];
        console.log(JSON.stringify(tried.map(([zoom, direction, fit]) => nextStep(zoom, direction, fit))));
        """
    )
    assert steps == [0.05, 0, 0.125, 0.125, 100, 0, 64, 64, 2, 0.25, 0.5]
