"""Is the house in order: files, settings, commands, and what tests must not do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import bot.commands  # noqa: F401  fills the registry
from bot.command import REGISTRY, Command
from bot.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("bot", "core", "adapters", "tests")
README: Final = ROOT / "README.md"

LONGEST: Final = 600
LONG: Final = {
    "adapters/channels/telegram.py": 730,  # all that Telegram does to a bot is in one place
    "adapters/stores/sql.py": 780,  # one method per step of the business
    "core/rulebook.py": 800,  # one book: how rules come in, where they hold, what a frame does to them
    "tests/contract/test_brokers.py": 1200,  # one suite over every broker
    "tests/contract/test_stores.py": 1300,
    "tests/contract/test_telegram.py": 900,
    "tests/unit/test_desk.py": 1400,
    "tests/fakes/telegram.py": 1000,  # a whole Bot API
}
"""Files that may be longer, and how long. The table is to shrink."""

UNIX_ONLY: Final = {
    "os": {"fork", "getuid", "geteuid", "killpg", "setsid", "getpgid", "mkfifo", "uname", "pread"},
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "alarm", "pause", "sigwait"},
    "asyncio": {"open_unix_connection", "start_unix_server"},
    "loop": {"add_signal_handler", "remove_signal_handler", "create_unix_server", "create_unix_connection"},
}
UNIX_MODULES: Final = {"fcntl", "grp", "pwd", "pty", "resource", "termios", "tty", "uvloop"}


def files(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def trees(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    for path in files(*packages):
        yield name(path), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_every_file_opens_with_a_sentence_on_what_it_is() -> None:
    # An empty __init__.py makes a folder a package and says nothing else.
    silent = [file for file, tree in trees(*PACKAGES) if tree.body and not ast.get_docstring(tree)]
    assert not silent


def test_no_file_is_long_unless_it_is_listed() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files(*PACKAGES)}
    long = {file: lines for file, lines in lengths.items() if lines > LONG.get(file, LONGEST)}
    assert not long


def test_no_file_is_listed_as_long_that_is_not() -> None:
    short = [file for file in LONG if len((ROOT / file).read_text(encoding="utf-8").splitlines()) <= LONGEST]
    assert not short


def test_no_test_mocks() -> None:
    banned = {"unittest", "unittest.mock", "mock", "pytest_mock"}
    assert not [file for file, tree in trees("tests") if imported(tree) & banned]


def test_no_test_sleeps() -> None:
    guilty = [
        f"{file}:{node.lineno}"
        for file, tree in trees("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node) == "time.sleep"
    ]
    assert not guilty
    assert not [file for file, tree in trees("tests") if "time.sleep" in imported(tree)]


def test_nothing_needs_unix() -> None:
    guilty = []
    any_of_them = set().union(*UNIX_ONLY.values())
    for file, tree in trees("bot", "core", "adapters"):
        guilty += [f"{file}: {module}" for module in imported(tree) & UNIX_MODULES]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in any_of_them:
                owner = ast.unparse(node.value).removeprefix("self.").lstrip("_")
                owner = "loop" if "loop" in owner else owner
                if node.attr in UNIX_ONLY.get(owner, ()):
                    guilty.append(f"{file}:{node.lineno}: {ast.unparse(node)}")
    assert not guilty


def test_every_text_file_is_opened_with_its_encoding() -> None:
    guilty = []
    for file, tree in trees(*PACKAGES):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called not in {"open", "read_text", "write_text"}:
                continue
            owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            given = {keyword.arg for keyword in node.keywords}
            modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            binary = any("b" in mode and len(mode) <= 3 for mode in modes)
            # Other things are opened too; a file's open shows by its mode or by what it is called on.
            path = modes or re.search(r"(path|file)$", owner, re.IGNORECASE)
            is_file = called in {"read_text", "write_text"} or (called == "open" and (not owner or path))
            if is_file and not binary and "encoding" not in given:
                guilty.append(f"{file}:{node.lineno}")
    assert not guilty


def test_no_name_says_nothing() -> None:
    empty = re.compile(r"(manager|handler|service|util|utils|helper|helpers|base)$", re.IGNORECASE)
    guilty = [file for file, _ in trees("bot", "core", "adapters") if empty.search(Path(file).stem)]
    for file, tree in trees("bot", "core", "adapters"):
        guilty += [
            f"{file}: {node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and empty.search(node.name)
        ]
    assert not guilty


# -- settings


def example_settings() -> list[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)


def test_every_setting_has_its_line_in_env_example_and_every_line_its_setting() -> None:
    found = example_settings()
    assert sorted(found) == sorted(field.upper() for field in Settings.model_fields)


def test_env_example_as_it_stands_changes_nothing() -> None:
    assert Settings.load({}, ROOT / ".env.example") == Settings.load({}, None)


def test_what_env_example_shows_can_be_used(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^# (?=[A-Z][A-Z0-9_]*=)", "", text, flags=re.MULTILINE), encoding="utf-8")
    assert Settings.load({}, file) == Settings.load({}, None)


# -- commands


def registered() -> list[Command]:
    return list(REGISTRY.values())


@pytest.mark.parametrize("one", [one for one in registered() if one.listed], ids=lambda one: str(one.name))
def test_every_command_says_what_it_does(one: Command) -> None:
    assert one.help
    assert one.example
    assert one.names
    assert re.search(r"[\u4e00-\u9fff]", one.names[0])
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", one.name), "Telegram shows no other names"


LOOKED_UP: Final = re.compile(
    r"brokerage\.(?:brokers|broker\(|default_account)|store\.(?:tickets?|orders?|fills)\(|watchlist\.get\("
)
"""Whose it is, and whether the person may see or trade it, is asked in bot/commands/targets.py and rights.py."""
ASKED_ELSEWHERE: Final = {
    "audit.py": 1,  # asks whether the account of the ticket may be seen
    "trade.py": 3,  # accounts kept by hand, for owners; the order of a button, whose account was asked for
    "undo.py": 1,  # what the person's own last step made
    "watch.py": 2,  # what targets has found, read anew; the name of no account
}


def test_commands_look_nothing_up_past_the_rights_of_a_person() -> None:
    found = {}
    for path in files("bot/commands"):
        if path.name not in {"targets.py", "rights.py"}:
            found[path.name] = len(LOOKED_UP.findall(path.read_text(encoding="utf-8")))
    assert {file: count for file, count in found.items() if count} == ASKED_ELSEWHERE


def test_no_two_commands_share_a_name() -> None:
    words = [word for one in registered() for word in (one.name, *one.names)]
    assert len(words) == len(set(words))


def test_the_readme_mentions_every_command() -> None:
    if not README.is_file():
        pytest.skip("README.md is missing")
    text = README.read_text(encoding="utf-8")
    assert not [one.name for one in registered() if one.listed and f"/{one.name}" not in text]


def test_the_readme_shows_the_two_commands() -> None:
    if not README.is_file():
        pytest.skip("README.md is missing")
    text = README.read_text(encoding="utf-8")
    assert "pip install -c constraints.txt -e . && dingpan demo" in text
    assert "pip install -c constraints.txt -e '.[test]' && pytest" in text
