"""Many alerts in one snapshot: none is lost, few messages come, others are served meanwhile, a kill changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.alerts import Alert
from core.conditions import PriceBelow
from core.dispatch import SLICE
from core.feed import Fact
from core.messages import Chat
from core.watches import Repeat, Watch
from tests.e2e.theatre import CHAT, Theatre
from tests.fakes.parts import MOUTAI

MANY = 500
THRESHOLD = 1420


def watches(people: int) -> list[Watch]:
    return [
        Watch.model_validate(
            {
                "id": f"W{place:07}",
                "number": place // people + 1,
                "owner": f"person{place % people}",
                "chat": CHAT if people == 1 else Chat("script", str(place % people)),
                "account": "paper",
                "symbols": (MOUTAI,),
                "conditions": (PriceBelow(value=THRESHOLD),),
                "repeat": Repeat.ONCE,
                "created_at": "2026-11-18T01:00:00Z",
            }
        )
        for place in range(MANY)
    ]


async def settled(house: Theatre, people: int) -> None:
    """Put the watches in as an earlier process would have left them, and show a price above their threshold."""
    await house.app.house.store.fire([], [], watches(people), [], [])
    await house.kill()
    await house.tick("600519", "1430")


async def told(house: Theatre) -> tuple[list[Alert], list[str]]:
    """All alerts, and the alerts of all stored messages with repetitions."""
    store = house.app.house.store
    alerts = [one for number in range(MANY) for one in await store.alerts(f"person{number}", limit=MANY)]
    rows = await store.deliveries([one.id for one in alerts])
    return alerts, [each for row in rows for each in row.alert_ids]


async def test_a_storm_for_one_person_is_two_messages_and_everything_in_the_store(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await settled(house, people=1)
        before = len(house.channel.shown)
        await house.tick("600519", "1419")
        assert [message.title for message in house.channel.shown[before:]] == [
            f"🔔 {SLICE} 条提醒",
            f"🔔 又有 {MANY - SLICE} 条提醒",
        ]
        alerts, ids = await told(house)
        assert len({one.watch_id for one in alerts}) == len(alerts) == MANY
        assert sorted(ids) == sorted(one.id for one in alerts)


async def test_a_storm_for_fifty_people_is_one_message_for_each(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await settled(house, people=50)
        before = len(house.channel.shown)
        await house.tick("600519", "1419")
        assert [message.title for message in house.channel.shown[before:]] == ["🔔 10 条提醒"] * 50
        alerts, ids = await told(house)
        assert len(alerts) == len(set(ids)) == len(ids) == MANY


async def test_others_have_their_turn_after_every_slice(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await settled(house, people=1)
        turns = 0

        async def another() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(another())
        await house.tick("600519", "1419")
        task.cancel()
        assert turns > MANY // SLICE


async def test_a_kill_between_two_slices_loses_no_alert_and_tells_every_one(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await settled(house, people=1)
        house.market.set("600519", "1419")
        under_way = asyncio.create_task(house.app.house.engine.on_frame(house.market.frame()))

        def kill(fact: Fact) -> None:
            if isinstance(fact, Alert):
                under_way.cancel()

        house.app.house.feed.subscribe(kill)
        await asyncio.wait([under_way])
        assert under_way.cancelled()
        stored = len((await told(house))[0])
        assert 0 < stored < MANY
        await house.kill()
        await house.tick("600519", "1418")
        await house.pass_time("2026-11-18 10:02")
        alerts, ids = await told(house)
        assert {one.watch_id for one in alerts} == {one.id for one in watches(1)}
        assert set(ids) == {one.id for one in alerts}
