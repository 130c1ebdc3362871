"""The counter of a gateway: every wish about money passes here, is judged by local rules, written down, and passed on.

Once is promised on both sides of a lost answer: an order id that is under way or was passed on is not passed on again,
and one that was asked for and not found will never be placed, however late its request comes in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter as Tally
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.gateway.folder import Bot
from bot.gateway.limits import Use, band_problem, bounds_problem, order_yuan, shape_problem, stale_problem
from bot.gateway.record import Passed
from core.calendar import trading_date
from core.clock import Clock
from core.errors import OutsideError, Refused, Unavailable
from core.frames import Quote
from core.orders import Order, Report
from core.ports import Broker, QuoteSource
from core.types import Symbol
from core.wire import PLACING, Answer, Bounds, Outcome, Right

log: Final = logging.getLogger(__name__)
audit: Final = logging.getLogger("bot.gateway.audit")

NAME: Final = "网关"
QUOTE_PATIENCE: Final = 3.0
MINUTE: Final = timedelta(minutes=1)
MOST_DOOMED: Final = 10_000


class Rules(Protocol):
    """What somebody at this PC has allowed."""

    def bounds(self) -> Bounds: ...
    def armed_until(self, now: datetime) -> datetime | None: ...
    def stopped(self) -> bool: ...


def masked(account: str) -> str:
    """An account number that may be written down.

    >>> masked("8881234567"), masked("sim")
    ('***567', '***')
    """
    return f"***{account[-3:]}" if len(account) > 6 else "***"


class Counter:
    """Takes wishes for all accounts of one gateway."""

    def __init__(
        self,
        brokers: Sequence[Broker],
        quotes: QuoteSource | None,
        rules: Rules,
        record: Passed,
        clock: Clock,
        *,
        patience: timedelta = PLACING,
    ) -> None:
        self.brokers: Mapping[str, Broker] = {broker.account: broker for broker in brokers}
        self._quotes = quotes
        self._rules = rules
        self._record = record
        self._clock = clock
        self._patience = patience.total_seconds()
        self._placing: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._asked: Tally[tuple[str, str]] = Tally()
        self._doomed: dict[tuple[str, str], None] = {}
        self._cancels: deque[datetime] = deque()

    def armed_until(self, now: datetime) -> datetime | None:
        """None while it takes no orders."""
        return self._rules.armed_until(now)

    def broker(self, account: str) -> Broker:
        """Raises Refused."""
        found = self.brokers.get(account)
        if found is None:
            raise Refused(NAME, "没有这个账户，请核对 MINIQMT_ACCOUNT_ID，或者重新配对")
        return found

    def plain(self, text: str) -> str:
        """A text without the account numbers that are in it."""
        for account in self.brokers:
            if len(account) > 6:
                text = text.replace(account, masked(account))
        return text

    async def submit(self, wish: Order, sent_at: datetime, bot: Bot) -> Answer:
        """Place an order at most once, and say what became of it."""
        answer = await self._submit(wish, sent_at, bot)
        return self._noted("order", wish, bot, answer)

    async def _submit(self, order: Order, sent_at: datetime, bot: Bot) -> Answer:
        key = (order.account, order.id)
        task = self._placing.get(key)
        if task is None:
            task = asyncio.create_task(self._place(order, sent_at, bot), name=f"place {order.id}")
            self._placing[key] = task
            task.add_done_callback(lambda _: self._placing.pop(key, None))
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(task)
        except TimeoutError:
            return Answer(outcome=Outcome.UNKNOWN, reason="券商还没有回答，正在查询，请不要重复下单")

    async def _place(self, order: Order, sent_at: datetime, bot: Bot) -> Answer:
        try:
            broker = self.broker(order.account)
            if self._record.has(order.account, order.id):
                return await self._again(broker, order)
            quote = await self._quote(order.symbol)
            # From here to the record nothing waits: no other order can use the same yuan, and no clock runs.
            problem = self._problem(order, sent_at, bot, quote)
            if problem is not None:
                return Answer(outcome=Outcome.REFUSED, reason=problem)
            now = self._clock.now()
            use = Use(id=order.id, account=order.account, symbol=order.symbol, yuan=order_yuan(order))
            self._record.add(use, trading_date(now), bot.id)
        except OutsideError as error:
            return Answer(outcome=Outcome.REFUSED, reason=f"{error.reason}，没有下单")
        return await self._pass_on(broker, order)

    async def _pass_on(self, broker: Broker, order: Order) -> Answer:
        try:
            await broker.submit(order)
        except Refused as error:
            try:
                self._record.give_back(order.account, order.id)
            except Unavailable as trouble:
                log.warning("%s: %s", trouble.source, trouble.reason)
            return Answer(outcome=Outcome.REFUSED, reason=error.reason)
        except OutsideError as error:
            return Answer(outcome=Outcome.UNKNOWN, reason=error.reason)
        except Exception:
            log.exception("placing %s failed", order.id)
            return Answer(outcome=Outcome.UNKNOWN, reason="网关在报送时出错，已记入网关的日志")
        return Answer(outcome=Outcome.TAKEN)

    async def _again(self, broker: Broker, order: Order) -> Answer:
        """An id that was passed on before, perhaps by a process that did not live to see the answer."""
        try:
            if await broker.find(order.id) is not None:
                return Answer(outcome=Outcome.TAKEN)
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
        return Answer(outcome=Outcome.UNKNOWN, reason="这笔委托以前报送过，还没有查到结果，没有再报")

    async def _quote(self, symbol: Symbol) -> Quote | None:
        if self._quotes is None or self._rules.bounds().band is None:
            return None
        try:
            async with asyncio.timeout(QUOTE_PATIENCE):
                return (await self._quotes.fetch([symbol])).get(symbol)
        except (OutsideError, TimeoutError) as error:
            log.warning("no quote of %s: %s", symbol, error)
            return None

    def _problem(self, order: Order, sent_at: datetime, bot: Bot, quote: Quote | None) -> str | None:
        now = self._clock.now()
        key = (order.account, order.id)
        if key in self._doomed or key in self._asked:
            return "查询过这笔委托，那时它还没有到，所以不再接受它，没有下单。"
        bounds = self._rules.bounds()
        return (
            stale_problem(sent_at, now)
            or shape_problem(order)
            or self._closed(bot)
            or bounds_problem(order, bounds, self._record.used(trading_date(now)))
            or band_problem(order, bounds.band, quote, now)
        )

    def _closed(self, bot: Bot) -> str | None:
        if Right.TRADE not in bot.rights:
            return (
                "这个机器人只能查询，没有下单。要交易，请在网关那台电脑上用 dingpan gateway invite --trade 重新配对。"
            )
        if self._rules.stopped():
            return "网关被 STOP 文件停住了，没有下单。请在网关那台电脑上删掉它再试。"
        if self._rules.armed_until(self._clock.now()) is None:
            return (
                "网关没有解锁（默认只读，收盘自动上锁），没有下单。"
                "请在网关那台电脑上运行 dingpan gateway arm --until close。"
            )
        return None

    async def cancel(self, order: Order, sent_at: datetime, bot: Bot) -> Answer:
        """Pass a cancel on. A locked gateway does it too: it takes risk away."""
        answer = await self._cancel(order, sent_at, bot)
        return self._noted("cancel", order, bot, answer)

    async def _cancel(self, order: Order, sent_at: datetime, bot: Bot) -> Answer:
        try:
            broker = self.broker(order.account)
            problem = stale_problem(sent_at, self._clock.now()) or self._cancel_problem(bot)
            if problem is not None:
                return Answer(outcome=Outcome.REFUSED, reason=problem)
            async with asyncio.timeout(self._patience):
                await broker.cancel(order)
        except Refused as error:
            return Answer(outcome=Outcome.REFUSED, reason=error.reason)
        except OutsideError as error:
            return Answer(outcome=Outcome.UNKNOWN, reason=error.reason)
        except TimeoutError:
            return Answer(outcome=Outcome.UNKNOWN, reason="券商还没有回答，撤单有没有送到不知道，请看委托列表")
        return Answer(outcome=Outcome.TAKEN)

    def _cancel_problem(self, bot: Bot) -> str | None:
        if Right.TRADE not in bot.rights:
            return "这个机器人只有查询的权限，没有撤单。"
        if self._rules.stopped():
            return "网关被 STOP 文件停住了，没有撤单。请在网关那台电脑上删掉它再试，或者在券商软件里撤。"
        now, most = self._clock.now(), self._rules.bounds().cancels
        while self._cancels and now - self._cancels[0] >= MINUTE:
            self._cancels.popleft()
        if len(self._cancels) >= most:
            return f"网关每分钟最多撤 {most} 笔，没有撤单，请过一分钟再试。"
        self._cancels.append(now)
        return None

    async def find(self, account: str, order_id: str) -> Sequence[Report] | None:
        """What the broker knows; after None this order will never be placed.

        Raises:
            Refused, Unavailable
        """
        key = (account, order_id)
        broker = self.broker(account)
        task = self._placing.get(key)
        if task is not None:
            try:
                async with asyncio.timeout(self._patience):
                    await asyncio.shield(task)
            except TimeoutError:
                raise Unavailable(NAME, "这笔委托还在报送，请稍后再查") from None
        self._asked[key] += 1  # from now on, and not only when the answer is there: it may be one of a moment ago
        try:
            async with asyncio.timeout(self._patience):
                found = await broker.find(order_id)
        except TimeoutError:
            raise Unavailable(NAME, "券商没有回答，请稍后再查") from None
        finally:
            self._asked[key] -= 1
            if not self._asked[key]:
                del self._asked[key]
        if found is None:
            self._doomed[key] = None
            while len(self._doomed) > MOST_DOOMED:
                del self._doomed[next(iter(self._doomed))]
        return found

    def _noted(self, what: str, order: Order, bot: Bot, answer: Answer) -> Answer:
        reason = self.plain(answer.reason)
        audit.info(
            "%s %s by %s in %s: %s %s %d at %s: %s %s",
            what,
            order.id,
            bot.id,
            masked(order.account),
            order.side,
            order.symbol,
            order.shares,
            order.limit,
            answer.outcome,
            reason,
        )
        return Answer(outcome=answer.outcome, reason=reason)
