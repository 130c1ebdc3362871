"""A real account behind the Python inside big QMT: requests and answers are files in a folder that both sides see.

The other side is ``bigqmt/dingpan_qmt.py``, which the person runs in the client. A request is handed in by one rename
and taken by another, so that it can be withdrawn with certainty as long as the script has not taken it. Neither side
ever sends a second time: the script notes each number on the disk before it orders, and here a number that was ever
handed in is only looked up. What has been taken and does not show in the counter's list is unknown, and stays so until
the list shows it or a person says what happened.

There is no thread that watches: :meth:`FileDropBroker.reports` looks into the folder again and again while it is read.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.brokers.filedrop_folder import Folder, Purpose, Stamp
from adapters.brokers.filedrop_story import (
    Pulse,
    Request,
    Seen,
    Story,
    account_of,
    explained,
    instant,
    key_of,
    look_alikes,
    orders_of,
    reports_of,
    trades_of,
)
from core.clock import Clock
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.orders import Order, Report, ReportKind, apply
from core.portfolio import Account
from core.statement import Statement
from core.types import Mode

log: Final = logging.getLogger(__name__)

VERSION: Final = 1
"""Of the script that understands our requests."""
ALIVE: Final = timedelta(seconds=15)
"""A heartbeat that is older, or that much ahead of our clock, belongs to nobody who could take an order."""
VALID: Final = timedelta(seconds=15)
"""How long after its approval an order may still be placed."""
FRESH: Final = timedelta(seconds=15)
"""An older statement says nothing about now."""
POLL: Final = 0.25
"""Seconds between two looks."""
RENEWS: Final = 8
"""Looks until an old statement must have been replaced, where somebody is there who does it."""
TAKES: Final = 20
"""Looks until a request that the script has not taken is withdrawn."""
SHOWS: Final = 40
"""Looks until an order that was taken must stand in the counter's list; the client's list lags by up to six seconds."""
THOROUGH: Final = 40
"""Looks after which everything is read anew: on a shared drive a changed file may look like the old one for a while."""
_ROUND: Final = 86_400.0 * 2
"""Seconds after which an order has no news any more."""
_OURS: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_NOT_PLACED: Final = "没有下单"

_File = TypeVar("_File", bound=BaseModel)
_Found = TypeVar("_Found")


class FileDropBroker:
    """A Broker. :meth:`reports` has one reader.

    Args:
        account: our id of the account; ``number`` is the broker's.
        sleep: waits so many seconds.
        holding: what is let go of at the end.
    """

    def __init__(
        self,
        folder: Folder,
        account: str,
        number: str,
        name: str,
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]],
        *,
        holding: ExitStack | None = None,
    ) -> None:
        self.account = account
        self.name = name
        self.mode = Mode.LIVE
        self._folder = folder
        self._number = number
        self._clock = clock
        self._sleep = sleep
        self._waiting: set[str] = set()
        # How many reports of each order were told; looked at until the process ends, as a fill may come late.
        self._told: dict[str, int] = {}
        self._strangers = 0
        self._complaint = ""
        self._closed = False
        self._holding = holding or ExitStack()

    # -- orders

    async def submit(self, order: Order) -> None:
        now = self._clock.now()
        if await self._do(self._folder.where, order.id) is not None:
            return
        if order.account != self.account or order.mode is not self.mode:
            raise Refused(self.name, f"委托属于{order.mode.chinese}账户“{order.account}”，没有送出，请换账户。")
        if not _OURS.fullmatch(order.id):
            raise Refused(self.name, f"编号 {order.id} 写不进大 QMT 的备注，{_NOT_PLACED}。")
        if not order.created_at <= now + ALIVE or now > order.created_at + VALID:
            raise Refused(self.name, f"这笔委托已经等了太久，{_NOT_PLACED}，请重新报价。")
        await self._require_script()
        request = Request(
            id=order.id,
            account=self._number,
            symbol=order.symbol,
            side=order.side,
            shares=order.shares,
            limit=str(order.limit),
            created_at=order.created_at.timestamp(),
            not_after=(order.created_at + VALID).timestamp(),
        )
        self._waiting.add(order.id)
        try:
            await self._hand_in(order.id, request.model_dump(mode="json"))
            self._told.setdefault(order.id, 0)
            await self._settle(request)
        finally:
            self._waiting.discard(order.id)

    async def _hand_in(self, number: str, body: dict[str, Any]) -> None:
        """Raises Refused where it was certainly not handed in."""
        try:
            await asyncio.to_thread(self._folder.prepare, number, body)
        except OSError as error:
            raise Refused(
                self.name, f"写不进文件夹 {self._folder.root}（{error.strerror}），{_NOT_PLACED}。"
            ) from error
        try:
            await asyncio.to_thread(self._folder.hand_in, number)
        except OSError as error:
            if await self._do(self._folder.where, number) is None or await self._do(self._folder.withdraw, number):
                raise Refused(self.name, f"委托没能交给大 QMT（{error.strerror}），{_NOT_PLACED}。") from error
            raise Unavailable(self.name, f"委托交给大 QMT 时出错（{error.strerror}），不知道有没有下单。") from error

    async def _settle(self, request: Request) -> None:
        """Wait until the order's fate is known, and take it back where it was not taken."""
        story = await self._wait(TAKES, lambda: self._quiet_story(request.id))
        if story is None and await self._do(self._folder.withdraw, request.id):
            raise Refused(self.name, f"大 QMT 里的脚本没有来取这笔委托，已经收回，{_NOT_PLACED}。")
        story = await self._wait(SHOWS, lambda: self._quiet_story(request.id, seen=True))
        if story is None:
            raise await self._unknown(request.id, request)
        if story.state == "refused":
            raise Refused(self.name, f"{explained(story.why)}，{_NOT_PLACED}。")

    async def _wait(self, looks: int, look: Callable[[], Awaitable[_Found | None]]) -> _Found | None:
        for _ in range(looks):
            found = await look()
            if found is not None:
                return found
            await self._sleep(POLL)
        return await look()

    async def _quiet_story(self, number: str, *, seen: bool = False) -> Story | None:
        """A file that cannot be read now may be whole in a moment."""
        try:
            story = await self._story(number)
        except (Malformed, Unavailable):
            return None
        return story if story is not None and (story.seen or not seen) else None

    async def _unknown(self, number: str, request: Request | None) -> Unavailable:
        """Why nobody knows what became of an order, with what may be it."""
        text = "委托已经交给大 QMT，但委托列表里看不到它，不知道有没有下单。请在大 QMT 里核对"
        try:
            alike = look_alikes(await self._seen(), request) if request else ()
        except OutsideError:
            alike = ()
        if alike:
            text += f"：列表里有备注不全、其他都一样的委托，合同编号 {'、'.join(alike)}"
        return Unavailable(self.name, f"{text}（编号 {number}）。")

    async def cancel(self, order: Order) -> None:
        if await self._do(self._folder.where, order.id) is None:
            raise Refused(self.name, f"没有委托 {order.id}，撤不了，请刷新委托列表。")
        found = await self.find(order.id) or ()
        with self._rows():
            for report in found:
                order = apply(order, report)
        if order.state.final:
            raise Refused(self.name, f"委托 {order.id} {order.state.chinese}，撤不了。")
        await self._require_script()
        now = self._clock.now()
        number = f"{order.id}-{self._clock.new_id()}"
        body = {
            "kind": "cancel",
            "id": number,
            "account": self._number,
            "order": order.id,
            "created_at": now.timestamp(),
            "not_after": (now + VALID).timestamp(),
        }
        await self._hand_in(number, body)

        async def answer() -> dict[str, Any] | None:
            return await self._do(self._folder.answer, number)

        answered = await self._wait(TAKES, answer)
        if answered is None and await self._do(self._folder.withdraw, number):
            raise Refused(self.name, "大 QMT 里的脚本没有来取，没有撤单。请在大 QMT 里撤。")
        answered = answered or await self._wait(TAKES, answer)
        if answered is None:
            raise Unavailable(self.name, "撤单的要求已经交给大 QMT，但没有回答。请在大 QMT 里核对。")
        if answered.get("why"):
            raise Refused(self.name, f"{explained(str(answered['why']))}，没有撤单。")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        where = await self._do(self._folder.where, order_id)
        if where == "requests" and order_id not in self._waiting:
            # Nobody waits for it any more: an earlier process ended in the middle. What was not taken is taken back.
            await self._do(self._folder.withdraw, order_id)
            where = await self._do(self._folder.where, order_id)
        if where is None:
            await self._require_unlisted(order_id)
            return None
        if where == "withdrawn":
            return [await self._withdrawn(order_id)]
        story = await self._story(order_id)
        if story is None or not story.seen:
            taken = await self._do(self._folder.read, Purpose.REQUEST, "taken", f"{order_id}.json")
            raise await self._unknown(order_id, self._read(Request, taken) if taken else None)
        self._told.setdefault(order_id, 0)
        return list(self._reports(story))

    async def _require_unlisted(self, order_id: str) -> None:
        """No file of an order is there. Somebody may have tidied up, so the counter's list must not show it either.

        Raises:
            Unavailable: it does, or cannot be seen.
        """
        for row in (await self._fresh()).orders:
            if row.get("m_strRemark") == order_id:
                number = row.get("m_strOrderSysID", "")
                raise Unavailable(
                    self.name,
                    f"委托 {order_id} 的文件不见了，但大 QMT 里有它（合同编号 {number}），请在大 QMT 里核对。",
                )

    async def _withdrawn(self, order_id: str) -> Report:
        body = await self._do(self._folder.read, Purpose.REQUEST, "withdrawn", f"{order_id}.json")
        return Report(
            kind=ReportKind.REJECTED,
            order_id=order_id,
            account=self.account,
            at=instant(self._read(Request, body or {}).created_at),
            note=f"大 QMT 没有来取，已经收回，{_NOT_PLACED}",
        )

    # -- what the script tells

    async def snapshot(self) -> Account:
        seen = await self._fresh()
        with self._rows():
            return account_of(seen, self.account, self.name)

    async def statement(self) -> Statement:
        seen = await self._fresh()
        remarks = {key_of(row): row.get("m_strRemark", "") for row in seen.orders if row.get("m_strOrderSysID")}
        ours = {
            key: remark
            for key, remark in remarks.items()
            if _OURS.fullmatch(remark) and await self._do(self._folder.where, remark) is not None
        }
        with self._rows():
            return Statement(
                account=account_of(seen, self.account, self.name),
                orders=orders_of(seen, ours),
                trades=trades_of(seen, ours),
            )

    async def reports(self) -> AsyncIterator[Report]:
        read: dict[str, Stamp] = {}
        while True:
            await self._look_for_others()
            read.clear()
            for _ in range(THOROUGH):
                for number, stamp in (await self._stamps()).items():
                    if read.get(number) == stamp:
                        continue
                    news = await self._news(number)
                    for report in (news or ())[self._told[number] :]:
                        yield report
                        self._told[number] += 1
                    if news is not None:
                        read[number] = stamp
                await self._listen_for_strangers()
                await self._sleep(POLL)

    async def _look_for_others(self) -> None:
        """What earlier processes handed in may have news that nobody was told; what is long over has none any more."""
        since = self._clock.now().timestamp() - _ROUND
        try:
            recent = {number for number in await self._do(self._folder.recent, since) if _OURS.fullmatch(number)}
            over = set(await self._do(self._folder.stamps, list(self._told))) - recent
        except OutsideError as error:
            self._complain(error)
            return
        self._told = {one: self._told.get(one, 0) for one in {*self._told, *recent} - over}

    async def _stamps(self) -> Mapping[str, Stamp]:
        try:
            return await self._do(self._folder.stamps, list(self._told))
        except OutsideError as error:
            self._complain(error)
            return {}

    async def _news(self, number: str) -> Sequence[Report] | None:
        """None for a file that cannot be read now: it is looked at again, and what it holds is not lost."""
        try:
            story = await self._story(number)
            return self._reports(story) if story is not None else None
        except OutsideError as error:
            self._complain(error)
            return None

    async def _listen_for_strangers(self) -> None:
        try:
            pulse = await self._pulse()
        except OutsideError:
            return
        if pulse is not None and pulse.strangers > self._strangers:
            log.error("%s 里有不是盯盘写的委托文件，脚本没有理会，放在 strangers 里", self._folder.root)
        self._strangers = pulse.strangers if pulse is not None else self._strangers

    def _complain(self, error: OutsideError) -> None:
        if str(error) != self._complaint:
            log.warning("%s", error)
        self._complaint = str(error)

    async def _require_script(self) -> None:
        """Raises Refused where nobody is there who could take an order."""
        try:
            pulse = await self._pulse()
        except OutsideError as error:
            raise Refused(self.name, f"{error.reason}{_NOT_PLACED}。") from error
        problem = _unfit(pulse, self._number, (self._clock.now().timestamp() - pulse.at) if pulse else 0.0)
        if problem:
            raise Refused(self.name, f"{problem}{_NOT_PLACED}。")

    async def _pulse(self) -> Pulse | None:
        body = await self._do(self._folder.read, Purpose.HEARTBEAT, "heartbeat.json")
        return None if body is None else self._read(Pulse, body)

    async def _fresh(self) -> Seen:
        """The newest statement. Where it has grown old, a new one may be on its way."""

        async def look() -> Seen | None:
            try:
                seen = await self._seen()
            except (Malformed, Unavailable):
                return None
            return None if seen.why else seen

        found = await self._wait(RENEWS, look)
        if found is not None:
            return found
        seen = await self._seen()
        raise Unavailable(self.name, f"大 QMT 暂时给不出资金和持仓（{explained(seen.why)}）。")

    async def _seen(self) -> Seen:
        body = await self._do(self._folder.read, Purpose.STATEMENT, "statement.json")
        if body is None:
            raise Unavailable(self.name, "大 QMT 里的脚本还没有写过资金和持仓，请先在大 QMT 里运行它。")
        seen = self._read(Seen, body)
        age = self._clock.now() - instant(seen.at)
        if abs(age) > FRESH:
            raise Unavailable(
                self.name,
                f"大 QMT 里的脚本 {abs(age).total_seconds():.0f} 秒没有更新资金和持仓，请看看它是不是停了。",
            )
        if seen.account != self._number:
            raise Unavailable(self.name, "脚本里的资金账号和这里设置的不一样，请核对 FILEDROP_ACCOUNT。")
        return seen

    async def _story(self, number: str) -> Story | None:
        body = await self._do(self._folder.answer, number)
        return None if body is None else self._read(Story, body)

    def _reports(self, story: Story) -> Sequence[Report]:
        with self._rows():
            return reports_of(story, self.account)

    def _read(self, kind: type[_File], body: dict[str, Any]) -> _File:
        try:
            return kind.model_validate(body)
        except ValidationError as error:
            raise Malformed(self.name, "大 QMT 里的脚本写的文件读不懂，请重新运行 dingpan filedrop init。") from error

    @contextmanager
    def _rows(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, ArithmeticError) as error:
            raise Unavailable(self.name, f"大 QMT 给出的数据读不懂（{error}）。") from error

    async def _do(self, step: Callable[..., _Found], *given: object) -> _Found:
        """Look into the folder, in a thread: it may lie on another computer."""
        if self._closed:
            raise Unavailable(self.name, "账户已经关闭。")
        try:
            return await asyncio.to_thread(step, *given)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Unavailable(self.name, f"文件夹 {self._folder.root} 打不开（{why}），请检查。") from error

    async def close(self) -> None:
        self._closed = True
        self._holding.close()


