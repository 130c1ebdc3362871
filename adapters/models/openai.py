"""Any server that speaks OpenAI's chat completions: DeepSeek, OpenAI itself, llama.cpp on the same machine.

The library is asked to try nothing again and to wait for ever: how often and how long is the business of whoever asks.
Its own timeout counts the silence between two pieces, and a busy DeepSeek sends blank lines to keep the line open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion

from core.completions import NOTHING_USED, Completion, Prompt, Spoilt, TurnedAway, Usage
from core.errors import Refused, Unavailable
from core.ports import Model

DEEPSEEK: Final = "https://api.deepseek.com"
DEEPSEEK_MODEL: Final = "deepseek-flash"
SOURCE: Final = "模型"
UNREADABLE: Final = "回答的格式不对"
CONNECT_SECONDS: Final = 4.0


class Provider(NamedTuple):
    """What a provider takes, as far as it differs.

    Attributes:
        answers: how it is held to JSON. ``json_object``: some JSON, whose shape the instructions tell;
            ``chat_schema``: JSON of a schema that the server enforces.
        extra: what its requests carry beside the usual.
    """

    answers: Literal["json_object", "chat_schema"]
    extra: Mapping[str, object]


PROVIDERS: Final[Mapping[str, Provider]] = {
    # Thinking is on unless it is switched off, and reading one sentence is not worth its time. A schema is a 400 here.
    "api.deepseek.com": Provider("json_object", {"thinking": {"type": "disabled"}}),
    "api.openai.com": Provider("chat_schema", {}),
    # llama.cpp enforces a schema in chat completions.
    "127.0.0.1": Provider("chat_schema", {}),
    "localhost": Provider("chat_schema", {}),
}
"""By host. Sources: DeepSeek's guides to JSON mode and thinking mode; llama.cpp's server, tried."""
ANY_OTHER: Final = Provider("json_object", {})

_REFUSALS: Final = {
    401: "密钥不对，请核对 DEEPSEEK_API_KEY",
    402: "账户余额用完了，请充值",
    403: "账户没有权限",
    404: "没有这个模型或地址，请核对 LLM_MODEL 和 LLM_BASE_URL",
}


class OpenAIModel:
    """One model at one address. Safe for several callers at once."""

    def __init__(self, client: openai.AsyncOpenAI, name: str, provider: Provider) -> None:
        self._client = client
        self.name = name
        self._provider = provider

    def describe(self) -> str:
        return f"{self.name}（{self._client.base_url.host}）"

    async def close(self) -> None:
        await self._client.close()

    async def complete(self, prompt: Prompt) -> Completion:
        try:
            answer = await self._client.chat.completions.create(**self._request(prompt))
        except openai.APIStatusError as error:
            raise _judged(error) from None
        except openai.APIConnectionError:
            raise Unavailable(SOURCE, "连不上，或者中途断了") from None
        except (openai.OpenAIError, ValueError):
            raise Spoilt(SOURCE, UNREADABLE, None) from None
        try:
            return _read(answer, self.name)
        except (AttributeError, LookupError, TypeError, ValueError):
            # The library checks no shapes: any field may be anything.
            raise Spoilt(SOURCE, UNREADABLE, None) from None

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        turns = [{"role": "system", "content": prompt.instructions}]
        turns += [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
        shape: dict[str, Any] = {"type": "json_object"}
        if self._provider.answers == "chat_schema":
            shape = {"type": "json_schema", "json_schema": {"name": "request", "schema": prompt.shape}}
        return {
            "model": self.name,
            "messages": turns,
            "response_format": shape,
            "max_tokens": prompt.most_tokens,
            "temperature": 0,
            "extra_body": dict(self._provider.extra),
        }


def connect(
    *, key: str, base_url: str | None = None, name: str | None = None, provider: Provider | None = None
) -> Model:
    """The model that the settings name.

    Args:
        provider: what the server takes; without it, told by its host.
    """
    url = base_url or DEEPSEEK
    client = openai.AsyncOpenAI(
        api_key=key, base_url=url, max_retries=0, timeout=openai.Timeout(None, connect=CONNECT_SECONDS)
    )
    found = provider or PROVIDERS.get(urlsplit(url).hostname or "", ANY_OTHER)
    return OpenAIModel(client, name or DEEPSEEK_MODEL, found)


def _judged(error: openai.APIStatusError) -> Unavailable | Refused | Spoilt:
    status = error.status_code
    if status in _REFUSALS:
        return Refused(SOURCE, _REFUSALS[status])
    wait = _wait(error.response.headers.get("retry-after"))
    if status == 429:
        return TurnedAway(SOURCE, "现在很忙（429）", wait)
    if status >= 500:
        return Unavailable(SOURCE, f"现在很忙（{status}）", wait)
    return Spoilt(SOURCE, f"不接受这个请求（{status}）", NOTHING_USED)


def _wait(header: str | None) -> timedelta | None:
    return timedelta(seconds=int(header)) if header is not None and header.isdecimal() else None


def _read(answer: object, asked: str) -> Completion:
    """Raises whatever comes of it where the server sent something else."""
    if not isinstance(answer, ChatCompletion):
        raise Spoilt(SOURCE, UNREADABLE, None)
    usage, model = _usage(answer.usage), _word(answer.model) or asked
    if not answer.choices:
        raise Spoilt(SOURCE, UNREADABLE, usage, model)
    first = answer.choices[0]
    return Completion(
        text=_word(first.message.content if first.message else None),
        model=model,
        usage=usage,
        finish_reason=_word(first.finish_reason),
    )


def _word(said: object) -> str:
    """JSON may escape half a character, which no text that goes on from here can hold."""
    return said.encode("utf-8", "replace").decode() if isinstance(said, str) else ""


def _usage(told: CompletionUsage | None) -> Usage | None:
    """None where it was not told, or cannot be: the worst stays in the books then."""
    if not isinstance(told, CompletionUsage):
        return None
    counts = told.prompt_tokens, told.completion_tokens
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    cached = (told.model_extra or {}).get("prompt_cache_hit_tokens")
    if cached is None and told.prompt_tokens_details is not None:
        cached = told.prompt_tokens_details.cached_tokens
    cached = min(max(cached, 0), told.prompt_tokens) if isinstance(cached, int) else 0
    return Usage(fresh=told.prompt_tokens - cached, cached=cached, out=told.completion_tokens)
