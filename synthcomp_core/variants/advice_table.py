"""The table of an advice: what every option makes of the constraint, in columns."""

from __future__ import annotations

import math

from synthcomp_core.metrics import METRICS
from synthcomp_core.results.text_tables import TableColumn
from synthcomp_core.variants.advice import Advice, Option
from synthcomp_core.variants.candidates import ADVICE_METRICS


def advice_columns(found: Advice, *, mark: str) -> list[TableColumn[Option]]:
    """The columns for the options of an advice: front, option, bytes, the metrics measured, times of single runs.

    mark: what stands beside the options on the Pareto front.
    """
    measured = [name for name in ADVICE_METRICS if any(name in option.values for option in found.options)]
    return [
        TableColumn("", lambda option: mark if option in found.front else ""),
        TableColumn("option", lambda option: option.settled),
        TableColumn("bytes", lambda option: option.num_bytes, 0),
        *(_metric_column(name) for name in measured),
        TableColumn("encode [s]", lambda option: _known(option.encode_s), 2),
        TableColumn("decode [s]", lambda option: _known(option.decode_s), 2),
    ]


def _metric_column(name: str) -> TableColumn[Option]:
    return TableColumn(METRICS[name].heading, lambda option: option.values.get(name), METRICS[name].decimals)


def _known(seconds: float) -> float | None:
    return None if math.isnan(seconds) else seconds
