"""Nothing contacts the network unless the user asks for a download."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from synthcomp_core.images import write_png
from tests.conftest import PROJECT_ROOT
from tests.pages.conftest import frame

BLOCK = """
import socket

def refuse(*arguments, **options):
    raise AssertionError(f"tried to reach the network: {arguments}")

socket.getaddrinfo = refuse
socket.create_connection = refuse
connect = socket.socket.connect
def local_only(self, address):
    return connect(self, address) if self.family == socket.AF_UNIX else refuse(address)
socket.socket.connect = local_only
"""


def run_without_network(program: str, *arguments: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", BLOCK + program, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr


def test_the_command_line_codes_and_measures_with_sockets_blocked(tmp_path: Path) -> None:
    write_png(frame(1), tmp_path / "frame.png")
    program = """
import sys
from synthcomp_core.cli import main
folder = sys.argv[1]
assert main(["list"]) == 0
for codec in ("webp-q50", "jxl-q50", "mbt2018-q4-mse-games"):
    assert main(["encode", f"{folder}/frame.png", f"{folder}/out.bin", "--codec", codec]) == 0
    assert main(["decode", f"{folder}/out.bin", f"{folder}/out.png"]) == 0
assert main(["measure", f"{folder}/frame.png", f"{folder}/out.png"]) == 0
assert main(["upscale", f"{folder}/frame.png", f"{folder}/big.png", "--method", "fsr1", "--scale", "1.5"]) == 0
"""
    run_without_network(program, str(tmp_path))


def test_every_page_opens_with_sockets_blocked() -> None:
    program = """
from pathlib import Path
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=180).run()
assert not app.exception, app.exception
for page in sorted(Path("pages").glob("*.py")):
    app.switch_page(str(page)).run()
    assert not app.exception, (page.name, app.exception)
"""
    run_without_network(program)
