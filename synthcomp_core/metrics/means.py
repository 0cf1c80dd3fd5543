"""Means over images, and how far they can be trusted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

NORMAL_95 = 1.959963984540054  # Of the standard normal distribution: 2.5 % lie above.


def finite_mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are known and finite; None without any.

    >>> finite_mean([1.0, None, math.inf, 2.0]), finite_mean([math.nan])
    (1.5, None)
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else None


def half_width(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % confidence interval of the mean of finite values; None with fewer than two.

    >>> f"{half_width([1.0, 2.0, 3.0]):.4f}", half_width([1.0])
    ('1.1316', None)
    """
    if len(values) < 2:
        return None
    return NORMAL_95 * statistics.stdev(values) / math.sqrt(len(values))
