"""Which accounts there are, of what the settings name: the first one is the usual one, and none stands in for another.

An account of real money is there because the settings say so, and stays what it is while its gateway is down: then it
cannot be reached, and nothing is done in a paper account instead.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.assembly import FrameStep
from bot.filedrop import read_key
from bot.logins import names_of
from bot.settings import Settings
from core.clock import Clock, SystemClock
from core.errors import ConfigError, OutsideError
from core.ports import Broker
from core.types import Mode
from core.wire import About, Offer

if TYPE_CHECKING:
    from adapters.gateway_line import Line
    from adapters.gateway_pairing import Paired
    from adapters.quotes.gateway import GatewayQuotes
    from bot.child import GatewayChild

log: Final = logging.getLogger(__name__)

FIRST_WAIT: Final = 20.0
"""Seconds that the house waits for its gateway before it opens without it."""
CHILD: Final = (sys.executable, "-m", "bot.gateway")
_TOLD: Final = ("data_dir", "miniqmt_path", "miniqmt_account_id", "paper_cash", "quotes", "quotes_proxy")
"""The settings that a child is told, and no others."""


class Behind:
    """A gateway, here or elsewhere, with the accounts behind it.

    Attributes:
        line: what all of them are asked through.
        offers: its accounts.
    """

    def __init__(
        self, line: Line, offers: Sequence[Offer], child: GatewayChild | None = None, paired: Paired | None = None
    ) -> None:
        self.line = line
        self.offers = tuple(offers)
        self._child = child
        self._paired = paired

    async def open(self, stack: AsyncExitStack) -> None:
        """Start the child, or ask what there is elsewhere. That nobody answers is no reason not to open the house.

        Raises:
            ConfigError: nobody knows yet which accounts there are.
        """
        stack.push_async_callback(self.line.close)
        if self._child is not None:
            self._child.start()
            stack.push_async_callback(self._child.close)
            try:
                async with asyncio.timeout(FIRST_WAIT):
                    await self._child.up.wait()
            except TimeoutError:
                log.warning("the gateway has not come up in %g seconds", FIRST_WAIT)
            return
        try:
            about = await self.line.ask("about", None, About)
            self.offers = about.accounts
            if self._paired is not None:
                self._paired.remember(about)
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
        if not self.offers:
            raise ConfigError(
                ["还不知道网关有哪些账户，又连不上它。请先在那台电脑上运行 dingpan gateway，再启动盯盘。"]
            )

    def quotes(self, clock: Clock) -> GatewayQuotes:
        from adapters.quotes import gateway

        return gateway.connect(self.line, clock)


def gateway_of(settings: Settings, clock: Clock) -> Behind | None:
    """The gateway that the settings name; nothing is opened yet.

    Raises:
        ConfigError: what is missing.
    """
    if not settings.behind_gateway:
        if settings.broker == "qmt":
            raise ConfigError(
                ["BROKER=qmt 还要写 MINIQMT_ENABLED=true（miniQMT 在这台电脑上）或 GATEWAY_URL（在另一台）。"]
            )
        return None
    from adapters.gateway_line import Line

    if settings.gateway_url is not None:
        paired = paired_of(settings, clock)
        line = Line("QMT 网关", paired.address, before=paired.renew_if_due)
        try:
            offers = paired.pairing().accounts
        except OutsideError as error:
            raise ConfigError([f"GATEWAY_URL={settings.gateway_url}：{error.reason}。"]) from None
        return Behind(line, offers, paired=paired)
    problems = []
    if not settings.miniqmt_path:
        problems.append("MINIQMT_ENABLED=true 还要填 MINIQMT_PATH：miniQMT 的 userdata_mini 文件夹。")
    if not settings.miniqmt_account_id:
        problems.append("MINIQMT_ENABLED=true 还要填 MINIQMT_ACCOUNT_ID：资金账号，多个用逗号隔开。")
    if problems:
        raise ConfigError(problems)
    offers = tuple(
        Offer(account=one.account, name=one.name, mode=Mode.LIVE) for one in names_of(settings.miniqmt_account_id)
    )
    child = child_of(settings, clock)
    return Behind(Line("QMT 网关", child.address), offers, child)


def paired_of(settings: Settings, clock: Clock) -> Paired:
    from adapters.gateway_pairing import Paired

    token = settings.gateway_token
    return Paired(
        settings.pairing_folder, clock, settings.gateway_url, None if token is None else token.get_secret_value()
    )


async def pair_with(settings: Settings, url: str, code: str, write: Callable[[str], None]) -> None:
    """Pair with a gateway, and say what to write into the settings.

    Raises:
        Invalid, OutsideError
    """
    from adapters.gateway_line import Line
    from adapters.gateway_pairing import pair

    settings.folder()
    pairing = await pair(url, code, settings.pairing_folder)
    write(f"✅ 配对好了，权限：{'、'.join(right.chinese for right in pairing.rights)}。")
    paired = paired_of(settings.model_copy(update={"gateway_url": pairing.url, "gateway_token": None}), SystemClock())
    line = Line("QMT 网关", paired.address)
    try:
        pairing = paired.remember(await line.ask("about", None, About))
        write(f"网关的账户：{'、'.join(f'{one.name}（{one.mode.chinese}）' for one in pairing.accounts)}。")
    except OutsideError as error:
        write(
            f"⚠️ 现在还连不上网关本身（{error.reason}）。请在那台电脑上运行 dingpan gateway，再用 dingpan check 看看。"
        )
    finally:
        await line.close()
    write(f"请在 .env 里写上这一行，然后启动盯盘：\nGATEWAY_URL={pairing.url}")


def child_of(settings: Settings, clock: Clock, *, paper: bool = False) -> GatewayChild:
    """A gateway process of our own.

    Args:
        paper: with a paper account in place of miniQMT.
    """
    from bot.child import GatewayChild

    told = {name.upper(): _said(getattr(settings, name)) for name in _TOLD}
    words: dict[str, Any] = {"settings": {name: value for name, value in told.items() if value}, "paper": paper}
    return GatewayChild(CHILD, words, secrets.token_urlsafe(32), clock)


def _said(value: object) -> str:
    """A setting as it would stand in the file."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


