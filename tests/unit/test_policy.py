"""What a policy lets through, and what it leaves to a tap."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.analysis import Action, Decision
from core.messages import Chat
from core.policy import Policy, outside
from core.tickets import Ticket
from core.types import Mode, Side, Symbol
from tests.fakes.market import market_instant

MAOTAI = Symbol("600519.SH")
NOW = market_instant("2026-11-18 10:00")


def policy(**changes: Any) -> Policy:
    given = {
        "owner": "owner",
        "chat": Chat("script", "local"),
        "by": "我(local)",
        "account": "paper",
        "mode": Mode.PAPER,
        "symbols": (MAOTAI,),
        "order_amount": Decimal(200_000),
        "day_amount": Decimal(300_000),
        "begins": time(9, 35),
        "ends": time(14, 50),
        "confidence": 70,
        "until": date(2026, 11, 24),
        "set_at": NOW,
    }
    return Policy.model_validate(given | changes)


def ticket(**changes: Any) -> Ticket:
    given = {
        "id": "T1",
        "owner": "owner",
        "chat": Chat("script", "local"),
        "account": "paper",
        "mode": Mode.PAPER,
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "side": Side.BUY,
        "shares": 100,
        "limit": Decimal(1410),
        "price": Decimal(1410),
        "quoted_at": NOW,
        "source": "手",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
    }
    return Ticket.model_validate(given | changes)


def decision(confidence: int = 70) -> Decision:
    return Decision(action=Action.BUY, confidence=confidence, reasons=(), shares=100)


def sent(yuan: int, symbol: str = "600000.SH") -> list[Ticket]:
    """What went without a tap today."""
    return [ticket(symbol=Symbol(symbol), shares=1, limit=Decimal(yuan))] if yuan else []


def rules(now: Any = NOW, used: int = 0, sure: int = 70, quoted: bool = False, **changes: Any) -> list[str]:
    found = outside(policy(), ticket(**changes), decision(sure), sent(used), now, quoted=quoted)
    return [one.rule for one in found]


def test_what_lies_inside_of_every_bound_goes_without_a_tap() -> None:
    assert rules() == []


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("policy_share", {"symbol": Symbol("600036.SH")}),
        ("policy_account", {"account": "wife"}),
        ("policy_account", {"mode": Mode.LIVE}),
        ("policy_order", {"limit": Decimal("2000.01")}),
        ("policy_two", {"approvers": 2}),
        ("policy_confidence", {"sure": 69}),
        ("policy_day", {"used": 159_001}),
        ("policy_quoted", {"quoted": True}),
        ("policy_hours", {"now": market_instant("2026-11-18 09:34:59")}),
        ("policy_hours", {"now": market_instant("2026-11-18 14:50")}),
        ("policy_over", {"now": market_instant("2026-11-25 10:00")}),
    ],
)
def test_each_bound_holds_alone(expected: str, changes: dict[str, Any]) -> None:
    assert rules(**changes) == [expected]


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": Decimal(2000)},
        {"used": 159_000},
        {"now": market_instant("2026-11-18 09:35")},
        {"now": market_instant("2026-11-18 14:49:59")},
        {"now": market_instant("2026-11-24 14:00")},
    ],
)
def test_the_bounds_themselves_are_inside(changes: dict[str, Any]) -> None:
    assert rules(**changes) == []


def test_every_refusal_says_its_number() -> None:
    found = outside(policy(), ticket(limit=Decimal(3001)), decision(60), sent(10), NOW)
    said = "；".join(one.text for one in found)
    for part in ("60%", "70%", "300,100.00", "200,000.00", "300,000.00", "10.00"):
        assert part in said


@pytest.mark.parametrize(
    "changes",
    [
        {"symbols": ()},
        {"symbols": tuple(Symbol(f"6000{n:02}.SH") for n in range(21))},
        {"order_amount": Decimal(0)},
        {"order_amount": Decimal(300_001)},
        {"begins": time(14, 50)},
        {"confidence": 49},
        {"confidence": 101},
    ],
)
def test_a_policy_without_sense_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        policy(**changes)


def test_the_stamp_changes_with_every_bound() -> None:
    changed: list[dict[str, Any]] = [
        {"symbols": (Symbol("600036.SH"),)},
        {"order_amount": Decimal(1)},
        {"day_amount": Decimal(300_001)},
        {"begins": time(9, 36)},
        {"ends": time(14, 51)},
        {"confidence": 71},
        {"until": date(2026, 11, 25)},
        {"account": "wife"},
    ]
    stamps = {policy(**one).stamp for one in changed}
    assert len(stamps) == len(changed)
    assert policy().stamp not in stamps


def test_one_side_of_a_share_goes_once_a_day() -> None:
    before = sent(10, MAOTAI)
    assert [one.rule for one in outside(policy(), ticket(), decision(), before, NOW)] == ["policy_once"]
    assert not outside(policy(), ticket(side=Side.SELL), decision(), before, NOW)
