"""Settings are read from a file and the environment, and every problem is said at once, without secrets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.settings import Settings
from core.errors import ConfigError

TOKEN = "123456:AAE-abcdefgh"


def load(**environ: str) -> Settings:
    return Settings.load(environ, file=None)


def problems(**environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**environ)
    return "\n".join(caught.value.problems)


def test_nothing_is_needed() -> None:
    settings = load()
    assert settings.telegram_bot_token is None
    assert settings.quotes == ("tencent", "sina")
    assert (settings.broker, settings.paper_cash) == ("paper", Decimal(1_000_000))


def test_empty_values_count_as_not_given() -> None:
    assert load(TELEGRAM_BOT_TOKEN="", QUOTES="  ") == load()


@pytest.mark.parametrize("written", ["42,43", "42， 43", "42;43", " 42 43 "])
def test_lists_are_separated_by_whatever_the_keyboard_gives(written: str) -> None:
    assert load(TELEGRAM_OWNER_IDS=written).telegram_owner_ids == (42, 43)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("\ufeffBROKER=manual\nQUOTES=sina\n# 注释\n", encoding="utf-8")
    settings = Settings.load({"QUOTES": "tencent"}, file=file)
    assert (settings.broker, settings.quotes) == ("manual", ("tencent",))


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("# 模拟账户\n".encode("gbk"))
    with pytest.raises(ConfigError, match="不是 UTF-8"):
        Settings.load({}, file=file)


def test_every_problem_is_said_at_once_and_no_secret_is_shown() -> None:
    said = problems(
        TELEGRAM_BOT_TOKEN="very-secret",
        TELEGRAM_OWNER_IDS="me",
        TELEGRAM_BASE_URL="telegram.org",
        TELEGRAM_PROXY="127.0.0.1:7890",
        QUOTES="yahoo",
        QUOTES_INTERVAL="0.1",
        PAPER_CASH="-1",
        BROKER="qmt",
        LOG_LEVEL="LOUD",
    )
    for name in (
        "BOT_TOKEN",
        "OWNER_IDS",
        "BASE_URL",
        "PROXY",
        "QUOTES=",
        "INTERVAL",
        "PAPER_CASH",
        "BROKER",
        "LOG_LEVEL",
    ):
        assert name in said
    assert "very-secret" not in said
    assert "不能小于 1" in said
    assert "要大于 0" in said


def test_a_token_never_shows_in_a_repr() -> None:
    assert TOKEN not in repr(load(TELEGRAM_BOT_TOKEN=TOKEN))


def test_the_folder_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert load(DATA_DIR=str(folder)).folder() == folder
    assert list(folder.iterdir()) == []
