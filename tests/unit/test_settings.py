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
        BROKER="ibkr",
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


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert Settings.load({}, file=tmp_path / ".env") == load()
    with pytest.raises(ConfigError, match=r"nope\.env"):
        Settings.load({}, file=tmp_path / "nope.env", must_exist=True)
    with pytest.raises(ConfigError):
        Settings.load({}, file=tmp_path, must_exist=True)


def test_names_that_look_like_ours_are_questioned_and_others_left_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "TELEGRAM_OWNER_ID=42\nBROKERS=paper\nquotes=sina\nTELEGRAM_COLOUR=red\nPATH_TO_CAT=1\nLOGO=x\nDEBUG=1\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        Settings.load({"QUOTES_INTERVAL": "0"}, file=file)
    assert caught.value.problems[:4] == (
        "没有 TELEGRAM_OWNER_ID 这个设置，是不是 TELEGRAM_OWNER_IDS？",
        "没有 BROKERS 这个设置，是不是 BROKER？",
        "没有 quotes 这个设置，是不是 QUOTES？",
        "没有 TELEGRAM_COLOUR 这个设置，全部设置见 .env.example。",
    )
    assert [problem.partition("=")[0] for problem in caught.value.problems[4:]] == ["QUOTES_INTERVAL"]


def test_strange_names_in_the_environment_are_nobodys_business() -> None:
    assert load(BROKERS="x", TELEGRAM_OWNER_ID="7") == load()


def test_an_empty_variable_does_not_erase_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("BROKER=manual\nTELEGRAM_BOT_TOKEN=\nQUOTES\n", encoding="utf-8")
    assert Settings.load({"BROKER": " "}, file=file).broker == "manual"


def test_no_password_is_shown_in_a_problem_or_a_repr() -> None:
    said = problems(TELEGRAM_PROXY="me:hunter2@127.0.0.1", QUOTES_PROXY="ftp://me:hunter2@h", PAPER_CASH="x")
    assert "TELEGRAM_PROXY=（已隐藏）" in said
    assert "hunter2" not in said
    settings = load(TELEGRAM_PROXY="http://me:hunter2@127.0.0.1", DATABASE_URL="postgresql://me:hunter2@h/d")
    assert "hunter2" not in repr(settings)


def test_a_model_is_set_up_by_its_key_and_its_price_may_be_told() -> None:
    settings = load(DEEPSEEK_API_KEY="sk-secret", LLM_DAILY_BUDGET="0.5", LLM_PRICE="0.02, 1, 4", LLM_TIMEOUT="3")
    assert (settings.budget.yuan, settings.budget.seconds) == (Decimal("0.5"), 3)
    assert settings.budget.price is not None
    assert settings.budget.price.out == 4
    assert load().budget.price is None
    assert load().budget.house_yuan == 5
    assert load(LLM_HOUSE_BUDGET="0.8", LLM_ANALYSIS_TIMEOUT="90").budget.house_yuan == Decimal("0.8")
    assert load(LLM_ANALYSIS_TIMEOUT="90").budget.analysis_seconds == 90
    assert "sk-secret" not in repr(settings)


def test_what_is_wrong_with_a_model_is_said_without_its_key() -> None:
    said = problems(
        DEEPSEEK_API_KEY="sk-secret",
        LLM_PRICE="1,2",
        LLM_BASE_URL="api.deepseek.com",
        LLM_DAILY_BUDGET="-1",
        LLM_TIMEOUT="x",
        LLM_PROVIDER="gpt",
    )
    assert "strict_tools" in said
    for name in ("LLM_PROVIDER", "LLM_PRICE", "LLM_BASE_URL", "LLM_DAILY_BUDGET", "LLM_TIMEOUT"):
        assert name in said
    assert "三个价格" in said
    assert "sk-secret" not in said
