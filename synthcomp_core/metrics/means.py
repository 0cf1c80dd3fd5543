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


def mean_cell(values: Sequence[float | None], decimals: int) -> float | str | None:
    """The mean of what is finite as a table's cell; with how many of all values that are, if it is not all.

    Values that are None or NaN were not measured; inf if all others are infinite, None without any.

    >>> mean_cell([1.0, 2.0], 2), mean_cell([1.0, math.inf, None, 2.0], 2), mean_cell([math.inf], 2)
    (1.5, '1.50 (2 of 4)', inf)
    """
    known = [value for value in values if value is not None and not math.isnan(value)]
    mean = finite_mean(known)
    if mean is None:
        return math.inf if known else None
    finite = sum(math.isfinite(value) for value in known)
    return mean if finite == len(values) else f"{mean:,.{decimals}f} ({finite} of {len(values)})"


def half_width(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % confidence interval of the mean of finite values; None with fewer than two.

    >>> f"{half_width([1.0, 2.0, 3.0]):.4f}", half_width([1.0])
    ('1.1316', None)
    """
    if len(values) < 2:
        return None
    return NORMAL_95 * statistics.stdev(values) / math.sqrt(len(values))
