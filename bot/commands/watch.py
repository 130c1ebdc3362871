"""Watches: make, list, change, pause, resume, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from bot import watchfile
from bot.command import Call, Context, Reply, command
from bot.commands import checking, favourites, rehearse, settings, standing, targets
from bot.language.beyond import beyond
from bot.language.dialogue import Change
from bot.language.request import ACCOUNT_KINDS, KIND_TEXT, Action, Draft, Request, condition_of, plan_of
from bot.validation import problem_text
from core import render, render_checks
from core.alerts import Trigger
from core.clock import market_time
from core.conditions import (
    Condition,
    EnterRange,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    Speed,
    StopLoss,
    TakeProfit,
)
from core.errors import Conflict, Invalid, NotFound
from core.findings import Fault, Finding
from core.frames import Quote
from core.market import Board, board_of, lot_problem, tick_problem
from core.messages import COMMAND_BYTES, Button, Message, Role, Style
from core.people import HOUSE
from core.types import Price, Side, Symbol, account_symbol
from core.view import View
from core.watches import NO_ACCOUNT, Plan, Repeat, Watch, WatchState, usual_repeat
from core.zones import Missing

MANY_SYMBOLS = 50
MANY_WATCHES = 2000
MANY_EXPORTED = 100
SURE = "sure"
SHORTEST_IN_MARKET = 180
"""Seconds of a move that is seen by looking once a minute."""


@command(
    "watch",
    "盯",
    "盯盘",
    "提醒",
    help="盯一个条件，可带交易计划",
    example="/watch 茅台跌破1400提醒我，跌到1380买一手",
    role=Role.VIEWER,
    intents=("watch_create",),
    phrase="{}提醒我",
)
async def watch(ctx: Context, call: Call) -> Reply:
    """Make one watch, or several when the sentence holds several tasks."""
    request = call.request
    if request is None:
        raise Invalid(beyond(" ".join(call.words)) or "请说要盯什么，例如：/watch 茅台跌破1400提醒我")
    if len(ctx.house.watchlist.of(ctx.person.owner)) >= MANY_WATCHES:
        raise Invalid(f"盯盘任务已经有 {MANY_WATCHES} 个了，请先删除一些。")
    # All are built before the first is stored: a sentence is done whole or not at all.
    drafts = [await _build(ctx, part) for part in _parts(request)]
    replies: list[Message] = []
    new: list[Change] = []
    for draft in drafts:
        same = _same(ctx, draft)
        if same is not None:
            ctx.dialogue = ctx.dialogue.made(as_said(same), same.id, ctx.house.now())
            replies.append(Message(text=f"已经有一样的任务 #{same.number}，没有重复设置：{same.condition_text()}"))
            continue
        made, already = await ctx.house.watchlist.create(draft)
        new.append(Change(None, made))
        ctx.dialogue = ctx.dialogue.made(as_said(made), made.id, ctx.house.now()).did(_step("新建", new), *new)
        replies.append(await read_back(ctx, made, already, changed=False))
    if note := settings.unheard(ctx, request):
        replies[-1] = replies[-1].noted(f"ℹ️ {note}")
    return replies


def _step(what: str, changes: Sequence[Change]) -> str:
    """``删除 #3、#4``."""
    named = [one for before, after in changes if (one := after or before) is not None]
    return f"{what} {'、'.join(f'#{one.number}' for one in named)}"


def _parts(request: Request) -> Sequence[Request]:
    """One request per watch. With several tasks the trade belongs to the last one."""
    if not request.tasks:
        return (request,)
    last = len(request.tasks) - 1
    return tuple(
        request.model_copy(
            update={
                "tasks": (),
                "symbols": task.symbols,
                "conditions": task.conditions,
                "combine": task.combine,
                "action": request.action if index == last else None,
            }
        )
        for index, task in enumerate(request.tasks)
    )


