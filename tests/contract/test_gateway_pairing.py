"""A code lets one bot in, once, for a while, and only at the gateway that it was made by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.gateway_line import Line
from adapters.gateway_pairing import Paired, pair
from bot.gateway.certificates import Authority
from bot.gateway.invitation import MOST_WRONG, OPEN_FOR, Invitation, invitation_app
from bot.gateway.server import Server, bound
from core.clock import ManualClock, SystemClock
from core.errors import Invalid, Malformed, Refused, Unavailable
from core.pairing import Code, read_code
from core.wire import About, Right
from tests.fakes.brokers import FakeBroker
from tests.fakes.gateway import Town, at_once


class Door:
    """An open invitation of a town."""

    def __init__(self, town: Town, clock: ManualClock, rights: tuple[Right, ...] = (Right.READ,)) -> None:
        self.invitation = Invitation(
            town.authority, town.folder, clock, name="家里的机器人", rights=rights, port=town.port
        )
        self._server = Server(invitation_app(self.invitation), bound("127.0.0.1", 0), town.authority.open_context())
        self._task = asyncio.create_task(self._server.run())

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.port}"

    @property
    def code(self) -> str:
        return self.invitation.code.text()

    async def close(self) -> None:
        self._server.stop()
        await self._task


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
async def town(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Town]:
    made = Town(tmp_path, clock)
    made.open([FakeBroker(clock)])
    yield made
    await made.shut()


@pytest.fixture
async def door(town: Town, clock: ManualClock) -> AsyncIterator[Door]:
    made = Door(town, clock)
    yield made
    await made.close()


async def about(town: Town, folder: Path) -> About:
    line = town.lined(Line("QMT 网关", Paired(folder, SystemClock()).address, sleep=at_once))
    return await line.ask("about", None, About)


async def test_a_code_lets_a_bot_in_with_the_rights_it_was_made_for(town: Town, door: Door, tmp_path: Path) -> None:
    made = await pair(door.url, door.code.lower().replace("-", " "), tmp_path / "bot")
    assert made.url == f"https://127.0.0.1:{town.port}"
    assert door.invitation.over.is_set()
    assert (await about(town, tmp_path / "bot")).rights == (Right.READ,)
    until = Paired(tmp_path / "bot", SystemClock()).until()
    assert timedelta(days=89) < until - SystemClock().now() < timedelta(days=91)


async def test_a_code_is_good_once(door: Door, tmp_path: Path) -> None:
    await pair(door.url, door.code, tmp_path / "bot")
    with pytest.raises(Refused, match="用过或者过期了"):
        await pair(door.url, door.code, tmp_path / "second")
    assert not (tmp_path / "second").exists()


async def test_a_code_is_good_for_minutes(door: Door, clock: ManualClock, tmp_path: Path) -> None:
    clock.advance(OPEN_FOR)
    with pytest.raises(Refused, match="用过或者过期了"):
        await pair(door.url, door.code, tmp_path / "bot")


async def test_a_code_cannot_be_guessed(door: Door, town: Town, tmp_path: Path) -> None:
    right = read_code(door.code)
    for guess in range(MOST_WRONG):
        wrong = Code(right.fingerprint, f"{guess:016x}").text()
        with pytest.raises(Refused, match="配对码不对"):
            await pair(door.url, wrong, tmp_path / "bot")
    with pytest.raises(Refused, match="用过或者过期了"):
        await pair(door.url, door.code, tmp_path / "bot")
    assert not town.folder.bots()


async def test_a_gateway_that_the_code_does_not_vouch_for_is_shown_no_secret(
    door: Door, clock: ManualClock, tmp_path: Path
) -> None:
    stranger = Town(tmp_path / "stranger", clock)
    other = Door(stranger, clock)
    with pytest.raises(Refused, match="什么也没有发给它"):
        await pair(other.url, door.code, tmp_path / "bot")
    assert other.invitation._wrong == 0
    assert not (tmp_path / "bot").exists()
    await other.close()


async def test_a_stranger_who_shows_the_right_certificate_cannot_speak_for_it(
    town: Town, door: Door, clock: ManualClock, tmp_path: Path
) -> None:
    # It hands out the true authority's certificate, which is no secret, over a connection of its own.
    (tmp_path / "mine").mkdir()
    mine = Authority(tmp_path / "mine")
    mine.make(SystemClock().now())
    invitation = Invitation(town.authority, town.folder, clock, name="", rights=(), port=1)
    server = Server(invitation_app(invitation), bound("127.0.0.1", 0), mine.open_context())
    task = asyncio.create_task(server.run())
    with pytest.raises(Unavailable, match="证书对不上"):
        await pair(f"https://127.0.0.1:{server.port}", door.code, tmp_path / "bot")
    assert invitation._wrong == 0
    server.stop()
    await task


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("https://127.0.0.1:1", "ABCD", "8 组"),
        ("https://127.0.0.1:1", "U" * 32, "8 组"),
        ("not an address", "0" * 32, "不是网关的地址"),
    ],
)
async def test_what_is_no_code_or_address_is_said_before_anything_is_sent(
    url: str, code: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match=says):
        await pair(url, code, tmp_path / "bot")


async def test_where_no_gateway_is_it_says_so(tmp_path: Path) -> None:
    place = bound("127.0.0.1", 0)
    port = place.getsockname()[1]
    place.close()
    with pytest.raises(Unavailable, match="连不上网关"):
        await pair(f"https://127.0.0.1:{port}", "0" * 32, tmp_path / "bot")


async def test_the_code_of_one_side_is_read_by_the_other_whatever_is_mistyped_alike(door: Door) -> None:
    assert read_code(door.code.replace("0", "o").replace("1", "l")) == door.invitation.code


async def test_an_unreadable_request_is_no_certificate(town: Town) -> None:
    with pytest.raises(Refused, match="证书申请"):
        town.authority.sign_bot("-----BEGIN", "BOT", SystemClock().now())
    with pytest.raises(Malformed, match="读不懂"):
        await town.line().ask("renew", None, About)
