"""Noun -> Message: every sentence about the domain that the user reads is here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from core.alerts import Alert, QuietHours, Silence
from core.clock import market_time, stamp_text, time_text
from core.frames import Quote
from core.messages import ALERT_CARD, Button, ChartPeriod, Message, Style
from core.render_watch import crossed_text
from core.types import Mode, Money, Price, Symbol, account_of, code_of, is_account, money_text, percent_text, price_text
from core.watches import Watch, WatchState

ALERT_LINES: Final = 20
"""Alerts written out in one message; the rest is counted, and all are stored."""


# -- small texts


def name_text(name: str, symbol: Symbol) -> str:
    """``贵州茅台(600519)``, or the code alone while no name is known; an account has a name alone."""
    if is_account(symbol):
        return name or account_of(symbol)
    return f"{name}({code_of(symbol)})" if name and name != symbol else symbol


def age_text(age: timedelta) -> str:
    """How long ago, in the largest fitting unit.

    >>> age_text(timedelta(seconds=4)), age_text(timedelta(minutes=200))
    ('4 秒', '3 小时 20 分钟')
    """
    seconds = max(int(age.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} 秒"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} 分钟"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} 小时 {minutes} 分钟" if minutes else f"{hours} 小时"
    return f"{hours // 24} 天"


def percent_of(quote: Quote) -> str:
    """The day's change, or an empty text when it is not known."""
    return "" if quote.percent is None else percent_text(quote.percent, sign=True)


def panic_note(by: str, at: datetime) -> str:
    return f"{by or '有人'} 于 {stamp_text(at)} 启动"


def symbols_text(symbols: Sequence[Symbol], names: Sequence[str]) -> str:
    return "、".join(name_text(name, symbol) for name, symbol in zip(names, symbols, strict=True))


# -- watches


def watch_made(watch: Watch, names: Sequence[str], account: str, mode: Mode) -> Message:
    """The read-back of a new watch."""
    buttons = (Button("撤销", f"undo {watch.id}", Style.DANGER), Button("暂停", f"pause {watch.id}"))
    text = "\n".join(_watch_lines(watch, names, account, mode))
    return Message(title=f"✅ 已开始盯盘 #{watch.number}", text=text, buttons=(buttons,))


def watch_changed(watch: Watch, names: Sequence[str], account: str, mode: Mode) -> Message:
    """The read-back of a watch as it now is."""
    lines = [*_watch_lines(watch, names, account, mode), "改错了请说“撤销”。"]
    return Message(title=f"✏️ 已修改 #{watch.number}", text="\n".join(lines))


def _watch_lines(watch: Watch, names: Sequence[str], account: str, mode: Mode) -> list[str]:
    about = f"账户：{account}·{mode.chinese}" if watch.of_account else f"标的：{scope_text(watch, names)}"
    if not watch.conditions:
        until = [f"有效：到 {watch.expires_on} 收盘"] if watch.expires_on is not None else []
        return [about, f"分析：{watch.interval_text()}", f"告诉：{watch.often_text()}", *until]
    lines = [about, f"条件：{watch.condition_text()}"]
    if watch.plan is not None:
        lines.append(f"计划：触发后出一张待确认的委托，{watch.plan.text()}（{account}·{mode.chinese}）")
        lines.append("　　　你点“确认”才会下单")
    lines.append(f"提醒：{watch.often_text()}{_cooldown(watch)}")
    lines += [f"　　　{one}" for one in watch.manner_text()]
    if watch.expires_on is not None:
        lines.append(f"有效：到 {watch.expires_on} 收盘")
    return lines


def scope_text(watch: Watch, names: Sequence[str]) -> str:
    """What a watch is about: its shares, or what it follows and how many that is now."""
    if watch.scope == "market":
        return f"全市场（{len(watch.symbols)} 只）"
    text = symbols_text(watch.symbols, names)
    followed = {"holdings": "持仓", "watchlist": "自选股"}.get(watch.scope)
    if not watch.symbols:
        return f"{followed}（现在没有持仓）"
    return text if followed is None else f"{followed}（现在 {len(watch.symbols)} 只：{text}）"


