"""Orders: propose, approve, reject, look, cancel, and the switch that stops everything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from bot.command import Call, Context, Reply, command
from bot.commands import rights, targets
from bot.commands.ask import account, positions
from bot.commands.past import trades
from bot.language.request import plan_of
from core import render_order, render_ticket
from core.clock import market_time
from core.desk import Origin
from core.errors import Conflict, Invalid, NotFound, OutsideError, Unavailable, UserError
from core.messages import Message, Role
from core.orders import OrderState
from core.tickets import HASH_ON_BUTTON, REASONS, Ticket, TicketState
from core.types import Mode

_STAMPED = 2
_STAMP = re.compile(f"[0-9a-f]{{{HASH_ON_BUTTON}}}")
ORDERS_SHOWN = 10
LONGEST_REASON = 100
"""Characters that are kept of why somebody rejected."""
MOST_PRICE = 10**7
MOST_SHARES = 10**9
"""What a plan can hold."""


def _origin(ctx: Context) -> Origin:
    return Origin(ctx.person.owner, ctx.chat)


async def _propose(ctx: Context, call: Call, word: str) -> Reply:
    request = call.request
    if request is None:
        raise Invalid(f"请说{word}什么、多少，例如：{word}100股茅台 价格1400")
    if request.action is None or len(request.symbols) != 1:
        raise Invalid("一次请只说一只股票和一个数量，例如：买100股茅台 价格1400")
    account = targets.account(ctx, request, trading=True)
    await ctx.house.look(request.symbols)
    before = ctx.dialogue.ticket_id if call.corrects else None
    plan, [symbol] = plan_of(request.action), request.symbols
    ticket = await ctx.house.desk.ask(plan, symbol, account, _origin(ctx), instead_of=before)
    ctx.dialogue = ctx.dialogue.proposed(request, ticket.id, ctx.house.now())
    return None


@command(
    "buy",
    "买",
    "买入",
    help="出一张买入确认卡",
    example="/buy 100股茅台 价格1400",
    intents=("order_buy",),
    optional=("price",),
    phrase="买入{}",
)
async def buy(ctx: Context, call: Call) -> Reply:
    """A card; only a tap sends the order."""
    return await _propose(ctx, call, "买入")


@command(
    "sell",
    "卖",
    "卖出",
    help="出一张卖出确认卡",
    example="/sell 茅台 一半",
    intents=("order_sell",),
    optional=("price",),
    phrase="卖出{}",
)
async def sell(ctx: Context, call: Call) -> Reply:
    return await _propose(ctx, call, "卖出")


@command(
    "tickets",
    "待确认",
    help="待确认的委托",
    example="/tickets",
    role=Role.VIEWER,
    intents=("draft_confirm",),
)
async def tickets(ctx: Context, _call: Call) -> Reply:
    """The open tickets. A typed 确认 comes here too: it shows the card again, and the tap decides."""
    return render_ticket.ticket_list(await waiting(ctx), ctx.house.now())


async def waiting(ctx: Context) -> Sequence[Ticket]:
    """The tickets that nobody has decided; some may have run out."""
    return await targets.tickets(ctx, {TicketState.OPEN})


def _ticket_words(call: Call, what: str) -> tuple[str, str | None]:
    if not call.words:
        raise Invalid(f"请写编号，例如：/{what} 7F3K2M9A。发送 /tickets 查看。")
    return call.words[0].upper(), call.words[1] if len(call.words) >= _STAMPED else None


@command("approve", "确认", "同意", help="确认一笔委托", example="/approve 编号", about="ticket")
async def approve(ctx: Context, call: Call) -> Reply:
    """Send the order of a ticket. What becomes of it comes as its own messages."""
    if not call.words:
        return await tickets(ctx, call)
    ticket_id, stamp = _ticket_words(call, "approve")
    await ctx.house.desk.approve(ticket_id, stamp, ctx.person.signature, f"{ctx.chat.channel}:{ctx.person.id}")
    return None


@command("reject", "拒绝", help="拒绝一笔委托", example="/reject 编号", about="ticket")
async def reject(ctx: Context, call: Call) -> Reply:
    if not call.words:
        return await tickets(ctx, call)
    ticket_id, stamp = _ticket_words(call, "reject")
    why = call.words[1:]
    if stamp is not None and not _STAMP.fullmatch(stamp):
        stamp = None  # typed: a reason stands behind the number
    elif stamp is not None:
        why = why[1:]
    await ctx.house.desk.reject(ticket_id, stamp, ctx.person.signature, " ".join(why)[:LONGEST_REASON])
    return None


@command("explain", "拒绝原因", help="写明为什么拒绝", example="/explain 编号 原因", listed=False, about="ticket")
async def explain(ctx: Context, call: Call) -> Reply:
    """Why a ticket was rejected: a button's reason, or any words."""
    if len(call.words) < 2:
        raise Invalid("请写编号和原因，例如：/explain 7F3K2M9A 价格不合适")
    said = " ".join(call.words[1:])[:LONGEST_REASON]
    await ctx.house.desk.explain(call.words[0].upper(), REASONS.get(said, said))
    return None


