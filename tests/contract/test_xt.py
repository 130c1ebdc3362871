"""The SDK of miniQMT is imported without a word to the outside, and what is missing is said in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from adapters import xt
from core.errors import ConfigError

ROOT: Final = Path(__file__).resolve().parents[2]

# What the SDK looks for when it wants to know whether there is a newer one.
REQUESTS: Final = """
def get(url, timeout):
    print("ASKED", url)
    raise RuntimeError
"""
PKG_RESOURCES: Final = """
from types import SimpleNamespace
def get_distribution(name):
    return SimpleNamespace(version="1")
"""


def run(folder: Path, script: str) -> str:
    """What a new interpreter prints in which the SDK could ask."""
    (folder / "requests.py").write_text(REQUESTS, encoding="utf-8")
    (folder / "pkg_resources.py").write_text(PKG_RESOURCES, encoding="utf-8")
    path = f"import sys; sys.path[:0] = {[str(folder), str(ROOT)]!r}\n"
    command = [sys.executable, "-c", path + script]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plain_import_would_ask(tmp_path: Path) -> None:
    assert "ASKED" in run(tmp_path, "import xtquant")


def test_our_import_asks_nobody_and_hides_nothing_afterwards(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "from adapters import xt\n"
        "print(xt.load('xtconstant').STOCK_BUY, xt.load('xtconstant').STOCK_SELL)\n"
        "import pkg_resources; print(pkg_resources.get_distribution('any').version)",
    )
    assert said.split() == ["23", "24", "1"]


def test_what_was_there_before_is_there_after(tmp_path: Path) -> None:
    script = "import pkg_resources as before\nfrom adapters import xt; xt.load('xtconstant')\n"
    assert run(tmp_path, script + "import sys; print(sys.modules['pkg_resources'] is before)").strip() == "True"


def test_a_missing_sdk_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xtquant", None)
    with pytest.raises(ConfigError, match=r"没有安装 miniQMT 的开发包 xtquant.*pip install"):
        xt.load("xttrader")


@pytest.mark.skipif(sys.platform == "win32", reason="there the native half loads")
def test_a_machine_on_which_its_native_half_does_not_run_is_told(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "from adapters import xt\nfrom core.errors import ConfigError\n"
        "try:\n    xt.load('xttrader')\nexcept ConfigError as error:\n    sys.stdout.buffer.write(str(error).encode())",
    )
    assert "只能在 64 位 Windows 的 Python 3.11–3.13 上运行" in said