def _cooldown(watch: Watch) -> str:
    return f"，间隔至少 {age_text(watch.cooldown)}" if watch.repeat.value == "every_time" else ""


def watch_list(
    watches: Sequence[tuple[Watch, Sequence[str], str]],
    now: datetime,
    where: Callable[[str], str] = lambda account: account,
) -> Message:
    """All watches of a person.

    Args:
        watches: each with the names of its symbols and a few lines on how near it is.
        where: an account with its mode, in words, for the plans.
    """
    if not watches:
        return Message(
            title="还没有盯盘任务",
            text="直接说一句就行，例如：茅台跌破1400提醒我",
            buttons=((Button("看例子", "help"),),),
        )
    lines = []
    for watch, names, near in watches:
        lines.append(f"#{watch.number} {_state_text(watch, now)}{scope_text(watch, names)}")
        also = f"；{watch.interval_text()}" if watch.conditions and watch.check_interval is not None else ""
        lines.append(f"　{watch.condition_text()}；{watch.often_text()}{also}")
        if watch.plan is not None:
            lines.append(f"　计划：{watch.plan.text()}（{where(watch.account)}）")
        lines += [f"　{line}" for line in near.splitlines()]
    lines.append("")
    number = watches[0][0].number
    lines.append(f"管理：暂停{number}、恢复{number}、删除{number}、把{number}改成1380、/why {number}")
    return Message(title=f"📋 盯盘任务（{len(watches)}）", text="\n".join(lines))


def _state_text(watch: Watch, now: datetime) -> str:
    if watch.expired_at(now):
        return "［已到期］"
    return {WatchState.ACTIVE: "", WatchState.PAUSED: "［已暂停］", WatchState.DONE: "［已完成］"}.get(watch.state, "")


def holds_nothing(watch: Watch, sold: str) -> Message:
    """A watch on the holdings whose account has sold everything."""
    lines = [f"{sold}已经不在持仓里，现在没有持仓。", f"任务还在：{watch.condition_text()}。买入后自动接着盯。"]
    button = Button("删除", f"delete {watch.id}", Style.DANGER)
    return Message(title=f"ℹ️ 盯盘 #{watch.number} 现在没有持仓", text="\n".join(lines), buttons=((button,),))


def watch_over(watches: Sequence[Watch]) -> Message:
    lines = [f"#{watch.number} {watch.condition_text()}" for watch in watches]
    return Message(title="⌛ 盯盘任务已到期", text="\n".join([*lines, "需要继续盯，发送 /resume 加编号。"]))


# -- alerts


def headline(alert: Alert) -> str:
    """What has crossed, and where it stood then."""
    if is_account(alert.symbol):
        return f"{alert.name} 总资产 {money_text(alert.price)} 元"
    percent = f"（{percent_text(alert.percent, sign=True)}）" if alert.percent is not None else ""
    return f"{alert.name} {price_text(alert.price)}{percent}"


def alerts(items: Sequence[tuple[Watch, Alert]]) -> Message:
    """Everything that fired at once for one chat, in one message."""
    if len(items) == 1:
        watch, alert = items[0]
        return Message(
            title=f"🔔 {headline(alert)}",
            text="\n".join(_alert_lines(alert, _crossed(watch, alert))),
            buttons=_answers_to(watch, alert),
            card=f"{ALERT_CARD}{alert.id}",
            urgent=True,
        )
    lines = []
    for _watch, alert in items[:ALERT_LINES]:
        lines.append(f"{headline(alert)}：{alert.condition}（#{alert.watch_number}）")
        if alert.note:
            lines.append(f"　⚠️ {alert.note}")
    if len(items) > ALERT_LINES:
        lines.append(f"……另有 {len(items) - ALERT_LINES} 条，发送 /why 查看全部。")
    first = items[0][1]
    lines.append(f"{first.source} {time_text(first.quoted_at)}")
    waits = any(alert.escalate_at is not None for _watch, alert in items)
    buttons = (*_seen("", waits=waits), (Button("静音1小时", "silence 1h"), Button("今日不再提醒", "silence today")))
    return Message(
        title=f"🔔 {len(items)} 条提醒",
        text="\n".join(lines),
        buttons=buttons,
        card=f"{ALERT_CARD}{first.id}",
        urgent=True,
    )


