"""Charts as PNG, with Pillow: candles as in China (red rises, green falls), the line of a day, the curve of an account.

Everything is placed by a :class:`Layout`, which is pure; drawing happens in one thread of its own. A picture is painted
at twice its size and scaled down, because Pillow's lines have hard edges.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from adapters.canvas import (
    DARK,
    FOOT,
    HEIGHT,
    LEFT,
    LIGHT,
    LOWER_FOOT,
    LOWER_TOP,
    RIGHT,
    ROOM,
    SMALL,
    TAG,
    TEXT,
    TITLE,
    TOP,
    WIDTH,
    Canvas,
    Palette,
    Taken,
    apart,
    at_edge,
    dates,
    legend,
    stretched,
    ticks,
)
from adapters.curves import draw_tracks
from adapters.fonts import INSTALL, Face, find
from core.charts import MINUTES, minute_of, place_of
from core.errors import Unavailable
from core.messages import Candle, Chart, ChartPeriod, Mark, Point
from core.types import from_milli, price_text

LOG: Final = logging.getLogger(__name__)

KEPT: Final = 1.0
"""Seconds for which a picture is kept: the same chart often goes to several chats at once."""
_NOTE: Final = 16
_WIDEST_SLOT: Final = 40.0
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
        return LEFT + (index + 0.5) * self.slot

    def y(self, price: float) -> float:
        return TOP + (self.high - price) / (self.high - self.low) * (FOOT - TOP)

    def volume_y(self, shares: int) -> float:
        return LOWER_FOOT - shares / self.most * (LOWER_FOOT - LOWER_TOP)

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
    low, high = stretched(min(prices, default=0), max(prices, default=0), [level.price for level in chart.levels])
    room = (high - low) * ROOM
    slot = min((RIGHT - LEFT) / max(len(shown), 1), _WIDEST_SLOT)
    return Layout(low - room, high + room, slot, max((candle.volume for candle in shown), default=0) or 1)


def _line_layout(chart: Chart) -> Layout:
    """The previous close is in the middle, as on every screen of the trade."""
    prices = [price for point in chart.points for price in (point.price, point.average) if price]
    prices += [mark.price for mark in chart.marks]
    middle = chart.preclose or chart.points[0].price
    far = max([abs(price - middle) for price in prices], default=0)
    low, high = stretched(middle - far, middle + far, [level.price for level in chart.levels])
    half = max(middle - low, high - middle) * (1 + ROOM)
    slot = (RIGHT - LEFT) / (MINUTES + 1)
    return Layout(middle - half, middle + half, slot, max(point.volume for point in chart.points) or 1)


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


def draw(chart: Chart, face: Face, palette: Palette) -> bytes:
    """A chart as PNG."""
    canvas = Canvas(face, palette)
    _head(canvas, chart, face, palette)
    if chart.tracks:
        draw_tracks(canvas, chart, palette, chinese=face.chinese)
        return canvas.png()
    layout = layout_of(chart)
    legend(canvas, _legend(chart, palette))
    tags = _grid(canvas, chart, layout, palette)
    if chart.points:
        _line(canvas, chart, layout, palette)
        _hours(canvas, layout, palette)
    else:
        _candles(canvas, chart.shown, layout, palette)
        _average_lines(canvas, chart, layout, palette)
        places = [(layout.x(index), candle.at) for index, candle in enumerate(chart.shown)]
        dates(canvas, places, palette, intraday=chart.period.intraday)
    label = volume_text(layout.most, chinese=face.chinese) if layout.most > 1 else ""
    canvas.text(RIGHT + 8, LOWER_TOP + 12, label, palette.faint, SMALL)
    lines = [layout.y(level.price) for level in chart.levels if layout.inside(level.price)]
    taken = Taken(_drawn(chart, layout), lines, reach=layout.slot / 2)
    marks = _mark_places(chart, layout)
    _level_lines(canvas, chart, layout, palette, tags, taken)
    _diamonds(canvas, [(x, y) for _mark, x, y in marks], palette, taken)
    _level_labels(canvas, chart, layout, palette, taken)
    for mark, x, y in marks:
        _mark_label(canvas, mark.label, x, y, palette, taken)
    return canvas.png()


def _head(canvas: Canvas, chart: Chart, face: Face, palette: Palette) -> None:
    title = chart.title if face.chinese else f"{chart.symbol} {_CODES.get(chart.period, chart.period.value)}"
    canvas.text(LEFT, 34, title, palette.ink, TITLE)
    room = WIDTH - 2 * LEFT - canvas.width(title, TITLE) - 24
    if canvas.width(chart.subtitle, TEXT) <= room:
        canvas.text(WIDTH - LEFT, 36, chart.subtitle, palette.faint, TEXT, "rm")
    if not face.chinese:
        canvas.text(LEFT, HEIGHT - 10, f"no Chinese font: {INSTALL}", palette.faint, _NOTE)


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


def _grid(canvas: Canvas, chart: Chart, layout: Layout, palette: Palette) -> list[float]:
    """Lines and prices in the margin, where no tag will stand; the tags' heights come back."""
    tags = apart([layout.y(level.price) for level in chart.levels if layout.inside(level.price)])
    last = chart.points[-1].price if chart.points else chart.shown[-1].close if chart.shown else None
    for price in ticks(layout.low, layout.high):
        y = layout.y(price)
        canvas.line([(LEFT, y), (RIGHT, y)], palette.grid)
        near = [*tags, layout.y(last)] if last is not None else tags
        if all(abs(y - tag) >= TAG for tag in near):
            canvas.text(RIGHT + 8, y, _price(price), palette.faint, SMALL)
    canvas.line([(LEFT, LOWER_FOOT), (RIGHT, LOWER_FOOT)], palette.grid)
    if last is not None and all(abs(layout.y(last) - tag) >= TAG for tag in tags):
        canvas.text(RIGHT + 8, layout.y(last), _price(last), _colour_of_last(chart, palette), SMALL)
    return tags


