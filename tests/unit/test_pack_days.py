"""The figures of the daily bars, against other ways to reckon them; and what is missing rather than made up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
import talib

from core.bars import Bar, read_bars
from core.calendar import trading_date
from core.known import Known
from core.pack import Pack
from core.packing import pack
from core.types import Symbol
from core.zones import Missing
from tests.fakes import facts, oracle
from tests.fakes.parts import FUND, at, quote
from tests.shared import SHARED, needs_shared

DAYS = [f"ma{n}" for n in (5, 10, 20, 30, 60, 120, 250)]


def value(packed: Pack, name: str) -> Decimal:
    found = packed.value(name)
    assert found is not None, facts.of(packed, name).why
    return found


def near(packed: Pack, name: str, expected: float, step: str = "0.0051") -> None:
    assert abs(value(packed, name) - Decimal(repr(float(expected)))) <= Decimal(step), (
        name,
        value(packed, name),
        expected,
    )


def agrees(bars: list[Bar], packed: Pack) -> None:
    """Every figure is what TA-Lib, or the plain definition, makes of these bars, the newest included."""
    bars = bars[-261:]
    close, high, low = (np.array([float(getattr(bar, name)) for bar in bars]) for name in ("close", "high", "low"))
    volume = np.array([float(bar.volume) for bar in bars])
    theirs = {name: line[-1] for name, line in oracle.by_talib(close, high, low, volume).items()}
    for length in (5, 10, 20, 30, 60, 120, 250):
        near(packed, f"ma{length}", talib.SMA(close, length)[-1])
    for length in (6, 12, 24):
        near(packed, f"rsi{length}", talib.RSI(close, length)[-1], "0.02")
    for name, other in (("macd_dif", "dif"), ("macd_dea", "dea"), ("macd_bar", "hist"), ("atr14", "atr")):
        near(packed, name, theirs[other], "0.006")
    for name, other in (("boll_upper", "upper"), ("boll_mid", "mid"), ("boll_lower", "lower")):
        near(packed, name, theirs[other])
    for name, line in zip(
        ("kdj_k", "kdj_d", "kdj_j"), oracle.kdj(close.tolist(), high.tolist(), low.tolist()), strict=True
    ):
        near(packed, name, line)
    for length in (20, 60):
        assert value(packed, f"high{length}") == max(bar.high for bar in bars[-length:])
        assert value(packed, f"low{length}") == min(bar.low for bar in bars[-length:])
        near(packed, f"price_vs_ma{length}", (close[-1] / close[-length:].mean() - 1) * 100)
    for length in (5, 20):
        near(packed, f"change{length}", (close[-1] / close[-1 - length] - 1) * 100)


@needs_shared
@pytest.mark.parametrize("code", ["600519.SH", "000001.SZ", "603986.SH", "601012.SH", "000725.SZ"])
def test_every_figure_agrees_with_an_independent_calculation_on_real_bars(code: str) -> None:
    bars = read_bars(SHARED / "data" / "bars" / "daily" / f"{code}.csv")[-261:]
    *before, last = bars
    day = trading_date(last.time)
    seen = quote(
        Symbol(code),
        str(last.close),
        f"{day} 15:00",
        open=last.open,
        high=last.high,
        low=last.low,
        preclose=before[-1].close,
        volume=last.volume,
        amount=last.amount,
    )
    known = Known(symbol=Symbol(code), name="", now=at(f"{day} 15:10"), quote=seen, days=before)
    packed = pack(known)
    agrees(bars, packed)
    near(packed, "volume_ratio", last.volume / (sum(bar.volume for bar in before[-5:]) / 5))
    # The same once the day's bar is in the history, and is not counted twice.
    again = pack(known._replace(days=bars[1:]))
    agrees(bars[1:], again)
    assert again.value("ma5") == packed.value("ma5")
    assert len(packed.days) == 30
    assert packed.days[-1].day == day


def test_the_bar_that_forms_counts_and_is_not_shown_as_finished() -> None:
    bars = facts.days([10] * 19)
    packed = pack(facts.known(days=bars, quote=facts.today("12.00", preclose="10", open="10", high="12", low="10")))
    assert value(packed, "ma20") == Decimal("10.10")
    assert value(packed, "high20") == Decimal("12.00")
    assert packed.days[-1].day == date(2026, 3, 23)
    assert "含今天还没有收盘的这一根" in said(packed)


def said(packed: Pack) -> str:
    return "".join(line for section in packed.sections if section.title == "日线指标" for line in section.lines)


def test_before_the_first_trade_yesterday_is_the_newest() -> None:
    early = facts.today(
        None, open=None, high=None, low=None, volume=0, amount=None, bid=None, ask=None, preclose="11", when="09:20"
    )
    packed = pack(facts.known(now=at("09:20", "2026-03-24"), quote=early, days=facts.days([10] * 19 + [11.0])))
    assert value(packed, "ma20") == Decimal("10.05")
    assert facts.of(packed, "volume_ratio").why == "今天还没有成交"
    assert "最后一根已经收盘" in said(packed)


@pytest.mark.parametrize("have", [0, 1, 3, 5, 12, 19, 20, 33, 34, 59, 60, 119, 250])
def test_what_there_are_too_few_bars_for_is_missing_and_never_0_or_50(have: int) -> None:
    """With today's bar there is one more."""
    packed = pack(facts.known(days=facts.walk(have) if have else []))
    bars = have + 1
    needs = {"ma5": 5, "ma10": 10, "ma20": 20, "ma30": 30, "ma60": 60, "ma120": 120, "ma250": 250}
    needs |= {"macd_dif": 34, "macd_dea": 34, "macd_bar": 34, "rsi6": 7, "rsi12": 13, "rsi24": 25}
    needs |= {"kdj_k": 20, "kdj_d": 20, "kdj_j": 20, "boll_upper": 20, "boll_mid": 20, "boll_lower": 20, "atr14": 15}
    needs |= {"high20": 20, "low20": 20, "high60": 60, "low60": 60, "change5": 6, "change20": 21, "volume_ratio": 6}
    needs |= {"price_vs_ma20": 20, "price_vs_ma60": 60}
    for name, need in needs.items():
        found = facts.of(packed, name)
        assert (found.value is not None) == (bars >= need), (name, bars)
        assert bars >= need or f"日线只有 {bars} 根，需要 {need} 根" == found.why


