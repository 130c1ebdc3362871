"""`dingpan export` and `dingpan import` of watches: between a file and the database of an assistant at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bot import watchfile
from bot.inbox import OWNER
from bot.language.names import Names
from bot.main import is_running, open_store, usual_place
from bot.settings import Settings
from bot.watchfile import Changes, House
from core.clock import SystemClock
from core.errors import Conflict, Invalid, Unavailable
from core.ports import Store
from core.rulebook import RuleBook
from core.types import Symbol
from core.watches import Arm, Watch, WatchState

Write = Callable[[str], None]

_TOLD_ONLY: Final = frozenset(
    {"chat", "text", "plan", "cooldown", "expires_on", "top", "resolved", "escalate_after", "check_interval"}
)
"""What may change without the rules being others: how it is told, and what is done about it."""


async def export_watches(settings: Settings, file: Path | None, owner: str | None, *, write: Write) -> None:
    """Show the owner's watches, or write them to a file in place of what it held.

    Raises:
        ConfigError, Unavailable: the database cannot be read, or the file not written.
    """
    watches = await _stored(settings, owner or OWNER)
    text = watchfile.write(watches, _seed_names())
    if file is None:
        write(text.rstrip("\n"))
        return
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Unavailable(str(file), f"写不了（{error.strerror}），请检查文件夹和权限。") from None
    write(f"写好了 {len(watches)} 个盯盘任务：{file}")


def _seed_names() -> Callable[[Symbol], str]:
    names = Names.seed()
    return lambda symbol: names.name_of(symbol) if symbol in names else ""


async def _stored(settings: Settings, owner: str) -> list[Watch]:
    store = open_store(settings)
    try:
        return [watch for watch in await store.watches() if watch.owner == owner]
    finally:
        await store.close()


def _content(file: Path) -> str:
    """Raises Invalid where there is no text to read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(f"{file} 不是 UTF-8 编码，请用记事本另存为 UTF-8。什么也没有导入。") from None
    except OSError as error:
        why = "没有这个文件" if isinstance(error, FileNotFoundError) else error.strerror
        raise Invalid(f"{file} 读不了（{why}），请核对文件名。什么也没有导入。") from None


def ask_first(doomed: int) -> str:
    return f"要删除文件里没有的这 {doomed} 个任务吗？"


@dataclass(frozen=True)
class WatchImport:
    """A file that has been read and compared, and not yet carried out.

    Attributes:
        stored: what the comparison was made with.
    """

    settings: Settings
    owner: str
    stored: Sequence[Watch]
    changes: Changes
    prune: bool

    @classmethod
    async def read(cls, settings: Settings, file: Path, owner: str | None, *, prune: bool) -> Self:
        """Read a file and compare it with the database.

        Raises:
            Invalid: with every problem of the file.
            ConfigError, Unavailable: the database cannot be read.
        """
        owner = owner or OWNER
        text = _content(file)
        stored = await _stored(settings, owner)
        account, chat = usual_place(settings)
        clock = SystemClock()
        market = Names.seed().shares()
        house = House(owner, stored, account, frozenset({account}), chat, clock.now(), clock.new_id, market)
        found = watchfile.read(text, house)
        if found.problems:
            lines = [f"  第 {line} 行：{said}。" for line, said in found.problems]
            raise Invalid("\n".join([f"{file} 有 {len(lines)} 处不对，什么也没有导入：", *lines]))
        return cls(settings, owner, stored, watchfile.compare(found.watches, stored), prune)

    @property
    def doomed(self) -> Sequence[Watch]:
        """What would be deleted."""
        return self.changes.kept if self.prune else ()

    def difference(self, *, dry_run: bool) -> list[str]:
        lines = watchfile.difference(self.changes, _seed_names(), prune=self.prune)
        if dry_run:
            lines.append(f"试运行，什么也没有改：{watchfile.summary(self.changes, prune=self.prune)}。")
            if is_running(self.settings):
                lines.append("盯盘正在运行，真正导入前要先停掉它。")
        return lines

    async def carry_out(self, *, write: Write) -> None:
        """Change the database as was shown. What was done before an error stays; the same import again does the rest.

        Raises:
            Conflict: an assistant is at work, which would neither see the changes nor respect them, or what is stored
                has changed since it was read.
            ConfigError, Unavailable: the database cannot be written.
        """
        changes = self.changes
        if not (changes.created or changes.changed or self.doomed):
            write(f"没有要改的：{watchfile.summary(changes, prune=self.prune)}。")
            return
        if is_running(self.settings):
            raise Conflict("盯盘正在运行，它看不到导入的任务，还会盖掉它们。请先停掉它，导入后再启动。什么也没有导入。")
        store = open_store(self.settings)
        try:
            if [watch for watch in await store.watches() if watch.owner == self.owner] != self.stored:
                raise Conflict("任务刚刚被别的程序改过，什么也没有导入。请再导入一次。")
            for line in await _carry_out(store, changes, self.doomed):
                write(line)
        finally:
            await store.close()
        write(f"导入好了：{watchfile.summary(changes, prune=self.prune)}。")
        if self.settings.database_url:
            write("如果别处有盯盘连着同一个数据库，请重启它，它才会看到。")


async def _carry_out(store: Store, changes: Changes, doomed: Sequence[Watch]) -> list[str]:
    """Returns what was done otherwise than the file says."""
    lines = []
    for watch in changes.created:
        made = await store.add_watch(watch, first_arms(watch))
        if made.number != watch.number:
            why = f"#{watch.number} 这个编号用过，" if watch.number else "新任务"
            lines.append(f"  {why}编号是 #{made.number}：{made.condition_text()}")
    for before, after in changes.changed:
        await store.save_watch(after, () if _same_rules(before, after) else first_arms(after))
    for watch in doomed:
        await store.save_watch(watch.model_copy(update={"state": WatchState.DELETED}))
    return lines


def first_arms(watch: Watch) -> Sequence[Arm]:
    """The rules of a watch, not judged yet."""
    return RuleBook(lambda _account, _symbol: None).judge_first(watch, lambda _symbol: None)[0]


def _same_rules(before: Watch, after: Watch) -> bool:
    told = {field: getattr(after, field) for field in _TOLD_ONLY}
    return before.model_copy(update=told) == after
