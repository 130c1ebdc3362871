"""The line to one miniQMT terminal: connect, subscribe, ask, send, and begin anew when it falls silent.

The SDK has traps, and this is where they are fenced in (all of them seen with its real Python half; what the native
half does is hearsay):

* Its synchronous calls wait without a deadline, so only the ``_async`` ones are used, and even those in threads with a
  deadline (:mod:`adapters.brokers.qmt_threads`), because a native call may hang.
* It swallows what a callback raises, and calls back in a thread of its own, sometimes before the call has returned.
  A callback copies the fields and crosses into the loop by one line, inside a try that logs.
* It does not reconnect, may not say that it was cut, and leaks threads and memory when a failed trader is dropped
  without ``stop``. A line is probed; three probes without an answer end it. Callbacks of an earlier line are recognised
  by its number and ignored.
* It answers None for "failed" and perhaps for "nothing", so None is always "unknown" here. Whether a cut terminal
  answers ``[]`` is not known either: every list is believed only together with an asset, of which there is always one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from adapters import xt
from adapters.brokers import qmt_words as words
from adapters.brokers.qmt_book import Book
from adapters.brokers.qmt_threads import Errands, Sleep, within
from core.calendar import is_session
from core.clock import Clock
from core.errors import ConfigError, Malformed, OutsideError, Unavailable
from core.orders import Order
from core.types import Side

log: Final = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT: Final = 30.0
"""Seconds for each of: importing and building, connecting, subscribing."""
STOP: Final = 5.0
CALL: Final = 5.0
"""Seconds for a request to be handed over, and as many for its answer."""
PROBE: Final = 15.0
MISSES: Final = 3
FIRST_PAUSE: Final = 3.0
LONGEST_PAUSE: Final = 60.0
LONGEST_PAUSE_AT_NIGHT: Final = 300.0
ALARM: Final = 10
"""Failed attempts in a row after which the log says so as an error, once."""
MOST_LOST: Final = 50
"""Native calls that never returned; with more of them the process is to be started anew."""


class Login(NamedTuple):
    """An account at the terminal.

    Attributes:
        account: what we call it; ``name`` what people call it.
        number: the fund account's number at the broker (资金账号).
        kind: as the SDK names it: STOCK, or CREDIT for a margin account, whose plain orders work the same.
    """

    account: str
    number: str
    name: str
    kind: str = "STOCK"


class Listener(Protocol):
    """Who is told of one account."""

    def hear(self, heard: words.Heard) -> None: ...

    async def reconcile(self) -> None:
        """See everything of today before trading is unlocked. Raises OutsideError when it cannot."""
        ...

    async def keep_looking(self) -> None:
        """Called from time to time: pushes may be lost. Raises OutsideError when it cannot."""
        ...


@dataclass
class Line:
    """One life of a connection.

    Attributes:
        is_up: it is connected; ``is_over`` it was given up, and what of it comes to life later is to be stopped.
        why_locked: by the account's number; an account that is not in it may trade.
    """

    trader: Any = None
    is_up: bool = False
    is_over: bool = False
    accounts: dict[str, Any] = field(default_factory=dict)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    why_locked: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)


class Terminal:
    """One miniQMT, with all its accounts. Owned by :meth:`run`; nothing is connected before it."""

    def __init__(self, path: str, logins: Sequence[Login], book: Book, clock: Clock, sleep: Sleep) -> None:
        self._path = path
        self._logins = tuple(logins)
        self._book = book
        self._clock = clock
        self._sleep = sleep
        self._errands = Errands(sleep)
        self._listeners: dict[str, Listener] = {}
        self._line: Line | None = None
        self._trouble = "还没有连上 miniQMT"

    @property
    def lost_calls(self) -> int:
        """Native calls that are over their deadline and have not come back."""
        return self._errands.lost

    def listen(self, number: str, listener: Listener) -> None:
        self._listeners[number] = listener

    def why_locked(self, number: str) -> str | None:
        """Why no order is sent for this account now, in words without a full stop; None when they are."""
        line = self._line
        return self._trouble if line is None else line.why_locked.get(number)

    # --- asking ---

    async def orders(self, number: str) -> list[words.OrderRow]:
        """The orders of today. Raises Unavailable, Malformed."""
        return await self._ask(number, "query_stock_orders_async", words.order_row)

    async def trades(self, number: str) -> list[words.TradeRow]:
        """The trades of today. Raises Unavailable, Malformed."""
        return await self._ask(number, "query_stock_trades_async", words.trade_row)

    async def positions(self, number: str) -> list[words.PositionRow]:
        """Raises Unavailable, Malformed."""
        return await self._ask(number, "query_stock_positions_async", words.position_row)

    async def asset(self, number: str) -> words.AssetRow:
        """Raises Unavailable, Malformed. To be asked after a list, which is true only if this has an answer."""

        # The SDK takes the one row out of its list itself, and makes None of an empty one.
        def one(line: Line, back: Callable[[Any], None]) -> None:
            line.trader.query_stock_asset_async(
                line.accounts[number], lambda raw: back(None if raw is None else (raw,))
            )

        return (await self._answer("资金", one, words.asset_row))[0]

    async def _ask(self, number: str, query: str, copy: Callable[[Any], T | None]) -> list[T]:
        def ask(line: Line, back: Callable[[Any], None]) -> None:
            getattr(line.trader, query)(line.accounts[number], back)

        return await self._answer(_ASKED[query], ask, copy)

    async def _answer(
        self, what: str, ask: Callable[[Line, Callable[[Any], None]], None], copy: Callable[[Any], T | None]
    ) -> list[T]:
        line = self._line
        if line is None or not line.is_up:
            raise Unavailable(words.SOURCE, f"{self._trouble}，查不了{what}。")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[T] | None] = loop.create_future()

        def back(raw: Any) -> None:
            """In the SDK's thread."""
            try:
                # Rows that mean nothing to us, such as shares of Hong Kong, are None.
                rows = None if raw is None else [row for row in map(copy, raw) if row is not None]
                _cross(loop, partial(_settle, answer, rows))
            except Malformed as error:
                _cross(loop, partial(_fail, answer, error))
            except Exception:  # the SDK drops what its callbacks raise
                log.exception("copying an answer failed")

        try:
            await self._errands.run(f"ask-{what}", partial(ask, line, back), CALL)
            rows = await within(answer, CALL, self._sleep)
        except TimeoutError:
            raise Unavailable(words.SOURCE, f"{CALL:.0f} 秒内没有回答{what}。") from None
        except OutsideError:
            raise
        except Exception as error:
            log.exception("asking for %s failed", what)
            raise Unavailable(words.SOURCE, f"查{what}时出错（{error}）。") from error
        if rows is None or line is not self._line:
            raise Unavailable(words.SOURCE, f"没有给出{what}，可能断开了。")
        return rows

    # --- sending ---

    async def send(self, number: str, order: Order) -> None:
        """Hand an order over, with our id as its remark. What comes of it is heard.

        Raises:
            Unavailable: whether it left is not known.
        """
        buy = order.side is Side.BUY
        await self._hand_over(
            "order",
            lambda line: line.trader.order_stock_async(
                line.accounts[number],
                str(order.symbol),
                words.BUY if buy else words.SELL,
                order.shares,
                words.LIMIT,
                float(order.limit),
                _STRATEGY,
                order.id,
            ),
        )

    async def cancel(self, number: str, order_id: int) -> None:
        """Hand a wish to cancel over.

        Raises:
            Unavailable: whether it left is not known.
        """
        await self._hand_over(
            "cancel", lambda line: line.trader.cancel_order_stock_async(line.accounts[number], order_id)
        )

    async def _hand_over(self, what: str, call: Callable[[Line], Any]) -> None:
        line = self._line
        if line is None or not line.is_up:
            raise Unavailable(words.SOURCE, f"{self._trouble}。")
        try:
            await self._errands.run(what, partial(call, line), CALL)
        except TimeoutError:
            raise Unavailable(words.SOURCE, f"{CALL:.0f} 秒没有收下请求。") from None
        except Exception as error:
            log.exception("handing over a request failed: %s", what)
            raise Unavailable(words.SOURCE, f"收请求时出错（{error}）。") from error

    # --- the life of the line ---

    async def run(self) -> None:
        """Keep a line up, for ever.

        Raises:
            ConfigError: there is no SDK that runs here.
            Unavailable: too many native calls hang; only a new process helps.
        """
        pause, failures = FIRST_PAUSE, 0
        while True:
            try:
                line = await self._connect()
                pause, failures = FIRST_PAUSE, 0
                self._trouble = await self._attend(line)
            except OutsideError as error:
                failures += 1
                self._trouble = error.reason.rstrip("。")
            log.log(logging.ERROR if failures == ALARM else logging.WARNING, "miniQMT: %s", self._trouble)
            await self._drop()
            if self.lost_calls > MOST_LOST:
                raise Unavailable(words.SOURCE, f"有 {self.lost_calls} 个调用一直没有返回，要重新启动本程序才能恢复。")
            await self._sleep(pause)
            longest = LONGEST_PAUSE if is_session(self._clock.now()) else LONGEST_PAUSE_AT_NIGHT
            pause = min(pause * 2, longest)

    async def close(self) -> None:
        """Give the line up. Everything afterwards raises Unavailable."""
        self._trouble = "本程序正在退出"
        await self._drop()

    async def _connect(self) -> Line:
        """Raises Unavailable; what was begun is then for :meth:`_drop`."""
        session, wait = self._book.next_session(self._clock.now())
        if wait:
            await self._sleep(wait.total_seconds())
        line = Line(why_locked={one.number: "正在连接 miniQMT" for one in self._logins})
        loop = asyncio.get_running_loop()
        # From here on the line is there to be stopped, however far it comes.
        self._line = line
        ear = Ear(partial(_cross, loop), partial(self._hear, line))
        await self._step("build", partial(_build, line, self._path, session, self._logins, ear))
        code = await self._step("connect", line.trader.connect)
        if code != 0:
            raise Unavailable(words.SOURCE, f"连不上（返回 {code}）。{_CHECKLIST}")
        line.is_up = True
        for one in self._logins:
            await self._subscribe(line, one)
        await self._ask_statuses(line)
        for one in self._logins:
            await self._unlock(line, one)
        if line.cut.is_set():
            raise Unavailable(words.SOURCE, "刚连上就断开了。")
        return line

    async def _step(self, name: str, call: Callable[[], T]) -> T:
        try:
            return await self._errands.run(name, call, CONNECT)
        except TimeoutError:
            raise Unavailable(words.SOURCE, f"{CONNECT:.0f} 秒没有反应（{name}）。") from None
        except (ConfigError, OutsideError):
            raise
        except Exception as error:
            log.exception("%s failed", name)
            raise Unavailable(words.SOURCE, f"连接时出错（{error}）。") from error

    async def _subscribe(self, line: Line, login: Login) -> bool:
        account = line.accounts[login.number]
        code = await self._step("subscribe", lambda: line.trader.subscribe(account))
        if code != 0:
            line.why_locked[login.number] = f"miniQMT 里没有登录账户“{login.name}”（订阅返回 {code}）"
            log.warning("subscribing %s failed: %s", login.name, code)
            return False
        line.why_locked[login.number] = _RECONCILING
        return True

    async def _ask_statuses(self, line: Line) -> None:
        """Later changes are pushed. A terminal that does not say is believed to be fine as long as it answers."""
        try:
            statuses = await self._answer(
                "账户状态", lambda line, back: line.trader.query_account_status_async(back), words.account_status
            )
        except OutsideError as error:
            log.info("no account status: %s", error.reason)
            return
        for one in statuses:
            self._hear(line, one)

    async def _unlock(self, line: Line, login: Login) -> None:
        """See everything of an account, then let it trade. Says why not, where it cannot."""
        number = login.number
        if line.why_locked.get(number) != _RECONCILING:
            return
        status = line.statuses.get(number, words.FINE)
        if status != words.FINE:
            line.why_locked[number] = _status_text(login, status)
            return
        try:
            await self._listeners[number].reconcile()
        except OutsideError as error:
            log.warning("%s is not reconciled yet: %s", login.name, error.reason)
            return
        # It may have changed while we looked.
        if line.why_locked.get(number) == _RECONCILING:
            del line.why_locked[number]
            log.info("%s may trade", login.name)

    async def _attend(self, line: Line) -> str:
        """Watch the line until it is to be given up; returns why."""
        silent = 0
        while True:
            try:
                await within(line.cut.wait(), PROBE, self._sleep)
            except TimeoutError:
                pass
            else:
                return "miniQMT 断开了"
            answers = [await self._probe(line, one) for one in self._logins]
            silent = 0 if any(answers) else silent + 1
            if silent >= MISSES:
                return f"miniQMT 连续 {MISSES} 次没有回答"

    async def _probe(self, line: Line, login: Login) -> bool:
        number = login.number
        try:
            await self.asset(number)
        except OutsideError as error:
            line.misses[number] = line.misses.get(number, 0) + 1
            log.info("%s: probe %d: %s", login.name, line.misses[number], error.reason)
            if line.misses[number] >= MISSES:
                line.why_locked[number] = f"账户“{login.name}”连续 {MISSES} 次没有回答"
            return False
        line.misses.pop(number, None)
        is_fine = line.statuses.get(number, words.FINE) == words.FINE
        if is_fine and line.why_locked.get(number, _RECONCILING) != _RECONCILING:
            await self._subscribe(line, login)
        if is_fine and number in line.why_locked:
            await self._unlock(line, login)
        else:
            try:
                await self._listeners[number].keep_looking()
            except OutsideError as error:
                log.info("%s: %s", login.name, error.reason)
        return True

    def _hear(self, line: Line, heard: words.Heard | None) -> None:
        """In the loop: something came without being asked for. None says that the line was cut."""
        if line is not self._line:
            log.info("an earlier line still speaks: %s", type(heard).__name__)
        elif heard is None:
            line.cut.set()
        elif isinstance(heard, words.AccountStatus):
            self._hear_status(line, heard)
        else:
            for number, listener in self._listeners.items():
                # An answer may come without an account; its remark finds whose it is.
                if heard.number in {number, ""}:
                    listener.hear(heard)

    def _hear_status(self, line: Line, heard: words.AccountStatus) -> None:
        login = next((one for one in self._logins if one.number == heard.number), None)
        if login is None:
            return
        line.statuses[heard.number] = heard.status
        if heard.status != words.FINE:
            line.why_locked[heard.number] = _status_text(login, heard.status)
            log.warning("%s: account status %d", login.name, heard.status)

    async def _drop(self) -> None:
        """Stop the line, whatever became of it. Its callbacks reach nobody from here on."""
        line, self._line = self._line, None
        if line is None:
            return
        line.is_over = True
        line.cut.set()
        try:
            await self._errands.run("stop", partial(_stop, line), STOP)
        except TimeoutError:
            log.warning("stopping hangs; %d native calls are lost", self.lost_calls)
        except Exception:  # whatever the native half raises, this line is over
            log.exception("stopping failed")


