"""Patches: from where they should be, the same for the same step, shared among processes without overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synthcomp_core.images import write_png
from synthcomp_core.training.generated_images import generated_image
from synthcomp_core.training.loader import PatchSampler, open_cache, to_tensor, validation_crops


def cache_of(tmp_path: Path, count: int = 3):  # type: ignore[no-untyped-def]
    files = []
    for seed in range(count):
        files.append(tmp_path / f"{seed}.png")
        write_png(generated_image(seed, width=80 + 16 * seed, height=72), files[-1])
    return open_cache(files, tmp_path / "cache")


def test_cache_holds_the_pixels_of_every_image(tmp_path: Path) -> None:
    cache = cache_of(tmp_path)
    for seed in range(3):
        assert np.array_equal(cache.image(seed), generated_image(seed, width=80 + 16 * seed, height=72))


def test_a_step_draws_the_same_patches_again_and_another_step_others(tmp_path: Path) -> None:
    sampler = PatchSampler(cache_of(tmp_path), 32, 4, seed=7)
    assert np.array_equal(sampler.patches(5), sampler.patches(5))
    assert not np.array_equal(sampler.patches(5), sampler.patches(6))


def test_two_processes_share_the_batch_of_one(tmp_path: Path) -> None:
    sampler = PatchSampler(cache_of(tmp_path), 32, 4, seed=7)
    parts = [sampler.patches(9, rank=rank, world=2) for rank in range(2)]
    assert np.array_equal(np.concatenate(parts), sampler.patches(9))


def test_a_patch_is_a_piece_of_an_image_or_its_mirror(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, count=1)
    image = cache.image(0)
    for patch in PatchSampler(cache, 64, 4, seed=1).patches(0):
        places = [image[r : r + 64, c : c + 64] for r in range(9) for c in range(17)]
        assert any(np.array_equal(patch, place) or np.array_equal(patch, place[:, ::-1]) for place in places)


def test_paired_patches_show_the_same_place_at_both_sizes(tmp_path: Path) -> None:
    cache = cache_of(tmp_path)
    files = sorted(tmp_path.glob("*.png"))
    small = open_cache(files, tmp_path / "cache", transform=lambda image: image[::2, ::2], tag="every second pixel")
    high, low = PatchSampler(cache, 32, 8, seed=3, rotate=True).paired(4, [small], scale=2)
    # A mirror moves the kept pixel within each 2x2 block, so one of the four phases has to match.
    for one, other in zip(high, low, strict=True):
        assert any(np.array_equal(one[row::2, column::2], other) for row in range(2) for column in range(2))


def test_share_of_the_first_input_is_kept(tmp_path: Path) -> None:
    cache = cache_of(tmp_path)
    files = sorted(tmp_path.glob("*.png"))
    black = open_cache(files, tmp_path / "cache", transform=np.zeros_like, tag="black")
    white = open_cache(files, tmp_path / "cache", transform=lambda image: np.full_like(image, 255), tag="white")
    drawn = np.concatenate(
        [PatchSampler(cache, 8, 50, seed=1).paired(s, [black, white], scale=1, first=0.3)[1] for s in range(8)]
    )
    assert 0.2 < (drawn[:, 0, 0, 0] == 0).mean() < 0.4  # 400 draws of 0.3: sigma is 0.023.


def test_tensor_and_crops_have_the_stated_shapes_and_range(tmp_path: Path) -> None:
    crops = validation_crops(cache_of(tmp_path), side=64, per_image=2)
    assert crops.shape == (6, 64, 64, 3)
    tensor = to_tensor(crops)
    assert tensor.shape == (6, 3, 64, 64)
    assert float(tensor.max()) <= 1.0
    assert float(tensor[0, 1, 2, 3]) == crops[0, 2, 3, 1] / np.float32(255)