def test_the_rsi_of_a_price_that_never_moved_is_missing() -> None:
    still = facts.days([10] * 60, spread="0")
    seen = facts.today("10.00", preclose="10", open="10", high="10", low="10")
    packed = pack(facts.known(days=still, quote=seen))
    assert facts.of(packed, "rsi6").why == "最近 6 天收盘价没有变过，算不出来"
    assert packed.value("rsi24") is None
    assert packed.value("kdj_k") is None
    assert facts.of(packed, "kdj_j").why == "最近 9 天价格没有变过，算不出来"


def test_a_price_that_stood_still_lately_has_no_short_rsi_but_a_long_one() -> None:
    bars = facts.days([*(10 + place % 3 for place in range(50)), *[10] * 9])
    packed = pack(facts.known(days=bars, quote=facts.today("10.00", preclose="10", open="10", high="10", low="10")))
    assert packed.value("rsi6") is None
    assert packed.value("rsi24") is not None


def test_little_is_left_of_the_50_that_k_and_d_begin_with_where_they_are_shown() -> None:
    """Two histories that differ in what was before say the same of K and D within half a point."""
    rising = facts.days([10 + place * Decimal("0.1") for place in range(19)])
    packed = pack(
        facts.known(days=rising, quote=facts.today("11.90", preclose="11.8", open="11.8", high="11.95", low="11.8"))
    )
    longer = facts.days([Decimal(10)] * 100 + [10 + place * Decimal("0.1") for place in range(19)])
    other = pack(
        facts.known(days=longer, quote=facts.today("11.90", preclose="11.8", open="11.8", high="11.95", low="11.8"))
    )
    assert abs(value(packed, "kdj_k") - value(other, "kdj_k")) < Decimal("0.5")
    assert abs(value(packed, "kdj_d") - value(other, "kdj_d")) < Decimal("0.5")


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("09:31", "120.00"), ("10:00", "7.74"), ("12:00", "2.00"), ("14:30", "1.14"), ("15:00", "1.00")],
)
def test_the_volume_of_a_part_of_the_day_is_held_against_that_part(clock: str, expected: str) -> None:
    """Today's million shares against a million a day: at ten past half past nine that is many times the usual."""
    seen = facts.today(when=clock)
    packed = pack(facts.known(quote=seen, now=at(clock, "2026-03-24")))
    assert packed.value("volume_ratio") == Decimal(expected)


def test_the_auction_has_no_volume_ratio_yet() -> None:
    packed = pack(facts.known(quote=facts.today(when="09:25:03"), now=at("09:26", "2026-03-24")))
    assert facts.of(packed, "volume_ratio").why == "还没有开始连续竞价"


