"""What decoders print of a damaged file beside the error that they raise: left out, since the error's sentence says it.

Where a library has a switch, it is set once for the process. OpenEXR has none: what its binding prints through Python
is left out for the thread that decodes; what its C code writes to standard error, on the command line alone, since only
there nothing else of the process needs the descriptor (a server writes its log to it, in any thread).
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TextIO

import PIL

_TIFF_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
_STDERR = 2
_one_at_a_time = threading.Lock()
_owns_stderr = threading.Event()


@cache
def quiet_decoders() -> None:
    """Let Pillow and imagecodecs log nothing where nobody asked for a log, and the libtiff in Pillow's wheel print
    nothing.

    A Pillow that was built in another way, with its libtiff elsewhere, goes on printing.
    """
    for name in ("PIL", "imagecodecs"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    for path in _libtiffs():
        try:
            library = ctypes.CDLL(str(path))  # the one that is loaded already
            for name in _TIFF_HANDLERS:
                handler = getattr(library, name)
                handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
                handler(None)  # "messages are suppressed" (libtiff, TIFFError.3)
        except (OSError, AttributeError):
            continue


def own_stderr() -> None:
    """Say that Python alone writes to standard error in this process, which from now on it does by another descriptor.

    Nothing happens where standard error is not this process's own, as in tests.
    """
    stream = sys.__stderr__
    if stream is None or sys.stderr is not stream or _owns_stderr.is_set():
        return
    try:
        if stream.fileno() != _STDERR:
            return
        own = os.dup(_STDERR)
    except (OSError, ValueError):  # It is closed.
        return
    sys.stderr = os.fdopen(own, "w", buffering=1, encoding=stream.encoding, errors="backslashreplace")
    _owns_stderr.set()


@contextmanager
def quiet_openexr() -> Iterator[None]:
    """Leave out what OpenEXR prints in this block, in this thread; one block at a time."""
    with _one_at_a_time:
        before = sys.stdout
        sys.stdout = _ForOthers(before)
        saved = _without_stderr() if _owns_stderr.is_set() else None
        try:
            yield
        finally:
            sys.stdout = before
            if saved is not None:
                os.dup2(saved, _STDERR)
                os.close(saved)


def _without_stderr() -> int:
    saved, nothing = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _STDERR)
    os.close(nothing)
    return saved


class _ForOthers(io.TextIOBase):
    """A stream that leaves out what the thread that made it writes, and passes on what others do."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._muted = stream, threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._muted else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()


def _libtiffs() -> list[Path]:
    package = Path(PIL.__file__).parent
    folders = (package.parent / "pillow.libs", package / ".dylibs")  # of the wheels for Linux and macOS
    return [path for folder in folders for path in sorted(folder.glob("libtiff*"))]
