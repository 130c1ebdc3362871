"""What is wrong with a miniQMT, on this PC or behind a gateway, in words that somebody can act on."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path, PureWindowsPath
from typing import Final

from bot.accounts import Behind, gateway_of, paired_of
from bot.findings import Finding, bad, fine, looked, note
from bot.gateway.folder import Folder
from bot.gateway.wording import limits_text
from bot.logins import names_of
from bot.settings import Settings
from core.clock import Clock, stamp_text, time_text
from core.errors import ConfigError, OutsideError
from core.ports import Broker
from core.types import Mode
from core.wire import STALE, About, Right

PATIENCE: Final = 15.0
QUEUE: Final = "up_queue_xtquant"
SETTLING: Final = 40.0
"""Seconds that a terminal is given to log in and to answer for all its accounts."""


# -- this PC


async def look_at_miniqmt(settings: Settings, clock: Clock, *, busy: bool) -> Sequence[Finding]:
    """The package, the folder, and then a real connection, unless the bot has one already."""
    found = [_machine(), _package(), *_place(settings.miniqmt_path), _numbers(settings)]
    found.append(_lock(settings, clock))
    if busy:
        return [*found, note("miniQMT 连接", "盯盘正在运行，没有再连一次；发送 /account 看看它答不答。")]
    try:
        behind = gateway_of(settings, clock)
    except ConfigError:
        behind = None  # what is missing was said above
    if behind is None or any(one.state == "bad" for one in found):
        return [*found, note("miniQMT 连接", "先解决上面的问题，再来看能不能连上。")]
    return [*found, *await connected(behind, clock)]


async def connected(behind: Behind, clock: Clock) -> Sequence[Finding]:
    """What a gateway of our own finds, which is started for it and ended again."""
    async with AsyncExitStack() as stack:
        await behind.open(stack)
        try:
            about = await _settled(behind, await behind.line.ask("about", None, About))
        except OutsideError as error:
            return [bad("miniQMT 连接", f"{error.reason.rstrip('。')}。")]
        return [
            *_troubles("miniQMT 连接", about),
            *await _accounts(clock, behind),
            *await _calendar(clock, behind, about),
        ]


def _machine() -> Finding:
    if platform.system() != "Windows":
        return bad("电脑", "miniQMT 只能在 Windows 上运行。装在另一台电脑上的话，请用 GATEWAY_URL。")
    if sys.maxsize < 2**32:
        return bad("电脑", "Python 是 32 位的，miniQMT 要 64 位的。")
    return fine("电脑", "64 位 Windows")


def _package() -> Finding:
    if importlib.util.find_spec("xtquant") is None:
        return bad("xtquant", '没有安装。请运行：pip install -c constraints.txt -e ".[qmt]"')
    return fine("xtquant", "已安装")


def _place(path: str | None) -> Sequence[Finding]:
    if not path:
        return [bad("MINIQMT_PATH", "没有填。请填 miniQMT 安装文件夹里的 userdata_mini 文件夹。")]
    folder = Path(path)
    name = PureWindowsPath(path).name.lower()
    if not folder.is_dir():
        hint = "" if name == "userdata_mini" else "要填到 userdata_mini 这一层。"
        return [bad("MINIQMT_PATH", f"没有 {path} 这个文件夹，请核对。{hint}")]
    found: list[Finding] = []
    if name == "userdata":
        found.append(note("MINIQMT_PATH", "这是 userdata（投研版）。券商版的 miniQMT 用旁边的 userdata_mini。"))
    elif name != "userdata_mini":
        return [bad("MINIQMT_PATH", f"{path} 不是 userdata_mini 文件夹，请填到 userdata_mini 这一层。")]
    else:
        found.append(fine("MINIQMT_PATH", path))
    if not _can_write(folder):
        found.append(bad("文件夹权限", "不能写这个文件夹。请用管理员身份运行，或者把 miniQMT 装到 C 盘以外。"))
    elif PureWindowsPath(path).drive.lower() == "c:":
        found.append(note("文件夹权限", "装在 C 盘，每次都要用管理员身份运行；连不上时请改装到别的盘。"))
    if not any(folder.glob(f"{QUEUE}*")):
        found.append(
            bad(
                "API 权限",
                f"文件夹里没有 {QUEUE}：券商还没有开通 miniQMT 的 API 交易权限，或者还没有用极简模式登录过。",
            )
        )
    else:
        found.append(fine("API 权限", f"有 {QUEUE}"))
    return found


def _can_write(folder: Path) -> bool:
    """The SDK writes here with every connection. Windows tells it to nobody who does not try."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _numbers(settings: Settings) -> Finding:
    if not settings.miniqmt_account_id:
        return bad("MINIQMT_ACCOUNT_ID", "没有填。请填资金账号，多个用逗号隔开。")
    names = "、".join(one.name for one in names_of(settings.miniqmt_account_id))
    return fine("MINIQMT_ACCOUNT_ID", f"{names}，默认用第一个")


def _lock(settings: Settings, clock: Clock) -> Finding:
    folder = Folder(settings.gateway_folder)
    return _locked("下单", folder.armed_until(clock.now()) is not None, folder.stopped(), limits_text(folder.bounds()))


