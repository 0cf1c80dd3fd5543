"""Latents to range-coded sections and back: what encoder and decoder must agree on, all of it exact."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from synthcomp_core.codecs.entropy.context import ContextModel, Exchange, context_model, walk
from synthcomp_core.codecs.entropy.exact import LEAKY_SLOPE, LIMIT, ExactConvolution, exact_sequential
from synthcomp_core.codecs.entropy.hyper import HyperField, hyper_field
from synthcomp_core.codecs.entropy.level_offsets import NO_LEVEL_OFFSETS, best_level_offsets, level_map
from synthcomp_core.codecs.entropy.prior import IntegerPrior, read_prior
from synthcomp_core.codecs.entropy.scale_tables import SCALE_STEP, SYMBOL_LIMIT, UNIT, scale_tables
from synthcomp_core.codecs.entropy.symbols import SymbolDecoder, SymbolEncoder, Symbols, code_length_bits
from synthcomp_core.progress import OnProgress

_BLOCK_SYMBOLS = 1 << 16  # Symbols coded in one call where no context limits it.

Units = NDArray[np.float64]  # Latents (rows, columns, channels): integers in units of 2^-16.


@dataclass(frozen=True)
class EntropyModel:
    """The coding side of a snapshot.

    prior: of z, or of y where there is no hyperprior (bmshj2018-factorized). h_s: the hyper-synthesis, None likewise.
    has_means: whether h_s also predicts means. context: of mbt2018 and cheng2020. channels: M.
    """

    prior: IntegerPrior
    h_s: tuple[ExactConvolution, ...] | None
    has_means: bool
    context: ContextModel | None
    channels: int


@dataclass(frozen=True)
class CodedLatents:
    """z, y: the coded sections; level_offsets: how y's scales were corrected; crc32: of the decoded z and y.

    y_hat: the latents that a decoder will see, (rows, columns, M) units. symbols (n, M), levels (n, M) and z_bits: what
    code lengths follow from; levels is None without a hyperprior.
    """

    z: bytes
    y: bytes
    level_offsets: bytes
    y_hat: Units
    crc32: int
    symbols: Symbols
    levels: NDArray[np.uint8] | None
    z_bits: float


def entropy_model(tensors: dict[str, Tensor], architecture: str, channels: int) -> EntropyModel:
    """The integer entropy model in a snapshot's tensors; SnapshotError when they cannot be held exactly."""
    prior = read_prior(tensors)
    if architecture.startswith("bmshj2018-factorized"):
        return EntropyModel(prior, None, False, None, channels)
    plain = architecture == "bmshj2018-hyperprior"  # ReLUs, also behind the last layer, and scales only.
    h_s = tuple(exact_sequential(tensors, "h_s.", last_relu=plain, relu_slope=0.0 if plain else LEAKY_SLOPE))
    context = context_model(tensors) if "context_prediction.weight" in tensors else None
    return EntropyModel(prior, h_s, not plain, context, channels)


def latents_crc32(z: Units | None, y: Units) -> int:
    """CRC-32 over the latents as little-endian int32, z then y."""
    return zlib.crc32(canonical_bytes(y), zlib.crc32(canonical_bytes(z)) if z is not None else 0)


def canonical_bytes(latents: Units) -> bytes:
    """Latents as little-endian int32 units in rows, columns, channels: what checksums are taken over."""
    return np.ascontiguousarray(latents, dtype="<i4").tobytes()


def encode_latents(
    model: EntropyModel, y: NDArray[np.float32], z: NDArray[np.float32] | None, *, on_progress: OnProgress
) -> CodedLatents:
    """Code y (rows, columns, M) and z (rows, columns, N), plain latents as the analysis transforms return them."""
    height, width, channels = y.shape
    encoder = SymbolEncoder()
    if model.h_s is None or z is None:
        symbols, y_hat = _encode_prior(model.prior, y, encoder)
        crc32 = latents_crc32(None, y_hat)
        return CodedLatents(b"", encoder.words(), NO_LEVEL_OFFSETS, y_hat, crc32, symbols, None, 0.0)
    z_encoder = SymbolEncoder()
    z_symbols, z_hat = _encode_prior(model.prior, z, z_encoder)
    hyper = hyper_field(model.h_s, z_hat)
    flat = y.reshape(height * width, channels)
    symbols = np.empty((height * width, channels), np.int32)
    levels = np.empty((height * width, channels), np.uint8)

    steps: list[slice] = []

    def exchange(positions: slice, parameters: Units) -> Units:
        step_levels, means = _split(parameters, channels, model.has_means, scale_tables().level_of)
        quantised = np.rint(flat[positions] - means * (1 / UNIT)).clip(-SYMBOL_LIMIT, SYMBOL_LIMIT)
        step_symbols = quantised.astype(np.int32)
        symbols[positions], levels[positions] = step_symbols, step_levels
        steps.append(positions)
        return _dequantise(step_symbols, means)

    y_hat = _visit(model, hyper, exchange, on_progress)
    level_offsets = best_level_offsets(levels, symbols)
    levels = level_map(level_offsets)[levels]
    for positions in steps:
        encoder.code_levels(levels[positions].ravel(), symbols[positions].ravel())
    crc32 = latents_crc32(z_hat, y_hat)
    z_bits = float(model.prior.code_length_bits(z_symbols).sum())
    return CodedLatents(z_encoder.words(), encoder.words(), level_offsets, y_hat, crc32, symbols, levels, z_bits)


