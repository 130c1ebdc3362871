"""Does every store keep what it promises of people? The same stores as in test_stores.py."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, text

from core.journal import differences, problem
from core.messages import Role
from core.people import Attempt, Invitation, Member, Refusal
from core.ports import Store
from tests.contract.test_stores import CHAT, NOW, Place, message, place, store

__all__ = ["place", "store"]  # fixtures
DAY = timedelta(days=1)


def member(user_id: str = "7", **changes: Any) -> Member:
    given = {
        "channel": "telegram",
        "user_id": user_id,
        "name": "小王 😀",
        "role": Role.TRADER,
        "trades": ("paper",),
        "sees": ("wife", "manual"),
        "invited_by": "老林(1)",
        "since": NOW,
    }
    return Member.model_validate(given | changes)


def invitation(digest: str = "d" * 64, **changes: Any) -> Invitation:
    given = {
        "digest": digest,
        "role": Role.TRADER,
        "trades": ("paper",),
        "invited_by": "老林(1)",
        "created_at": NOW,
        "expires_at": NOW + DAY,
    }
    return Invitation.model_validate(given | changes)


def refusal(who: str = "telegram:9", **changes: Any) -> Refusal:
    given = {"kind": Attempt.STRANGER, "who": who, "name": "某人", "chat": str(CHAT), "at": NOW, "day": NOW.date()}
    return Refusal.model_validate(given | changes)


async def test_an_invitation_lets_one_person_in_once(store: Store) -> None:
    await store.add_invitation(invitation())
    assert await store.accept("d" * 64, member(), NOW, [message("M1")])
    assert not await store.accept("d" * 64, member("8"), NOW, [message("M2")])
    assert await store.members() == [member()]
    assert await store.member("telegram", "7") == member()
    assert await store.member("telegram", "8") is None
    assert [one.id for one in await store.unsent()] == ["M1"]
    used = invitation(used_by="telegram:7", used_at=NOW)
    assert await store.invitations(NOW) == [used]
    assert await store.invitations(NOW + DAY) == []


async def test_an_invitation_that_has_expired_or_never_was_lets_nobody_in(store: Store) -> None:
    await store.add_invitation(invitation())
    assert not await store.accept("d" * 64, member(), NOW + DAY)
    assert not await store.accept("e" * 64, member(), NOW)
    assert await store.members() == []
    assert await store.accept("d" * 64, member(), NOW + DAY - timedelta(microseconds=1))


async def test_a_member_is_changed_and_removed_and_comes_back_by_another_invitation(store: Store) -> None:
    for digest in ("a", "b"):
        await store.add_invitation(invitation(digest))
    await store.accept("a", member(), NOW)
    changed = member(role=Role.VIEWER, trades=())
    gone = changed.model_copy(update={"ended_at": NOW + DAY})
    assert not await store.save_member(member("8"), NOW, [message("M0")])
    assert await store.save_member(changed, NOW, [message("M1")])
    assert await store.save_member(gone, NOW, [message("M2")])
    assert not await store.save_member(changed, NOW, [message("M3")]), "who is gone is not changed back"
    assert await store.members() == [gone]
    assert await store.accept("b", member(), NOW)
    assert await store.members() == [member()]
    assert [one.id for one in await store.unsent()] == ["M1", "M2"]


async def test_everything_about_people_is_an_event_and_the_chain_is_whole(store: Store) -> None:
    await store.add_invitation(invitation())
    await store.accept("d" * 64, member(), NOW)
    await store.save_member(member(sees=()), NOW)
    assert differences(await store.journal(), [], [], await store.members()) == []
    await store.save_member(member(sees=(), ended_at=NOW), NOW)
    await store.refuse(refusal())
    events = await store.journal()
    kinds = ["begin", "people.invited", "people.joined", "people.changed", "people.removed", "people.refused"]
    assert [event.kind for event in events] == kinds
    assert problem(events) is None
    assert differences(events, [], [], await store.members()) == []


async def test_what_is_refused_again_is_written_down_and_not_told_again(store: Store) -> None:
    assert await store.refuse(refusal(), [message("M1")])
    assert not await store.refuse(refusal(), [message("M2")])
    assert await store.refuse(refusal(kind=Attempt.FORGED), [message("M3")])
    assert await store.refuse(refusal(day=NOW.date() + DAY), [message("M4")])
    assert await store.refuse(refusal("telegram:10"), [message("M5")])
    assert [one.id for one in await store.unsent()] == ["M1", "M3", "M4", "M5"]
    assert len(await store.journal()) == 6


async def test_of_two_people_in_two_processes_one_gets_the_invitation(place: Place) -> None:
    stores = [place.open(), place.open()]
    for index in range(10):
        await stores[0].add_invitation(invitation(f"code{index}"))
        who = [member(f"{index}-{at}") for at in range(2)]
        both = await asyncio.gather(
            *(each.accept(f"code{index}", who[at], NOW, [message(f"{index}-{at}")]) for at, each in enumerate(stores))
        )
        assert sorted(both) == [False, True]
    assert len(await stores[0].members()) == len(await stores[1].unsent()) == 10
    assert problem(await stores[0].journal()) is None


async def test_of_two_processes_one_tells_a_refusal(place: Place) -> None:
    stores = [place.open(), place.open()]
    for index in range(10):
        one = refusal(f"telegram:{index}")
        both = await asyncio.gather(*(each.refuse(one, [message(f"{index}-{at}")]) for at, each in enumerate(stores)))
        assert sorted(both) == [False, True]
    assert len(await stores[0].unsent()) == 10
    assert len(await stores[0].journal()) == 21


async def test_rights_that_were_changed_behind_our_back_are_found(place: Place) -> None:
    here = place.open()
    await here.add_invitation(invitation())
    await here.accept("d" * 64, member(role=Role.VIEWER, trades=()), NOW)
    engine = create_engine(place.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE members SET role = 'trader', trades = '[\"paper\"]'"))
    engine.dispose()
    [found] = differences(await here.journal(), [], [], await here.members())
    assert "小王" in found
    assert "可能被改过" in found
    assert "在日志里没有" in differences((await here.journal())[:2], [], [], await here.members())[0]
