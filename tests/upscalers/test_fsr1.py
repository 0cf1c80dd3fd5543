"""FSR 1 gives what AMD's own shaders give, in float32, at every size."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from synthcomp_core.errors import Cancelled, ImageError, SynthcompError
from synthcomp_core.images import Image
from synthcomp_core.upscalers import fsr1
from synthcomp_core.upscalers.fsr1 import FSR_MODES, Fsr1, easu, mode_size, range_note, rcas
from tests.conftest import PROJECT_ROOT

EASU_TOLERANCE = 6e-7  # An independent implementation of the same formulas came within 5.4e-7.
RCAS_TOLERANCE = 6e-7
BOTH_TOLERANCE = 1e-5
GOLDEN = PROJECT_ROOT / "tests" / "golden" / "fsr1_chart_x1.3.npz"


@dataclass(frozen=True)
class Reference:
    folder: Path
    cases: list[dict]

    def image(self, case: dict) -> Image:
        return np.asarray(PillowImage.open(self.folder / case["input"]).convert("RGB"))

    def array(self, name: str) -> np.ndarray | None:
        path = self.folder / f"{name}.npy"
        return np.load(path, allow_pickle=False) if path.is_file() else None


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    folder = shared / "reference" / "fsr1"
    return Reference(folder, json.loads((folder / "manifest.json").read_text())["cases"])


def textured(width: int, height: int, seed: int = 3) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_chart_comes_out_as_from_the_shaders() -> None:
    golden = np.load(GOLDEN, allow_pickle=False)
    upsampled = easu(golden["input"], (208, 117))
    assert np.abs(upsampled - golden["easu"]).max() < EASU_TOLERANCE
    assert np.abs(rcas(golden["easu"], 0.2) - golden["rcas_02"]).max() < RCAS_TOLERANCE
    expected = np.floor(np.clip(golden["rcas_02"], 0, 1) * 255 + 0.5)
    differing = np.abs(Fsr1().upscale(golden["input"], (208, 117)) - expected)
    assert differing.max() <= 1 and (differing > 0).mean() < 1e-4  # only where rounding ties


def test_easu_matches_every_reference_file(reference: Reference) -> None:
    compared = 0
    for case in reference.cases:
        expected = reference.array(case["easu"]["file"])
        if expected is None:
            continue
        upsampled = easu(reference.image(case), tuple(case["out_size"]))
        assert upsampled.dtype == np.float32
        assert np.abs(upsampled - expected).max() < EASU_TOLERANCE, case["easu"]["file"]
        compared += 1
    assert compared >= 8


def test_rcas_matches_every_reference_file(reference: Reference) -> None:
    compared = 0
    for case in reference.cases:
        upsampled = reference.array(case["easu"]["file"])
        for sharpened in case["rcas"]:
            expected = reference.array(sharpened["file"])
            if upsampled is None or expected is None or sharpened["border"] != "zero":
                continue
            assert np.abs(rcas(upsampled, sharpened["stops"]) - expected).max() < RCAS_TOLERANCE, sharpened["file"]
            both = rcas(easu(reference.image(case), tuple(case["out_size"])), sharpened["stops"])
            assert np.abs(both - expected).max() < BOTH_TOLERANCE, sharpened["file"]
            compared += 1
    assert compared >= 24


def test_constants_and_statistics_match_also_where_the_file_is_not_at_hand(reference: Reference) -> None:
    for case in reference.cases:
        source, target = case["input"].removesuffix(".png").rsplit("_", 1)[1].split("x"), case["out_size"]
        axes = [fsr1._constants(int(size), wanted) for size, wanted in zip(source, target, strict=True)]
        constants = np.array([axes[0][0], axes[1][0], axes[0][1], axes[1][1]], np.float32).view(np.uint32)
        assert constants.tolist() == case["easu_con_u32"][:4]
        assert list(mode_size(int(source[0]), int(source[1]), case["scale"])) == target
        for sharpened in case["rcas"]:
            assert fsr1._strength(sharpened["stops"]).view(np.uint32) == sharpened["con_u32"][0]
        if not (reference.folder / case["input"]).is_file():
            continue
        upsampled = easu(reference.image(case), tuple(target))
        for sharpened in case["rcas"]:
            if sharpened["border"] == "zero":
                values = rcas(upsampled, sharpened["stops"]).astype(np.float64)
                measured = (values.min(), values.max(), values.mean())
                expected = (sharpened["min"], sharpened["max"], sharpened["mean"])
                assert measured == pytest.approx(expected, abs=1e-5), sharpened["file"]


@pytest.mark.parametrize("value", [0, 64, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (31, 90)])
def test_easu_keeps_a_constant_image(value: int, size: tuple[int, int]) -> None:
    image = np.full((5, 4, 3), value, np.uint8)
    assert (easu(image, size) == np.float32(value) / np.float32(255)).all()


@pytest.mark.parametrize(("stops", "expected"), [(0.0, 0.99684685), (0.2, 0.9983347)])
def test_rcas_darkens_white_as_amd_s_reciprocal_does(stops: float, expected: float) -> None:
    sharpened = rcas(np.ones((6, 6, 3), np.float32), stops)
    assert sharpened[1:-1, 1:-1] == pytest.approx(expected, abs=1e-7)


def test_rcas_leaves_the_outermost_ring_unsharpened() -> None:
    picture = np.random.default_rng(1).random((9, 12, 3), dtype=np.float32)
    ratio = rcas(picture, 0.0) / picture
    ring = np.ones((9, 12), bool)
    ring[1:-1, 1:-1] = False
    assert ratio[ring] == pytest.approx(0.99684685, abs=1e-6)  # the medium reciprocal of 1
    assert np.abs(ratio[~ring] - 0.99684685).max() > 0.01


def test_rcas_by_hand() -> None:
    """Ring 0.5 and centre 0.6: the limits are 0.5 / (4 * 0.5) = 0.25 and (1 - 0.6) / (4 * 0.5 - 4) = -0.2."""
    picture = np.full((3, 3, 3), 0.5, np.float32)
    picture[1, 1] = 0.6
    lobe = -0.1875  # max(-0.25, -0.2) = -0.2, held at the limit
    expected = (lobe * 4 * 0.5 + 0.6) / (4 * lobe + 1)
    assert rcas(picture, 0.0)[1, 1] == pytest.approx(expected, rel=4e-3)  # the reciprocal is AMD's approximation
    assert rcas(picture, 1.0)[1, 1] == pytest.approx((lobe * 1.0 + 0.6) / (2 * lobe + 1), rel=4e-3)


def test_rcas_of_pure_black_and_white_has_no_nan() -> None:
    picture = np.zeros((40, 40, 3), np.float32)
    picture[10:30, 10:30] = 1
    picture[20, 20] = 0
    assert np.isfinite(rcas(picture, 0.0)).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (3, 3), (700, 1)])
@pytest.mark.parametrize("target", [(1, 1), (2, 3), (5, 1), (1401, 9)])
def test_every_size_from_one_pixel_works(size: tuple[int, int], target: tuple[int, int]) -> None:
    for sharpness in (None, 0.0):
        upscaled = Fsr1(sharpness).upscale(textured(*size), target)
        assert upscaled.shape == (target[1], target[0], 3) and upscaled.dtype == np.uint8


def test_easu_stays_within_the_input_s_range() -> None:
    image = (textured(50, 40) // 2 + 40).astype(np.uint8)
    upsampled = easu(image, (77, 63)) * 255
    assert upsampled.min() >= image.min() - 1e-4 and upsampled.max() <= image.max() + 1e-4


def test_bands_do_not_show() -> None:
    """The picture done in bands is the whole passes' result rounded, also with more than one band."""
    image = textured(61, 119)
    size = (90, 201)
    whole = np.floor(np.clip(rcas(easu(image, size), 0.2), 0, 1) * np.float32(255) + np.float32(0.5))
    assert np.array_equal(Fsr1(0.2).upscale(image, size), whole.astype(np.uint8))


