"""`dingpan backup` and `dingpan restore`: the whole state in one ZIP file, and back.

A backup can be made while the assistant works. The database is read in one transaction and written as lines of JSON,
so that what was SQLite can be restored as PostgreSQL; the books of the paper and the manual account are copied by
SQLite itself, after it, so that no order of the database is missing from its book. A ZIP file appears under its name
only when it is whole.

A restore changes nothing before everything in the file has been checked, and loaded beside the present state. Then one
marker file is written; from there on whoever opens the state next finishes what a killed restore has left.
No order is sent by it: those that were open are looked up at their brokers when the assistant starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from adapters.brokers import held
from adapters.stores import dump, sql
from bot import restored
from bot.main import database_of, is_running
from bot.settings import Settings, is_secret
from core.clock import market_time, stamp_text
from core.errors import Conflict, Invalid, Unavailable
from core.journal import differences, problem
from core.orders import Order
from core.tickets import TicketState
from core.types import Noun

Write = Callable[[str], None]

MANIFEST: Final = "dingpan.json"
DATABASE: Final = "database.jsonl"
BOOKS: Final = "books/"
ENV: Final = "settings.env"
KEYS: Final = "keys/"
FORMAT: Final = 1
_BOOKS: Final = ("paper.db", "manual.db")
_SECRET_PLACES: Final = ("filedrop.key", "pairing")
_SHOWN: Final = {
    "watches": "盯盘任务",
    "alerts": "提醒",
    "tickets": "委托卡片",
    "orders": "委托",
    "fills": "成交",
    "journal": "日志",
    "members": "成员",
}
_TELLING: Final = frozenset({"watches", "alerts", "tickets", "orders", "fills", "silences", "members"})
"""Tables that make a state worth keeping."""


class Manifest(Noun):
    """What a backup says of itself.

    Attributes:
        files: SHA-256 of each.
        counts: rows by table.
        hidden: names of settings that were left out.
    """

    format: int
    made_at: datetime
    revision: str | None
    files: dict[str, str]
    counts: dict[str, int]
    hidden: tuple[str, ...] = ()
    secrets: bool = False


# --- backup ---


def back_up(settings: Settings, file: Path, env: Path, now: datetime, *, with_secrets: bool, write: Write) -> Manifest:
    """Write the state to a new file.

    Args:
        env: the settings file, which may not be there.

    Raises:
        Conflict: the file exists.
        ConfigError, Unavailable: something cannot be read, or the file not written.
    """
    if file.exists():
        raise Conflict(f"{file} 已经有了，没有备份。请换一个文件名。")
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(fresh, "x", zipfile.ZIP_DEFLATED) as zipped:
            manifest = _written(settings, zipped, env, now, with_secrets=with_secrets)
        fresh.replace(file)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Unavailable("备份", f"没有做成（{why}）。请检查磁盘、路径和权限，然后再试一次。") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    for line in _told(manifest):
        write(line)
    write(f"✅ 备份好了：{file}")
    return manifest


def _written(settings: Settings, zipped: zipfile.ZipFile, env: Path, now: datetime, *, with_secrets: bool) -> Manifest:
    files: dict[str, str] = {}
    digest = hashlib.sha256()
    with zipped.open(DATABASE, mode="w", force_zip64=True) as target:

        def line(text: str) -> None:
            encoded = text.encode()
            digest.update(encoded)
            target.write(encoded)

        dumped = dump.dump(database_of(settings), line)
    files[DATABASE] = digest.hexdigest()

    def add(name: str, content: bytes) -> None:
        zipped.writestr(name, content)
        files[name] = hashlib.sha256(content).hexdigest()

    with tempfile.TemporaryDirectory(prefix="dingpan-") as folder:
        for name in _BOOKS:
            if (book := settings.data_dir / name).exists():
                held.copy(book, Path(folder) / name)
                add(f"{BOOKS}{name}", (Path(folder) / name).read_bytes())
    hidden: tuple[str, ...] = ()
    if env.is_file():
        text = env.read_text(encoding="utf-8-sig")
        shown, hidden = (text, ()) if with_secrets else without_secrets(text)
        add(ENV, shown.encode())
    if with_secrets:
        for path in _keys(settings):
            add(f"{KEYS}{path.relative_to(settings.data_dir).as_posix()}", path.read_bytes())
    manifest = Manifest(
        format=FORMAT,
        made_at=now,
        revision=dumped.revision,
        files=files,
        counts=dict(dumped.counts),
        hidden=hidden,
        secrets=with_secrets,
    )
    zipped.writestr(MANIFEST, manifest.model_dump_json(indent=2))
    return manifest


def _keys(settings: Settings) -> Iterator[Path]:
    for name in _SECRET_PLACES:
        place = settings.data_dir / name
        yield from (place,) if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())


def without_secrets(text: str) -> tuple[str, tuple[str, ...]]:
    r"""The lines of a settings file that may be shown to anybody, and the names of the others.

    >>> without_secrets("BROKER=paper\nTELEGRAM_BOT_TOKEN=123:abc\n# HTTP_PROXY=http://me:secret@host")
    ('BROKER=paper\n', ('TELEGRAM_BOT_TOKEN', 'HTTP_PROXY'))
    """
    kept, hidden = [], []
    for line in text.splitlines():
        name = line.lstrip("# \t").removeprefix("export ").partition("=")[0].strip()
        if "=" in line and is_secret(name):
            hidden.append(name)
        else:
            kept.append(line)
    return "\n".join(kept) + "\n", tuple(hidden)


def _told(manifest: Manifest) -> list[str]:
    """What is in a backup and what is not, for people."""
    rows = "、".join(f"{label} {manifest.counts.get(table, 0)}" for table, label in _SHOWN.items())
    books = [name.removeprefix(BOOKS) for name in manifest.files if name.startswith(BOOKS)]
    lines = [
        f"备份时间：{stamp_text(manifest.made_at)}",
        f"数据库：{rows}" if manifest.revision else "数据库：还没有",
        f"账本：{'、'.join(books) or '没有'}",
        f"设置文件：{'有' if ENV in manifest.files else '没有'}",
    ]
    if manifest.secrets:
        lines.append("⚠️ 里面有密钥，请像密码一样保管这个文件。")
    else:
        left = "、".join(manifest.hidden) or "没有要留下的"
        lines.append(
            f"不在里面：密钥（{left}）和配对证书。恢复后要重新填写、重新配对；要一起备份，加上 --with-secrets。"
        )
    lines.append("不在里面：程序日志、图片、网关自己的文件夹，恢复不需要它们。")
    return lines


# --- restore ---


def restore(settings: Settings, file: Path, env: Path, now: datetime, *, force: bool, write: Write) -> None:
    """Put a backup in the place of the present state.

    Args:
        force: also over a state that is not empty; a backup of that is made first.

    Raises:
        Conflict: the assistant is running, or there is a state.
        Invalid: the file is no backup, or damaged.
        ConfigError, Unavailable
    """
    settings.folder()
    database = database_of(settings)
    if is_running(settings):
        raise Conflict("盯盘正在运行，没有恢复。请先退出它。")
    with _opened(file) as zipped:
        manifest = _checked(zipped, file)
        for line in _told(manifest):
            write(line)
        if _present(settings, database):
            if not force:
                raise Conflict("这里已经有数据了，没有恢复。要换掉它，加上 --force，会先把现在的备份一份。")
            kept = _unused(settings.data_dir / f"before-restore-{market_time(now):%Y%m%d-%H%M%S}.zip")
            write(f"先备份现在的：{kept}")
            back_up(settings, kept, env, now, with_secrets=True, write=lambda _line: None)
        for line in _taken_in(settings, database, zipped, manifest, now):
            write(line)
        _settings_back(zipped, manifest, settings, env, write)
    write("✅ 恢复好了。启动后会先向各账户查询没有结束的委托，不会重发。")


def _unused(file: Path) -> Path:
    names = (file, *(file.with_stem(f"{file.stem}-{number}") for number in range(2, 1000)))
    return next(name for name in names if not name.exists())


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or "不是备份文件，或者没有下载完整"
        raise Invalid(f"{file} 打不开：{why}。没有恢复。") from error


def _checked(zipped: zipfile.ZipFile, file: Path) -> Manifest:
    """Every byte of it."""
    try:
        manifest = Manifest.model_validate_json(zipped.read(MANIFEST))
        names = {name for name in zipped.namelist() if name != MANIFEST}
    except (KeyError, ValidationError, zipfile.BadZipFile) as error:
        raise Invalid(f"{file} 不是盯盘的备份。没有恢复。") from error
    if manifest.format != FORMAT:
        raise Invalid(f"{file} 是更新的程序做的备份，请先升级盯盘。没有恢复。")
    if names != set(manifest.files) or not all(map(_ours, names)):
        raise Invalid(f"{file} 里的文件和它的清单对不上。没有恢复。")
    for name, wanted in manifest.files.items():
        digest = hashlib.sha256()
        try:
            with zipped.open(name) as content:
                for part in iter(lambda content=content: content.read(1 << 20), b""):  # type: ignore[misc]
                    digest.update(part)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise Invalid(f"{file} 里的 {name} 坏了。没有恢复，请换一个备份。") from error
        if digest.hexdigest() != wanted:
            raise Invalid(f"{file} 里的 {name} 被改过或者坏了。没有恢复，请换一个备份。")
    return manifest


def _ours(name: str) -> bool:
    """Whether a file of a backup has a place here: nothing may be written beside the data.

    >>> _ours("books/paper.db"), _ours("keys/pairing/client.pem"), _ours("keys//etc/passwd"), _ours("keys/pairing/../x")
    (True, True, False, False)
    """
    if name.startswith(KEYS):
        first, *rest = name.removeprefix(KEYS).split("/")
        return first in _SECRET_PLACES and not any(part in {"", ".", ".."} or set(part) & {"\\", ":"} for part in rest)
    return name in {DATABASE, ENV, *(f"{BOOKS}{book}" for book in _BOOKS)}


def _present(settings: Settings, database: str | Path) -> bool:
    rows = dump.counts(database)
    return any(rows.get(table) for table in _TELLING) or any((settings.data_dir / one).exists() for one in _BOOKS)


def _taken_in(
    settings: Settings, database: str | Path, zipped: zipfile.ZipFile, manifest: Manifest, now: datetime
) -> list[str]:
    """Load everything beside the present state, check it, and let it take the place of that."""
    here = dump.file_of(database)
    targets = [settings.data_dir / name for name in _BOOKS if f"{BOOKS}{name}" in manifest.files]
    rebuilt = here or settings.data_dir / "dingpan.db"
    staged = rebuilt.with_name(rebuilt.name + restored.STAGED)
    told: list[str] = []
    if manifest.revision is not None:
        for path in (staged, *(staged.with_name(staged.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
        with closing(_lines(zipped)) as lines:
            dump.load(staged, lines, manifest.revision)
        told = asyncio.run(_verified(staged))
        _settle(staged)
        if here is None:
            staged.unlink()
        else:
            targets.append(here)
    for target in targets:
        if target != here:
            copy = target.with_name(target.name + restored.STAGED)
            copy.write_bytes(zipped.read(f"{BOOKS}{target.name}"))
            if (flaw := held.flaw(copy)) is not None:
                raise Invalid(f"备份里的账本 {target.name} 坏了（{flaw}）。没有恢复，请换一个备份。")
    mark = f"{now.isoformat()} {manifest.files[DATABASE][:16]}"
    restored.begin(settings.data_dir, targets, mark)
    if here is None and manifest.revision is not None:
        with closing(_lines(zipped)) as lines:
            dump.load(database, lines, manifest.revision, mark=(restored.MARK, mark))
    finish(settings)
    return told


def _lines(zipped: zipfile.ZipFile) -> Generator[str]:
    with zipped.open(DATABASE) as content, io.TextIOWrapper(content, encoding="utf-8") as text:
        yield from text


async def _verified(database: Path) -> list[str]:
    """What must be said of the orders in it.

    Raises:
        Invalid: the journal was tampered with.
    """
    store = sql.connect(database)
    try:
        events = await store.journal()
        tickets = await store.tickets(set(TicketState), limit=1_000_000)
        orders = await store.orders(limit=1_000_000)
        found = [one for one in (problem(events),) if one]
        found += differences(events, tickets, orders, await store.members())
    finally:
        await store.close()
    if found:
        raise Invalid("\n".join(["备份里的委托日志不对，没有恢复：", *found]))
    return [f"委托日志完整：{len(events)} 条。", *_open_orders(orders)]


def _open_orders(orders: Sequence[Order]) -> list[str]:
    waiting = [order for order in orders if not order.state.final]
    if not waiting:
        return []
    listed = "、".join(f"{order.id} {order.side.chinese} {order.symbol} {order.state.chinese}" for order in waiting)
    return [f"备份时有 {len(waiting)} 笔委托没有结束：{listed}。它们后来怎样了，启动后会去查。"]


def _settle(database: Path) -> None:
    """One file without a journal beside it."""
    db = sqlite3.connect(database)
    try:
        db.execute("PRAGMA journal_mode = DELETE")
    finally:
        db.close()


def finish(settings: Settings) -> None:
    """Carry an interrupted restore to its end; see :mod:`bot.restored`."""
    database = database_of(settings)

    def taken(mark: str) -> bool:
        return dump.file_of(database) is not None or dump.marked(database, restored.MARK) == mark

    restored.finish(settings.data_dir, taken)


def _settings_back(zipped: zipfile.ZipFile, manifest: Manifest, settings: Settings, env: Path, write: Write) -> None:
    if ENV in manifest.files:
        if env.exists():
            write(f"设置文件 {env} 已经有了，没有改。备份里的那份可以从压缩包里取出来看：{ENV}")
        else:
            env.write_bytes(zipped.read(ENV))
            gone = f"请补上：{'、'.join(manifest.hidden)}。" if manifest.hidden else ""
            write(f"设置文件写好了：{env}。{gone}")
    for name in manifest.files:
        if name.startswith(KEYS):
            target = settings.data_dir / name.removeprefix(KEYS)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(zipped.read(name))
