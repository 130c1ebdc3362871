"""The shell's side of ``dingpan gateway``."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

if TYPE_CHECKING:
    from bot.settings import Settings

EnvFile = Annotated[Path | None, typer.Option("--env-file", help="设置文件，不写就是 .env；写了就必须有")]


class Go(Protocol):
    def __call__(self, begin: Callable[[], Awaitable[None]], *, invalid: int = 1) -> None: ...


def gateway_commands(
    settings_of: Callable[[Path | None], Settings], go: Go, write: Callable[[str], None]
) -> typer.Typer:
    """The commands.

    Args:
        go: runs a coroutine and turns its errors into sentences and exit codes.
    """
    gateway = typer.Typer(help="网关：在装 miniQMT 的电脑上运行，盯盘通过它查询和下单", invoke_without_command=True)

    @gateway.callback()
    def serve(
        ctx: typer.Context,
        paper: Annotated[bool, typer.Option("--paper", help="不连 miniQMT，用模拟账户试一试")] = False,
        anywhere: Annotated[bool, typer.Option("--anywhere", help="允许在 0.0.0.0 上等候")] = False,
        watched: Annotated[bool, typer.Option("--watched", hidden=True)] = False,
        env_file: EnvFile = None,
    ) -> None:
        """运行网关，直到按 Ctrl-C。"""
        if ctx.invoked_subcommand is not None:
            return

        async def step() -> None:
            from bot.gateway import commands
            from bot.gateway.parent import keep_running

            if paper or watched:
                await commands.run(settings_of(env_file), paper=paper, anywhere=anywhere, write=write, watched=watched)
                return
            settings_of(env_file)  # what is wrong with them is said once, here
            command = [sys.executable, "-m", "bot", "gateway", "--watched", *(["--anywhere"] if anywhere else [])]
            command += [] if env_file is None else ["--env-file", str(env_file)]
            code = await keep_running(command, write)
            if code:
                raise typer.Exit(code)

        go(step)

    @gateway.command()
    def init(
        again: Annotated[bool, typer.Option("--again", help="重做证书，所有机器人都要重新配对")] = False,
        env_file: EnvFile = None,
    ) -> None:
        """第一次用：做好证书。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.init(settings_of(env_file), again=again, write=write)

        go(step)

    @gateway.command()
    def invite(
        name: Annotated[str, typer.Option(help="给这个机器人起个名字")] = "盯盘",
        trade: Annotated[bool, typer.Option("--trade", help="允许它下单和撤单；不写就只能查询")] = False,
        env_file: EnvFile = None,
    ) -> None:
        """请一个机器人来配对，显示配对码。"""

        async def step() -> None:
            from bot.gateway import commands

            await commands.invite(settings_of(env_file), name=name, trade=trade, write=write)

        go(step)

    @gateway.command()
    def pair(
        url: Annotated[str, typer.Argument(help="网关显示的地址，例如 https://192.168.1.20:8766")],
        code: Annotated[str, typer.Argument(help="网关显示的配对码")],
        env_file: EnvFile = None,
    ) -> None:
        """在装盯盘的电脑上运行：和网关配对。"""

        async def step() -> None:
            from bot.accounts import pair_with

            await pair_with(settings_of(env_file), url, code, write)

        go(step)

    @gateway.command()
    def arm(
        until: Annotated[str, typer.Option(help="到什么时候：close 是收盘，或例如 11:30")] = "close",
        env_file: EnvFile = None,
    ) -> None:
        """解锁：放行委托，到时候自动锁上。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.arm(settings_of(env_file), until, write)

        go(step)

    @gateway.command()
    def disarm(env_file: EnvFile = None) -> None:
        """锁上：不再放行委托。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.disarm(settings_of(env_file), write)

        go(step)

    @gateway.command()
    def limits(
        order: Annotated[str | None, typer.Option(help="单笔最多多少元")] = None,
        day: Annotated[str | None, typer.Option(help="一天最多多少元")] = None,
        symbol: Annotated[str | None, typer.Option(help="一只股票一天最多多少元")] = None,
        band: Annotated[str | None, typer.Option(help="比最新价最多差百分之几；off 不限")] = None,
        cancels: Annotated[int | None, typer.Option(help="每分钟最多撤几笔")] = None,
        env_file: EnvFile = None,
    ) -> None:
        """看一看或改上限。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.limits(
                settings_of(env_file),
                order=order,
                day=day,
                symbol=symbol,
                band=band,
                cancels=cancels,
                write=write,
            )

        go(step)

    @gateway.command()
    def bots(env_file: EnvFile = None) -> None:
        """哪些机器人配对过。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.bots(settings_of(env_file), write)

        go(step)

    @gateway.command()
    def forget(
        bot: Annotated[str, typer.Argument(help="机器人的编号，见 dingpan gateway bots")], env_file: EnvFile = None
    ) -> None:
        """移除一个机器人。"""

        async def step() -> None:
            from bot.gateway import commands

            commands.forget(settings_of(env_file), bot, write)

        go(step)

    return gateway
