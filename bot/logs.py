"""Where the log goes: a file beside the data, because a terminal that is being typed into is no place for it."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

log: Final = logging.getLogger(__name__)

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
FILE: Final = "dingpan.log"
SIZE: Final = 2_000_000
KEPT: Final = 5


def start_logging(folder: Path, level: str) -> None:
    """Log to ``folder``, and to stderr as well where nobody types."""
    handlers: list[logging.Handler] = [
        RotatingFileHandler(folder / FILE, maxBytes=SIZE, backupCount=KEPT, encoding="utf-8", delay=True)
    ]
    if sys.stderr is not None and not sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    logging.basicConfig(level=level, format=FORMAT, handlers=handlers)


def keep(bugs: Sequence[BaseException]) -> Path:
    """Write the tracebacks of what ended the program into the log, and say where that is.

    Where no log was started, as in a replay, they get a file of their own in the system's temporary folder.
    """
    files = [Path(one.baseFilename) for one in logging.getLogger().handlers if isinstance(one, logging.FileHandler)]
    own = None
    if not files:
        with tempfile.NamedTemporaryFile(prefix="dingpan-", suffix=".log", delete=False) as made:
            files = [Path(made.name)]
        own = logging.FileHandler(files[0], encoding="utf-8")
        own.setFormatter(logging.Formatter(FORMAT))
        log.addHandler(own)
    for bug in bugs:
        log.critical("the program ended", exc_info=bug)
    if own is not None:
        log.removeHandler(own)
        own.close()
    return files[0]
