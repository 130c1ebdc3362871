"""News from a folder into which a person or another program puts files; nothing is fetched from anywhere.

The name of a file, or of the folder that it lies in, begins with the code of its share: ``600519 2026-03-24 年报.txt``,
``600519.SH/减持公告.md``. The first line is the title. When it was published stands in the name as ``2026-03-24`` or
``2026-03-24 0931`` in market time; else it is when the file was written. A ``.json`` file holds one object or a list of
them with ``title``, and optionally ``symbol``, ``at``, ``source`` and ``text``.

Links are not followed: whoever may put files here must not get others read. What cannot be read is left out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from core.clock import MARKET_ZONE
from core.errors import Invalid, Unavailable
from core.news import NewsSource
from core.pack import Material
from core.types import Symbol, parse_symbol

log: Final = logging.getLogger(__name__)

NAME: Final = "资讯文件夹"
MOST_FILES: Final = 2000
"""The newest so many are looked at."""
MOST_BYTES: Final = 64 * 1024
"""Of a text the beginning; a larger JSON file is left out."""
_CODE: Final = re.compile(r"((?:sh|sz|bj)?\.?\d{6}(?:\.(?:sh|sz|bj))?)(?![\dA-Za-z])", re.IGNORECASE)
_DATE: Final = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)(?:[ _T]?([0-2]\d)[-:.]?([0-5]\d))?(?!\d)")


class _File(NamedTuple):
    path: Path
    written_at: datetime
    symbol: Symbol | None


class FolderNews:
    """A NewsSource. It reads the folder anew each time that it is asked."""

    name = NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def news(self, symbol: Symbol, since: datetime) -> Sequence[Material]:
        return await asyncio.to_thread(self._read, symbol, since)

    def describe(self) -> str:
        return f"资讯来自文件夹 {self._folder}"

    def _read(self, symbol: Symbol, since: datetime) -> Sequence[Material]:
        try:
            files = sorted(self._files(), key=lambda one: one.written_at, reverse=True)[:MOST_FILES]
        except OSError as error:
            raise Unavailable(NAME, f"读不了 {self._folder}（{error.strerror or error}）") from error
        found: list[Material] = []
        for file in files:
            if file.symbol in {symbol, None}:
                found += self._materials(file, symbol)
        return sorted((one for one in found if one.at >= since), key=lambda one: one.at, reverse=True)

    def _files(self) -> Iterator[_File]:
        """Those of the folder and of the folders in it, with the share that the name says; only JSON may go without."""
        for entry in os.scandir(self._folder):
            if entry.is_dir(follow_symlinks=False):
                whose = _symbol(entry.name)
                for inner in os.scandir(entry.path):
                    yield from _file(inner, whose)
            else:
                yield from _file(entry, None)

    def _materials(self, file: _File, symbol: Symbol) -> list[Material]:
        try:
            with file.path.open("rb") as opened:
                body = opened.read(MOST_BYTES + 1)
            is_json = file.path.suffix.lower() == ".json"
            rows = _rows(body) if is_json else [_row(body)]
            return [
                made for place, row in enumerate(rows) if (made := self._material(file, row, place, symbol)) is not None
            ]
        except (OSError, ValueError) as error:
            log.info("%s: %s left out: %s", NAME, file.path.name, error)
            return []

    def _material(self, file: _File, row: dict[str, Any], place: int, symbol: Symbol) -> Material | None:
        whose = file.symbol or (_symbol(row["symbol"]) if isinstance(row.get("symbol"), str) else None)
        title = str(row.get("title") or "").strip()
        if whose != symbol or not title:
            return None
        digest = hashlib.sha256(f"{file.path.relative_to(self._folder).as_posix()}#{place}".encode()).hexdigest()
        return Material(
            id=f"news-{digest[:8]}",
            source=str(row.get("source") or NAME),
            at=_instant(row.get("at")) or _dated(file.path.stem) or file.written_at,
            title=title,
            text=str(row.get("text") or "").strip(),
        )


def _file(entry: os.DirEntry[str], whose: Symbol | None) -> Iterator[_File]:
    path = Path(entry.path)
    kind = path.suffix.lower()
    if entry.name.startswith(".") or kind not in {".txt", ".md", ".json"} or not entry.is_file(follow_symlinks=False):
        return
    symbol = _symbol(entry.name) or whose
    if symbol is not None or kind == ".json":
        yield _File(path, datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC), symbol)


def _symbol(text: str) -> Symbol | None:
    found = _CODE.match(text.strip())
    if found is None:
        return None
    try:
        return parse_symbol(found[1])
    except Invalid:
        return None


def _row(body: bytes) -> dict[str, Any]:
    """A text: the first line that says anything is the title."""
    lines = _decoded(body[:MOST_BYTES]).strip().split("\n", 1)
    return {"title": lines[0].lstrip("# ").strip(), "text": lines[1] if len(lines) > 1 else ""}


def _rows(body: bytes) -> list[dict[str, Any]]:
    """Raises ValueError: too large, or no object nor list of objects."""
    if len(body) > MOST_BYTES:
        raise ValueError("太大")
    try:
        read = json.loads(_decoded(body))
    except RecursionError:
        raise ValueError("嵌套太深") from None
    rows = read if isinstance(read, list) else [read]
    return [row for row in rows if isinstance(row, dict)]


def _decoded(body: bytes) -> str:
    """UTF-8, as programs write it, else what Chinese Windows writes."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A text that was cut off may end within a character.
        if error.start >= len(body) - 3 and error.start > 0:
            return body[: error.start].decode("utf-8-sig")
        return body.decode("gb18030", "replace")


def _instant(written: object) -> datetime | None:
    """ISO 8601; without a zone it is market time."""
    try:
        at = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return (at if at.tzinfo is not None else at.replace(tzinfo=MARKET_ZONE)).astimezone(UTC)


def _dated(stem: str) -> datetime | None:
    found = _DATE.search(_CODE.sub("", stem, count=1))
    if found is None:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, tzinfo=MARKET_ZONE).astimezone(UTC)
    except ValueError:
        return None


def connect(folder: Path) -> NewsSource:
    """News from this folder, which need not be there yet."""
    return FolderNews(folder)
