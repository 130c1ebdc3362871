"""What a report says: noun -> Message, as :mod:`core.render`. Short for a phone; what is empty is not mentioned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from core.alerts import Reason, Silence
from core.calendar import AFTERNOON_OPENS, MORNING_ENDS, trading_days
from core.charts import worth_curve
from core.chronicle import Entry
from core.clock import market_time, stamp_text
from core.editions import HOURS, Closure, Edition, next_at
from core.market import board_of
from core.messages import Button, Chart, Message
from core.orders import Fill, Order, OrderState
from core.reckoning import Earned
from core.render import name_text, signed
from core.render_score import summary
from core.render_why import day_text, span_text
from core.report import MANY_ALERTS, NEAR, Earnings, ExDay, Fired, Freed, Known, Missed, Near, Report, Told
from core.tickets import Ticket, TicketState
from core.types import Side, Symbol, is_account, money_text, percent_text, price_text
from core.zones import large_text

MOST: Final = 5
"""Lines of one list; the rest is counted."""
BEST: Final = 3
"""Of these, the best of a week; the others are the worst."""
_ICONS: Final = {Edition.MORNING: "🌅", Edition.NOON: "☕", Edition.CLOSE: "🌇", Edition.WEEK: "🗓"}
_UNTOLD: Final = {
    Reason.ONCE_ONLY: "只提醒一次",
    Reason.TODAY_ALREADY: "当天提醒过",
    Reason.COOLDOWN: "冷却中",
    Reason.SILENCED: "静音中",
    Reason.NOT_HELD: "没有持仓",
    Reason.INHIBITED: "刚报过止损",
    Reason.QUIET_HOURS: "免打扰",
}
_ONE_DAY: Final = timedelta(days=1)
_T = TypeVar("_T")


def report(found: Report, *, sent: bool) -> Message:
    """An edition as a message.

    Args:
        sent: by the clock, and not because somebody asked just now.
    """
    sections = _SECTIONS[found.edition](found)
    lines = [line for section in sections for line in section]
    return Message(
        title=_title(found),
        text="\n".join(lines),
        buttons=_buttons(found, sent=sent),
        chart=_chart(found) if found.edition in {Edition.CLOSE, Edition.WEEK} else None,
    )


def _title(found: Report) -> str:
    edition, now = found.edition, market_time(found.known.now)
    name, when = edition.chinese, day_text(found.day)
    if edition is Edition.WEEK:
        when = f"{found.first:%m-%d} 至 {found.day:%m-%d}" if found.first != found.day else f"{found.day:%m-%d}"
    lunch = MORNING_ENDS <= now.time() < AFTERNOON_OPENS
    if found.so_far or (edition is Edition.NOON and not lunch and now.date() == found.day):
        name = "盘中" if edition is Edition.NOON else name
        when += f"，到 {now:%H:%M}"
    late = f"（补发：{HOURS[edition].at:%H:%M} 没能发出）" if found.known.late else ""
    return f"{_ICONS[edition]} {name} {when}{late}"


def _buttons(found: Report, *, sent: bool) -> tuple[tuple[Button, ...], ...]:
    first = (Button("盯盘任务", "list"), Button("持仓", "positions"))
    waiting = ((Button("待确认", "tickets"),),) if found.open_tickets else ()
    stop = (Button("不再发", f"report off {found.edition}"),) if sent else ()
    return (*waiting, (*first, *stop))


def _chart(found: Report) -> Chart | None:
    """The curves of the accounts that anything is told of."""
    told = {one.account.id for one in found.earnings}
    books = [one for one in found.known.books if one.sheet.account.id in told]
    return worth_curve({one.sheet.account.name: one.curve.points for one in books})


# -- the editions


def _morning(found: Report) -> list[list[str]]:
    known = found.known
    sections = [
        _calendar(found),
        _alarm(known),
        _open(found),
        _freed(found),
        _near(found),
        _ex_dates(found),
        _hushed(known),
        [f"⌛ 今天到期：{_numbers(found)}"] if found.expiring else [],
    ]
    return sections if any(sections) else [["今天没有要留意的事。"], _standing(found)]


def _standing(found: Report) -> list[str]:
    """What goes on all the same."""
    live = sum(one.live_at(found.known.now) for one in found.known.watches)
    held = sum(len(book.sheet.held) for book in found.known.books)
    said = [f"在盯 {live} 个任务"] if live else []
    said += [f"持有 {held} 只"] if held else []
    return ["，".join(said)] if said else []


def _noon(found: Report) -> list[list[str]]:
    return [
        _alarm(found.known),
        _fired(found),
        _done(found),
        *[_earned(found, one, "今天到现在") for one in found.earnings],
        _open(found),
        _near(found),
        _hushed(found.known),
    ]


def _close(found: Report) -> list[list[str]]:
    return [
        _alarm(found.known),
        _fired(found),
        _done(found),
        _missed(found),
        *[_earned(found, one, _today(found)) for one in found.earnings],
        _open(found),
        _gaps(found),
        _ex_dates(found),
        _cost(found.known),
        _near(found),
        [f"⌛ 到期：{_numbers(found)}"] if found.expiring else [],
        _calendar(found),
    ]


def _week(found: Report) -> list[list[str]]:
    return [
        _alarm(found.known),
        *[_earned(found, one, "本周") for one in found.earnings],
        _done(found),
        _told(found),
        _score(found),
        _gaps(found),
        _cost(found.known),
        [f"⌛ 下周到期：{_numbers(found)}"] if found.expiring else [],
        [_next_week(found)],
    ]


_SECTIONS: Final[Mapping[Edition, Callable[[Report], list[list[str]]]]] = {
    Edition.MORNING: _morning,
    Edition.NOON: _noon,
    Edition.CLOSE: _close,
    Edition.WEEK: _week,
}


# -- the sections


def _today(found: Report) -> str:
    return "今天" if market_time(found.known.now).date() == found.day else f"{found.day:%m-%d}"


def _some(items: Sequence[_T], line: Callable[[_T], str], counted: str) -> list[str]:
    """A line for each of the first few, and how many more there are."""
    rest = [f"　……另有 {len(items) - MOST} {counted}"] if len(items) > MOST else []
    return [*(f"　{line(one)}" for one in items[:MOST]), *rest]


def _alarm(known: Known) -> list[str]:
    return [] if known.panicked is None else [f"🛑 紧急停止中：{known.panicked}。恢复：/panic off"]


def _open(found: Report) -> list[str]:
    """What waits: for a tap, or for a broker."""
    lines = []
    if found.open_tickets:
        lines.append(f"📝 等你确认 {len(found.open_tickets)} 张")
        lines += _some(found.open_tickets, lambda one: _ticket(found.known, one), "张")
    if found.open_orders:
        lines.append(f"⏳ 没有完成的委托 {len(found.open_orders)} 笔")
        lines += _some(found.open_orders, lambda one: _order(found.known, one), "笔")
    return lines


def _ticket(known: Known, ticket: Ticket) -> str:
    return f"{ticket.side.chinese}{ticket.name} {_count(ticket)} @ {price_text(ticket.limit)}{_whose(known, ticket)}"


def _order(known: Known, order: Order) -> str:
    filled = f"，已成 {order.filled}" if order.filled else ""
    name = known.names.get(order.symbol, order.symbol)
    text = f"{order.side.chinese}{name} {_count(order)} @ {price_text(order.limit)}：{order.state.chinese}{filled}"
    ask = "，请到券商核对" if order.state is OrderState.UNKNOWN else ""
    return f"{text}{ask}{_whose(known, order)}"


def _count(one: Ticket | Order) -> str:
    return f"{one.shares} {board_of(one.symbol).unit}"


def _whose(known: Known, one: Ticket | Order) -> str:
    """The account and its mode."""
    account = next((book.sheet.account.name for book in known.books if book.sheet.account.id == one.account), None)
    return f"（{account or one.account}·{one.mode.chinese}）"


def _freed(found: Report) -> list[str]:
    if not found.freed:
        return []
    several = len(found.known.books) > 1

    def line(one: Freed) -> str:
        whose = f"（{one.account.name}）" if several else ""
        return f"{_name(found.known, one.symbol)} {one.shares} {board_of(one.symbol).unit}{whose}"

    return ["🔓 上个交易日买的，今天可以卖：", *_some(found.freed, line, "只")]


def _near(found: Report) -> list[str]:
    if not found.nears:
        return []
    by = "按现价" if found.under_way else "按昨收" if found.edition is Edition.MORNING else "下个交易日，按收盘价"
    if abs(found.nears[0].percent) > NEAR:
        return [f"🎯 最近的（{by}）：{_near_line(found.known, found.nears[0])}"]
    return [f"🎯 离线近的（{by}）", *_some(found.nears, lambda one: _near_line(found.known, one), "条")]


def _near_line(known: Known, near: Near) -> str:
    now, line = near.gauge.number_text(near.reading), near.gauge.number_text(near.bound)
    way = "再涨" if near.percent > 0 else "再跌"
    return f"{_name(known, near.symbol)} {now}，{way} {percent_text(abs(near.percent))} 到 {line}（#{near.number}）"


def _name(known: Known, symbol: Symbol) -> str:
    name = known.names.get(symbol, "")
    return name if name and name != symbol else name_text(name, symbol)


def _ex_dates(found: Report) -> list[str]:
    days = found.known.ex_dates
    return [f"📌 除权除息 {len(days)} 只", *_some(days, lambda one: _ex_line(found, one), "只")] if days else []


def _ex_line(found: Report, one: ExDay) -> str:
    ex = one.ex
    when = "" if ex.day == found.day else f"{ex.day:%m-%d} "
    unasked = "，盯盘的价格还没有按除权调整" if one.unanswered else ""
    return f"{when}{_name(found.known, ex.symbol)}：昨收 {price_text(ex.close)} → {price_text(ex.preclose)}{unasked}"


def _hushed(known: Known) -> list[str]:
    lines = [f"🔕 {_silence(known, one)}" for one in known.silences[:MOST]]
    if known.quiet:
        lines.append(f"🌙 现在是免打扰时段（{known.quiet}）")
    return lines


def _silence(known: Known, silence: Silence) -> str:
    numbers = {one.id: f"#{one.number}" for one in known.watches}
    if silence.watch_id is not None:
        what = numbers.get(silence.watch_id, "一个任务")
    else:
        what = "全部" if silence.symbol is None else _name(known, silence.symbol)
    return f"{what}静音到 {stamp_text(silence.ends_at)}"


def _numbers(found: Report) -> str:
    named = [
        f"#{one.number}（{one.expires_on:%m-%d}）" if found.edition is not Edition.MORNING else f"#{one.number}"
        for one in found.expiring[:MOST]
    ]
    return "、".join(named) + ("等" if len(found.expiring) > MOST else "")


def _calendar(found: Report) -> list[str]:
    lines = []
    if found.closed is not None:
        rest = found.closed
        lines.append(f"🎌 休市 {rest.days} 天后第一个交易日，上一个是 {rest.before:%m-%d}")
    if found.closure is not None:
        lines.append(f"📅 {_closure(found.closure, found.day)}")
    return lines


def _closure(rest: Closure, day: date) -> str:
    when = "明天起休市" if rest.before == day else f"{rest.first:%m-%d} 起休市"
    return f"{when} {rest.days} 天，{rest.opens:%m-%d} 开市"


def _next_week(found: Report) -> str:
    monday = found.day + (7 - found.day.weekday()) * _ONE_DAY
    open_days = trading_days(monday, monday + 4 * _ONE_DAY)
    if len(open_days) == 5:
        return "📅 下周 5 个交易日"
    closed = [monday + step * _ONE_DAY for step in range(5) if monday + step * _ONE_DAY not in open_days]
    named = "、".join(f"{day:%m-%d}" for day in closed)
    return f"📅 下周 {len(open_days)} 个交易日，休市：{named}" if open_days else "📅 下周全周休市"


def _fired(found: Report) -> list[str]:
    when = _today(found)
    silent = sum(found.untold.values())
    if not found.fired and not silent:
        return [f"🔔 {when}没有触发"]
    times = sum(one.times for one in found.fired)
    lines = [f"🔔 {_least(found)}提醒 {times} 次" if times else f"🔔 {when}没有提醒"]
    lines += _some(found.fired, lambda one: _fired_line(found.known, one), "条")
    if silent:
        lines.append(f"　另有 {silent} 次触发没有提醒：{_why_untold(found.untold)}")
    return lines


def _fired_line(known: Known, fired: Fired) -> str:
    alert = fired.last
    worth = f"总资产 {money_text(alert.price)} 元" if is_account(alert.symbol) else price_text(alert.price)
    often = f"，共 {fired.times} 次" if fired.times > 1 else ""
    name = _name(known, alert.symbol)
    return f"{market_time(alert.at):%H:%M} {name} {worth}：{alert.condition}（#{alert.watch_number}）{often}"


def _why_untold(untold: Mapping[Reason, int]) -> str:
    most = sorted(untold.items(), key=lambda row: -row[1])
    return "、".join(f"{_UNTOLD.get(reason, reason.value)} {count}" for reason, count in most)


def _told(found: Report) -> list[str]:
    """Of a week: which watches spoke how often, and which were noise."""
    if not found.watches:
        return ["🔔 本周没有触发"]
    lines = [f"🔔 本周{_least(found)}提醒 {sum(one.told for one in found.watches)} 次"]
    lines += _some(found.watches, lambda one: _told_line(found.known, one), "个任务")
    silent = sum(found.untold.values())
    if silent:
        lines.append(f"　另有 {silent} 次触发没有提醒：{_why_untold(found.untold)}")
    noisy = [f"#{one.last.watch_number}" for one in found.watches if one.is_noise]
    if noisy:
        number = noisy[0].removeprefix("#")
        lines.append(f"🔕 {'、'.join(noisy[:MOST])} 一直在响，一次回应也没有")
        lines.append(f"　嫌吵就说“把{number}改成每天最多一次”，不要了就说“删除{number}”")
    return lines


def _told_line(known: Known, told: Told) -> str:
    last = told.last
    several = "等" if told.several else ""
    return f"#{last.watch_number} {_name(known, last.symbol)}{several} {last.condition}：{told.told} 次"


def _least(found: Report) -> str:
    return "至少" if len(found.known.alerts) >= MANY_ALERTS else ""


def _done(found: Report) -> list[str]:
    """Cards, orders and trades of these days."""
    lines = []
    if found.decided:
        lines.append(f"🗂 委托卡片 {sum(found.decided.values())} 张：{_states(found.decided)}")
    if any(one.state is not OrderState.FILLED for one in found.orders):  # else the trades say it
        ended: dict[str, int] = {}
        for one in found.orders:
            ended[one.state.chinese] = ended.get(one.state.chinese, 0) + 1
        lines.append(f"📨 委托 {len(found.orders)} 笔：{'、'.join(f'{word} {count}' for word, count in ended.items())}")
    fills = sorted(((one, row) for row in found.earnings for one in row.fills), key=lambda pair: pair[0].at)
    if fills:
        fees = sum((one.fee for one, _ in fills), Decimal(0))
        lines.append(f"🧾 成交 {len(fills)} 笔，费用 {money_text(fees)} 元")
        lines += _some(fills, lambda pair: _fill(found, *pair), "笔")
    return lines


def _states(decided: Mapping[TicketState, int]) -> str:
    return "、".join(f"{state.chinese} {decided[state]}" for state in TicketState if decided.get(state))


def _fill(found: Report, fill: Fill, row: Earnings) -> str:
    at = market_time(fill.at)
    when = f"{at:%m-%d}" if found.edition is Edition.WEEK else f"{at:%H:%M}"
    side = "买" if fill.side is Side.BUY else "卖"
    whose = f"（{row.account.name}）" if len(found.earnings) > 1 else ""
    return f"{when} {side}{_name(found.known, fill.symbol)} {fill.shares} @ {price_text(fill.price)}{whose}"


def _missed(found: Report) -> list[str]:
    if not found.missed:
        return []
    lines = ["🤔 没有下单的卡片，假如按限价成交（不算费用）："]
    lines += _some(found.missed, lambda one: _missed_line(found.known, one), "张")
    return lines


def _missed_line(known: Known, missed: Missed) -> str:
    ticket = missed.ticket
    ended = "拒绝" if ticket.state is TicketState.REJECTED else "过期"
    said = f"{signed(missed.gain)} 元" if missed.gain is not None else missed.why
    if missed.gain is not None and ticket.side is Side.SELL:
        said = f"比拿着{'多' if missed.gain >= 0 else '少'} {money_text(abs(missed.gain))} 元"
    return f"{ended}：{_ticket(known, ticket)}：{said}"


def _earned(found: Report, row: Earnings, when: str) -> list[str]:
    """What an account earned, and by which shares."""
    percent = f"（{percent_text(row.percent, sign=True)}）" if row.percent is not None else ""
    where = f"{row.account.name}·{row.account.mode.chinese}"
    gain = f"{signed(row.gain)} 元{percent}" if row.gain is not None else "盈亏未知"
    lines = [f"💰 {where} {when} {gain}"]
    if row.since is not None:
        lines.append(f"　更早没有记录，从 {row.since:%m-%d} 收盘算起")
    if row.until is not None:
        lines.append(f"　之后没有记录，只算到 {row.until:%m-%d} 收盘")
    if row.total is not None:
        lines.append(f"　总资产 {money_text(row.total)} 元")
    lines += _shares(found, row)
    unknown = [f"{_name(found.known, one.symbol)}（{one.why}）" for one in row.rows if one.gain is None]
    if unknown:
        lines.append(f"　⚠️ 没算进去：{'、'.join(unknown[:MOST])}{'等' if len(unknown) > MOST else ''}")
    if row.note:
        lines.append(f"　⚠️ {row.note}")
    return lines


def _shares(found: Report, row: Earnings) -> list[str]:
    """The largest of a day; of a week with many, the best and the worst."""
    gains = [(one.gain, one) for one in row.rows if one.gain is not None]

    def line(one: Earned) -> str:
        return _share(found.known, row, one)

    if found.edition is not Edition.WEEK or len(gains) <= MOST:
        return _some([one for _, one in gains], line, "只")
    ranked = [one for _, one in sorted(gains, key=lambda pair: pair[0], reverse=True)]
    best, worst, between = ranked[:BEST], ranked[BEST - MOST :], len(ranked) - MOST
    return [*(f"　{line(one)}" for one in best), f"　……中间 {between} 只", *(f"　{line(one)}" for one in worst)]


def _share(known: Known, row: Earnings, one: Earned) -> str:
    book = next(book for book in known.books if book.sheet.account.id == row.account.id)
    change = book.sheet.change(one.symbol) if known.edition is not Edition.WEEK else None
    moved = f"（股价 {percent_text(change, sign=True)}）" if change is not None else ""
    return f"{_name(known, one.symbol)} {signed(one.gain) if one.gain is not None else '未知'} 元{moved}"


def _gaps(found: Report) -> list[str]:
    """When nothing was judged, and of what."""
    day = found.day if found.first == found.day else None
    lines = [f"⚠️ 行情中断 {_spans(found.blind, day)}，期间没有判断"] if found.blind else []
    if found.doubts:
        shares: dict[str, str] = {}
        for one in found.doubts:
            shares.setdefault(one.subject, f"{_name(found.known, Symbol(one.subject))}（{one.note}）")
        named = [*shares.values()]
        lines.append(f"⚠️ 有时不能判断：{'、'.join(named[:MOST])}{'等' if len(named) > MOST else ''}")
    if found.unjudged:
        shares = {one.symbol: _unjudged(found, one) for one in found.unjudged}
        named = [*shares.values()]
        lines.append(f"⚠️ 收盘时判断不了：{'、'.join(named[:MOST])}{'等' if len(named) > MOST else ''}")
    return lines


def _unjudged(found: Report, one: Entry) -> str:
    when = f" {market_time(one.at):%m-%d}" if found.edition is Edition.WEEK else ""
    return f"{_name(found.known, Symbol(one.symbol))}{when}（{one.note}）"


def _spans(blind: Iterable[Entry], day: date | None) -> str:
    spans = [span_text(one.at, one.until, day) for one in blind]
    return "、".join(spans[:MOST]) + (f" 等 {len(spans)} 段" if len(spans) > MOST else "")


def _score(found: Report) -> list[str]:
    """How advice has fared in a year: a week alone says little."""
    known, score = found.known, found.known.score
    if score is None or not score.made:
        return []
    lines = [f"　{line}" for line in summary(score)]
    heads = [f"本周分析 {known.analysed} 次"] if known.analysed else []
    heads += ["近一年的评分（/score）"] if lines else []
    return [f"📐 {'，'.join(heads)}", *lines] if heads else []


def _cost(known: Known) -> list[str]:
    cost = known.cost
    if not cost.calls:
        return []
    return [f"🤖 模型用了 {cost.calls} 次，{large_text(Decimal(cost.tokens), ' token', 1)}，{cost.yuan:.4f} 元"]


def remarked(message: Message, sentence: str, model: str) -> Message:
    """The same with a model's sentence; its picture stands already."""
    return message.noted(f"💬 {sentence}（{model} 的一句话点评，数字已核对）").model_copy(update={"chart": None})


