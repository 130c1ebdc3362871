"""A restore that has passed its point of no return is carried to its end, by whoever opens the state next."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from core.errors import Unavailable

MARKER: Final = "restore.json"
STAGED: Final = ".restored"
"""What the name of a file ends in that waits to take the place of the one without it."""
MARK: Final = "restored"
"""Under this key a server keeps which restore it has taken in."""


def begin(folder: Path, targets: Sequence[Path], mark: str) -> None:
    """From here on the restore will be finished, even if this process dies.

    Args:
        targets: files whose staged versions lie beside them.
        mark: which restore it is.
    """
    text = json.dumps({"mark": mark, "targets": [str(target) for target in targets]}, ensure_ascii=False)
    fresh = folder / f"{MARKER}.new"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / MARKER)


def pending(folder: Path) -> bool:
    return (folder / MARKER).exists()


def finish(folder: Path, taken: Callable[[str], bool] = lambda _mark: True) -> None:
    """Put staged files in their places, if a restore was interrupted; else nothing.

    Args:
        taken: whether the server has taken in the restore of this mark; what it has not is dropped.

    Raises:
        Unavailable: a file is in use.
    """
    marker = folder / MARKER
    if not pending(folder):
        return
    found = json.loads(marker.read_text(encoding="utf-8"))
    wanted = taken(found["mark"])
    try:
        for target in map(Path, found["targets"]):
            staged = target.with_name(target.name + STAGED)
            if not staged.exists():
                continue
            if not wanted:
                staged.unlink()
                continue
            for journal in ("-wal", "-shm"):
                target.with_name(target.name + journal).unlink(missing_ok=True)
            staged.replace(target)
        marker.unlink()
    except OSError as error:
        why = f"上次的恢复还没有完成，{error.filename} 换不了（{error.strerror}）。请关掉占用它的程序，然后再试一次。"
        raise Unavailable("恢复", why) from error
