"""How a report reads: short, nothing empty, and the account and mode on every line about money."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core import render_report
from core.alerts import Reason
from core.chronicle import Entry, Kind
from core.consultations import Spent
from core.editions import Edition
from core.ex_dates import ExDate
from core.orders import OrderState
from core.reckoning import seen
from core.report import Book, ExDay, Known, report
from core.sheet import Curve
from core.tickets import TicketState
from core.types import Price, Side, Symbol
from tests.fakes.parts import at
from tests.unit.test_render_answers import CMB, MOUTAI, NAMES, account, position, quote, sheet
from tests.unit.test_report import (
    CLOSED,
    NOON,
    WEDNESDAY,
    a_near,
    a_watch,
    alert,
    book,
    bought,
    day_quote,
    known,
    order,
    ticket,
)

FRIDAY = at("2026-11-20 15:20")


def lines(of: Known, *, sent: bool = False) -> list[str]:
    return render_report.report(report(of), sent=sent).text.splitlines()


def test_what_is_empty_is_not_mentioned() -> None:
    assert lines(known()) == ["🔔 今天没有触发"]
    assert lines(known(Edition.NOON, NOON)) == ["🔔 今天没有触发"]
    assert lines(known(Edition.MORNING, at("2026-11-18 09:00"))) == ["今天没有要留意的事。"]
    assert lines(known(Edition.WEEK, FRIDAY)) == ["🔔 本周没有触发", "📅 下周 5 个交易日"]


def test_a_quiet_morning_says_what_goes_on() -> None:
    quiet = known(Edition.MORNING, at("2026-11-18 09:00"), watches=[a_watch(1, None)], books=[book(100)])
    assert lines(quiet) == ["今天没有要留意的事。", "在盯 1 个任务，持有 1 只"]


def test_five_lines_of_a_list_are_written_and_the_rest_is_counted() -> None:
    nears = [a_near(f"{number / 10}", number) for number in range(1, 9)]
    said = lines(known(nears=nears))
    assert sum(line.startswith("　6") for line in said) == 5
    assert "　……另有 3 条" in said
    assert len(said) <= 8


def test_a_watch_that_is_far_from_its_line_is_one_line() -> None:
    assert "🎯 最近的（下个交易日，按收盘价）：600519.SH 1400.00，再跌 7.00% 到 1380.00（#1）" in lines(
        known(nears=[a_near("-7")])
    )


def test_what_was_not_told_says_why_the_most_often_first() -> None:
    reasons = [Reason.COOLDOWN, Reason.SILENCED, Reason.SILENCED]
    alerts = [alert(f"10:0{place}", reason=reason) for place, reason in enumerate(reasons)]
    assert lines(known(alerts=alerts)) == ["🔔 今天没有提醒", "　另有 3 次触发没有提醒：静音中 2、冷却中 1"]


def test_cards_and_orders_bear_their_account_and_mode() -> None:
    waiting = ticket("11:38", TicketState.OPEN)
    live = order(OrderState.PARTIAL, filled=40)
    said = lines(known(Edition.NOON, NOON, names=NAMES, tickets=[waiting], orders=[live], books=[book(0)]))
    assert "📝 等你确认 1 张" in said
    assert "　买入贵州茅台 200 股 @ 1400.00（模拟账户·模拟）" in said
    assert "⏳ 没有完成的委托 1 笔" in said
    assert "　买入贵州茅台 100 股 @ 1400.00：部分成交，已成 40（模拟账户·模拟）" in said
    lost = lines(known(Edition.NOON, NOON, names=NAMES, orders=[order(OrderState.UNKNOWN)], books=[book(0)]))
    assert "　买入贵州茅台 100 股 @ 1400.00：状态未知，请到券商核对（模拟账户·模拟）" in lost


def test_a_card_to_sell_is_held_against_keeping_the_shares() -> None:
    cards = [ticket("10:00", side=Side.SELL), ticket("10:01", TicketState.EXPIRED, limit=Decimal(1389))]
    said = lines(known(names=NAMES, tickets=cards, seen={MOUTAI: seen(day_quote("1390"))}, books=[book(0)]))
    assert said[-3:] == [
        "🤔 没有下单的卡片，假如按限价成交（不算费用）：",
        "　拒绝：卖出贵州茅台 200 股 @ 1400.00（模拟账户·模拟）：比拿着多 2,000.00 元",
        "　过期：买入贵州茅台 200 股 @ 1389.00（模拟账户·模拟）：当天没到这个价",
    ]


def test_what_is_unknown_is_named_and_left_out() -> None:
    having = account(position(MOUTAI, 100, "1400"), position(CMB, 100, "40"))
    half = Book(
        sheet(having, [quote(CMB, "41", "40", at=CLOSED)], now=CLOSED), Curve([]), note="没有记下 11-18 的总资产：x"
    )
    said = lines(known(names=NAMES, books=[half]))
    assert said[1:] == [
        "💰 模拟账户·模拟 今天 +100.00 元",
        "　招商银行 +100.00 元（股价 +2.50%）",
        "　⚠️ 没算进去：贵州茅台（没有行情）",
        "　⚠️ 没有记下 11-18 的总资产：x",
    ]


def test_of_a_week_with_many_shares_the_best_and_the_worst_are_told() -> None:
    symbols = [Symbol(f"60000{place}.SH") for place in range(8)]
    gains = [5, -1, 3, -9, 8, 0, 1, -4]  # yuan a share
    having = account(*(position(one, 100, "40") for one in symbols))
    quotes = [quote(one, f"{50 + gain}", "50", at=FRIDAY) for one, gain in zip(symbols, gains, strict=True)]
    closes: dict[Symbol, Price] = dict.fromkeys(symbols, Decimal(50))
    of = Book(sheet(having, quotes, now=FRIDAY, day=WEDNESDAY + timedelta(days=2)), Curve([]), closes)
    said = [line for line in lines(known(Edition.WEEK, FRIDAY, books=[of])) if line.startswith("　")]
    assert said[1:] == [
        "　600004.SH +800.00 元",
        "　600000.SH +500.00 元",
        "　600002.SH +300.00 元",
        "　……中间 3 只",
        "　600007.SH -400.00 元",
        "　600003.SH -900.00 元",
    ]


def test_a_watch_that_is_noise_comes_with_the_words_that_change_it() -> None:
    alerts = [alert(f"10:0{place}", watch_id="w3") for place in range(5)]
    said = lines(known(Edition.WEEK, FRIDAY, alerts=alerts, names=NAMES))
    assert said == [
        "🔔 本周提醒 5 次",
        "　#3 贵州茅台 跌到 1400.00 及以下：5 次",
        "🔕 #3 一直在响，一次回应也没有",
        "　嫌吵就说“把3改成每天最多一次”，不要了就说“删除3”",
        "📅 下周 5 个交易日",
    ]


def test_gaps_costs_and_ex_dates_are_told_after_the_close() -> None:
    since = at("2026-11-18 11:02")
    entries = [
        Entry("", since, Kind.BLIND, stamp=since + timedelta(minutes=7)),
        Entry(MOUTAI, since, Kind.DOUBT, stamp=since + timedelta(minutes=3), note="停牌"),
        Entry("w1", CLOSED, Kind.UNJUDGED, CMB, note="还没有足够的日线"),
    ]
    ex = ExDate(symbol=MOUTAI, day=WEDNESDAY, close=Decimal(1430), preclose=Decimal("1402.05"))
    said = lines(
        known(
            names=NAMES,
            entries=entries,
            ex_dates=[ExDay(ex, unanswered=True)],
            cost=Spent(3, 12_345, Decimal("0.0456")),
        )
    )
    assert said[1:] == [
        "⚠️ 行情中断 11:02–11:09，期间没有判断",
        "⚠️ 有时不能判断：贵州茅台（停牌）",
        "⚠️ 收盘时判断不了：招商银行（还没有足够的日线）",
        "📌 除权除息 1 只",
        "　贵州茅台：昨收 1430.00 → 1402.05，盯盘的价格还没有按除权调整",
        "🤖 模型用了 3 次，1.2万 token，0.0456 元",
    ]


def test_the_title_says_which_day_and_how_far_it_goes() -> None:
    def title(edition: Edition, when: str, *, late: bool = False) -> str:
        return render_report.report(report(known(edition, at(when), late=late)), sent=False).title

    assert title(Edition.CLOSE, "2026-11-18 15:10") == "🌇 盘后 11-18 周三"
    assert title(Edition.CLOSE, "2026-11-18 10:00") == "🌇 盘后 11-18 周三，到 10:00"
    assert title(Edition.CLOSE, "2026-11-21 10:00") == "🌇 盘后 11-20 周五"
    assert title(Edition.NOON, "2026-11-18 11:40") == "☕ 午间 11-18 周三"
    assert title(Edition.NOON, "2026-11-18 14:00") == "☕ 盘中 11-18 周三，到 14:00"
    assert title(Edition.WEEK, "2026-11-18 14:00") == "🗓 周报 11-16 至 11-18，到 14:00"
    assert title(Edition.CLOSE, "2026-11-18 18:00", late=True) == "🌇 盘后 11-18 周三（补发：15:10 没能发出）"


def test_only_what_was_sent_offers_to_be_sent_no_more() -> None:
    by_clock = render_report.report(report(known()), sent=True)
    assert "report off close" in {button.command for row in by_clock.buttons for button in row}
    asked = render_report.report(report(known()), sent=False)
    offered = render_report.offered(asked, Edition.CLOSE, wanted=False)
    assert offered.labels()[-1] == "每天 15:10 发我"
    assert render_report.offered(asked, Edition.CLOSE, wanted=True) == asked


def test_shares_that_came_free_are_named() -> None:
    loose = book(200, [bought(200, "10", "2026-11-17 10:00")])
    said = lines(known(Edition.MORNING, at("2026-11-18 09:00"), names=NAMES, books=[loose]))
    assert said == ["🔓 上个交易日买的，今天可以卖：", "　贵州茅台 200 股"]
