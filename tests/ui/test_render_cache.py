"""The renderings that the pages share: computed once, FLIP too, and dropped by use and size."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

from synthcomp_core.images import png_bytes, read_image
from synthcomp_core.metrics import flip_colours, flip_error, measure
from synthcomp_core.metrics.tiles import tile_means
from synthcomp_core.progress import silent
from synthcomp_core.ui import render_cache
from synthcomp_core.ui.bytes_cache import BytesCache
from synthcomp_core.ui.compare import kept as compare_kept
from synthcomp_core.ui.render_cache import Rendered, render_for_page
from synthcomp_core.variants import Variant
from tests.pages.conftest import frame


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    render_cache.rendered_cache().clear()
    render_cache.last_reference.clear()


def counted_modules() -> list[object]:
    """Every module that holds the function by name; the metric's own is hidden behind the function of its name."""
    names = ("metrics.flip", "metrics", "variants.evaluation")
    return [*(sys.modules[f"synthcomp_core.{name}"] for name in names), render_cache, compare_kept]


def rendered(text: str, **names: str) -> Rendered:
    asked = {"dataset": "samples", "image_name": "castle.png", **names}
    return render_for_page(frame(1), Variant.parse(text), on_progress=silent, **asked)


def test_flip_is_computed_once_for_mean_map_and_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = []

    def counted(reference, image, **known):  # type: ignore[no-untyped-def]
        maps.append(flip_error(reference, image, **known))
        return maps[-1]

    for module in counted_modules():
        monkeypatch.setattr(module, "flip_error", counted, raising=False)
    shown = rendered("jpeg-q30")
    assert len(maps) == 1
    assert shown.row.flip == pytest.approx(maps[0].mean(dtype=np.float64), abs=1e-12)
    np.testing.assert_array_equal(shown.tile_errors, tile_means(maps[0]))
    assert shown.flip_png == png_bytes(flip_colours(maps[0]), fast=True)
    rendered("jpeg-q30")
    assert len(maps) == 1


def test_what_metrics_make_of_the_original_is_made_once_for_all_variants(reference_parts: list[str]) -> None:
    one, other = rendered("jpeg-q30"), rendered("webp-q40")
    assert sorted(reference_parts) == ["flip_features", "reference_scales"]
    image = frame(1)
    for shown in (one, other):
        assert shown.row.flip == measure(image, shown.rendering.image, metrics=("flip",)).flip


def test_a_cached_rendering_is_shared_and_named_after_the_image_it_is_asked_for() -> None:
    first = rendered("webp-q40")
    again = rendered("webp-q40", dataset="mine/test", image_name="copy.png")
    assert again.rendering is first.rendering
    assert (again.row.dataset, again.row.image) == ("mine/test", "copy.png")
    assert (first.row.dataset, first.row.image) == ("samples", "castle.png")


def test_the_coded_image_is_kept_where_it_was_upscaled() -> None:
    assert rendered("jpeg-q30").coded_png is None
    upscaled = rendered("none@x2-bicubic")
    assert upscaled.coded_png is not None
    coded = read_image(upscaled.coded_png, name="coded.png").image
    assert coded.shape == (88, 100, 3)
    np.testing.assert_array_equal(coded, upscaled.rendering.coded_image)


def test_what_was_not_used_for_longest_makes_room() -> None:
    one = rendered("jpeg-q30")
    cache = BytesCache(2 * one.cached_bytes, lambda rendered: rendered.cached_bytes)
    cache.put(("a",), one)
    cache.put(("b",), one)
    assert cache.get(("a",)) is one
    cache.put(("c",), one)
    assert [cache.get((name,)) is one for name in "abc"] == [True, False, True]


def test_a_rendering_larger_than_the_cache_is_passed_by() -> None:
    one = rendered("jpeg-q30")
    cache = BytesCache(one.cached_bytes, lambda rendered: rendered.cached_bytes)
    cache.put(("fits",), one)
    cache.put(("large",), dataclasses.replace(one, png=one.png + b" "))
    assert cache.get(("large",)) is None
    assert cache.get(("fits",)) is one
