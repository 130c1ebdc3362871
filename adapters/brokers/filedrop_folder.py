"""The folder between us and the script inside big QMT: signed files, replaced as a whole; one winner per request.

Every file is ``{"body": "<JSON>", "signature": "<HMAC-SHA256 of its purpose and body>"}`` in ASCII, so that neither GBK
nor the order of keys matters, and a file that is torn, forged or signed with another key is one and the same thing: not
to be believed. The calls block; :mod:`adapters.brokers.filedrop` makes them in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from core.errors import Malformed

FOLDERS: Final = ("requests", "taken", "withdrawn", "answers", "strangers")
_TRIES: Final = 20
_PAUSE: Final = 0.01
"""Seconds: on Windows a file that somebody else looks at or replaces cannot be had for a moment."""
_T = TypeVar("_T")
Stamp = tuple[int, int]


class Purpose(StrEnum):
    """What a file is for; a signature for one purpose is none for another."""

    REQUEST = "request"
    ANSWER = "answer"
    STATEMENT = "statement"
    HEARTBEAT = "heartbeat"


def sealed(key: str, purpose: Purpose, body: Mapping[str, object]) -> str:
    """The text of a file."""
    text = json.dumps(body, sort_keys=True)
    return json.dumps({"body": text, "signature": _signature(key, purpose, text)})


def opened(key: str, purpose: Purpose, text: str) -> dict[str, Any] | None:
    """The body of a file; None where it is torn, forged or signed with another key."""
    try:
        found = json.loads(text)
        good = hmac.compare_digest(found["signature"], _signature(key, purpose, found["body"]))
        body = json.loads(found["body"]) if good else None
    except (ValueError, KeyError, TypeError):
        return None
    return body if isinstance(body, dict) else None


def _signature(key: str, purpose: Purpose, text: str) -> str:
    return hmac.new(key.encode("ascii"), f"{purpose.value}\n{text}".encode(), hashlib.sha256).hexdigest()


class Folder:
    """Every method raises OSError where the folder cannot be reached."""

    def __init__(self, root: Path, key: str, source: str) -> None:
        self.root = root
        self._key = key
        self._source = source

    def make(self) -> None:
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def read(self, purpose: Purpose, *names: str) -> dict[str, Any] | None:
        """A file's body; None where there is no such file.

        Raises:
            Malformed: it is not signed with our key, or not whole.
        """
        path = self.root.joinpath(*names)
        try:
            text = _patiently(lambda: path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            if not self.root.is_dir():
                raise
            return None
        body = opened(self._key, purpose, text)
        if body is None:
            raise Malformed(
                self._source,
                f"{path} 的签名不对：它不是大 QMT 里的脚本写的，或者脚本里的密钥和这里的不一样。"
                "请重新运行 dingpan filedrop init，把新的脚本放进大 QMT。",
            )
        return body

    def answer(self, number: str) -> dict[str, Any] | None:
        return self.read(Purpose.ANSWER, "answers", f"{number}.json")

    def where(self, number: str) -> str | None:
        """In which folder a request lies; ``answers`` where it has one; None where it was never written."""
        for name in ("answers", "withdrawn", "requests", "taken"):
            if (self.root / name / f"{number}.json").exists():
                return name
        if not (self.root / "requests").is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return None

    def prepare(self, number: str, body: Mapping[str, object]) -> None:
        """Write a request where the script does not look yet."""
        with self._part(number).open("w", encoding="ascii") as file:
            file.write(sealed(self._key, Purpose.REQUEST, body))
            file.flush()
            os.fsync(file.fileno())

    def hand_in(self, number: str) -> None:
        """From here on the script may take it."""
        _patiently(lambda: self._part(number).replace(self.root / "requests" / f"{number}.json"))

    def withdraw(self, number: str) -> bool:
        """Take a request back; False where the script has it. Who renames it has it, so both cannot."""
        lying = self.root / "requests" / f"{number}.json"
        try:
            _patiently(lambda: lying.replace(self.root / "withdrawn" / f"{number}.json"))
        except FileNotFoundError:
            return self.where(number) == "withdrawn"
        return True

    def recent(self, since: float) -> list[str]:
        """The numbers of the answers that were written since then, a Unix time."""
        with os.scandir(self.root / "answers") as entries:
            files = [one.name for one in entries if one.name.endswith(".json") and one.stat().st_mtime >= since]
        return sorted(name.removesuffix(".json") for name in files)

    def stamps(self, numbers: Sequence[str]) -> dict[str, Stamp]:
        """By which it shows that an answer has changed; of those that are there."""
        found = {}
        for number in numbers:
            with suppress(FileNotFoundError):
                stat = (self.root / "answers" / f"{number}.json").stat()
                found[number] = (stat.st_mtime_ns, stat.st_size)
        if not found and not (self.root / "answers").is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return found

    def _part(self, number: str) -> Path:
        return self.root / "requests" / f"{number}.part"


def _patiently(step: Callable[[], _T]) -> _T:
    for _ in range(_TRIES):
        try:
            return step()
        except PermissionError:  # Windows, for the moment in which the other side has the file open
            time.sleep(_PAUSE)
    return step()
