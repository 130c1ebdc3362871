"""``dingpan parse``: what a sentence is read as, without doing any of it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

import bot.commands  # noqa: F401  fills the registry, of which the model is told
from bot.command import tools
from bot.language.grammar import NO_CONTEXT, Context, read
from bot.language.model import SecondReader, Unread
from bot.language.names import known
from bot.language.proposal import NEVER
from bot.language.readback import read_back
from bot.language.request import UNKNOWN, Request
from bot.main import model_of, open_store
from bot.settings import Settings
from core.allowance import Allowance
from core.clock import MARKET_ZONE, ManualClock, SystemClock
from core.counsel import Counsel
from core.errors import ConfigError, Invalid
from core.render import name_text

PERSON: Final = "shell"
"""Whose allowance of the model it is."""

Parsed = dict[str, Any]
Parse = Callable[[str, Context], Awaitable[Parsed]]


def instant(text: str | None) -> datetime:
    """``2026-11-18T10:15`` in market time; the present where nothing is said.

    Raises:
        Invalid: it is no instant.
    """
    if text is None:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--now {text} 读不懂，请写成 2026-11-18T10:15 的样子。") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=MARKET_ZONE)


async def parser(now: datetime, settings: Settings | None, stack: AsyncExitStack, tell: Callable[[str], None]) -> Parse:
    """A function that reads sentences.

    Args:
        settings: ask their model about what the grammar does not read; None asks nobody.
        tell: who hears of a model that will not serve us.

    Raises:
        ConfigError: they name no model. Unavailable: their database, which knows what the model cost, cannot be opened.
    """
    names = known()
    read("茅台跌破1400提醒我", names, now=now)  # patterns are made once; the first sentence does not pay for them
    reader = None if settings is None else _second(settings, now, stack, tell)

    async def parse(text: str, context: Context) -> Parsed:
        begun, via = time.perf_counter(), "grammar"
        request = read(text, names, now=now, context=context)
        if reader is not None and request.intent == "unknown":
            via = "model"
            found = await reader.read(PERSON, text, names, purse=PERSON, context=context)
            request = UNKNOWN if isinstance(found, Unread) else found.request
        ms = round((time.perf_counter() - begun) * 1000, 3)
        unheard = {"unheard": list(request.unheard)} if request.unheard else {}
        return {"result": request.as_json(), "ms": ms, "via": via, **unheard}

    return parse


def _second(settings: Settings, now: datetime, stack: AsyncExitStack, tell: Callable[[str], None]) -> SecondReader:
    model = model_of(settings, stack)
    if model is None:
        raise ConfigError(["DEEPSEEK_API_KEY 没有设置，--model 没有模型可问。"])
    store = open_store(settings)
    stack.push_async_callback(store.close)

    async def heard(text: str) -> None:
        tell(text)

    # The sentences may be of another day; what they cost is of today.
    clock = SystemClock()
    counsel = Counsel(model, Allowance(store, clock, settings.budget), clock, heard)
    return SecondReader(counsel, ManualClock(now), tools(NEVER))


async def parse_one(parse: Parse, text: str, *, as_json: bool, write: Callable[[str], None]) -> None:
    """Print what one sentence is read as."""
    found = await parse(text, NO_CONTEXT)
    if as_json:
        write(json.dumps({"text": text, **found}, ensure_ascii=False))
        return
    names = known()
    request = Request.model_validate(found["result"])
    write(read_back(request, lambda symbol: name_text(names.name_of(symbol), symbol)))
    if unheard := found.get("unheard"):
        write(f"没有听懂：{'、'.join(unheard)}（在聊天里会先问一句对不对）")
    for what, said in (("还要问", request.missing), ("有问题", request.problems)):
        if said:
            write(f"{what}：{'、'.join(_WORDS[one] for one in said)}")
    write(f"（{found['ms']} 毫秒，{'离线语法' if found['via'] == 'grammar' else '模型'}）")


_WORDS: Final = {
    "symbols": "股票",
    "conditions": "条件",
    "value": "数值",
    "price": "价格",
    "quantity": "数量",
    "targets": "哪一个",
    "lot_size": "不是整手",
    "unknown_symbol": "没有这只股票",
}


async def parse_lines(parse: Parse, lines: Iterable[bytes], write: Callable[[str], None]) -> None:
    """Read ``{"id", "text", "context"?}`` a line, print ``{"id", "result", "ms", "via"}`` a line.

    Raises:
        Invalid: a line is something else; what came before it is printed.
    """
    for count, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            said, text = item.get("context"), item["text"]
            context = Context.model_validate(said) if said else NO_CONTEXT
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
            raise Invalid(f'第 {count} 行读不懂。每行要像 {{"id": "1", "text": "茅台跌破1400提醒我"}}。') from None
        found = await parse(text, context)
        shown = {"id": item.get("id"), **{key: found[key] for key in ("result", "ms", "via")}}
        write(json.dumps(shown, ensure_ascii=False))