# -- all accounts


def open_accounts(
    settings: Settings, clock: Clock, stack: AsyncExitStack, behind: Behind | None
) -> tuple[Sequence[Broker], Sequence[FrameStep]]:
    """The brokers, the usual one first, and what must see each frame before it is judged.

    Raises:
        ConfigError, Unavailable: a book cannot be opened.
    """
    real = [] if behind is None else _behind(behind, clock)
    if settings.broker == "filedrop":
        real.insert(0, big_qmt(settings, clock, stack))
    elif settings.filedrop_path is not None:
        real.append(big_qmt(settings, clock, stack))
    own, matching = _own(settings, clock, stack)
    return ([*real, *own] if settings.broker in {"qmt", "filedrop"} else [*own, *real]), matching


def _behind(behind: Behind, clock: Clock) -> list[Broker]:
    from adapters.brokers import gateway

    return [gateway.connect(behind.line, offer, clock) for offer in behind.offers]


def _own(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[list[Broker], Sequence[FrameStep]]:
    from adapters.brokers import manual, paper

    if settings.broker == "manual":
        by_hand = manual.connect(path=settings.data_dir / "manual.db", account="manual", name="手动账户", clock=clock)
        stack.push_async_callback(by_hand.close)
        return [by_hand], ()
    simulated = paper.connect(
        path=settings.data_dir / "paper.db", account="paper", name="模拟账户", clock=clock, cash=settings.paper_cash
    )
    stack.push_async_callback(simulated.close)
    return [simulated], (simulated.on_frame,)


def big_qmt(settings: Settings, clock: Clock, stack: AsyncExitStack, *, held: bool = True) -> Broker:
    """The account behind big QMT.

    Args:
        held: False only looks, beside an assistant that may be at work.

    Raises:
        ConfigError, Unavailable
    """
    from adapters.brokers import filedrop

    path, number = settings.filedrop_path, settings.filedrop_account
    if path is None or number is None:
        raise ConfigError(["大 QMT 账户要填 FILEDROP_PATH 和 FILEDROP_ACCOUNT 两项，请先运行 dingpan filedrop init。"])
    broker = filedrop.connect(
        path=path,
        key=read_key(settings),
        account="filedrop",
        number=number,
        name=f"大QMT{number[-4:]}",
        clock=clock,
        lock=settings.folder() / "filedrop.db" if held else None,
    )
    stack.push_async_callback(broker.close)
    return broker


def usual_account(settings: Settings) -> str:
    """The account of whoever names none."""
    if settings.broker != "qmt":
        return settings.broker
    if settings.gateway_url is None:
        names = names_of(settings.miniqmt_account_id)
        return names[0].account if names else "qmt"
    try:
        return next(iter(paired_of(settings, SystemClock()).pairing().accounts)).account
    except (OutsideError, StopIteration):
        return "qmt"


def own_book(settings: Settings) -> Path:
    """The file that a running assistant holds for as long as it lives."""
    return settings.data_dir / ("paper.db" if settings.broker == "qmt" else f"{settings.broker}.db")


def about_accounts(settings: Settings, brokers: Sequence[Broker]) -> str:
    """What there is, the usual one first, in words."""
    words = {
        "paper": "模拟账户（不动真钱）",
        "manual": "手动账户（你自己下单）",
        "filedrop": "大 QMT 账户（实盘，动的是真钱）",
    }
    if len(brokers) == 1 and settings.broker in words:
        return words[settings.broker]
    listed = "、".join(f"{broker.name}（{_nature(broker.mode)}）" for broker in brokers)
    return f"{listed}，没有指明账户时用{brokers[0].name}"


def _nature(mode: Mode) -> str:
    return {Mode.PAPER: "模拟，不动真钱", Mode.MANUAL: "你自己下单", Mode.LIVE: "实盘，动的是真钱"}[mode]