def as_said(watch: Watch) -> Request:
    """The request that makes this watch: what the next sentence may correct."""
    return Request(
        intent="watch_create",
        symbols=() if watch.scope == "market" or watch.of_account else watch.symbols,
        conditions=tuple(
            Draft.model_validate(one.model_dump(exclude_none=True, exclude={"base"})) for one in watch.conditions
        ),
        combine=watch.combine if len(watch.conditions) > 1 else None,
        action=None if watch.plan is None else Action.model_validate(watch.plan.model_dump(exclude_none=True)),
        repeat=None if watch.repeat is usual_repeat(watch.plan) else watch.repeat.value,
        expiry=watch.expires_on,
        scope=None if watch.scope == "symbols" else watch.scope,
        top=watch.top,
        band=watch.band,
        only_held=watch.only_held or None,
        resolved=watch.resolved or None,
        escalate_s=_seconds(watch.escalate_after),
        analyze_s=_seconds(watch.check_interval),
    )


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _same(ctx: Context, draft: Watch) -> Watch | None:
    """A running watch that would tell the same: a second one would tell everything twice."""

    def what(watch: Watch) -> tuple[object, ...]:
        manner = watch.top, watch.band, watch.only_held, watch.resolved, watch.escalate_after, watch.check_interval
        often = watch.repeat, watch.cooldown, watch.expires_on
        return watch.scope, watch.symbols, watch.conditions, watch.combine, watch.plan, watch.account, *often, *manner

    mine = ctx.house.watchlist.of(ctx.person.owner)
    return next((one for one in mine if one.state is WatchState.ACTIVE and what(one) == what(draft)), None)


async def _build(ctx: Context, request: Request) -> Watch:
    """The watch that a request means, not yet stored. Raises Invalid or NotFound."""
    house = ctx.house
    _refuse_past(ctx, request)
    if request.scope == "market":
        _refuse_plan_in_market(request)
    symbols = await _symbols(ctx, request)
    # The quotes of a whole market come by themselves.
    quotes = await house.look(symbols) if request.scope != "market" else {}
    account = _account(ctx, request)
    if request.scope != "market":
        looked_at = [condition_of(draft) for draft in _ways(request) if draft.kind != "price_reach"]
        await house.gather_bars(symbols, looked_at)
    conditions = tuple(_condition(ctx, draft, symbols, account, quotes) for draft in _ways(request))
    plan = _plan(request.action, symbols) if request.action is not None else None
    if request.scope == "market":
        _refuse_in_market(conditions)
    return _checked(
        {
            "id": house.clock.new_id(),
            "number": 0,
            "owner": ctx.person.owner,
            "chat": ctx.chat,
            "account": account,
            "scope": request.scope or "symbols",
            "symbols": symbols,
            "conditions": conditions,
            "combine": request.combine or "any",
            "plan": plan,
            "text": ctx.dialogue.sentence,
            "created_at": house.now(),
            **_manner(request, plan),
        }
    )


def _account(ctx: Context, request: Request) -> str:
    """The account that a watch looks at or trades.

    A member's reminder that looks at none belongs to none, so that it needs no right to any.
    """
    if request.action is not None:
        return targets.account(ctx, request, trading=True)
    mine = ctx.person.owner == HOUSE or request.account is not None or _looks_at_account(request)
    return targets.account(ctx, request) if mine else NO_ACCOUNT


def _looks_at_account(request: Request) -> bool:
    """Whether what an account holds, or is worth, has to be known."""
    return (
        request.scope == "holdings"
        or bool(request.only_held)
        or any(
            draft.value is None
            if draft.kind == "price_reach"
            else draft.kind in ACCOUNT_KINDS or condition_of(draft).needs_cost
            for draft in _ways(request)
        )
    )


def _checked(fields: Mapping[str, Any]) -> Watch:
    """The watch of these fields. Raises Invalid where they do not go together."""
    try:
        return Watch.model_validate(fields)
    except ValidationError as error:
        raise Invalid(problem_text(error.errors()[0])) from error


def _refuse_plan_in_market(request: Request) -> None:
    if request.action is not None:
        raise Invalid("盯全市场只提醒，不出委托：一次可能有很多只。收到提醒后再对那一只说买卖。")


def _refuse_in_market(conditions: Sequence[Condition]) -> None:
    """What cannot be seen by looking once a minute."""
    for condition in conditions:
        if condition.bars not in {None, "day"}:
            raise Invalid(f"全市场每分钟看一遍，只能用日线指标，用不了“{condition.text()}”。分钟线请直接写股票名。")
        if isinstance(condition, Speed) and condition.period_s < SHORTEST_IN_MARKET:
            raise Invalid("全市场每分钟看一遍，涨速至少要看 3 分钟，例如：全市场5分钟涨3%的提醒我。")


def _refuse_past(ctx: Context, request: Request) -> None:
    if request.expiry is not None and request.expiry < market_time(ctx.house.now()).date():
        raise Invalid(f"有效期 {request.expiry} 已经过去了，请写今天或以后的日子。")