def _locked(what: str, is_armed: bool, is_stopped: bool, limits: str) -> Finding:
    if is_stopped:
        return note(what, f"被 STOP 文件停住了，不下单也不撤单。{limits}")
    if not is_armed:
        return note(what, f"没有解锁，只能查询和撤单。要下单，请在网关那台电脑上运行 dingpan gateway arm。{limits}")
    return fine(what, f"已解锁，收盘自动锁上。{limits}")


# -- behind a gateway


async def look_at_gateway(settings: Settings, clock: Clock) -> Sequence[Finding]:
    """Whether it can be reached, as whom, until when, and what it lets through."""
    paired = paired_of(settings, clock)
    paired.pairing()  # says how, where there is none
    until = paired.until()
    found = []
    days = (until - clock.now()).days
    if days < 0:
        return [bad("配对", f"证书 {stamp_text(until)} 过期了，请重新配对。")]
    found.append(fine("配对", f"证书到 {until:%Y-%m-%d}，会自动更换") if days > 7 else _ends_soon(days))
    behind = gateway_of(settings, clock)
    assert behind is not None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(behind.line.close)
        before = clock.now()
        try:
            about = await behind.line.ask("about", None, About)
        except OutsideError as error:
            return [*found, bad("网关", f"{error.reason.rstrip('。')}。")]
        found.append(fine("网关", f"有回答，{(clock.now() - before).total_seconds() * 1000:.0f} 毫秒"))
        found.append(_clocks(about, clock))
        found += _rights(about)
        found += _troubles("miniQMT 连接", about)
        behind.offers = about.accounts
        found += await _accounts(clock, behind)
        found += await _calendar(clock, behind, about)
    return found


def _ends_soon(days: int) -> Finding:
    return note("配对", f"证书还有 {days} 天，没有自动换成。网关要开着才能换，换不成请重新配对。")


def _clocks(about: About, clock: Clock) -> Finding:
    apart = (about.at - clock.now()).total_seconds()
    if abs(apart) > STALE.total_seconds():
        return bad("时间", f"两台电脑的时间差 {abs(apart):.0f} 秒，委托会被拒绝。请在两台电脑上都打开自动校时。")
    return fine("时间", f"两台电脑差 {abs(apart):.1f} 秒")


def _rights(about: About) -> Sequence[Finding]:
    names = "、".join(right.chinese for right in about.rights)
    rights = fine("权限", names)
    if Right.TRADE not in about.rights:
        rights = note("权限", f"{names}。要下单，请在网关那台电脑上用 dingpan gateway invite --trade 重新配对。")
    until = about.armed_until
    lock = _locked("下单", until is not None, about.stopped, limits_text(about.bounds))
    if until is not None and not about.stopped:
        lock = fine("下单", f"已解锁到 {time_text(until)}。{limits_text(about.bounds)}")
    found = [rights, lock]
    if about.certificate_until is not None:
        found.append(fine("网关的证书", f"到 {about.certificate_until:%Y-%m-%d}，会自动更换"))
    found.append(fine("网关的行情", about.quotes) if about.quotes else note("网关的行情", "没有"))
    return found


def _troubles(what: str, about: About) -> Sequence[Finding]:
    if about.troubles:
        return [bad(what, trouble.rstrip("。") + "。") for trouble in about.troubles]
    modes = {"实盘" if one.mode is Mode.LIVE else "模拟" for one in about.accounts}
    return [fine(what, f"连上了，{len(about.accounts)} 个账户（{'、'.join(sorted(modes))}）")]


async def _settled(behind: Behind, about: About) -> About:
    """Give a terminal the time to answer for its accounts."""
    try:
        async with asyncio.timeout(SETTLING):
            while about.troubles:
                await asyncio.sleep(1)
                about = await behind.line.ask("about", None, About)
    except TimeoutError:
        pass
    return about


async def _accounts(clock: Clock, behind: Behind) -> Sequence[Finding]:
    from adapters.brokers import gateway

    found: list[Finding] = []
    for offer in behind.offers:
        broker = gateway.connect(behind.line, offer, clock)
        found += await looked(offer.name, lambda: _one_account(broker), PATIENCE)  # noqa: B023  it is called here
    return found


async def _calendar(clock: Clock, behind: Behind, about: About) -> Sequence[Finding]:
    """Whether miniQMT trades on the days on which we do. It is said and changes nothing: neither is always right."""
    if not about.roster:
        return []

    async def look() -> Sequence[Finding]:
        differences = await behind.quotes(clock).calendar_differences()
        told = [note("miniQMT 的交易日历", f"{one}以交易所的公告为准。") for one in differences]
        return told or [fine("miniQMT 的交易日历", "和盯盘的一致")]

    return await looked("miniQMT 的交易日历", look, PATIENCE)


async def _one_account(broker: Broker) -> Sequence[Finding]:
    seen = await broker.snapshot()
    return [fine(broker.name, f"{broker.mode.chinese}账户，查得到，{len(seen.positions)} 只持仓")]
