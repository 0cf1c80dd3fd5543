"""The one exception family that crosses the edge of the core, and the signal that cancels work.

A message is one sentence for a person: what went wrong, where (the file or id), and what to do.
The command line prints it as a line, the app shows it with ``st.error``.
"""

import re

_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class SynthcompError(ValueError):
    """Anything a user can put right: a bad file, id, plan or table.

    Line breaks in the message are written out, since what it quotes may hold any.

    >>> str(SynthcompError("There is no file 'a\\nb'."))
    "There is no file 'a\\\\nb'."
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), message))


class ImageError(SynthcompError):
    """An image cannot be read, is too large, or has the wrong shape."""


class BitstreamError(SynthcompError):
    """A bitstream is truncated, damaged, foreign, or names an unknown snapshot."""


class SnapshotError(SynthcompError):
    """A snapshot or checkpoint is missing, damaged, or of an unknown architecture."""


class PlanError(SynthcompError):
    """A plan has an unknown key, a wrong type or a value out of range."""


class ResultsError(SynthcompError):
    """A results file has a missing column, a wrong value or a duplicate key."""


def reason_of(error: BaseException) -> str:
    """Why something failed, as a phrase: the system's words for an OSError, else the error's first line, or its type.

    A first line that ends with a colon is joined by the second.
    It has no control characters, no full stop at its end, and at most 200 characters.

    >>> reason_of(OSError(28, "Disk full", "a.png")), reason_of(ValueError("a.\\nb")), reason_of(KeyError())
    ('Disk full', 'a', 'KeyError')
    """
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    lines = _COLOURS.sub("", said).strip().splitlines()
    words = " ".join(line.strip() for line in lines[: 2 if lines and lines[0].endswith(":") else 1])
    line = "".join(letter for letter in words if letter.isprintable())
    return line[:200].rstrip(". ") or type(error).__name__


def sentence_of(error: SynthcompError | OSError) -> str:
    """What a person is told of an error: its own sentence, or which file the system could not read or write, and why.

    >>> sentence_of(PermissionError(13, "Permission denied", "a.png")), sentence_of(OSError(28, "No space left"))
    ('a.png cannot be read or written: Permission denied.', 'No space left.')
    """
    if isinstance(error, SynthcompError):
        return str(error)
    # A full disk, a missing folder, a file without permission
    where = "" if error.filename is None else f"{str(error.filename)[:300]} cannot be read or written: "
    return str(SynthcompError(f"{where}{reason_of(error)}."))


class Cancelled(Exception):
    """Raised from a progress callback to stop the work; not an error."""
