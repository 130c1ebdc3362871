"""Illustrator: the picture of an alert or an advice, for those who want one.

That of an alert is added to its message after it has gone out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from core.amend import Amendments
from core.analysis import Analysis
from core.brokerage import Brokerage
from core.charts import level_of, mark_of
from core.clock import Clock
from core.dispatch import Told
from core.errors import DingpanError
from core.messages import Chart, ChartPeriod, Message, Outgoing
from core.pictures import Pictures
from core.ports import Store
from core.types import account_of, is_account

log: Final = logging.getLogger(__name__)

WANTED: Final = "alert_pictures"
MOST: Final = 50
"""Pictures that wait to be drawn up. Of a storm the first ones have one, and every alert is told."""
LATE: Final = timedelta(minutes=2)
"""After which a picture is no longer added."""


class Illustrator:
    """Keeps who wants pictures with his alerts and advice, and adds them one after the other.

    Args:
        possible: whether pictures are painted here at all.
    """

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        amendments: Amendments,
        brokerage: Brokerage,
        clock: Clock,
        *,
        possible: bool = True,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._amendments = amendments
        self._brokerage = brokerage
        self._clock = clock
        self.possible = possible
        self._wanted: frozenset[str] = frozenset()
        self._due: asyncio.Queue[tuple[Told, Outgoing]] = asyncio.Queue(MOST)

    async def load(self) -> None:
        self._wanted = frozenset(json.loads(await self._store.value(WANTED) or "[]"))

    def wanted(self, owner: str) -> bool:
        return owner in self._wanted

    async def want(self, owner: str, *, wanted: bool) -> None:
        after = self._wanted | {owner} if wanted else self._wanted - {owner}
        await self._store.set_value(WANTED, json.dumps(sorted(after)) if after else None)
        self._wanted = after

    def hear(self, told: Sequence[Told], row: Outgoing) -> None:
        """Note that a message with alerts went out. Of several alerts the first one is drawn."""
        first = told[0]
        if not self.possible or not self.wanted(first.watch.owner):
            return
        try:
            self._due.put_nowait((first, row))
        except asyncio.QueueFull:
            log.warning("no picture of %s: too many wait", first.alert.name)

    async def run(self) -> None:
        """Add pictures for ever."""
        while True:
            told, row = await self._due.get()
            try:
                await self._add(told, row)
            except DingpanError as error:
                log.warning("no picture of %s: %s", told.alert.name, error)
            except Exception:
                # A bug in a picture is no reason to end the program.
                log.exception("no picture of %s", told.alert.name)
            finally:
                self._due.task_done()

    async def drained(self) -> None:
        """Wait until no picture is due."""
        await self._due.join()

    async def of_advice(self, analysis: Analysis) -> Chart | None:
        """The days of a share with the levels of an advice; None for who wants no pictures, and where there is none."""
        if not self.possible or not self.wanted(analysis.owner) or analysis.decision is None:
            return None
        try:
            account = analysis.account or None
            chart = await self._pictures.chart_of(analysis.symbol, ChartPeriod.DAY, analysis.owner, account)
        except DingpanError as error:
            log.warning("no picture of %s: %s", analysis.name, error)
            return None
        except Exception:
            # As above: the advice stands without.
            log.exception("no picture of %s", analysis.name)
            return None
        if chart is None:
            return None
        advised = analysis.decision
        named = ((advised.entry, advised.action.chinese), (advised.take_profit, "止盈"), (advised.stop_loss, "止损"))
        levels = tuple(level_of(price, f"建议{label}") for price, label in named if price is not None)
        return chart.model_copy(update={"levels": (*chart.levels, *levels)})

    async def _add(self, told: Told, row: Outgoing) -> None:
        chart = await self._chart(told)
        if chart is not None and self._clock.now() - told.alert.at <= LATE:
            await self._amendments.add(row, Message(title=f"📈 {chart.title}", chart=chart))

    async def _chart(self, told: Told) -> Chart | None:
        """The line of the day with the trigger on it; where that does not show it, the days."""
        watch, alert = told.watch, told.alert
        if is_account(alert.symbol):
            account = account_of(alert.symbol)
            return await self._pictures.curve_of({account: self._brokerage.broker(account).name})
        mark = mark_of(alert.quoted_at, alert.price, f"#{alert.watch_number} 触发")
        for period in (ChartPeriod.MINUTE, ChartPeriod.DAY):
            chart = await self._pictures.chart_of(alert.symbol, period, watch.owner, watch.account or None, mark)
            if chart is not None and mark in chart.marks:
                return chart
        return None
