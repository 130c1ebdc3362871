"""The one thread on which xtdata is asked, each question with a deadline.

xtdata keeps one connection in a global of its module, is not safe to be asked by two threads, and a call into its
native half can hang for ever. So everything is asked here, in turn; who waits too long is told so, and a thread that
hangs holds neither the loop nor the end of the process. Only ending the process cures it: see :attr:`Link.stuck_since`.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from core.clock import Clock, time_text
from core.errors import Malformed, OutsideError, Unavailable

T = TypeVar("T")

NAME: Final = "QMT行情"
URGENT, USUAL, PATIENT = 0, 1, 2
"""Who is asked first where several wait: a price for a person, what keeps the stream alive, everything else."""
DEADLINE: Final = timedelta(seconds=10)
_NO_TERMINAL: Final = "无法连接xtquant服务"


class Slow(Unavailable):
    """The thread is held, by this question or by another one. What is pushed does not need it."""


@dataclass(order=True)
class _Question(Generic[T]):
    rank: int
    number: int
    doing: str = field(compare=False)
    what: Callable[[Any], T] | None = field(compare=False)
    """None ends the thread."""
    loop: asyncio.AbstractEventLoop = field(compare=False)
    answer: asyncio.Future[tuple[T | None, Exception | None]] = field(compare=False)
    connects: bool = field(compare=False, default=True)
    began_at: datetime | None = field(compare=False, default=None)
    given_up: bool = field(compare=False, default=False)
    overdue: bool = field(compare=False, default=False)


class Link:
    """Asks the terminal.

    Args:
        xtdata: the module of the SDK.
        port: of one terminal among several on this computer; None is the one that runs.
        on_drop: called in a thread of the SDK when it says that the connection is gone; raises nothing.
    """

    def __init__(self, xtdata: Any, clock: Clock, *, port: int | None, on_drop: Callable[[], None]) -> None:
        self.client: object | None = None
        """The connection that answered last. With another one all subscriptions are gone."""
        self._xtdata = xtdata
        self._clock = clock
        self._port = port
        self._on_drop = on_drop
        self._questions: queue.PriorityQueue[_Question[Any]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._asked: _Question[Any] | None = None
        self._closed = False

    @property
    def stuck_since(self) -> datetime | None:
        """Since when a question hangs beyond its deadline. Where it lasts, the process has to be started anew."""
        asked = self._asked
        return asked.began_at if asked is not None and asked.overdue else None

    async def ask(
        self,
        doing: str,
        what: Callable[[Any], T],
        *,
        within: timedelta = DEADLINE,
        rank: int = USUAL,
        connects: bool = True,
    ) -> T:
        """Call ``what`` with the module, on the thread, connected.

        Args:
            doing: for people: 读取快照.
            within: from now until the answer, the wait for others included.
            connects: whether there must be a connection for it.

        Raises:
            Slow: this question or one before it takes too long.
            Unavailable: there is no terminal, or it says that it failed.
            Malformed: what it sent cannot be read.
        """
        if self._closed:
            raise Unavailable(NAME, "已经关闭")
        asked = self._asked
        if asked is not None and asked.overdue and asked.began_at is not None:
            since = time_text(asked.began_at)
            raise Slow(NAME, f"miniQMT 从 {since} 起没有回答（{asked.doing}）。一直这样就要重启网关和 miniQMT")
        loop = asyncio.get_running_loop()
        question = _Question(
            rank, next(self._numbers), doing, what, loop, answer=loop.create_future(), connects=connects
        )
        self._start()
        self._questions.put(question)
        seconds = within.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                answer, error = await question.answer
        except TimeoutError:
            if question.began_at is None:
                other = self._asked
                ahead = f"（前面的请求是{other.doing}）" if other is not None else ""
                raise Slow(NAME, f"{seconds:g} 秒没有轮到{doing}{ahead}") from None
            question.overdue = True
            raise Slow(NAME, f"{doing}超过 {seconds:g} 秒没有回答，请看 miniQMT 是否卡住") from None
        finally:
            question.given_up = True
        if isinstance(error, ValueError):
            raise Malformed(NAME, f"{doing}：miniQMT 返回的内容读不懂（{str(error)[:80]}）") from error
        if error is not None:
            raise Unavailable(NAME, _reason(doing, error)) from error
        return answer  # type: ignore[return-value]  # without an error it is what was asked for

    async def close(self, within: timedelta) -> None:
        """Leave the terminal and end the thread, or leave it where it hangs."""
        if self._thread is not None and not self._closed:
            with suppress(OutsideError):
                await self.ask("断开", self._leave, within=within, rank=URGENT, connects=False)
        self._closed = True
        self._questions.put(_Question(-1, next(self._numbers), "结束", None, asyncio.get_running_loop(), _nobody()))

    def _leave(self, xtdata: Any) -> None:
        self.client = None
        xtdata.watch_xtquant_status(None)
        xtdata.disconnect()

    def _start(self) -> None:
        if self._thread is None:
            # A daemon, because a thread that hangs in native code would keep the process from ending.
            self._thread = threading.Thread(target=self._run, name="xtdata", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        self._xtdata.enable_hello = False
        self._xtdata.watch_xtquant_status(self._on_status)
        while (question := self._questions.get()).what is not None:
            if question.given_up:
                continue
            question.began_at = self._clock.now()
            self._asked = question
            answer: tuple[Any, Exception | None]
            try:
                if question.connects:
                    # The SDK would connect by itself, but to whatever terminal it finds.
                    self.client = self._xtdata.connect("", self._port)
                answer = question.what(self._xtdata), None
            except Exception as error:  # noqa: BLE001  the SDK raises bare exceptions; they are told to who asked
                answer = None, error
            self._asked = None
            with suppress(RuntimeError):  # the loop has ended meanwhile
                question.loop.call_soon_threadsafe(_tell, question.answer, answer)

    def _on_status(self, told: Any) -> None:
        if isinstance(told, dict) and told.get("status") == "disconnected":
            self._on_drop()


def _tell(answer: asyncio.Future[Any], told: object) -> None:
    if not answer.done():
        answer.set_result(told)


def _nobody() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def _reason(doing: str, error: Exception) -> str:
    said = str(error).strip()
    if _NO_TERMINAL in said:
        return "连不上 miniQMT。请看它是否开着、是否以极简模式登录"
    return f"{doing}失败：{said[:80] or type(error).__name__}"
