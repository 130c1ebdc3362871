"""The built-in rules in place of a language model: no network, no state, the same answer to the same facts.

Five rules look at the daily figures and one at the position; each says up, down or nothing, and stays out where its
figures are missing.

* the price against MA20, and MA20 against MA60: the trend;
* the bar of MACD: its momentum;
* RSI12 above 70 says down (overheated), below 30 up (oversold);
* the price at the highest or lowest of 20 days: a break out;
* a position more than 8 % below its cost with the price below MA20 says down.

What is held is sold when at least :data:`CLEAR` more rules say down than up, all of it when even more do. What is not
held is bought when as many more say up, unless the price is about to reach its limit, or the way to the target is too
short for the risk. Else nothing is done. Without trend and momentum nothing is judged. The stop lies two ATR below the
price, or at the 20-day low where that is nearer; the target twice as far above. Confidence is the part of the rules
that agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, NamedTuple

from core.advice import MOST_FACTS, MOST_REASONS
from core.analysis import Action
from core.bounds import Bounds
from core.completions import Completion, Prompt, Usage
from core.errors import Malformed
from core.market import LOTS, board_of, round_down_lot
from core.ports import Model
from core.tariffs import SCRIPTED
from core.types import Price, Shares, Symbol

SHOWN: Final = "内置规则（不是大模型）"
HORIZON: Final = 5
CLEAR: Final = 2
"""How many more rules must say one thing than the other."""
HOT, COLD = Decimal(70), Decimal(30)
CUT: Final = Decimal(-8)
"""Percent of the cost at which a loss counts against a position."""
NEAR_LIMIT: Final = Decimal("0.02")
"""Of the price: so near to a limit nothing is bought."""
RISKS: Final = 2
"""ATR that a stop lies away, and how many times its distance the target does."""
NEEDED: Final = ("ma20", "ma60", "macd_bar", "atr14")
"""Figures without which nothing is judged."""
LEAST_RISK: Final = Decimal("0.01")
MOST_RISK: Final = Decimal("0.10")
"""Of the price. A stop that is nearer is hit by chance; one that is farther is none."""
PART: Final = 3
"""A buy takes one part of so many of what could be bought."""

Figures = Mapping[str, Decimal]
"""What is known, by slot; to judge by it there is all that is needed."""


class _Vote(NamedTuple):
    """What a rule says: 1 up, -1 down, 0 neither; on which figures, and in which words."""

    says: int
    facts: Sequence[str]
    text: str


def judge(given: Mapping[str, Decimal | None], bounds: Bounds) -> dict[str, Any]:
    """The advice on these figures, of the shape that :mod:`core.advice` reads; prices are Decimal.

    Args:
        given: by slot; what is missing is None or not there.
    """
    figures = {name: value for name, value in given.items() if value is not None}
    if not figures.keys() >= {*NEEDED}:
        return _still(
            figures, bounds, (), 0, _Vote(0, ("price",), "现价{{price}}，均线、MACD或波动的数据缺失，不判断。")
        )
    votes = [*_votes(figures, bounds)]
    score = sum(vote.says for vote in votes)
    if score <= -CLEAR and bounds.sellable > 0 and bounds.sealed != "down" and board_of(bounds.symbol) in LOTS:
        return _sell(figures, bounds, votes, score)
    if bounds.held <= 0 and score >= CLEAR:
        levels, veto = _levels(figures, bounds), _veto(figures, bounds)
        if levels is not None and veto is None:
            return _buy(bounds, votes, levels)
        why = veto or _Vote(0, ("atr14",), "ATR14{{atr14}}，止盈到不了，不值得冒险。")
        return _still(figures, bounds, votes, score, why)
    return _still(figures, bounds, votes, score, _in_short(bounds, votes, score))


# -- the rules


def _votes(figures: Figures, bounds: Bounds) -> Iterator[_Vote]:
    price, ma20, ma60, bar = bounds.price, figures["ma20"], figures["ma60"], figures["macd_bar"]
    yield _compared(price, ma20, ("price", "ma20"), "现价{{price}}", "20日均线{{ma20}}")
    yield _compared(ma20, ma60, ("ma20", "ma60"), "20日均线{{ma20}}", "60日均线{{ma60}}")
    text = "MACD柱{{macd_bar}}，" + ("动能向上。" if bar > 0 else "动能向下。" if bar < 0 else "没有方向。")
    yield _Vote((bar > 0) - (bar < 0), ("macd_bar",), text)
    if (rsi := figures.get("rsi12")) is not None:
        says = (rsi < COLD) - (rsi > HOT)
        text = "RSI12{{rsi12}}，" + ("超卖。" if says > 0 else "超买。" if says < 0 else "不冷不热。")
        yield _Vote(says, ("rsi12",), text)
    high, low = figures.get("high20"), figures.get("low20")
    if high is not None and low is not None and high > low:
        yield _broken(price, high, low)
    yield from _loss(figures, bounds)


def _compared(left: Decimal, right: Decimal, facts: Sequence[str], one: str, other: str) -> _Vote:
    word = "高于" if left > right else "低于" if left < right else "等于"
    return _Vote((left > right) - (left < right), facts, f"{one}，{word}{other}。")


def _broken(price: Price, high: Decimal, low: Decimal) -> _Vote:
    if price >= high:
        return _Vote(1, ("price", "high20"), "现价{{price}}，到了20日最高价{{high20}}。")
    if price <= low:
        return _Vote(-1, ("price", "low20"), "现价{{price}}，到了20日最低价{{low20}}。")
    return _Vote(0, ("high20", "low20"), "在20日最低价{{low20}}，和20日最高价{{high20}}之间。")


def _loss(figures: Figures, bounds: Bounds) -> Iterator[_Vote]:
    gain = figures.get("profit_percent")
    if bounds.held > 0 and gain is not None and gain < CUT and bounds.price < figures["ma20"]:
        yield _Vote(-1, ("profit_percent",), "盈亏比例{{profit_percent}}，亏得多了，趋势也不好。")


# -- what follows from them


def _veto(figures: Figures, bounds: Bounds) -> _Vote | None:
    """Why it cannot be bought, or not now."""
    room = bounds.price * NEAR_LIMIT
    if bounds.upper is not None and bounds.price + room > bounds.upper:
        return _vetoed(figures, "upper", "涨停价{{upper}}，离得太近，不追。")
    if bounds.lower is not None and bounds.price - room < bounds.lower:
        return _vetoed(figures, "lower", "跌停价{{lower}}，离得太近，不接。")
    if _size(bounds) == 0:
        return _vetoed(figures, "most", "最多可买{{most}}，不够一笔。")
    return None


def _vetoed(figures: Figures, name: str, text: str) -> _Vote:
    return _Vote(0, (name,), text) if name in figures else _Vote(0, ("price",), "现价{{price}}，现在不能买。")


def _buy(bounds: Bounds, votes: Sequence[_Vote], levels: tuple[Price, Price]) -> dict[str, Any]:
    target, stop = levels
    return _answer(
        bounds,
        Action.BUY,
        votes,
        1,
        entry=bounds.price,
        take_profit=target,
        stop_loss=stop,
        size=_size(bounds),
        wrong_if="跌破止损价{{stop_loss}}，上涨的判断就错了。",
    )


def _sell(figures: Figures, bounds: Bounds, votes: Sequence[_Vote], score: int) -> dict[str, Any]:
    board = board_of(bounds.symbol)
    half = round_down_lot(board, bounds.sellable // 2)
    shares = bounds.sellable if score < -CLEAR or half == 0 else half
    shares = shares if shares <= LOTS[board].maximum else round_down_lot(board, shares)
    levels = _levels(figures, bounds) if shares < bounds.held else None
    target, stop = levels or (None, None)
    return _answer(
        bounds,
        Action.SELL,
        votes,
        -1,
        entry=bounds.price,
        take_profit=target,
        stop_loss=stop,
        size=shares,
        wrong_if="重新站上20日均线{{ma20}}，下跌的判断就错了。",
    )


def _still(figures: Figures, bounds: Bounds, votes: Sequence[_Vote], score: int, why: _Vote) -> dict[str, Any]:
    """Hold what is held, wait for what is not; ``why`` comes first."""
    if bounds.held <= 0:
        return _answer(bounds, Action.WAIT, votes, 0, why=why, wrong_if="从现价{{price}}很快大涨，说明看错了。")
    target, stop = (_levels(figures, bounds) if votes else None) or (None, None)
    wrong_if = (
        "跌破止损价{{stop_loss}}，就不该再拿着。" if stop is not None else "从现价{{price}}很快大跌，说明看错了。"
    )
    way = int(score > 0)
    return _answer(bounds, Action.HOLD, votes, way, why=why, take_profit=target, stop_loss=stop, wrong_if=wrong_if)


def _in_short(bounds: Bounds, votes: Sequence[_Vote], score: int) -> _Vote:
    """Why nothing is done where nothing stands in the way."""
    facts = tuple(dict.fromkeys(name for vote in votes for name in vote.facts))[:MOST_FACTS]
    text = "看涨和看跌的规则差不多，先不动。"
    if score >= CLEAR:
        text = "看涨的规则多，继续拿着。"
    elif score <= -CLEAR:
        text = "看跌的规则多，可是现在卖不掉。" if bounds.held > 0 else "看跌的规则多，不买。"
    return _Vote(0, facts, text)


def _levels(figures: Figures, bounds: Bounds) -> tuple[Price, Price] | None:
    """Target and stop on the tick; None where the limits leave no target worth the risk."""
    atr, low20 = figures["atr14"], figures.get("low20")
    if atr <= 0:
        return None
    price, tick = bounds.price, bounds.tick
    risk = RISKS * atr if low20 is None or low20 >= price else min(RISKS * atr, price - low20)
    risk = min(max(risk, price * LEAST_RISK, tick), price * MOST_RISK)
    low, high = bounds.reach(HORIZON, price)
    stop = max(_on_tick(price - risk, tick, ROUND_FLOOR), _on_tick(low, tick, ROUND_CEILING))
    target = min(_on_tick(price + RISKS * risk, tick, ROUND_CEILING), _on_tick(high, tick, ROUND_FLOOR))
    return (target, stop) if 0 < stop < price and target - price > price - stop else None


def _on_tick(price: Price, tick: Price, rounding: str) -> Price:
    return (price / tick).to_integral_value(rounding) * tick


def _size(bounds: Bounds) -> Shares | None:
    """Shares of a buy: 0 where not one order can be had, None where there is no account."""
    board = board_of(bounds.symbol)
    if board not in LOTS:
        return 0
    if bounds.most is None:
        return None
    # The smallest order, where a part of what could be bought is none.
    return round_down_lot(board, max(bounds.most // PART, min(bounds.most, LOTS[board].minimum)))


def _answer(
    bounds: Bounds,
    action: Action,
    votes: Sequence[_Vote],
    way: int,
    *,
    wrong_if: str,
    why: _Vote | None = None,
    entry: Price | None = None,
    take_profit: Price | None = None,
    stop_loss: Price | None = None,
    size: Shares | None = None,
) -> dict[str, Any]:
    """With the reasons that speak for it first; those against it are told too."""
    told = sorted(votes, key=lambda vote: -vote.says * way if way else -abs(vote.says))
    told = [*([] if why is None else [why]), *told][:MOST_REASONS]
    return {
        "code": bounds.symbol,
        "name": bounds.name,
        "price": bounds.price,
        "action": str(action),
        "confidence": _confidence(votes, way),
        "reasons": [{"facts": [*vote.facts], "text": vote.text} for vote in told],
        "entry": entry,
        "take_profit": take_profit,
        "stop_loss": stop_loss,
        "size": size,
        "horizon": HORIZON,
        "wrong_if": wrong_if,
    }


def _confidence(votes: Sequence[_Vote], way: int) -> int:
    """Percent of the rules that say so; of doing nothing, how far they are from agreeing on anything."""
    if not votes:
        return 0
    if way:
        return 100 * sum(vote.says == way for vote in votes) // len(votes)
    return 100 * (len(votes) - abs(sum(vote.says for vote in votes))) // len(votes)


# -- as a model


class ScriptedModel:
    """Answers a prompt of :mod:`core.advice` by the rules."""

    name = SCRIPTED

    async def complete(self, prompt: Prompt) -> Completion:
        try:
            figures, bounds = _facts(prompt.turns[0].text)
        except (LookupError, TypeError, ValueError, ArithmeticError):
            raise Malformed(SHOWN, "只会读分析用的事实，读不了这个问题") from None
        return Completion(text=_written(judge(figures, bounds)), model=SCRIPTED, usage=Usage())

    async def close(self) -> None:
        pass

    def describe(self) -> str:
        return SHOWN


def connect() -> Model:
    return ScriptedModel()


_BLOCK: Final = re.compile("<事实>\n(.*?)\n</事实>", re.DOTALL)


def _facts(text: str) -> tuple[dict[str, Decimal | None], Bounds]:
    """What the question tells. Raises whatever comes of it where it is another question."""
    block = _BLOCK.search(text)
    if block is None:
        raise ValueError("no facts")
    told = json.loads(block[1])
    figures = {
        one["槽"]: Decimal(one["值"]) if "值" in one else None for group in told["分组"] for one in group["数据"]
    }
    share, within = told["证券"], told["边界"]
    price, lower, upper = (_price(within[name]) for name in ("现价", "跌停价", "涨停价"))
    if price is None:
        raise ValueError("no price")
    sealed = figures.get("sealed_shares") is not None
    return figures, Bounds(
        symbol=Symbol(share["代码"]),
        name=share["名称"],
        price=price,
        tick=Decimal(share["最小变动"]),
        lower=lower,
        upper=upper,
        sealed=None if not sealed else "up" if price == upper else "down",
        held=int(figures.get("held") or 0),
        sellable=within["可卖"],
        most=within["最多可买"] if within["账户"] else None,
    )


def _price(told: str | None) -> Price | None:
    return None if told is None else Decimal(told)


def _written(answer: dict[str, Any]) -> str:
    """As JSON whose prices are numbers, every digit as it is."""
    text = json.dumps(answer, ensure_ascii=False, default=lambda price: f"\0{price}")
    return re.sub(r'"\\u0000([0-9.]+)"', r"\1", text)
