"""The folder of a gateway: who is paired, what they may do at most, whether orders are let through.

These files are read anew whenever they matter, so that a command on the same PC takes effect at once. Nothing that
comes over the network writes them, but for the pairing that somebody has just invited.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from core.errors import ConfigError, Unavailable
from core.types import Noun
from core.wire import Bounds, Right

NAME: Final = "网关的设置"
STOP: Final = "STOP"
"""A file of this name, whatever is in it, stops every order and every cancel."""

N = TypeVar("N", bound=Noun)


class Bot(Noun):
    """Somebody who may ask.

    Attributes:
        digest: SHA-256 of its token.
    """

    id: str
    name: str
    rights: tuple[Right, ...]
    digest: str
    paired_at: datetime


class Bots(Noun):
    bots: tuple[Bot, ...] = ()


class Armed(Noun):
    until: datetime | None = None


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Folder:
    """The files, and what they say now."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Raises ConfigError: it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError([f"网关的文件夹建不了（{error.strerror}），请换一个能写的 DATA_DIR。"]) from None

    # -- who

    def bots(self) -> Sequence[Bot]:
        return self._read("bots.json", Bots).bots

    def bot_of(self, token: str) -> Bot | None:
        digest = digest_of(token)
        return next((bot for bot in self.bots() if hmac.compare_digest(bot.digest, digest)), None)

    def add_bot(self, bot: Bot) -> None:
        others = tuple(one for one in self.bots() if one.id != bot.id)
        self._write("bots.json", Bots(bots=(*others, bot)))

    def forget_bot(self, bot_id: str) -> bool:
        """Whether there was one."""
        bots = self.bots()
        kept = tuple(one for one in bots if one.id != bot_id)
        self._write("bots.json", Bots(bots=kept))
        return len(kept) < len(bots)

    # -- how much

    def bounds(self) -> Bounds:
        return self._read("limits.json", Bounds)

    def set_bounds(self, bounds: Bounds) -> None:
        self._write("limits.json", bounds)

    # -- whether at all

    def arm(self, until: datetime) -> None:
        self._write("armed.json", Armed(until=until))

    def disarm(self) -> None:
        self._write("armed.json", Armed())

    def armed_until(self, now: datetime) -> datetime | None:
        """None while no order is let through."""
        until = self._read("armed.json", Armed).until
        return until if until is not None and now < until else None

    def stopped(self) -> bool:
        return (self.path / STOP).exists()

    def _read(self, name: str, kind: type[N]) -> N:
        try:
            return kind.model_validate_json((self.path / name).read_bytes())
        except FileNotFoundError:
            return kind()
        except (OSError, ValidationError) as error:
            raise Unavailable(
                NAME, f"{name} 读不懂（{type(error).__name__}），请在网关那台电脑上检查或删掉它"
            ) from None

    def _write(self, name: str, noun: Noun) -> None:
        write_whole(self.path / name, noun.model_dump_json(indent=1).encode())


def write_whole(path: Path, body: bytes) -> None:
    """Put a file in its place with one step, readable by nobody else where the system knows such a thing.

    Raises:
        Unavailable: the old one is still there.
    """
    try:
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    except OSError as error:
        raise Unavailable(NAME, f"{path.name} 写不了（{error.strerror}）") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        _put(Path(made), path)
    except OSError as error:
        with suppress(OSError):
            Path(made).unlink()
        raise Unavailable(NAME, f"{path.name} 写不了（{error.strerror}）") from None


def _put(made: Path, path: Path) -> None:
    """Windows lets nobody replace a file that is being read at the moment."""
    for pause in (0.02, 0.05, 0.1, 0.2):
        try:
            made.replace(path)
        except PermissionError:
            time.sleep(pause)
        else:
            return
    made.replace(path)
