"""The native half of xtquant's trader, as its Python half calls it, with a terminal whose habits a test chooses.

The Python half is the real one of the wheel; this module stands where it looks for ``xtquant.xtpythonclient``. Which
names it calls was read in ``xttrader.py``; a test holds every name here against the string table of the Windows
binaries. How the native half behaves is not known, so every guess is a switch of :class:`Terminal`. ::

    terminal = Terminal(str(tmp_path), exchange, ["10001"])
    terminal.lose.add("answer")             # orders arrive, their answers do not
    terminal.cut(tells=False)               # the program is gone, and nobody is told
    terminal.hang.add("stop")               # until terminal.let_go()
"""

from __future__ import annotations

import itertools
import queue
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from types import ModuleType
from typing import Any, Final

from core.types import Side
from tests.fakes.xtexchange import Deal, Exchange, Filing
from tests.fakes.xtobjects import (
    OBJECTS,
    REQUESTS,
    CancelOrderStockResp,
    OrderStockResp,
    SubscribeReq,
    UnsubscribeReq,
    XtAccountStatus,
    XtAsset,
    XtOrder,
    XtOrderError,
    XtPosition,
    XtTrade,
)

MODULE: Final = "xtquant.xtpythonclient"
TERMINALS: Final[dict[str, Terminal]] = {}
"""By their folder, which is all that the SDK knows of one."""

SILENT: Final = "silent"


# --- the client ---


class XtQuantAsyncClient:
    """What the SDK builds for each trader. What it calls back comes on a thread of its own, in order."""

    def __init__(self, path: bytes, name: str, session: int) -> None:
        if not isinstance(path, bytes) or not isinstance(name, str) or not isinstance(session, int):
            raise TypeError("incompatible constructor arguments")
        self.terminal: Terminal | None = TERMINALS.get(path.decode("gb18030"))
        self.session = session
        self.epoch = -1
        self.subscribed: set[str] = set()
        self._bound: dict[str, Callable[..., None]] = {}
        self._seqs = itertools.count(1)
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._call_back, name="native", daemon=True)
        self._pending = 0
        self._is_stopped = False
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("bindOn"):
            return partial(self._bound.__setitem__, name)
        raise AttributeError(name)

    @property
    def is_busy(self) -> bool:
        return self._pending > 0

    @property
    def is_alive(self) -> bool:
        """Connected to the program as it runs now, and not to an earlier life of it."""
        return self.terminal is not None and self.terminal.is_running and self.epoch == self.terminal.epoch

    def init(self) -> None:
        pass

    def setTimeout(self, seconds: int) -> None:
        pass

    def nextSeq(self) -> int:
        return next(self._seqs)

    def start(self) -> None:
        if self.terminal is not None:
            self.terminal.maybe_hang("start")
        self._thread.start()

    def stop(self) -> None:
        terminal = self.terminal
        if terminal is not None:
            terminal.calls["stop"] += 1
            terminal.maybe_hang("stop")
            terminal.forget(self)
        self._is_stopped = True
        self._queue.put(None)

    def connect(self) -> int:
        return -1 if self.terminal is None else self.terminal.connect(self)

    def tell(self, bound: str, *values: Any) -> None:
        """Call back, later and on the native thread."""
        with self._lock:
            self._pending += 1
        self._queue.put(lambda: self._bound[bound](*values))

    def flush(self) -> None:
        """Wait until all was called back so far."""
        done = threading.Event()
        with self._lock:
            self._pending += 1
        self._queue.put(done.set)
        done.wait(10)

    def _call_back(self) -> None:
        while (call := self._queue.get()) is not None:
            try:
                call()
            except RuntimeError:
                # A word that comes while the SDK closes its pools. Anything else is a fault of this module.
                if not self._is_stopped:
                    raise
            finally:
                with self._lock:
                    self._pending -= 1

    # requests

    def subscribeWithSeq(self, seq: int, req: SubscribeReq) -> None:
        terminal = self._terminal("subscribe")
        answer = terminal.subscribe(self, req.m_strAccountID)  # type: ignore[attr-defined]  # of the request
        if "subscribe" in terminal.silent:
            terminal.owe(partial(self._answer_at_last, seq))
        else:
            self.tell("bindOnSubscribeRespCallback", seq, answer)

    def _answer_at_last(self, seq: int) -> None:
        """Free a thread of the SDK that waits for an answer and will never have one: its pools may be closed."""
        bound: Any = self._bound["bindOnSubscribeRespCallback"]
        trader = bound.__closure__[0].cell_contents
        trader.cbs.pop(seq)(-1)

    def unsubscribeWithSeq(self, seq: int, req: UnsubscribeReq) -> None:
        self.tell("bindOnUnsubscribeRespCallback", seq, 0)

    def orderStockWithSeq(self, seq: int, req: Any) -> None:
        self._terminal("order").order(self, seq, req)

    def cancelOrderStockWithSeq(self, seq: int, req: Any) -> None:
        self._terminal("cancel").cancel(self, seq, req)

    def queryStockAssetWithSeq(self, seq: int, req: Any) -> None:
        self._query("asset", "bindOnQueryStockAssetCallback", seq, req.m_strAccountID)

    def queryStockOrdersWithSeq(self, seq: int, req: Any) -> None:
        self._query("orders", "bindOnQueryStockOrdersCallback", seq, req.m_strAccountID)

    def queryStockTradesWithSeq(self, seq: int, req: Any) -> None:
        self._query("trades", "bindOnQueryStockTradesCallback", seq, req.m_strAccountID)

    def queryStockPositionsWithSeq(self, seq: int, req: Any) -> None:
        self._query("positions", "bindOnQueryStockPositionsCallback", seq, req.m_strAccountID)

    def queryAccountStatusWithSeq(self, seq: int, req: Any) -> None:
        self._query("statuses", "bindOnQueryAccountStatusCallback", seq, "")

    def _query(self, kind: str, bound: str, seq: int, number: str) -> None:
        terminal = self._terminal(kind)
        answer = terminal.answer(self, kind, number)
        if answer is not SILENT:
            terminal.say(kind, self, bound, seq, answer)

    def _terminal(self, call: str) -> Terminal:
        assert self.terminal is not None, "a request before a connection"
        self.terminal.calls[call] += 1
        self.terminal.maybe_hang(call)
        return self.terminal


