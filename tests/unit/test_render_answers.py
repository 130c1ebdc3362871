"""Answers about an account: the short one in bold, whose and when, and nothing unknown that looks like a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import render_answers, render_past
from core.columns import WIDTH, cells, columns
from core.frames import Quote
from core.grounding import check_message
from core.messages import Message
from core.orders import Fill
from core.portfolio import Account, Position, Worth
from core.reckoning import Seen, seen
from core.sheet import TOLD, Curve, Sheet, facts_of, span_of
from core.types import Mode, Side, Symbol

MOUTAI = Symbol("600519.SH")
CMB = Symbol("600036.SH")
NAMES = {MOUTAI: "贵州茅台", CMB: "招商银行"}
AT = datetime(2026, 11, 18, 2, 31, 5, tzinfo=UTC)
DAY = date(2026, 11, 18)


def quote(symbol: Symbol, last: str | None, preclose: str | None, *, at: datetime = AT) -> Quote:
    return Quote(
        symbol=symbol,
        last=Decimal(last) if last else None,
        preclose=Decimal(preclose) if preclose else None,
        source="测试",
        quoted_at=at,
        received_at=at,
    )


def position(symbol: Symbol, shares: int, cost: str, sellable: int | None = None) -> Position:
    return Position(symbol=symbol, shares=shares, sellable=shares if sellable is None else sellable, cost=Decimal(cost))


def account(*positions: Position, **changes: Any) -> Account:
    given: dict[str, Any] = {
        "id": "paper",
        "name": "模拟账户",
        "mode": Mode.PAPER,
        "cash": Decimal("859963.60"),
        "frozen": Decimal(2000),
        "positions": positions,
        "realized": Decimal("-12.5"),
        "as_of": AT,
    }
    return Account.model_validate(given | changes)


def fill(side: Side, symbol: Symbol, shares: int, price: str, fee: str, at: datetime, key: str = "F") -> Fill:
    return Fill(
        id=f"{key}{at:%d%H%M}",
        order_id="O",
        account="paper",
        symbol=symbol,
        side=side,
        shares=shares,
        price=Decimal(price),
        fee=Decimal(fee),
        at=at,
    )


def sheet(
    account: Account, quotes: Sequence[Quote] = (), fills: Sequence[Fill] = (), *, now: datetime = AT, day: date = DAY
) -> Sheet:
    found: Mapping[Symbol, Seen] = {one.symbol: seen(one) for one in quotes}
    held = {one.symbol for one in account.positions} | {one.symbol for one in fills}
    return Sheet(account, day, now, {symbol: found.get(symbol, seen(None)) for symbol in held}, fills, NAMES)


HELD = position(MOUTAI, 100, "1400.3640", 0)


def test_positions_show_sellable_cost_price_and_profit_with_its_sign() -> None:
    message = render_answers.positions(sheet(account(HELD), [quote(MOUTAI, "1419.09", "1410")]))
    assert message.title == "💼 持仓 1 只，浮动盈亏 +1,872.60 元"
    assert message.text.splitlines() == [
        "贵州茅台(600519)",
        "　持仓 100 股，可卖 0 股，成本 1400.364",
        "　现价 1419.09，盈亏 +1,872.60 元（+1.34%）",
        "",
        "市值 141,909.00 元",
        "模拟账户·模拟，截至 11-18 10:31:05",
    ]


def test_a_position_without_a_price_is_unknown_and_named_where_it_is_left_out() -> None:
    found = sheet(account(HELD, position(CMB, 100, "40")), [quote(CMB, "41", "40")])
    listed = render_answers.positions(found)
    assert "　现价、市值和盈亏未知" in listed.text
    assert "⚠️ 不含 贵州茅台(600519)：没有行情" in listed.text
    total = render_answers.money(found, "total_asset", ())
    assert total.title == "💰 总资产 866,063.60 元（不含 1 只）"
    assert render_answers.money(found, "position_ratio", ()).title == "📊 仓位未知"
    today = render_answers.today(found)
    assert today.title == "📅 今天盈亏 +100.00 元，不含 1 只"
    assert ("未知", "未知", "贵州茅台") in today.table
    row = found.row(MOUTAI)
    assert row is not None
    assert render_answers.one_share(found, row, "weight").title == "贵州茅台(600519)　占比未知"


def test_nothing_of_today_is_known_where_no_price_is() -> None:
    assert render_answers.today(sheet(account(HELD))).title == "📅 今天盈亏未知"


def test_a_quote_of_another_day_says_nothing_of_today() -> None:
    old = quote(MOUTAI, "1419.09", "1410", at=datetime(2026, 11, 17, 7, 0, tzinfo=UTC))
    today = render_answers.today(sheet(account(HELD), [old]))
    assert today.title == "📅 今天盈亏未知"
    assert "贵州茅台(600519)：行情停在 11-17" in today.text


def test_on_a_day_off_the_last_session_is_meant_and_named() -> None:
    saturday = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    friday = quote(MOUTAI, "1420", "1410", at=datetime(2026, 11, 20, 7, 0, tzinfo=UTC))
    found = sheet(account(HELD), [friday], now=saturday, day=date(2026, 11, 20))
    assert render_answers.today(found).title.startswith("📅 11-20 当日盈亏 +1,000.00 元")


def test_an_empty_account_says_so_with_its_cash() -> None:
    message = render_answers.nothing_held(sheet(account()))
    assert message.title == "💼 模拟账户没有持仓"
    assert "可用资金 859,963.60 元" in message.text


def test_the_account_adds_up() -> None:
    message = render_answers.account_card(sheet(account(HELD), [quote(MOUTAI, "1390", "1390")]))
    assert message.title == "💰 账户·模拟账户·模拟"
    for part in ("1,000,963.60", "859,963.60", "2,000.00", "139,000.00", "-1,036.40", "-12.50"):
        assert part in message.text


def test_cash_that_nobody_told_is_not_shown_as_zero() -> None:
    by_hand = account(HELD, mode=Mode.MANUAL, cash=Decimal(0), frozen=Decimal(0), cash_known=False)
    found = sheet(by_hand, [quote(MOUTAI, "1390", "1390")])
    card = render_answers.account_card(found)
    assert "总资产 未知" in card.text
    assert "可用 未登记，用 /cash 登记" in card.text
    assert render_answers.money(found, "total_asset", ()).title == "💰 总资产未知"
    assert render_answers.money(found, "available_cash", ()).title == "💰 可用资金未知"
    assert "登记持仓：/hold" in render_answers.nothing_held(sheet(by_hand.model_copy(update={"positions": ()}))).text


@pytest.mark.parametrize(
    ("ask", "last", "title"),
    [
        ("worst", "1500", "没有在亏的；贵州茅台(600519) 赚得最少：+9,963.60 元（+7.12%）"),
        ("best", "1300", "没有在赚的；贵州茅台(600519) 亏得最少：-10,036.40 元（-7.17%）"),
        ("worst", "1300", "贵州茅台(600519) 亏得最多：-10,036.40 元（-7.17%）"),
    ],
)
def test_the_worst_of_winners_is_no_loser(ask: str, last: str, title: str) -> None:
    assert render_answers.extreme(sheet(account(HELD), [quote(MOUTAI, last, "1400")]), ask).title == title


def test_a_sale_without_a_cost_is_unknown_and_said() -> None:
    gone = fill(Side.SELL, CMB, 100, "41", "5", datetime(2026, 11, 17, 2, 0, tzinfo=UTC))
    found = sheet(account(HELD), [quote(MOUTAI, "1400", "1400")], [gone])
    message = render_past.realized(found, span_of(found, [CMB], None, None), [CMB])
    assert message.title == "💵 招商银行(600036) 已实现盈亏未知"
    assert "1 笔不知道成本" in message.text


def worth(day: int, total: str | None, paid_in: str = "1000000") -> Worth:
    return Worth(
        account="paper",
        day=date(2026, 11, day),
        mode=Mode.PAPER,
        total=Decimal(total) if total else None,
        paid_in=Decimal(paid_in),
        realized=Decimal(0),
        as_of=datetime(2026, 11, day, 7, 5, tzinfo=UTC),
    )


def test_a_deposit_is_no_gain_and_a_missing_day_is_said() -> None:
    days = [worth(16, "1000000"), worth(17, None), worth(18, "1101000", "1100000")]
    message = render_past.curve(account(), Curve(days), "")
    assert message.title == "📈 11-16 至 11-18 增减 +1,000.00 元（+0.10%）"
    assert "⚠️ 缺 1 天的记录（11-17）" in message.text
    assert message.table[1] == ("1,101,000.00", "+1,000", "11-18")
    assert message.chart is not None
    [track] = message.chart.tracks
    assert [(day.place, day.gain) for day in track.days] == [(0, 0), (2, 1_000_000)], "the missing day keeps its place"


def test_a_curve_of_one_day_or_none_says_so() -> None:
    alone = render_past.curve(account(), Curve([worth(16, "1000000")]), "")
    assert alone.chart is None
    assert "下个交易日起就画得出曲线" in alone.text
    assert render_past.curve(account(), Curve([]), "11-01 起").title == "📈 11-01 起没有资产记录"


def test_funds_of_one_name_are_told_apart_by_their_codes() -> None:
    first, second = Symbol("510300.SH"), Symbol("159919.SZ")
    held = account(position(first, 1000, "4.1"), position(second, 2000, "4.2"), name="国信 8880012345")
    found = {one.symbol: seen(one) for one in (quote(first, "4.751", "4.7"), quote(second, "4.1", "4.2"))}
    funds = Sheet(held, DAY, AT, found, (), {first: "沪深300ETF", second: "沪深300ETF"})
    listed, worst = render_answers.positions(funds), render_answers.extreme(funds, "worst")
    assert worst.title == "沪深300ETF(159919) 亏得最多：-200.00 元（-2.38%）"
    assert worst.table[1] == ("-200", "-2.38%", "159919")
    for message in (listed, worst, render_answers.today(funds), render_answers.profit(funds)):
        assert check_message(message, facts_of(funds)) == []


def test_a_share_that_was_sold_does_not_make_the_answer_older() -> None:
    sold = quote(Symbol("600036.SH"), "41", "41").model_copy(update={"quoted_at": AT - timedelta(hours=1)})
    found = sheet(account(HELD, position(sold.symbol, 0, "40")), [quote(MOUTAI, "1419.09", "1410"), sold])
    assert found.as_of == quote(MOUTAI, "1419.09", "1410").quoted_at


def test_a_cost_or_a_cash_below_nothing_is_shown_as_it_is() -> None:
    found = sheet(account(position(MOUTAI, 100, "-3.210"), cash=Decimal(-500)), [quote(MOUTAI, "1400", "1400")])
    row = found.row(MOUTAI)
    assert row is not None
    shown = render_answers.one_share(found, row, "cost")
    assert shown.title == "贵州茅台(600519)　成本 -3.210 元"
    cash = render_answers.money(found, "available_cash", ())
    assert cash.title == "💰 可用资金 -500.00 元"
    assert check_message(shown, facts_of(found), MOUTAI) == []
    assert check_message(cash, facts_of(found)) == []
    assert check_message(cash.model_copy(update={"title": "💰 可用资金 500.00 元"}), facts_of(found))


def many(count: int) -> Sheet:
    symbols = [Symbol(f"60{number:04}.SH") for number in range(count)]
    held = account(*(position(symbol, 100 * (place + 1), "10.123") for place, symbol in enumerate(symbols)))
    quotes = [quote(symbol, f"{10 + place / 7:.2f}", "10") for place, symbol in enumerate(symbols)]
    found = {one.symbol: seen(one) for one in quotes}
    return Sheet(
        held, DAY, AT, found, (), {symbol: f"某某公{chr(0x4E00 + place)}" for place, symbol in enumerate(symbols)}
    )


@pytest.mark.parametrize("count", [1, 6, 7, 40])
def test_no_line_of_a_table_is_wider_than_a_phone_and_every_column_stands(count: int) -> None:
    found = many(count)
    shown: list[Message] = [
        render_answers.positions(found),
        render_answers.profit(found),
        render_answers.today(found),
        render_answers.extreme(found, "best"),
        render_answers.extreme_today(found, "worst"),
        render_answers.largest(found),
        render_answers.losers(found),
        *(render_answers.each_share(found, ask) for ask in ("cost", "quantity", "sellable", "holding_days", "weight")),
    ]
    for message in shown:
        lines = columns(message.table)
        assert all(cells(line) <= WIDTH for line in lines), "\n".join(lines)
        assert len(lines) <= TOLD + 1
        if message.table:
            ends = {cells(line) - cells(row[-1]) for line, row in zip(lines[1:], message.table[1:], strict=True)}
            assert len(ends) == 1, "every name begins in the same column"
        assert check_message(message, facts_of(found)) == []