_ASKED: Final = {
    "query_stock_orders_async": "委托",
    "query_stock_trades_async": "成交",
    "query_stock_positions_async": "持仓",
}
_STRATEGY: Final = "dingpan"
_RECONCILING: Final = "正在核对今天的委托、成交、持仓和资金"
_CHECKLIST: Final = (
    "请检查：miniQMT 已登录，并勾选了极简模式；MINIQMT_PATH 指向它的 userdata_mini 文件夹；本程序能写这个文件夹"
    "（装在 C 盘时要以管理员身份运行）；券商已开通 API 交易权限。"
)


def _status_text(login: Login, status: int) -> str:
    return f"账户“{login.name}”的状态是{words.ACCOUNT_STATUS.get(status, status)}"


# --- in other threads ---


def _build(line: Line, path: str, session: int, logins: Sequence[Login], ear: Ear) -> None:
    trader_module, types = xt.load("xttrader"), xt.load("xttype")

    class Trader(trader_module.XtQuantTrader):  # type: ignore[misc, name-defined]  # the SDK is imported late
        def __del__(self) -> None:
            """The SDK's own would exchange the event loop of the main thread."""

    for one in logins:
        line.accounts[one.number] = types.StockAccount(one.number, one.kind)
    trader = Trader(path, session, ear)
    trader.oldloop = None
    try:
        trader.start()
    except BaseException:
        _halt(trader)
        raise
    line.trader = trader
    if line.is_over:
        # Nobody waits for it any more, and nobody else will stop it.
        _halt(trader)