@command("edit", "改委托", help="改待确认委托的数量或价格", example="/edit 编号 数量 200", listed=False, about="ticket")
async def edit(ctx: Context, call: Call) -> Reply:
    """Another edition of a card. Without a value it shows what could be chosen, without anything the card itself."""
    usage = "请写：/edit 编号 数量 200，或者 /edit 编号 价格 1398.5"
    if not call.words:
        raise Invalid(usage)
    ticket_id, *rest = call.words
    stamp = rest.pop(0) if rest and _STAMP.fullmatch(rest[0]) else None
    if len(rest) < 2:
        ticket = await ctx.house.desk.offer(ticket_id.upper(), stamp)
        offers = {
            render_ticket.EDIT_SHARES: render_ticket.share_offers,
            render_ticket.EDIT_LIMIT: render_ticket.limit_offers,
        }
        if rest and rest[0] not in offers:
            raise Invalid(usage)
        card = render_ticket.ticket_card(
            ticket,
            ctx.house.brokerage.account_name(ticket.account),
            offers[rest[0]](ticket) if rest else (),
        )
        # In the chat where the card is, and in its place.
        await ctx.house.notifier.say(ticket.chat, card)
        return None
    what, value = rest[0], _number(rest[1])
    if what == render_ticket.EDIT_LIMIT and rest[1] == render_ticket.EDIT_BEST:
        await ctx.house.desk.edit(ticket_id.upper(), stamp, best=True)
    elif what == render_ticket.EDIT_LIMIT and value is not None and 0 < value <= MOST_PRICE:
        await ctx.house.desk.edit(ticket_id.upper(), stamp, price=value)
    elif what == render_ticket.EDIT_SHARES and value is not None and 0 < value <= MOST_SHARES and value == int(value):
        await ctx.house.desk.edit(ticket_id.upper(), stamp, shares=int(value))
    else:
        raise Invalid(usage)
    return None


@command("requote", "重新报价", help="按现价重出一张卡片", listed=False, about="ticket")
async def requote(ctx: Context, call: Call) -> Reply:
    if not call.words:
        return await tickets(ctx, call)
    ticket_id, _stamp = _ticket_words(call, "requote")
    new = await ctx.house.desk.requote(ticket_id, _origin(ctx))
    if ctx.dialogue.ticket_id == ticket_id:
        # A sentence that corrects the old card, or takes it back, means the one that is shown now.
        ctx.dialogue = ctx.dialogue.model_copy(update={"ticket_id": new.id, "at": ctx.house.now()})
    return None


@command(
    "orders",
    "委托",
    help="委托和成交",
    example="/orders",
    role=Role.VIEWER,
    intents=("orders_query",),
)
async def orders(ctx: Context, call: Call) -> Reply:
    """The open ones, today's fills, or the newest of all; of one account where it is named."""
    request = call.request
    ask = request.ask if request is not None else None
    if ask == "filled" and request is not None:
        days = {"date_from": request.date_from or market_time(ctx.house.now()).date()}
        return await trades(ctx, Call((), request.model_copy(update=days)))
    found = await targets.orders(ctx, open_only=ask == "open", limit=200)
    if request is not None and request.account is not None:
        account = targets.account(ctx, request)
        found = [order for order in found if order.account == account]
    if wanted := set(targets.symbols(ctx, call, last=False)):
        found = [order for order in found if order.symbol in wanted]
    found = found[:ORDERS_SHOWN]
    if ask == "open" and not found:
        return Message(title="没有未完成的委托")
    where = ctx.house.brokerage.where if len(targets.accounts(ctx)) > 1 else None
    listed = render_order.order_list(found, {order.symbol: ctx.house.name(order.symbol) for order in found}, where)
    return listed.model_copy(update={"title": f"📑 没成交完的委托 {len(found)} 笔"}) if ask == "open" else listed


