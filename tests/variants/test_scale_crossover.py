"""At which sizes a lower resolution pays: hand-made curves, and what an exhaustive grid says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from synthcomp_core.codecs.targets import Target
from synthcomp_core.metrics import measure
from synthcomp_core.results.rows import ResultRow
from synthcomp_core.variants import Variant
from synthcomp_core.variants.advice import advice, ladder
from synthcomp_core.variants.candidates import candidates, rows_for_image
from synthcomp_core.variants.scale_crossover import rungs, scale_crossover
from synthcomp_core.variants.targets import render
from tests.pages.conftest import frame

FULL, HALF = Variant("avif-bytes80000"), Variant.parse("avif-bytes80000@x2-rcan")


def row(variant: str, num_bytes: int, value: float, *, quality: float = 50, image: str = "a.png") -> ResultRow:
    return ResultRow(
        "d", image, 100, 100, variant, codec="avif", quality=quality, num_bytes=num_bytes, bpp=1.0, ssimulacra2=value,
        psnr_rgb=value, encode_s=0.1, decode_s=0.1,
    )  # fmt: skip


def line(sizes: tuple[int, ...], slope: float, offset: float, scaling: str = "") -> list[ResultRow]:
    """Points whose value is slope * log2(kB) + offset, the last of them at the constraint."""
    names = [f"avif-q{number + 1}" for number in range(len(sizes) - 1)] + ["avif-bytes80000"]
    return [
        row(name + scaling, size, slope * math.log2(size / 1000) + offset)
        for name, size in zip(names, sizes, strict=True)
    ]


def test_lines_over_log_size_cross_where_they_are_equal() -> None:
    # 10 log2(kB) + 0 and 6 log2(kB) + 20 are equal at 2^5 kB.
    rows = line((10_000, 40_000, 80_000), 10, 0) + line((8_000, 30_000, 78_000), 6, 20, "@x2-rcan")
    found = scale_crossover(FULL, HALF, rows, "ssimulacra2", codec_label="AVIF")
    assert found is not None
    assert (found.low, found.high) == (10_000, 78_000)
    ((begin, end),) = found.pays
    assert begin == 10_000
    assert end == pytest.approx(32_000)
    assert found.sentence == (
        "Half resolution with RCAN pays below 32 kB for AVIF (SSIMULACRA2, measured from 10 to 78 kB per image)."
    )


@pytest.mark.parametrize(("offset", "said"), [(-50, "does not pay at any size searched"), (90, "pays at every size")])
def test_curves_that_do_not_cross_say_so(offset: float, said: str) -> None:
    rows = line((10_000, 40_000, 80_000), 10, 0) + line((8_000, 30_000, 78_000), 10, offset, "@x2-rcan")
    found = scale_crossover(FULL, HALF, rows, "ssimulacra2", codec_label="AVIF")
    assert found is not None and said in found.sentence
    assert found.pays == (() if offset < 0 else ((10_000, 78_000),))


def test_a_lower_is_better_metric_turns_the_answer_round() -> None:
    rows = line((10_000, 40_000, 80_000), 10, 0) + line((8_000, 30_000, 78_000), 10, 50, "@x2-rcan")
    rows = [dataclasses.replace(one, flip=one.ssimulacra2) for one in rows]
    found = scale_crossover(FULL, HALF, rows, "flip", codec_label="AVIF")
    assert found is not None and found.pays == ()


def test_without_sizes_in_common_or_points_nothing_is_claimed() -> None:
    apart = line((50_000, 80_000), 10, 0) + line((8_000, 30_000), 6, 20, "@x2-rcan")
    found = scale_crossover(FULL, HALF, apart, "ssimulacra2", codec_label="AVIF")
    assert found is not None and found.low is None and "share no range of sizes" in found.sentence
    single = line((80_000,), 10, 0) + line((8_000, 30_000), 6, 20, "@x2-rcan")
    assert scale_crossover(FULL, HALF, single, "ssimulacra2", codec_label="AVIF") is None


def test_a_variant_that_lacks_an_image_is_no_point_of_the_means() -> None:
    rows = line((10_000, 40_000, 80_000), 10, 0) + line((8_000, 30_000, 78_000), 6, 20, "@x2-rcan")
    both = rows + [dataclasses.replace(one, image="b.png") for one in rows]
    stray = row("avif-q99", 20_000, 1000.0)
    with_stray = scale_crossover(FULL, HALF, [*both, stray], "ssimulacra2", codec_label="AVIF")
    assert with_stray == scale_crossover(FULL, HALF, both, "ssimulacra2", codec_label="AVIF")


@pytest.mark.parametrize(("downwards", "full"), [(True, ["avif-q40", "avif-q21"]), (False, ["avif-q73", "avif-q87"])])
def test_rungs_lie_between_the_quality_found_and_the_end(downwards: bool, full: list[str]) -> None:
    rows = [row(str(FULL), 80_000, 70, quality=60), row(str(HALF), 80_000, 60, quality=91)]
    found = [str(variant) for variant in rungs(FULL, HALF, rows, downwards=downwards)]
    assert found[:2] == full
    assert all(name.endswith("@x2-rcan") for name in found[2:]) and len(found) == 4


def test_the_advice_agrees_with_curves_of_every_quality() -> None:
    image = frame(6)
    target = Target("bytes", 9000)
    variants = candidates(target, families=["webp"], scales=(1, 2))
    rows = rows_for_image(image, variants, dataset="d", image_name="i")
    found = advice(rows, target)
    assert found.crossover is None  # One point of each resolution says nothing about others.
    more = ladder(found, rows)
    assert more.metric == "ssimulacra2" and len(more.variants) == 4
    measured = rows_for_image(image, more.variants, dataset="d", image_name="i", metrics=(more.metric,))
    answer = advice(rows, target, ladder_rows=measured).crossover
    assert answer is not None and answer.low is not None and answer.high is not None
    grid: dict[str, list[tuple[int, float]]] = {"": [], "@x2-lanczos": []}
    for scaling, points in grid.items():
        for quality in range(1, 100, 3):
            rendering = render(image, Variant.parse(f"webp-q{quality}{scaling}"))
            value = measure(image, rendering.image, metrics=("ssimulacra2",)).ssimulacra2
            points.append((rendering.num_bytes, float(value or 0.0)))
    curves = [np.array(sorted(points)) for points in (grid["@x2-lanczos"], grid[""])]
    sizes = np.geomspace(answer.low, answer.high, 50)
    lead = np.subtract(*(np.interp(np.log(sizes), np.log(curve[:, 0]), curve[:, 1]) for curve in curves))
    pays = np.array([any(begin <= size <= end for begin, end in answer.pays) for size in sizes])
    # Near the crossing the sparse curve may err: only clear leads are compared.
    clear = np.abs(lead) > 2
    assert clear.any()
    assert (pays[clear] == (lead[clear] > 0)).all()
