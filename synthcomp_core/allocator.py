"""How the C library's allocator treats freed memory."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h of glibc
_LARGEST, _PAD = (1 << 31) - 1, 1 << 28  # bytes


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for programs that ask for the same large arrays over and over.

    By default glibc gives arrays of megabytes back to the system and gets them again as empty pages, which costs a
    fault for every 4 KiB: a training step took 1.5 times as long. False where the C library is another one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, _LARGEST), (_M_TOP_PAD, _PAD))
    results = [mallopt(key, value) for key, value in settings]
    return all(result == 1 for result in results)