def _stop(line: Line) -> None:
    if line.trader is not None:
        _halt(line.trader)


def _halt(trader: Any) -> None:
    trader.register_callback(Ear(lambda _: None, lambda _: None))
    try:
        trader.stop()
    finally:
        # Nothing ever runs in the loop that the SDK makes for itself.
        trader.loop.close()


def _cross(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """From another thread into the loop: the only way."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        log.info("the loop is closed; a word of miniQMT is lost")


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class Ear:
    """What the SDK calls, in its thread. Nothing may leave by an exception: the SDK would swallow it.

    Args:
        cross: into the loop.
        hear: in the loop.
    """

    def __init__(self, cross: Callable[[Callable[[], None]], None], hear: Callable[[words.Heard | None], None]) -> None:
        self._cross = cross
        self._hear = hear

    def on_disconnected(self) -> None:
        self._cross(partial(self._hear, None))

    def on_account_status(self, raw: Any) -> None:
        self._copy(words.account_status, raw)

    def on_stock_order(self, raw: Any) -> None:
        self._copy(words.order_row, raw)

    def on_stock_trade(self, raw: Any) -> None:
        self._copy(words.trade_row, raw)

    def on_order_error(self, raw: Any) -> None:
        self._copy(words.complaint, raw)

    def on_cancel_error(self, raw: Any) -> None:
        self._copy(words.cancel_error, raw)

    def on_order_stock_async_response(self, raw: Any) -> None:
        self._copy(words.answer, raw)

    def on_cancel_order_stock_async_response(self, raw: Any) -> None:
        self._copy(words.cancel_answer, raw)

    # Hints that a query tells better.
    def on_connected(self) -> None: ...
    def on_stock_asset(self, raw: Any) -> None: ...
    def on_stock_position(self, raw: Any) -> None: ...

    def _copy(self, copy: Callable[[Any], words.Heard | None], raw: Any) -> None:
        try:
            heard = copy(raw)
            if heard is not None:
                self._cross(partial(self._hear, heard))
        except Exception:  # the SDK drops what its callbacks raise
            log.exception("a word of miniQMT was not understood")
