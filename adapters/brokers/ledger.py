"""The durable book of an account that has no counter behind it: cash, shares by the day of purchase, orders, reports.

The arithmetic is pure and has its own file; :class:`Ledger` keeps its results in a small SQLite file of its own, one
transaction per step, and holds in memory only what the file already says. A file belongs to one account, and one
process at a time: it is held while it is open, because two books of the same money would both be wrong. A backup may
read it all the same.

The calls are short and block: nothing can come between the check of the cash and its freezing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from adapters.brokers.arithmetic import Holding, Line, Lot, entitled, held, settled, step, tied_up
from adapters.brokers.held import hold
from core.calendar import trading_date
from core.errors import ConfigError, Malformed, Unavailable
from core.ex_dates import Entitlement, ExDate
from core.orders import Fill, Order, Report, apply
from core.portfolio import Account, Position
from core.statement import Placed, Statement, Trade
from core.types import Mode, Money, Price, Shares, Side, Symbol

_PATIENCE: Final = 5.0
"""Seconds to wait for whoever reads the book."""
_VERSION: Final = 3
_TABLES: Final = """
CREATE TABLE book (one INTEGER PRIMARY KEY CHECK (one = 1), account TEXT NOT NULL, mode TEXT NOT NULL,
                   cash TEXT NOT NULL, cash_known INTEGER NOT NULL);
CREATE TABLE holdings (symbol TEXT PRIMARY KEY, cost TEXT NOT NULL, realized TEXT NOT NULL);
CREATE TABLE lots (symbol TEXT NOT NULL, day TEXT NOT NULL, shares INTEGER NOT NULL CHECK (shares > 0),
                   PRIMARY KEY (symbol, day));
CREATE TABLE orders (id TEXT PRIMARY KEY, day TEXT NOT NULL, final INTEGER NOT NULL, frozen TEXT NOT NULL,
                     body TEXT NOT NULL);
CREATE TABLE reports (seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id), fill_id TEXT UNIQUE,
                      body TEXT NOT NULL);
