"""A real gateway on loopback in the process of the test: mutual TLS, whatever brokers and quotes the test hands it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from adapters.gateway_line import Line
from adapters.gateway_pairing import Paired, Pairing, keep, new_request
from bot.gateway.app import SLOW, Gate
from bot.gateway.certificates import Authority
from bot.gateway.counter import Counter
from bot.gateway.events import KEPT, Ring
from bot.gateway.folder import Bot, Folder, digest_of, new_token
from bot.gateway.record import open_record
from bot.gateway.server import RunningGateway, bound
from bot.gateway.ticker import Ticker
from core.clock import Clock, SystemClock
from core.ports import BarFetcher, Broker, MarketGuide, QuoteSource
from core.wire import Bounds, Offer, Right

WIDE = Bounds(order=10**12, day=10**12, symbol=10**12, band=None, cancels=1000)
ALL = (Right.READ, Right.TRADE)


async def never(_: float) -> None:
    """A pause that does not end."""
    await asyncio.Event().wait()


async def at_once(_: float) -> None:
    """A pause that lets the others run and no more."""
    await asyncio.sleep(0)


class Town:
    """A gateway with its folder, and the bots that are paired with it. It can be closed and opened again."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        bounds: Bounds = WIDE,
        kept: int = KEPT,
        slow: timedelta = SLOW,
        patience: timedelta = timedelta(seconds=8),
    ) -> None:
        self.folder = Folder(folder / "gateway")
        self.folder.make()
        self.authority = Authority(self.folder.path)
        if not self.authority.made:
            self.authority.make(SystemClock().now())
            self.folder.set_bounds(bounds)
        self.clock = clock
        self.bots = folder
        self.port = 0
        self._lines: list[Line] = []
        self._kept = kept
        self._slow = slow
        self._patience = patience

    def open(
        self,
        brokers: Sequence[Broker],
        quotes: QuoteSource | None = None,
        bars: BarFetcher | None = None,
        guide: MarketGuide | None = None,
    ) -> RunningGateway:
        self.record = open_record(self.folder.path / "passed.db")
        self.counter = Counter(brokers, quotes, self.folder, self.record, self.clock, patience=self._patience)
        gate = Gate(
            clock=self.clock,
            counter=self.counter,
            ring=Ring(SystemClock(), self._kept),
            folder=self.folder,
            ticker=None if quotes is None else Ticker(quotes, never),
            bars=bars,
            guide=guide,
            renew=lambda bot, pem: self.authority.sign_bot(pem, bot.id, SystemClock().now()),
            certificate_until=self.authority.server_until,
            slow=self._slow,
        )
        self.running = RunningGateway(gate, bound("127.0.0.1", self.port), authority=self.authority, sleep=never)
        self.port = self.running.port
        self.running.start()
        return self.running

    async def close(self) -> None:
        """The process ends; the bots stay."""
        await self.running.close()
        self.record.close()

    async def shut(self) -> None:
        """Everything ends."""
        for line in self._lines:
            await line.close()
        await self.close()

    def arm(self) -> None:
        self.folder.arm(self.clock.now() + timedelta(days=3650))

    def admit(
        self, bot_id: str = "BOT", rights: Sequence[Right] = ALL, *, authority: Authority | None = None
    ) -> Paired:
        """As a pairing would: a folder with a certificate and a token.

        Args:
            authority: another one's signature on it.
        """
        token = new_token()
        self.folder.add_bot(
            Bot(id=bot_id, name=bot_id, rights=tuple(rights), digest=digest_of(token), paired_at=self.clock.now())
        )
        folder = self.bots / f"pairing {bot_id}"
        key, request = new_request()
        pem = (authority or self.authority).sign_bot(request, bot_id, SystemClock().now())
        pairing = Pairing(url=f"https://127.0.0.1:{self.port}", bot=bot_id, token=token, rights=tuple(rights))
        keep(folder, pairing, self.authority.pem, key + pem.encode())
        return Paired(folder, SystemClock())

    def line(self, paired: Paired | None = None, *, patience: timedelta = timedelta(seconds=10)) -> Line:
        return self.lined(Line("QMT 网关", (paired or self.admit()).address, sleep=at_once, patience=patience))

    def lined(self, line: Line) -> Line:
        """A line that is closed at the end."""
        self._lines.append(line)
        return line


def offer_of(broker: Broker) -> Offer:
    return Offer(account=broker.account, name=broker.name, mode=broker.mode)
