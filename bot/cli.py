"""``dingpan``: the commands of the shell. Everything heavy is imported where it is used."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bot.stdio import use_utf8

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

EnvFile = Annotated[Path, typer.Option("--env-file", help="设置文件")]


def main() -> None:
    """The entry point of the ``dingpan`` script."""
    use_utf8()
    app()


@app.callback(invoke_without_command=True)
def start(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        run()


@app.command()
def run(env_file: EnvFile = Path(".env")) -> None:
    """按 .env 运行；.env 为空时用公开行情、模拟账户和终端聊天。"""
    from bot import main as house
    from bot.logs import start_logging
    from bot.settings import Settings

    def begin() -> Coroutine[Any, Any, None]:
        settings = Settings.load(file=env_file)
        start_logging(settings.folder(), settings.log_level)
        return house.run(settings)

    _go(begin)


@app.command()
def demo(
    speed: Annotated[float, typer.Option(help="市场时间是真实时间的几倍")] = 20.0,
    seed: Annotated[int, typer.Option(help="同一个种子是同一段行情")] = 7,
    tour: Annotated[bool, typer.Option("--tour", help="不等你输入，自己演一遍然后结束")] = False,
) -> None:
    """演示：不需要账户、密钥和网络。"""
    import tempfile
    from datetime import date

    from bot import main as house

    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    if tour or not interactive:
        from bot.replay import tour as play

        filled: list[bool] = []

        async def once() -> None:
            filled.append(await play(seed=seed, start=date(2026, 11, 18), write=_print))

        _go(once)
        if not all(filled):
            raise typer.Exit(FAILED)
        return
    with tempfile.TemporaryDirectory(prefix="dingpan-", ignore_cleanup_errors=True) as folder:
        _go(lambda: house.demo(seed=seed, speed=speed, folder=Path(folder)))


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

    def begin() -> Coroutine[Any, Any, None]:
        lines = [parse_line(text) for text in say or ()]
        return play(bars, lines, press or (), cash=Decimal(str(cash)), as_json=as_json, write=_print)

    _go(begin)


@db.command()
def upgrade(env_file: EnvFile = Path(".env")) -> None:
    """把数据库升级到当前版本。"""
    from bot.settings import Settings

    async def step() -> None:
        from bot.main import upgrade_database

        _print(upgrade_database(Settings.load(file=env_file)))

    _go(step)


def _go(begin: Any) -> None:
    """Run a coroutine and turn errors into sentences and exit codes."""
    from core.errors import ConfigError, DingpanError

    try:
        asyncio.run(_awaited(begin))
    except KeyboardInterrupt:
        _print("已退出。")
    except ConfigError as error:
        _complain("设置有问题，没有启动：", *(f"  · {problem}" for problem in error.problems))
        raise typer.Exit(MISCONFIGURED) from None
    except DingpanError as error:
        _complain(str(error))
        raise typer.Exit(FAILED) from None
    except BaseExceptionGroup as group:
        known = [one for one in _leaves(group) if isinstance(one, DingpanError)]
        if not known:
            raise
        _complain(*(str(one) for one in known))
        raise typer.Exit(FAILED) from None


async def _awaited(begin: Any) -> None:
    await begin()


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _leaves(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found


def _print(line: str) -> None:
    print(line, flush=True)


def _complain(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)