def test_a_suspended_share_has_the_figures_of_its_last_day_and_no_volume_ratio() -> None:
    seen = facts.today(None, suspended=True, open=None, high=None, low=None, volume=0, amount=None, preclose="1420")
    packed = pack(facts.known(quote=seen))
    assert packed.value("ma20") is not None
    assert facts.of(packed, "volume_ratio").value is None
    assert facts.of(packed, "price").why == "停牌"


def test_bars_that_do_not_meet_the_previous_close_are_not_gone_by() -> None:
    old = facts.days([10] * 60, last=date(2026, 3, 18))
    packed = pack(facts.known(days=old, quote=facts.today("12.00", preclose="11.00")))
    why = facts.of(packed, "ma5").why
    assert why == "日线只到 2026-03-18，和今天的昨收对不上"
    assert all(facts.of(packed, name).why == why for name in (*DAYS, "rsi6", "high20", "change5", "volume_ratio"))
    assert packed.days == ()


@pytest.mark.parametrize("preclose", ["10.50", "1.00", "1420.00"])
def test_a_previous_close_that_no_ex_date_explains_is_no_ex_date(preclose: str) -> None:
    bars = facts.days([10] * 60)
    packed = pack(facts.known(days=bars, quote=facts.today(preclose, preclose=preclose)))
    assert facts.of(packed, "ma5").why == "日线只到 2026-03-23，和今天的昨收对不上"


def test_a_share_that_was_suspended_for_days_keeps_its_figures() -> None:
    old = facts.days([10] * 60, last=date(2026, 3, 18))
    packed = pack(facts.known(days=old, quote=facts.today("10.50", preclose="10.00", open="10", high="11", low="10")))
    assert value(packed, "ma5") == Decimal("10.10")


def test_on_an_ex_date_the_days_before_come_down_to_the_new_prices() -> None:
    bars = facts.days([10] * 60)
    packed = pack(facts.known(days=bars, quote=facts.today("9.00", preclose="9.00", open="9", high="9", low="9")))
    assert value(packed, "ma20") == Decimal("9.00")
    assert packed.value("change20") == 0
    assert packed.days[-1].close == Decimal("9.00")


def test_a_doubtful_price_is_no_bar() -> None:
    packed = pack(facts.known(doubt="行情过旧（9 分钟前的价格）", days=facts.days([1420] * 60)))
    assert value(packed, "ma20") == Decimal("1420.00")
    assert packed.value("volume_ratio") is None


def test_why_there_are_no_more_bars_is_said_where_there_are_too_few() -> None:
    few = pack(facts.known(days=facts.walk(12), trouble="历史K线没有来源"))
    assert "日线不全：历史K线没有来源。" in said(few)
    assert "不全" not in said(pack(facts.known(trouble="分钟线没有来源")))


def test_a_fund_has_three_decimals() -> None:
    bars = facts.days(["4.001", "4.002", "4.004", "4.005"], symbol=FUND)
    seen = facts.today("4.009", symbol=FUND, preclose="4.005", open="4.005", high="4.010", low="4.000")
    packed = pack(facts.known(symbol=FUND, days=bars, quote=seen))
    assert value(packed, "ma5") == Decimal("4.004")


def test_without_daily_bars_each_figure_says_so() -> None:
    packed = pack(facts.known(days=Missing("腾讯K线没有回答")))
    for name in (*DAYS, "macd_dif", "kdj_k", "boll_mid", "atr14", "volume_ratio", "change20", "price_vs_ma60"):
        assert facts.of(packed, name).why == "腾讯K线没有回答"


def test_without_a_quote_the_figures_are_those_of_the_last_finished_day() -> None:
    packed = pack(facts.known(quote=Missing("行情在 4 秒内没有取到"), days=facts.days([10] * 20)))
    assert value(packed, "ma20") == Decimal("10.00")
    assert facts.of(packed, "volume_ratio").why == "没有行情"


def test_todays_finished_bar_counts_once_after_the_close() -> None:
    bars = [*facts.days([10] * 19), *facts.days([12], last=facts.TODAY)]
    seen = facts.today("12.00", when="15:00", preclose="10", open="12", high="12.12", low="11.88")
    packed = pack(facts.known(days=bars, quote=seen, now=at("15:10", "2026-03-24")))
    assert value(packed, "ma20") == Decimal("10.10")
    assert packed.days[-1].day == facts.TODAY
    assert not packed.forming
