"""The arithmetic of the book by numbers computed by hand, and what its file does when it is in trouble."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers.arithmetic import (
    Holding,
    Line,
    Lot,
    bought,
    entitled,
    fee_of_amount,
    fee_of_fill,
    held,
    settled,
    sold,
    step,
    tied_up,
)
from adapters.brokers.ledger import Ledger, open_ledger
from core.errors import ConfigError, Malformed, Unavailable
from core.ex_dates import ExDate
from core.orders import Fill, Order, OrderState, Report, ReportKind
from core.types import Mode, Money, Shares, Side, Symbol

MOUTAI = Symbol("600519.SH")
BANK = Symbol("600000.SH")
GOLD = Symbol("518880.SH")
MONDAY = date(2026, 3, 23)
FRIDAY = date(2026, 3, 20)
AT = datetime(2026, 3, 23, 2, 0, tzinfo=UTC)
D = Decimal


def an_order(
    order_id: str = "dp1", side: Side = Side.BUY, shares: Shares = 1000, limit: str = "10.00", symbol: Symbol = BANK
) -> Order:
    return Order(
        id=order_id,
        ticket_id="1",
        account="sim",
        mode=Mode.PAPER,
        symbol=symbol,
        side=side,
        shares=shares,
        limit=D(limit),
        created_at=AT,
        updated_at=AT,
    )


def a_report(order: Order, kind: ReportKind = ReportKind.ACCEPTED) -> Report:
    return Report(kind=kind, order_id=order.id, account="sim", at=AT)


def a_fill(order: Order, number: int, shares: Shares, price: str, fee: str) -> Report:
    fill = Fill(
        id=f"{order.id}-{number}",
        order_id=order.id,
        account="sim",
        symbol=order.symbol,
        side=order.side,
        shares=shares,
        price=D(price),
        fee=D(fee),
        at=AT,
    )
    return Report(kind=ReportKind.FILL, order_id=order.id, account="sim", at=AT, fill=fill)


def a_book(path: Path | None = None, cash: str = "100000") -> Ledger:
    return open_ledger(
        path,
        account="sim",
        mode=Mode.PAPER,
        source="模拟账户",
        cash=D(cash),
        positions={BANK: (500, D("9.50"))},
    )


# --- arithmetic ---


def test_the_cost_of_a_buy_includes_its_fees() -> None:
    holding = bought(Holding(MOUTAI), 100, D("140000.00"), D("36.40"), MONDAY)
    assert holding == Holding(MOUTAI, (Lot(MONDAY, 100),), D("140036.40"))
    assert holding.average == D("1400.3640")


def test_two_buys_average_and_keep_their_days() -> None:
    holding = bought(Holding(BANK), 100, D("1000.00"), D("5.01"), FRIDAY)
    holding = bought(holding, 300, D("3300.00"), D("5.03"), MONDAY)
    assert holding.lots == (Lot(FRIDAY, 100), Lot(MONDAY, 300))
    assert holding.cost == D("4310.04")
    assert holding.average == D("10.7751")


def test_a_sale_earns_proceeds_less_fees_less_cost() -> None:
    holding = bought(Holding(MOUTAI), 100, D("140000.00"), D("36.40"), FRIDAY)
    after = sold(holding, 100, D("141000.00"), D("107.16"))
    assert after.realized == D("856.44")
    assert (after.shares, after.cost, after.average) == (0, D(0), D(0))


def test_partial_sales_give_back_the_whole_cost_to_the_fen() -> None:
    holding = Holding(BANK, (Lot(FRIDAY, 300),), D("1000.00"))
    costs = []
    for _ in range(3):
        after = sold(holding, 100, D(0), D(0))
        costs.append(holding.cost - after.cost)
        holding = after
    assert costs == [D("333.33"), D("333.34"), D("333.33")]
    assert holding.realized == D("-1000.00")


def test_nothing_of_the_cost_stays_behind_the_last_share() -> None:
    # 37 units at 4.751 cost less than whole fen.
    after = sold(Holding(GOLD, (Lot(FRIDAY, 37),), D("175.787")), 37, D("180.000"), D("5.00"))
    assert (after.cost, after.realized) == (D(0), D("-0.787"))


def test_the_oldest_shares_are_sold_first() -> None:
    holding = Holding(BANK, (Lot(FRIDAY, 100), Lot(MONDAY, 300)), D("4000.00"))
    assert sold(holding, 200, D("2000.00"), D(0)).lots == (Lot(MONDAY, 200),)


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="200 sold of 100"):
        sold(Holding(BANK, (Lot(FRIDAY, 100),), D("1000")), 200, D("2000"), D(0))


@pytest.mark.parametrize(
    ("symbol", "bought_on", "today", "expected"),
    [
        (BANK, date(2026, 3, 20), date(2026, 3, 20), 0),
        (BANK, date(2026, 3, 20), date(2026, 3, 21), 0),
        (BANK, date(2026, 3, 20), date(2026, 3, 23), 100),
        (BANK, date(2026, 9, 30), date(2026, 10, 7), 0),
        (BANK, date(2026, 9, 30), date(2026, 10, 8), 100),
        (GOLD, date(2026, 9, 30), date(2026, 9, 30), 100),
    ],
)
def test_shares_settle_on_the_next_trading_day(symbol: Symbol, bought_on: date, today: date, expected: Shares) -> None:
    assert settled(Holding(symbol, (Lot(bought_on, 100),), D(1000)), today) == expected


def test_shares_from_before_the_book_are_sellable_even_on_a_sunday() -> None:
    assert settled(held(BANK, 500, D("9.50")), date(2026, 3, 22)) == 500


@pytest.mark.parametrize(
    ("symbol", "side", "amount", "expected"),
    [
        (BANK, Side.BUY, "1000.00", "5.01"),  # 5 + 0.01
        (BANK, Side.SELL, "1000.00", "5.51"),  # 5 + 0.50 + 0.01
        (MOUTAI, Side.BUY, "140000.00", "36.40"),  # 35 + 1.40
        (MOUTAI, Side.SELL, "141000.00", "107.16"),  # 35.25 + 70.50 + 1.41
        (GOLD, Side.SELL, "40000.00", "10.00"),  # no duty, no transfer
        (BANK, Side.BUY, "0", "0"),
    ],
)
def test_fees_to_the_fen(symbol: Symbol, side: Side, amount: str, expected: str) -> None:
    assert fee_of_amount(symbol, side, D(amount), MONDAY) == D(expected)


def test_the_minimum_commission_is_paid_once_per_order() -> None:
    order = an_order(limit="12.00")
    charged: list[Money] = []
    for number, shares in enumerate((300, 300, 400), start=1):
        charged.append(fee_of_fill(order, shares, D("12.00"), MONDAY))
        line, *_ = step(
            Line(order, MONDAY, D(0)),
            a_fill(order, number, shares, "12.00", str(charged[-1])),
            D(0),
            Holding(BANK),
            MONDAY,
        )
        order = line.order
    assert charged == [D("5.04"), D("0.03"), D("0.05")]
    assert order.fees == D("5.12") == fee_of_amount(BANK, Side.BUY, D("12000.00"), MONDAY)


def test_an_open_buy_ties_up_its_limit_and_fees() -> None:
    assert tied_up(an_order(), MONDAY) == D("10005.10")
    assert tied_up(an_order(side=Side.SELL), MONDAY) == 0


def test_a_fill_below_the_limit_frees_the_difference() -> None:
    order = an_order()
    line, cash, holding = step(
        Line(order, MONDAY, D("10005.10")), a_fill(order, 1, 400, "9.90", "5.04"), D("0.00"), Holding(BANK), MONDAY
    )
    # 10005.10 - 6000.06 still tied up - 3960.00 - 5.04
    assert (line.frozen, cash) == (D("6000.06"), D("40.00"))
    assert (holding.shares, holding.cost) == (400, D("3965.04"))


def test_a_fill_told_twice_moves_nothing() -> None:
    order = an_order()
    report = a_fill(order, 1, 400, "9.90", "5.04")
    line, cash, holding = step(Line(order, MONDAY, D("10005.10")), report, D(0), Holding(BANK), MONDAY)
    assert step(line, report, cash, holding, MONDAY) == (line, cash, holding)


def test_a_late_fill_after_cancel_counts() -> None:
    order = an_order().model_copy(update={"state": OrderState.CANCELLED})
    line, cash, holding = step(
        Line(order, MONDAY, D(0)), a_fill(order, 1, 400, "9.90", "5.04"), D("5000"), Holding(BANK), MONDAY
    )
    assert (line.order.state, line.frozen, cash, holding.shares) == (OrderState.CANCELLED, D(0), D("1034.96"), 400)


# --- the file ---


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "sim.db"
    book = a_book(path)
    order, other = an_order("dp1"), an_order("dp2", Side.SELL, 200)
    book.place(order, a_report(order), MONDAY)
    book.place(other, a_report(other), MONDAY)
    book.record(a_fill(order, 1, 400, "9.90", "5.04"), MONDAY)
    before = (
        book.account("sim", "模拟", Mode.PAPER, AT),
        list(book.open.items()),
        book.reports("dp1"),
        dict(book.holdings),
    )
    book.close()

    again = a_book(path, cash="1")
    assert (
        again.account("sim", "模拟", Mode.PAPER, AT),
        list(again.open.items()),
        again.reports("dp1"),
        dict(again.holdings),
    ) == before
    assert again.record(a_fill(order, 1, 400, "9.90", "5.04"), MONDAY) is None
    again.close()


def test_an_order_is_entered_once() -> None:
    book = a_book()
    book.place(an_order(), a_report(an_order()), MONDAY)
    with pytest.raises(ValueError, match="already"):
        book.place(an_order(), a_report(an_order()), MONDAY)
    book.close()


def test_a_report_for_an_unknown_order_is_our_bug() -> None:
    book = a_book()
    with pytest.raises(KeyError):
        book.record(a_report(an_order()), MONDAY)
    assert book.reports("dp1") is None
    book.close()


def test_what_was_sold_whole_leaves_the_account_and_keeps_what_it_earned() -> None:
    book = a_book()
    order = an_order(side=Side.SELL, shares=500)
    book.place(order, a_report(order), MONDAY)
    assert book.sellable(BANK, MONDAY) == 0
    book.record(a_fill(order, 1, 500, "10.00", "7.55"), MONDAY)
    account = book.account("sim", "模拟", Mode.PAPER, AT)
    assert (account.positions, account.realized) == ((), D("242.45"))
    assert book.cash == D("104992.45")
    book.close()


def test_a_full_disk_leaves_the_step_undone() -> None:
    book = a_book()
    orders = [an_order(f"dp{number}", shares=100, limit="0.01") for number in range(1000)]
    book._db.execute(f"PRAGMA max_page_count = {book._db.execute('PRAGMA page_count').fetchone()[0]}")

    def enter_all() -> None:
        for order in orders:
            book.place(order, a_report(order), MONDAY)

    with pytest.raises(Unavailable, match="磁盘已满"):
        enter_all()
    entered = book.count()
    assert 0 < entered < len(orders)
    assert list(book.open) == [order.id for order in orders[:entered]]
    assert book.reports(f"dp{entered}") is None
    assert book.cash == D(100000) - entered * D("6.00")
    book.close()


def test_a_book_in_use_is_refused_at_once(tmp_path: Path) -> None:
    book = a_book(tmp_path / "sim.db")
    with pytest.raises(Unavailable, match="另一个程序"):
        a_book(tmp_path / "sim.db")
    book.close()
    a_book(tmp_path / "sim.db").close()


@pytest.mark.parametrize(("account", "mode"), [("other", Mode.PAPER), ("sim", Mode.MANUAL)])
def test_the_book_of_another_account_is_refused(tmp_path: Path, account: str, mode: Mode) -> None:
    a_book(tmp_path / "sim.db").close()
    with pytest.raises(ConfigError, match="属于模拟账户“sim”"):
        open_ledger(tmp_path / "sim.db", account=account, mode=mode, source="手动账户")


def test_a_file_that_is_no_book_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, only a long enough text file that somebody pointed us to " * 20, encoding="utf-8")
    with pytest.raises(Malformed, match="不是账本"):
        a_book(text)
    assert text.read_text(encoding="utf-8").startswith("not a database")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE things (name TEXT)")
    db.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(Malformed, match="不是本程序能读的账本"):
        a_book(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_record_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    book = a_book(tmp_path / "sim.db")
    book.place(an_order(), a_report(an_order()), MONDAY)
    book.close()
    db = sqlite3.connect(tmp_path / "sim.db")
    db.execute("UPDATE orders SET body = '{}'")
    db.commit()
    db.close()
    with pytest.raises(Malformed, match="读不懂"):
        a_book(tmp_path / "sim.db")


def test_a_path_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match="打不开账本"):
        a_book(tmp_path / "file" / "sim.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unavailable, match="打不开账本"):
        a_book(tmp_path / "folder")


def test_a_closed_book_cannot_say() -> None:
    book = a_book()
    book.close()
    with pytest.raises(Unavailable):
        book.reports("dp1")


def test_what_was_bought_on_an_ex_date_has_no_part_in_it() -> None:
    ex = ExDate(symbol=BANK, day=date(2026, 3, 24), close=D("10.00"), preclose=D("9.50"))
    holding = Holding(BANK, (Lot(date(2026, 3, 23), 100), Lot(date(2026, 3, 24), 100)), D("1950.00"))
    found = entitled(holding, ex)
    assert found is not None
    after, cash, booked = found
    assert (cash, booked.held, after.cost, after.lots) == (D("50.00"), 100, D("1900.00"), holding.lots)
    assert entitled(Holding(BANK, holding.lots[1:], D("950.00")), ex) is None


def test_bonus_shares_may_be_sold_at_once_and_leave_the_days_of_the_others_as_they_are() -> None:
    ex = ExDate(symbol=BANK, day=date(2026, 3, 24), close=D("10.00"), preclose=D("5.00"))
    holding = Holding(BANK, (Lot(date(2026, 3, 23), 100), Lot(date(2026, 3, 24), 100)), D("1500.00"))
    found = entitled(holding, ex)
    assert found is not None
    after, cash, _booked = found
    assert (after.shares, cash, after.cost) == (300, D("0.00"), D("1500.00"))
    assert settled(after, date(2026, 3, 24)) == 200


def test_a_book_of_the_version_before_is_opened_and_may_enter_ex_dates(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    opened = open_ledger(path, account="sim", mode=Mode.PAPER, source="模拟账户", positions={BANK: (100, D("9.00"))})
    opened.close()
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP TABLE ex_dates")
        old.execute("PRAGMA user_version = 2")
    again = open_ledger(path, account="sim", mode=Mode.PAPER, source="模拟账户")
    ex = ExDate(symbol=BANK, day=date(2026, 3, 24), close=D("10.00"), preclose=D("9.50"))
    assert again.record_ex_date(ex) is not None
    assert again.cash == D("50.00")
    again.close()
