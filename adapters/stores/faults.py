"""What a database's errors mean to the person: what happened, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import InvalidOperation
from typing import Final

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import Malformed, Unavailable

SOURCE: Final = "数据库"

_BUSY: Final = "正被其他程序占用，这一步没有保存。请关闭正在使用它的其他程序，然后再试一次。"
_FULL: Final = "磁盘已满，这一步没有保存。请腾出空间，然后再试一次。"
_READ_ONLY: Final = "只读，写不进去。请检查数据库文件和所在文件夹的权限，然后再试一次。"
_DAMAGED: Final = "文件损坏，或者不是盯盘的数据库。请换上备份，或者把文件移走再启动。"
_DISK: Final = "磁盘读写出错，这一步没有保存。请检查磁盘，确认数据库文件还在原处。"
_NO_FILE: Final = "打不开数据库文件。请检查路径，以及文件和所在文件夹的权限。"
CONFLICT: Final = "与已有的记录冲突，这一步没有保存。请再试一次；反复出现时请查看日志。"
_NO_SERVER: Final = "连接失败。请确认数据库正在运行、DATABASE_URL 里的地址正确，然后再试一次。"
_NO_ENTRY: Final = "连接失败：用户名或密码不对，或者没有这个数据库。请检查 DATABASE_URL。"
_NO_RIGHT: Final = "数据库用户没有权限，这一步没有保存。请检查数据库用户的权限。"

_SQLITE_REASONS: Final = {
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: _NO_FILE,
    sqlite3.SQLITE_CONSTRAINT: CONFLICT,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
# By SQLSTATE, its longest listed prefix. Source: appendix A of the PostgreSQL manual.
_POSTGRESQL_REASONS: Final = (
    ("08", _NO_SERVER),
    ("23", CONFLICT),
    ("25006", _READ_ONLY),
    ("28", _NO_ENTRY),
    ("3D000", _NO_ENTRY),
    ("40", _BUSY),
    ("42501", _NO_RIGHT),
    ("53100", _FULL),
    ("53300", "连接数已满。请关闭其他连接，然后再试一次。"),
    ("55P03", _BUSY),
    ("57P", "正在关闭或重启。请稍后再试。"),
    ("58", _DISK),
    ("XX", _DAMAGED),
)


def _reason(error: Exception) -> str:
    """What a driver's error means to the person."""
    vendor = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(vendor, sqlite3.Error):
        # The low byte is the family: SQLITE_IOERR_WRITE is a SQLITE_IOERR.
        family = getattr(vendor, "sqlite_errorcode", 0) & 0xFF
        return _SQLITE_REASONS.get(family, f"出错了（SQLite {family}）。请查看日志。")
    state = getattr(vendor, "sqlstate", None)
    if state is None:
        return _NO_SERVER
    for prefix, reason in _POSTGRESQL_REASONS:
        if state.startswith(prefix):
            return reason
    return f"出错了（PostgreSQL {state}）。请查看日志。"


@contextmanager
def vendor_errors() -> Iterator[None]:
    """No vendor's exception passes."""
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error) as error:
        raise Unavailable(SOURCE, _reason(error)) from error
    except StatementError as error:
        # A value that no column takes is our bug and not the database's; SQLAlchemy wraps it.
        raise error.orig or error from error
    except (ValidationError, InvalidOperation) as error:
        raise Malformed(SOURCE, "有一条记录读不懂，可能被别的程序改过。请换上备份，或者查看日志里的详情。") from error