# -- which are sent


def offered(message: Message, edition: Edition, *, wanted: bool) -> Message:
    """A report that somebody asked for, with the button that has it sent from now on."""
    if wanted:
        return message
    often = "每周" if edition is Edition.WEEK else "每天"
    button = Button(f"{often} {HOURS[edition].at:%H:%M} 发我", f"report on {edition}")
    return message.model_copy(update={"buttons": (*message.buttons, (button,))})


def switched(changed: Sequence[Edition], wanted: Sequence[Edition], now: datetime, *, on: bool) -> Message:
    """Which reports are sent to this chat from now on."""
    names = "、".join(one.chinese for one in changed)
    title = f"📬 {names}会按时发到这里" if on else f"🔕 不再发{'报告' if len(changed) == len(Edition) else names}"
    lines = [f"{one.chinese}：{_hours(one)}，下一份 {stamp_text(next_at(one, now))}" for one in wanted]
    if not wanted:
        lines = ["现在没有按时发的报告。随时可以看：/report"]
    stop = tuple(Button(f"不发{one.chinese}", f"report off {one}") for one in wanted)
    more = tuple(Button(f"也发{one.chinese}", f"report on {one}") for one in Edition if one not in wanted)
    rows = [row[start : start + 2] for row in (stop, more) for start in range(0, len(row), 2)]
    return Message(title=title, text="\n".join(lines), buttons=tuple(rows))


def _hours(edition: Edition) -> str:
    often = "每周最后一个交易日" if edition is Edition.WEEK else "交易日"
    return f"{often} {HOURS[edition].at:%H:%M}"
