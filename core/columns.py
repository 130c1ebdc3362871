"""A small table as lines of one width, for a phone: figures first and ranged right, what they are about last.

Names stand last because no two phones agree on how wide a Chinese character is beside a digit: with nothing but figures
before them, every column stands under its like wherever it is shown. A line is to have no more than :data:`WIDTH`
cells, a Chinese character counting two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 32
"""Cells that Telegram shows in a line of a phone held upright."""


def cells(text: str) -> int:
    """How wide a text is, in halves of a Chinese character.

    >>> cells("贵州茅台"), cells("+1.42%")
    (8, 6)
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, whose rows are of equal length; the last column is ranged left.

    >>> columns([("盈亏", "幅度", ""), ("+6,890", "+1.63%", "贵州茅台"), ("-7,000", "-6.67%", "比亚迪")])
    ['  盈亏    幅度', '+6,890  +1.63%  贵州茅台', '-7,000  -6.67%  比亚迪']
    """
    if not rows:
        return []
    widths = [max(cells(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    gap = "  " if sum(widths) + 2 * len(widths) + max(cells(row[-1]) for row in rows) <= WIDTH else " "
    lines = []
    for row in rows:
        figures = [" " * (width - cells(cell)) + cell for width, cell in zip(widths, row[:-1], strict=True)]
        lines.append(gap.join([*figures, row[-1]]).rstrip())
    return lines
