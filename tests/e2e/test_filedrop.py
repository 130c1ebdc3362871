"""A live account behind big QMT, from the command that sets it up to a chat that trades in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.channels import script
from adapters.models import scripted
from adapters.stores import sql
from bot import check, main
from bot.accounts import open_accounts
from bot.assembly import assemble
from bot.filedrop import init, read_key
from bot.language.names import Names
from bot.settings import Settings
from core.clock import SystemClock
from core.errors import ConfigError, Invalid, Unavailable
from core.messages import Incoming, Message
from core.orders import OrderState
from core.types import Mode
from tests.e2e.theatre import CHAT
from tests.fakes.bigqmt_host import Exchange, Host
from tests.fakes.filedrop import World
from tests.fakes.market import HandMarket

ACCOUNT = "8800123456"


# --- setting it up ---


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        broker="filedrop", filedrop_path=tmp_path / "盯盘", filedrop_account=ACCOUNT, data_dir=tmp_path / "data"
    )


def set_up(settings: Settings, tmp_path: Path, seen_as: str | None = None) -> list[str]:
    lines: list[str] = []
    init(settings, tmp_path / "盯盘", ACCOUNT, seen_as, lines.append)
    return lines


async def test_the_script_that_was_written_runs_as_it_is_and_knows_the_bot(settings: Settings, tmp_path: Path) -> None:
    lines = set_up(settings, tmp_path)
    assert any("FILEDROP_ACCOUNT=8800123456" in line for line in lines)
    clock = SystemClock()
    exchange = Exchange(str(tmp_path / "exchange.json"))
    exchange.hold("600000.SH", 300, 9.0)
    host = Host(settings.data_dir / "dingpan_qmt.py", exchange, {"RECORDS": str(tmp_path / "records")})
    host.tick()
    host.tick()
    async with AsyncExitStack() as stack:
        [broker, beside], matching = open_accounts(settings, clock, stack, None)
        assert (beside.mode, len(matching)) == (Mode.PAPER, 1)
        seen = await broker.snapshot()
        assert (seen.mode, [one.shares for one in seen.positions]) == (Mode.LIVE, [300])
        assert main.is_running(settings)
        with pytest.raises(Unavailable, match="另一个盯盘"):
            open_accounts(settings, clock, stack, None)
    assert not main.is_running(settings)


def test_the_key_lies_in_no_shared_folder_and_is_not_shown(settings: Settings, tmp_path: Path) -> None:
    lines = set_up(settings, tmp_path)
    key = read_key(settings)
    assert not any(key in line for line in lines)
    assert not list((tmp_path / "盯盘").rglob("*.py"))
    assert (settings.data_dir / "dingpan_qmt.py").read_bytes().isascii()


def test_a_second_time_the_key_stays_and_the_old_script_is_kept(settings: Settings, tmp_path: Path) -> None:
    set_up(settings, tmp_path)
    key = read_key(settings)
    written = settings.data_dir / "dingpan_qmt.py"
    own = written.read_text(encoding="ascii").replace("MAX_YUAN_PER_ORDER = 50000", "MAX_YUAN_PER_ORDER = 8000")
    written.write_text(own, encoding="ascii")
    lines = set_up(settings, tmp_path, seen_as="Z:\\drop")
    assert read_key(settings) == key
    assert "改名为" in lines[0]
    assert (settings.data_dir / "dingpan_qmt.py.old").read_text(encoding="ascii") == own
    assert "FOLDER = 'Z:\\\\drop'" in written.read_text(encoding="ascii")


def test_a_folder_that_would_show_the_key_is_refused(settings: Settings, tmp_path: Path) -> None:
    for folder in (settings.data_dir, tmp_path):
        with pytest.raises(Invalid, match="密钥会被别人看到"):
            init(settings, folder, ACCOUNT, None, print)


@pytest.mark.parametrize("account", ["", "12", "88 00", "../8800", '8800"'])
def test_what_is_no_account_is_refused(settings: Settings, tmp_path: Path, account: str) -> None:
    with pytest.raises(Invalid, match="不是资金账号"):
        init(settings, tmp_path / "盯盘", account, None, print)


async def test_beside_a_usual_paper_account_there_can_be_one_in_big_qmt(settings: Settings, tmp_path: Path) -> None:
    set_up(settings, tmp_path)
    async with AsyncExitStack() as stack:
        brokers, _ = open_accounts(settings.model_copy(update={"broker": "paper"}), SystemClock(), stack, None)
        assert [(one.account, one.name, one.mode) for one in brokers] == [
            ("paper", "模拟账户", Mode.PAPER),
            ("filedrop", "大QMT3456", Mode.LIVE),
        ]


@pytest.mark.parametrize("usual", ["filedrop", "paper"])
async def test_a_check_says_whether_the_script_answers(settings: Settings, tmp_path: Path, usual: str) -> None:
    settings = settings.model_copy(update={"broker": usual})

    async def said() -> str:
        return " ".join(one.line() for one in await check._accounts(settings, SystemClock()))

    assert "❌ 大 QMT 账户：没有文件夹" in await said()
    set_up(settings, tmp_path)
    assert "❌ 大 QMT 账户：大 QMT 里的脚本还没有写过" in await said()
    exchange = Exchange(str(tmp_path / "exchange.json"))
    exchange.hold("600000.SH", 300, 9.0)
    host = Host(settings.data_dir / "dingpan_qmt.py", exchange, {"RECORDS": str(tmp_path / "records")})
    host.tick()
    host.tick()
    async with AsyncExitStack() as stack:
        open_accounts(settings, SystemClock(), stack, None)  # an assistant at work is no hindrance
        assert "✅ 大 QMT 账户：脚本有回答，1 只持仓。" in await said()


async def test_without_a_setup_the_start_says_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match="没有大 QMT 的密钥"):
            open_accounts(settings, SystemClock(), stack, None)
        with pytest.raises(ConfigError, match="FILEDROP_PATH"):
            open_accounts(settings.model_copy(update={"filedrop_path": None}), SystemClock(), stack, None)
        settings.folder()
        (settings.data_dir / "filedrop.key").write_text("abc", encoding="ascii")
        with pytest.raises(ConfigError, match="不是密钥"):
            open_accounts(settings, SystemClock(), stack, None)


# --- trading in it ---


class Stage:
    """A house whose only account lies behind big QMT. The script works whenever somebody waits for it."""

    def __init__(self, world: World, stack: AsyncExitStack) -> None:
        self.world = world
        self._looked = asyncio.Event()
        self.market = HandMarket(world.clock)
        store = sql.connect(f"sqlite:///{world.folder / 'dingpan.db'}")
        stack.push_async_callback(store.close)
        self.broker = world.connect(sleep=self._wait)
        self.channel = script.connect()
        self.app = assemble(
            store=store,
            clock=world.clock,
            source=self.market,
            brokers=[self.broker],
            names=Names.seed(),
            adviser=scripted.connect(),
            about="测试",
            market_paced=True,
        )
        self.store = store

    async def _wait(self, _seconds: float) -> None:
        if self.world.script:
            self.world.host.tick()
        self._looked.set()
        await asyncio.sleep(0)

    async def say(self, text: str = "", *, press: str | None = None) -> Message:
        await self.app.inbox.receive(
            Incoming(chat=CHAT, user="local", name="我", text=text, press=press, at=self.world.clock.now())
        )
        await self.app.house.notifier.drained()
        return self.channel.shown[-1]

    async def press(self, label: str) -> Message:
        [*_, button] = [one for one in self.channel.buttons() if one.label == label]
        return await self.say(press=button.command)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._looked.clear()
            await self._looked.wait()

    def told(self, words: str) -> bool:
        return any(words in f"{one.title}{one.text}" for one in self.channel.shown)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        made = Stage(World(tmp_path), stack)
        await made.app.load()
        async with asyncio.TaskGroup() as group:
            life = group.create_task(_life(made))
            made.market.set("600000.SH", "10.00", preclose=10)
            await made.app.house.engine.on_frame(made.market.frame())
            yield made
            life.cancel()


async def _life(stage: Stage) -> None:
    async with asyncio.TaskGroup() as group:
        stage.app.start(group, {"script": stage.channel})


async def test_an_order_from_the_chat_is_placed_in_big_qmt_once_and_its_fill_is_told(stage: Stage) -> None:
    card = await stage.say("买入浦发银行300股 价格10.00")
    assert "实盘" in card.text
    await stage.press("确认")
    [order] = await stage.store.orders()
    assert stage.world.exchange.state["asked"] == [order.id]
    stage.world.exchange.trade(order.id, 300, 9.99)
    await stage.until(lambda: stage.told("已成交") or stage.told("成交 300"))
    [order] = await stage.store.orders()
    assert (order.state, order.filled, order.broker_id) == (OrderState.FILLED, 300, "9001")


async def test_while_the_script_stands_the_card_says_that_nothing_was_ordered(stage: Stage) -> None:
    await stage.say("买入浦发银行300股 价格10.00")
    stage.world.script = False
    await stage.press("确认")
    [order] = await stage.store.orders()
    assert order.state is OrderState.REJECTED
    assert "没有下单" in order.note
    stage.world.tick(3)
    assert stage.world.exchange.state["asked"] == []


async def test_what_big_qmt_swallows_is_unknown_and_is_not_sent_again(stage: Stage) -> None:
    stage.world.exchange.swallows = True
    await stage.say("买入浦发银行300股 价格10.00")
    await stage.press("确认")
    [order] = await stage.store.orders()
    assert order.state is OrderState.UNKNOWN
    again = await stage.say("买入浦发银行300股 价格10.00")
    assert "状态未知" in again.text
    assert stage.world.exchange.state["asked"] == [order.id]