def decode_latents(
    model: EntropyModel,
    z: bytes,
    y: bytes,
    *,
    level_offsets: bytes,
    height: int,
    width: int,
    on_progress: OnProgress,
) -> tuple[Units | None, Units]:
    """z (rows, columns, N) and y (``height``, ``width``, M) in units; BitstreamError when the code is invalid."""
    decoder = SymbolDecoder(y)
    channels = model.channels
    if model.h_s is None:
        return None, _decode_prior(model.prior, decoder, height, width)
    z_hat = _decode_prior(model.prior, SymbolDecoder(z), height // 4, width // 4)
    level_of = level_map(level_offsets)[scale_tables().level_of]

    def exchange(positions: slice, parameters: Units) -> Units:
        step_levels, means = _split(parameters, channels, model.has_means, level_of)
        return _dequantise(decoder.code_levels(step_levels.ravel()).reshape(step_levels.shape), means)

    return z_hat, _visit(model, hyper_field(model.h_s, z_hat), exchange, on_progress)


def least_bits(model: EntropyModel, rows: int, columns: int) -> tuple[float, float]:
    """The fewest bits that z and y of ``rows`` x ``columns`` latents can take: all symbols the likeliest ones.

    A section with fewer was written by no encoder.
    """
    positions = rows * columns
    if model.h_s is None:
        return 0.0, positions * model.prior.least_bits
    return positions / 16 * model.prior.least_bits, positions * model.channels * float(scale_tables().bits.min())


def position_bits(model: EntropyModel, coded: CodedLatents, rows: int, columns: int) -> NDArray[np.float32]:
    """Ideal code length in bits at each latent position (rows, columns), the share of z spread evenly."""
    if coded.levels is None:
        bits = model.prior.code_length_bits(coded.symbols)
    else:
        bits = code_length_bits(coded.levels, coded.symbols).sum(axis=1, dtype=np.float64) + coded.z_bits / (
            rows * columns
        )
    return bits.reshape(rows, columns).astype(np.float32)


def _visit(model: EntropyModel, hyper: HyperField, exchange: Exchange, on_progress: OnProgress) -> Units:
    if model.context is not None:
        return walk(model.context, hyper, exchange, on_progress)
    height, width = hyper.height, hyper.width
    # Memory that is not written to is not taken.
    latents = np.empty((height * width, model.channels))
    parameters = np.empty((height * width, (1 + model.has_means) * model.channels))
    strips = hyper.strips()
    block = max(1, _BLOCK_SYMBOLS // model.channels)  # Part of the format: a block is coded in the order of its levels.
    for start in range(0, height * width, block):
        positions = slice(start, min(start + block, height * width))
        while strips and strips[0][0] * width < positions.stop:
            top, bottom = strips.pop(0)
            parameters[top * width : bottom * width] = hyper.rows(top, bottom).reshape((bottom - top) * width, -1)
        latents[positions] = exchange(positions, parameters[positions])
        on_progress(positions.stop / (height * width), "entropy coding")
    return latents.reshape(height, width, model.channels)


def _split(
    parameters: Units, channels: int, has_means: bool, level_of: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], Units]:
    """Levels (n, M) and means (n, M) units of parameters (n, M or 2 M): scales, then means."""
    # Exact: SCALE_STEP is a power of two, and the conversion drops the fraction.
    levels = level_of.take((parameters[:, :channels] * (1 / SCALE_STEP)).astype(np.int64), mode="clip")
    return levels, parameters[:, channels:] if has_means else np.zeros(levels.shape)


def _dequantise(symbols: Symbols, means: Units) -> Units:
    latents = symbols * float(UNIT)
    latents += means
    return np.clip(latents, -LIMIT, LIMIT, out=latents)


def _encode_prior(prior: IntegerPrior, latents: NDArray[np.float32], encoder: SymbolEncoder) -> tuple[Symbols, Units]:
    height, width, channels = latents.shape
    symbols = np.rint(latents.reshape(-1, channels) - prior.medians * (1 / UNIT))
    symbols = symbols.clip(-SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int32)
    for channel, (offset, counts) in enumerate(zip(prior.offsets, prior.counts, strict=True)):
        encoder.code_table(counts, offset, np.ascontiguousarray(symbols[:, channel]))
    return symbols, _dequantise(symbols, prior.medians.astype(np.float64)).reshape(height, width, channels)


def _decode_prior(prior: IntegerPrior, decoder: SymbolDecoder, height: int, width: int) -> Units:
    symbols = np.empty((height * width, len(prior.counts)), np.int32)
    for channel, (offset, counts) in enumerate(zip(prior.offsets, prior.counts, strict=True)):
        symbols[:, channel] = decoder.code_table(counts, offset, height * width)
    return _dequantise(symbols, prior.medians.astype(np.float64)).reshape(height, width, len(prior.counts))
