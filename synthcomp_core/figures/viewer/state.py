"""What a viewer shows and where, as text: the `?view=` of a link, in the form that view.js reads and writes too."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

DEFAULT_URL_PARAM = "view"

MODES = ("single", "swipe", "grid", "flicker", "difference", "loupe")

_SEPARATOR = "~"
_MAX_LABEL = 80  # characters of an overlay's label
_GAINS = ("1", "2", "4", "8", "16", "32", "64")


@dataclass(frozen=True)
class ViewState:
    """Mode, the pair of images by key ("" = the viewer's choice), zoom and centre.

    `zoom` is in device pixels per pixel of the reference; 0 fits the image into the view. `x` and `y` are the centre of
    the view as fractions of the image's width and height, 0 to 1. `extras` are names and values that only the browser
    works with: the divider's place, the overlay, its opacity, what a difference shows, the gain.
    `str(state)` and `ViewState.parse` are inverse up to the digits kept (six for x and y).
    """

    mode: str = "swipe"
    left: str = ""
    right: str = ""
    zoom: float = 0.0
    x: float = 0.5
    y: float = 0.5
    extras: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        zoom = f"{self.zoom:g}" if self.zoom else "fit"
        fields = (self.mode, _escaped(self.left), _escaped(self.right), zoom, _short(self.x), _short(self.y))
        extras = (f"{name}-{_escaped(value)}" for name, value in self.extras)
        return _SEPARATOR.join((*fields, *extras))

    @classmethod
    def parse(cls, text: str) -> "ViewState | None":
        """The view that `text` describes, or None if it describes none. Extras that make no sense are left out."""
        fields = text.split(_SEPARATOR)
        if len(fields) < 6 or fields[0] not in MODES:
            return None
        mode, left, right, zoom, x, y = fields[:6]
        try:
            numbers = [0.0 if zoom == "fit" else float(zoom), float(x), float(y)]
        except ValueError:
            return None
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            return None
        place = (numbers[0], min(numbers[1], 1.0), min(numbers[2], 1.0))
        return cls(mode, unquote(left), unquote(right), *place, _extras(fields[6:]))


def _extras(fields: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The names and values of fields "name-value", each name once, as far as the browser would take them."""
    pairs = (field.partition("-") for field in fields)
    known = {name: unquote(value) for name, _, value in pairs if _is_extra(name, unquote(value))}
    return tuple(known.items())


def _is_extra(name: str, value: str) -> bool:
    if name in ("split", "opacity"):
        return re.fullmatch(r"0(\.[0-9]{1,6})?|1", value) is not None
    if name in ("overlay", "kind"):
        return len(value) <= _MAX_LABEL and value.isprintable()
    return value in {"orient": ("v", "h"), "gain": _GAINS}.get(name, ())


def _escaped(key: str) -> str:
    return re.sub("[%~]", lambda match: f"%{ord(match[0]):02X}", key)


def _short(fraction: float) -> str:
    return f"{fraction:.6f}".rstrip("0").rstrip(".")
