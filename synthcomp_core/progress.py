"""The progress callback that everything taking over a second accepts.

``on_progress(fraction, stage)``: fraction in [0, 1] of the whole call, stage a short phrase such as
"entropy coding". Raise :class:`synthcomp_core.errors.Cancelled` from it to stop the work.
"""

from collections.abc import Callable

OnProgress = Callable[[float, str], None]


def silent(fraction: float, stage: str) -> None:
    """The callback that reports to nobody."""


def span(on_progress: OnProgress, start: float, stop: float) -> OnProgress:
    """A callback whose [0, 1] is the [start, stop] part of ``on_progress``.

    >>> second_half = span(lambda fraction, stage: print(f"{fraction:.0%} {stage}"), 0.5, 1.0)
    >>> second_half(0.5, "decoding")
    75% decoding
    """

    def report(fraction: float, stage: str) -> None:
        on_progress(start + (stop - start) * fraction, stage)

    return report


def plural(number: float, noun: str) -> str:
    """A noun as it stands behind a number.

    >>> plural(1, "task"), plural(0, "task"), plural(0.5, "stop")
    ('task', 'tasks', 'stops')
    """
    return f"{noun}{'s' * (number != 1)}"


def counted(number: int, noun: str) -> str:
    """How many of something, for people.

    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1200 images')
    """
    return f"{number} {plural(number, noun)}"


def duration(seconds: float) -> str:
    """Seconds as people say them: "40 s", "12 min", "3.5 h", "3 days".

    >>> duration(40), duration(750), duration(12600)
    ('40 s', '12 min', '3.5 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
