"""Pictures, by their pixels: what is drawn is where it should be, whatever the data and whatever the font."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from adapters import fonts, painter
from adapters.canvas import DARK, HEIGHT, LIGHT, WIDTH, Palette, Taken, apart, mixed
from adapters.curves import curve_layout
from adapters.fonts import Face, Source
from adapters.painter import KEPT, connect, draw, layout_of
from core.bars import Bar
from core.calendar import trading_days
from core.charts import candles, day_line, level_of, mark_of, minute_of, worth_curve
from core.errors import Unavailable
from core.messages import Candle, Chart, ChartPeriod, Level, Mark, Point
from core.portfolio import Worth
from core.ports import Painter
from core.types import Mode, to_milli
from tests.fakes.parts import MOUTAI, at

PLAIN = Face(None)
PACKAGE = "pylopdf_fonts_zh_cn"
needs_chinese = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason="NO CHINESE FONT: pip install 'dingpan[pictures]' to test Chinese in pictures",
)


def chinese() -> Face:
    return fonts.find(fonts._packaged())


def bars(count: int = 60, *, step: timedelta = timedelta(days=1)) -> list[Bar]:
    """Prices that rise for some days and fall for some."""
    made = []
    for number in range(count):
        opened = Decimal(1400) + abs(number % 20 - 10) * 5
        close = opened + (4 if number % 20 >= 10 else -4)
        high, low = max(opened, close) + 3, min(opened, close) - 3
        made.append(Bar(MOUTAI, at("14:55") + number * step, opened, high, low, close, 10_000 + 1000 * (number % 7)))
    return made


def chart(count: int = 60, **changes: object) -> Chart:
    made = candles(bars(count), name="贵州茅台", period=ChartPeriod.DAY)
    return made.model_copy(update=changes)


def pixels(made: Chart, palette: Palette = LIGHT, face: Face = PLAIN) -> Image.Image:
    image = Image.open(io.BytesIO(draw(made, face, palette)))
    assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
    return image.convert("RGB")


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def near(found: object, colour: str) -> bool:
    """A picture of few colours may round one by a little."""
    assert isinstance(found, tuple)
    return all(abs(one - two) <= 6 for one, two in zip(found, rgb(colour), strict=True))


def around(image: Image.Image, x: float, y: float, reach: int = 1) -> list[object]:
    steps = range(-reach, reach + 1)
    return [image.getpixel((round(x) + right, round(y) + down)) for right, down in product(steps, steps)]


@pytest.fixture(params=[LIGHT, DARK], ids=["light", "dark"])
def palette(request: pytest.FixtureRequest) -> Palette:
    found = request.param
    assert isinstance(found, Palette)
    return found


def test_what_rises_is_red_and_what_falls_is_green(palette: Palette) -> None:
    made = chart(averages=())
    image, layout = pixels(made, palette), layout_of(made)
    for index, candle in enumerate(made.shown):
        colour = palette.up if candle.close > candle.open else palette.down
        middle = (candle.open + candle.close) / 2
        assert any(near(found, colour) for found in around(image, layout.x(index), layout.y(middle)))
        half = layout.volume_y(candle.volume // 2)
        assert any(near(found, colour) for found in around(image, layout.x(index), half))


def test_the_mark_is_at_its_candle_and_price(palette: Palette) -> None:
    plain = chart(averages=())
    where, price = 25, plain.shown[25].low + 1000
    made = plain.model_copy(update={"marks": (Mark(plain.shown[where].at - 3600, price, "#1"),)})
    image, layout = pixels(made, palette), layout_of(made)
    x, y = layout.x(where), layout.y(price)
    assert near(image.getpixel((round(x), round(y))), palette.mark)
    left, above = image.getpixel((round(x) - 7, round(y))), image.getpixel((round(x), round(y) - 7))
    assert near(left, palette.mark)
    assert near(above, palette.mark)
    assert not near(image.getpixel((round(x) - 7, round(y) - 7)), palette.mark), "it is a diamond"


def test_a_mark_that_is_not_in_the_picture_is_not_drawn() -> None:
    made = chart()
    elsewhere = made.model_copy(update={"marks": (Mark(made.candles[0].at - 90 * 86400, 1_420_000, "#1"),)})
    assert draw(made, PLAIN, LIGHT) == draw(elsewhere, PLAIN, LIGHT)


def test_a_level_is_a_dashed_line_with_its_price_in_the_margin() -> None:
    made = chart(levels=(Level(1_437_500, ""),), averages=())
    image, layout = pixels(made), layout_of(made)
    y = round(layout.y(1_437_500))
    row = [any(near(image.getpixel((x, y + down)), LIGHT.mark) for down in (-1, 0, 1)) for x in range(30, 860)]
    assert 0.3 < sum(row) / len(row) < 0.9
    assert near(image.getpixel((WIDTH - 6, y)), LIGHT.mark)


def test_a_level_far_away_does_not_flatten_the_candles_and_is_named_at_the_edge() -> None:
    near_by, far = layout_of(chart(levels=(Level(1_460_000, ""),))), layout_of(chart(levels=(Level(700_000, ""),)))
    assert near_by.inside(1_460_000)
    assert not far.inside(700_000)
    assert far == layout_of(chart())
    image = pixels(chart(levels=(Level(700_000, ""), Level(9_000_000, ""))))
    assert near(image.getpixel((27, 472)), LIGHT.mark), "one arrow below"
    assert near(image.getpixel((27, 108)), LIGHT.mark), "and one above"


def test_the_line_of_a_day_is_around_its_previous_close(palette: Palette) -> None:
    minutes = bars(100, step=timedelta(minutes=1))
    minutes = [
        Bar(one.symbol, at("09:31") + timedelta(minutes=n), *_four(one), one.volume) for n, one in enumerate(minutes)
    ]
    mark = mark_of(minutes[50].time, minutes[50].close, "#1")
    made = day_line(minutes, name="贵州茅台", preclose=Decimal(1420), marks=[mark])
    image, layout = pixels(made, palette), layout_of(made)
    assert layout.y(1_420_000) == pytest.approx(layout.y((layout.low + layout.high) / 2))
    x = layout.x(minute_of(minutes[50].time))
    assert near(image.getpixel((round(x), round(layout.y(to_milli(minutes[50].close))))), palette.mark)
    on_the_line = around(image, layout.x(20), layout.y(made.points[19].price), 2)
    assert any(near(found, palette.ink) for found in on_the_line)


def _four(bar: Bar) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return bar.open, bar.high, bar.low, bar.close


def minutes(*closes: str) -> list[Bar]:
    prices = [Decimal(close) for close in closes]
    return [
        Bar(MOUTAI, at("09:31") + timedelta(minutes=n), price, price, price, price, 100)
        for n, price in enumerate(prices)
    ]


def test_the_words_of_a_mark_and_of_a_level_do_not_stand_on_the_line(palette: Palette) -> None:
    made = day_line(minutes(*["1420"] * 30, *["1421.3"] * 90, *["1428"] * 120), name="", preclose=Decimal(1420))
    mark = mark_of(at("10:00"), Decimal(1420), "XXXXXX")
    with_words = made.model_copy(update={"marks": (mark,), "levels": (Level(1_419_300, "XXXXXX"),)})
    image, layout = pixels(with_words, palette), layout_of(with_words)
    away = [point for point in made.points[:-1] if abs(layout.x(point.minute) - layout.x(30)) > 14]
    for point in away:
        spot = layout.x(point.minute), layout.y(point.price)
        assert any(near(found, palette.ink) for found in around(image, *spot)), f"minute {point.minute} is covered"


def test_a_minute_without_a_change_goes_on_in_its_colour_and_a_day_without_one_has_none() -> None:
    made = day_line(minutes("1420", "1421", "1421", "1419", "1419", "1420"), name="", preclose=Decimal(1420))
    image, layout = pixels(made), layout_of(made)
    colours = [image.getpixel((round(layout.x(minute)), round(layout.volume_y(50)))) for minute in (2, 3, 4, 5)]
    assert [near(found, LIGHT.up) for found in colours] == [True, True, False, False]
    assert [near(found, LIGHT.down) for found in colours] == [False, False, True, True]
    margin = {found for x in range(882, 960) for found in [image.getpixel((x, round(layout.y(1_420_000))))]}
    assert not any(near(found, LIGHT.up) or near(found, LIGHT.down) for found in margin)


def test_the_newest_price_of_a_day_is_a_dot_even_in_its_first_minute(palette: Palette) -> None:
    made = day_line(minutes("1421"), name="", preclose=Decimal(1420))
    image, layout = pixels(made, palette), layout_of(made)
    x, y = round(layout.x(1)), round(layout.y(1_421_000))
    assert all(near(image.getpixel((x + right, y + down)), palette.ink) for right, down in ((0, 0), (3, 0), (0, 3)))


def test_levels_that_find_no_room_at_the_edge_are_counted() -> None:
    far = tuple(Level(9_000_000 + step, f"#{step} level") for step in range(60))
    image = pixels(chart(levels=far))
    assert near(image.getpixel((27, 108)), LIGHT.mark)
    beyond = [image.getpixel((x, y)) for x in range(876, WIDTH) for y in range(96, 118)]
    assert not any(near(found, LIGHT.mark) for found in beyond)


ODD = {
    "nothing": Chart(title="空", symbol=MOUTAI),
    "one candle": chart(1),
    "two candles": chart(2),
    "250 candles": candles(bars(250), name="", period=ChartPeriod.DAY, count=250),
    "3000 candles": candles(bars(3000), name="", period=ChartPeriod.DAY, count=3000),
    "equal prices": Chart(title="平", symbol=MOUTAI, candles=(Candle(10**9, 5, 5, 5, 5, 0),) * 30),
    "zero volume": Chart(title="停", symbol=MOUTAI, candles=(Candle(10**9, 10, 12, 9, 11, 0),) * 3),
    "price of nothing": Chart(title="零", symbol=MOUTAI, candles=(Candle(0, 0, 0, 0, 0, 0),)),
    "only lead": Chart(title="无", symbol=MOUTAI, candles=(Candle(10**9, 10, 12, 9, 11, 0),), lead=1),
    "huge": Chart(title="大", symbol=MOUTAI, candles=(Candle(10**9, 1, 10**10, 1, 10**10, 10**14),) * 2),
    "one minute": Chart(title="分", symbol=MOUTAI, period=ChartPeriod.MINUTE, points=(Point(0, 1000, 0, 0),)),
    "no previous close": Chart(
        title="分", symbol=MOUTAI, period=ChartPeriod.MINUTE, points=(Point(0, 1000, 999, 5), Point(240, 1200, 1100, 9))
    ),
    "no averages": chart(averages=(0, -3)),
    "many averages": chart(averages=(1, 2, 3, 5, 8, 13, 500)),
    "many levels": chart(levels=tuple(Level(1_400_000 + step * 100, f"{step}") for step in range(60))),
    "many marks": chart(
        marks=tuple(Mark(at("14:55").timestamp().__int__() + 86400 * n, 1_400_000, "#1") for n in range(60))
    ),
    "long words": chart(
        title="很长" * 100, subtitle="2026 " * 100, marks=(Mark(int(at("14:55").timestamp()), 1, "x" * 300),)
    ),
    "a week's minutes": candles(bars(80, step=timedelta(minutes=30)), name="", period=ChartPeriod.M30),
}


@pytest.mark.parametrize("made", ODD.values(), ids=ODD.keys())
def test_whatever_the_data_there_is_a_picture(made: Chart, palette: Palette) -> None:
    pixels(made, palette)


# -- the curve of an account


def worths(*totals: int, paid_in: tuple[int, ...] = (), account: str = "paper") -> list[Worth]:
    days = trading_days(date(2026, 3, 2), date(2026, 12, 1))[: len(totals)]
    put_in = paid_in or (1_000_000,) * len(totals)
    return [
        Worth(
            account=account,
            day=day,
            mode=Mode.PAPER,
            total=Decimal(total),
            paid_in=Decimal(paid),
            realized=Decimal(0),
            as_of=at("15:05", day.isoformat()),
        )
        for day, total, paid in zip(days, totals, put_in, strict=True)
    ]


def curve(**accounts: list[Worth]) -> Chart:
    made = worth_curve(accounts)
    assert made is not None
    return made


def test_what_was_gained_is_red_and_what_was_lost_is_green(palette: Palette) -> None:
    made = curve(a=worths(1_000_000, 1_040_000, 1_030_000, 970_000, 960_000))
    image, layout = pixels(made, palette), curve_layout(made)
    days = made.tracks[0].days
    for before, after, colour in ((1, 2, palette.up), (3, 4, palette.down)):
        x, y = (layout.x(before) + layout.x(after)) / 2, layout.y((days[before].worth + days[after].worth) / 2)
        assert any(near(found, colour) for found in around(image, x, y, 2))
        inside = image.getpixel((round(x), round((y + layout.y(1_000_000_000)) / 2)))
        assert near(inside, mixed(palette.ground, colour, 0.16)), "and so is what lies between it and what was put in"
    for place, colour in ((2.25, palette.up), (2.75, palette.down)):
        x, y = (
            layout.x(0) + place * layout.slot,
            layout.y(days[2].worth + (days[3].worth - days[2].worth) * (place - 2)),
        )
        assert any(near(found, colour) for found in around(image, x, y, 2)), "the colour changes where the lines meet"
    for place, colour in ((1, palette.up), (3, palette.down)):
        y = (layout.gain_y(days[place].gain) + layout.gain_y(0)) / 2
        assert near(image.getpixel((round(layout.x(place)), round(y))), colour), "and the day's own gain below"


def test_the_deepest_fall_has_a_dot_at_both_its_ends(palette: Palette) -> None:
    made = curve(a=worths(1_000_000, 1_050_000, 1_010_000, 980_000, 1_020_000))
    image, layout = pixels(made, palette), curve_layout(made)
    assert made.tracks[0].fall == (1, 3, -6667)
    for place, dotted in ((1, True), (2, False), (3, True), (4, False)):
        worth = made.tracks[0].days[place].worth
        found = image.getpixel((round(layout.x(place)), round(layout.y(worth))))
        assert near(found, palette.mark) is dotted


def test_what_was_put_in_and_lies_far_away_does_not_flatten_the_curve() -> None:
    made = curve(a=worths(1_800_000, 1_803_000, 1_795_000))
    layout = curve_layout(made)
    assert not layout.inside(1_000_000_000)
    assert layout.y(1_795_000_000) - layout.y(1_803_000_000) > 150
    assert layout.y(1_000_000_000) == layout.foot
    assert near(pixels(made).getpixel((27, 472)), LIGHT.faint), "an arrow says where it is"


def test_of_several_accounts_each_has_a_line_of_its_own_colour(palette: Palette) -> None:
    made = curve(a=worths(100, 104, 108), b=worths(5000, 4900, 4800, account="b"))
    image, layout = pixels(made, palette), curve_layout(made)
    for track, colour in zip(made.tracks, (palette.mark, palette.averages[0]), strict=True):
        spot = layout.x(1), layout.y(track.days[1].grown)
        assert any(near(found, colour) for found in around(image, *spot, 2))
    assert layout.y(0) > layout.y(8000)


STRANGE = {
    "equal": curve(a=worths(100, 100)),
    "nothing at all": curve(a=worths(0, 0, paid_in=(0, 0))),
    "below nothing": curve(a=worths(10, -50, -900)),
    "deposits": curve(a=worths(100, 300, 200, 900, paid_in=(100, 300, 200, 950))),
    "huge": curve(a=worths(10**12, 1, 10**12)),
    "a year": curve(a=worths(*(1_000_000 + step % 7 * 1000 for step in range(180)))),
    "many accounts": curve(**{"很长的账户名" * (n + 1): worths(100, 100 + n, account=f"a{n}") for n in range(9)}),
}


@pytest.mark.parametrize("made", STRANGE.values(), ids=STRANGE.keys())
def test_whatever_an_account_was_worth_there_is_a_picture(made: Chart, palette: Palette) -> None:
    pixels(made, palette)


# -- fonts


def test_a_font_without_chinese_leaves_out_what_it_lacks_and_shows_no_boxes() -> None:
    assert not PLAIN.chinese
    assert PLAIN.clean("贵州茅台(600519) 日线 🔔") == "(600519)"
    assert "pip install 'dingpan[pictures]'" in PLAIN.describe()
    image = pixels(chart(averages=()))
    note = [image.getpixel((x, y)) for x in range(20, 200) for y in range(HEIGHT - 16, HEIGHT - 4)]
    assert any(near(found, LIGHT.faint) for found in note), "the picture says itself what is missing"
    made = chart(title="贵州茅台", subtitle="一二三")
    assert draw(made, PLAIN, LIGHT) == draw(made.model_copy(update={"title": "x", "subtitle": ""}), PLAIN, LIGHT)


def test_what_is_not_there_is_no_font_or_knows_no_chinese_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttc"
    broken.write_bytes(b"no font")
    found = fonts.find(iter([Source(tmp_path / "absent.ttf"), Source(broken), Source(broken, 7)]))
    assert not found.chinese


def test_fontconfig_that_hangs_or_is_absent_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(fonts._matched()) == []


def test_the_places_of_this_system_are_looked_through_whatever_is_there() -> None:
    assert fonts.find().name
    assert all(source.face >= 0 for source in fonts.sources())


@needs_chinese
def test_the_packaged_font_writes_chinese(palette: Palette) -> None:
    face = chinese()
    assert face.chinese
    assert face.clean("贵州茅台 涨到 1420.00 🔔") == "贵州茅台 涨到 1420.00"
    assert "Noto Sans" in face.describe()
    with_words, without = pixels(chart(), palette, face), pixels(chart(title=""), palette, face)
    head = (20, 10, 400, 60)
    assert all(near(found, palette.ground) for found in around(with_words, 100, HEIGHT - 10, 6)), "nothing is missing"
    assert with_words.crop(head).tobytes() != without.crop(head).tobytes()


# -- the painter


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def artist(clock: Seconds) -> Iterator[painter.PillowPainter]:
    made = connect(face=PLAIN, monotonic=clock)
    yield made
    made.close()


async def test_it_is_a_painter_that_says_what_it_writes_with(artist: painter.PillowPainter) -> None:
    port: Painter = artist
    assert (await port.paint(chart())).startswith(b"\x89PNG")
    assert port.describe().startswith("图上的字体：没有找到中文字体")


async def test_the_same_picture_is_painted_once_a_second_however_many_ask(
    artist: painter.PillowPainter, clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[str] = []

    def drawn(made: Chart, face: Face, palette: Palette) -> bytes:
        painted.append(threading.current_thread().name)
        return f"{len(painted)}".encode()

    monkeypatch.setattr(painter, "draw", drawn)
    assert await asyncio.gather(*(artist.paint(chart()) for _ in range(5))) == [b"1"] * 5
    assert await artist.paint(chart(title="另一张")) == b"2"
    clock.now += KEPT
    assert await artist.paint(chart()) == b"3"
    assert all(name.startswith("painter") for name in painted), "never on the loop's thread"


async def test_whoever_gives_up_leaves_the_picture_to_the_others(artist: painter.PillowPainter) -> None:
    hasty = asyncio.create_task(artist.paint(chart()))
    patient = asyncio.create_task(artist.paint(chart()))
    await asyncio.sleep(0)
    hasty.cancel()
    assert (await patient).startswith(b"\x89PNG")


async def test_a_picture_that_cannot_be_painted_is_unavailable_and_tried_again(
    artist: painter.PillowPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise OSError("cannot open resource")

    with monkeypatch.context() as broken:
        broken.setattr(painter, "draw", gone)
        with pytest.raises(Unavailable, match="画不出来"):
            await artist.paint(chart())
    assert await artist.paint(chart())


async def test_a_chart_may_say_itself_whether_it_is_dark() -> None:
    dark = connect(dark=True, face=PLAIN, monotonic=time.monotonic)
    made = chart()
    assert await dark.paint(made) == draw(made, PLAIN, DARK)
    assert await dark.paint(made.model_copy(update={"dark": False})) == draw(made, PLAIN, LIGHT)
    dark.close()


def test_what_is_taken_is_not_written_over() -> None:
    taken = Taken()
    taken.add(10, 50, 100)
    assert not taken.is_free(40, 90, 110)
    assert taken.is_free(60, 90, 110)
    assert taken.is_free(40, 90, 130)


def test_candles_and_lines_are_covered_only_where_there_is_no_other_room() -> None:
    taken = Taken([(100, 200, 260)], [400], reach=10)
    for left, right, middle, clear in (
        (50, 80, 230, True),
        (50, 90, 230, False),
        (120, 150, 230, True),
        (90, 150, 280, True),
        (90, 150, 270, False),
        (300, 350, 405, False),
        (300, 350, 415, True),
    ):
        assert taken.is_clear(left, right, middle) is clear, (left, right, middle)
        assert taken.is_free(left, right, middle)


def test_levels_close_to_each_other_have_tags_apart() -> None:
    assert apart([100.0, 90.0, 300.0]) == [120.0, 90.0, 300.0]
    assert level_of(Decimal(1420), "跌到").price == 1_420_000
