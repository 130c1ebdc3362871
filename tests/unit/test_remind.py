"""What is put off is kept, however much is put off at once."""

from __future__ import annotations

import asyncio

from core.remind import REMINDERS, Reminder
from core.watches import RuleKey
from tests.fakes.parts import CHAT, MOUTAI, PINGAN, ShakyStore, at, house, until


async def test_two_that_are_put_off_at_once_are_both_kept() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        gate = store.hold("set_value")
        reminders = [Reminder(RuleKey("w1", symbol, 0), CHAT, at("10:30")) for symbol in (MOUTAI, PINGAN)]
        putting = [asyncio.create_task(home.app.house.reminders.put_off(one)) for one in reminders]
        await until(lambda: "set_value" in store.asked)
        gate.set()
        await asyncio.gather(*putting)
        kept = await store.value(REMINDERS)
        assert kept is not None
        assert MOUTAI in kept
        assert PINGAN in kept
