"""What decoders print of damaged files: nothing on the command line but the sentence."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import ImageError
from synthcomp_core.images import read_image
from synthcomp_core.images.quiet import quiet_openexr
from tests.clock import LIMIT_S
from tests.conftest import PROJECT_ROOT

GREY = (np.arange(64 * 80) % 251).reshape(64, 80)


def damaged_exr(path: Path) -> bytes:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {name: (GREY / 255).astype(np.float16) for name in "RGB"}) as file:
        file.write(str(path))
    content = path.read_bytes()
    at = len(content) // 2
    return content[:at] + bytes(100) + content[at + 100 :]


def damaged_tiff() -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(GREY.astype(np.uint8)).save(file, "TIFF", compression="tiff_adobe_deflate")
    content = file.getvalue()
    return content[:20] + bytes(100) + content[120:]


def test_pillows_libtiff_and_the_binding_of_openexr_print_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImageError, match="TIFF data is damaged"):
        read_image(damaged_tiff())
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ImageError, match="OpenEXR data is damaged"):
        read_image(damaged_exr(tmp_path / "a.exr"))
    assert capfd.readouterr().out == ""


def test_what_other_threads_print_meanwhile_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet_openexr():
        sys.stdout.write("of the decoder\n")
        other = threading.Thread(target=print, args=("of another thread",))
        other.start()
        other.join()
    sys.stdout.write("afterwards\n")
    assert capsys.readouterr().out == "of another thread\nafterwards\n"


def test_on_the_command_line_a_damaged_exr_costs_one_line(tmp_path: Path) -> None:
    content = damaged_exr(tmp_path / "a.exr")
    (tmp_path / "a.exr").write_bytes(content)
    program = (
        "import sys\n"
        "from synthcomp_core.errors import ImageError\n"
        "from synthcomp_core.images import Path, read_image\n"
        "from synthcomp_core.images.quiet import own_stderr\n"
        "own_stderr()\n"
        "try:\n    read_image(Path(sys.argv[1]))\nexcept ImageError as error:\n    print(error, file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.exr")],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert ended.stdout == "" and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("a.exr cannot be read: the OpenEXR data is damaged")
