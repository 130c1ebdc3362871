"""An account behind a gateway: a Broker whose counter stands on another PC, or in another process of this one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

from adapters.gateway_line import Line, NotSent
from core.clock import Clock
from core.errors import OutsideError, Refused, Unavailable
from core.orders import Order, Report
from core.portfolio import Account
from core.statement import Statement
from core.types import Mode, Noun
from core.wire import PATIENCE, Answer, Found, Listen, Offer, Outcome, WhichAccount, WhichOrder, Wish

log: Final = logging.getLogger(__name__)

N = TypeVar("N", bound=Noun)


class GatewayBroker:
    """A Broker over the line. What the gateway refuses is certainly not placed; what is lost on the way is unknown."""

    def __init__(self, line: Line, offer: Offer, clock: Clock) -> None:
        self.account = offer.account
        self.name = offer.name
        self.mode: Mode = offer.mode
        self._line = line
        self._clock = clock

    async def submit(self, order: Order) -> None:
        if order.account != self.account or order.mode is not self.mode:
            raise Refused(self.name, f"委托属于{order.mode.chinese}账户，不是这个账户的，没有送出，请换账户。")
        await self._wish("submit", order, "没有下单")

    async def cancel(self, order: Order) -> None:
        await self._wish("cancel", order, "没有撤单")

    async def _wish(self, path: str, order: Order, undone: str) -> None:
        wish = Wish(order=order, sent_at=self._clock.now())
        try:
            answer = await self._line.ask(path, wish, Answer, patience=PATIENCE)
        except NotSent as error:
            raise Refused(self.name, f"{error.reason}，{undone}") from None
        except Refused as error:
            raise Refused(self.name, error.reason) from None
        except OutsideError as error:
            raise Unavailable(self.name, error.reason) from None
        if answer.outcome is Outcome.REFUSED:
            raise Refused(self.name, answer.reason)
        if answer.outcome is Outcome.UNKNOWN:
            raise Unavailable(self.name, answer.reason)

    async def find(self, order_id: str) -> Sequence[Report] | None:
        which = WhichOrder(account=self.account, order_id=order_id)
        return (await self._ask("find", which, Found)).reports

    async def snapshot(self) -> Account:
        return await self._ask("snapshot", WhichAccount(account=self.account), Account)

    async def statement(self) -> Statement:
        return await self._ask("statement", WhichAccount(account=self.account), Statement)

    async def _ask(self, path: str, question: WhichAccount | WhichOrder, kind: type[N]) -> N:
        try:
            return await self._line.ask(path, question, kind)
        except OutsideError as error:
            raise Unavailable(self.name, error.reason) from None

    async def reports(self) -> AsyncIterator[Report]:
        """Reconnects by itself, and goes on where it was; where the gateway does not know that any more, all orders of
        today are asked for.
        """
        epoch, after, tries = "", 0, 0
        while True:
            try:
                listen = Listen(epoch=epoch, after=after, accounts=(self.account,))
                async with self._line.listen(listen) as stream:
                    if stream.hello.reset:
                        for report in await self._known():
                            yield report
                    epoch, after, tries = stream.hello.epoch, stream.hello.number, 0
                    while True:
                        event = await stream.next()
                        if isinstance(event, bytes):
                            continue
                        if event.report.account == self.account:
                            yield event.report
                        after = event.number
            except OutsideError as error:
                log.warning("%s: %s", self.name, error.reason)
            await self._line.rest(tries)
            tries += 1

    async def _known(self) -> Sequence[Report]:
        """What became of all orders of today that are ours."""
        known: list[Report] = []
        for placed in (await self.statement()).orders:
            if placed.id:
                known += await self.find(placed.id) or ()
        return known


def connect(line: Line, offer: Offer, clock: Clock) -> GatewayBroker:
    """An account of the gateway at the other end of the line; nothing is asked yet."""
    return GatewayBroker(line, offer, clock)
