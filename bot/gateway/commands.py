"""``dingpan gateway``: what somebody does at the PC beside miniQMT, and the one thing that a bot does, to pair."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal, InvalidOperation
from typing import Final

import typer

from bot.gateway.certificates import Authority
from bot.gateway.folder import STOP, Folder
from bot.gateway.hosting import attend, host_miniqmt, host_paper, log_to, open_gateway
from bot.gateway.invitation import OPEN_FOR, Invitation, invitation_app
from bot.gateway.limits import arm_until
from bot.gateway.parent import AGAIN, end_soon, end_with_the_parent
from bot.gateway.server import Server, bound
from bot.gateway.wording import limits_text
from bot.settings import Settings
from core.calendar import is_trading_day, session_close, trading_date
from core.clock import Clock, SystemClock, stamp_text, time_text
from core.errors import ConfigError, Invalid, NotFound, Unavailable
from core.wire import Right

Write = Callable[[str], None]
TICK: Final = 1.0
ANYWHERE: Final = {"0.0.0.0", "::"}  # noqa: S104  they are refused unless somebody insists


def folder_of(settings: Settings) -> Folder:
    """The gateway's folder, made."""
    settings.folder()
    folder = Folder(settings.gateway_folder)
    folder.make()
    return folder


def init(settings: Settings, *, again: bool, write: Write) -> None:
    """Make the certificates. A second time nothing is changed, unless somebody insists."""
    folder = folder_of(settings)
    authority = Authority(folder.path)
    if authority.made and not again:
        write("✅ 证书已经有了，没有改动。要全部重做（所有机器人都要重新配对），加上 --again。")
    else:
        authority.make(SystemClock().now())
        folder.set_bounds(folder.bounds())
        write("✅ 证书做好了，90 天自动更换，不用管它。")
    write(limits_text(folder.bounds()))
    write("接下来：")
    write("　1. 运行网关，窗口不要关：dingpan gateway")
    write("　2. 另开一个窗口，请机器人来配对：dingpan gateway invite；要让它也能下单，加上 --trade")
    write("　3. 每个交易日想让它下单时解锁：dingpan gateway arm --until close")


async def run(settings: Settings, *, paper: bool, anywhere: bool, write: Write, watched: bool = False) -> None:
    """Serve until somebody ends it.

    Args:
        watched: by a process that starts another one where only that helps.
    """
    host = settings.gateway_host
    if host in ANYWHERE and not anywhere:
        raise ConfigError(
            [f"GATEWAY_HOST={host} 会让所有网络都能连到网关。请写这台电脑的内网地址；一定要这样，请加上 --anywhere。"]
        )
    folder = folder_of(settings)
    authority = Authority(folder.path)
    authority.pem  # noqa: B018  raises where there is none
    log_to(folder.path)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        hosted = (host_paper if paper else host_miniqmt)(settings, clock, stack)
        running = open_gateway(
            settings,
            hosted,
            clock,
            stack,
            host=host,
            port=settings.gateway_port,
            authority=authority,
            always_armed=paper,
        )
        write(
            f"网关在 {host}:{running.port} 等候，账户：{'、'.join(one.name for one in hosted.brokers)}。"
            "按 Ctrl-C 结束。"
        )
        if not folder.bots():
            write("还没有机器人配对：另开一个窗口运行 dingpan gateway invite。")
        if host == "127.0.0.1":
            write("只有这台电脑能连。别的电脑要连，请在 .env 里把 GATEWAY_HOST 写成这台电脑的内网地址。")
        if not watched:
            await attend(running, hosted.works)
            return
        task = asyncio.current_task()
        assert task is not None
        end_with_the_parent(asyncio.get_running_loop(), task)
        stuck: list[BaseException] = []
        try:
            try:
                await attend(running, hosted.works)
            except* Unavailable as group:
                stuck += group.exceptions
        finally:
            end_soon(AGAIN if stuck else 1)
        for error in stuck:
            write(str(error))
        raise typer.Exit(AGAIN)