def _crossed(watch: Watch, alert: Alert) -> str:
    """The line or value that was crossed, where the condition does not name it: an average, a percent, the usual."""
    conditions = [watch.conditions[index] for index in watch.groups()[alert.group]]
    return crossed_text(conditions, alert.why, alert.price)


def _answers_to(watch: Watch, alert: Alert) -> tuple[tuple[Button, ...], ...]:
    """What a person may want to do about one alert, two to a row for a phone."""
    return (
        *_seen(alert.id, waits=alert.escalate_at is not None),
        (
            Button("10分钟后再提醒", f"later {watch.id} {alert.symbol} {alert.group}"),
            Button("静音1小时", f"silence 1h {alert.symbol}"),
        ),
        (Button("今日不再提醒", f"silence today {watch.id}"), Button("改阈值", f"retune {watch.id} {alert.group}")),
        (
            Button("为什么", f"why {watch.id}"),
            Button("看图", _picture(alert.symbol)),
            Button("删除", f"delete {watch.id}", Style.DANGER),
        ),
    )


def _picture(symbol: Symbol) -> str:
    return f"curve @{account_of(symbol)}" if is_account(symbol) else f"chart {symbol} {ChartPeriod.MINUTE.value}"


def _seen(alert_id: str, *, waits: bool) -> tuple[tuple[Button, ...], ...]:
    return ((Button("知道了", f"ack {alert_id}".rstrip(), Style.CONFIRM),),) if waits else ()


def escalated(alerts: Sequence[Alert], now: datetime, *, where: str, moved: bool) -> Message:
    """Said again because nobody answered: in another chat, or where there is no other, once more in the same."""
    first = alerts[0]
    what = headline(first) if len(alerts) == 1 else f"{len(alerts)} 条提醒"
    waited = age_text(now - first.at)
    why = f"改发到这里（原来发到 {where}）" if moved else "再提醒一次"
    lines = [f"{waited}前发出后没有人回应，所以{why}。", *_brief(alerts)]
    if any(alert.ticket_id is not None for alert in alerts):
        lines.append("带委托的，请点原来那张卡片，或发送 /tickets。")
    return Message(
        title=f"🚨 没有回应：{what}",
        text="\n".join(lines),
        buttons=_seen(first.id if len(alerts) == 1 else "", waits=True),
        urgent=True,
    )


def answered(alert: Alert) -> str:
    """What came back to an alert that asked for an answer; empty where none was asked for."""
    again = f"没有回应，又提醒了 {alert.escalated} 次" if alert.escalated else ""
    if alert.acked_at is not None:
        seen = f"{alert.acked_by} 于 {stamp_text(alert.acked_at)} 看到"
        return f"{again}；{seen}" if again else seen
    if alert.escalate_at is not None:
        return f"等待回应，{time_text(alert.escalate_at)} 前没有就再次提醒"
    return again


def acknowledged() -> Message:
    return Message(text="👌 知道了，这些不会再催。")


def put_off(watch: Watch, at: datetime) -> Message:
    text = f"到 {stamp_text(at)} 如果还满足条件就再提醒，不满足就不打扰。（#{watch.number}）"
    return Message(title="⏰ 稍后提醒", text=text)


def reminded(watch: Watch, alert: Alert) -> Message:
    """An alert that was put off and still holds."""
    message = alerts([(watch, alert)])
    return message.model_copy(update={"title": f"⏰ 仍然满足：{headline(alert)}"})


def resolved(items: Sequence[tuple[Watch, str, str, Quote | None]]) -> Message:
    """What was told and is over.

    Args:
        items: each watch with the share and the condition, in words, and the quote that ended it.
    """
    lines = []
    for watch, name, condition, quote in items[:ALERT_LINES]:
        lines.append(f"{name}{_price_then(quote)}")
        lines.append(f"　不再满足：{condition}（#{watch.number}）")
    if len(items) > ALERT_LINES:
        lines.append(f"……另有 {len(items) - ALERT_LINES} 条。")
    return Message(title="✅ 已解除", text="\n".join(lines))


