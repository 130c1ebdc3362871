"""What a request still lacks, asked one thing at a time, with buttons where the answers are few."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from bot.command import Context
from bot.language.request import KIND_TEXT, NEED_DAYS, Request, lacks_value
from core.errors import Invalid
from core.market import board_of, lot_problem
from core.messages import Button, Message
from core.render import name_text
from core.types import Side, Symbol, code_of, price_text

_QUESTIONS: Final = {
    "symbols": ("盯哪一只？", "请写股票名或六位代码，例如：茅台"),
    "conditions": ("到什么价格、涨跌多少提醒？", "例如：跌破1400、涨3%、涨停打开"),
    "value": ("价格或幅度是多少？", "例如：1400，或者 3%"),
    "price": ("什么价格？", "例如：1400，或者“现价”"),
    "quantity": ("多少？", "请带上单位，例如：100股、2手、3万元"),
    "targets": ("是哪一个？", "请写编号，例如：3。发送 /list 看编号"),
}

_WHICH_ORDER: Final = ("撤哪一笔？", "请说股票名，或者“全部撤单”；也可以发送 /orders，点那一笔的“撤单”")


def about(ctx: Context, request: Request, optional: Collection[str] = ()) -> Message | None:
    """The question to ask, remembered in the dialogue; None when nothing is lacking.

    Args:
        optional: slots that need not be asked for.

    Raises:
        Invalid: something that cannot be asked, only corrected.
    """
    if "unknown_symbol" in request.problems:
        raise Invalid("没有认出是哪只股票。请写全名或六位代码，例如：贵州茅台 或 600519。")
    if "lot_size" in request.problems:
        raise Invalid(_lot_problem(request))
    for doubt in request.ambiguous:
        choices = tuple(doubt.candidates)
        ctx.dialogue = ctx.dialogue.asking(request, "symbols", ctx.house.now(), choices)
        return _which(ctx, doubt.text, choices)
    if swapped := _swapped(ctx, request):
        return swapped
    for slot in request.missing:
        if slot in optional:
            continue
        question, hint = _QUESTIONS[slot] if request.intent != "order_cancel" else _WHICH_ORDER
        if slot == "value":
            question, hint = _value_asked(request)
        ctx.dialogue = ctx.dialogue.asking(request, slot, ctx.house.now())
        if slot == "symbols" and request.action is not None and request.intent.startswith("order"):
            question = f"{request.action.side.chinese}哪一只？"
        if slot == "quantity" and request.action is not None and isinstance(request.action.price, Decimal):
            question = f"限价 {price_text(request.action.price)}，{question}"
        named = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in request.symbols)
        return Message(title=named, text=f"{hint}\n{question}", buttons=_answers(request, slot))
    return None


def _swapped(ctx: Context, request: Request) -> Message | None:
    """A range written the wrong way round, asked back the right way; the answer replaces the only condition."""
    if len(request.conditions) != 1 or request.conditions[0].kind != "enter_range":
        return None
    [said] = request.conditions
    if said.low is None or said.high is None or said.low <= said.high:
        return None
    low, high = f"{said.high:f}", f"{said.low:f}"
    ctx.dialogue = ctx.dialogue.asking(request, "conditions", ctx.house.now())
    return Message(
        text=f"区间要从小写到大，现在写的是 {high} 到 {low}。\n是不是：",
        buttons=((Button(f"{low}～{high}", f"answer {low}到{high}之间"),),),
    )


def _value_asked(request: Request) -> tuple[str, str]:
    """What number is lacking: days, a percent, or either."""
    drafts = (*request.conditions, *(draft for task in request.tasks for draft in task.conditions))
    lacking = {draft.kind for draft in drafts if lacks_value(draft)}
    if lacking & NEED_DAYS:
        return f"多少个交易日的{'、'.join(sorted(KIND_TEXT[kind] for kind in lacking))}？", _DAYS_HINT
    if lacking and lacking <= _PERCENTS:
        return "幅度是多少？", "例如：3%"
    if lacking == {"indicator"}:
        return "是哪个指标？", "例如：MACD、KDJ。均线请说“5日线上穿10日线”"
    if lacking and lacking <= _LEVELS:
        return "什么价格，或者哪条均线？", "例如：1400、20日线、成本价"
    return _QUESTIONS["value"]


_PERCENTS: Final = frozenset({"gap_up", "gap_down", "speed"})
_LEVELS: Final = frozenset({"price_above", "price_below"})
_DAYS_HINT: Final = "例如：20日、60日、半年、一年。行情只保存最近 250 个交易日，更早的历史新高和新低看不到"


def _which(ctx: Context, word: str, choices: tuple[Symbol, ...]) -> Message:
    rows = tuple((Button(name_text(ctx.house.name(symbol), symbol), f"choose {symbol}"),) for symbol in choices[:8])
    return Message(text=f"点一下，或者回复“第1个”这样的话：\n“{word}”是哪一只？", buttons=rows)


def _answers(request: Request, slot: str) -> tuple[tuple[Button, ...], ...]:
    if slot == "value" and any(draft.kind == "indicator" and lacks_value(draft) for draft in request.conditions):
        return ((Button("MACD", "answer MACD"), Button("KDJ", "answer KDJ")),)
    if slot != "quantity" or request.action is None:
        return ()
    if request.action.side == "sell":
        return ((Button("一半", "answer 一半"), Button("全部", "answer 全部")),)
    return ((Button("100股", "answer 100股"), Button("200股", "answer 200股"), Button("1000股", "answer 1000股")),)


def _lot_problem(request: Request) -> str:
    shares = request.action.shares if request.action is not None and request.action.shares else 0
    for symbol in request.symbols:
        problem = lot_problem(board_of(symbol), Side.BUY, shares, 0)
        if problem is not None:
            return f"{code_of(symbol)}：{problem}"
    return f"{shares} 股不是整手。主板和创业板买入要 100 股的整数倍，科创板至少 200 股。"