# --- the terminal ---


class Terminal:
    """The miniQMT program.

    Attributes:
        when_cut: what queries answer that reach no program: None, an empty list, or SILENT.
        answers_first: whether an answer to an order comes before the first push of it, or after.
        returns_late: the call that sends an order returns only when all that comes of it was called back.
        lose, hold, twice: of "answer", "order", "trade", "error", "cancel", and the queries "asset", "orders", "trades",
            "positions", "statuses": never told, told by :meth:`release`, told again.
        silent: queries, those of one account ("asset 10001"), or "subscribe", that are never answered; ``answers`` what a query answers instead.
        hang: native calls that do not return until :meth:`let_go`.
        connect_codes: what the next connects answer, before all else.
        refuses: the terminal takes no order (-1), with this text; ``error_first`` says whether its error comes before
            the answer. ``junks``: the counter refuses what the terminal took.
        swallows: orders that never leave; ``delays``: orders that leave at :meth:`release`.
        remark: what becomes of a remark.
        greets: the status of an account is pushed while it is being subscribed.
        fee: what each trade says that it costs; 0 where the broker does not say.
    """

    def __init__(self, path: str, exchange: Exchange, numbers: Iterable[str]) -> None:
        self.exchange = exchange
        self.numbers = list(numbers)
        self.epoch = 0
        self.is_running = True
        self.statuses: dict[str, int] = dict.fromkeys(self.numbers, 0)
        self.when_cut: Any = None
        self.answers_first = True
        self.returns_late = False
        self.lose: set[str] = set()
        self.hold: set[str] = set()
        self.twice: set[str] = set()
        self.silent: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.hang: set[str] = set()
        self.connect_codes: list[int] = []
        self.refuses: str | None = None
        self.error_first = False
        self.junks: str | None = None
        self.swallows = False
        self.delays = False
        self.remark: Callable[[str], str] = lambda text: text[:24]
        self.trade_remark: Callable[[str], str] = lambda text: text
        self.fee = Decimal(0)
        self.greets = False
        self.cancel_refused: str | None = None
        self.calls: Counter[str] = Counter()
        self.clients: list[XtQuantAsyncClient] = []
        self.sessions: list[int] = []
        """Every session that asked to connect, in order."""
        self.burnt: set[int] = set()
        self._held: list[Callable[[], None]] = []
        self._owed: list[Callable[[], None]] = []
        self._going = threading.Event()
        self._hanging = 0
        self._lock = threading.Lock()
        exchange.on_order = self._push_order
        exchange.on_deal = self._push_deal
        TERMINALS[path] = self

    @property
    def stuck(self) -> int:
        """Threads of the other side that wait in here."""
        return self._hanging + len(self._owed)

    @property
    def is_busy(self) -> bool:
        return any(client.is_busy for client in self.clients)

    # --- what a test does ---

    def cut(self, *, tells: bool) -> None:
        """The program ends."""
        self.is_running = False
        for client in list(self.clients):
            if tells:
                client.tell("bindOnDisconnectedCallback")

    def restart(self, *, tells: bool = False) -> None:
        """The program ends and comes back. Those who were connected to its earlier life are not told by themselves."""
        self.cut(tells=tells)
        self.epoch += 1
        self.is_running = True

    def release(self) -> None:
        """Tell, and do, all that was held."""
        held, self._held = self._held, []
        for call in held:
            call()

    def let_go(self) -> None:
        """End all hanging: every native call returns, and what was owed is answered."""
        self.hang.clear()
        self._going.set()
        owed, self._owed = self._owed, []
        for call in owed:
            call()

    def set_status(self, number: str, status: int) -> None:
        self.statuses[number] = status
        for client in self._listeners(number):
            client.tell("bindOnUpdateAccountStatusCallback", _status(number, status))

    def push_again(self, filing: Filing, **changes: Any) -> None:
        """Push an order as it was at another time."""
        for client in self._listeners(filing.number):
            client.tell("bindOnStockOrderCallback", self._order(filing, **changes))

    def complain(self, filing: Filing, text: str) -> None:
        error = self._error(filing.number, filing.order_id, text, filing.strategy, filing.remark, 0)
        for client in self._listeners(filing.number):
            client.tell("bindOnOrderErrorCallback", error)

    # --- what the client asks ---

    def connect(self, client: XtQuantAsyncClient) -> int:
        self.calls["connect"] += 1
        self.sessions.append(client.session)
        self.clients.append(client)
        self.maybe_hang("connect")
        if self.connect_codes:
            return self.connect_codes.pop(0)
        others = {one.session for one in self.clients if one is not client and one.is_alive}
        if not self.is_running or client.session in self.burnt | others:
            return -1
        client.epoch = self.epoch
        return 0

    def forget(self, client: XtQuantAsyncClient) -> None:
        if client in self.clients:
            self.clients.remove(client)

    def subscribe(self, client: XtQuantAsyncClient, number: str) -> int:
        if not client.is_alive or number not in self.numbers:
            return -1
        client.subscribed.add(number)
        if self.greets:
            client.tell("bindOnUpdateAccountStatusCallback", _status(number, self.statuses[number]))
        return 0

    def order(self, client: XtQuantAsyncClient, seq: int, req: Any) -> None:
        answer = partial(self._answer_order, client, seq, req)
        if not client.is_alive:
            answer(-1, "")
        elif self.refuses is not None:
            error = self._error(req.m_strAccountID, -1, self.refuses, req.m_strStrategyName, req.m_strOrderRemark, seq)
            if self.error_first:
                self.say("error", client, "bindOnOrderErrorCallback", error)
            answer(-1, "" if self.error_first else self.refuses)
            if not self.error_first:
                self.say("error", client, "bindOnOrderErrorCallback", error)
        elif self.delays:
            self._held.append(partial(self._arrive, client, seq, req))
        elif not self.swallows:
            self._arrive(client, seq, req)
        if self.returns_late:
            client.flush()

    def _arrive(self, client: XtQuantAsyncClient, seq: int, req: Any) -> None:
        side = {23: Side.BUY, 24: Side.SELL}[req.m_nOrderType]
        filing = self.exchange.place(
            req.m_strAccountID,
            req.m_strStockCode,
            side,
            req.m_nOrderVolume,
            Decimal(str(req.m_dPrice)),
            remark=self.remark(req.m_strOrderRemark),
            strategy=req.m_strStrategyName,
        )
        if self.answers_first:
            self._answer_order(client, seq, req, filing.order_id, "")
            self._push_order(filing)
        else:
            self._push_order(filing)
            self._answer_order(client, seq, req, filing.order_id, "")
        if self.junks is not None:
            self.exchange.reject(filing, self.junks)

    def _answer_order(self, client: XtQuantAsyncClient, seq: int, req: Any, order_id: int, text: str) -> None:
        answer = OrderStockResp(
            m_strAccountID=req.m_strAccountID,
            m_nOrderID=order_id,
            m_strStrategyName=req.m_strStrategyName,
            m_strOrderRemark=req.m_strOrderRemark,
            m_strErrorMsg=text,
        )
        self.say("answer", client, "bindOnOrderStockRespCallback", seq, answer)

    def cancel(self, client: XtQuantAsyncClient, seq: int, req: Any) -> None:
        filing = next((one for one in self.exchange.filings if one.order_id == req.m_nOrderID), None)
        can = client.is_alive and filing is not None and filing.is_open and self.cancel_refused is None
        answer = CancelOrderStockResp(
            m_strAccountID=req.m_strAccountID,
            m_nCancelResult=0 if can else -1,
            m_nOrderID=req.m_nOrderID,
            m_strOrderSysID="",
            m_strErrorMsg="" if can else self.cancel_refused or "",
        )
        self.say("cancel", client, "bindOnCancelOrderStockRespCallback", seq, answer)
        if can:
            assert filing is not None
            self.exchange.cancel(filing)

    def answer(self, client: XtQuantAsyncClient, kind: str, number: str) -> Any:
        if {kind, f"{kind} {number}"} & self.silent:
            return SILENT
        if kind in self.answers:
            return self.answers[kind]
        if not client.is_alive:
            return self.when_cut
        with self.exchange.lock:
            match kind:
                case "asset":
                    return [self._asset(number)]
                case "orders":
                    return [self._order(one) for one in self.exchange.orders(number)]
                case "trades":
                    return [self._trade(one) for one in self.exchange.trades(number)]
                case "positions":
                    return self._positions(number)
        return [_status(one, status) for one, status in self.statuses.items()]

    def maybe_hang(self, call: str) -> None:
        if call in self.hang:
            with self._lock:
                self._hanging += 1
            self._going.wait()
            with self._lock:
                self._hanging -= 1

    def owe(self, call: Callable[[], None]) -> None:
        self._owed.append(call)

    # --- what it says ---

    def say(self, what: str, client: XtQuantAsyncClient, bound: str, *values: Any) -> None:
        if what in self.lose:
            return
        call = partial(client.tell, bound, *values)
        for one in (call, call) if what in self.twice else (call,):
            if what in self.hold:
                self._held.append(one)
            else:
                one()

    def _listeners(self, number: str) -> list[XtQuantAsyncClient]:
        return [client for client in self.clients if client.is_alive and number in client.subscribed]

    def _push_order(self, filing: Filing) -> None:
        for client in self._listeners(filing.number):
            self.say("order", client, "bindOnStockOrderCallback", self._order(filing))

    def _push_deal(self, deal: Deal) -> None:
        for client in self._listeners(deal.filing.number):
            self.say("trade", client, "bindOnStockTradeCallback", self._trade(deal))
            self.say("asset", client, "bindOnStockAssetCallback", self._asset(deal.filing.number))

    def _order(self, filing: Filing, **changes: Any) -> XtOrder:
        values = {
            "account_type": 2,
            "account_id": filing.number,
            "stock_code": str(filing.symbol),
            "order_id": filing.order_id,
            "order_sysid": str(filing.order_id),
            "order_time": int(filing.at.timestamp()),
            "order_type": 23 if filing.side is Side.BUY else 24,
            "order_volume": filing.shares,
            "price_type": 50,
            "price": float(filing.price),
            "traded_volume": filing.filled,
            "traded_price": float(filing.amount / filing.filled) if filing.filled else 0.0,
            "order_status": filing.status,
            "status_msg": filing.text,
            "strategy_name": filing.strategy,
            "order_remark": filing.remark,
            "direction": 48,
            "offset_flag": 48 if filing.side is Side.BUY else 49,
        }
        return XtOrder(**values | changes)

    def _trade(self, deal: Deal) -> XtTrade:
        filing = deal.filing
        return XtTrade(
            account_type=2,
            account_id=filing.number,
            stock_code=str(filing.symbol),
            order_type=23 if filing.side is Side.BUY else 24,
            traded_id=deal.trade_id,
            traded_time=int(deal.at.timestamp()),
            traded_price=float(deal.price),
            traded_volume=deal.shares,
            traded_amount=float(deal.price * deal.shares),
            order_id=filing.order_id,
            order_sysid=str(filing.order_id),
            strategy_name=filing.strategy,
            order_remark=self.trade_remark(filing.remark),
            offset_flag=48 if filing.side is Side.BUY else 49,
            commission=float(self.fee),
        )

    def _asset(self, number: str) -> XtAsset:
        book = self.exchange.books[number]
        worth = sum((holding.cost for holding in book.holdings.values()), Decimal(0))
        frozen = self.exchange.frozen(number)
        return XtAsset(
            account_type=2,
            account_id=number,
            cash=float(book.cash),
            frozen_cash=float(frozen),
            market_value=float(worth),
            total_asset=float(book.cash + frozen + worth),
            fetch_balance=float(book.cash),
        )

    def _positions(self, number: str) -> list[XtPosition]:
        # What was sold whole today is still listed, with nothing in it.
        return [
            XtPosition(
                account_type=2,
                account_id=number,
                stock_code=str(symbol),
                volume=holding.shares,
                can_use_volume=self.exchange.sellable(number, symbol),
                open_price=float(holding.average),
                avg_price=float(holding.average),
                market_value=float(holding.cost),
                frozen_volume=0,
                on_road_volume=0,
                yesterday_volume=0,
            )
            for symbol, holding in self.exchange.books[number].holdings.items()
        ]

    def _error(self, number: str, order_id: int, text: str, strategy: str, remark: str, seq: int) -> XtOrderError:
        return XtOrderError(
            account_id=number,
            order_id=order_id,
            error_id=-61,
            error_msg=text,
            strategy_name=strategy,
            order_remark=remark,
            seq=seq,
        )


def _status(number: str, status: int) -> XtAccountStatus:
    return XtAccountStatus(
        account_type=2,
        account_id=number,
        status=status,
        m_strAccountID=number,
        m_nAccountType=2,
        m_nStatus=status,
    )


def install() -> None:
    """Put it where the SDK will look, unless it is there."""
    if isinstance(sys.modules.get(MODULE), ModuleType):
        return
    module = ModuleType(MODULE)
    for one in (XtQuantAsyncClient, *OBJECTS, *REQUESTS):
        setattr(module, one.__name__, one)
    sys.modules[MODULE] = module