def _price_then(quote: Quote | None) -> str:
    """`` 1419.00（-1.20%），10:31:05``."""
    if quote is None or quote.last is None:
        return ""
    at = time_text(quote.quoted_at)
    if is_account(quote.symbol):
        return f" 总资产 {money_text(quote.last)} 元，{at}"
    percent = f"（{percent_of(quote)}）" if quote.percent is not None else ""
    return f" {price_text(quote.last)}{percent}，{at}"


def retune(watch: Watch, condition: str, hint: str, offers: Sequence[Button]) -> Message:
    """Ask for the new threshold of one condition."""
    rows = tuple(tuple(offers[start : start + 2]) for start in range(0, len(offers), 2))
    return Message(title=f"✏️ 改 #{watch.number} 的阈值", text=f"现在：{condition}\n{hint}", buttons=rows)


def _brief(alerts: Sequence[Alert]) -> list[str]:
    lines = [
        f"{stamp_text(one.at)} {headline(one)}：{one.condition}（#{one.watch_number}）" for one in alerts[:ALERT_LINES]
    ]
    if len(alerts) > ALERT_LINES:
        lines.append(f"……另有 {len(alerts) - ALERT_LINES} 条。")
    return lines


def after_storm(alerts: Sequence[Alert]) -> Message:
    """What came too fast for messages of its own."""
    lines = ["提醒太多，没有一条一条发；每一条都有记录，发送 /why 查看。", *_brief(alerts)]
    buttons = (Button("静音1小时", "silence 1h"), Button("今日不再提醒", "silence today"))
    return Message(title=f"🔔 又有 {len(alerts)} 条提醒", text="\n".join(lines), buttons=(buttons,))


def after_quiet(alerts: Sequence[Alert]) -> Message:
    """What quiet hours kept back."""
    lines = [*_brief(alerts), "这些当时没有提醒；以后再触发，照常提醒。发送 /why 查看。"]
    return Message(title=f"🌙 免打扰期间触发了 {len(alerts)} 次", text="\n".join(lines))


def quiet_hours(hours: QuietHours | None, *, changed: bool = True) -> Message:
    """The rule of quiet hours as it stands."""
    if hours is None:
        text = "要设的话，例如发送 /quiet 22:00-08:00，或者说“以后晚上10点到早上8点免打扰”。"
        return Message(title="🔔 免打扰已取消" if changed else "现在没有免打扰时段", text=text)
    passes = (
        "时段里什么提醒都不发，止损、跌停、账户亏损和带交易计划的也不发。"
        if hours.strict
        else f"止损、移动止损、跌停、账户亏损和回撤、带交易计划的提醒照常发。连这些也不要，请发送 /quiet {hours} 全部"
    )
    lines = [f"每天 {hours}", passes, "没发的会记下来，时段结束后合成一条告诉你。"]
    title = f"🌙 {'已设置' if changed else '现在的'}免打扰时段"
    return Message(title=title, text="\n".join(lines), buttons=((Button("取消免打扰", "quiet off"),),))


def alert_pictures(*, on: bool, possible: bool, changed: bool = True) -> Message:
    """Whether alerts bring a picture, as it stands.

    Args:
        possible: whether pictures are painted here at all.
    """
    if on and not possible:
        text = "但 .env 里 PICTURES=off，现在不画图。改成 light 或 dark 再重启就有了。"
        return Message(title="🖼 提醒带图已打开", text=text)
    what = "打开" if on else "关闭" if changed else "没有打开"
    text = "提醒照常立刻发出，图随后补上，画着触发的位置和你的价位。分析也带图。"
    if not on:
        text = "单个提醒下面的“看图”随时可以点。"
    other = Button("不要图", "pictures off") if on else Button("提醒带图", "pictures on")
    return Message(title=f"🖼 提醒带图{'已' if changed or on else ''}{what}", text=text, buttons=((other,),))


