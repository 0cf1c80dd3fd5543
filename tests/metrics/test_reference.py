"""A kept reference: the values are those without it, to the last bit, and its side is worked out once."""

from __future__ import annotations

import numpy as np
import pytest

from synthcomp_core.errors import ImageError
from synthcomp_core.metrics import METRICS, Reference, flip_error, measure, reference
from tests.pages.conftest import frame


def changed(image: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-9, 10, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(201, 187), (64, 65), (9, 300), (7, 7), (1, 1)])
def test_values_and_maps_are_the_same_to_the_last_bit(size: tuple[int, int]) -> None:
    image = frame(1, *size)
    kept = Reference(image)
    for seed in range(2):
        other = changed(image, seed)
        assert measure(kept, other, metrics=tuple(METRICS)) == measure(image, other, metrics=tuple(METRICS))
        with_features = flip_error(image, other, features=kept.flip_features())
        np.testing.assert_array_equal(with_features, flip_error(image, other))
    assert measure(kept, image, metrics=("flip", "psnr_rgb")).flip == 0.0


def test_each_side_is_worked_out_once_and_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("flip_features", "reference_scales"):
        real = getattr(reference, name)

        def counted(image, name=name, real=real):  # type: ignore[no-untyped-def]
            made.append(name)
            return real(image)

        monkeypatch.setattr(reference, name, counted)
    image = frame(2, 40, 40)
    kept = Reference(image)
    measure(kept, changed(image, 0), metrics=("psnr_rgb",))
    assert made == []
    for seed in range(3):
        measure(kept, changed(image, seed), metrics=("flip", "ssimulacra2"))
    assert sorted(made) == ["flip_features", "reference_scales"]


def test_of_a_large_reference_nothing_is_kept_and_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "KEPT_PIXELS", 50 * 40 - 1)
    image = frame(3, 50, 40)
    large = Reference(image)
    assert large.flip_features() is None and large.ssimulacra2_scales() is None
    assert measure(large, changed(image, 0)) == measure(image, changed(image, 0))


def test_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match="same size"):
        measure(Reference(frame(1, 40, 40)), frame(1, 40, 41))
