"""Compiled layers of g_a and g_s for CPUs in float32: 5x5 convolutions of stride 2, both ways, with (inverse) GDN.

Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, section 4) on the four phases of a convolution of stride
2: a phase takes 3 or 2 taps per side, so 16 outputs cost 121 products for each pair of channels where the plain
convolution takes 400. A phase of two taps lacks a tap at one end, which makes its products vanish at one of the six
points (infinity, or 0): those are left out. Arrays are (H, W, C) float32, walked in tiles of 4x4 outputs, each with its
GDN. Only the encoder sees y, and every decoder gets the same y_hat: nothing here has to be exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from synthcomp_core.codecs.tile_kernel import FLOAT_WIDTH, ROWS, float_tile
from synthcomp_core.runtime import compiled

POINTS, TILE, TAPS = 6, 4, 3
TILE_POSITIONS = TILE * TILE
LANES = 8
# Lavin and Gray's matrices for the points 0, 1, -1, 2, -2 and infinity: of the input, the filter and the output.
INPUT = ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0),
         (0, 4, 0, -5, 0, 1))  # fmt: skip
FILTER = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
          (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))  # fmt: skip
OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
# (row, column) parities, so ordered that the phases left at any point lie side by side.
PHASES = ((0, 1), (0, 0), (1, 0), (1, 1))
ANALYSIS_GAP, SYNTHESIS_GAP = 5, 0  # the point at which a phase of two taps vanishes


def _combination(builder: Any, factors: Sequence[float], vectors: Sequence[Any], vector: ir.Type) -> Any:
    """Sum of factor times vector."""
    terms = [(factor, value) for factor, value in zip(factors, vectors, strict=True) if factor]
    terms.sort(key=lambda term: term[0] != 1)
    total = None
    for factor, value in terms:
        if abs(factor) != 1:
            value = builder.fmul(value, ir.Constant(vector, [abs(float(factor))] * LANES), flags=("contract",))
        if total is None:
            total = value if factor > 0 else builder.fsub(ir.Constant(vector, [0.0] * LANES), value)
        elif factor > 0:
            total = builder.fadd(total, value, flags=("contract",))
        else:
            total = builder.fsub(total, value, flags=("contract",))
    return total


def _transform(matrix: Sequence[Sequence[float]]) -> Any:
    """The intrinsic Y = L X L^T for every channel of a tile, L = ``matrix``."""

    @intrinsic
    def transform(
        typing_context: Any, source: Any, source_at: Any, source_row: Any, source_column: Any, target: Any,
        target_at: Any, target_row: Any, target_column: Any, channels: Any,
    ) -> Any:  # fmt: skip
        """Flat arrays; ``_at`` is element (0, 0) of channel 0, ``_row`` and ``_column`` are strides."""
        size = types.intp
        signature = types.void(source, size, size, size, target, size, size, size, size)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, source_at, source_row, source_column, _, target_at, target_row, target_column, channels = arguments
            source, target = (
                context.make_array(signature.args[index])(context, builder, arguments[index]).data for index in (0, 4)
            )
            vector = ir.VectorType(ir.FloatType(), LANES)
            integer = source_at.type

            def place(base: Any, at: Any, strides: tuple[Any, Any], row: int, column: int, channel: Any) -> Any:
                offset = builder.add(at, builder.mul(strides[0], ir.Constant(integer, row)))
                offset = builder.add(offset, builder.mul(strides[1], ir.Constant(integer, column)))
                return builder.bitcast(builder.gep(base, [builder.add(offset, channel)]), vector.as_pointer())

            entry = builder.block
            loop, done = builder.append_basic_block("channels"), builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            channel = builder.phi(integer)
            channel.add_incoming(ir.Constant(integer, 0), entry)
            strides = (source_row, source_column)
            halfway: list[list[Any]] = [[] for _ in matrix]
            for column in range(len(matrix[0])):
                values = [
                    builder.load(place(source, source_at, strides, row, column, channel), align=4)
                    for row in range(len(matrix[0]))
                ]
                for index, factors in enumerate(matrix):
                    halfway[index].append(_combination(builder, factors, values, vector))
            for row, values in enumerate(halfway):
                for column, factors in enumerate(matrix):
                    at = place(target, target_at, (target_row, target_column), row, column, channel)
                    builder.store(_combination(builder, factors, values, vector), at, align=4)
            following = builder.add(channel, ir.Constant(integer, LANES))
            channel.add_incoming(following, loop)
            builder.cbranch(builder.icmp_signed("<", following, channels), loop, done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, generate

    return transform


_input = _transform(INPUT)
_output = _transform(OUTPUT)


@compiled()
def _patch(x: Any, top: Any, left: Any, side: Any, patch: Any) -> None:
    """patch (side, side, C): the square of x (H, W, C) that begins at (top, left), zeros outside of x."""
    height, width, channels = x.shape
    for row in range(side):
        for column in range(side):
            y, z = top + row, left + column
            if 0 <= y < height and 0 <= z < width:
                for channel in range(channels):
                    patch[row, column, channel] = x[y, z, channel]
            else:
                for channel in range(channels):
                    patch[row, column, channel] = 0.0


@compiled()
def _gdn(block: Any, beta: Any, gamma: Any, inverse: Any, squares: Any, norms: Any) -> None:
    """GDN, or its inverse, of positions (16, C) in place. beta: (C,); gamma: (panels, C, 16), transposed."""
    positions, channels = block.shape
    for row in range(positions):
        for channel in range(channels):
            squares[row, channel] = block[row, channel] * block[row, channel]
            norms[row, channel] = beta[channel]
    for panel in range(gamma.shape[0]):
        for row in range(0, positions, ROWS):
            float_tile(
                squares, row * channels, channels, gamma, panel * channels * FLOAT_WIDTH, channels,
                norms, row * norms.shape[1] + panel * FLOAT_WIDTH, norms.shape[1],
            )  # fmt: skip
    for row in range(positions):
        for channel in range(channels):
            root = np.sqrt(norms[row, channel])
            block[row, channel] = block[row, channel] * root if inverse else block[row, channel] / root


@compiled()
def _add_bias(block: Any, bias: Any) -> None:
    for row in range(block.shape[0]):
        for channel in range(block.shape[1]):
            block[row, channel] += bias[channel]


@compiled()
def _multiply(v: Any, weights: Any, starts: Any, spans: Any, wide_input: Any, channels: Any, products: Any) -> None:
    """products[point] = v[point] weights[point] for the 36 points; products are zeroed here.

    v: (36, tiles, inputs); products: (36, tiles, outputs). starts: where each point's panels begin in ``weights``;
    spans: (36, 2), its first phase and their number, of the inputs (``wide_input``) or of the outputs, which are
    phases times ``channels`` wide.
    """
    tiles, stride, outputs = v.shape[1], v.shape[2], products.shape[2]
    products[:] = 0.0
    for point in range(POINTS * POINTS):
        first, number = spans[point, 0] * channels, spans[point, 1] * channels
        inputs = number if wide_input else stride
        width = outputs if wide_input else number
        at, to = (first, 0) if wide_input else (0, first)
        for panel in range(-(-width // FLOAT_WIDTH)):
            for row in range(0, tiles, ROWS):
                float_tile(
                    v, (point * tiles + row) * stride + at, stride,
                    weights, starts[point] + panel * inputs * FLOAT_WIDTH, inputs,
                    products, (point * tiles + row) * outputs + to + panel * FLOAT_WIDTH, outputs,
                )  # fmt: skip


@compiled()
def _write(block: Any, y: Any, top: Any, left: Any, step: Any) -> None:
    """The tile (16, C) to y (H, W, C), its positions ``step`` apart from (top, left), what lies outside left out."""
    height, width, channels = y.shape
    for row in range(TILE):
        for column in range(TILE):
            i, j = top + row * step, left + column * step
            if i < height and j < width:
                for channel in range(channels):
                    y[i, j, channel] = block[row * TILE + column, channel]


@compiled()
def analyse_tiles(
    x: Any, y: Any, weights: Any, starts: Any, spans: Any, bias: Any, beta: Any, gamma: Any, first: Any, last: Any,
    v: Any, products: Any,
) -> None:  # fmt: skip
    """Tiles ``first`` to ``last`` of y (H / 2, W / 2, N) = GDN(convolution of x (H, W, C)); no GDN where beta is empty.

    v: (36, tiles, 4 C) and products: (36, tiles, outputs in whole panels), scratch of a multiple of 4 tiles.
    """
    height, width, channels = x.shape
    outputs = y.shape[2]
    across = -(-y.shape[1] // TILE)
    patch = np.empty((2 * POINTS, 2 * POINTS, channels), np.float32)
    block, squares = np.empty((TILE_POSITIONS, outputs), np.float32), np.empty((TILE_POSITIONS, outputs), np.float32)
    norms = np.empty((TILE_POSITIONS, products.shape[2]), np.float32)
    tiles, inputs = v.shape[1], v.shape[2]
    to_row, to_column = POINTS * tiles * inputs, tiles * inputs
    for tile in range(first, last):
        top, left = 2 * TILE * (tile // across) - 2, 2 * TILE * (tile % across) - 2
        to = (tile - first) * inputs
        source, at, row = x, (top * width + left) * channels, width * channels
        if top < 0 or left < 0 or top + 2 * POINTS > height or left + 2 * POINTS > width:
            _patch(x, top, left, 2 * POINTS, patch)
            source, at, row = patch, 0, 2 * POINTS * channels
        for phase in range(4):
            corner = at + (row if phase >= 2 else 0) + (channels if phase in (0, 3) else 0)
            _input(
                source, corner, 2 * row, 2 * channels, v, to + phase * channels, to_row, to_column, channels
            )  # fmt: skip
    _multiply(v, weights, starts, spans, True, channels, products)
    wide = products.shape[2]
    for tile in range(first, last):
        at = (tile - first) * wide
        _output(
            products, at, POINTS * tiles * wide, tiles * wide, block, 0, TILE * outputs, outputs, outputs
        )  # fmt: skip
        _add_bias(block, bias)
        if len(beta):
            _gdn(block, beta, gamma, False, squares, norms)
        _write(block, y, TILE * (tile // across), TILE * (tile % across), 1)


@compiled()
def synthesise_tiles(
    x: Any, y: Any, weights: Any, starts: Any, spans: Any, bias: Any, beta: Any, gamma: Any, first: Any, last: Any,
    v: Any, products: Any,
) -> None:  # fmt: skip
    """Tiles ``first`` to ``last`` of x (H, W, C), and their part of y (2 H, 2 W, N) = IGDN(transposed convolution).

    v: (36, tiles, C) and products: (36, tiles, 4 N), scratch of a multiple of 4 tiles.
    """
    height, width, channels = x.shape
    outputs = y.shape[2]
    across = -(-width // TILE)
    patch = np.empty((POINTS, POINTS, channels), np.float32)
    block, squares = np.empty((TILE_POSITIONS, outputs), np.float32), np.empty((TILE_POSITIONS, outputs), np.float32)
    norms = np.empty((TILE_POSITIONS, outputs), np.float32)
    tiles = v.shape[1]
    to_row, to_column = POINTS * tiles * channels, tiles * channels
    for tile in range(first, last):
        top, left = TILE * (tile // across) - 1, TILE * (tile % across) - 1
        to = (tile - first) * channels
        source, at, row = x, (top * width + left) * channels, width * channels
        if top < 0 or left < 0 or top + POINTS > height or left + POINTS > width:
            _patch(x, top, left, POINTS, patch)
            source, at, row = patch, 0, POINTS * channels
        _input(source, at, row, channels, v, to, to_row, to_column, channels)
    _multiply(v, weights, starts, spans, False, outputs, products)
    wide = products.shape[2]
    row, column = POINTS * tiles * wide, tiles * wide
    down = TILE * outputs
    for tile in range(first, last):
        top, left = 2 * TILE * (tile // across), 2 * TILE * (tile % across)
        at = (tile - first) * wide
        for phase in range(4):
            # Points at which the phase vanishes hold zeros.
            _output(products, at + phase * outputs, row, column, block, 0, down, outputs, outputs)
            _add_bias(block, bias)
            if len(beta):
                _gdn(block, beta, gamma, True, squares, norms)
            _write(block, y, top + (1 if phase >= 2 else 0), left + (1 if phase in (0, 3) else 0), 2)


@compiled()
def analyse_pixels(
    x: Any, y: Any, weights: Any, bias: Any, beta: Any, gamma: Any, first: Any, last: Any
) -> None:  # fmt: skip
    """Rows ``first`` to ``last`` of y (H / 2, W / 2, N) = GDN(5x5 convolution of stride 2 of pixels x (H, W, 3)).

    weights: (panels, 75, 16), the inputs in the order of rows, columns, colours.
    """
    height, width, _ = x.shape
    outputs = y.shape[2]
    wide = weights.shape[0] * FLOAT_WIDTH
    gathered = np.empty((TILE_POSITIONS, 75), np.float32)
    sums = np.empty((TILE_POSITIONS, wide), np.float32)
    block, squares = np.empty((TILE_POSITIONS, outputs), np.float32), np.empty((TILE_POSITIONS, outputs), np.float32)
    norms = np.empty((TILE_POSITIONS, gamma.shape[0] * FLOAT_WIDTH), np.float32)
    for row in range(first, last):
        for left in range(0, y.shape[1], TILE_POSITIONS):
            for position in range(TILE_POSITIONS):
                at = 0
                for i in range(2 * row - 2, 2 * row + 3):
                    for j in range(2 * (left + position) - 2, 2 * (left + position) + 3):
                        inside = 0 <= i < height and 0 <= j < width
                        for colour in range(3):
                            gathered[position, at] = x[i, j, colour] if inside else np.float32(0.0)
                            at += 1
            sums[:] = 0.0
            for panel in range(weights.shape[0]):
                for position in range(0, TILE_POSITIONS, ROWS):
                    float_tile(
                        gathered, position * 75, 75, weights, panel * 75 * FLOAT_WIDTH, 75,
                        sums, position * wide + panel * FLOAT_WIDTH, wide,
                    )  # fmt: skip
            for position in range(TILE_POSITIONS):
                for output in range(outputs):
                    block[position, output] = sums[position, output] + bias[output]
            _gdn(block, beta, gamma, False, squares, norms)
            for position in range(min(TILE_POSITIONS, y.shape[1] - left)):
                for output in range(outputs):
                    y[row, left + position, output] = block[position, output]


@compiled()
def synthesise_pixels(x: Any, y: Any, weights: Any, bias: Any, first: Any, last: Any) -> None:
    """Rows ``first`` to ``last`` of x (H, W, C), and their part of the pixels y (2 H, 2 W, 3): a 3x3 convolution to 12
    outputs, colour by colour the four phases, in front of a pixel shuffle.

    weights: (3, 1, 3 C, 16), for each row of the window its columns and channels.
    """
    height, width, channels = x.shape
    inputs = TAPS * channels
    patch = np.empty((TAPS, ROWS + 2, channels), np.float32)
    sums = np.empty((ROWS, FLOAT_WIDTH), np.float32)
    for row in range(first, last):
        for left in range(0, width, ROWS):
            sums[:] = 0.0
            inner = left > 0 and left + ROWS < width
            for dy in range(TAPS):
                i = row + dy - 1
                if i < 0 or i >= height:
                    continue
                if inner:
                    float_tile(
                        x, (i * width + left - 1) * channels, channels, weights, dy * inputs * FLOAT_WIDTH, inputs,
                        sums, 0, FLOAT_WIDTH,
                    )  # fmt: skip
                else:
                    for column in range(ROWS + 2):
                        j = left + column - 1
                        for channel in range(channels):
                            patch[dy, column, channel] = x[i, j, channel] if 0 <= j < width else np.float32(0.0)
                    float_tile(
                        patch, dy * (ROWS + 2) * channels, channels, weights, dy * inputs * FLOAT_WIDTH, inputs,
                        sums, 0, FLOAT_WIDTH,
                    )  # fmt: skip
            for position in range(min(ROWS, width - left)):
                for output in range(12):
                    i, j = 2 * row + output % 4 // 2, 2 * (left + position) + output % 2
                    y[i, j, output // 4] = sums[position, output] + bias[output]
