"""The numbered events of a gateway: a ring that remembers the newest, and nothing that anybody relies on for ever."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from core.clock import Clock
from core.errors import OutsideError
from core.orders import Report
from core.ports import Broker
from core.wire import Event

log: Final = logging.getLogger(__name__)

KEPT: Final = 10_000
RETRY: Final = 3.0
"""Seconds until the reports of a broker are listened to again after they broke off."""


class Ring:
    """The newest events. A new epoch begins with the process, and whenever a report may have been missed."""

    def __init__(self, clock: Clock, kept: int = KEPT) -> None:
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=kept)
        self._more = asyncio.Event()
        self.number = 0
        self.epoch = clock.new_id()

    def add(self, report: Report) -> None:
        self.number += 1
        self._events.append(Event(number=self.number, report=report))
        self._wake()

    def start_anew(self) -> None:
        """Forget everything: whoever listens must ask what became of the orders."""
        self._events.clear()
        self.epoch = self._clock.new_id()
        self._wake()

    def knows(self, epoch: str, after: int) -> bool:
        """Whether all events after this one are still here."""
        first = self.number - len(self._events)
        return epoch == self.epoch and first <= after <= self.number

    def since(self, after: int) -> Sequence[Event]:
        """Later ones, oldest first."""
        missing = self.number - after
        return [self._events[place] for place in range(len(self._events) - missing, len(self._events))]

    @property
    def more(self) -> asyncio.Event:
        """Set when something happens after this was looked at."""
        return self._more

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


async def pump(broker: Broker, ring: Ring, sleep: Callable[[float], Awaitable[object]]) -> None:
    """Put a broker's reports into the ring for ever."""
    while True:
        try:
            async for report in broker.reports():
                ring.add(report)
            log.warning("%s: the reports ended", broker.name)
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
        except Exception:
            log.exception("the reports of %s broke off", broker.name)
        ring.start_anew()
        await sleep(RETRY)