def test_a_view_that_is_not_contiguous_gives_the_same() -> None:
    image = textured(60, 44)
    assert np.array_equal(
        Fsr1().upscale(image[:, ::-1], (90, 66)), Fsr1().upscale(np.ascontiguousarray(image[:, ::-1]), (90, 66))
    )


def test_cancelling_stops_the_work() -> None:
    def cancel(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        Fsr1().upscale(textured(80, 300), (160, 600), on_progress=cancel)


def test_ids_name_the_sharpness() -> None:
    assert [Fsr1(s).id for s in (0.2, 0.5, 0.0, None)] == ["fsr1", "fsr1_s0.5", "fsr1_s0", "fsr1_off"]


@pytest.mark.parametrize("stops", [-0.1, 20.5, math.nan, math.inf])
def test_an_absurd_sharpness_is_refused(stops: float) -> None:
    with pytest.raises(SynthcompError, match="Sharpness"):
        Fsr1(stops)


def test_an_absurd_size_is_refused() -> None:
    with pytest.raises(ImageError, match="at least 1"):
        Fsr1().upscale(textured(4, 4), (0, 5))


@pytest.mark.parametrize(
    ("source", "target", "noted"),
    [
        ((960, 540), (1920, 1080), False),
        ((163, 97), (245, 146), False),
        ((61, 40), (121, 79), False),
        ((100, 100), (300, 300), True),
        ((100, 100), (100, 100), False),
        ((100, 100), (50, 50), True),
    ],
)
def test_a_note_tells_of_scales_that_amd_does_not_support(
    source: tuple[int, int], target: tuple[int, int], noted: bool
) -> None:
    assert (range_note(source, target) is not None) == noted


PEAK = """
from tests.peak import peak_bytes
import numpy as np
from synthcomp_core.upscalers.fsr1 import Fsr1
image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
assert Fsr1().upscale(image, (3840, 2160)).shape == (2160, 3840, 3)
print(peak_bytes())
"""


def test_4k_from_1080p_peaks_below_a_gigabyte_and_a_half() -> None:
    finished = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 1.5e9


def test_it_works_where_compiled_code_cannot_be_kept() -> None:
    program = "import numpy as np; from synthcomp_core.upscalers.fsr1 import Fsr1\n"
    program += "assert Fsr1().upscale(np.full((4, 4, 3), 9, np.uint8), (8, 8)).shape == (8, 8, 3)"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(Path(os.devnull) / "nowhere")},
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("source", "mode", "screen"),
    [
        # AMD, "FidelityFX Super Resolution 1.0", quality modes: source and output resolutions.
        *(((1477, 831), "ultra quality", (1920, 1080)), ((1970, 1108), "ultra quality", (2560, 1440))),
        *(((2646, 1108), "ultra quality", (3440, 1440)), ((2954, 1662), "ultra quality", (3840, 2160))),
        *(((1280, 720), "quality", (1920, 1080)), ((1706, 960), "quality", (2560, 1440))),
        *(((2293, 960), "quality", (3440, 1440)), ((2560, 1440), "quality", (3840, 2160))),
        *(((1129, 635), "balanced", (1920, 1080)), ((1506, 847), "balanced", (2560, 1440))),
        *(((2024, 847), "balanced", (3440, 1440)), ((2259, 1270), "balanced", (3840, 2160))),
        *(((960, 540), "performance", (1920, 1080)), ((1720, 720), "performance", (3440, 1440))),
    ],
)
def test_a_mode_s_source_gives_the_screen_of_amd_s_table(
    source: tuple[int, int], mode: str, screen: tuple[int, int]
) -> None:
    modes = {name.replace("-", " ").replace("_", " "): scale for name, scale in FSR_MODES.items()}
    assert mode_size(*source, modes[mode]) == screen
