"""The command under a side of the Live page: it runs as it stands, for every kind of variant."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from synthcomp_core.cli import main
from synthcomp_core.images import image_sha256, png_bytes, read_image, write_png
from synthcomp_core.progress import silent
from synthcomp_core.ui.live.side import command_for
from synthcomp_core.ui.render_cache import render_for_page
from synthcomp_core.ui.widgets.image_picker import PickedImage
from synthcomp_core.variants import Variant
from tests.pages.conftest import frame
from tests.tiny_codecs import make_codecs

LEARNED = "mbt2018-q4-mse-games"


@pytest.mark.parametrize(
    "variant",
    [
        "jpeg-q50+444",
        "webp-psnr30",
        "png",
        "png@x2-lanczos",
        "none",
        "none@x1.5-fsr1_s0.2",
        "jxl-q50@x2-lanczos",
        f"{LEARNED}+e2",
        "files:dlss",
    ],
)
def test_the_command_of_a_side_makes_its_image_row_and_bitstream(
    variant: str, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "frames" / "my castle.png"
    write_png(frame(1), path)
    write_png(frame(2), artifacts / "renderings" / "dlss" / path.name)
    if variant.startswith(LEARNED):
        make_codecs([LEARNED])
    image = read_image(path).image
    picked = PickedImage("frames", path.name, image, png_bytes(image), path, image_sha256(image))
    rendered = render_for_page(
        image, Variant.parse(variant), dataset="frames", image_name=path.name, on_progress=silent
    )
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command_for(rendered, picked))
    assert words[:3] == ["python", "-m", "synthcomp_core"]
    assert main(words[3:]) == 0
    made = {file.name: file for file in tmp_path.glob("my castle.*")}
    assert np.array_equal(read_image(made.pop(f"my castle.{variant}.png")).image, rendered.rendering.image)
    row = made.pop(f"my castle.{variant}.csv").read_text("utf-8").splitlines()[1]
    assert row.startswith(f"frames,my castle.png,{rendered.row.width},{rendered.row.height},{variant},")
    bitstreams = [] if variant == "files:dlss" else [rendered.rendering.bitstream]
    assert [file.read_bytes() for file in made.values()] == bitstreams
