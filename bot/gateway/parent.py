"""How a gateway process and the one that started it hold together: neither is left behind, and a stuck one is replaced.

Threads that hang in native calls keep an interpreter from ending by itself; ``os._exit`` does not ask them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

GRACE: Final = 3.0
AGAIN: Final = 75
"""The exit code of a gateway that can do nothing more, and whose successor can."""
PAUSE: Final = 3.0
"""Seconds before it comes; the terminal wants as many between two connections."""


def end_soon(code: int) -> None:
    """End this process after a moment, whatever hangs."""
    stopwatch = threading.Timer(GRACE, os._exit, [code])
    stopwatch.daemon = True
    stopwatch.start()


def end_with_the_parent(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """Watch standard input from a thread of its own, and end when it ends."""

    def watch() -> None:
        # Past Python's buffer, whose lock would be waited for at the end.
        with suppress(OSError, ValueError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        end_soon(0)
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()


async def keep_running(
    command: Sequence[str],
    write: Callable[[str], None],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Run a gateway process, and another one whenever it ends with :data:`AGAIN`; the exit code of the last one."""
    while True:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE)
        try:
            code = await process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
            if process.returncode is None:  # we are leaving; it hears of that, and ends by itself
                await process.wait()
        if code != AGAIN:
            return code
        write("网关有调用卡住了，正在重新启动。")
        await sleep(PAUSE)
