"""What people read of orders and fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.clock import stamp_text
from core.market import board_of
from core.messages import Button, Message, Style
from core.orders import Fill, Order, OrderState, Report
from core.render import name_text
from core.types import Mode, Symbol, money_text, price_text


def order_news(
    order: Order, fill: Fill | None, account: str, name: str, *, was: OrderState | None = None
) -> Message | None:
    """What is worth telling of a report; None for steps that say nothing new to a person.

    All that is told of an order placed by hand stands on its one card, so that no button outlives what it says.

    Args:
        was: the state before the report.
    """
    message = _order_news(order, fill, account, name, was)
    if message is not None and order.mode is not Mode.MANUAL and was is OrderState.UNKNOWN:
        return message.model_copy(update={"card": f"order:{order.id}"})  # in place of the card that asked
    if message is None or order.mode is not Mode.MANUAL:
        return message
    return message.model_copy(update={"card": f"order:{order.id}", "buttons": _by_hand(order)})


def _order_news(order: Order, fill: Fill | None, account: str, name: str, was: OrderState | None) -> Message | None:
    what = f"{order.side.chinese}{name_text(name, order.symbol)}"
    unit = board_of(order.symbol).unit
    where = f"账户：{account}·{order.mode.chinese}\n委托：{order.id}"
    if fill is not None:
        rest = order.shares - order.filled
        if rest == 0:
            title = f"🎉 已成交·{order.mode.chinese}"
        elif order.state.final:
            title = f"↩️ {order.state.chinese}后又有成交·{order.mode.chinese}"
        else:
            title = f"⏳ 部分成交·{order.mode.chinese}"
        lines = [
            f"{what} {fill.shares} {unit}，成交价 {price_text(fill.price)}",
            f"成交额 {money_text(fill.price * fill.shares)} 元，费用 {money_text(fill.fee)} 元",
        ]
        if rest:
            waits = "" if order.state.final else f"，还有 {rest} {unit}未成交"
            lines.append(f"累计 {order.filled}/{order.shares} {unit}{waits}")
        lines += [f"时间：{stamp_text(fill.at)}", where]
        if order.mode is Mode.MANUAL and not order.state.final:
            lines += _how_to_tell(order, "其余的")
        return Message(title=title, text="\n".join(lines))
    if order.state is OrderState.UNKNOWN:
        return unknown_card(order, account, name)
    if order.state is OrderState.REJECTED:
        why = order.note or "券商没有说明"
        text = f"{what} {order.shares} {unit}，限价 {price_text(order.limit)}\n原因：{why}\n{where}"
        return Message(title=f"❌ 委托没有成功·{order.mode.chinese}", text=text)
    if order.state in {OrderState.CANCELLED, OrderState.EXPIRED}:
        text = f"{what}，成交 {order.filled}/{order.shares} {unit}\n{order.note}\n{where}".replace("\n\n", "\n")
        return Message(title=f"↩️ {order.state.chinese}·{order.mode.chinese}", text=text)
    if order.mode is Mode.MANUAL and order.state is OrderState.ACCEPTED:
        return manual_card(order, account, name)
    if was is OrderState.UNKNOWN:
        text = f"{what} {order.shares} {unit}，限价 {price_text(order.limit)}，{order.state.chinese}\n{where}"
        return Message(title=f"ℹ️ 委托查到了·{order.mode.chinese}", text=text)
    return None


def unknown_card(order: Order, account: str, name: str, *, asks: bool = False) -> Message:
    """Of an order whose fate nobody knows: it may be asked for again, and the person may say what the broker has.

    Args:
        asks: the person says that they have looked, and is asked what they saw.
    """
    unit = board_of(order.symbol).unit
    lines = [
        f"{order.side.chinese}{name_text(name, order.symbol)} {order.shares} {unit}，限价 {price_text(order.limit)}",
        order.note,
    ]
    arrived = order.broker_id is not None or order.filled > 0
    look = Button("查询柜台", f"lookup {order.id}")
    buttons: tuple[tuple[Button, ...], ...]
    if order.checked_by and not asks:
        lines.append(f"{order.checked_by} 核对过：券商那里有这笔委托。可以再同向委托了；成交回报到了会告诉你。")
        buttons = ((look, Button("我已核对", f"checked {order.id}")),)
    elif arrived:
        lines.append(f"券商收到了，已知成交 {order.filled}/{order.shares} {unit}，不知道后来成交了多少。")
        lines.append("请在券商软件的历史委托里看，看过点“我看过了”。")
        buttons = ((look, Button("我看过了", f"checked {order.id} there")),)
    elif asks:
        lines.append("请打开券商软件的“当日委托”，找这笔委托。你看到了什么？")
        buttons = (
            (Button("有这笔委托", f"checked {order.id} there"), Button("没有这笔委托", f"checked {order.id} none")),
            (Button("还没核对", f"checked {order.id} later"),),
        )
    else:
        lines.append("不知道券商有没有收到，程序不会重发，查清之前也不再同向委托这只股票。请在券商软件里核对。")
        buttons = ((look, Button("我已核对", f"checked {order.id}")),)
    lines.append(f"账户：{account}·{order.mode.chinese}\n委托：{order.id}")
    return Message(
        title=f"❓ 委托状态未知·{order.mode.chinese}",
        text="\n".join(filter(None, lines)),
        buttons=buttons,
        card=f"order:{order.id}",
        urgent=True,
    )


def manual_card(order: Order, account: str, name: str) -> Message:
    """For an account without a connection: the person places the order and says what became of it."""
    unit = board_of(order.symbol).unit
    rest = order.shares - order.filled
    text = "\n".join(
        [
            f"{order.side.chinese} {name_text(name, order.symbol)} {rest} {unit}，限价 {price_text(order.limit)}",
            *_how_to_tell(order, "请在券商软件里下单，"),
            f"账户：{account}·{order.mode.chinese}",
        ]
    )
    title = f"🖐 请手动下单·{order.mode.chinese}"
    return Message(title=title, text=text, buttons=_by_hand(order), card=f"order:{order.id}", urgent=True)


def _how_to_tell(order: Order, first: str) -> list[str]:
    return [f"{first}成交后告诉我。价格或数量不同，请发送：", f"/filled {order.id} 成交价 股数"]


def _by_hand(order: Order) -> tuple[tuple[Button, ...], ...]:
    """What the person may say of an order now. The first button knows what was filled, so that it counts once."""
    if order.state not in {OrderState.ACCEPTED, OrderState.PARTIAL}:
        return ()
    rest = order.shares - order.filled
    done = Button("已按限价成交", f"filled {order.id} {order.limit} {rest} {order.filled}", Style.CONFIRM)
    return ((done, Button("没有成交", f"unfilled {order.id}", Style.DANGER)),)


def impossible_report(order: Order, report: Report) -> Message:
    more = report.fill.shares if report.fill else 0
    return Message(
        title=f"❗ 券商的回报对不上·{order.mode.chinese}",
        text=f"{order.side.chinese} {order.symbol} 的委托 {order.id} 共 {order.shares}，"
        f"已成交 {order.filled}，券商又报了 {more}。这笔回报没有记账，请在券商软件里核对。",
        urgent=True,
    )


def order_list(
    orders: Sequence[Order], name_of: dict[Symbol, str], where: Callable[[str], str] | None = None
) -> Message:
    """Orders with their state.

    Args:
        where: an account with its mode, in words, where there are several.
    """
    if not orders:
        return Message(
            title="今天还没有委托", text="触发带计划的盯盘任务，或直接说“买100股茅台 价格1400”，会出一张待确认的委托。"
        )
    lines = []
    for order in orders:
        unit = board_of(order.symbol).unit
        name = name_text(name_of.get(order.symbol, ""), order.symbol)
        place = order.mode.chinese if where is None else where(order.account)
        lines.append(f"{order.id} {stamp_text(order.created_at)}·{place}")
        lines.append(
            f"　{order.side.chinese}{name} {order.shares} {unit}，限价 {price_text(order.limit)}，"
            f"{order.state.chinese} {order.filled}/{order.shares}"
        )
        if order.note:
            lines.append(f"　{order.note}")
    rows = tuple(
        (Button(f"撤单 {order.id}", f"cancel {order.id}", Style.DANGER),) for order in orders if not order.state.final
    )[:8]
    return Message(title=f"📑 委托（{len(orders)}）", text="\n".join(lines), buttons=rows)


# -- quotes and accounts
