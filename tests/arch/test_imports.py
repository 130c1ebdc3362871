"""Who may import what: the contracts hold, and each of them would notice."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
HEAVY: Final = (
    "telegram",
    "sqlmodel",
    "sqlalchemy",
    "numpy",
    "httpx",
    "apscheduler",
    "prompt_toolkit",
    "alembic",
    "xtquant",
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The house in another place, to be damaged."""
    rubbish = shutil.ignore_patterns("__pycache__")
    for package in ("bot", "core", "adapters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=rubbish)
    shutil.copytree(ROOT / "tests" / "arch", tmp_path / "tests" / "arch", ignore=rubbish)
    (tmp_path / "tests" / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("core/types.py", "import adapters.stores.memory", "core knows nothing of ours"),
        ("core/errors.py", "import bot.settings", "core knows nothing of ours"),
        ("adapters/quotes/sina.py", "import bot.settings", "core knows nothing of ours"),
        ("core/types.py", "import fastapi", "core needs the standard library"),
        ("core/messages.py", "from telegram import Update", "core needs the standard library"),
        ("core/watches.py", "import numpy", "core needs the standard library"),
        ("core/portfolio.py", "from core import desk", "in core verbs import nouns"),
        ("core/brand_new.py", "", "in core verbs import nouns"),
        ("adapters/channels/telegram.py", "from adapters.channels import console", "no adapter knows another"),
        ("adapters/brokers/paper.py", "import adapters.stores.memory", "no adapter knows another"),
        ("adapters/brokers/brand_new.py", "from adapters.brokers import paper", "no adapter knows another"),
        ("bot/cli.py", "def plant():\n    from adapters.stores import memory", "only those who wire"),
        ("bot/commands/watch.py", "from adapters.quotes import sina", "only those who wire"),
        ("bot/inbox.py", "import fastapi", "bot knows no vendor"),
    ],
)
def test_a_planted_import_is_caught(copy: Path, file: str, line: str, contract: str) -> None:
    planted = copy / file
    text = planted.read_text(encoding="utf-8") if planted.is_file() else '"""New."""\n'
    planted.write_text(f"{text}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0
    broken = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    # A module that no layer names stops the check itself.
    assert any(row.startswith(contract) for row in broken) or "core.brand_new" in done.stdout, done.stdout


def test_bot_cli_is_imported_in_half_a_second_and_brings_nothing_heavy() -> None:
    code = (
        "import json, sys, time; began = time.perf_counter(); import bot.cli; took = time.perf_counter() - began; "
        "print(json.dumps([took, sorted(sys.modules)]))"
    )
    times = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
        took, modules = json.loads(done.stdout)
        times.append(took)
        assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
    assert min(times) < 0.5, times