def _manner(request: Request, plan: Plan | None) -> dict[str, Any]:
    """How often and how long, where the sentence says so. A trade is proposed once unless the person wants more."""
    manner: dict[str, Any] = {"repeat": Repeat(request.repeat or usual_repeat(plan))}
    if request.cooldown_s is not None:
        manner["cooldown"] = timedelta(seconds=request.cooldown_s)
        if request.repeat is None:
            manner["repeat"] = Repeat.EVERY_TIME
    if request.expiry is not None:
        manner["expires_on"] = request.expiry
    return manner | _options(request)


def _options(request: Request) -> dict[str, Any]:
    """What else a sentence says about the telling, as the fields of a watch."""
    escalate = None if request.escalate_s is None else timedelta(seconds=request.escalate_s)
    analyze = timedelta(seconds=request.analyze_s) if request.analyze_s else None
    said = {
        "top": request.top,
        "band": request.band,
        "only_held": request.only_held,
        "resolved": request.resolved,
        "escalate_after": escalate,
        "check_interval": analyze,
    }
    found = {field: value for field, value in said.items() if value is not None}
    return found | ({"check_interval": None} if request.analyze_s == 0 else {})


async def _symbols(ctx: Context, request: Request) -> tuple[Symbol, ...]:
    """The shares that a request is about, or its account; where it follows something, what that is now."""
    if not request.symbols and any(draft.kind in ACCOUNT_KINDS for draft in request.conditions):
        return (account_symbol(targets.account(ctx, request)),)
    if request.scope == "market":
        return ctx.house.listing.shares()
    if request.scope == "watchlist":
        chosen = await favourites.of(ctx)
        if not chosen:
            raise Invalid("自选股里还没有股票。先说“把茅台加入自选”，再说要盯什么。")
        return chosen
    if request.scope == "holdings":
        held = ctx.house.brokerage.account(targets.account(ctx, request))
        symbols = tuple(position.symbol for position in held.positions if position.shares) if held else ()
        if not symbols:
            raise Invalid("现在没有持仓，所以没有可盯的。请直接写股票名。")
        return symbols
    symbols = request.symbols
    if len(symbols) > MANY_SYMBOLS:
        raise Invalid(f"一个任务最多 {MANY_SYMBOLS} 只，现在是 {len(symbols)} 只。请分成几个任务。")
    return symbols


def _ways(request: Request) -> Sequence[Draft]:
    """The conditions, with one for each way where both ways were meant.

    Raises:
        Invalid: one of both ways is to hold at once with something else.
    """
    both = [draft for draft in request.conditions if draft.direction == "either"]
    if both and request.combine == "all":
        raise Invalid(f"“{KIND_TEXT[both[0].kind]}”是上涨还是下跌？和别的条件一起用时请写明方向。")
    return [
        draft if way is None else draft.model_copy(update={"direction": way})
        for draft in request.conditions
        for way in (("up", "down") if draft.direction == "either" else (None,))
    ]


def _condition(
    ctx: Context, draft: Draft, symbols: tuple[Symbol, ...], account: str, quotes: Mapping[Symbol, Quote]
) -> Condition:
    """The condition of a draft, with what only the market and the account know filled in.

    Raises:
        Invalid: it can never be judged: without a position there is no cost, without a limit no limit-up.
    """
    if draft.kind == "price_reach":
        draft = _from_which_side(ctx, draft, symbols, account, quotes)
    condition = condition_of(draft)
    for symbol in symbols:
        for price in _prices(condition):
            problem = tick_problem(board_of(symbol), price)
            if problem is not None:
                raise Invalid(problem)
        cost = ctx.house.brokerage.cost_of(account, symbol)
        name = render.name_text(ctx.house.name(symbol), symbol)
        if condition.needs_cost and cost is None:
            if condition.kind in {"position_weight", "position_profit", "position_loss"}:
                raise Invalid(f"账户里没有{name}的持仓，盯不了“{condition.text()}”。买入以后再说一次就行。")
            raise Invalid(f"账户里没有{name}的持仓，不知道成本价。请改用价格，例如“跌破1400”。")
        if condition.kind in {"limit_up", "limit_down", "queue_shrink"} and board_of(symbol) is Board.INDEX:
            raise Invalid(f"{name}是指数，没有涨跌停，盯不了{condition.text()}。")
        if condition.kind in {"limit_up", "limit_down"} and symbol in quotes:
            zone = condition.zone(View(quotes[symbol], cost))
            if isinstance(zone, Missing):
                raise Invalid(f"{name}{zone.what}，盯不了{condition.text()}。")
    return _from_now(condition, symbols, quotes)


