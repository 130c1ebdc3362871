"""A request said back in our own words: what a person agrees to before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from bot.language.request import (
    ACCOUNT_KINDS,
    KIND_TEXT,
    Action,
    Ask,
    Draft,
    Intent,
    Request,
    Task,
    condition_of,
    lacks_value,
)
from core.clock import stamp_text
from core.errors import Invalid
from core.messages import ChartPeriod
from core.types import Symbol, money_text, percent_text, price_text
from core.watches import Repeat
from core.zones import plain_text

NameOf = Callable[[Symbol], str]
"""How a share is written for people: name and code."""


def read_back(request: Request, name_of: NameOf) -> str:
    """What would be done, in one line or a few.

    >>> from bot.language.request import Draft
    >>> drafts = (Draft(kind="price_below", value=Decimal(1400), unit="yuan"),)
    >>> read_back(Request(intent="watch_create", symbols=("600519.SH",), conditions=drafts), lambda symbol: "茅台")
    '盯 茅台：跌到 1400.00 及以下'
    """
    said = _SAID.get(request.intent, _plain)
    return said(request, name_of)


# --- pieces


def _which(request: Request, name_of: NameOf) -> str:
    """The shares, watches or orders that are meant."""
    if request.ambiguous:
        return "、".join(f"“{one.text}”（有好几只，接着会让你选）" for one in request.ambiguous)
    if request.symbols:
        return "、".join(map(name_of, request.symbols))
    if request.targets:
        return "、".join({"all": "全部", "last": "最近的一个"}.get(one, one) for one in request.targets)
    return {"holdings": "所有持仓", "watchlist": "自选股", "market": "全市场"}.get(request.scope or "", "")


def condition_text(draft: Draft) -> str:
    """A condition as its watch will show it; what it still lacks is said."""
    if draft.kind == "price_reach" and draft.value is not None:
        return f"到 {price_text(draft.value)}"
    if draft.direction != "either" and not lacks_value(draft):
        try:
            return condition_of(draft).text()
        except Invalid:
            pass  # what only the market can fill in is missing: said in its own words below
    value = "" if draft.value is None else f" {plain_text(draft.value)}{'%' if draft.unit == 'pct' else ''}"
    lacking = "（数值还没说）" if lacks_value(draft) else ""
    origin = "从现在起" if draft.reference == "last" else ""
    return f"{origin}{KIND_TEXT[draft.kind]}{value}{lacking}"


def _conditions(drafts: Sequence[Draft], combine: str | None) -> str:
    if not drafts:
        return "条件还没说"
    return (" 并且 " if combine == "all" else " 或者 ").join(map(condition_text, drafts))


def action_text(action: Action, symbol: str = "") -> str:
    """``买入 贵州茅台(600519) 100 股，限价 1380.00``; what it still lacks is said."""
    if action.shares is not None:
        quantity = f"{action.shares} 股"
    elif action.amount is not None:
        quantity = f"{money_text(action.amount)} 元"
    elif action.fraction is None:
        quantity = "（数量还没说）"
    elif action.side == "sell":
        quantity = "全部可卖的" if action.fraction == 1 else f"可卖的 {percent_text(action.fraction * 100)}"
    else:
        quantity = "全部可用资金" if action.fraction == 1 else f"可用资金的 {percent_text(action.fraction * 100)}"
    price = f"限价 {price_text(action.price)}" if isinstance(action.price, Decimal) else "按当时的对手价"
    return " ".join(word for word in (action.side.chinese, symbol, quantity) if word) + f"，{price}"


def _options(request: Request) -> list[str]:
    """How often, how long, by which way."""
    found = []
    if request.repeat is not None:
        found.append(Repeat(request.repeat).chinese)
    if request.cooldown_s is not None:
        found.append(f"{_span(request.cooldown_s)}内不重复")
    if request.expiry is not None:
        found.append(f"到 {request.expiry} 为止")
    if request.only_held:
        found.append("只在持有时提醒")
    if request.resolved:
        found.append("恢复后也说一声")
    if request.top is not None:
        found.append(f"一次最多列 {request.top} 只")
    if request.band is not None:
        found.append(f"离开触发线 {percent_text(request.band)} 后才重新待命")
    if request.escalate_s is not None:
        found.append(f"{_span(request.escalate_s)}没有回应，就换下一个渠道")
    if request.analyze_s is not None:
        found.append(f"盘中每 {_span(request.analyze_s)}分析一次" if request.analyze_s else "不再定时分析")
    if others := [one for one in request.channels if one != "chat"]:
        found.append(f"也发到 {'、'.join(others)}")
    return found


def _span(seconds: int) -> str:
    """``10 分钟``."""
    for size, unit in ((86_400, "天"), (3600, "小时"), (60, "分钟")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"


def _account(request: Request) -> str:
    return {"paper": "模拟账户", "wife": "老婆的账户"}.get(request.account or "", "")


def _days(request: Request) -> str:
    if request.date_from is None:
        return ""
    if request.date_to is None or request.date_to == request.date_from:
        return f"{request.date_from}" if request.date_to else f"{request.date_from} 以来"
    return f"{request.date_from} 到 {request.date_to}"


# --- by what is asked for


def _watch(request: Request, name_of: NameOf) -> str:
    tasks = request.tasks or (Task(symbols=request.symbols, conditions=request.conditions, combine=request.combine),)
    lines = []
    for task in tasks:
        whole = any(draft.kind in ACCOUNT_KINDS for draft in task.conditions)
        own = "、".join(map(name_of, task.symbols)) or _which(request, name_of)
        lines.append(
            f"盯 {own or ('账户' if whole else '（股票还没说）')}：{_conditions(task.conditions, task.combine)}"
        )
    if request.action is not None:
        lines.append(f"到了出一张委托等你确认：{action_text(request.action)}")
    if more := [*_options(request), *([_account(request)] if request.account else [])]:
        lines.append("，".join(more))
    return "\n".join(lines)


def _change(request: Request, name_of: NameOf) -> str:
    parts = [_conditions(request.conditions, request.combine)] if request.conditions else []
    if request.action is not None:
        parts.append(f"到了出一张委托等你确认：{action_text(request.action)}")
    parts += _options(request)
    which = _which(request, name_of) or "最近的一个"
    return f"修改盯盘任务 {which}，改成：{'，'.join(parts) or '（改什么还没说）'}"


def _order(request: Request, name_of: NameOf) -> str:
    assert request.action is not None
    return action_text(request.action, _which(request, name_of) or "（股票还没说）")


def _silence(request: Request, name_of: NameOf) -> str:
    if request.off:
        return "取消静音"
    span = _span(request.duration_s or 3600) if request.until is None else f"到 {stamp_text(request.until)}"
    return " ".join(word for word in ("静音", _which(request, name_of) or "全部提醒", span) if word)


def _setting(request: Request, _name_of: NameOf) -> str:
    if request.setting is None:
        return "查看设置"
    value = request.setting.value
    shown = plain_text(value) if isinstance(value, Decimal) else _SWITCHED.get(value, value)
    return f"设置：{_SETTINGS[request.setting.key]}改为 {shown}"


_SWITCHED: Final = {"on": "开", "off": "关"}
_SETTINGS: Final = {
    "default_channel": "默认提醒渠道",
    "default_account": "默认账户",
    "default_interval_s": "默认间隔（秒）",
    "quiet_hours": "免打扰时段",
    "alert_pictures": "提醒带图",
    "alert_comments": "提醒后的点评",
    "max_order_amount": "单笔金额上限（元）",
    "approval_threshold": "需要确认的金额（元）",
    "approval_mode": "确认方式",
}


def _plain(request: Request, name_of: NameOf) -> str:
    period = ChartPeriod(request.chart_period).chinese if request.chart_period else ""
    words = (
        _VERBS[request.intent],
        _account(request),
        _which(request, name_of),
        period,
        _ASKED.get(request.ask, "") if request.ask else "",
        _days(request),
    )
    return " ".join(word for word in words if word)


_VERBS: Final[dict[Intent, str]] = {
    "watch_pause": "暂停盯盘任务",
    "watch_resume": "恢复盯盘任务",
    "watch_delete": "删除盯盘任务",
    "watch_list": "列出盯盘任务",
    "positions_query": "查持仓",
    "account_query": "查账户",
    "quote_query": "查行情",
    "history_query": "查记录",
    "orders_query": "查委托",
    "analyze": "分析",
    "chart": "看图",
    "order_cancel": "撤单",
    "help": "看帮助",
    "favourite_add": "加入自选",
    "favourite_remove": "从自选删除",
    "favourite_list": "看自选股",
    "report": "看报告",
    "ack": "知道了",
    "snooze": "稍后再提醒",
    "unknown": "没有听懂",
    "draft_confirm": "看待确认的委托",
    "draft_cancel": "取消",
}
_ASKED: Final[dict[Ask, str]] = {
    "list": "列表",
    "pnl_total": "总盈亏",
    "pnl_today": "今天的盈亏",
    "best": "赚得最多的",
    "worst": "亏得最多的",
    "largest": "仓位最重的",
    "losers": "亏损的",
    "weight": "占比",
    "cost": "成本",
    "quantity": "数量",
    "sellable": "可卖数量",
    "holding_days": "持有天数",
    "available_cash": "可用资金",
    "total_asset": "总资产",
    "position_ratio": "仓位",
    "frozen_cash": "冻结资金",
    "withdrawable": "可取资金",
    "price": "现价",
    "change_pct": "涨跌幅",
    "high": "最高价",
    "limit_up_price": "涨停价",
    "turnover": "成交",
    "trades": "成交记录",
    "alerts": "提醒记录",
    "decisions": "决定记录",
    "score": "建议准不准",
    "realized_pnl": "已实现盈亏",
    "asset_curve": "资产曲线",
    "open": "未完成的",
    "filled": "已成交的",
}
_SAID: Final[dict[Intent, Callable[[Request, NameOf], str]]] = {
    "watch_create": _watch,
    "watch_update": _change,
    "order_buy": _order,
    "order_sell": _order,
    "silence": _silence,
    "settings": _setting,
}
