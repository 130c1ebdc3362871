"""Which watches or shares a call means: ``3``, ``#3``, ``茅台``, ``600519``, ``全部``, or the one spoken of last."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.command import Call, Context
from core.errors import Invalid, NotFound
from core.render import name_text
from core.types import Symbol, parse_symbol
from core.watches import Watch

_NUMBER = re.compile(r"#?(\d{1,5})号?$")
_ALL = {"all", "全部", "所有"}


def symbols(ctx: Context, call: Call, *, last: bool = True) -> tuple[Symbol, ...]:
    """The shares that a call names; with ``last`` the ones spoken of last when it names none.

    Raises:
        Invalid: a name that fits several shares; the text lists them.
        NotFound: a name that is no share; the text offers what is near.
    """
    request = call.request
    if request is not None and request.ambiguous:
        raise Invalid(ambiguous_text(ctx, request.ambiguous[0].text, request.ambiguous[0].candidates))
    if request is not None and request.symbols:
        return request.symbols
    if call.words and request is None:
        return tuple(_symbol(ctx, word) for word in call.words)
    return ctx.dialogue.last_symbols if last else ()


def _symbol(ctx: Context, word: str) -> Symbol:
    found = ctx.house.names.candidates(word)
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid(ambiguous_text(ctx, word, found))
    if re.fullmatch(r"[A-Za-z.]{0,3}\d{6}[A-Za-z.]{0,3}", word):
        return parse_symbol(word)
    raise NotFound(unknown_text(ctx, word))


def ambiguous_text(ctx: Context, word: str, candidates: Sequence[Symbol]) -> str:
    names = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in candidates)
    return f"“{word}”有好几只：{names}。请写全名或代码。"


def unknown_text(ctx: Context, word: str) -> str:
    near = ctx.house.names.suggest(word)
    offer = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in near[:3])
    return f"没有找到“{word}”。" + (f"是不是：{offer}？" if offer else "请写全名或六位代码。")


def watches(ctx: Context, call: Call) -> Sequence[Watch]:
    """The watches that a call means, at least one.

    Raises:
        Invalid: it does not say which.
        NotFound: there is none like that.
    """
    house, owner = ctx.house, ctx.person.owner
    words = call.request.targets if call.request is not None else call.words
    if any(word in _ALL for word in words):
        return _some(house.watchlist.of(owner), "还没有盯盘任务。")
    found: list[Watch] = []
    for word in words:
        number = _NUMBER.match(word)
        if number is not None and len(number[1]) < 6:
            found.append(house.watchlist.numbered(owner, int(number[1])))
        elif word == "last" and ctx.dialogue.watch_id is not None:
            found.append(house.watchlist.get(ctx.dialogue.watch_id))
        else:
            found.extend(_by_id(ctx, word))
    if found:
        return found
    named = symbols(ctx, call, last=False)
    if named:
        text = "、".join(name_text(house.name(symbol), symbol) for symbol in named)
        return _some(house.watchlist.on(owner, named), f"没有盯着{text}的任务。")
    if ctx.dialogue.watch_id is not None and not words:
        return (house.watchlist.get(ctx.dialogue.watch_id),)
    raise Invalid("请说明是哪一个，例如“暂停3”或“暂停茅台”。发送 /list 看编号。")


def one_watch(ctx: Context, call: Call) -> Watch:
    """Exactly one watch. Raises like :func:`watches`, and Invalid when it could be several."""
    found = watches(ctx, call)
    if len(found) > 1:
        numbers = "、".join(f"#{watch.number}" for watch in found)
        raise Invalid(f"这样的任务有 {len(found)} 个：{numbers}。请写编号，例如“把{found[0].number}改成1380”。")
    return found[0]


def _by_id(ctx: Context, word: str) -> list[Watch]:
    return [watch for watch in ctx.house.watchlist.of(ctx.person.owner) if watch.id == word]


def _some(found: Sequence[Watch], otherwise: str) -> Sequence[Watch]:
    if not found:
        raise NotFound(f"{otherwise}发送 /list 查看现有的。")
    return found
