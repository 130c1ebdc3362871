"""Settings: one frozen, typed object from the environment and ``.env``; every problem is reported at once."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from bot.validation import problem_text
from core.allowance import Budget
from core.errors import ConfigError
from core.tariffs import Price as TokenPrice


def _words(value: object) -> object:
    """``a, b；c`` as a tuple: people separate with whatever their keyboard gives."""
    if isinstance(value, str):
        return tuple(word for word in re.split(r"[,，;；\s]+", value) if word)
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(_words)]
Prices = Annotated[tuple[Decimal, ...], BeforeValidator(_words)]
QuoteName = Literal["tencent", "sina", "qmt"]
Quotes = Annotated[tuple[QuoteName, ...], BeforeValidator(_words)]


class Settings(BaseModel):
    """Field names in upper case are the names in the environment.

    Attributes:
        telegram_owner_ids: user ids, not chat ids. Empty means nobody.
        quotes: sources in the order in which they are asked.
        quotes_interval: seconds between two frames; the public sources have a new one about every three.
        database_url: empty means an SQLite file in ``data_dir``.
        pictures: how charts look; off sends the words alone.
        news_dir: a folder into which announcements and news are put, for analyses.
        paper_cash: yuan with which a new paper account starts.
        filedrop_path: the folder shared with the script inside big QMT; its key lies in ``data_dir``.
        filedrop_account: the number of the account there.
        broker: where orders go that name no account; with miniQMT and nothing said, it is ``qmt``.
        miniqmt_enabled: there is a miniQMT on this PC, which the bot runs a gateway for, unless ``gateway_url`` is set.
        miniqmt_path: the terminal's ``userdata_mini``.
        miniqmt_account_id: numbers at the broker; the first is the usual one.
        gateway_url: of a gateway that this PC is paired with.
        gateway_token: None takes the one of the pairing.
        gateway_host, gateway_port: where our own gateway listens, when it is run by itself.
        deepseek_api_key: without it no model is asked, whatever else is set.
        llm_base_url, llm_model: None is DeepSeek's own, and its cheap model.
        llm_provider: whose server it is, or how it is held to JSON, where its host does not tell.
        llm_daily_budget: yuan per person and day.
        llm_house_budget: yuan per day of all people together; None is five times that of one.
        llm_price: yuan per million tokens: read from the cache, read anew, written. None looks it up.
        llm_timeout: seconds that a person waits for a sentence to be read.
        llm_analysis_timeout: seconds that an analysis may take.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    telegram_bot_token: SecretStr | None = None
    telegram_base_url: str | None = None
    telegram_proxy: str | None = Field(default=None, repr=False)
    telegram_owner_ids: Numbers = ()
    quotes: Quotes = ("tencent", "sina")
    quotes_interval: float = Field(default=3, ge=1, le=60)
    quotes_proxy: str | None = Field(default=None, repr=False)
    tencent_url: str | None = None
    tencent_bars_url: str | None = None
    sina_url: str | None = None
    broker: Literal["paper", "manual", "filedrop", "qmt"] = "paper"
    paper_cash: Decimal = Field(default=Decimal(1_000_000), gt=0)
    filedrop_path: Path | None = None
    filedrop_account: str | None = None
    miniqmt_enabled: bool = False
    miniqmt_path: str | None = None
    miniqmt_account_id: Words = Field(default=(), repr=False)
    gateway_url: str | None = None
    gateway_token: SecretStr | None = None
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8765, ge=1024, le=65534)
    deepseek_api_key: SecretStr | None = None
    llm_base_url: str | None = None
    llm_model: str | None = None
    llm_provider: Literal["deepseek", "json_object", "chat_schema", "responses_schema", "strict_tools"] | None = None
    llm_daily_budget: Decimal = Field(default=Decimal(1), ge=0)
    llm_house_budget: Decimal | None = Field(default=None, ge=0)
    llm_price: Prices | None = None
    llm_timeout: float = Field(default=6, gt=0, le=60)
    llm_analysis_timeout: float = Field(default=60, gt=0, le=600)
    database_url: str = Field(default="", repr=False)
    data_dir: Path = Path("data")
    pictures: Literal["light", "dark", "off"] = "light"
    news_dir: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @model_validator(mode="before")
    @classmethod
    def _miniqmt_is_meant(cls, given: Any) -> Any:
        on = str(given.get("miniqmt_enabled", "")).lower() in {"true", "1", "yes", "on", "y", "t"}
        if isinstance(given, dict) and "broker" not in given and (on or given.get("gateway_url")):
            return {**given, "broker": "qmt"}
        return given

    @field_validator("telegram_bot_token")
    @classmethod
    def _token_shape(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"\d+:[\w-]{8,}", token.get_secret_value()):
            raise ValueError("不像机器人的 token（形如 123456789:AAE…，向 @BotFather 索取）")
        return token

    @field_validator("telegram_base_url", "tencent_url", "tencent_bars_url", "sina_url", "llm_base_url", "gateway_url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"https?://", url):
            raise ValueError("要以 http:// 或 https:// 开头")
        return url

    @field_validator("telegram_proxy", "quotes_proxy")
    @classmethod
    def _proxy(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"(https?|socks5h?)://", url):
            raise ValueError("要写成 http://127.0.0.1:7890 或 socks5://127.0.0.1:1080 的样子")
        return url

    @field_validator("llm_price")
    @classmethod
    def _three_prices(cls, prices: tuple[Decimal, ...] | None) -> tuple[Decimal, ...] | None:
        if prices is not None and (len(prices) != 3 or min(prices) < 0):
            raise ValueError("要写三个价格，元每百万 token：缓存命中、输入、输出，例如 0.02,1,4")
        return prices

    @field_validator("quotes")
    @classmethod
    def _some_source(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("至少要写一个行情源：tencent、sina 或 qmt")
        return names

    @property
    def behind_gateway(self) -> bool:
        """Whether there are accounts at miniQMT, on this PC or another."""
        return self.miniqmt_enabled or self.gateway_url is not None

    @property
    def gateway_folder(self) -> Path:
        """What our own gateway keeps."""
        return self.data_dir / "gateway"

    @property
    def pairing_folder(self) -> Path:
        """What we keep of a gateway elsewhere."""
        return self.data_dir / "pairing"

    @property
    def budget(self) -> Budget:
        """What may be used of the model."""
        return Budget(
            yuan=self.llm_daily_budget,
            house=self.llm_house_budget,
            seconds=self.llm_timeout,
            analysis_seconds=self.llm_analysis_timeout,
            price=None if self.llm_price is None else TokenPrice(*self.llm_price),
        )

    def folder(self) -> Path:
        """``data_dir``, made if it is not there.

        Raises:
            ConfigError: it cannot be made or written to.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.data_dir):
                pass
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ConfigError([f"DATA_DIR={self.data_dir}：不能用来放数据（{why}）。请换一个能写的文件夹。"]) from None
        return self.data_dir

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        file: Path | None = Path(".env"),
        *,
        must_exist: bool = False,
    ) -> Self:
        """Read ``file`` if it is there, then the environment, which wins where it says something.

        Args:
            must_exist: somebody has named the file, so that going on without it would not be what was meant.

        Raises:
            ConfigError: with every problem, each naming its setting.
        """
        written: dict[str, str] = {}
        if file is not None and file.exists() and not file.is_dir():
            written = _read(file)
        elif must_exist:
            raise ConfigError([f"没有 {file} 这个设置文件，请核对 --env-file 后面的路径。"])
        said = environ if environ is not None else os.environ
        found = {name: value.strip() for name, value in [*written.items(), *said.items()] if value.strip()}
        given = {name: found[name.upper()] for name in cls.model_fields if name.upper() in found}
        problems = [problem for name in written if (problem := _misspelt(name, [*cls.model_fields]))]
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise ConfigError([*problems, *(_problem(one, given) for one in error.errors())]) from None
        if problems:
            raise ConfigError(problems)
        return settings


def _read(file: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        return {name: value or "" for name, value in dotenv_values(file, encoding="utf-8-sig").items()}
    except UnicodeDecodeError:
        raise ConfigError([f"{file} 不是 UTF-8 编码，请用记事本另存为 UTF-8。"]) from None
    except OSError as error:
        raise ConfigError([f"{file} 读不了：{error.strerror}。"]) from None


_OURS: Final = (
    "TELEGRAM_",
    "QUOTES_",
    "BROKER_",
    "PAPER_",
    "MINIQMT_",
    "GATEWAY_",
    "TENCENT_",
    "SINA_",
    "LLM_",
    "DEEPSEEK_",
    "DINGPAN_",
    "FILEDROP_",
)


def _misspelt(name: str, fields: Sequence[str]) -> str | None:
    """What is wrong with a line of the file that looks as if it were meant for us; other programs' lines are let be."""
    names = [field.upper() for field in fields]
    if name in names:
        return None
    near = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.8)
    if near:
        return f"没有 {name} 这个设置，是不是 {near[0]}？"
    return f"没有 {name} 这个设置，全部设置见 .env.example。" if name.upper().startswith(_OURS) else None


_SECRET: Final = ("token", "secret", "api_key", "password", "proxy", "database_url")


def is_secret(name: str) -> bool:
    """Whether what a setting of this name says must not be shown."""
    return name.lower().endswith(_SECRET)


def _problem(error: ErrorDetails, given: Mapping[str, str]) -> str:
    field = str(error["loc"][0])
    shown = "（已隐藏）" if is_secret(field) else f"“{given.get(field, '')}”"
    return f"{field.upper()}={shown}：{problem_text(error)}。"
