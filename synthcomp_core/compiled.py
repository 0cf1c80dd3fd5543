"""Loops compiled by numba: one decorator for all kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """numba.njit without the interpreter lock, with the machine code kept on disk where a cache folder is writable."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        except RuntimeError:  # numba found no writable cache folder: compile anew in every process
            return numba.njit(nogil=True, error_model="numpy", **options)(function)

    return decorate
