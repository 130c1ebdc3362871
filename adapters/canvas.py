"""What pictures are drawn on: sizes, colours, and a canvas in the coordinates of the finished picture."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from adapters.fonts import Face
from core.clock import market_time

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH: Final = 990
HEIGHT: Final = 660
FINE: Final = 2
COLOURS: Final = 128
"""Enough for a picture of a dozen colours and their edges, in a third of the bytes."""

TITLE: Final = 34
TEXT: Final = 24
SMALL: Final = 22
LEFT: Final = 20
RIGHT: Final = WIDTH - 116
TOP: Final = 108
FOOT: Final = 462
LOWER_TOP: Final = 486
LOWER_FOOT: Final = 606
TAG: Final = 30
"""Height of a price in the margin."""
LINE: Final = 24
"""Height of a line of small text."""
REACH: Final = 2.0
"""A level is inside the picture if that makes it no more than so many times as high."""
ROOM: Final = 0.07
"""Of the range, above and below."""


class Palette(NamedTuple):
    ground: str
    ink: str
    faint: str
    grid: str
    up: str
    down: str
    mark: str
    on_mark: str
    averages: tuple[str, ...]


LIGHT: Final = Palette(
    "#ffffff", "#1f2328", "#656d76", "#e4e7eb", "#e03131", "#0e9f5b", "#1f5eff", "#ffffff",
    ("#c58a00", "#8a4fd3", "#0b93b5", "#7a6a58"),
)  # fmt: skip
DARK: Final = Palette(
    "#14171c", "#e8eaed", "#9aa3ad", "#2b3038", "#ff5a52", "#2ebd74", "#5c9dff", "#0b1320",
    ("#ffd54f", "#c792ea", "#4dd0e1", "#c8b8a4"),
)  # fmt: skip


def mixed(ground: str, colour: str, share: float) -> str:
    """So much of a colour on a ground.

    >>> mixed("#ffffff", "#e03131", 0.5)
    '#f09898'
    """
    pairs = ((int(ground[at : at + 2], 16), int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def stretched(low: float, high: float, levels: Sequence[int], *, least: float | None = None) -> tuple[float, float]:
    """A range that takes in the levels near it, and is no smaller than ``least``: half a percent by default."""
    least = max(high * 0.005, 20.0) if least is None else least
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    most = (high - low) * REACH
    for level in sorted(levels, key=lambda price: max(price - high, low - price)):
        if max(high, level) - min(low, level) <= most:
            low, high = min(low, level), max(high, level)
    return low, high


def ticks(low: float, high: float, most: int = 6) -> list[int]:
    """Round prices (milli) within a range, at most so many.

    >>> ticks(1_396_000, 1_431_000)
    [1400000, 1410000, 1420000, 1430000]
    """
    step = 1
    while (high - low) / step > most:
        finer = step
        step = next((finer * factor for factor in (2, 5) if (high - low) / (finer * factor) <= most), finer * 10)
    first = math.ceil(low / step) * step
    return list(range(first, int(high) + 1, step))


def apart(heights: Sequence[float]) -> list[float]:
    """Heights of tags, moved down just so far that none covers another; in the order in which they were given."""
    placed: dict[int, float] = {}
    lowest = float("-inf")
    for index, height in sorted(enumerate(heights), key=lambda one: one[1]):
        lowest = placed[index] = max(height, lowest + TAG)
    return [placed[index] for index in range(len(heights))]


class Canvas:
    """A picture in the coordinates of the finished one."""

    def __init__(self, face: Face, palette: Palette) -> None:
        from PIL import Image, ImageDraw

        self._face = face
        self._image: Image.Image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), palette.ground)
        self._draw: ImageDraw.ImageDraw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        if len(points) > 1:
            self._draw.line([(x * FINE, y * FINE) for x, y in points], colour, round(width * FINE), joint="curve")

    def dashed(self, left: float, right: float, y: float, colour: str, width: float = 1.5) -> None:
        at = left
        while at < right:
            self.line([(at, y), (min(at + 9, right), y)], colour, width)
            at += 16

    def box(self, left: float, top: float, right: float, foot: float, colour: str, *, round_by: float = 0) -> None:
        """At least one pixel wide and high."""
        corners = [left * FINE, top * FINE, max(right * FINE - 1, left * FINE), max(foot * FINE - 1, top * FINE)]
        self._draw.rounded_rectangle(corners, round_by * FINE, fill=colour)

    def shape(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def dot(self, x: float, y: float, colour: str, ring: str) -> None:
        for size, fill in ((7, ring), (5, colour)):
            self._draw.ellipse([(x - size) * FINE, (y - size) * FINE, (x + size) * FINE, (y + size) * FINE], fill)

    def width(self, text: str, size: int) -> float:
        return self._face.font(size * FINE).getlength(self._face.clean(text)) / FINE

    def text(
        self, x: float, y: float, text: str, colour: str, size: int, anchor: str = "lm", *, halo: str | None = None
    ) -> None:
        """``y`` is the middle of the line; the anchor's first letter says which end ``x`` is.

        Args:
            halo: the colour around the characters, where they stand on something.
        """
        words = self._face.clean(text)
        if words:
            font, edge = self._face.font(size * FINE), 0 if halo is None else 3 * FINE
            self._draw.text((x * FINE, y * FINE), words, colour, font, anchor, stroke_width=edge, stroke_fill=halo)

    def png(self) -> bytes:
        from PIL.Image import Dither

        out = io.BytesIO()
        small = self._image.reduce(FINE)
        small.quantize(COLOURS, dither=Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


class Taken:
    """Where something is written or marked already: a label that would cover it goes elsewhere.

    Args:
        drawn: what had better not be covered either: x, top and foot of each, and ``reach`` to both its sides.
        lines: the same across the whole picture, by their heights.
    """

    def __init__(
        self, drawn: Sequence[tuple[float, float, float]] = (), lines: Sequence[float] = (), *, reach: float = 0.0
    ) -> None:
        self._spots: list[tuple[float, float, float]] = []
        self._drawn = drawn
        self._lines = lines
        self._reach = reach + 4

    def add(self, left: float, right: float, middle: float) -> None:
        self._spots.append((left, right, middle))

    def is_free(self, left: float, right: float, middle: float) -> bool:
        return all(abs(middle - at) >= LINE or left > end or right < start for start, end, at in self._spots)

    def is_clear(self, left: float, right: float, middle: float) -> bool:
        top, foot, reach = middle - LINE / 2, middle + LINE / 2, self._reach
        return (
            self.is_free(left, right, middle)
            and not any(top < line < foot for line in self._lines)
            and not any(left - reach < x < right + reach and high < foot and low > top for x, high, low in self._drawn)
        )


def legend(canvas: Canvas, words: Iterable[tuple[str, str]]) -> None:
    """What the lines are, each in its colour; what finds no room is left out."""
    x = float(LEFT)
    for text, colour in words:
        wide = canvas.width(text, TEXT)
        if x + wide > WIDTH:
            return
        canvas.text(x, 77, text, colour, TEXT)
        x += wide + 26


def at_edge(canvas: Canvas, words: str, colour: str, foot: float, *, up: bool) -> tuple[float, float, float]:
    """What lies above or below the panel, beside an arrow that points there; its left and right end, and its height."""
    y, tip = (TOP - 2.0, -7) if up else (foot + 10.0, 7)
    canvas.shape([(LEFT, y - tip), (LEFT + 14, y - tip), (LEFT + 7, y + tip)], colour)
    canvas.text(LEFT + 22, y, words, colour, SMALL)
    return LEFT, LEFT + 22 + canvas.width(words, SMALL), y


def dates(canvas: Canvas, places: Sequence[tuple[float, int]], palette: Palette, *, intraday: bool = False) -> None:
    """Days (with the time of day where they have several bars) below the picture, as many as fit.

    Args:
        places: where each is, and its Unix seconds.
    """
    edge = float(LEFT)
    span = places[-1][1] - places[0][1] if places else 0
    form = "%m-%d %H:%M" if intraday else "%Y-%m" if span > 500 * 86400 else "%y-%m-%d"
    wide = canvas.width("00-00 00:00" if intraday else "00-00-00", SMALL)
    for index, (x, seconds) in enumerate(places):
        left = x - wide / 2 if index else LEFT
        if left < edge or left + wide > RIGHT:
            continue
        at = market_time(datetime.fromtimestamp(seconds, UTC))
        canvas.text(left, 630, f"{at:{form}}", palette.faint, SMALL)
        edge = left + wide + 50
