"""A table of alternatives: what each of them costs and what it gives, with bars behind the figures."""

from __future__ import annotations

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A text, and how long the bar behind it is: 0 to 1 of the cell, or None for no bar."""

    text: str
    share: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A titled table. `rows` are as long as `heads`; `chosen` is the number of the row that the panels show.

    words: the cells hold names, not figures, and may be broken where the pane is narrow.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chosen: int
    words: bool = False

    @property
    def text(self) -> str:
        """The table as plain text, the chosen row marked."""
        lines = [self.heads, *([cell.text for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        marks = ["  "] + ["> " if number == self.chosen else "  " for number in range(len(self.rows))]
        aligned = ("  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)) for line in lines)
        return "\n".join((mark + line).rstrip() for mark, line in zip(marks, aligned, strict=True))


def comparison_html(comparison: Comparison) -> str:
    """The table as markup."""
    heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in comparison.heads)
    rows = "".join(
        f"<tr{' class=chosen' * (number == comparison.chosen)}>{_row_html(row)}</tr>"
        for number, row in enumerate(comparison.rows)
    )
    caption = f"<caption>{html.escape(comparison.title)}</caption>"
    kind = "comparison words" if comparison.words else "comparison"
    return f'<table class="{kind}">{caption}<tr>{heads}</tr>{rows}</table>'


def _row_html(row: tuple[Cell, ...]) -> str:
    """The cells of a row. Dotted names, which stand in the first, may be broken after a dot."""
    name, *others = row
    return _cell_html(name, "<wbr>") + "".join(map(_cell_html, others))


def _cell_html(cell: Cell, after_dot: str = "") -> str:
    """One cell, its bar as a part of the background."""
    share = 0 if cell.share is None else 100 * min(max(cell.share, 0), 1)
    bar = f' style="background-size:{share:.1f}% 100%"' if cell.share is not None else ""
    return f"<td{bar}>{html.escape(cell.text).replace('.', '.' + after_dot)}</td>"