def _prices(condition: Condition) -> Sequence[Price]:
    """What of a condition is a price of the share; other numbers need not lie on the grid of its prices."""
    if isinstance(condition, EnterRange):
        return condition.low, condition.high
    if isinstance(condition, PriceAbove | PriceBelow | TakeProfit | StopLoss) and condition.unit == "yuan":
        return () if condition.value is None else (condition.value,)
    return ()


def _from_now(condition: Condition, symbols: tuple[Symbol, ...], quotes: Mapping[Symbol, Quote]) -> Condition:
    """A change in percent from now on begins at the price of now."""
    if getattr(condition, "reference", None) != "last":
        return condition
    if len(symbols) > 1:
        raise Invalid("“从现在起涨跌”一次只能盯一只，因为每只的起点价格不同。请分开说。")
    quote = quotes.get(symbols[0])
    if quote is None or quote.last is None:
        raise Invalid("暂时拿不到现价，不知道从哪里起算。请稍后再试，或直接写价格。")
    return condition.model_copy(update={"base": quote.last})


def _from_where_it_was(condition: Condition, before: Watch, symbols: tuple[Symbol, ...]) -> Condition:
    """A corrected percent of "from now on" keeps the price it began at."""
    base = next((one.base for one in before.conditions if isinstance(one, PctUp | PctDown) and one.base), None)
    if base is not None and symbols == before.symbols and getattr(condition, "reference", None) == "last":
        return condition.model_copy(update={"base": base})
    return condition


def _from_which_side(
    ctx: Context, draft: Draft, symbols: tuple[Symbol, ...], account: str, quotes: Mapping[Symbol, Quote]
) -> Draft:
    """到 120 means up to it or down to it, as the price stands now."""
    kinds = set()
    for symbol in symbols:
        quote = quotes.get(symbol)
        level = draft.value if draft.value is not None else ctx.house.brokerage.cost_of(account, symbol)
        if quote is None or quote.last is None or level is None:
            raise Invalid("暂时拿不到现价，不知道是涨到还是跌到。请说“涨到”或“跌到”。")
        kinds.add("price_above" if level > quote.last else "price_below")
    if len(kinds) > 1:
        raise Invalid("这几只有的要涨到、有的要跌到这个价格。请说“涨到”或“跌到”，或分开说。")
    return draft.model_copy(update={"kind": kinds.pop()})


def _plan(action: Action, symbols: tuple[Symbol, ...]) -> Plan:
    """The plan of a request's action.

    Raises:
        Invalid: a number of shares that cannot be bought.
    """
    if action.shares is not None and action.side is Side.BUY:
        for symbol in symbols:
            problem = lot_problem(board_of(symbol), action.side, action.shares, 0)
            if problem is not None:
                raise Invalid(problem)
    return plan_of(action)


async def read_back(
    ctx: Context, made: Watch, already: Sequence[Trigger], *, changed: bool, past: bool = True
) -> Message:
    """A watch as it now is, with what is odd about it and how to mend that.

    Args:
        past: say, too, what it would have told in the last days.
    """
    # One that belongs to no account shows none.
    broker = ctx.house.brokerage.find(made.account) or ctx.house.brokerage.brokers[0]
    names = [ctx.house.name(symbol) for symbol in made.symbols]
    text = render.watch_changed if changed else render.watch_made
    message = text(made, names, broker.name, broker.mode)
    found = checking.found(ctx, made, already)
    if more := _standing_text(ctx, made, found):
        message = message.noted(more)
    if past and made.conditions and (told := await rehearse.line(ctx, made)):
        buttons = (*message.buttons, (Button("看图", f"rehearse {made.id}"),))
        message = message.noted(told).model_copy(update={"buttons": buttons})
    return render_checks.with_findings(message, found)


def _standing_text(ctx: Context, made: Watch, found: Sequence[Finding]) -> str:
    """How it stands right now, where no finding says that already."""
    if made.scope == "market":
        return ctx.house.sweep.standing(made)
    return "" if any(one.fault in _SAYS_WHY for one in found) else standing.after_change(ctx.house, made)


