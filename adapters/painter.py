"""Charts as PNG, with Pillow: candles as in China (red rises, green falls), or the line of a day.

Everything is placed by a :class:`Layout`, which is pure; drawing happens in one thread of its own. A picture is painted
at twice its size and scaled down, because Pillow's lines have hard edges.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from adapters.fonts import Face, find
from core.charts import MINUTES, minute_of, place_of
from core.clock import market_time
from core.errors import Unavailable
from core.messages import Candle, Chart, ChartPeriod, Point
from core.types import from_milli, price_text

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

LOG: Final = logging.getLogger(__name__)

WIDTH: Final = 990
HEIGHT: Final = 660
KEPT: Final = 1.0
"""Seconds for which a picture is kept: the same chart often goes to several chats at once."""
_FINE: Final = 2
_COLOURS: Final = 128
"""Enough for a picture of a dozen colours and their edges, in a third of the bytes."""

_TITLE: Final = 34
_TEXT: Final = 24
_SMALL: Final = 22
_LEFT: Final = 20
_RIGHT: Final = WIDTH - 116
_TOP: Final = 108
_FOOT: Final = 462
_VOLUME_TOP: Final = 486
_VOLUME_FOOT: Final = 606
_WIDEST_SLOT: Final = 40.0
_TAG: Final = 30
"""Height of a price in the margin."""
_LINE: Final = 24
"""Height of a line of small text."""
_REACH: Final = 2.0
"""A level is inside the picture if that makes it no more than so many times as high."""
_ROOM: Final = 0.07
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

# How the periods are called where no Chinese can be written.
_CODES: Final = {ChartPeriod.DAY: "1D", ChartPeriod.WEEK: "1W", ChartPeriod.MONTH: "1M", ChartPeriod.MINUTE: "today"}


# -- where things are


@dataclass(frozen=True)
class Layout:
    """Where a chart's prices and candles lie, in pixels of the finished picture.

    Attributes:
        low, high: milli at the foot and the top of the price panel.
        slot: pixels from one candle (or minute) to the next.
        most: shares of the highest volume; at least 1.
    """

    low: float
    high: float
    slot: float
    most: int

    def x(self, index: int) -> float:
        """The middle of a candle, or the end of a minute."""
        return _LEFT + (index + 0.5) * self.slot

    def y(self, price: float) -> float:
        return _TOP + (self.high - price) / (self.high - self.low) * (_FOOT - _TOP)

    def volume_y(self, shares: int) -> float:
        return _VOLUME_FOOT - shares / self.most * (_VOLUME_FOOT - _VOLUME_TOP)

    def inside(self, price: float) -> bool:
        return self.low <= price <= self.high


def layout_of(chart: Chart) -> Layout:
    """Place a chart. Never fails: no data and equal prices have a height too."""
    if chart.points:
        return _line_layout(chart)
    shown = chart.shown
    lines = [value for values in _averages(chart) for value in values if value is not None]
    prices = [*(candle.low for candle in shown), *(candle.high for candle in shown), *lines]
    prices += [mark.price for mark in chart.marks if place_of(chart, mark.at) is not None]
    low, high = _stretched(min(prices, default=0), max(prices, default=0), [level.price for level in chart.levels])
    room = (high - low) * _ROOM
    slot = min((_RIGHT - _LEFT) / max(len(shown), 1), _WIDEST_SLOT)
    return Layout(low - room, high + room, slot, max((candle.volume for candle in shown), default=0) or 1)


def _line_layout(chart: Chart) -> Layout:
    """The previous close is in the middle, as on every screen of the trade."""
    prices = [price for point in chart.points for price in (point.price, point.average) if price]
    prices += [mark.price for mark in chart.marks]
    middle = chart.preclose or chart.points[0].price
    far = max([abs(price - middle) for price in prices], default=0)
    low, high = _stretched(middle - far, middle + far, [level.price for level in chart.levels])
    half = max(middle - low, high - middle) * (1 + _ROOM)
    slot = (_RIGHT - _LEFT) / (MINUTES + 1)
    return Layout(middle - half, middle + half, slot, max(point.volume for point in chart.points) or 1)


def _stretched(low: float, high: float, levels: Sequence[int]) -> tuple[float, float]:
    least = max(high * 0.005, 20.0)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    most = (high - low) * _REACH
    for level in sorted(levels, key=lambda price: max(price - high, low - price)):
        if max(high, level) - min(low, level) <= most:
            low, high = min(low, level), max(high, level)
    return low, high


def _averages(chart: Chart) -> list[list[float | None]]:
    """Of the shown candles, one list per length; None where too few candles came before."""
    closes = [candle.close for candle in chart.candles]
    sums = [0]
    for close in closes:
        sums.append(sums[-1] + close)
    return [
        [
            (sums[end] - sums[end - length]) / length if end >= length else None
            for end in range(chart.lead + 1, len(closes) + 1)
        ]
        for length in chart.averages
        if length > 0
    ]


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


def volume_text(shares: int, *, chinese: bool) -> str:
    """Shares in lots (手) for people, or as a plain number.

    >>> volume_text(1_234_567_800, chinese=True), volume_text(45_600, chinese=True), volume_text(45_600, chinese=False)
    ('1234.6万手', '456手', '45.6K')
    """
    if chinese:
        lots = shares / 100
        return f"{lots / 10_000:.1f}万手" if lots >= 10_000 else f"{lots:.0f}手"
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")):
        if shares >= size:
            return f"{shares / size:.1f}{unit}"
    return str(shares)


# -- drawing


class _Canvas:
    """A picture in the coordinates of the finished one."""

    def __init__(self, face: Face, palette: Palette) -> None:
        from PIL import Image, ImageDraw

        self._face = face
        self._image: Image.Image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), palette.ground)
        self._draw: ImageDraw.ImageDraw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        if len(points) > 1:
            self._draw.line([(x * _FINE, y * _FINE) for x, y in points], colour, round(width * _FINE), joint="curve")

    def dashed(self, left: float, right: float, y: float, colour: str, width: float = 1.5) -> None:
        at = left
        while at < right:
            self.line([(at, y), (min(at + 9, right), y)], colour, width)
            at += 16

    def box(self, left: float, top: float, right: float, foot: float, colour: str, *, round_by: float = 0) -> None:
        """At least one pixel wide and high."""
        corners = [left * _FINE, top * _FINE, max(right * _FINE - 1, left * _FINE), max(foot * _FINE - 1, top * _FINE)]
        self._draw.rounded_rectangle(corners, round_by * _FINE, fill=colour)

    def shape(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * _FINE, y * _FINE) for x, y in points], colour)

    def width(self, text: str, size: int) -> float:
        return self._face.font(size * _FINE).getlength(self._face.clean(text)) / _FINE

    def text(
        self, x: float, y: float, text: str, colour: str, size: int, anchor: str = "lm", *, halo: str | None = None
    ) -> None:
        """``y`` is the middle of the line; the anchor's first letter says which end ``x`` is.

        Args:
            halo: the colour around the characters, where they stand on something.
        """
        words = self._face.clean(text)
        if words:
            font, edge = self._face.font(size * _FINE), 0 if halo is None else 3 * _FINE
            self._draw.text((x * _FINE, y * _FINE), words, colour, font, anchor, stroke_width=edge, stroke_fill=halo)

    def png(self) -> bytes:
        from PIL.Image import Dither

        out = io.BytesIO()
        small = self._image.reduce(_FINE)
        small.quantize(_COLOURS, dither=Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def draw(chart: Chart, face: Face, palette: Palette) -> bytes:
    """A chart as PNG."""
    canvas, layout = _Canvas(face, palette), layout_of(chart)
    _head(canvas, chart, face, palette)
    tags = _grid(canvas, chart, layout, palette)
    if chart.points:
        _line(canvas, chart, layout, palette)
        _hours(canvas, layout, palette)
    else:
        _candles(canvas, chart.shown, layout, palette)
        _average_lines(canvas, chart, layout, palette)
        _dates(canvas, chart, layout, palette)
    label = volume_text(layout.most, chinese=face.chinese) if layout.most > 1 else ""
    canvas.text(_RIGHT + 8, _VOLUME_TOP + 12, label, palette.faint, _SMALL)
    taken = _Taken()
    _levels(canvas, chart, layout, palette, tags, taken)
    _marks(canvas, chart, layout, palette, taken)
    return canvas.png()


def _head(canvas: _Canvas, chart: Chart, face: Face, palette: Palette) -> None:
    title = chart.title if face.chinese else f"{chart.symbol} {_CODES.get(chart.period, chart.period.value)}"
    canvas.text(_LEFT, 34, title, palette.ink, _TITLE)
    room = WIDTH - 2 * _LEFT - canvas.width(title, _TITLE) - 24
    if canvas.width(chart.subtitle, _TEXT) <= room:
        canvas.text(WIDTH - _LEFT, 36, chart.subtitle, palette.faint, _TEXT, "rm")
    x = float(_LEFT)
    for words, colour in _legend(chart, palette):
        canvas.text(x, 80, words, colour, _TEXT)
        x += canvas.width(words, _TEXT) + 26


def _legend(chart: Chart, palette: Palette) -> Iterator[tuple[str, str]]:
    if chart.points:
        last = chart.points[-1]
        yield f"价 {_price(last.price)}", palette.ink
        if last.average:
            yield f"均价 {_mean(last.average, [point.price for point in chart.points])}", palette.averages[0]
        if chart.preclose:
            yield f"昨收 {_price(chart.preclose)}", palette.faint
        return
    lengths = [length for length in chart.averages if length > 0]
    for place, (length, values) in enumerate(zip(lengths, _averages(chart), strict=True)):
        if values and values[-1] is not None:
            mean = _mean(values[-1], [candle.close for candle in chart.shown])
            yield f"MA{length} {mean}", _average_colour(palette, place)


def _average_colour(palette: Palette, place: int) -> str:
    return palette.averages[place % len(palette.averages)]


def _price(milli: float) -> str:
    return price_text(from_milli(round(milli)))


def _mean(milli: float, prices: Sequence[int]) -> str:
    """An average, as fine as the prices are and no finer."""
    grain = 10 if all(price % 10 == 0 for price in prices) else 1
    return _price(round(milli / grain) * grain)


def _grid(canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette) -> list[float]:
    """Lines and prices in the margin, where no tag will stand; the tags' heights come back."""
    tags = _apart([layout.y(level.price) for level in chart.levels if layout.inside(level.price)])
    last = chart.points[-1].price if chart.points else chart.shown[-1].close if chart.shown else None
    for price in ticks(layout.low, layout.high):
        y = layout.y(price)
        canvas.line([(_LEFT, y), (_RIGHT, y)], palette.grid)
        near = [*tags, layout.y(last)] if last is not None else tags
        if all(abs(y - tag) >= _TAG for tag in near):
            canvas.text(_RIGHT + 8, y, _price(price), palette.faint, _SMALL)
    canvas.line([(_LEFT, _VOLUME_FOOT), (_RIGHT, _VOLUME_FOOT)], palette.grid)
    if last is not None and all(abs(layout.y(last) - tag) >= _TAG for tag in tags):
        canvas.text(_RIGHT + 8, layout.y(last), _price(last), _colour_of_last(chart, palette), _SMALL)
    return tags


