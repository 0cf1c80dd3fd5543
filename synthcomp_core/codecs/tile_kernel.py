"""The innermost loop of a matrix product, with its sums in the processor's registers.

Numba's loops leave sums in memory, and general matrix products copy both factors into layouts of their own at every
call, which costs more than the product itself where one factor has few rows. The tile here, four rows by two vectors,
is written down in LLVM's vector types: it becomes fused multiply-adds on whatever vectors the processor has (about 75 %
of what two AVX2 units can do), and leaves the layout to the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

ROWS = 4
_VECTORS = 2
EXACT_WIDTH = 8  # columns of a tile of float64: two vectors of four
_CONTRACT = ("contract",)  # A product and a sum may become one fused operation.


def panels(weight: NDArray[Any], width: int) -> NDArray[np.float32]:
    """weight (inputs, outputs) as (ceil(outputs / width), inputs, width) float32, the last panel filled with zeros."""
    inputs, outputs = weight.shape
    count = -(-outputs // width)
    padded = np.zeros((inputs, count * width), np.float32)
    padded[:, :outputs] = weight
    return np.ascontiguousarray(padded.reshape(inputs, count, width).transpose(1, 0, 2))


def _tile(lanes: int, number: ir.Type, number_bytes: int) -> Any:
    """The intrinsic for vectors of ``lanes`` numbers; weights are float32, widened where the numbers are wider."""
    width = _VECTORS * lanes

    @intrinsic
    def tile(
        typing_context: Any, x: Any, x_at: Any, x_stride: Any, w: Any, w_at: Any, inputs: Any, out: Any, out_at: Any,
        out_stride: Any,
    ) -> Any:  # fmt: skip
        """out[r, c] += sum over k of x[r, k] w[k, c] for 4 rows r and all columns c of one panel.

        The arrays are contiguous and flat: ``_at`` is where the tile begins in each, ``_stride`` from row to row.
        """
        signature = types.void(
            x, types.intp, types.intp, w, types.intp, types.intp, out, types.intp, types.intp
        )  # fmt: skip

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def pointer(index: int) -> Any:
                return context.make_array(signature.args[index])(context, builder, arguments[index]).data

            _, x_at, x_stride, _, w_at, inputs, _, out_at, out_stride = arguments
            x, w, out = pointer(0), builder.gep(pointer(3), [w_at]), pointer(6)
            vector, narrow = ir.VectorType(number, lanes), ir.VectorType(ir.FloatType(), lanes)

            def constant(value: int) -> Any:
                return ir.Constant(x_at.type, value)

            def row(base: Any, at: Any, stride: Any, index: int) -> Any:
                return builder.gep(base, [builder.add(at, builder.mul(stride, constant(index)))])

            targets = [
                builder.bitcast(
                    builder.gep(row(out, out_at, out_stride, index), [constant(part * lanes)]), vector.as_pointer()
                )
                for index in range(ROWS)
                for part in range(_VECTORS)
            ]
            rows = [row(x, x_at, x_stride, index) for index in range(ROWS)]
            before = [builder.load(target, align=number_bytes) for target in targets]
            entry = builder.block
            loop, done = builder.append_basic_block("inputs"), builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(x_at.type)
            sums = [builder.phi(vector) for _ in targets]
            weights = []
            for part in range(_VECTORS):
                at = builder.add(builder.mul(k, constant(width)), constant(part * lanes))
                loaded = builder.load(builder.bitcast(builder.gep(w, [at]), narrow.as_pointer()), align=4)
                weights.append(loaded if number == ir.FloatType() else builder.fpext(loaded, vector))
            undefined = ir.Constant(vector, ir.Undefined)
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
            after = []
            for index in range(ROWS):
                value = builder.load(builder.gep(rows[index], [k]), align=number_bytes)
                first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
                spread = builder.shuffle_vector(first, undefined, zeros)
                for part in range(_VECTORS):
                    product = builder.fmul(spread, weights[part], flags=_CONTRACT)
                    after.append(builder.fadd(sums[index * _VECTORS + part], product, flags=_CONTRACT))
            following = builder.add(k, constant(1))
            k.add_incoming(constant(0), entry)
            k.add_incoming(following, loop)
            for total, old, new in zip(sums, before, after, strict=True):
                total.add_incoming(old, entry)
                total.add_incoming(new, loop)
            builder.cbranch(builder.icmp_signed("<", following, inputs), loop, done)
            builder.position_at_end(done)
            for target, total in zip(targets, after, strict=True):
                builder.store(total, target, align=number_bytes)
            return context.get_dummy_value()

        return signature, generate

    return tile


exact_tile = _tile(4, ir.DoubleType(), 8)
float_tile = _tile(8, ir.FloatType(), 4)
FLOAT_WIDTH = 16  # columns of a tile of float32
