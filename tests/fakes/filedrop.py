"""A big QMT at our hand: the real script runs in this process or in one of its own, and time passes while the bot waits.

:class:`World` is a bot, a folder, a client and an exchange; :class:`PaperCounter` is a counter for :class:`tests.fakes.bigqmt_host.Host` that trades like the paper account;
:class:`Client` is a client in a process of its own, which can be killed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from adapters.brokers import filedrop
from adapters.brokers.filedrop_folder import Purpose, sealed
from adapters.brokers.paper import PaperBroker
from core.clock import MARKET_ZONE, Clock, ManualClock, market_time
from core.orders import Order, OrderState, ReportKind, apply
from core.statement import Placed, Trade
from core.types import Mode, Side, Symbol, code_of, exchange_of
from tests.fakes.bigqmt_host import Exchange, Host, Row

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT / "adapters" / "brokers" / "bigqmt" / "dingpan_qmt.py"
HOST: Final = Path(__file__).with_name("bigqmt_host.py")
BANK: Final = Symbol("600000.SH")
ORDER: Final = "dp0000000A"
NUMBER: Final = "880012345678"
KEY: Final = "5f" * 32

T = TypeVar("T")


def old_python() -> str | None:
    """The client's own Python, 3.6, where this computer has one."""
    installed = sorted(Path.home().glob(".pyenv/versions/3.6.*/bin/python"))
    return next((str(path) for path in installed), None) or shutil.which("python3.6")


_CODES: Final = {
    OrderState.ACCEPTED: 50,
    OrderState.PARTIAL: 55,
    OrderState.FILLED: 56,
    OrderState.CANCELLED: 54,
    OrderState.EXPIRED: 54,
    OrderState.REJECTED: 57,
}


def settings(folder: Path, **limits: object) -> dict[str, object]:
    """What a person sets at the top of the script; limits that stand in nobody's way unless they are given."""
    return {
        "FOLDER": str(folder / "drop"),
        "ACCOUNT": NUMBER,
        "KEY": KEY,
        "RECORDS": str(folder / "records"),
        "MAX_YUAN_PER_ORDER": 10**9,
        "MAX_BUY_YUAN_PER_DAY": 10**9,
        "MAX_ORDERS_PER_DAY": 10**6,
        **limits,
    }


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        step.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


class PaperCounter:
    """What the client gives to a strategy, with the paper account for a counter."""

    def __init__(self, paper: Callable[[], PaperBroker], clock: Clock) -> None:
        self._paper = paper
        self._clock = clock
        self.callback: Callable[..., object] = lambda *_: None

    def now(self) -> float:
        return self._clock.now().timestamp()

    def passorder(self, *given: Any) -> None:
        kind, _, _, code, _, price, volume, _, _, remark, _ = given
        paper, now = self._paper(), self._clock.now()
        order = Order(
            id=remark,
            ticket_id=remark,
            account=paper.account,
            mode=Mode.PAPER,
            symbol=Symbol(code),
            side=Side.BUY if kind == 23 else Side.SELL,
            shares=volume,
            limit=Decimal(str(price)),
            created_at=now,
            updated_at=now,
        )
        at_once(paper.submit(order))

    def get_trade_detail_data(self, account: str, kind: str, what: str) -> list[Row]:
        seen = at_once(self._paper().statement())
        if what == "account":
            return [Row(m_dAvailable=float(seen.account.cash), m_dFrozenCash=float(seen.account.frozen))]
        if what == "position":
            return [
                Row(
                    **_code(one.symbol),
                    m_nVolume=one.shares,
                    m_nCanUseVolume=one.sellable,
                    m_dOpenPrice=float(one.cost),
                )
                for one in seen.account.positions
            ]
        if what == "order":
            return [_order_row(one) for one in seen.orders]
        numbers = {one.id: one.broker_id for one in seen.orders}
        return [_deal_row(one, numbers[one.order_id]) for one in seen.trades]

    def cancel(self, number: str, *_: object) -> bool:
        paper, now = self._paper(), self._clock.now()
        placed = next(one for one in at_once(paper.statement()).orders if one.broker_id == number)
        fields = placed.model_dump(include={"id", "symbol", "side", "shares", "limit"})
        at_once(
            paper.cancel(
                Order(**fields, ticket_id="", account="", mode=Mode.PAPER, created_at=now, updated_at=now),
            )
        )
        return True


def _code(symbol: Symbol) -> dict[str, str]:
    return {"m_strInstrumentID": code_of(symbol), "m_strExchangeID": exchange_of(symbol)}


def _when(kind: str, at: datetime) -> dict[str, str]:
    local = market_time(at)
    return {f"m_str{kind}Date": f"{local:%Y%m%d}", f"m_str{kind}Time": f"{local:%H%M%S}"}


