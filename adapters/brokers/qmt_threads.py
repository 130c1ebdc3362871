"""Native calls that may never return: each in a daemon thread of its own, with a deadline, and counted.

A thread that hangs in native code cannot be ended from Python. It is left behind, and the one who owns the process
learns how many there are, because ending the process is the only cure.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

_PREFIX: Final = "qmt-"


async def within(what: Awaitable[T], seconds: float, sleep: Sleep) -> T:
    """Wait for it, but no longer than ``seconds``; then it is cancelled.

    Raises:
        TimeoutError: it took longer.
    """
    task, timer = asyncio.ensure_future(what), asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        timer.cancel()
        task.cancel()


class Errands:
    """Runs native calls. ``lost`` is how many are over their deadline and have not come back."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._lost: set[Future[Any]] = set()

    @property
    def lost(self) -> int:
        self._lost = {one for one in self._lost if not one.done()}
        return len(self._lost)

    async def run(self, name: str, call: Callable[[], T], seconds: float) -> T:
        """The result of a call, or its exception.

        Raises:
            TimeoutError: it is over its deadline. It may still do its work later.
        """
        done: Future[T] = Future()

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  handed on to whoever waits
                done.set_exception(error)
            else:
                done.set_result(result)

        threading.Thread(target=work, name=_PREFIX + name, daemon=True).start()
        try:
            # Shielded: giving up waiting does not end the thread, which would find its future cancelled.
            return await within(asyncio.shield(asyncio.wrap_future(done)), seconds, self._sleep)
        except TimeoutError:
            if not done.done():
                self._lost.add(done)
            raise