CREATE INDEX reports_of_order ON reports (order_id, seq);
CREATE TABLE ex_dates (symbol TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (symbol, day));
"""
_FROM_2: Final = "CREATE TABLE ex_dates (symbol TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (symbol, day))"
"""What makes a book of version 2 one of version 3."""


class Ledger:
    """One account in one file.

    Every method raises Unavailable when the file cannot be read or written; the step is then not done at all.
    """

    def __init__(self, connection: sqlite3.Connection, source: str, lock: sqlite3.Connection | None = None) -> None:
        self._db = connection
        self._lock = lock
        self._source = source
        self.cash: Money = Decimal(0)
        self.cash_known = True
        """False until somebody says what there is: then ``cash`` only counts what was traded since."""
        self.holdings: dict[Symbol, Holding] = {}
        self.open: dict[str, Line] = {}
        """Orders that are not final, in the order they were entered."""
        self._load()

    def close(self) -> None:
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def line(self, order_id: str) -> Line | None:
        """The order as the book has it, final or not."""
        if order_id in self.open:
            return self.open[order_id]
        rows = self._rows("SELECT body, day, frozen FROM orders WHERE id = ?", order_id)
        return _line(*rows[0]) if rows else None

    def reports(self, order_id: str) -> tuple[Report, ...] | None:
        """Everything told of an order, in order; None when it is not in the book."""
        rows = self._rows("SELECT body FROM reports WHERE order_id = ? ORDER BY seq", order_id)
        return tuple(Report.model_validate_json(body) for (body,) in rows) or None

    def count(self) -> int:
        """How many orders were ever entered."""
        return int(self._rows("SELECT count(*) FROM orders")[0][0])

    def place(self, order: Order, report: Report, day: date) -> Line:
        """Enter a new order together with the first report of it, and freeze what it may cost.

        Raises:
            ValueError: the order is there already.
        """
        if self.line(order.id) is not None:
            raise ValueError(f"{order.id} is in the book already")
        after = apply(order, report)
        line = Line(order=after, day=day, frozen=tied_up(after, day))
        cash = self.cash - line.frozen
        with self._transaction():
            self._write_line(line)
            self._write_report(report)
            self._write_cash(cash)
        self.cash = cash
        self._remember(line)
        return line

    def record(self, report: Report, day: date) -> Line | None:
        """Write a report and all that follows from it; None, and nothing written, when it says nothing new.

        Args:
            day: the market date of the fill.

        Raises:
            KeyError: no such order.
            ValueError: more filled than ordered, or more sold than held.
        """
        before = self.line(report.order_id)
        if before is None:
            raise KeyError(report.order_id)
        symbol = before.order.symbol
        line, cash, holding = step(before, report, self.cash, self.holding(symbol), day)
        if line is before:
            return None
        with self._transaction():
            self._write_line(line)
            self._write_report(report)
            self._write_cash(cash)
            if report.fill is not None:
                self._write_holding(holding)
        self.cash = cash
        if report.fill is not None:
            self.holdings[symbol] = holding
        self._remember(line)
        return line

    def set_cash(self, cash: Money) -> None:
        """Say what is free to buy with; what is frozen stays frozen."""
        with self._transaction():
            self._write_cash(cash)
            self._db.execute("UPDATE book SET cash_known = 1")
        self.cash, self.cash_known = cash, True

    def set_holding(self, holding: Holding, today: date) -> None:
        """Say what is held of one symbol; an ex-date of today is in these numbers already."""
        with self._transaction():
            self._write_holding(holding)
            self._db.execute("INSERT OR IGNORE INTO ex_dates (symbol, day) VALUES (?, ?)", (holding.symbol, str(today)))
        self.holdings[holding.symbol] = holding

    def record_ex_date(self, ex: ExDate) -> Entitlement | None:
        """Enter what an ex-date brings; None, and nothing written, when it brings nothing or is entered already."""
        found = entitled(self.holding(ex.symbol), ex)
        if found is None or self._rows("SELECT 1 FROM ex_dates WHERE symbol = ? AND day = ?", ex.symbol, str(ex.day)):
            return None
        holding, cash, booked = found
        with self._transaction():
            self._db.execute("INSERT INTO ex_dates (symbol, day) VALUES (?, ?)", (ex.symbol, str(ex.day)))
            self._write_cash(self.cash + cash)
            self._write_holding(holding)
        self.cash += cash
        self.holdings[ex.symbol] = holding
        return booked

    def holding(self, symbol: Symbol) -> Holding:
        return self.holdings.get(symbol) or Holding(symbol)

    def sellable(self, symbol: Symbol, today: date) -> Shares:
        """What may be sold today and is not in an open sell order; never below 0."""
        selling = sum(
            line.order.open_shares
            for line in self.open.values()
            if line.order.symbol == symbol and line.order.side is Side.SELL
        )
        return max(settled(self.holding(symbol), today) - selling, 0)

    def account(self, account: str, name: str, mode: Mode, now: datetime) -> Account:
        """The account as it is now. What was sold whole is not among its positions, but in what it has realized."""
        today = trading_date(now)
        return Account(
            id=account,
            name=name,
            mode=mode,
            cash=self.cash if self.cash_known else Decimal(0),
            cash_known=self.cash_known,
            frozen=sum((line.frozen for line in self.open.values()), Decimal(0)),
            positions=tuple(
                Position(
                    symbol=symbol,
                    shares=holding.shares,
                    sellable=self.sellable(symbol, today),
                    cost=holding.average,
                    realized=holding.realized,
                )
                for symbol, holding in sorted(self.holdings.items())
                if holding.shares
            ),
            realized=sum((holding.realized for holding in self.holdings.values()), Decimal(0)),
            as_of=now,
        )

    def statement(self, account: str, name: str, mode: Mode, now: datetime) -> Statement:
        """The account with the orders and trades of today; all of them are ours."""
        today = trading_date(now)
        listed = self._rows(
            "SELECT body, day, frozen FROM orders WHERE day = ? OR NOT final ORDER BY rowid", str(today)
        )
        orders = [_line(*row).order for row in listed]
        bodies = self._rows("SELECT body FROM reports WHERE fill_id IS NOT NULL ORDER BY seq DESC LIMIT 1000")
        reports = [Report.model_validate_json(body) for (body,) in reversed(bodies)]
        return Statement(
            account=self.account(account, name, mode, now),
            orders=tuple(_placed(order) for order in orders),
            trades=tuple(
                _trade(report.fill) for report in reports if report.fill and trading_date(report.fill.at) == today
            ),
        )

    def _remember(self, line: Line) -> None:
        if line.order.state.final:
            self.open.pop(line.order.id, None)
        else:
            self.open[line.order.id] = line

    def _load(self) -> None:
        cash, known = self._rows("SELECT cash, cash_known FROM book")[0]
        self.cash, self.cash_known = Decimal(cash), bool(known)
        lots: dict[str, list[Lot]] = {}
        for symbol, day, shares in self._rows("SELECT symbol, day, shares FROM lots ORDER BY symbol, day"):
            lots.setdefault(symbol, []).append(Lot(date.fromisoformat(day), shares))
        for symbol, cost, realized in self._rows("SELECT symbol, cost, realized FROM holdings"):
            self.holdings[Symbol(symbol)] = Holding(
                Symbol(symbol), tuple(lots.get(symbol, ())), Decimal(cost), Decimal(realized)
            )
        for body, day, frozen in self._rows("SELECT body, day, frozen FROM orders WHERE NOT final ORDER BY rowid"):
            self._remember(_line(body, day, frozen))

    def _write_cash(self, cash: Money) -> None:
        self._db.execute("UPDATE book SET cash = ?", (str(cash),))

    def _write_line(self, line: Line) -> None:
        order = line.order
        self._db.execute(
            "INSERT INTO orders (id, day, final, frozen, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET final = excluded.final, frozen = excluded.frozen, body = excluded.body",
            (order.id, line.day.isoformat(), order.state.final, str(line.frozen), order.model_dump_json()),
        )

    def _write_report(self, report: Report) -> None:
        fill_id = report.fill.id if report.fill else None
        self._db.execute(
            "INSERT INTO reports (order_id, fill_id, body) VALUES (?, ?, ?)",
            (report.order_id, fill_id, report.model_dump_json()),
        )

    def _write_holding(self, holding: Holding) -> None:
        _insert_holding(self._db, holding)

    def _rows(self, query: str, *values: str) -> Sequence[tuple[Any, ...]]:
        with translated(self._source):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self._source), transaction(self._db):
            yield


def open_ledger(
    path: Path | None,
    *,
    account: str,
    mode: Mode,
    source: str,
    cash: Money | None = Decimal(0),
    positions: Mapping[Symbol, tuple[Shares, Price]] | None = None,
) -> Ledger:
    """Open the book, or begin it with ``cash`` and ``positions``, which a book that exists does not look at.

    Args:
        path: None keeps it in memory.
        source: what errors call it.
        cash: None says that nobody has told it yet.
        positions: shares and average cost; sellable at once.

    Raises:
        ConfigError: the file is the book of another account or mode.
        Unavailable: it cannot be opened or is in use.
        Malformed: it is no book of ours.
    """
    with translated(source):
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Nobody else writes here, so waiting for a lock would only delay the sentence that says so.
            lock = None if path is None else hold(path)
        except OSError as error:
            raise Unavailable(source, f"打不开账本 {path}：{error.strerror}。请检查文件夹和权限。") from error
        with ExitStack() as opened:
            if lock is not None:
                opened.callback(lock.close)
            # A backup may read it, and lock it for a moment when it ends.
            db = sqlite3.connect(":memory:" if path is None else path, timeout=_PATIENCE, isolation_level=None)
            opened.callback(db.close)
            try:
                # Looked at before anything is written: the file may be another program's.
                if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    _check(db, path, source, account, mode)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                with transaction(db):
                    _begin(db, account, mode, cash, positions or {})
                ledger = Ledger(db, source, lock)
            except ValueError as error:  # pydantic's and decimal's: somebody wrote into the file
                raise Malformed(source, f"账本 {path} 里的记录读不懂，请用备份替换它。") from error
            opened.pop_all()
            return ledger


def _begin(
    db: sqlite3.Connection,
    account: str,
    mode: Mode,
    cash: Money | None,
    positions: Mapping[Symbol, tuple[Shares, Price]],
) -> None:
    """Make the tables, where the file is empty."""
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute(
        "INSERT INTO book (one, account, mode, cash, cash_known) VALUES (1, ?, ?, ?, ?)",
        (account, mode.value, str(cash or Decimal(0)), cash is not None),
    )
    for symbol, (shares, cost) in positions.items():
        _insert_holding(db, held(symbol, shares, cost))


def _insert_holding(db: sqlite3.Connection, holding: Holding) -> None:
    db.execute(
        "INSERT INTO holdings (symbol, cost, realized) VALUES (?, ?, ?)"
        " ON CONFLICT (symbol) DO UPDATE SET cost = excluded.cost, realized = excluded.realized",
        (holding.symbol, str(holding.cost), str(holding.realized)),
    )
    db.execute("DELETE FROM lots WHERE symbol = ?", (holding.symbol,))
    db.executemany(
        "INSERT INTO lots (symbol, day, shares) VALUES (?, ?, ?)",
        [(holding.symbol, lot.day.isoformat(), lot.shares) for lot in holding.lots],
    )


def _check(db: sqlite3.Connection, path: Path | None, source: str, account: str, mode: Mode) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 2:
        with transaction(db):
            db.execute(_FROM_2)
            db.execute(f"PRAGMA user_version = {_VERSION}")
    elif version != _VERSION:
        raise Malformed(source, f"{path} 不是本程序能读的账本，请换一个文件名，或升级程序。")
    whose, stored = db.execute("SELECT account, mode FROM book").fetchone()
    if (whose, stored) != (account, mode.value):
        kind = Mode(stored).chinese
        raise ConfigError(
            [f"账本 {path} 属于{kind}账户“{whose}”，不能给{mode.chinese}账户“{account}”用，请换一个文件。"]
        )


def _placed(order: Order) -> Placed:
    return Placed(
        id=order.id,
        broker_id=order.broker_id or order.id,
        symbol=order.symbol,
        side=order.side,
        shares=order.shares,
        limit=order.limit,
        filled=order.filled,
        state=order.state,
        at=order.created_at,
    )


def _trade(fill: Fill) -> Trade:
    return Trade(
        id=fill.id,
        order_id=fill.order_id,
        broker_id=fill.order_id,
        symbol=fill.symbol,
        side=fill.side,
        shares=fill.shares,
        price=fill.price,
        fee=fill.fee,
        at=fill.at,
    )


def _line(body: str, day: str, frozen: str) -> Line:
    return Line(order=Order.model_validate_json(body), day=date.fromisoformat(day), frozen=Decimal(frozen))


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled it back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


_REASONS: Final = {
    "SQLITE_BUSY": "账本正被另一个程序使用，请先关掉它。",
    "SQLITE_FULL": "磁盘已满，账本写不进去，请腾出空间。",
    "SQLITE_READONLY": "账本文件是只读的，请检查权限。",
    "SQLITE_CANTOPEN": "打不开账本文件，请检查路径和权限。",
}
_BROKEN: Final = {"SQLITE_NOTADB", "SQLITE_CORRUPT"}


@contextmanager
def translated(source: str) -> Iterator[None]:
    """SQLite's exceptions in our words."""
    try:
        yield
    except sqlite3.Error as error:
        # Extended names such as SQLITE_READONLY_DIRECTORY begin with the plain one.
        name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
        if name in _BROKEN:
            raise Malformed(source, "账本文件已损坏，或者不是账本，请用备份替换它。") from error
        raise Unavailable(source, _REASONS.get(name, f"账本读写失败（{error}），请检查磁盘。")) from error
