"""`dingpan import` of bars: CSV files become history, in the database of an assistant at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.main import is_running, open_store
from bot.settings import Settings
from core.bars import MINUTES, Bar, Period, day_label, in_order, period_of, read_bars
from core.calendar import trading_date
from core.clock import SystemClock
from core.errors import Conflict
from core.history import History

SOURCE: Final = "导入"


async def import_bars(
    settings: Settings, files: Sequence[Path], period: Period | None, *, dry_run: bool, write: Callable[[str], None]
) -> None:
    """Take the bars of these files, all or none of them, and say in one line what they were.

    Args:
        period: of all of them; None tells each file's from the distance of its times.

    Raises:
        Invalid: a file cannot be read; the text names the line.
        Conflict: an assistant is at work on the database.
        ConfigError, Unavailable
    """
    found: dict[Period, list[Bar]] = {}
    for file in files:
        bars = read_bars(file)
        found.setdefault(period or period_of(bars), []).extend(bars)
    taken = {one: in_order([_labelled(bar, one) for bar in bars]) for one, bars in found.items()}
    if not dry_run:
        if is_running(settings):
            raise Conflict("盯盘正在运行，它看不到导入的 K 线。请先停掉它，导入后再启动。什么也没有导入。")
        store = open_store(settings)
        try:
            history = History(store, None, SystemClock())
            for one, bars in taken.items():
                await history.take(one, bars, SOURCE)
        finally:
            await store.close()
    told = "；".join(_told(bars, one) for one, bars in taken.items())
    write(f"试运行，什么也没有改：{told}。" if dry_run else f"导入好了：{told}。")


def _told(bars: Sequence[Bar], period: Period) -> str:
    kind = "日线" if period == "day" else f"{MINUTES[period]} 分钟线"
    since, until = trading_date(bars[0].time), trading_date(bars[-1].time)
    return f"{len({bar.symbol for bar in bars})} 只证券的{kind} {len(bars)} 根，{since} 至 {until}"


def _labelled(bar: Bar, period: Period) -> Bar:
    """A day may bear any time of that day in a file."""
    return replace(bar, time=day_label(trading_date(bar.time))) if period == "day" else bar