def _unfit(pulse: Pulse | None, number: str, age: float) -> str:
    """Why the script cannot take an order now; empty when it can."""
    if pulse is None:
        return "大 QMT 里的脚本没有运行过，请先在大 QMT 里运行它。"
    if age > ALIVE.total_seconds():
        return f"大 QMT 里的脚本已经 {age:.0f} 秒没有动静，请看看它是不是停了。"
    if age < -ALIVE.total_seconds():
        return "两台电脑的时钟差得太多，请校准时间。"
    if pulse.account != number:
        return "脚本里的资金账号和这里设置的不一样，请核对 FILEDROP_ACCOUNT。"
    if pulse.version != VERSION:
        return "大 QMT 里的脚本是另一个版本的，请重新运行 dingpan filedrop init，换上新的脚本。"
    if not pulse.online:
        return "大 QMT 没有连上券商，请在客户端里重新登录。"
    return ""


SCRIPT: Final = Path(__file__).with_name("bigqmt") / "dingpan_qmt.py"


def script(*, folder: str, number: str, key: str) -> str:
    """The script for big QMT with its settings filled in; plain ASCII, so that the client's GBK never matters.

    Args:
        folder: as the computer of big QMT calls it.
    """
    text = SCRIPT.read_text(encoding="ascii")
    for name, value in (("FOLDER", folder), ("ACCOUNT", number), ("KEY", key)):
        text = text.replace(f'\n{name} = ""', f"\n{name} = {value!a}", 1)
    return text


@contextmanager
def _held(lock: Path, source: str) -> Iterator[None]:
    """One process at a time acts for the account, and others can see that there is one."""
    with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise Unavailable(source, "账户正被另一个盯盘使用，请先关掉它。") from error
        yield


def connect(
    *,
    path: Path,
    key: str,
    account: str,
    number: str,
    name: str,
    clock: Clock,
    lock: Path | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> FileDropBroker:
    """Open the folder; it is made where it is not there.

    Args:
        lock: a file of ours that is held while the account is open; None lets others act for it too.
        key: what ``dingpan filedrop init`` wrote into the script.
        account: our id of the account.
        number: the account's number at the broker.

    Raises:
        Unavailable: the folder cannot be made, or another process acts for the account.
    """
    folder = Folder(path, key, name)
    try:
        folder.make()
    except OSError as error:
        raise Unavailable(name, f"文件夹 {path} 不能用（{error.strerror}），请检查 FILEDROP_PATH。") from error
    with ExitStack() as stack:
        if lock is not None:
            stack.enter_context(_held(lock, name))
        return FileDropBroker(folder, account, number, name, clock, sleep, holding=stack.pop_all())