_SAYS_WHY = frozenset({Fault.ALREADY, Fault.FEW_BARS, Fault.NO_MEASURE})
"""Findings that name the prices, or why there are none."""


@command("list", "列表", "任务", help="列出所有盯盘任务", example="/list", role=Role.VIEWER, intents=("watch_list",))
async def list_watches(ctx: Context, _call: Call) -> Reply:
    house = ctx.house
    await house.weigh()
    rows = [
        (watch, [house.name(symbol) for symbol in watch.symbols], standing.in_list(house, watch))
        for watch in house.watchlist.of(ctx.person.owner)
    ]
    return render.watch_list(rows, house.now(), where=house.brokerage.where)


@command(
    "change",
    "修改",
    help="改一个任务",
    example="/change 3 改成1380",
    role=Role.VIEWER,
    intents=("watch_update",),
    phrase="把{}",
)
async def change(ctx: Context, call: Call) -> Reply:
    """Replace conditions, plan, repeat or expiry of one watch."""
    request = call.request
    if request is None:
        raise Invalid("请说改成什么，例如：把3改成1380")
    target = targets.one_watch(ctx, call)
    await ctx.house.look((*_looked_at(target), *request.symbols))
    before = ctx.house.watchlist.get(target.id)  # looking took time, in which it may have fired
    if before.state is not WatchState.ACTIVE:
        raise Conflict(f"#{before.number} 没有在盯（已暂停或已完成），请先发送 /resume {before.number}。")
    if request.interval_s is not None and not before.conditions:  # 改成每小时: there is nothing else to look at
        request = request.model_copy(update={"analyze_s": request.interval_s, "interval_s": None})
    changes = _changes(ctx, before, request)
    note = settings.unheard(ctx, request)
    if not changes:
        raise Invalid(note or "没有看出要改什么。可以说：改成1380、每天一次、买200股、到周五有效。")
    after, already = await ctx.house.watchlist.change(_checked(dict(before) | changes), before=before)
    message = await changed(ctx, before, after, already)
    return message.noted(f"ℹ️ {note}") if note else message


async def changed(ctx: Context, before: Watch, after: Watch, already: Sequence[Trigger], *more: Change) -> Message:
    """What is said and remembered after a watch was changed, and with it others."""
    steps = (Change(before, after), *more)
    ctx.dialogue = ctx.dialogue.made(as_said(after), after.id, ctx.house.now()).did(_step("修改", steps), *steps)
    return await read_back(ctx, after, already, changed=True)


def _looked_at(watch: Watch) -> tuple[Symbol, ...]:
    """What is asked for before a watch begins; the quotes of a whole market come by themselves."""
    return () if watch.scope == "market" else watch.symbols


def _changes(ctx: Context, before: Watch, request: Request) -> dict[str, Any]:
    """The fields of a watch that a request changes."""
    _refuse_past(ctx, request)
    changes: dict[str, Any] = {}
    symbols, account = before.symbols, before.account
    if request.action is not None and account:
        targets.broker(ctx, account, trading=True)
    elif not account and (account := _account(ctx, request)):
        changes["account"] = account
    if request.targets == ("last",) and request.symbols:
        symbols = changes["symbols"] = request.symbols
        changes["scope"] = "symbols"
    if request.conditions:
        quotes = {one: quote for one in symbols if (quote := ctx.house.engine.quote(one)) is not None}
        found = [_condition(ctx, draft, symbols, account, quotes) for draft in _ways(request)]
        changes["conditions"] = tuple(_from_where_it_was(one, before, symbols) for one in found)
        if changes.get("scope", before.scope) == "market":
            _refuse_in_market(changes["conditions"])
        if request.combine is not None:
            changes["combine"] = request.combine
    if changes.get("scope", before.scope) == "market":
        _refuse_plan_in_market(request)
    if request.action is not None:
        changes["plan"] = _plan(request.action, symbols)
        if before.plan is None and request.repeat is None:
            changes["repeat"] = usual_repeat(changes["plan"])
    if request.repeat is not None:
        changes["repeat"] = Repeat(request.repeat)
    if request.cooldown_s is not None:
        changes["cooldown"] = timedelta(seconds=request.cooldown_s)
    if request.expiry is not None:
        changes["expires_on"] = request.expiry
    if request.analyze_s == 0 and not (before.conditions or request.conditions):
        raise Invalid(f"#{before.number} 只做定时分析，不要的话请说“删除{before.number}”。")
    return changes | _options(request)


