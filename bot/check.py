"""``dingpan check``: what is configured, what answers, what is missing, and what to do about it. It only reads."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

from bot.accounts import own_book
from bot.check_miniqmt import look_at_gateway, look_at_miniqmt
from bot.findings import Finding, Look, State, as_json, bad, fine, looked, note, summary
from bot.main import is_running
from bot.settings import Settings
from core.calendar import calendar_warning, known_until, trading_date
from core.clock import Clock, SystemClock
from core.ports import QuoteFetcher
from core.types import price_text

PATIENCE: Final = 20.0
LONG_PATIENCE: Final = 120.0
"""Seconds for what has to start a gateway first."""
ASKED: Final = "600519.SH"
BIG_QMT: Final = "大 QMT 账户"


async def check(settings: Settings, *, json: bool, write: Callable[[str], None], clock: Clock | None = None) -> bool:
    """Look at everything that the settings name, and say what was found.

    Returns:
        Whether all of it works.
    """
    clock = clock or SystemClock()
    found: list[Finding] = []

    def tell(findings: Sequence[Finding]) -> None:
        found.extend(findings)
        if not json:
            for one in findings:
                write(one.line())

    for what, look, seconds in _looks(settings, clock):
        tell(await looked(what, look, seconds))
    write(as_json(found) if json else summary(found))
    return not any(one.state is State.BAD for one in found)


def _looks(settings: Settings, clock: Clock) -> list[tuple[str, Look, float]]:
    async def now(findings: Callable[[], Sequence[Finding]]) -> Sequence[Finding]:
        return findings()

    looks: list[tuple[str, Look, float]] = [
        ("Python", lambda: now(_python), PATIENCE),
        ("数据文件夹", lambda: now(lambda: _folder(settings)), PATIENCE),
        ("数据库", lambda: now(lambda: _database(settings)), PATIENCE),
        ("交易日历", lambda: now(lambda: _calendar(clock)), PATIENCE),
        ("图", lambda: now(lambda: _pictures(settings)), PATIENCE),
        ("行情", lambda: _quotes(settings, clock), PATIENCE * 2),
        ("Telegram", lambda: _telegram(settings), PATIENCE),
        ("模型", lambda: now(lambda: _model(settings)), PATIENCE),
        ("账户", lambda: _accounts(settings, clock), PATIENCE),
    ]
    if settings.gateway_url is not None:
        looks.append(("网关", lambda: look_at_gateway(settings, clock), PATIENCE * 2))
    elif settings.miniqmt_enabled:
        busy = is_running(settings)
        looks.append(("miniQMT", lambda: look_at_miniqmt(settings, clock, busy=busy), LONG_PATIENCE))
    return looks


def _python() -> Sequence[Finding]:
    version = platform.python_version()
    if (3, 11) <= sys.version_info < (3, 14):
        return [fine("Python", version)]
    return [bad("Python", f"{version} 不支持，请安装 3.11 到 3.13。")]


def _folder(settings: Settings) -> Sequence[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        return [note("数据文件夹", f"{folder} 还没有，第一次启动时建立。")]
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return [bad("数据文件夹", f"{folder} 不能写，请换一个 DATA_DIR，或者修改权限。")]
    return [fine("数据文件夹", f"{folder}" + ("，盯盘正在运行" if is_running(settings) else ""))]


def _database(settings: Settings) -> Sequence[Finding]:
    from adapters.stores.opening import look

    place = settings.database_url or settings.data_dir / "dingpan.db"
    seen = look(place)
    return [note("数据库", "还没有，第一次启动时建立。") if seen is None else fine("数据库", seen)]


def _calendar(clock: Clock) -> Sequence[Finding]:
    warning = calendar_warning(trading_date(clock.now()))
    return [note("交易日历", warning) if warning else fine("交易日历", f"到 {known_until()}")]


def _pictures(settings: Settings) -> Sequence[Finding]:
    from adapters.fonts import find

    if settings.pictures == "off":
        return [note("图", "PICTURES=off，不发图。")]
    face = find()
    return [fine("图", face.describe()) if face.chinese else note("图", face.describe())]


async def _quotes(settings: Settings, clock: Clock) -> Sequence[Finding]:
    from adapters.quotes import sina, tencent

    found: list[Finding] = []
    for name in settings.quotes:
        if name == "qmt":
            found.append(fine("行情（QMT）", "来自网关，见下面"))
            continue
        module, url = {"tencent": (tencent, settings.tencent_url), "sina": (sina, settings.sina_url)}[name]
        what = {"tencent": "行情（腾讯）", "sina": "行情（新浪）"}[name]
        async with AsyncExitStack() as stack:
            options = {"base_url": url} if url else {}
            fetcher = module.connect(clock=clock, proxy=settings.quotes_proxy, **options)
            stack.push_async_callback(fetcher.close)
            found += await looked(what, lambda: _one_quote(what, fetcher), PATIENCE)  # noqa: B023  it is called here
    if len(found) > 1 and {one.state for one in found} > {State.BAD}:
        # One of several is enough to go on.
        found = [one._replace(state=State.NOTE) if one.state is State.BAD else one for one in found]
    return found


async def _one_quote(what: str, fetcher: QuoteFetcher) -> Sequence[Finding]:
    from core.types import parse_symbol

    quote = (await fetcher.fetch([parse_symbol(ASKED)])).get(parse_symbol(ASKED))
    if quote is None or quote.worth is None:
        return [bad(what, "有回答，但没有贵州茅台的价格。")]
    return [fine(what, f"贵州茅台 {price_text(quote.worth)} 元")]


async def _telegram(settings: Settings) -> Sequence[Finding]:
    from adapters.channels.telegram_look import look

    if settings.telegram_bot_token is None:
        return [note("Telegram", "没有设置 TELEGRAM_BOT_TOKEN，只能在本机终端里聊天。")]
    name = await look(
        token=settings.telegram_bot_token.get_secret_value(),
        base_url=settings.telegram_base_url,
        proxy=settings.telegram_proxy,
    )
    found = [fine("Telegram", f"机器人是 {name}")]
    if not settings.telegram_owner_ids:
        found.append(bad("Telegram", "TELEGRAM_OWNER_IDS 是空的，没有人能使用。给机器人发一句话就能看到自己的编号。"))
    return found


def _model(settings: Settings) -> Sequence[Finding]:
    if settings.deepseek_api_key is None:
        return [fine("模型", "没有设置，离线语法照常工作。")]
    where, budget = settings.llm_base_url or "DeepSeek", settings.budget
    most = f"每人每天最多 {budget.yuan.normalize():f} 元，所有人最多 {budget.house_yuan.normalize():f} 元"
    return [fine("模型", f"{where}，{most}（问它要花钱，没有去问）。")]


async def _accounts(settings: Settings, clock: Clock) -> Sequence[Finding]:
    found: list[Finding] = []
    if settings.broker == "filedrop" or settings.filedrop_path is not None:
        found += await looked(BIG_QMT, lambda: _filedrop(settings, clock), PATIENCE)
    if settings.broker != "filedrop":
        what = {"manual": "手动账户"}.get(settings.broker, "模拟账户")
        found.append(_book(what, own_book(settings), busy=is_running(settings)))
    return found


def _book(what: str, book: Path, *, busy: bool) -> Finding:
    if not book.exists():
        return note(what, "账本还没有，第一次启动时建立。")
    if busy:
        return fine(what, "盯盘正在使用它。")
    try:
        with closing(sqlite3.connect(f"{book.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as db:
            [problem] = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return bad(what, f"账本 {book.name} 读不了（{type(error).__name__}），请换上备份。")
    return fine(what, "账本完好。") if problem == "ok" else bad(what, f"账本 {book.name} 坏了，请换上备份。")


async def _filedrop(settings: Settings, clock: Clock) -> Sequence[Finding]:
    from bot.accounts import big_qmt

    if settings.filedrop_path is not None and not settings.filedrop_path.is_dir():
        return [bad(BIG_QMT, f"没有文件夹 {settings.filedrop_path}，请先运行 dingpan filedrop init。")]
    async with AsyncExitStack() as stack:
        seen = await big_qmt(settings, clock, stack, held=False).snapshot()
    return [fine(BIG_QMT, f"脚本有回答，{len(seen.positions)} 只持仓。")]
