"""Fan-out of facts to those who only look on: web push, metrics, a replay's transcript. Losing one changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.alerts import Alert
from core.messages import Chat, Incoming, Message
from core.orders import Fill, Order
from core.tickets import Ticket

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """A message that a channel has shown; ``alert_ids`` where it tells alerts."""

    chat: Chat
    message: Message
    alert_ids: tuple[str, ...]
    at: datetime


Fact = Incoming | Said | Alert | Ticket | Order | Fill
Observer = Callable[[Fact], None]


class Feed:
    """Hands every fact to every observer, at once and in order. An observer that fails is logged and asked again."""

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def subscribe(self, observer: Observer) -> None:
        self._observers.append(observer)

    def publish(self, fact: Fact) -> None:
        for observer in self._observers:
            try:
                observer(fact)
            except Exception:  # an onlooker must never stop what it looks at
                log.exception("an observer of the feed failed")
