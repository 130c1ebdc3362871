"""Any server that speaks OpenAI's chat completions or Responses: DeepSeek, OpenAI itself, llama.cpp on this machine.

The library is asked to try nothing again and to wait for ever: how often and how long is the business of whoever asks.
Its own timeout counts the silence between two pieces, and a busy DeepSeek sends blank lines to keep the line open.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import openai

from adapters.models.forms import CUT, SOURCE, UNREADABLE, Capability, hear, read, request
from core.completions import NOTHING_USED, Completion, Prompt, Spoilt, TurnedAway
from core.errors import Refused, Unavailable
from core.ports import Model

DEEPSEEK: Final = "https://api.deepseek.com"
DEEPSEEK_MODEL: Final = "deepseek-flash"
CONNECT_SECONDS: Final = 4.0


class Provider(NamedTuple):
    """What a provider takes, as far as it differs.

    Attributes:
        answers: how it is held to JSON.
        extra: what its chat completions carry beside the usual.
        extra_responses: the same of Responses.
        strict_under: the path under which it takes strict functions, where that is another one.
    """

    answers: Capability
    extra: Mapping[str, object] = {}
    extra_responses: Mapping[str, object] = {}
    strict_under: str = ""


PROVIDERS: Final[Mapping[str, Provider]] = {
    # Thinking is on unless it is switched off, and a model that thinks may not be made to call a function.
    # A schema is a 400 in chat completions here, and is taken in Responses.
    "api.deepseek.com": Provider(
        "json_object", {"thinking": {"type": "disabled"}}, {"reasoning": {"effort": "none"}}, "/beta"
    ),
    "api.openai.com": Provider("chat_schema"),
    # llama.cpp enforces a schema in chat completions, and ignores it without a word in Responses.
    "127.0.0.1": Provider("chat_schema"),
    "localhost": Provider("chat_schema"),
}
"""By host. Sources: DeepSeek's guides to JSON mode, thinking, tool calls and Responses; llama.cpp's server, tried."""
ANY_OTHER: Final = Provider("json_object")

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
        body = self._request(prompt)
        with _theirs():
            return read(self._provider.answers, await self._create(body), self.name, prompt)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Completion]:
        body = {**self._request(prompt), "stream": True}
        if self._provider.answers != "responses_schema":
            body["stream_options"] = {"include_usage": True}
        with _theirs():
            async with (
                aclosing(await self._create(body)) as events,
                aclosing(hear(self._provider.answers, events, self.name, prompt)) as pieces,
            ):
                async for piece in pieces:
                    yield piece

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        provider = self._provider
        extra = provider.extra_responses if provider.answers == "responses_schema" else provider.extra
        return request(provider.answers, self.name, prompt, extra)

    async def _create(self, body: dict[str, Any]) -> Any:
        if self._provider.answers == "responses_schema":
            return await self._client.responses.create(**body)
        return await self._client.chat.completions.create(**body)


def connect(
    *,
    key: str,
    base_url: str | None = None,
    name: str | None = None,
    provider: Provider | None = None,
    told: Capability | Literal["deepseek"] | None = None,
) -> Model:
    """The model that the settings name.

    Args:
        provider: what the server takes; without it, told by its host.
        told: what the person says of it: that it is DeepSeek at another address, or how it is held to JSON.
    """
    url = base_url or DEEPSEEK
    found = provider or PROVIDERS.get(urlsplit(url).hostname or "", ANY_OTHER)
    if told == "deepseek":
        found = PROVIDERS["api.deepseek.com"]
    elif told is not None:
        found = found._replace(answers=told)
    if found.answers == "strict_tools" and not url.rstrip("/").endswith(found.strict_under):
        url = url.rstrip("/") + found.strict_under
    client = openai.AsyncOpenAI(
        api_key=key, base_url=url, max_retries=0, timeout=openai.Timeout(None, connect=CONNECT_SECONDS)
    )
    return OpenAIModel(client, name or DEEPSEEK_MODEL, found)


@contextmanager
def _theirs() -> Iterator[None]:
    """What the library, and whatever a server sent, raise: as one of ours."""
    try:
        yield
    except openai.APIStatusError as error:
        raise _judged(error) from None
    except openai.APIConnectionError:
        raise Unavailable(SOURCE, CUT) from None
    except (openai.OpenAIError, AttributeError, LookupError, TypeError, ValueError):
        # The library checks no shapes: any field may be anything.
        raise Spoilt(SOURCE, UNREADABLE, None) from None


def _judged(error: openai.APIStatusError) -> Unavailable | Refused | Spoilt:
    status = error.status_code
    if status in _REFUSALS:
        return Refused(SOURCE, _REFUSALS[status])
    wait = _wait(error.response.headers.get("retry-after"))
    if status == 429:
        return TurnedAway(SOURCE, "现在很忙（429）", wait)
    if status >= 500:
        return Unavailable(SOURCE, f"现在很忙（{status}）", wait)
    return Spoilt(SOURCE, f"不接受这个请求（{status}），请核对 LLM_MODEL 和 LLM_PROVIDER", NOTHING_USED)


def _wait(header: str | None) -> timedelta | None:
    return timedelta(seconds=int(header)) if header is not None and header.isdecimal() else None
