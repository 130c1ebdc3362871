"""The gateway as a child of the bot: started, watched, started anew when it dies or hangs, ended with us.

A native call of miniQMT's SDK can hang for ever and take its process with it, so it has one that can be ended. The
secret goes through the child's standard input, which also tells it when we are gone; its port comes back on its
standard output, so that nobody else's port is taken for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.gateway_line import Address, Line
from core.clock import Clock
from core.errors import Malformed, OutsideError, Unavailable
from core.wire import About

log: Final = logging.getLogger(__name__)

NAME: Final = "QMT 网关"
START_PATIENCE: Final = 60.0
"""Seconds until a child that says nothing is given up: the SDK takes long to load on a slow PC."""
BEAT: Final = 5.0
MOST_MISSED: Final = 3
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
STEADY: Final = timedelta(minutes=1)
"""A child that lived so long is started again at once."""
LAST_WORDS: Final = 5.0


class GatewayChild:
    """One gateway process after the other.

    Args:
        command: what to run.
        words: told to it, beside the secret.
        token: the secret.
    """

    def __init__(
        self,
        command: Sequence[str],
        words: Mapping[str, Any],
        token: str,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._command = tuple(command)
        self._words = dict(words)
        self._token = token
        self._clock = clock
        self._sleep = sleep
        self._port: int | None = None
        self._trouble = "网关正在启动，请过几秒再试"
        self._process: Process | None = None
        self._line = Line(NAME, self.address, patience=timedelta(seconds=BEAT))
        self._task: asyncio.Task[None] | None = None
        self.up = asyncio.Event()
        """Set while there is one that answers."""

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def address(self) -> Address:
        """Where it is now. Raises Unavailable while there is none."""
        if self._port is None:
            raise Unavailable(NAME, self._trouble)
        return Address(f"http://127.0.0.1:{self._port}", self._token)

    def start(self) -> None:
        """Have one from now on, until :meth:`close`."""
        self._task = asyncio.create_task(self._run(), name="gateway child")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._line.close()

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began: datetime = self._clock.now()
            try:
                await self._live()
            except OutsideError as error:
                self._trouble = f"{error.reason}，正在重新启动"
                log.warning("%s: %s", NAME, error.reason)
            except Exception:
                self._trouble = "网关出错了，正在重新启动"
                log.exception("the gateway child")
            if self._clock.now() - began >= STEADY:
                pause = FIRST_PAUSE
            await self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _live(self) -> None:
        """Start one and watch it until it has to go. Raises why."""
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        except OSError as error:
            raise Unavailable(NAME, f"网关启动不了（{error.strerror}）") from None
        self._process = process
        try:
            self._port = await self._told_port(process)
            watching = asyncio.create_task(self._watch())
            ended = asyncio.create_task(process.wait())
            try:
                await asyncio.wait({watching, ended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (watching, ended):
                    task.cancel()
                await asyncio.gather(watching, ended, return_exceptions=True)
            code = process.returncode
            raise Unavailable(NAME, "网关没有回应" if code is None else f"网关进程退出了（{code}）")
        finally:
            self._port = None
            self.up.clear()
            await _end(process)

    async def _told_port(self, process: Process) -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        words = json.dumps({**self._words, "token": self._token}, ensure_ascii=False)
        try:
            async with asyncio.timeout(START_PATIENCE):
                process.stdin.write(words.encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            said = json.loads(line)
            if "problem" in said:
                raise Unavailable(NAME, str(said["problem"]))
            return int(said["port"])
        except TimeoutError:
            raise Unavailable(NAME, f"网关 {START_PATIENCE:.0f} 秒没有启动好") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise Unavailable(NAME, "网关没有启动起来，详情在它的日志 gateway.log 里") from None

    async def _watch(self) -> None:
        """Ask for a sign of life now and then; returns when there is none."""
        missed = 0
        while missed < MOST_MISSED:
            try:
                await self._line.ask("about", None, About)
                missed = 0
                self.up.set()
            except Malformed as error:
                log.warning("%s: %s", error.source, error.reason)
                return
            except OutsideError as error:
                missed += 1
                log.warning("%s: no sign of life (%d): %s", NAME, missed, error.reason)
            await self._sleep(BEAT)


async def _end(process: Process) -> None:
    """Let it end by itself for a moment, then end it. It hears that we are gone by its standard input."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(LAST_WORDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
