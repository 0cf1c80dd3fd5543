"""What the page says of a file that is dropped on it, and what the strip of thumbnails is called."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT

FOLDER_DROPPED = """
import take from "./drop.js";
const listeners = {};
const note = { textContent: "", classList: { toggle() {} } };
const sent = [];
globalThis.document = { addEventListener: (name, listener) => (listeners[name] = listener) };
globalThis.Element = class {};
globalThis.FileReader = class {
  readAsDataURL() {
    setTimeout(() => this.onerror?.());
  }
};
take({
  data: { max_bytes: 99 },
  parentElement: { querySelector: () => note },
  setTriggerValue: (...values) => sent.push(values),
});
listeners.drop({ target: null, dataTransfer: { files: [{ name: "frames", size: 9 }] }, preventDefault() {} });
setTimeout(() => console.log(JSON.stringify([note.textContent, sent])), 20);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_folder_dropped_is_said_to_be_none_and_is_not_sent(tmp_path: Path) -> None:
    shutil.copy(PROJECT_ROOT / "synthcomp_core" / "ui" / "gallery" / "drop.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "test.js").write_text(FOLDER_DROPPED, encoding="utf-8")
    finished = subprocess.run(["node", str(tmp_path / "test.js")], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == ["frames cannot be read; drop an image file, not a folder.", []]


STRIP_NAMED = """
import show from "./gallery.js";
const names = {};
const strip = { dataset: {}, children: [], replaceChildren() {}, setAttribute: (name, text) => (names[name] = text) };
show({
  data: { items: [], label: "Images of mine/test", selected: "" },
  parentElement: { querySelector: () => strip },
  setTriggerValue() {},
});
console.log(JSON.stringify(names));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_strip_is_named_by_its_source(tmp_path: Path) -> None:
    shutil.copy(PROJECT_ROOT / "synthcomp_core" / "ui" / "gallery" / "gallery.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "test.js").write_text(STRIP_NAMED, encoding="utf-8")
    finished = subprocess.run(["node", str(tmp_path / "test.js")], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {"aria-label": "Images of mine/test"}
