"""Tables as text: CSV for programs, Markdown and LaTeX for people. Every table of the project is written here."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Cell = str | float | None
Row = TypeVar("Row")

_FORMULA = ("=", "+", "-", "@")
MISSING, INFINITE = "–", "∞"
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "λ": r"$\lambda$",
    MISSING: "--",
    INFINITE: r"$\infty$",
}


@dataclass(frozen=True)
class TableColumn(Generic[Row]):
    """A column of a table whose rows are any kind of record. value: a row's text or number, None = not measured.

    decimals: with which numbers are shown; None for a column of text. higher_is_better: None if there is no better.
    signed: a plus before positive numbers. is_best: whether a row has the best value, if that is not simply the highest
    or lowest in the table.
    """

    heading: str
    value: Callable[[Row], Cell]
    decimals: int | None = None
    higher_is_better: bool | None = None
    signed: bool = False
    is_best: Callable[[Row], bool] | None = None

    def text(self, row: Row, *, thousands: str = ",") -> str:
        """A row's cell as people read it; a dash if it was not measured."""
        value = self.value(row)
        if value is None:
            return MISSING
        if isinstance(value, str):
            return value
        if value == math.inf:
            return INFINITE
        return f"{value:{'+' if self.signed else ''},.{self.decimals or 0}f}".replace(",", thousands)

    def best(self, rows: Sequence[Row]) -> set[int]:
        """The numbers of the rows with the best value; none if all are equal or fewer than two were measured."""
        if self.is_best is not None:
            return {number for number, row in enumerate(rows) if self.is_best(row)}
        values = self._numbers(rows)
        if self.higher_is_better is None or len(set(values.values())) < 2:
            return set()
        best = (max if self.higher_is_better else min)(values.values())
        return {number for number, value in values.items() if value == best}

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """The rows, best first, those not measured last; equal ones in their order."""
        values = self._numbers(rows)
        sign = -1.0 if self.higher_is_better else 1.0
        order = sorted(values, key=lambda number: sign * values[number])
        return [rows[number] for number in (*order, *(other for other in range(len(rows)) if other not in values))]

    def _numbers(self, rows: Sequence[Row]) -> dict[int, float]:
        """The measured values by the number of their row."""
        values = ((number, self.value(row)) for number, row in enumerate(rows))
        return {number: value for number, value in values if value is not None and not isinstance(value, str)}


def guarded(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula: after an apostrophe if it begins like one.

    >>> guarded("=1+1"), guarded("webp-q80"), guarded("-"), guarded("'=1")
    ("'=1+1", 'webp-q80', "'-", "''=1")
    """
    return f"'{text}" if text.lstrip("'")[:1] in _FORMULA and text[:1] in (*_FORMULA, "'") else text


def unguarded(text: str) -> str:
    """The inverse of :func:`guarded`.

    >>> all(unguarded(guarded(text)) == text for text in ("=1", "'=1", "''@", "a", "'a", "", "'", "+"))
    True
    """
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in _FORMULA else text


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, delimiter: str = ",") -> str:
    """Cells as CSV, one line per row below the headings, if any; unrounded, and empty where a cell is None."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if headings:
        writer.writerow(headings)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return guarded(" ".join(cell.split()))  # A row is one line, so that a torn row can be recognised.
    return str(int(cell)) if float(cell).is_integer() else repr(float(cell))


def csv_table(columns: Sequence[TableColumn[Row]], rows: Iterable[Row]) -> str:
    """The table as CSV, unrounded; empty = not measured."""
    return csv_text([column.heading for column in columns], ([column.value(row) for column in columns] for row in rows))


def markdown_table(columns: Sequence[TableColumn[Row]], rows: Sequence[Row]) -> str:
    """The table as Markdown, rounded, the best of each column in bold."""
    best = [column.best(rows) for column in columns]
    lines = [
        "| " + " | ".join(column.heading for column in columns) + " |",
        "| " + " | ".join("---" if column.decimals is None else "---:" for column in columns) + " |",
    ]
    for number, row in enumerate(rows):
        cells = []
        for column, of_column in zip(columns, best, strict=True):
            text = column.text(row)
            text = _MARKDOWN.sub(r"\\\1", text) if column.decimals is None else text
            cells.append(f"**{text}**" if number in of_column else text)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def latex_table(
    columns: Sequence[TableColumn[Row]], rows: Sequence[Row], *, caption: str | None = None, label: str = ""
) -> str:
    """The table as LaTeX in booktabs style, rounded, the best of each column in bold.

    With a caption it is a floating table with the label ``tab:LABEL``, without one it is the bare tabular.
    """
    best = [column.best(rows) for column in columns]
    lines = [
        rf"\begin{{tabular}}{{{''.join('l' if column.decimals is None else 'r' for column in columns)}}}",
        r"  \toprule",
        "  " + " & ".join(latex_escape(column.heading) for column in columns) + r" \\",
        r"  \midrule",
    ]
    for number, row in enumerate(rows):
        cells = []
        for column, of_column in zip(columns, best, strict=True):
            text = _latex_cell(column, row)
            cells.append(rf"\textbf{{{text}}}" if number in of_column else text)
        lines.append("  " + " & ".join(cells) + r" \\")
    lines += [r"  \bottomrule", r"\end{tabular}"]
    if caption is not None:
        lines = [
            r"\begin{table}[t]",
            r"  \centering",
            rf"  \caption{{{latex_escape(caption)}}}",
            rf"  \label{{tab:{re.sub('[^A-Za-z0-9]+', '-', label).strip('-')}}}",
            *(f"  {line}" for line in lines),
            r"\end{table}",
        ]
    return "\n".join([r"% needs \usepackage{booktabs}", *lines]) + "\n"


def _latex_cell(column: TableColumn[Row], row: Row) -> str:
    if column.decimals is None:
        return latex_escape(column.text(row))
    text = column.text(row, thousands=r"\,")
    # A hyphen is no minus.
    return _LATEX.get(text, text.replace("-", "$-$"))


def latex_escape(text: str) -> str:
    r"""``text`` with LaTeX's special characters written out, on one line.

    >>> latex_escape("50 % of a_b")
    '50 \\% of a\\_b'
    """
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
