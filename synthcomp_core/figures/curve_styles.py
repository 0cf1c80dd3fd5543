"""How each curve of a rate-distortion chart looks: colour, dash and marker, so that no two curves look alike.

The colour says the codec. The dash says the data set, or, on a chart of one data set, the resolution that was coded;
published curves are dashed. The marker says what else differs, such as the training set, and is open where the images
were upscaled.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from synthcomp_core.figures.palette import codec_colour
from synthcomp_core.results.curves import RDCurve

# plotly's names. REFERENCE_DASH is for published curves alone.
DASHES = ("solid", "dot", "longdash", "dashdot", "longdashdot")
REFERENCE_DASH = "dash"
SYMBOLS = (
    *("circle", "diamond", "square", "triangle-up", "cross", "star", "triangle-down", "hexagon"),
    *("pentagon", "x", "bowtie", "hourglass", "star-diamond", "triangle-left", "triangle-right"),
)
_OPEN = "-open"
CurveKey = tuple[str, str]


@dataclass(frozen=True)
class CurveStyle:
    """colour: "#RRGGBB"; dash and symbol: by plotly's names, the symbol ending in "-open" for upscaled images."""

    colour: str
    dash: str
    symbol: str

    @property
    def is_open(self) -> bool:
        """Whether the marker is an outline."""
        return self.symbol.endswith(_OPEN)

    @property
    def shape(self) -> str:
        """The marker's shape, one of SYMBOLS."""
        return self.symbol.removesuffix(_OPEN)


def curve_key(curve: RDCurve) -> CurveKey:
    """What names a curve among those of a chart: its data set and its name."""
    return curve.dataset, curve.name


def curve_styles(curves: Sequence[RDCurve], references: Sequence[RDCurve] = ()) -> dict[CurveKey, CurveStyle]:
    """The style of every curve, by :func:`curve_key`; ``references`` are those to be dashed.

    All styles differ, as long as a colour has at most 75 curves whose images were upscaled, 75 whose were not, and 15
    of either among the references.
    """
    shown = [*curves, *references]
    several = len({curve.dataset for curve in shown}) > 1
    dash_numbers: dict[Hashable, int] = {}
    symbol_numbers: dict[str, dict[str, int]] = {}
    styles: dict[CurveKey, CurveStyle] = {}
    taken: set[CurveStyle] = set()
    for curve in shown:
        colour = codec_colour(curve.codec)
        is_reference = any(curve is reference for reference in references)
        of_colour = symbol_numbers.setdefault(colour, {})
        first_symbol = of_colour.setdefault(curve.name, len(of_colour))
        place: Hashable = curve.dataset if several else (curve.scale, curve.upscaler)
        first_dash = 0 if is_reference else dash_numbers.setdefault(place, len(dash_numbers))
        dashes = (REFERENCE_DASH,) if is_reference else DASHES
        suffix = "" if curve.scale is None else _OPEN
        for dash, symbol in itertools.product(range(len(dashes)), range(len(SYMBOLS))):
            style = CurveStyle(
                colour,
                dashes[(first_dash + dash) % len(dashes)],
                SYMBOLS[(first_symbol + symbol) % len(SYMBOLS)] + suffix,
            )
            if style not in taken:
                break
        taken.add(style)
        styles[curve_key(curve)] = style
    return styles
