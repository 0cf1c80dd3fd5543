"""The colours of charts and figures, told apart by colour-blind readers too; a codec has the same one everywhere."""

from __future__ import annotations

import zlib

# Okabe and Ito 2008, "Color universal design".
ORANGE, SKY_BLUE, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
GREY = "#999999"
NEUTRAL = "#F7F7F7"  # Between FEWER_BITS and MORE_BITS.
FEWER_BITS, MORE_BITS = BLUE, VERMILION

# Okabe and Ito's for the codecs met most, Tol's muted scheme for the others.
CODEC_COLOURS: dict[str, str] = {
    "jpeg": VERMILION,
    "webp": ORANGE,
    "avif": GREEN,
    "jxl": SKY_BLUE,
    "jpeg2000": PURPLE,
    "png": GREY,
    "none": "#777777",
    "mbt2018": BLUE,
    "mbt2018-mean": "#332288",
    "bmshj2018-hyperprior": "#44AA99",
    "bmshj2018-factorized": "#999933",
    "cheng2020-anchor": "#882255",
    "cheng2020-attn": "#AA4499",
    "vtm": "#5D5D5D",
    "bpg": "#661100",
    "hm": "#997700",
    "av1": "#117733",
}
_OTHER_CODECS = ("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#882255", "#44AA99", "#999933", "#AA4499")


def codec_colour(codec: str) -> str:
    """The codec's colour as "#RRGGBB", the same in every chart; unknown codecs get one by their name."""
    fitting = [name for name in CODEC_COLOURS if codec == name or codec.startswith(f"{name}-")]
    if fitting:
        return CODEC_COLOURS[max(fitting, key=len)]
    return _OTHER_CODECS[zlib.crc32(codec.encode()) % len(_OTHER_CODECS)]


def see_through(colour: str, opacity: float) -> str:
    """A colour "#RRGGBB" as CSS "rgba(...)" of an opacity in 0..1.

    >>> see_through(BLUE, 0.5)
    'rgba(0,114,178,0.50)'
    """
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.2f})"