def _colour_of_last(chart: Chart, palette: Palette) -> str:
    if chart.points:
        before, last = chart.preclose or chart.points[0].price, chart.points[-1].price
    else:
        before, last = chart.shown[-1].open, chart.shown[-1].close
    return palette.faint if last == before else palette.up if last > before else palette.down


def _candles(canvas: Canvas, candles: Sequence[Candle], layout: Layout, palette: Palette) -> None:
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
            canvas.box(x - half, layout.volume_y(candle.volume), x + half, LOWER_FOOT, colour)


def _average_lines(canvas: Canvas, chart: Chart, layout: Layout, palette: Palette) -> None:
    for place, values in enumerate(_averages(chart)):
        points = [(layout.x(index), layout.y(value)) for index, value in enumerate(values) if value is not None]
        canvas.line(points, _average_colour(palette, place), 2)


def _line(canvas: Canvas, chart: Chart, layout: Layout, palette: Palette) -> None:
    if chart.preclose:
        canvas.dashed(LEFT, RIGHT, layout.y(chart.preclose), palette.faint)
    averages = [(layout.x(point.minute), layout.y(point.average)) for point in chart.points if point.average]
    canvas.line(averages, palette.averages[0], 2)
    canvas.line([(layout.x(point.minute), layout.y(point.price)) for point in chart.points], palette.ink, 2)
    first = chart.points[0]
    opening = Point(first.minute, chart.preclose or first.price, 0, 0)
    colour = palette.up
    for before, point in pairwise((opening, *chart.points)):
        if point.price != before.price:  # else it goes on as it was
            colour = palette.up if point.price > before.price else palette.down
        x = layout.x(point.minute)
        if point.volume > 0:
            canvas.box(x - 1.2, layout.volume_y(point.volume), x + 1.2, LOWER_FOOT, colour)
    last = chart.points[-1]
    canvas.dot(layout.x(last.minute), layout.y(last.price), palette.ink, palette.ground)


def _hours(canvas: Canvas, layout: Layout, palette: Palette) -> None:
    for minute, text, anchor in (
        (0, "9:30", "lm"), (60, "10:30", "mm"), (120, "11:30/13:00", "mm"), (180, "14:00", "mm"), (240, "15:00", "rm"),
    ):  # fmt: skip
        canvas.text(layout.x(minute), 630, text, palette.faint, SMALL, anchor)


