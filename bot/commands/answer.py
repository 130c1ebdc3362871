"""What a person does about an alert: seen, later, another threshold."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from bot.commands.watch import as_said, change
from bot.language.request import NEED_VALUE, Request
from core import render
from core.errors import Invalid, NotFound
from core.market import board_of, tick
from core.messages import Button, Role
from core.remind import Reminder
from core.types import Symbol, price_text
from core.watches import RuleKey, Watch
from core.zones import plain_text, yuan_text

LATER: Final = timedelta(minutes=10)
LATEST: Final = timedelta(days=1)
_STEPS: Final = (Decimal(-1), Decimal(1), Decimal(-3), Decimal(3))
"""Percent from the price of now, or points from the threshold: what is offered in place of a threshold."""
_POINTS: Final = ((Decimal(4), Decimal(1)), (Decimal(1), Decimal("0.5")))
"""From which percent on a step is how many points; of smaller ones it is a tenth."""
_LARGE: Final = 10_000
_OF_PRICE: Final = frozenset({"price_above", "price_below", "take_profit", "stop_loss"})


@command("ack", "知道了", help="看到提醒了，不用再催", role=Role.VIEWER, intents=("ack",), listed=False)
async def ack(ctx: Context, call: Call) -> Reply:
    """Whatever is done in a chat answers what was said there; an alert named by its id is answered from anywhere."""
    if call.words:
        await ctx.house.escalation.acknowledge(call.words, ctx.person.signature)
    return render.acknowledged()


@command(
    "later",
    "稍后提醒",
    help="过一会儿再提醒",
    intents=("snooze",),
    optional=("symbols", "targets"),
    listed=False,
    role=Role.VIEWER,
)
async def later(ctx: Context, call: Call) -> Reply:
    """Tell an alert again after a while, if it then still holds: that of the button, or the last one."""
    now = ctx.house.now()
    key, watch = await _put_off(ctx, call)
    request = call.request
    until = now + LATER
    if request is not None and request.until is not None:
        until = request.until
    elif request is not None and request.duration_s is not None:
        until = now + timedelta(seconds=request.duration_s)
    if not now < until <= now + LATEST:
        raise Invalid("稍后提醒最多推迟一天，例如“十分钟后再提醒我”。")
    await ctx.house.reminders.put_off(Reminder(key, ctx.chat, until))
    return render.put_off(watch, until)


async def _put_off(ctx: Context, call: Call) -> tuple[RuleKey, Watch]:
    """The rule that is meant, and its watch."""
    if len(call.words) == 3 and call.words[2].isdecimal():  # the button
        watch_id, symbol, group = call.words
        return RuleKey(watch_id, Symbol(symbol), int(group)), targets.watch(ctx, watch_id)
    named = call.request is not None and (call.request.symbols or call.request.targets)
    wanted = {one.id for one in targets.watches(ctx, call)} if named else None
    for alert in await ctx.house.store.alerts(ctx.person.owner, limit=100):
        watch = ctx.house.watchlist.current(alert.watch_id)
        if watch is not None and alert.reason.tells and (wanted is None or alert.watch_id in wanted):
            return RuleKey(alert.watch_id, alert.symbol, alert.group), watch
    raise NotFound("最近没有提醒过，没有可以推迟的。")


@command("retune", "改阈值", help="改一个条件的数值", listed=False, role=Role.VIEWER)
async def retune(ctx: Context, call: Call) -> Reply:
    """``retune WATCH GROUP`` asks for the new value, ``retune WATCH GROUP VALUE`` sets it."""
    watch = targets.one_watch(ctx, Call(call.words[:1], call.request))
    group = int(call.words[1]) if len(call.words) > 1 and call.words[1].isdecimal() else 0
    place = watch.groups()[min(group, len(watch.groups()) - 1)][0]
    said = as_said(watch)
    ctx.dialogue = ctx.dialogue.made(said, watch.id, ctx.house.now())
    draft = said.conditions[place]
    if draft.kind not in NEED_VALUE or draft.value is None:
        hint = f"这个条件没有单独的一个数值。请直接说要改成什么，例如：把{watch.number}改成跌破1380"
        return render.retune(watch, watch.conditions[place].text(), hint, ())
    if len(call.words) > 2:
        return await change(ctx, Call((), _with(said, place, _number(call.words[2]))))
    turn = ctx.house.clock.new_id()
    ctx.dialogue = ctx.dialogue.asking(_with(said, place, None), "value", turn, ctx.house.now())
    found = _offers(ctx, watch, place)
    # The question stands last: a terminal then takes no bare number for a button of another card.
    hint = f"点一个，或者直接回复新的数值，例如 {found[0][0].partition('（')[0]}；不改就回复“取消”。\n改成多少？"
    offers = [Button(label, f"retune {watch.id} {group} {value}") for label, value in found]
    return render.retune(watch, watch.conditions[place].text(), hint, offers)


def _number(word: str) -> Decimal:
    """Raises Invalid where it is none."""
    with suppress(InvalidOperation):
        found = Decimal(word)
        if found.is_finite():
            return found
    raise Invalid(f"“{word}”不是数。请写数字，例如 1380。")


def _with(said: Request, place: int, value: Decimal | None) -> Request:
    """The correction of the watch spoken of last by which one condition gets another value."""
    drafts = list(said.conditions)
    drafts[place] = drafts[place].model_copy(update={"value": value})
    return Request(intent="watch_update", targets=("last",), conditions=tuple(drafts), combine=said.combine)


def _offers(ctx: Context, watch: Watch, place: int) -> Sequence[tuple[str, Decimal]]:
    """Values with their labels: near the price of now where the threshold is a price, else near the threshold."""
    condition = watch.conditions[place]
    value = Decimal(getattr(condition, "value", 0))
    unit = getattr(condition, "unit", None)
    if unit == "pct":
        point = next((size for least, size in _POINTS if value >= least), Decimal("0.1"))
        return [(f"{plain_text(moved)}%", moved) for step in _STEPS if (moved := value + step * point) > 0]
    if condition.kind not in _OF_PRICE or len(watch.symbols) != 1:
        others = [value * (100 + 10 * step) / 100 for step in _STEPS]
        return [(yuan_text(one) if unit == "yuan" and one >= _LARGE else plain_text(one), one) for one in others]
    symbol = watch.symbols[0]
    quote = ctx.house.engine.quote(symbol)
    last = quote.last if quote is not None and quote.last is not None else value
    size = tick(board_of(symbol))
    found = []
    for step in _STEPS:
        price = ((last * (100 + step) / 100) / size).to_integral_value() * size
        found.append((f"{price_text(price)}（{'+' if step > 0 else ''}{step}%）", price))
    return found
