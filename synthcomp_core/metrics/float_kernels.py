"""Single-precision arithmetic for compiled kernels: fused multiply-add, and roots and powers of a few operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from synthcomp_core.runtime import compiled

F = np.float32


@intrinsic  # type: ignore[misc]
def _bits(typing_context: Any, value: Any) -> Any:
    """A float32 as the int32 of the same bits."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), code


@intrinsic  # type: ignore[misc]
def _from_bits(typing_context: Any, value: Any) -> Any:
    """An int32 as the float32 of the same bits."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), code


@intrinsic  # type: ignore[misc]
def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c of float32, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


# Numba's types know nothing of how an intrinsic is called.
bits: Any = _bits
from_bits: Any = _from_bits
fma: Any = _fma


@compiled(fastmath=True, inline="always")
def cube_root(x: Any) -> Any:
    """The cube root of a positive float32, to 2e-7: a guess from the exponent and two of Halley's steps."""
    y = from_bits(np.int32(bits(x) // np.int32(3) + np.int32(0x2A5137A0)))
    cube = y * y * y
    y = y * (cube + x + x) / (cube + cube + x)
    cube = y * y * y
    return y * (cube + x + x) / (cube + cube + x)


@compiled(fastmath=True, inline="always")
def log2(x: Any) -> Any:
    """The logarithm to base 2 of a positive normal float32, to 2e-6: exponent plus the series of atanh."""
    pattern = bits(x)
    exponent = F((pattern >> np.int32(23)) - np.int32(127))
    mantissa = from_bits(np.int32((pattern & np.int32(0x7FFFFF)) | np.int32(0x3F800000)))
    above = mantissa > F(1.41421356)
    mantissa = mantissa * F(0.5) if above else mantissa
    exponent = exponent + F(1) if above else exponent
    s = (mantissa - F(1)) / (mantissa + F(1))
    q = s * s
    # 2 / ln 2 times 1, 1/3, 1/5, 1/7.
    return exponent + s * (F(2.8853901) + q * (F(0.96179669) + q * (F(0.57707802) + q * F(0.41219858))))


@compiled(fastmath=True, inline="always")
def exp2(x: Any) -> Any:
    """2 to the power of a float32 from -126 on, to 2e-7: Taylor's series around the nearest whole number."""
    x = max(x, F(-126))
    whole = np.floor(x + F(0.5))
    t = x - whole
    # (ln 2)^n / n!
    p = F(0.0096181291) + t * (F(0.0013333558) + t * F(0.00015403530))
    p = F(1) + t * (F(0.69314718) + t * (F(0.24022651) + t * (F(0.055504109) + t * p)))
    return p * from_bits(np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)))