def _level_lines(
    canvas: Canvas, chart: Chart, layout: Layout, palette: Palette, tags: Sequence[float], taken: Taken
) -> None:
    """Across the picture where it is inside; else said at the edge."""
    inside = [level for level in chart.levels if layout.inside(level.price)]
    for level, tag in zip(inside, tags, strict=True):
        canvas.dashed(LEFT, RIGHT, layout.y(level.price), palette.mark, 2)
        canvas.box(RIGHT + 2, tag - TAG / 2 + 1, WIDTH - 2, tag + TAG / 2 - 1, palette.mark, round_by=5)
        canvas.text(RIGHT + 8, tag, _price(level.price), palette.on_mark, SMALL)
    higher = [level for level in chart.levels if level.price > layout.high]
    lower = [level for level in chart.levels if level.price < layout.low]
    for outside, up in ((higher, True), (lower, False)):
        words = [f"{level.label} {_price(level.price)}" for level in outside]
        if words:
            taken.add(*at_edge(canvas, _fitting(canvas, words), palette.mark, FOOT, up=up))


def _fitting(canvas: Canvas, words: Sequence[str]) -> str:
    """As many of these as have room beside each other."""
    for count in range(len(words), 1, -1):
        text = " / ".join(words[:count]) + (f" 等 {len(words)} 条" if count < len(words) else "")
        if canvas.width(text, SMALL) <= RIGHT - LEFT - 22:
            return text
    return words[0]


def _level_labels(canvas: Canvas, chart: Chart, layout: Layout, palette: Palette, taken: Taken) -> None:
    """Above a line or below it, as far left as it covers nothing; the margin has the price of what finds no room."""
    for level in chart.levels:
        if not layout.inside(level.price):
            continue
        y, wide = layout.y(level.price), canvas.width(level.label, SMALL)
        lefts = range(LEFT + 4, RIGHT - round(wide), 12)
        _label(canvas, [(left, y + way) for way in (-15, 15) for left in lefts], level.label, palette, taken)


def _diamonds(canvas: Canvas, places: Sequence[tuple[float, float]], palette: Palette, taken: Taken) -> None:
    """At each price that is marked, in a ring of the ground."""
    for x, y in places:
        taken.add(x - 12, x + 12, y)
        for size, colour in ((12, palette.ground), (9, palette.mark)):
            canvas.shape([(x, y - size), (x + size, y), (x, y + size), (x - size, y)], colour)


def _mark_places(chart: Chart, layout: Layout) -> list[tuple[Mark, float, float]]:
    placed = []
    for mark in chart.marks:
        place = minute_of(datetime.fromtimestamp(mark.at, UTC)) if chart.points else place_of(chart, mark.at)
        if place is not None:
            placed.append((mark, layout.x(place), layout.y(mark.price)))
    return placed


def _mark_label(canvas: Canvas, label: str, x: float, y: float, palette: Palette, taken: Taken) -> None:
    wide = canvas.width(label, SMALL)
    middle = min(max(x - wide / 2, LEFT), RIGHT - wide)
    beside = [(left, y + way) for way in (0, -28, 28) for left in (x - 18 - wide, x + 18)]
    spots = [(middle, y - 28), (middle, y + 28), *beside, *((middle, y + way) for way in (-54, 54, -80, 80))]
    inside = [spot for spot in spots if TOP - 8 <= spot[1] <= FOOT + 8 and LEFT <= spot[0] <= RIGHT - wide]
    _label(canvas, inside, label, palette, taken)


def _label(canvas: Canvas, spots: Sequence[tuple[float, float]], label: str, palette: Palette, taken: Taken) -> None:
    """At the first of these spots that is clear; where none is, at the first where no other words are."""
    wide = canvas.width(label, SMALL)
    clear = (spot for spot in spots if taken.is_clear(spot[0], spot[0] + wide, spot[1]))
    free = (spot for spot in spots if taken.is_free(spot[0], spot[0] + wide, spot[1]))
    spot = next(clear, None) or next(free, None)
    if label and spot is not None:
        canvas.text(*spot, label, palette.mark, SMALL, halo=palette.ground)
        taken.add(spot[0] - 6, spot[0] + wide + 6, spot[1])


def _drawn(chart: Chart, layout: Layout) -> list[tuple[float, float, float]]:
    """Where the candles or the line are: x, top and foot of each."""
    if not chart.points:
        return [(layout.x(i), layout.y(one.high), layout.y(one.low)) for i, one in enumerate(chart.shown)]
    heights = [layout.y(point.price) for point in chart.points]
    pairs = zip([heights[0], *heights], heights, strict=False)
    return [(layout.x(point.minute), min(two), max(two)) for point, two in zip(chart.points, pairs, strict=True)]


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