@command(
    "cancel",
    "撤单",
    help="撤一笔委托，或 all",
    example="/cancel 编号",
    intents=("order_cancel",),
    about="order",
)
async def cancel(ctx: Context, call: Call) -> Reply:
    """Ask for cancels; the broker's answer to each comes as its own message. One that fails stops no other."""
    chosen = await _to_cancel(ctx, call)
    if not chosen:
        raise NotFound("没有可以撤的委托。发送 /orders 查看。")
    asked, failed = [], []
    for order_id in chosen:
        try:
            order = await ctx.house.blotter.cancel(order_id)
        except (UserError, OutsideError) as error:
            failed.append(f"{order_id}：{error}")
        else:
            asked.append(f"{order_id} {order.side.chinese}{ctx.house.name(order.symbol)}·{order.mode.chinese}")
    lines = [*asked, *(["没有撤成：", *failed] if failed else [])]
    return Message(title="已请求撤单" if asked else "没有撤成", text="\n".join(lines if asked else failed))


async def _to_cancel(ctx: Context, call: Call) -> list[str]:
    """The ids of the orders that a call means: all, of a share, the newest, or named."""
    waiting = await targets.orders(ctx, open_only=True, limit=200, trading=True)
    if call.request is not None and call.request.account is not None:
        account = targets.account(ctx, call.request, trading=True)
        waiting = [order for order in waiting if order.account == account]
    if call.request is None:
        if not call.words:
            raise Invalid("请写编号，或者 all。发送 /orders 查看编号。")
        if {"all", "全部"} & set(call.words):
            return [order.id for order in waiting]
        return [rights.order_id(word) for word in call.words]
    if "last" in call.request.targets:
        return [order.id for order in waiting[:1]]
    wanted = set(targets.symbols(ctx, call, last=False))
    if wanted:
        return [order.id for order in waiting if order.symbol in wanted]
    if "all" in call.request.targets:
        return [order.id for order in waiting]
    raise Invalid("请说明撤哪一笔：股票名、编号，或者“全部撤单”。发送 /orders 查看。")


@command("lookup", "查询柜台", help="向券商查一笔委托的下落", example="/lookup 编号", listed=False, about="order")
async def lookup(ctx: Context, call: Call) -> Reply:
    """Ask the broker now. What it says comes on the order's own card."""
    if len(call.words) != 1:
        raise Invalid("请写编号，例如：/lookup dp7F3K2M9A。发送 /orders 查看编号。")
    order = await ctx.house.blotter.ask(rights.order_id(call.words[0]))
    where = ctx.house.brokerage.where(order.account)
    if order.state is OrderState.UNKNOWN:
        return Message(text=f"问过了，券商那里还查不到这笔委托；过一会儿再查，或者到券商软件里核对。（{where}）")
    return Message(
        text=f"查到了：委托 {order.id} {order.state.chinese}，成交 {order.filled}/{order.shares}。（{where}）"
    )


@command(
    "checked",
    "我已核对",
    help="告诉程序券商那里有没有这笔委托",
    example="/checked 编号 there",
    listed=False,
    about="order",
)
async def checked(ctx: Context, call: Call) -> Reply:
    """What the person saw in the broker's own program; without it the question."""
    if not call.words:
        raise NotFound("请写编号，例如：/checked dp7F3K2M9A。发送 /orders 查看编号。")
    order_id, *seen = call.words
    order_id = rights.order_id(order_id)
    if seen and seen[0] in {"there", "有", "none", "没有"}:
        await ctx.house.blotter.checked(order_id, ctx.person.signature, there=seen[0] in {"there", "有"})
        return None
    order = await ctx.house.blotter.unknown(order_id)
    ticket = await ctx.house.store.ticket(order.ticket_id)
    assert ticket is not None  # no order is written without its ticket
    account = ctx.house.brokerage.account_name(order.account)
    card = render_order.unknown_card(order, account, ctx.house.name(order.symbol), asks=not seen)
    await ctx.house.notifier.say(ticket.chat, card)
    return None


