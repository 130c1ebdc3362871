"""/score: how good the advice was. /analyses: every advice, what was done about it, and what the price did then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from bot.command import Call, Context, Reply, command
from bot.commands import past, targets
from core import render_analysis, render_score
from core.clock import midnight
from core.errors import OutsideError
from core.messages import Role
from core.render import name_text
from core.tariffs import SCRIPTED
from core.types import Symbol

PATIENCE: Final = 3.0
"""Seconds that somebody waits for what has become due just now; a job does the rest."""
PAGE: Final = 10
_PAGE: Final = re.compile(r"p(\d{1,4})")
_OF_CARDS: Final = re.compile("批|确认|拒绝|否决|驳回|同意|处理|决策|决定|委托|卡片")
"""Who asks for what was decided, and not for what was advised."""
_DAY: Final = timedelta(days=1)


class _About(NamedTuple):
    """What is asked about.

    Attributes:
        text: for people; ``words`` asks for the same again.
    """

    symbols: tuple[Symbol, ...]
    model: str
    since: datetime | None
    until: datetime | None
    text: str
    words: str
    page: int


@command("score", "准不准", "胜率", help="分析建议准不准", example="/score 茅台", role=Role.VIEWER)
async def score(ctx: Context, call: Call) -> Reply:
    """The score of all advice, of a share, of a model or a prompt, of some days."""
    if call.words == ("怎么算",):
        return render_score.manner()
    about = await _about(ctx, call)
    await _score_due(ctx)
    found = await ctx.house.scorer.tally(
        ctx.person.owner,
        symbols=about.symbols,
        model=about.model,
        since=about.since,
        until=about.until,
        sees=ctx.person.may_see,
    )
    return render_score.scored(found, about.text, about.words, ctx.house.name)


@command("analyses", "建议记录", help="给过的分析建议和后来的涨跌", example="/analyses 茅台", role=Role.VIEWER)
async def analyses(ctx: Context, call: Call) -> Reply:
    """Advice one by one, newest first."""
    about = await _about(ctx, call)
    await _score_due(ctx)
    start = (about.page - 1) * PAGE
    found = await ctx.house.scorer.cases(
        ctx.person.owner,
        symbols=about.symbols,
        model=about.model,
        since=about.since,
        until=about.until,
        limit=start + PAGE + 1,
        sees=ctx.person.may_see,
    )
    return render_score.listed(
        found[start : start + PAGE],
        about.text,
        about.words,
        ctx.house.name,
        page=about.page,
        is_last=len(found) <= start + PAGE,
    )


async def decided(ctx: Context, call: Call) -> Reply:
    """What was advised; or what became of the cards, where that is asked for."""
    return await (past.decisions if _OF_CARDS.search(ctx.dialogue.sentence) else analyses)(ctx, call)


async def _score_due(ctx: Context) -> None:
    with suppress(TimeoutError, OutsideError):
        async with asyncio.timeout(PATIENCE):
            await ctx.house.scorer.score()


async def _about(ctx: Context, call: Call) -> _About:
    """Raises Invalid and NotFound as :func:`targets.symbols`, of a word that is no model either."""
    page, model, shares = 1, "", []
    words = call.words if call.request is None else ()
    known = {name.casefold() for name in await ctx.house.store.advisers(ctx.person.owner)} if words else ()
    for word in words:
        if found := _PAGE.fullmatch(word):
            page = max(int(found[1]), 1)
        elif word == render_analysis.RULES:
            model = SCRIPTED
        elif word.casefold() in known:
            model = word
        else:
            shares.append(word)
    symbols = targets.symbols(ctx, Call(tuple(shares), call.request), last=False)
    first, last = past.days_of(ctx, call)
    named = [name_text(ctx.house.name(symbol), symbol) for symbol in symbols]
    text = "、".join([*named, *([render_analysis.model_text(model)] if model else []), *_days_text(first, last)])
    again = " ".join([*symbols, *([model] if model else [])])
    return _About(
        symbols,
        model,
        since=None if first is None else midnight(first),
        until=None if last is None else midnight(last) + _DAY,
        text=text,
        words=again,
        page=page,
    )


def _days_text(first: date | None, last: date | None) -> Sequence[str]:
    if first is None:
        return ()
    if first == last:
        return (f"{first:%m-%d}",)
    return (f"{first:%m-%d} 起" if last is None else f"{first:%m-%d} 至 {last:%m-%d}",)
