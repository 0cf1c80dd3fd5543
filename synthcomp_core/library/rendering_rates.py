"""The rates of images rendered elsewhere: the sizes of bitstreams beside them, or a CSV of names and bytes or bpp."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from synthcomp_core.library.thesis_names import reference_stem
from synthcomp_core.storage import read_file

BITSTREAMS = "bitstreams"
# Columns without case and punctuation.
_NAMES = ("name", "image", "file", "filename", "img", "picture", "frame")
_BYTES = ("bytes", "numbytes", "size", "filesize", "sizebytes")
_BPP = ("bpp", "bitsperpixel", "rate", "bitrate")
_MOST_BYTES, _MOST_BPP = 1e12, 1e4  # Beyond what any image was ever coded in
_MAX_CSV_BYTES = 2**24


@dataclass(frozen=True)
class Rates:
    """What is known of the rates of a folder of renderings. source: where it stands, for people; "" for nowhere.

    bitstreams, num_bytes, bpp: by the stems of the references, in one of the three. A bitstream's size is that of its
    file at the time it is asked for.
    """

    source: str = ""
    bitstreams: Mapping[str, Path] = field(default_factory=dict)
    num_bytes: Mapping[str, float] = field(default_factory=dict)
    bpp: Mapping[str, float] = field(default_factory=dict)

    def bytes_of(self, stem: str, *, pixels: int) -> int | None:
        """The bytes of one image of so many pixels; None where they are not known."""
        if stem in self.bitstreams:
            try:
                return self.bitstreams[stem].stat().st_size
            except OSError:
                return None
        if stem in self.num_bytes:
            return round(self.num_bytes[stem])
        return round(self.bpp[stem] * pixels / 8) if stem in self.bpp else None

    def text(self, stems: Sequence[str]) -> str:
        """Of how many images the rates are known and from where, for people."""
        known = sum(any(stem in rates for rates in (self.bitstreams, self.num_bytes, self.bpp)) for stem in stems)
        if not known:
            return "without rates, so they stay out of rate-distortion charts"
        return (
            f"rates from {self.source}"
            if known == len(stems)
            else (f"rates of {known} of {len(stems)} images from {self.source}")
        )


def read_rates(folder: Path) -> Rates:
    """The rates in a folder of renderings: of its folder ``bitstreams``, else of the first CSV that has any.

    A value that is no rate (negative, not finite, beyond any image's) counts as not known.
    """
    tables = sorted(folder.glob("*.csv"))
    bitstreams = folder / BITSTREAMS
    stamps = tuple(_modified(path) for path in (*tables, bitstreams))
    return _read(folder, stamps)


def _modified(path: Path) -> tuple[str, int]:
    try:
        return path.name, path.stat().st_mtime_ns
    except OSError:
        return path.name, 0


@lru_cache(maxsize=64)
def _read(folder: Path, stamps: tuple[tuple[str, int], ...]) -> Rates:
    bitstreams = folder / BITSTREAMS
    below = bitstreams.iterdir() if bitstreams.is_dir() else ()
    if files := [path for path in below if path.is_file() and not path.name.startswith(".")]:
        return Rates(BITSTREAMS, {reference_stem(path): path for path in sorted(files)})
    for path in sorted(folder.glob("*.csv")):
        rates = _of_table(path)
        if rates is not None:
            return rates
    return Rates()


def _of_table(path: Path) -> Rates | None:
    """The rates in a CSV; None where it is none, or has no column of names or of rates."""
    try:
        lines = read_file(path, max_bytes=_MAX_CSV_BYTES).decode("utf-8-sig").splitlines()
        delimiter = max(",;\t", key=lines[0].count) if lines else ","
        rows = list(csv.DictReader(lines, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    columns = {re.sub(r"[^a-z0-9]", "", str(name).lower()): name for name in (rows[0] if rows else {}) if name}
    name = next((columns[word] for word in _NAMES if word in columns), None)
    for words in (_BYTES, _BPP):
        rate = next((columns[word] for word in words if word in columns), None)
        if name is not None and rate is not None:
            most = _MOST_BYTES if words is _BYTES else _MOST_BPP
            found = dict(_values(rows, name, rate, most=most, decimal_comma=delimiter != ","))
            return Rates(path.name, num_bytes=found) if words is _BYTES else Rates(path.name, bpp=found)
    return None


def _values(
    rows: Sequence[Mapping[str, str | None]], name: str, rate: str, *, most: float, decimal_comma: bool
) -> Iterator[tuple[str, float]]:
    """(stem of the reference, rate) of the rows that have both, up to ``most``."""
    for row in rows:
        text = (row[rate] or "").strip()
        try:
            value = float(text.replace(",", ".") if decimal_comma else text)
        except ValueError:
            continue
        if row[name] and 0 < value <= most:
            yield reference_stem(Path(str(row[name]).strip())), value