@command(
    "filled", "已成交", help="手动账户：记一笔成交", example="/filled 编号 成交价 股数", listed=False, about="order"
)
async def filled(ctx: Context, call: Call) -> Reply:
    """For an account without a connection: what the person says happened."""
    if len(call.words) < 3:
        raise Invalid("请写：/filled 委托编号 成交价 股数")
    try:
        price, shares = Decimal(call.words[1]), int(call.words[2])
        after = int(call.words[3]) if len(call.words) > 3 else None
    except (InvalidOperation, ValueError):
        raise Invalid("成交价和股数要写数字，例如：/filled dp00000001 1399.5 100") from None
    await ctx.house.blotter.record_fill(rights.order_id(call.words[0]), shares, price, after=after)
    return None


@command("unfilled", "没有成交", help="手动账户：这笔没有成交", example="/unfilled 编号", listed=False, about="order")
async def unfilled(ctx: Context, call: Call) -> Reply:
    if not call.words:
        raise Invalid("请写：/unfilled 委托编号")
    await ctx.house.blotter.record_nothing(rights.order_id(call.words[0]))
    return None


@command("cash", "登记资金", help="手动账户：登记可用资金", example="/cash 50000", role=Role.OWNER)
async def cash(ctx: Context, call: Call) -> Reply:
    """For an account without a connection: what it has to spend."""
    amount = _number(call.words[0]) if len(call.words) == 1 else None
    if amount is None or amount < 0:
        raise Invalid("请写金额，元，例如：/cash 50000")
    await ctx.house.brokerage.set_cash(ctx.house.brokerage.default_account, amount)
    return await account(ctx, Call())


@command("hold", "登记持仓", help="手动账户：登记一只持仓", example="/hold 茅台 200 1399.5", role=Role.OWNER)
async def hold(ctx: Context, call: Call) -> Reply:
    """For an account without a connection: how many shares, at which cost."""
    usage = "请写：/hold 股票 股数 成本价，例如：/hold 茅台 200 1399.5；股数写 0 是清掉。"
    words = (*call.words, "0") if len(call.words) == 2 and call.words[1] == "0" else call.words
    if len(words) != 3:
        raise Invalid(usage)
    shares, cost = _number(words[1]), _number(words[2])
    if shares is None or cost is None or shares != int(shares) or shares < 0 or cost < 0:
        raise Invalid(usage)
    [symbol] = targets.symbols(ctx, Call(call.words[:1]))
    await ctx.house.brokerage.set_position(ctx.house.brokerage.default_account, symbol, int(shares), cost)
    return await positions(ctx, Call())


def _number(word: str) -> Decimal | None:
    try:
        number = Decimal(word.replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@command("panic", "紧急停止", help="停止发送一切委托，off 恢复", example="/panic", steers=("off", "恢复"))
async def panic(ctx: Context, call: Call) -> Reply:
    """The kill switch. It holds in this process even when it cannot be written down."""
    if call.rest in {"off", "恢复"}:
        if ctx.house.switch.panicked is None:
            raise Conflict("现在没有紧急停止。")
        await ctx.house.switch.calm()
        return Message(title="✅ 已恢复", text="可以再发送委托了。")
    try:
        await ctx.house.switch.panic(ctx.person.signature)
    except Unavailable as error:
        why = f"但没能写进数据库（{error.reason}），重启后会失效，请处理后再发一次 /panic。"
        return Message(title="🛑 已紧急停止", text=f"本次运行不再发送任何委托，{why}", urgent=True)
    text = "不再发送任何委托，重启后也一样。已报的委托不受影响，需要撤单请发送 /cancel all。\n恢复：/panic off"
    return Message(title="🛑 已紧急停止", text=text, urgent=True)


@command("mode", "模式", help="账户是模拟、手动还是实盘", example="/mode", role=Role.VIEWER)
async def mode(ctx: Context, _call: Call) -> Reply:
    explained = {
        Mode.PAPER: "模拟：按真实行情撮合，不动真钱",
        Mode.MANUAL: "手动：你自己下单，告诉我结果",
        Mode.LIVE: "实盘：你点确认后真的下单",
    }
    lines = [f"{broker.name}（{broker.account}）：{explained[broker.mode]}" for broker in targets.accounts(ctx)]
    if ctx.house.switch.panicked is not None:
        lines.append(f"🛑 紧急停止中：{ctx.house.switch.panicked}。恢复：/panic off")
    lines.append("模式只能在 .env 里改，程序不会自己切换。")
    return Message(title="账户模式", text="\n".join(lines))
