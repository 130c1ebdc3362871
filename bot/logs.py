"""Where the log goes: a file beside the data, because a terminal that is being typed into is no place for it."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

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
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=handlers)
