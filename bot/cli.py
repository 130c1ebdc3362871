"""``dingpan``: the commands of the shell. Everything heavy is imported where it is used."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bot.gateway_cli import gateway_commands
from bot.stdio import use_utf8

if TYPE_CHECKING:
    from bot.settings import Settings
    from core.bars import Period

FAILED: Final = 1
MISCONFIGURED: Final = 2

app = typer.Typer(
    help="盯盘 dingpan：用一句话盯 A 股，到了提醒你，你点确认才下单。",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
db = typer.Typer(help="数据库")
app.add_typer(db, name="db")
audit = typer.Typer(help="委托日志")
app.add_typer(audit, name="audit")
filedrop = typer.Typer(help="大 QMT 里的账户")
app.add_typer(filedrop, name="filedrop")


class BarPeriod(StrEnum):
    """As :data:`core.bars.Period`."""

    DAY = "day"
    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    M60 = "60m"


EnvFile = Annotated[Path | None, typer.Option("--env-file", help="设置文件，不写就是 .env；写了就必须有")]
DEMO_SPEED: Final = 20.0


def main() -> None:
    """The entry point of the ``dingpan`` script."""
    use_utf8()
    app()


@app.callback(invoke_without_command=True)
def start(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        run()


@app.command()
def run(env_file: EnvFile = None) -> None:
    """按 .env 运行；.env 为空时用公开行情、模拟账户和终端聊天。"""
    from bot import main as house
    from bot.logs import start_logging

    def begin() -> Coroutine[Any, Any, None]:
        settings = _settings(env_file)
        start_logging(settings.folder(), settings.log_level)
        return house.run(settings)

    _go(begin)


@app.command()
def demo(
    speed: Annotated[float, typer.Option(help="市场时间是真实时间的几倍")] = DEMO_SPEED,
    seed: Annotated[int, typer.Option(help="同一个种子是同一段行情")] = 7,
    tour: Annotated[bool, typer.Option("--tour", help="不等你输入，自己演一遍然后结束；用固定的日期和速度")] = False,
) -> None:
    """演示：不需要账户、密钥和网络。"""
    import tempfile
    from datetime import date

    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if tour or not interactive:
        from bot.replay import tour as play

        filled: list[bool] = []

        async def once() -> None:
            filled.append(await play(seed=seed, start=date(2026, 11, 18), write=_print))

        _go(once, invalid=MISCONFIGURED)
        if not all(filled):
            raise typer.Exit(FAILED)
        return
    from bot.demo import demo as play_demo

    with tempfile.TemporaryDirectory(prefix="dingpan-", ignore_cleanup_errors=True) as folder:
        _go(lambda: play_demo(seed=seed, speed=speed, folder=Path(folder)), invalid=MISCONFIGURED)


@app.command()
def replay(
    bars: Annotated[list[Path], typer.Argument(help="K 线文件：symbol,time,open,high,low,close,volume,amount")],
    say: Annotated[list[str] | None, typer.Option(help="开始前说的话，或 '2026-03-24 10:00|那时说的话'")] = None,
    press: Annotated[list[str] | None, typer.Option(help="凡是有这个按钮的卡片都按，例如 确认")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="每个事件一行 JSON")] = False,
    cash: Annotated[float, typer.Option(help="模拟账户的本金，元", min=1)] = 1_000_000,
) -> None:
    """在过去的 K 线上重演一段对话。"""
    from bot.replay import parse_line
    from bot.replay import replay as play
    from core.errors import Invalid

    try:
        lines = [parse_line(text) for text in say or ()]
    except Invalid as error:
        _complain(str(error))
        raise typer.Exit(MISCONFIGURED) from None
    if not math.isfinite(cash):
        _complain(f"--cash {cash} 不是钱数，请写成例如 --cash 1000000。")
        raise typer.Exit(MISCONFIGURED)

    def begin() -> Coroutine[Any, Any, None]:
        return play(bars, lines, press or (), cash=Decimal(str(cash)), as_json=as_json, write=_print)

    _go(begin)


@app.command()
def parse(
    text: Annotated[str | None, typer.Argument(help="一句话，例如 茅台跌破1400提醒我")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="只输出一个 JSON 对象")] = False,
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="从标准输入读 {id, text, context}，每行一个；输出 {id, result, ms, via}"),
    ] = False,
    now: Annotated[str | None, typer.Option(help="当作现在的时刻（北京时间），例如 2026-11-18T10:15")] = None,
    model: Annotated[bool, typer.Option("--model", help="离线语法听不懂的，再问 .env 里设置的模型")] = False,
    env_file: EnvFile = None,
) -> None:
    """一句话被听成什么，只看不做。"""
    if jsonl == (text is not None):
        _complain("请写一句话，或者用 --jsonl 从标准输入读，二选一。")
        raise typer.Exit(MISCONFIGURED)
    from bot.parsing import instant, parse_lines, parse_one, parser
    from core.errors import Invalid

    try:
        at = instant(now)
    except Invalid as error:
        _complain(str(error))
        raise typer.Exit(MISCONFIGURED) from None

    async def step() -> None:
        async with AsyncExitStack() as stack:
            read = await parser(at, _settings(env_file) if model else None, stack, _complain)
            if text is not None:
                await parse_one(read, text, as_json=as_json, write=_print)
            else:
                await parse_lines(read, sys.stdin.buffer, _print)

    _go(step)


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="写到这个文件，例如 watches.yaml；不写就显示出来")] = None,
    owner: Annotated[str | None, typer.Option(help="谁的任务；不写就是主人的")] = None,
    env_file: EnvFile = None,
) -> None:
    """把盯盘任务写成 YAML 文件，可以手工修改、比较，再用 import 导入。"""

    async def step() -> None:
        from bot.transfer import export_watches

        await export_watches(_settings(env_file), file, owner, write=_print)

    _go(step)


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(help="盯盘任务：一个 .yaml 文件，和 export 写的一样；或者 K 线：.csv 文件，和 replay 用的一样"),
    ],
    period: Annotated[BarPeriod | None, typer.Option(help="K 线的周期；不写就从时间的间隔看出来")] = None,
    owner: Annotated[str | None, typer.Option(help="谁的任务；不写就是主人的")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示会有什么变化，什么也不改")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="文件里没有的任务删掉，删之前会问")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不问，直接删")] = False,
    env_file: EnvFile = None,
) -> None:
    """导入盯盘任务或历史 K 线。同一个文件导入两次和一次一样；文件有错时指出来，什么也不改。"""
    if {file.suffix.lower() for file in files} == {".csv"}:
        if owner or prune or yes:
            _complain("--owner、--prune、--yes 只用于盯盘任务，导入 K 线时请去掉。")
            raise typer.Exit(MISCONFIGURED)
        _import_bars(files, period, env_file, dry_run=dry_run)
        return
    if period is not None:
        _complain("--period 只用于 K 线，导入盯盘任务时请去掉。")
        raise typer.Exit(MISCONFIGURED)
    if {file.suffix.lower() for file in files} <= {".yaml", ".yml"}:
        if len(files) > 1:
            _complain("一次只导入一个任务文件。")
            raise typer.Exit(MISCONFIGURED)
        _import_watches(files[0], owner, env_file, dry_run=dry_run, prune=prune, yes=yes)
        return
    _complain("不知道怎样导入这样的文件：盯盘任务的文件名以 .yaml 结尾，K 线的以 .csv 结尾，一次只导入一种。")
    raise typer.Exit(MISCONFIGURED)


def _import_bars(files: Sequence[Path], period: BarPeriod | None, env_file: Path | None, *, dry_run: bool) -> None:
    async def step() -> None:
        from bot.barfile import import_bars

        told: Period | None = None if period is None else period.value
        await import_bars(_settings(env_file), files, told, dry_run=dry_run, write=_print)

    _go(step)


def _import_watches(
    file: Path, owner: str | None, env_file: Path | None, *, dry_run: bool, prune: bool, yes: bool
) -> None:
    from bot.transfer import WatchImport, ask_first

    found: list[WatchImport] = []

    async def look() -> None:
        found.append(await WatchImport.read(_settings(env_file), file, owner, prune=prune))
        for line in found[0].difference(dry_run=dry_run):
            _print(line)

    async def carry_out() -> None:
        await found[0].carry_out(write=_print)

    _go(look)
    if dry_run or not found:
        return
    doomed = len(found[0].doomed)
    if doomed and not yes and not _agreed(ask_first(doomed)):
        _complain("没有导入，什么也没有改。")
        raise typer.Exit(FAILED)
    _go(carry_out)


def _agreed(question: str) -> bool:
    """Ask the person at the terminal; nobody there is no."""
    try:
        return input(f"{question}（y/n）").strip().lower() in {"y", "yes", "是", "好"}
    except (EOFError, KeyboardInterrupt):
        _print("")
        return False


@app.command()
def check(
    as_json: Annotated[
        bool, typer.Option("--json", help="只输出一个 JSON 数组：{what, state: ok|note|bad, text}")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """设置了什么、什么有回答、缺什么、怎么办。只看不改。"""
    works: list[bool] = []

    async def step() -> None:
        from bot.check import check as look

        works.append(await look(_settings(env_file), json=as_json, write=_print))

    _go(step)
    if not all(works):
        raise typer.Exit(FAILED)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="写到这个文件，例如 D:\\备份\\dingpan-1129.zip")],
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="密钥和配对证书也放进去")] = False,
    env_file: EnvFile = None,
) -> None:
    """备份全部数据：任务、委托、日志、账本和设置。程序运行时也可以。"""

    async def step() -> None:
        from bot.backup import back_up
        from core.clock import SystemClock

        settings, env, now = _settings(env_file), env_file or Path(".env"), SystemClock().now()
        await asyncio.to_thread(back_up, settings, file, env, now, with_secrets=with_secrets, write=_print)

    _go(step)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="dingpan backup 做的文件")],
    force: Annotated[bool, typer.Option("--force", help="换掉现在的数据，换之前先备份它")] = False,
    env_file: EnvFile = None,
) -> None:
    """从备份恢复。要先退出程序；不会重发任何委托。"""

    async def step() -> None:
        from bot.backup import restore as put_back
        from core.clock import SystemClock

        # The settings file may be part of what comes back.
        env = env_file or Path(".env")
        settings, now = _settings(env if env.exists() else None), SystemClock().now()
        await asyncio.to_thread(put_back, settings, file, env, now, force=force, write=_print)

    _go(step)


@db.command()
def upgrade(env_file: EnvFile = None) -> None:
    """把数据库升级到当前版本。"""

    async def step() -> None:
        from bot.main import upgrade_database

        _print(upgrade_database(_settings(env_file)))

    _go(step)


@audit.command()
def verify(env_file: EnvFile = None) -> None:
    """核对委托日志：有没有被改过、删过，和委托对不对得上。"""

    async def step() -> None:
        from bot.main import open_store
        from core.errors import Invalid
        from core.journal import differences, problem
        from core.tickets import TicketState

        store = open_store(_settings(env_file))
        try:
            events = await store.journal()
            broken = problem(events)
            found = [broken] if broken else []
            tickets = await store.tickets(set(TicketState), limit=sys.maxsize)
            orders = await store.orders(limit=sys.maxsize)
            found += differences(events, tickets, orders, await store.members())
        finally:
            await store.close()
        if found:
            raise Invalid("\n".join(["日志不对：", *found, "在查清楚以前，请不要相信这些委托的记录。"]))
        _print(f"日志完整：{len(events)} 条，没有被改过，和委托一致。")

    _go(step)


@filedrop.command("init")
def filedrop_init(
    folder: Annotated[Path, typer.Argument(help="盯盘和大 QMT 共用的文件夹，例如 C:\\dingpan-drop")],
    account: Annotated[str, typer.Option(help="资金账号")],
    seen_as: Annotated[
        str | None, typer.Option("--seen-as", help="大 QMT 在另一台电脑上时，那台电脑怎么称呼这个文件夹，例如 Z:\\drop")
    ] = None,
    env_file: EnvFile = None,
) -> None:
    """写好给大 QMT 用的脚本，并说明一步一步怎么做。"""

    async def step() -> None:
        from bot.filedrop import init

        init(_settings(env_file), folder, account, seen_as, _print)

    _go(step, invalid=MISCONFIGURED)


def _settings(env_file: Path | None) -> Settings:
    from bot.settings import Settings

    return Settings.load(file=env_file or Path(".env"), must_exist=env_file is not None)


def _go(begin: Callable[[], Awaitable[None]], *, invalid: int = FAILED) -> None:
    """Run a coroutine and turn errors into sentences and exit codes.

    Args:
        invalid: the exit code of what is Invalid; MISCONFIGURED where only options can be.
    """
    from core.errors import Invalid, Unavailable

    try:
        asyncio.run(_stoppable(begin))
    except KeyboardInterrupt:
        with suppress(_ClosedError, Unavailable):  # Ctrl-C ends the other side of a pipe too
            _print("已退出。")
    except _ClosedError:
        raise typer.Exit(FAILED) from None
    except Invalid as error:
        _complain(str(error))
        raise typer.Exit(invalid) from None
    except BaseException as error:
        leaves = _leaves(error)
        if any(isinstance(one, SystemExit | typer.Exit) for one in leaves):
            raise
        raise typer.Exit(_explain(leaves)) from None


async def _stoppable(begin: Callable[[], Awaitable[None]]) -> None:
    """Let SIGTERM end the program as Ctrl-C does. On Windows nobody sends it: a program is ended there without it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    asked = asyncio.Event()

    def stop() -> None:
        asked.set()
        task.cancel()

    # Not through the loop, which could not do it on Windows.
    before = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop))
    try:
        await begin()
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
        _print("已退出。")
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain(errors: Sequence[BaseException]) -> int:
    """Say what happened, each error once; the exit code. What is no error of ours is a bug, and kept in the log."""
    from bot.logs import keep
    from core.errors import ConfigError, DingpanError

    code = FAILED
    bugs = []
    for error in errors:
        if isinstance(error, ConfigError):
            code = MISCONFIGURED
            _complain("设置有问题，没有启动：", *(f"  · {problem}" for problem in error.problems))
        elif isinstance(error, DingpanError):
            _complain(str(error))
        elif not isinstance(error, _ClosedError):
            bugs.append(error)
    if bugs:
        kind = type(bugs[0]).__name__
        _complain(f"内部错误（{kind}），程序停了。这是程序的问题，详情在 {keep(bugs)}，可以重新启动。")
    return FAILED if bugs else code


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for one in error.exceptions for leaf in _leaves(one)]


class _ClosedError(Exception):
    """Nobody reads what we print any more: ``| head`` has seen enough."""


def _print(line: str) -> None:
    """Print a line.

    Raises:
        Unavailable: it cannot be written, as on a full disk.
    """
    from core.errors import Unavailable

    try:
        print(line, flush=True)
    except OSError as error:
        _forget_output()
        if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL:  # the latter on Windows
            raise _ClosedError from None
        why = "磁盘满了" if error.errno == errno.ENOSPC else error.strerror
        raise Unavailable("输出", f"写不下去了（{why}），后面的内容没有写出来。") from None


def _forget_output() -> None:
    """What is still buffered goes nowhere: Python would try to write it at the end, and complain."""
    with suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _complain(*lines: str) -> None:
    with suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr, flush=True)


app.add_typer(gateway_commands(_settings, _go, _print), name="gateway")
