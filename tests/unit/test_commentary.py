"""What of the analyses of a watch is told: what is new, and what comes near to a level."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.analysis import Action, Analysis, Decision, Occasion, Reason
from core.commentary import near, why_told
from core.messages import Chat
from core.types import Symbol

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)


def a_decision(action: Action = Action.HOLD, **fields: Any) -> Decision:
    return Decision(action=action, confidence=60, reasons=(Reason(facts=("ma20",), text="站上 20 日线。"),), **fields)


def an_analysis(decision: Decision | None, price: str = "100", problem: str = "") -> Analysis:
    return Analysis(
        id="A1",
        at=AT,
        owner="owner",
        chat=Chat("script", "local"),
        account="paper",
        symbol=Symbol("600519.SH"),
        name="贵州茅台",
        occasion=Occasion.INTERVAL,
        pack="0",
        price=Decimal(price),
        quoted_at=AT,
        prompt="v1",
        model_asked="scripted",
        decision=decision,
        problem=problem,
    )


HOLDS = an_analysis(a_decision())
GUARDED = a_decision(take_profit=Decimal(110), stop_loss=Decimal(95))


def test_the_first_one_is_told() -> None:
    assert why_told(HOLDS, None, always=False).startswith("第一次")


def test_what_was_said_before_is_not_told_again() -> None:
    assert why_told(HOLDS, HOLDS, always=False) == ""
    assert why_told(HOLDS, HOLDS, always=True) == "每次都告诉你"


def test_another_advice_is_told() -> None:
    sells = an_analysis(a_decision(Action.SELL))
    assert why_told(sells, HOLDS, always=False) == "建议从持有变成卖出"


@pytest.mark.parametrize(
    ("was", "becomes", "news"),
    [
        (Action.BUY, Action.HOLD, False),
        (Action.SELL, Action.WAIT, False),
        (Action.WAIT, Action.HOLD, False),
        (Action.BUY, Action.WAIT, True),
        (Action.HOLD, Action.BUY, True),
        (Action.SELL, Action.HOLD, True),
    ],
)
def test_what_only_follows_from_a_trade_is_no_news(was: Action, becomes: Action, news: bool) -> None:
    before, after = (an_analysis(a_decision(action)) for action in (was, becomes))
    assert bool(why_told(after, before, always=False)) is news


@pytest.mark.parametrize(
    ("price", "level"),
    [("96", ""), ("95.95", "止损"), ("94.2", "止损"), ("94", ""), ("108.9", ""), ("108.92", "止盈"), ("111", "止盈")],
)
def test_a_level_is_near_within_one_percent(price: str, level: str) -> None:
    assert near(an_analysis(GUARDED, price)) == level


def test_coming_near_to_a_level_is_told_once() -> None:
    far, close, closer = (an_analysis(GUARDED, price) for price in ("100", "95.5", "95.2"))
    assert why_told(close, far, always=False) == "价格接近止损"
    assert why_told(closer, close, always=False) == ""
    assert why_told(an_analysis(GUARDED, "109.5"), close, always=False) == "价格接近止盈"


def test_that_there_is_no_result_any_more_is_told_once() -> None:
    nothing = an_analysis(None, problem="今天已达预算。")
    assert why_told(nothing, HOLDS, always=False) == "这次没有结果"
    assert why_told(nothing, nothing, always=False) == ""
    assert why_told(HOLDS, nothing, always=False) == "又有结果了"