@command("pause", "暂停", help="暂停任务", example="/pause 3", role=Role.VIEWER, intents=("watch_pause",))
async def pause(ctx: Context, call: Call) -> Reply:
    running = [one for one in targets.watches(ctx, call) if one.state is WatchState.ACTIVE]
    if not running:
        raise Conflict("没有在盯的任务可以暂停。发送 /list 查看。")
    done = [await ctx.house.watchlist.pause(one) for one in running]
    steps = [*map(Change, running, done)]
    ctx.dialogue = ctx.dialogue.did(_step("暂停", steps), *steps)
    numbers = "和".join(str(one.number) for one in done)
    return Message(title="⏸ 已暂停", text="\n".join([*_lines(ctx, done), f"恢复请说“恢复{numbers}”。"]))


@command("resume", "恢复", "继续", help="恢复任务", example="/resume 3", role=Role.VIEWER, intents=("watch_resume",))
async def resume(ctx: Context, call: Call) -> Reply:
    """Start paused watches again; a finished or expired one only when it is named by its number."""
    found = targets.watches(ctx, call)
    now = ctx.house.now()
    chosen = [one for one in found if one.state is WatchState.PAUSED and not one.expired_at(now)]
    if not chosen and len(found) == 1 and not found[0].live_at(now):
        chosen = list(found)
    if not chosen:
        raise Conflict("没有暂停的任务。已经在盯的不用恢复；已完成或已到期的，请用编号恢复，例如“恢复3”。")
    steps: list[Change] = []
    replies: list[Message] = []
    for one in chosen:
        targets.refuse_without_right(ctx, one)
        await ctx.house.look(_looked_at(one))
        active, already = await ctx.house.watchlist.resume(one)
        steps.append(Change(one, active))
        message = await read_back(ctx, active, already, changed=False, past=False)
        replies.append(message.model_copy(update={"title": f"▶️ 已恢复 #{active.number}"}))
    ctx.dialogue = ctx.dialogue.did(_step("恢复", steps), *steps)
    return replies


@command("delete", "删除", help="删除任务", example="/delete 3", role=Role.VIEWER, intents=("watch_delete",))
async def delete(ctx: Context, call: Call) -> Reply:
    sure = call.words[-1:] == (SURE,)
    found = targets.watches(ctx, Call(call.words[:-1]) if sure else call)
    if len(found) > 1 and not sure:
        return _ask_to_delete(ctx, found, everything=len(found) == len(ctx.house.watchlist.of(ctx.person.owner)))
    gone = [await ctx.house.watchlist.delete(one) for one in found]
    steps = [Change(one, None) for one in found]
    ctx.dialogue = ctx.dialogue.closed().did(_step("删除", steps), *steps)
    return Message(title="🗑 已删除", text="\n".join([*_lines(ctx, gone), "删错了请说“撤销”。"]))


def _ask_to_delete(ctx: Context, found: Sequence[Watch], *, everything: bool) -> Message:
    """Several at once are gone only after a tap: there is no way back."""
    named = "全部" if everything else " ".join(str(one.number) for one in found)
    button = Button(f"删除这 {len(found)} 个", f"delete {named} {SURE}", Style.DANGER)
    if len(button.command.encode()) > COMMAND_BYTES:
        raise Invalid(f"一次要删 {len(found)} 个，太多了。请用编号分几次删，例如：删除2和3。")
    return Message(text="\n".join([*_lines(ctx, found), f"要删除这 {len(found)} 个任务吗？"]), buttons=((button,),))


def _lines(ctx: Context, watches: Sequence[Watch]) -> list[str]:
    return [render_checks.in_short(one, ctx.house.name) for one in watches]


@command("export", "导出", help="把所有任务写成可以保存的文字", example="/export", role=Role.VIEWER)
async def export(ctx: Context, _call: Call) -> Reply:
    """The watches as ``dingpan export`` writes them."""
    mine = ctx.house.watchlist.of(ctx.person.owner)
    if not mine:
        raise NotFound("还没有盯盘任务，没有可导出的。")
    if len(mine) > MANY_EXPORTED:
        raise Invalid(f"有 {len(mine)} 个任务，太长了。请在电脑上运行：dingpan export watches.yaml")
    return Message(title=f"📄 {len(mine)} 个盯盘任务", text=watchfile.write(mine, ctx.house.name).rstrip("\n"))
