"""What a request still lacks, asked one thing at a time, with buttons where the answers are few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final

from bot.command import Context
from bot.commands import targets
from bot.language.request import KIND_TEXT, NEED_DAYS, KindName, Request, lacks_value
from core.errors import Invalid
from core.market import Board, board_of, lot_problem, tick
from core.messages import Button, Message
from core.render import name_text
from core.render_checks import in_short
from core.types import Side, Symbol, code_of, is_account, price_text

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
        raise Invalid(
            "没有认出是哪只股票。请写全名或六位代码，例如：贵州茅台 或 600519。只有沪深北的股票、场内 ETF 和主要指数。"
        )
    if "lot_size" in request.problems:
        raise Invalid(_lot_problem(request))
    for doubt in request.ambiguous:
        choices = tuple(doubt.candidates)
        _ask(ctx, request, "symbols", choices)
        return _which(ctx, doubt.text, choices)
    if swapped := _swapped(ctx, request):
        return swapped
    for slot in request.missing:
        if slot in optional:
            continue
        question, hint = _QUESTIONS[slot] if request.intent != "order_cancel" else _WHICH_ORDER
        if slot == "value":
            question, hint = _value_asked(request)
        _ask(ctx, request, slot)
        if slot == "symbols" and request.action is not None and request.intent.startswith("order"):
            question = f"{request.action.side.chinese}哪一只？"
        if slot == "quantity" and request.action is not None and isinstance(request.action.price, Decimal):
            question = f"限价 {price_text(request.action.price)}，{question}"
        named = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in request.symbols)
        return Message(title=named, text=f"{hint}\n{question}", buttons=_answers(ctx, request, slot))
    return None


def _ask(ctx: Context, request: Request, slot: str, choices: tuple[Symbol, ...] = ()) -> None:
    turn = ctx.house.clock.new_id()
    ctx.dialogue = ctx.dialogue.asking(request, slot, turn, ctx.house.now(), choices)


def _swapped(ctx: Context, request: Request) -> Message | None:
    """A range written the wrong way round, asked back the right way; the answer replaces the only condition."""
    if len(request.conditions) != 1 or request.conditions[0].kind != "enter_range":
        return None
    [said] = request.conditions
    if said.low is None or said.high is None or said.low <= said.high:
        return None
    low, high = f"{said.high:f}", f"{said.low:f}"
    _ask(ctx, request, "conditions")
    return Message(
        text=f"区间要从小写到大，现在写的是 {high} 到 {low}。\n是不是：",
        buttons=((Button(f"{low}～{high}", ctx.dialogue.answer(f"{low}到{high}之间")),),),
    )


def _value_asked(request: Request) -> tuple[str, str]:
    """What number is lacking: days, a percent, or either."""
    lacking = _lacking(request)
    if lacking & NEED_DAYS:
        return f"多少个交易日的{'、'.join(sorted(KIND_TEXT[kind] for kind in lacking))}？", _DAYS_HINT
    if lacking and lacking <= _PERCENTS:
        return "幅度是多少？", "例如：3%"
    if lacking == {"indicator"}:
        return "是哪个指标？", "例如：MACD、KDJ。均线请说“5日线上穿10日线”"
    if lacking and lacking <= _LEVELS:
        return "什么价格，或者哪条均线？", "例如：1400、20日线、成本价"
    return _QUESTIONS["value"]


def _lacking(request: Request) -> frozenset[KindName]:
    """Kinds of condition whose number was not said."""
    drafts = (*request.conditions, *(draft for task in request.tasks for draft in task.conditions))
    return frozenset(draft.kind for draft in drafts if lacks_value(draft))


_PERCENTS: Final = frozenset({"gap_up", "gap_down", "speed"})
_LEVELS: Final = frozenset({"price_above", "price_below"})
_DAYS_HINT: Final = "例如：20日、60日、半年、一年。行情只保存最近 250 个交易日，更早的历史新高和新低看不到"


def _which(ctx: Context, word: str, choices: tuple[Symbol, ...]) -> Message:
    rows = tuple((_named(ctx, symbol),) for symbol in choices[:8])
    if len(rows) == 1:
        return Message(text=f"没有“{word}”这个名字。\n是不是：", buttons=rows)
    return Message(text=f"点一下，或者回复“第1个”这样的话：\n“{word}”是哪一只？", buttons=rows)


def _named(ctx: Context, symbol: Symbol) -> Button:
    return Button(name_text(ctx.house.name(symbol), symbol), ctx.dialogue.answer(symbol))


def _answers(ctx: Context, request: Request, slot: str) -> tuple[tuple[Button, ...], ...]:
    """The likely answers, as buttons that say what a person would type."""
    if slot == "symbols":
        return _rows([_named(ctx, symbol) for symbol in _at_hand(ctx, request)], wide=2)
    if slot == "targets" and request.intent in _OF_WATCHES:
        mine = ctx.house.watchlist.of(ctx.person.owner)[:_MANY]
        named = [(in_short(one, ctx.house.name), f"#{one.number}") for one in mine]
        return _rows([Button(label, ctx.dialogue.answer(said)) for label, said in named], wide=1)
    return _rows([Button(word, ctx.dialogue.answer(word)) for word in _words(ctx, request, slot)], wide=4)


def _rows(buttons: Sequence[Button], *, wide: int) -> tuple[tuple[Button, ...], ...]:
    return tuple(tuple(buttons[at : at + wide]) for at in range(0, len(buttons), wide))


_MANY: Final = 6
_OF_WATCHES: Final = frozenset({"watch_update", "watch_pause", "watch_resume", "watch_delete"})


def _at_hand(ctx: Context, request: Request) -> Sequence[Symbol]:
    """What the person may mean: what was spoken of, is held, is watched. Only what is held can be sold."""
    house = ctx.house
    said = request.account if request.account in {"paper", "wife"} else None
    mine = [one.account for one in targets.accounts(ctx) if said in {None, one.account}]
    account = house.brokerage.account(mine[0]) if mine else None
    held = [position.symbol for position in account.positions if position.shares] if account is not None else []
    if request.intent == "order_sell":
        return held[:_MANY]
    named = [one for one in house.watchlist.of(ctx.person.owner) if one.scope == "symbols"]
    watched = [symbol for one in named for symbol in one.symbols]
    found = dict.fromkeys(one for one in (*ctx.dialogue.last_symbols, *held, *watched) if not is_account(one))
    traded = [one for one in found if request.action is None or board_of(one) is not Board.INDEX]
    return traded[:_MANY]


def _words(ctx: Context, request: Request, slot: str) -> Sequence[str]:
    """Likely answers that are said as they stand."""
    if slot == "quantity" and request.action is not None:
        return ("一半", "全部") if request.action.side is Side.SELL else ("100股", "200股", "1000股")
    if slot == "conditions":
        return ("涨3%", "跌3%", "涨停", "跌停")
    if slot != "value":
        return ()
    lacking = _lacking(request)
    if lacking & NEED_DAYS:
        return ("20日", "60日", "一年")
    if lacking == {"indicator"}:
        return ("MACD", "KDJ")
    if lacking <= _PERCENTS | {"pct_up", "pct_down"}:
        return ("1%", "3%", "5%")
    return _prices_near(ctx, request.symbols, _STEPS[lacking]) if lacking in _STEPS else ()


_STEPS: Final = {frozenset({"price_above"}): (2, 3, 5, 8), frozenset({"price_below"}): (-2, -3, -5, -8)}
"""Percent from the price of now."""


def _prices_near(ctx: Context, symbols: Sequence[Symbol], steps: Sequence[int]) -> Sequence[str]:
    """Round prices near the one of now, where it is one share and its price is known."""
    quote = ctx.house.engine.quote(symbols[0]) if len(symbols) == 1 else None
    if quote is None or not quote.last:
        return ()
    size = max(Decimal(1).scaleb(quote.last.adjusted() - 2), tick(board_of(symbols[0])))
    near = [(quote.last * (100 + step) / 100 / size).to_integral_value() * size for step in steps]
    return [price_text(one) for one in near]


def _lot_problem(request: Request) -> str:
    shares = request.action.shares if request.action is not None and request.action.shares else 0
    for symbol in request.symbols:
        problem = lot_problem(board_of(symbol), Side.BUY, shares, 0)
        if problem is not None:
            return f"{code_of(symbol)}：{problem}"
    return f"{shares} 股不是整手。主板和创业板买入要 100 股的整数倍，科创板至少 200 股。"
