"""Metrics against independent implementations, hand-computed values, and the limits of size."""

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from synthcomp_core import metrics
from synthcomp_core.errors import Cancelled, ImageError, SynthcompError
from synthcomp_core.images import Image
from tests.conftest import PROJECT_ROOT

ODD_SIZES = [(37, 53), (11, 11), (64, 33), (179, 163)]  # (height, width)


def pair(height: int, width: int, *, noise: float = 8.0) -> tuple[Image, Image]:
    """A textured picture and a noisy, slightly darker version of it, the same every time."""
    generator = np.random.default_rng(height * 10_000 + width)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 7 + y / 11), np.cos(x / 19 - y / 5), np.sin(y / 13) * np.cos(x / 3)], axis=2)
    reference = np.clip(waves * 100 + 128 + generator.normal(0, 6, waves.shape), 0, 255).astype(np.uint8)
    image = np.clip(reference * 0.97 + generator.normal(0, noise, waves.shape), 0, 255).astype(np.uint8)
    return reference, image


def flat(value: int, size: int = 16) -> Image:
    return np.full((size, size, 3), value, dtype=np.uint8)


def skimage_ssim(reference: np.ndarray, image: np.ndarray) -> float:
    """scikit-image's SSIM with Wang's window, its mean over the windows wholly inside."""
    _, similarity = structural_similarity(
        reference.astype(float),
        image.astype(float),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(similarity[5:-5, 5:-5].mean())


def studio_luma(image: Image) -> np.ndarray:
    red, green, blue = (image[:, :, channel] / 255 for channel in range(3))
    return 16 + 65.481 * red + 128.553 * green + 24.966 * blue


@pytest.mark.parametrize("size", [(1, 1), (1, 7), *ODD_SIZES])
def test_psnr_equals_scikit_image(size: tuple[int, int]) -> None:
    reference, image = pair(*size)
    assert metrics.psnr(reference, image) == pytest.approx(
        peak_signal_noise_ratio(reference, image, data_range=255), abs=1e-9
    )
    assert metrics.psnr_y(reference, image) == pytest.approx(
        peak_signal_noise_ratio(studio_luma(reference), studio_luma(image), data_range=255), abs=1e-9
    )


def test_psnr_of_a_difference_of_one_everywhere_is_20_log10_of_255() -> None:
    assert metrics.psnr(flat(100), flat(101)) == pytest.approx(20 * math.log10(255), abs=1e-12)
    # One step of grey is 219 / 255 steps of studio luma.
    assert metrics.psnr_y(flat(100), flat(101)) == pytest.approx(20 * math.log10(255 * 255 / 219), abs=1e-9)


def test_luma_runs_from_16_to_235() -> None:
    assert metrics.luma(flat(0))[0, 0] == pytest.approx(16.0, abs=1e-12)
    assert metrics.luma(flat(255))[0, 0] == pytest.approx(235.0, abs=1e-12)
    green = np.zeros((40, 3, 3), dtype=np.uint8)
    green[:, :, 1] = 255
    np.testing.assert_allclose(metrics.luma(green), 16 + 128.553, atol=1e-12)


@pytest.mark.parametrize("size", ODD_SIZES)
def test_ssim_equals_scikit_image_on_the_valid_region(size: tuple[int, int]) -> None:
    reference, image = pair(*size)
    expected = np.mean([skimage_ssim(reference[:, :, channel], image[:, :, channel]) for channel in range(3)])
    assert metrics.ssim(reference, image) == pytest.approx(expected, abs=1e-6)
    assert metrics.ssim_y(reference, image) == pytest.approx(
        skimage_ssim(studio_luma(reference), studio_luma(image)), abs=1e-6
    )


def test_ssim_of_flat_images_is_the_luminance_term() -> None:
    c1 = (0.01 * 255) ** 2
    assert metrics.ssim(flat(50), flat(200)) == pytest.approx((2 * 50 * 200 + c1) / (50**2 + 200**2 + c1), abs=1e-9)


@pytest.mark.parametrize("size", [(161, 161), (177, 203), (322, 163)])
def test_msssim_equals_pytorch_msssim(size: tuple[int, int]) -> None:
    import torch
    from pytorch_msssim import ms_ssim

    reference, image = pair(*size, noise=25.0)
    colour = [torch.from_numpy(part.astype(np.float32)).permute(2, 0, 1)[None] for part in (reference, image)]
    grey = [torch.from_numpy(studio_luma(part).astype(np.float32))[None, None] for part in (reference, image)]
    assert metrics.msssim(reference, image) == pytest.approx(float(ms_ssim(*colour, data_range=255)), abs=1e-5)
    assert metrics.msssim_y(reference, image) == pytest.approx(float(ms_ssim(*grey, data_range=255)), abs=1e-5)


def test_identical_images_are_perfect_in_every_metric() -> None:
    reference, _ = pair(171, 180)
    values = metrics.measure(reference, reference.copy(), metrics=tuple(metrics.METRICS))
    assert values.psnr_rgb == values.psnr_y == math.inf
    for value in (values.ssim_rgb, values.ssim_y, values.msssim_rgb, values.msssim_y):
        assert value == pytest.approx(1.0, abs=1e-12)
    assert values.flip == 0.0
    assert values.ssimulacra2 == 100.0


@pytest.mark.parametrize(
    ("size", "absent"),
    [
        ((1, 1), {"ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y", "ssimulacra2"}),
        ((7, 400), {"ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y", "ssimulacra2"}),
        ((10, 400), {"ssim_rgb", "ssim_y", "msssim_rgb", "msssim_y"}),
        ((160, 170), {"msssim_rgb", "msssim_y"}),
        ((161, 161), set()),
    ],
)
def test_what_an_image_is_too_small_for_is_not_measured(size: tuple[int, int], absent: set[str]) -> None:
    values = metrics.measure(*pair(*size), metrics=tuple(metrics.METRICS))
    assert {name for name in metrics.METRICS if getattr(values, name) is None} == absent


def test_more_noise_is_worse_by_every_metric_in_its_own_direction() -> None:
    reference, slight = pair(170, 190, noise=3.0)
    _, strong = pair(170, 190, noise=30.0)
    better = metrics.measure(reference, slight, metrics=tuple(metrics.METRICS))
    worse = metrics.measure(reference, strong, metrics=tuple(metrics.METRICS))
    for name, info in metrics.METRICS.items():
        assert (getattr(better, name) > getattr(worse, name)) == info.higher_is_better, name


def test_measure_gives_what_the_single_functions_give() -> None:
    reference, image = pair(165, 167)
    values = metrics.measure(reference, image)
    assert values == metrics.Metrics(
        psnr_rgb=metrics.psnr(reference, image),
        psnr_y=metrics.psnr_y(reference, image),
        ssim_rgb=metrics.ssim(reference, image),
        ssim_y=metrics.ssim_y(reference, image),
        msssim_rgb=metrics.msssim(reference, image),
        msssim_y=metrics.msssim_y(reference, image),
        flip=metrics.flip(reference, image),
        ssimulacra2=metrics.ssimulacra2(reference, image),
    )


def test_measure_computes_only_what_is_asked_for() -> None:
    reference, image = pair(165, 167)
    values = metrics.measure(reference, image, metrics=["ssim_y"])
    assert values == metrics.Metrics(ssim_y=metrics.ssim_y(reference, image))


def test_measure_names_an_unknown_metric() -> None:
    with pytest.raises(SynthcompError, match=r"'lpips'.*psnr_rgb"):
        metrics.measure(*pair(12, 12), metrics=["lpips"])


def test_measure_reports_rising_progress_and_can_be_cancelled() -> None:
    seen: list[float] = []
    metrics.measure(*pair(20, 20), on_progress=lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0

    def cancel(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        metrics.measure(*pair(20, 20), on_progress=cancel)


@pytest.mark.parametrize("name", ["psnr", "psnr_y", "ssim", "ssim_y", "msssim", "msssim_y", "flip", "flip_error"])
def test_images_of_different_sizes_are_refused_with_both_sizes(name: str) -> None:
    with pytest.raises(ImageError, match=r"20x10.*10x20"):
        getattr(metrics, name)(np.zeros((10, 20, 3), np.uint8), np.zeros((20, 10, 3), np.uint8))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_not_an_8_bit_rgb_image_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ImageError):
        metrics.measure(wrong, wrong)


def test_bits_per_pixel_counts_eight_bits_a_byte() -> None:
    assert metrics.bits_per_pixel(300, 40, 20) == 3.0


def test_ssim_of_a_large_image_needs_little_memory() -> None:
    names = ["psnr_rgb", "psnr_y", "ssim_rgb", "msssim_rgb"]
    metrics.measure(*pair(176, 176), metrics=names)  # What is imported first is not the image's.
    reference, image = pair(1200, 1600)
    tracemalloc.start()
    metrics.measure(reference, image, metrics=names)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * reference.nbytes


def test_measuring_does_not_import_torch() -> None:
    program = """
import sys
import numpy as np
from synthcomp_core.metrics import METRICS, measure
image = np.zeros((165, 165, 3), np.uint8)
measure(image, image + 1, metrics=METRICS)
print("torch" in sys.modules)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT_ROOT, check=True
    )
    assert finished.stdout.strip() == "False"
