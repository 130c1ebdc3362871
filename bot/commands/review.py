"""Review: mend what was found odd about a watch, and look over all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from bot.command import Call, Context, Reply, command
from bot.commands import checking, targets
from bot.commands.watch import changed as change_told
from bot.language.dialogue import Change
from core import render, render_checks
from core.alerts import Trigger
from core.checks import findings
from core.errors import Conflict, Invalid
from core.findings import MEND, Facts, Fault, Finding, changes_of, first_of_each, looked_at
from core.judging import Rule
from core.messages import Message, Role
from core.neglect import IDLE, neglected
from core.render_checks import Reviewed
from core.types import Symbol
from core.watches import Watch, WatchState

LOOKED_OVER = 500
"""Watches that are looked at in one go."""
_RECENT = 1000


@command(MEND, help="按体检的建议改一个任务", listed=False, role=Role.VIEWER)
async def mend(ctx: Context, call: Call) -> Reply:
    """``mend WATCH WORDS``; what the words say is in :mod:`core.findings`."""
    if len(call.words) < 2:
        raise Invalid("请点“体检”里的按钮，或者直接说要改成什么，例如：把3改成1380")
    before = targets.watch(ctx, call.words[0])
    if before.state is not WatchState.ACTIVE:
        raise Conflict(f"#{before.number} 没有在盯（已暂停或已完成），请先发送 /resume {before.number}。")
    words = call.words[1:]
    if words == ("keep",):
        return render_checks.kept(before)
    if words[0] == "into" and len(words) == 2:
        return await _merge(ctx, before, targets.watch(ctx, words[1]))
    return await _change(ctx, before, before.model_copy(update=changes_of(before, words)))


async def _merge(ctx: Context, newer: Watch, older: Watch) -> Reply:
    """The older watch takes over what the newer one says beside the condition, and the newer one goes."""
    if older.state is not WatchState.ACTIVE or older.conditions != newer.conditions:
        raise Conflict(f"#{older.number} 已经改过，没有合并。请发送 /list 看一下。")
    kept = {"id", "number", "chat", "created_at", "text"}
    merged = older.model_copy(update={field: getattr(newer, field) for field in Watch.model_fields.keys() - kept})
    return await _change(ctx, older, merged, instead_of=newer)


async def _change(ctx: Context, before: Watch, wanted: Watch, *, instead_of: Watch | None = None) -> Message:
    """Change a watch.

    Args:
        instead_of: another one that goes when that is done, and not if it cannot be.
    """
    changed = None if wanted == before else await ctx.house.watchlist.change(wanted, before=before)
    gone = () if instead_of is None else (Change(instead_of, None),)
    if instead_of is not None:
        await ctx.house.watchlist.delete(instead_of)
    if changed is None:
        if instead_of is not None:
            ctx.dialogue = ctx.dialogue.did(f"删除 #{instead_of.number}", *gone)
        return render_checks.as_it_was(before)
    return await change_told(ctx, before, *changed, *gone)


@command("review", "体检", help="检查所有任务有没有问题", example="/review", role=Role.VIEWER)
async def review(ctx: Context, _call: Call) -> Reply:
    """Everything that is odd about the watches of a person, with the likeliest mend of each."""
    house, now = ctx.house, ctx.house.now()
    mine = house.watchlist.of(ctx.person.owner)
    if not mine:
        return render.watch_list([], now)
    going = [one for one in mine if one.state is WatchState.PAUSED or one.live_at(now)]
    chosen = going[:LOOKED_OVER]
    by_symbol = _by_symbol(going)
    fired = await _fired(ctx)
    facts = {account: checking.facts(ctx, account) for account in {one.account for one in chosen}}
    rows = []
    for watch in chosen:
        await asyncio.sleep(0)  # many watches take a while, and no alert is to wait for that
        found = _of_one(ctx, watch, by_symbol, fired, facts[watch.account])
        if found:
            names = [house.name(symbol) for symbol in watch.symbols]
            rows.append(Reviewed(watch, render.scope_text(watch, names), found))
    return render_checks.review(
        rows,
        healthy=len(chosen) - len(rows),
        ended=len(mine) - len(going),
        left_out=len(going) - len(chosen),
    )


def _by_symbol(watches: Sequence[Watch]) -> Mapping[Symbol, Sequence[Watch]]:
    """Who else is on a share. What is about the whole market is compared with nothing."""
    found: dict[Symbol, list[Watch]] = {}
    for watch in watches:
        if watch.scope != "market":
            for symbol in watch.symbols:
                found.setdefault(symbol, []).append(watch)
    return found


async def _fired(ctx: Context) -> Collection[str]:
    """Watches that fired of late, told or not."""
    since = ctx.house.now() - IDLE
    recent = await ctx.house.store.alerts(ctx.person.owner, limit=_RECENT)
    return {alert.watch_id for alert in recent if alert.at >= since}


def _of_one(
    ctx: Context,
    watch: Watch,
    by_symbol: Mapping[Symbol, Sequence[Watch]],
    fired: Collection[str],
    facts: Facts,
) -> Sequence[Finding]:
    house = ctx.house
    now = house.now()
    told = any(rule.arm.told_at is not None and rule.arm.told_at >= now - IDLE for rule in _rules(ctx, watch))
    silences = [
        one.ends_at
        for one in house.dispatcher.silences(ctx.person.owner)
        if one.watch_id in {None, watch.id} and (one.symbol is None or watch.symbols == (one.symbol,))
    ]
    standing = neglected(
        watch,
        facts,
        fired=told or watch.id in fired,
        silent_until=max(silences, default=None),
        doubts=[why for symbol in looked_at(watch) if (why := house.engine.doubt_now(symbol)) is not None],
    )
    if watch.state is not WatchState.ACTIVE:
        return standing
    # What two watches do to each other is said with the later one.
    near = {
        one.id: one for symbol in looked_at(watch) for one in by_symbol.get(symbol, ()) if one.number < watch.number
    }
    found = first_of_each([*findings(watch, _untold(ctx, watch), list(near.values()), facts), *standing])
    # Levels near each other were spoken of when the later one was made; who kept both wants a ladder of them.
    return [one for one in found if one.fault is not Fault.NEAR]


def _rules(ctx: Context, watch: Watch) -> Sequence[Rule]:
    """Those of the whole market are not asked one by one."""
    return () if watch.scope == "market" else ctx.house.book.rules_of(watch.id)


def _untold(ctx: Context, watch: Watch) -> Sequence[Trigger]:
    """What holds and was never told: it held when the watch was made, and still does."""
    waiting = [rule.key for rule in _rules(ctx, watch) if rule.arm.armed is False and not rule.arm.told]
    holding = [one for symbol in {key.symbol for key in waiting} for one in ctx.house.watchlist.holding(watch, symbol)]
    return [one for one in holding if one.key in waiting]
