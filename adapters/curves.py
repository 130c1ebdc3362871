"""The curve of an account: what it was worth above what was put in, and each day's gain; or how several have grown.

What was gained is red and what was lost is green, as in everything that is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Final

from adapters.canvas import (
    FOOT,
    LEFT,
    LOWER_FOOT,
    LOWER_TOP,
    RIGHT,
    ROOM,
    SMALL,
    TAG,
    TOP,
    Canvas,
    Palette,
    at_edge,
    dates,
    legend,
    mixed,
    stretched,
    ticks,
)
from core.messages import Chart, Day, Track

_WAN: Final = 10_000_000
"""Ten thousand yuan in thousandths."""
_LEAST: Final = 200.0
"""A fifth of a percent, in thousandths: what is compared is not blown up beyond that."""
_TINT: Final = 0.16


@dataclass(frozen=True)
class CurveLayout:
    """Where the days of accounts lie, in pixels of the finished picture.

    Attributes:
        low, high: at the foot and the top of the upper panel: thousandths of a yuan, or of a percent where several
            accounts are compared.
        foot: where the upper panel ends.
        slot: pixels from one trading day to the next.
        worst, best: the lowest and the highest gain of a day; zero is between them.
    """

    low: float
    high: float
    foot: float
    slot: float
    worst: int
    best: int

    def x(self, place: int) -> float:
        return LEFT + (place + 0.5) * self.slot

    def y(self, value: float) -> float:
        """Never outside of the panel."""
        share = (self.high - value) / (self.high - self.low)
        return TOP + min(max(share, 0.0), 1.0) * (self.foot - TOP)

    def gain_y(self, gain: int) -> float:
        return LOWER_TOP + (self.best - gain) / ((self.best - self.worst) or 1) * (LOWER_FOOT - LOWER_TOP)

    def inside(self, value: float) -> bool:
        return self.low <= value <= self.high


def curve_layout(chart: Chart) -> CurveLayout:
    """Place the curve of accounts, of which there is at least one with a day."""
    days = [day for track in chart.tracks for day in track.days]
    slot = (RIGHT - LEFT) / (max(day.place for day in days) + 1)
    if len(chart.tracks) > 1:
        grown = [day.grown for day in days]
        low, high = stretched(min(grown), max(grown), [0], least=_LEAST)
        foot: float = LOWER_FOOT
    else:
        worths = [day.worth for day in days]
        low, high = stretched(min(worths), max(worths), sorted({day.paid_in for day in days}))
        foot = FOOT
    room = (high - low) * ROOM
    gains = [day.gain for day in days]
    return CurveLayout(low - room, high + room, foot, slot, min(0, *gains), max(0, *gains))


def yuan_text(milli: float, *, chinese: bool, sign: bool = False) -> str:
    """Yuan, in 万 from a hundred thousand on, as short as it is exact to four places.

    >>> yuan_text(1_184_331_210, chinese=True), yuan_text(-2_153_410, chinese=True, sign=True)
    ('118.4331万', '-2153')
    >>> yuan_text(1_184_331_210, chinese=False), yuan_text(500_000, chinese=False, sign=True)
    ('1184331', '+500')
    """
    plus = "+" if sign else ""
    if chinese and abs(milli) >= 10 * _WAN:
        text = format(Decimal(round(milli / _WAN * 10_000)) / 10_000, f"{plus}.4f")
        return f"{text.rstrip('0').rstrip('.')}万"
    return format(round(milli / 1000), f"{plus}d")


def _short(milli: int, *, chinese: bool, sign: bool = False) -> str:
    """The same to a hundred yuan, for the legend."""
    return yuan_text(round(milli, -5) if abs(milli) >= 10 * _WAN else milli, chinese=chinese, sign=sign)


def percent_of(thousandths: int) -> str:
    """A percentage in thousandths, with its sign.

    >>> percent_of(-5230), percent_of(0)
    ('-5.23%', '+0.00%')
    """
    return f"{Decimal(thousandths) / 1000:+.2f}%"


def draw_tracks(canvas: Canvas, chart: Chart, palette: Palette, *, chinese: bool) -> None:
    """Everything of the picture below its title."""
    layout = curve_layout(chart)
    if len(chart.tracks) > 1:
        _compared(canvas, chart.tracks, layout, palette)
    else:
        _one(canvas, chart.tracks[0], layout, palette, chinese=chinese)
    days = {day.place: day.at for track in chart.tracks for day in track.days}
    dates(canvas, [(layout.x(place), days[place]) for place in sorted(days)], palette)


# -- one account


def _one(canvas: Canvas, track: Track, layout: CurveLayout, palette: Palette, *, chinese: bool) -> None:
    last = track.days[-1]
    profit = last.worth - last.paid_in
    words = [
        (f"总资产 {_short(last.worth, chinese=chinese)}", palette.ink),
        (f"投入 {_short(last.paid_in, chinese=chinese)}", palette.faint),
        (f"盈亏 {_short(profit, chinese=chinese, sign=True)}", _colour(profit, palette)),
    ]
    if track.fall is not None:
        words.append((f"最大回撤 {percent_of(track.fall.percent)}", palette.mark))
    legend(canvas, words)
    for value in ticks(layout.low, layout.high):
        y = layout.y(value)
        canvas.line([(LEFT, y), (RIGHT, y)], palette.grid)
        if abs(y - layout.y(last.worth)) >= TAG:
            canvas.text(RIGHT + 8, y, yuan_text(value, chinese=chinese), palette.faint, SMALL)
    for before, after, gains in _stretches(track.days):
        shape = [(before[0], before[1]), (after[0], after[1]), (after[0], after[2]), (before[0], before[2])]
        tint = mixed(palette.ground, _colour(gains, palette), _TINT)
        canvas.shape([(layout.x(0) + place * layout.slot, layout.y(value)) for place, value in shape], tint)
    _paid_in(canvas, track.days, layout, palette)
    ends = _ends_of_fall(track, layout)
    if not _put_in_between(track):
        canvas.line(ends, palette.mark)
    for gains, parts in groupby(_stretches(track.days), key=lambda one: one[2]):
        pieces = list(parts)
        way = [pieces[0][0], *(after for _before, after, _gains in pieces)]
        points = [(layout.x(0) + place * layout.slot, layout.y(worth)) for place, worth, _paid_in in way]
        canvas.line(points, _colour(gains, palette), 3)
    tag = _short(last.worth, chinese=chinese)
    canvas.text(RIGHT + 8, layout.y(last.worth), tag, _colour(profit, palette), SMALL)
    if track.fall is not None:
        _fall(canvas, percent_of(track.fall.percent), ends, layout, palette)
    _gains(canvas, track.days, layout, palette, chinese=chinese)


_Spot = tuple[float, float, float]
"""A place on the axis of days, the worth there, and what had been put in."""


def _stretches(days: Sequence[Day]) -> Iterator[tuple[_Spot, _Spot, int]]:
    """From day to day, cut where a gain becomes a loss; with 1 for what is above what was put in, -1 for the rest."""
    for one, two in pairwise(days):
        before: _Spot = (one.place, one.worth, one.paid_in)
        after: _Spot = (two.place, two.worth, two.paid_in)
        start, end = one.worth - one.paid_in, two.worth - two.paid_in
        if start * end < 0:
            share = start / (start - end)
            met = one.worth + (two.worth - one.worth) * share
            between: _Spot = (one.place + (two.place - one.place) * share, met, met)
            yield before, between, 1 if start > 0 else -1
            yield between, after, 1 if end > 0 else -1
        else:
            yield before, after, 1 if start + end >= 0 else -1


def _paid_in(canvas: Canvas, days: Sequence[Day], layout: CurveLayout, palette: Palette) -> None:
    """A line where it is in the picture; else said at the edge."""
    last = days[-1]
    if not layout.inside(last.paid_in):
        at_edge(canvas, "投入", palette.faint, layout.foot, up=last.paid_in > layout.high)
        return
    for one, two in pairwise(days):
        left, right = layout.x(one.place), layout.x(two.place)
        if not (layout.inside(one.paid_in) and layout.inside(two.paid_in)):
            continue
        canvas.line([(left, layout.y(one.paid_in)), (right, layout.y(two.paid_in))], palette.faint)
    below = last.worth >= last.paid_in
    y = layout.y(last.paid_in) + (15 if below else -15)
    canvas.text(RIGHT - 4, y, "投入", palette.faint, SMALL, "rm", halo=palette.ground)


def _ends_of_fall(track: Track, layout: CurveLayout) -> list[tuple[float, float]]:
    days = () if track.fall is None else (track.days[track.fall.top], track.days[track.fall.foot])
    return [(layout.x(day.place), layout.y(day.worth)) for day in days]


def _put_in_between(track: Track) -> bool:
    """Whether a deposit lies within the deepest fall: a line from end to end would seem to rise."""
    if track.fall is None:
        return False
    return len({day.paid_in for day in track.days[track.fall.top : track.fall.foot + 1]}) > 1


def _fall(
    canvas: Canvas, words: str, ends: Sequence[tuple[float, float]], layout: CurveLayout, palette: Palette
) -> None:
    """A dot on the high and on the low that followed, and how deep that was."""
    for x, y in ends:
        canvas.dot(x, y, palette.mark, palette.ground)
    x, y = ends[-1]
    wide = canvas.width(words, SMALL)
    left = min(max(x - wide / 2, LEFT), RIGHT - wide)
    room = layout.foot + 14 if left > LEFT + 100 else layout.foot - 8
    canvas.text(left, y + 24 if y + 24 <= room else y - 26, words, palette.mark, SMALL, halo=palette.ground)


def _gains(canvas: Canvas, days: Sequence[Day], layout: CurveLayout, palette: Palette, *, chinese: bool) -> None:
    zero = layout.gain_y(0)
    half = min(max(layout.slot * 0.35, 0.5), 14.0)
    for day in days[1:]:
        if day.gain:
            x, y = layout.x(day.place), layout.gain_y(day.gain)
            canvas.box(x - half, min(y, zero), x + half, max(y, zero), _colour(day.gain, palette))
    canvas.line([(LEFT, zero), (RIGHT, zero)], palette.grid)
    for value, y in ((layout.best, LOWER_TOP + 11.0), (layout.worst, LOWER_FOOT - 11.0)):
        if value:
            words = yuan_text(value, chinese=chinese, sign=True)
            canvas.text(RIGHT + 8, y, words, _colour(value, palette), SMALL)
    canvas.text(RIGHT + 8, (LOWER_TOP + LOWER_FOOT) / 2, "每日盈亏", palette.faint, SMALL)


def _colour(gains: int, palette: Palette) -> str:
    return palette.up if gains >= 0 else palette.down


# -- several


def _compared(canvas: Canvas, tracks: Sequence[Track], layout: CurveLayout, palette: Palette) -> None:
    colours = (palette.mark, *palette.averages)
    named = [(track, colours[index % len(colours)]) for index, track in enumerate(tracks)]
    legend(canvas, [(f"{track.name} {percent_of(track.days[-1].grown)}", colour) for track, colour in named])
    for value in ticks(layout.low, layout.high):
        y = layout.y(value)
        canvas.line([(LEFT, y), (RIGHT, y)], palette.grid)
        canvas.text(RIGHT + 8, y, f"{value / 1000:+g}%" if value else "0%", palette.faint, SMALL)
    if layout.inside(0):
        canvas.dashed(LEFT, RIGHT, layout.y(0), palette.faint)
    for track, colour in named:
        canvas.line([(layout.x(day.place), layout.y(day.grown)) for day in track.days], colour, 3)