def _order_row(one: Placed) -> Row:
    return Row(
        **_code(one.symbol),
        **_when("Insert", one.at),
        m_strRemark=one.id,
        m_strOrderSysID=one.broker_id,
        m_nOffsetFlag=48 if one.side is Side.BUY else 49,
        m_dLimitPrice=float(one.limit or 0),
        m_nVolumeTotalOriginal=one.shares,
        m_nVolumeTraded=one.filled,
        m_nOrderStatus=53 if one.filled and one.state is OrderState.CANCELLED else _CODES[one.state],
    )


def _deal_row(one: Trade, number: str) -> Row:
    return Row(
        **_code(one.symbol),
        **_when("Trade", one.at),
        m_strRemark=one.order_id,
        m_strOrderSysID=number,
        m_strTradeID=one.id,
        m_nOffsetFlag=48 if one.side is Side.BUY else 49,
        m_dPrice=float(one.price),
        m_nVolume=one.shares,
        m_dComssion=float(one.fee or 0),
    )


class EnoughError(Exception):
    pass


async def enough(_seconds: float) -> None:
    """A wait after which a test wants no more."""
    raise EnoughError


class World:
    """A bot, a folder, a client with its script, and an exchange. While the bot waits, the script works."""

    def __init__(self, folder: Path, **limits: object) -> None:
        self.folder = folder
        self.drop = folder / "drop"
        self.clock = ManualClock(datetime(2026, 3, 23, 10, tzinfo=MARKET_ZONE))
        self.exchange = Exchange(str(folder / "exchange.json"), lambda: self.clock.now().timestamp())
        self.exchange.hold(BANK, 1000, 9.0)
        self.limits = limits
        self.script = True
        self.host = self.start()
        self.tick(2)
        self.broker = self.connect()

    def start(self) -> Host:
        return Host(SCRIPT, self.exchange, settings(self.folder, **self.limits))

    def connect(self, **changes: Any) -> filedrop.FileDropBroker:
        given: dict[str, Any] = {
            "path": self.drop,
            "key": KEY,
            "account": "real",
            "number": NUMBER,
            "name": "大QMT",
            "clock": self.clock,
            "sleep": self.sleep,
        }
        return filedrop.connect(**{**given, **changes})

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        if self.script:
            self.host.tick()

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(timedelta(seconds=1))
            self.host.tick()

    def restart(self, records: str = "records") -> None:
        """The client dies and is started anew, perhaps on another computer with records of its own."""
        self.limits = {**self.limits, "RECORDS": str(self.folder / records)}
        self.clock.advance(timedelta(seconds=12))
        self.host = self.start()
        self.host.names["G"].me = "another"
        self.tick(2)

    def order(self, number: str = ORDER, *, side: Side = Side.BUY, shares: int = 1000, limit: str = "10.00") -> Order:
        now = self.clock.now()
        return Order(
            id=number,
            ticket_id=number[2:],
            account="real",
            mode=Mode.LIVE,
            symbol=BANK,
            side=side,
            shares=shares,
            limit=Decimal(limit),
            created_at=now,
            updated_at=now,
        )

    def files(self, name: str) -> list[str]:
        return sorted(path.name for path in (self.drop / name).iterdir())

    def hand_in(self, order: Order, **changes: object) -> Path:
        """A request as the bot writes it, without a bot that waits."""
        at = order.created_at.timestamp()
        body: dict[str, object] = {
            "kind": "order",
            "id": order.id,
            "account": NUMBER,
            "symbol": order.symbol,
            "side": order.side.value,
            "shares": order.shares,
            "limit": str(order.limit),
            "created_at": at,
            "not_after": at + 15,
        }
        path = self.drop / "requests" / f"{order.id}.json"
        path.write_text(sealed(KEY, Purpose.REQUEST, {**body, **changes}), encoding="ascii")
        return path

    async def kinds(self, number: str = ORDER) -> list[ReportKind]:
        return [report.kind for report in await self.broker.find(number) or ()]

    async def after(self, order: Order) -> Order:
        for report in await self.broker.find(order.id) or ():
            order = apply(order, report)
        return order


class Client:
    """A client in a process of its own, on its own Python where that is installed."""

    def __init__(self, folder: Path, at: float, *, old: bool = True, **limits: object) -> None:
        told = {**settings(folder, **limits), "exchange": str(folder / "exchange.json"), "at": at}
        python = (old_python() if old else None) or sys.executable
        self._process = subprocess.Popen(
            [python, str(HOST), str(SCRIPT), json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.python: str = self._answer()["python"]
        self.hangs = ""
        """Before which step it stands, once it does."""
        self.steps = 0

    def do(self, what: str, **given: object) -> dict[str, Any]:
        """Have something done, unless it hangs already."""
        if self.hangs:
            return {}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.hangs = answer.get("hangs", "")
        self.steps = answer.get("steps", self.steps)
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._close()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._close()

    def _close(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the client has died"
        answer: dict[str, Any] = json.loads(line)
        return answer