def reason(alert: Alert) -> str:
    """What of an alert stands on the card of its order, in every state."""
    return "\n".join([f"条件：{alert.condition}（#{alert.watch_number}）", *_gap_lines(alert)])


def _gap_lines(alert: Alert) -> list[str]:
    return ["⚠️ 这是行情中断后的第一笔价格，实际穿越可能更早。"] if alert.after_gap else []


def _alert_lines(alert: Alert, crossed: str) -> list[str]:
    lines = [
        f"条件：{alert.condition}（#{alert.watch_number}）",
        *([crossed] if crossed else []),
        f"{alert.source} {time_text(alert.quoted_at)}",
        *_gap_lines(alert),
    ]
    if alert.note:
        lines.append(f"⚠️ 没有生成委托：{alert.note}")
    return lines


def blind(since: datetime, until: datetime) -> Message:
    return Message(
        title="⚠️ 行情中断已恢复",
        text=f"{_span(since, until)} 行情中断，期间没有判断任何条件。恢复后的第一笔价格已经补判，如有触发会单独注明。",
    )


def _span(since: datetime, until: datetime) -> str:
    """``11:02–11:09``, with the days where they differ."""
    start, end = market_time(since), market_time(until)
    if start.date() == end.date():
        return f"{start:%H:%M}–{end:%H:%M}"
    return f"{stamp_text(since)} – {stamp_text(until)}"


def blind_now(since: datetime | None) -> Message:
    when = f"自 {market_time(since):%H:%M} 起" if since else "启动以来"
    return Message(
        title="⚠️ 行情中断",
        text=f"{when}没有收到新的行情，期间不判断任何条件，程序会一直重试。请检查电脑的网络或代理；恢复后会告诉你。",
    )


def silenced(silence: Silence, what: str) -> Message:
    return Message(
        title="🔕 已静音",
        text=f"{what} 到 {stamp_text(silence.ends_at)} 不再提醒。触发仍会记录，发送 /why 可以查看。",
        buttons=((Button("取消静音", "silence off"),),),
    )


# -- tickets and orders


def quote_card(quote: Quote, name: str, limits: tuple[Price | None, Price | None], now: datetime) -> Message:
    title = f"{name_text(name, quote.symbol)}"
    if quote.suspended:
        return Message(title=title, text=f"停牌，昨收 {_price(quote.preclose)}\n{_as_of(quote, now)}")
    if quote.last is None:
        return Message(title=title, text=f"今天还没有成交，昨收 {_price(quote.preclose)}\n{_as_of(quote, now)}")
    down, up = limits
    lines = [
        f"现价 {price_text(quote.last)}　{percent_of(quote)}",
        f"今开 {_price(quote.open)}　昨收 {_price(quote.preclose)}",
        f"最高 {_price(quote.high)}　最低 {_price(quote.low)}",
    ]
    if up is not None:
        lines.append(f"涨停 {_price(up)}　跌停 {_price(down)}")
    if quote.volume:
        lines.append(f"成交 {count_text(quote.volume)}股" + (f"　{count_text(quote.amount)}元" if quote.amount else ""))
    lines.append(_as_of(quote, now))
    return Message(
        title=title,
        text="\n".join(lines),
        buttons=((Button("为什么", f"why {quote.symbol}"), Button("我的持仓", "positions")),),
    )


def _as_of(quote: Quote, now: datetime) -> str:
    age = now - quote.quoted_at
    late = f"（{age_text(age)}前）" if age > timedelta(seconds=60) else ""
    return f"{quote.source} {stamp_text(quote.quoted_at)}{late}"


def _price(price: Price | None) -> str:
    return "—" if price is None else price_text(price)


def count_text(number: Decimal | int) -> str:
    """``1.25 亿``, ``370.10 万``: as large numbers are read here."""
    number = Decimal(number)
    if number >= 100_000_000:
        return f"{number / 100_000_000:.2f} 亿"
    if number >= 10_000:
        return f"{number / 10_000:.2f} 万"
    return f"{number:.0f} "


def signed(amount: Money) -> str:
    """``+1,234.50``."""
    return f"{'+' if amount > 0 else ''}{money_text(amount)}"
