"""The search over qualities: it finds what halving finds, in fewer steps where values are about linear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from synthcomp_core.progress import silent
from synthcomp_core.variants.search import Forecast, QualitySearch, line_crossing

LEVELS = range(991)


def search(value: Callable[[int], float]) -> QualitySearch[int]:
    return QualitySearch(LEVELS, lambda level, _: value(level), name_of=str, on_progress=silent)


def guess(place: float, slope: float) -> Forecast:
    """Of a stand-in that knows where to begin, and by how much the excess grows per level."""

    def crossing(known: Sequence[tuple[int, float]]) -> float | None:
        if len(known) > 1:
            return line_crossing(known)
        return known[0][0] - known[0][1] / slope if known and slope else place

    return crossing


SHAPES: dict[str, Callable[[int], float]] = {
    "linear": lambda level: 1000.0 + 37 * level,
    "exponential": lambda level: 500 * math.exp(level / 150),
    "steep at the end": lambda level: 900 * math.exp(level / 300) + 5000 * math.exp((level - 990) / 20),
    "steps": lambda level: 100.0 + level // 50,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("answer", [0, 1, 123, 500, 777, 989, 990])
def test_the_line_through_two_values_finds_what_halving_finds(shape: str, answer: int) -> None:
    value = SHAPES[shape]
    limit = value(answer)
    for excess in (None, lambda found: math.log(found / limit), lambda found: found - limit):
        tried = search(value)
        tried.bisect(lambda found: found <= limit, excess=excess)
        best = max(level for level in LEVELS if value(level) <= limit)
        assert {level for level in (best, best + 1) if level in LEVELS} <= set(tried.values)


def test_sizes_that_grow_by_a_factor_take_fewer_encodings_than_halving() -> None:
    value = SHAPES["exponential"]
    counts = []
    for excess in (None, lambda found: math.log(found / value(321))):
        tried = search(value)
        tried.bisect(lambda found: found <= value(321), excess=excess)
        counts.append(len(tried.values))
    halving, lines = counts
    assert lines <= 8 < halving


def test_values_without_a_finite_distance_are_halved() -> None:
    tried = search(lambda level: math.inf if level > 400 else 30.0)
    tried.bisect(lambda found: found < 40, excess=lambda found: found - 40)
    assert {400, 401} <= set(tried.values)


@pytest.mark.parametrize("answer", [3, 321, 850])
def test_from_a_good_guess_a_few_steps_are_left(answer: int) -> None:
    value = SHAPES["exponential"]
    excess = lambda found: math.log(found / value(answer))  # noqa: E731
    tried = search(value)
    begin = guess(answer + 20.3, 1.1 / 150)
    assert tried.bisect(lambda found: found <= value(answer), excess=excess, forecast=begin) == answer
    assert len(tried.values) <= 7  # Five of them are the end and its neighbours.


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("answer", [0, 1, 500, 989, 990])
@pytest.mark.parametrize(
    ("place", "slope"), [(-50.0, 0.01), (400.0, 0.0), (2000.0, 1e-9), (500.0, -1.0), (1.0, math.nan)]
)
def test_a_bad_guess_costs_steps_but_not_the_answer(shape: str, answer: int, place: float, slope: float) -> None:
    value = SHAPES[shape]
    limit = value(answer)
    tried = search(value)
    excess = lambda found: math.log(found / limit)  # noqa: E731
    tried.bisect(lambda found: found <= limit, excess=excess, forecast=guess(place, slope))
    best = max(level for level in LEVELS if value(level) <= limit)
    assert {level for level in (best, best + 1) if level in LEVELS} <= set(tried.values)
    assert len(tried.values) < 60


def test_what_is_enough_ends_the_search() -> None:
    value = SHAPES["linear"]
    limit = value(400) + 3
    tried = search(value)
    place = tried.bisect(
        lambda found: found <= limit,
        excess=lambda found: found - limit,
        forecast=guess(300, 37),
        is_enough=lambda found: 0.99 * limit <= found <= limit,
    )
    assert 0.99 * limit <= value(place) <= limit
    assert len(tried.values) == 2


def test_below_the_end_levels_are_tried_only_where_values_may_waver() -> None:
    tried = [search(SHAPES["linear"]) for _ in range(2)]
    for one, wavers in zip(tried, (True, False), strict=True):
        limit = SHAPES["linear"](500) + 3
        one.bisect(lambda found, limit=limit: found <= limit, may_waver=lambda found, wavers=wavers: wavers)
    assert {498, 499, 500, 501, 502} <= set(tried[0].values)
    assert {500, 501, 502} <= set(tried[1].values) < set(tried[0].values)
