"""What a viewer shows and where, as text: the `?view=` of a link, in the form that view.js reads and writes too."""

import math
import re
from dataclasses import dataclass
from urllib.parse import unquote

DEFAULT_URL_PARAM = "view"

MODES = ("single", "swipe", "grid", "flicker", "difference", "loupe")

_SEPARATOR = "~"


@dataclass(frozen=True)
class ViewState:
    """Mode, the pair of images by key ("" = the viewer's choice), zoom and centre.

    `zoom` is in device pixels per pixel of the reference; 0 fits the image into the view. `x` and `y` are the centre of
    the view as fractions of the image's width and height, 0 to 1.
    `str(state)` and `ViewState.parse` are inverse up to the digits kept (six for x and y).
    """

    mode: str = "swipe"
    left: str = ""
    right: str = ""
    zoom: float = 0.0
    x: float = 0.5
    y: float = 0.5

    def __str__(self) -> str:
        zoom = f"{self.zoom:g}" if self.zoom else "fit"
        fields = (self.mode, _escaped(self.left), _escaped(self.right), zoom, _short(self.x), _short(self.y))
        return _SEPARATOR.join(fields)

    @classmethod
    def parse(cls, text: str) -> "ViewState | None":
        """The view that `text` describes, or None if it describes none. Extra fields at the end are the browser's."""
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
        return cls(mode, unquote(left), unquote(right), numbers[0], min(numbers[1], 1.0), min(numbers[2], 1.0))


def _escaped(key: str) -> str:
    return re.sub("[%~]", lambda match: f"%{ord(match[0]):02X}", key)


def _short(fraction: float) -> str:
    return f"{fraction:.6f}".rstrip("0").rstrip(".")
