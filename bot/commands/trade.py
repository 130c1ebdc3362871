"""Orders: propose, approve, reject, look, cancel, and the switch that stops everything."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from bot.command import Call, Context, Reply, command
from bot.commands import questions, targets
from bot.language.request import Request, plan_of
from core import render
from core.desk import Origin
from core.errors import Conflict, Invalid, NotFound, Unavailable
from core.messages import Message, Role
from core.tickets import TicketState
from core.types import Mode

_STAMPED = 2


def _origin(ctx: Context) -> Origin:
    return Origin(ctx.person.owner, ctx.chat)


async def _propose(ctx: Context, request: Request) -> Reply:
    asked = request.model_copy(update={"missing": tuple(slot for slot in request.missing if slot != "price")})
    question = questions.about(ctx, asked)
    if question is not None:
        return question
    if request.action is None or len(request.symbols) != 1:
        raise Invalid("一次请只说一只股票和一个数量，例如：买100股茅台 价格1400")
    account = ctx.house.desk.default_account
    if request.account is not None and request.account != "real":
        account = ctx.house.desk.broker(request.account).account
    await ctx.house.look(request.symbols)
    await ctx.house.desk.ask(plan_of(request.action), request.symbols[0], account, _origin(ctx))
    ctx.dialogue = ctx.dialogue.closed()
    return None


@command(
    "buy",
    "买",
    "买入",
    help="出一张买入确认卡",
    example="/buy 100股茅台 价格1400",
    intents=("order_buy",),
    phrase="买入{}",
)
async def buy(ctx: Context, call: Call) -> Reply:
    """A card; only a tap sends the order."""
    return await _propose(ctx, _said(call, "买入"))


@command(
    "sell",
    "卖",
    "卖出",
    help="出一张卖出确认卡",
    example="/sell 茅台 一半",
    intents=("order_sell",),
    phrase="卖出{}",
)
async def sell(ctx: Context, call: Call) -> Reply:
    return await _propose(ctx, _said(call, "卖出"))


def _said(call: Call, word: str) -> Request:
    if call.request is None:
        raise Invalid(f"请说{word}什么、多少，例如：{word}100股茅台 价格1400")
    return call.request


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
    found = await ctx.house.store.tickets({TicketState.OPEN})
    return render.ticket_list([one for one in found if one.owner == ctx.person.owner], ctx.house.now())


def _ticket_words(call: Call, what: str) -> tuple[str, str | None]:
    if not call.words:
        raise Invalid(f"请写编号，例如：/{what} 7F3K2M9A。发送 /tickets 查看。")
    return call.words[0].upper(), call.words[1] if len(call.words) >= _STAMPED else None


@command("approve", "确认", "同意", help="确认一笔委托", example="/approve 编号")
async def approve(ctx: Context, call: Call) -> Reply:
    """Send the order of a ticket. What becomes of it comes as its own messages."""
    ticket_id, stamp = _ticket_words(call, "approve")
    await ctx.house.desk.approve(ticket_id, stamp, ctx.person.name)
    return None


@command("reject", "拒绝", help="拒绝一笔委托", example="/reject 编号")
async def reject(ctx: Context, call: Call) -> Reply:
    ticket_id, stamp = _ticket_words(call, "reject")
    await ctx.house.desk.reject(ticket_id, stamp, ctx.person.name)
    return None


@command("requote", "重新报价", help="按现价重出一张卡片", listed=False)
async def requote(ctx: Context, call: Call) -> Reply:
    ticket_id, _stamp = _ticket_words(call, "requote")
    await ctx.house.desk.requote(ticket_id, _origin(ctx))
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
    open_only = call.request is not None and call.request.ask == "open"
    found = await ctx.house.store.orders(open_only=open_only, limit=10)
    return render.order_list(found, {order.symbol: ctx.house.name(order.symbol) for order in found})


@command(
    "cancel",
    "撤单",
    help="撤一笔委托，或 all",
    example="/cancel 编号",
    intents=("order_cancel",),
)
async def cancel(ctx: Context, call: Call) -> Reply:
    """Ask for a cancel; the broker's answer comes as its own message."""
    found = await ctx.house.store.orders(open_only=True, limit=200)
    wanted = set(targets.symbols(ctx, call, last=False)) if call.request is not None else set()
    ids = set() if call.request is not None else set(call.words)
    if call.request is not None and "last" in call.request.targets:
        found = found[:1]
    elif wanted:
        found = [order for order in found if order.symbol in wanted]
    elif ids and not ids & {"all", "全部"}:
        known = {order.id for order in found}
        for order_id in sorted(ids - known):
            await ctx.house.desk.cancel(order_id)  # says why it cannot be
        found = [order for order in found if order.id in ids]
    elif call.request is None and not ids:
        raise Invalid("请写编号，或者 all。发送 /orders 查看编号。")
    if not found:
        raise NotFound("没有可以撤的委托。发送 /orders 查看。")
    for order in found:
        await ctx.house.desk.cancel(order.id)
    return Message(title="已请求撤单", text="\n".join(order.id for order in found))


@command("filled", "已成交", help="手动账户：记一笔成交", example="/filled 编号 成交价 股数", listed=False)
async def filled(ctx: Context, call: Call) -> Reply:
    """For an account without a connection: what the person says happened."""
    if len(call.words) < 3:
        raise Invalid("请写：/filled 委托编号 成交价 股数")
    try:
        price, shares = Decimal(call.words[1]), int(call.words[2])
    except (InvalidOperation, ValueError):
        raise Invalid("成交价和股数要写数字，例如：/filled dp00000001 1399.5 100") from None
    await ctx.house.desk.record_fill(call.words[0], shares, price)
    return None


@command("unfilled", "没有成交", help="手动账户：这笔没有成交", example="/unfilled 编号", listed=False)
async def unfilled(ctx: Context, call: Call) -> Reply:
    if not call.words:
        raise Invalid("请写：/unfilled 委托编号")
    await ctx.house.desk.record_nothing(call.words[0])
    return None


@command("panic", "紧急停止", help="停止发送一切委托，off 恢复", example="/panic", role=Role.OWNER)
async def panic(ctx: Context, call: Call) -> Reply:
    """The kill switch. It holds in this process even when it cannot be written down."""
    if call.rest in {"off", "恢复"}:
        if ctx.house.desk.panicked is None:
            raise Conflict("现在没有紧急停止。")
        await ctx.house.desk.calm()
        return Message(title="✅ 已恢复", text="可以再发送委托了。")
    try:
        await ctx.house.desk.panic(ctx.person.name)
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
    lines = [f"{broker.name}（{broker.account}）：{explained[broker.mode]}" for broker in ctx.house.desk.brokers]
    if ctx.house.desk.panicked is not None:
        lines.append(f"🛑 紧急停止中：{ctx.house.desk.panicked}。恢复：/panic off")
    lines.append("模式只能在 .env 里改，程序不会自己切换。")
    return Message(title="账户模式", text="\n".join(lines))
