"""The one door to xtquant, the SDK of miniQMT: it is imported here, and who lacks it is told what to install.

It is imported only when somebody uses QMT. Its package asks the package index for its newest version while it is
imported, as long as ``requests`` and ``pkg_resources`` are there; without the second it asks nothing (read in and tried
with 250807.1.2).
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from core.errors import ConfigError

SDK: Final = "xtquant"
INSTALL: Final = 'pip install -c constraints.txt -e ".[qmt]"'
_MASKED: Final = "pkg_resources"
_lock: Final = threading.RLock()


def load(module: str) -> Any:
    """A module of the SDK, such as ``xttrader``. Blocks for the time of an import; safe from any thread.

    Raises:
        ConfigError: it is not installed, or its native part does not run here; the text says what to do.
    """
    with _lock, _asking_nobody():
        try:
            importlib.import_module(SDK)
        except ImportError:
            raise ConfigError([f"没有安装 miniQMT 的开发包 xtquant。请在装 miniQMT 的电脑上运行：{INSTALL}"]) from None
        try:
            return importlib.import_module(f"{SDK}.{module}")
        except Exception as error:  # its modules start native services while they are imported, which raise anything
            here = f"{sys.platform}，Python {sys.version_info.major}.{sys.version_info.minor}"
            problem = (
                f"miniQMT 的开发包 xtquant.{module} 在这里用不了（{here}）：{error}。"
                "它只能在 64 位 Windows 的 Python 3.11–3.13 上运行，并和 miniQMT 装在同一台电脑。"
            )
            raise ConfigError([problem]) from error


@contextmanager
def _asking_nobody() -> Iterator[None]:
    """Hide what the SDK needs to ask the package index, for as long as it is first imported."""
    if SDK in sys.modules:
        yield
        return
    hidden = sys.modules.get(_MASKED)
    sys.modules[_MASKED] = None  # type: ignore[assignment]  # how Python says that a module cannot be imported
    try:
        yield
    finally:
        if hidden is None:
            del sys.modules[_MASKED]
        else:
            sys.modules[_MASKED] = hidden