def _colour_of_last(chart: Chart, palette: Palette) -> str:
    if chart.points:
        rises = chart.points[-1].price >= (chart.preclose or chart.points[0].price)
    else:
        rises = chart.shown[-1].close >= chart.shown[-1].open
    return palette.up if rises else palette.down


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of tags, moved down just so far that none covers another; in the order in which they were given."""
    placed: dict[int, float] = {}
    lowest = float("-inf")
    for index, height in sorted(enumerate(heights), key=lambda one: one[1]):
        lowest = placed[index] = max(height, lowest + _TAG)
    return [placed[index] for index in range(len(heights))]


def _candles(canvas: _Canvas, candles: Sequence[Candle], layout: Layout, palette: Palette) -> None:
    half = max(layout.slot * 0.35, 0.5)
    before: int | None = None
    for index, candle in enumerate(candles):
        x = layout.x(index)
        # One that closes where it opened has the colour of the way from the candle before.
        start = candle.open if candle.close != candle.open or before is None else before
        colour = palette.up if candle.close >= start else palette.down
        before = candle.close
        canvas.line([(x, layout.y(candle.high)), (x, layout.y(candle.low))], colour)
        top, foot = layout.y(max(candle.open, candle.close)), layout.y(min(candle.open, candle.close))
        canvas.box(x - half, top - 0.75, x + half, foot + 0.75, colour)
        if candle.volume > 0:
            canvas.box(x - half, layout.volume_y(candle.volume), x + half, _VOLUME_FOOT, colour)


def _average_lines(canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette) -> None:
    for place, values in enumerate(_averages(chart)):
        points = [(layout.x(index), layout.y(value)) for index, value in enumerate(values) if value is not None]
        canvas.line(points, _average_colour(palette, place), 2)


def _line(canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette) -> None:
    if chart.preclose:
        canvas.dashed(_LEFT, _RIGHT, layout.y(chart.preclose), palette.faint)
    averages = [(layout.x(point.minute), layout.y(point.average)) for point in chart.points if point.average]
    canvas.line(averages, palette.averages[0], 2)
    canvas.line([(layout.x(point.minute), layout.y(point.price)) for point in chart.points], palette.ink, 2)
    first = chart.points[0]
    opening = Point(first.minute, chart.preclose or first.price, 0, 0)
    for before, point in pairwise((opening, *chart.points)):
        colour = palette.up if point.price >= before.price else palette.down
        x = layout.x(point.minute)
        if point.volume > 0:
            canvas.box(x - 1.2, layout.volume_y(point.volume), x + 1.2, _VOLUME_FOOT, colour)


def _hours(canvas: _Canvas, layout: Layout, palette: Palette) -> None:
    for minute, text, anchor in (
        (0, "9:30", "lm"), (60, "10:30", "mm"), (120, "11:30/13:00", "mm"), (180, "14:00", "mm"), (240, "15:00", "rm"),
    ):  # fmt: skip
        canvas.text(layout.x(minute), 630, text, palette.faint, _SMALL, anchor)


def _dates(canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette) -> None:
    shown = chart.shown
    edge = float(_LEFT)
    span = shown[-1].at - shown[0].at if shown else 0
    form = "%m-%d %H:%M" if chart.period.intraday else "%Y-%m" if span > 500 * 86400 else "%y-%m-%d"
    wide = canvas.width("00-00 00:00" if chart.period.intraday else "00-00-00", _SMALL)
    for index, candle in enumerate(shown):
        left = layout.x(index) - wide / 2
        if index == 0:
            left = _LEFT
        if left < edge or left + wide > _RIGHT:
            continue
        at = market_time(datetime.fromtimestamp(candle.at, UTC))
        canvas.text(left, 630, f"{at:{form}}", palette.faint, _SMALL)
        edge = left + wide + 50


class _Taken:
    """Where something is written or marked already: a label that would cover it goes elsewhere."""

    def __init__(self) -> None:
        self._spots: list[tuple[float, float, float]] = []

    def add(self, left: float, right: float, middle: float) -> None:
        self._spots.append((left, right, middle))

    def is_free(self, left: float, right: float, middle: float) -> bool:
        return all(abs(middle - at) >= _LINE or left > end or right < start for start, end, at in self._spots)


def _levels(
    canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette, tags: Sequence[float], taken: _Taken
) -> None:
    inside = [level for level in chart.levels if layout.inside(level.price)]
    for level, tag in zip(inside, tags, strict=True):
        y = layout.y(level.price)
        canvas.dashed(_LEFT, _RIGHT, y, palette.mark, 2)
        canvas.box(_RIGHT + 2, tag - _TAG / 2 + 1, WIDTH - 2, tag + _TAG / 2 - 1, palette.mark, round_by=5)
        canvas.text(_RIGHT + 8, tag, _price(level.price), palette.on_mark, _SMALL)
    for level in inside:
        # Side by side where levels are near each other; what finds no room is known by its price in the margin.
        wide, middle = canvas.width(level.label, _SMALL), layout.y(level.price) - 15
        for left in range(_LEFT + 4, _RIGHT - round(wide), 12):
            if taken.is_free(left, left + wide, middle):
                canvas.text(left, middle, level.label, palette.mark, _SMALL, halo=palette.ground)
                taken.add(left, left + wide + 12, middle)
                break
    higher = [level for level in chart.levels if level.price > layout.high]
    lower = [level for level in chart.levels if level.price < layout.low]
    for outside, y, up in ((higher, _TOP - 2.0, -7), (lower, _FOOT + 10.0, 7)):
        if not outside:
            continue
        canvas.shape([(_LEFT, y - up), (_LEFT + 14, y - up), (_LEFT + 7, y + up)], palette.mark)
        words = " / ".join(f"{level.label} {_price(level.price)}" for level in outside)
        canvas.text(_LEFT + 22, y, words, palette.mark, _SMALL)


def _marks(canvas: _Canvas, chart: Chart, layout: Layout, palette: Palette, taken: _Taken) -> None:
    """A diamond at each price, in a ring of the ground; its label where nothing else is."""
    placed: list[tuple[float, float, str]] = []
    for mark in chart.marks:
        place = minute_of(datetime.fromtimestamp(mark.at, UTC)) if chart.points else place_of(chart, mark.at)
        if place is not None:
            placed.append((layout.x(place), layout.y(mark.price), mark.label))
    for x, y, _ in placed:
        taken.add(x - 12, x + 12, y)
        for size, colour in ((12, palette.ground), (9, palette.mark)):
            canvas.shape([(x, y - size), (x + size, y), (x, y + size), (x - size, y)], colour)
    for x, y, label in placed:
        wide = canvas.width(label, _SMALL)
        left = min(max(x - wide / 2, _LEFT), _RIGHT - wide)
        for middle in (y - 28, y + 28, y - 54, y + 54):
            if _TOP - 8 <= middle <= _FOOT + 8 and taken.is_free(left, left + wide, middle):
                canvas.text(left, middle, label, palette.mark, _SMALL, halo=palette.ground)
                taken.add(left - 6, left + wide + 6, middle)
                break


# -- the painter


class PillowPainter:
    """Paints in a thread of its own, one picture after the other."""

    def __init__(self, face: Face, *, dark: bool, monotonic: Callable[[], float]) -> None:
        self._face = face
        self._dark = dark
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(1, "painter")
        self._kept: dict[Chart, tuple[float, asyncio.Future[bytes]]] = {}

    async def paint(self, chart: Chart) -> bytes:
        now = self._monotonic()
        self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < KEPT or not kept[1].done()}
        if chart not in self._kept:
            dark = self._dark if chart.dark is None else chart.dark
            palette = DARK if dark else LIGHT
            painting = asyncio.get_running_loop().run_in_executor(self._thread, draw, chart, self._face, palette)
            self._kept[chart] = now, painting
        try:
            # Whoever gives up must not take the picture from the others who wait for it.
            return await asyncio.shield(self._kept[chart][1])
        except (OSError, MemoryError) as error:
            self._kept.pop(chart, None)
            LOG.warning("%s: %s", chart.title, error)
            raise Unavailable("画图", f"画不出来（{type(error).__name__}）") from error

    def describe(self) -> str:
        return f"图上的字体：{self._face.describe()}"

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def connect(
    *, dark: bool = False, face: Face | None = None, monotonic: Callable[[], float] = time.monotonic
) -> PillowPainter:
    """A painter with the best font that this computer has.

    Args:
        dark: what pictures look like that do not say it themselves.
        face: instead of looking for one.
    """
    return PillowPainter(face or find(), dark=dark, monotonic=monotonic)
