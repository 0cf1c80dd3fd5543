"""The factorised prior (Balle 2018, appendix 6.1) of hyper-latents as integer tables, made once at import.

The tables go into the snapshot, so that no decoder ever evaluates the density network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synthcomp_core.codecs.entropy.scale_tables import PRECISION_BITS, UNIT, normalised_counts
from synthcomp_core.errors import SnapshotError

PREFIX = "integer_prior."
_SEARCH = 1024  # Symbols beyond +-1024 of the median are left to the escape.
_TAIL_MASS = 2.0**-26  # A table ends where less than this is left on either side: below half a count.
_MEDIAN_LIMIT = 4096


@dataclass(frozen=True)
class IntegerPrior:
    """One table a channel. Symbol q of channel c stands for the latent q 2^16 + medians[c] in units of 2^-16.

    medians: (channels,) int64 units. counts: per channel (n + 1,) int32 summing to 2^24 - (n + 1), the last the
    escape; entry i is the symbol offsets[c] + i.
    """

    medians: NDArray[np.int64]
    offsets: tuple[int, ...]
    counts: tuple[NDArray[np.int32], ...]

    @property
    def least_bits(self) -> float:
        """The code length of the likeliest symbol, summed over the channels."""
        return float(sum(PRECISION_BITS - np.log2(float(counts.max()) + 1.0) for counts in self.counts))

    def code_length_bits(self, symbols: NDArray[np.int32]) -> NDArray[np.float64]:
        """Ideal code length in bits of symbols (n, channels), per row."""
        from synthcomp_core.codecs.entropy.scale_tables import ESCAPE_BITS

        bits = np.zeros(len(symbols))
        for channel, (offset, counts) in enumerate(zip(self.offsets, self.counts, strict=True)):
            lengths = PRECISION_BITS - np.log2(counts + 1.0)
            lengths[-1] += ESCAPE_BITS
            indices = symbols[:, channel] - offset
            outside = (indices < 0) | (indices >= len(counts) - 1)
            bits += lengths[np.where(outside, len(counts) - 1, indices)]
        return bits


def derive_prior(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The prior's tensors for a snapshot from CompressAI's ``entropy_bottleneck.*`` parameters (any float dtype).

    ``medians`` int32 (C,), ``offsets`` int32 (C,), ``lengths`` int32 (C,) and ``counts`` int32 (C, longest).
    """
    medians = torch.round(tensors["entropy_bottleneck.quantiles"][:, 0, 1].double() * UNIT)
    if not bool((medians.abs() <= _MEDIAN_LIMIT * UNIT).all()):
        raise SnapshotError("The medians of the entropy bottleneck are out of range; the checkpoint is not usable.")
    edges = torch.arange(-_SEARCH, _SEARCH + 2, dtype=torch.float64) - 0.5
    logits = _logits(tensors, edges[None, :] + medians[:, None] / UNIT)
    if not bool(torch.isfinite(logits).all()):
        raise SnapshotError("The entropy bottleneck has no finite density, so the checkpoint is not usable.")
    below, above = torch.sigmoid(logits), torch.sigmoid(-logits)
    # The smaller of the two tails keeps its precision (CompressAI subtracts them with the same care).
    masses = torch.where(logits[:, :-1] > 0, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1]).clamp_(min=0)
    rows = []
    offsets = []
    for channel in range(len(medians)):
        first = int((below[channel] < _TAIL_MASS).sum()) - 1
        last = 2 * _SEARCH + 1 - int((above[channel] < _TAIL_MASS).sum())
        first, last = min(max(first, 0), _SEARCH), max(min(last, 2 * _SEARCH), _SEARCH)
        offsets.append(first - _SEARCH)
        rows.append(normalised_counts(masses[channel : channel + 1, first : last + 1].numpy())[0])
    counts = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.int32)
    for channel, row in enumerate(rows):
        counts[channel, : len(row)] = torch.from_numpy(row)
    return {
        f"{PREFIX}medians": medians.to(torch.int32),
        f"{PREFIX}offsets": torch.tensor(offsets, dtype=torch.int32),
        f"{PREFIX}lengths": torch.tensor([len(row) for row in rows], dtype=torch.int32),
        f"{PREFIX}counts": counts,
    }


def read_prior(tensors: dict[str, Tensor]) -> IntegerPrior:
    """The prior stored in a snapshot; SnapshotError when its tables are missing or not valid."""
    try:
        medians = tensors[f"{PREFIX}medians"].numpy().astype(np.int64)
        offsets = tuple(tensors[f"{PREFIX}offsets"].tolist())
        lengths = tensors[f"{PREFIX}lengths"].tolist()
        table = tensors[f"{PREFIX}counts"].numpy()
    except KeyError as error:
        raise SnapshotError(f"The snapshot has no {error.args[0]}; import its checkpoint again.") from None
    if table.ndim != 2 or not len(medians) == len(offsets) == len(lengths) == len(table):
        raise SnapshotError("The snapshot's prior tables do not fit together; import its checkpoint again.")
    if np.abs(medians).max(initial=0) > _MEDIAN_LIMIT * UNIT or max(map(abs, offsets), default=0) > _SEARCH:
        raise SnapshotError("The snapshot's prior tables are out of range; import its checkpoint again.")
    counts = tuple(table[channel, : max(0, length)].astype(np.int32) for channel, length in enumerate(lengths))
    for row in counts:
        if len(row) < 2 or row.min() < 0 or int(row.sum(dtype=np.int64)) + len(row) != 1 << PRECISION_BITS:
            raise SnapshotError("The snapshot's prior tables are damaged; import its checkpoint again.")
    return IntegerPrior(medians, offsets, counts)


def _logits(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """Logits of the cumulative density (C, n) at x (C, n): CompressAI's ``_logits_cumulative``, in float64."""
    values = x[:, None, :]
    layers = sum(name.startswith("entropy_bottleneck.matrices.") for name in tensors)
    for layer in range(layers):
        matrix = tensors[f"entropy_bottleneck.matrices.{layer}"].double()
        values = functional.softplus(matrix) @ values + tensors[f"entropy_bottleneck.biases.{layer}"].double()
        if layer < layers - 1:
            factor = tensors[f"entropy_bottleneck.factors.{layer}"].double()
            values = values + torch.tanh(factor) * torch.tanh(values)
    return values[:, 0, :]