async def invite(settings: Settings, *, name: str, trade: bool, write: Write) -> None:
    """Show a code and wait for one bot to come with it."""
    folder = folder_of(settings)
    authority = Authority(folder.path)
    clock = SystemClock()
    rights = (Right.READ, Right.TRADE) if trade else (Right.READ,)
    invitation = Invitation(authority, folder, clock, name=name, rights=rights, port=settings.gateway_port)
    context: ssl.SSLContext = authority.open_context()
    host = settings.gateway_host
    server = Server(invitation_app(invitation), bound(host, settings.gateway_port + 1), context)
    serving = asyncio.create_task(server.run())
    try:
        write(f"在装盯盘的那台电脑上运行（{OPEN_FOR.total_seconds() / 60:.0f} 分钟内，只能用一次）：")
        write(f"　dingpan gateway pair https://{host}:{server.port} {invitation.code.text()}")
        write(f"它会得到的权限：{'、'.join(one.chinese for one in rights)}。不想要了按 Ctrl-C。")
        try:
            async with asyncio.timeout(OPEN_FOR.total_seconds()):
                await invitation.over.wait()
        except TimeoutError:
            raise Unavailable("配对", "时间到了，没有人来。请再运行一次 dingpan gateway invite") from None
        await asyncio.sleep(TICK)  # the answer is still on its way
    finally:
        server.stop()
        await serving
    if invitation.admitted is None:
        raise Unavailable("配对", "配对码错了太多次，已经作废。请再运行一次 dingpan gateway invite")
    bot = invitation.admitted
    write(f"✅ 配对好了：{bot.name}（{bot.id}）。移除它：dingpan gateway forget {bot.id}")


def arm(settings: Settings, until: str, write: Write, clock: Clock | None = None) -> None:
    """Let orders through until then.

    Raises:
        Invalid: no time of today's session.
    """
    clock = clock or SystemClock()
    today = trading_date(clock.now())
    if not is_trading_day(today):
        raise Invalid("今天休市，没有解锁。请在交易日再解锁，收盘时会自动锁上。")
    folder = folder_of(settings)
    ends = arm_until(until, clock, session_close(today))
    folder.arm(ends)
    write(f"🔓 已解锁，到 {time_text(ends)} 自动锁上。{limits_text(folder.bounds())}")
    if folder.stopped():
        write(f"⚠️ 但是 {STOP} 文件还在，什么也不会放行：请删掉 {folder.path / STOP}")


def disarm(settings: Settings, write: Write) -> None:
    folder_of(settings).disarm()
    write("🔒 已锁上：不再放行新的委托，撤单可以。")


def limits(
    settings: Settings,
    *,
    order: str | None,
    day: str | None,
    symbol: str | None,
    band: str | None,
    cancels: int | None,
    write: Write,
) -> None:
    """Show the limits, or change those that are given.

    Raises:
        Invalid: a number is none.
    """
    folder = folder_of(settings)
    old = folder.bounds()
    changes: dict[str, object] = {
        name: _yuan(text) for name, text in (("order", order), ("day", day), ("symbol", symbol)) if text is not None
    }
    if band is not None:
        changes["band"] = None if band.lower() in {"off", "不限"} else _yuan(band.rstrip("%％"))
    if cancels is not None:
        changes["cancels"] = max(cancels, 0)
    if changes:
        folder.set_bounds(old.model_copy(update=changes))
        write("✅ 改好了，马上生效。")
    write(limits_text(folder.bounds()))


def _yuan(text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").replace("，", ""))
    except InvalidOperation:
        raise Invalid(f"“{text}”不是数，请写例如 50000。") from None
    if not number.is_finite() or number <= 0:
        raise Invalid(f"“{text}”要大于 0。")
    return number


def bots(settings: Settings, write: Write) -> None:
    """Who is paired."""
    known: Sequence[str] = [
        f"{one.id}　{one.name}　{'、'.join(right.chinese for right in one.rights)}　{stamp_text(one.paired_at)} 配对"
        for one in folder_of(settings).bots()
    ]
    for line in known or ["还没有机器人配对。"]:
        write(line)


def forget(settings: Settings, bot_id: str, write: Write) -> None:
    if not folder_of(settings).forget_bot(bot_id.upper()):
        raise NotFound(f"没有编号是 {bot_id} 的机器人，请用 dingpan gateway bots 看一看。")
    write(f"✅ {bot_id} 已移除，从现在起连不上了。")
