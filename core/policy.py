"""Policy: inside of which bounds a person lets an advice be traded without a tap. Off unless somebody has set one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, Self

from pydantic import Field, model_validator

from core.analysis import Decision
from core.clock import market_time
from core.messages import Chat
from core.risk import Breach
from core.tickets import Ticket
from core.types import Mode, Money, Noun, Symbol, code_of, money_text

LONGEST: Final = timedelta(days=31)
"""A policy must be set anew after a while: who has forgotten it does not want it."""
LEAST_CONFIDENCE: Final = 50
MOST_SHARES: Final = 20
"""How many different shares one may name."""


class Policy(Noun):
    """What may be traded without a tap.

    Attributes:
        owner: whose it is; ``chat`` where it was set, ``by`` whom.
        mode: of the account when it was set. An account that became another kind since is not meant.
        symbols: the shares it is about; there is no "all".
        order_amount, day_amount: yuan of one order, and of all orders of a day that were sent by it.
        begins, ends: market time, the end left out.
        confidence: percent; advice below waits for a tap.
        until: last market date.
    """

    owner: str
    chat: Chat
    by: str
    account: str
    mode: Mode
    symbols: tuple[Symbol, ...] = Field(min_length=1, max_length=MOST_SHARES)
    order_amount: Money = Field(gt=0, le=10**9)
    day_amount: Money = Field(gt=0, le=10**9)
    begins: time
    ends: time
    confidence: int = Field(ge=LEAST_CONFIDENCE, le=100)
    until: date
    set_at: datetime

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.order_amount > self.day_amount:
            raise ValueError("每笔的金额不能高于每天的金额。")
        if self.begins >= self.ends:
            raise ValueError("时段要从早到晚，例如 9:35-14:50。")
        return self

    @property
    def stamp(self) -> str:
        """Eight characters that change with anything in it: what was read is what is switched on."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    def live_at(self, now: datetime) -> bool:
        return market_time(now).date() <= self.until

    def text(self, name_of: Callable[[Symbol], str], where: str) -> str:
        """All of it in one line.

        Args:
            where: the account with its mode, as on every message about money.
        """
        names = "、".join(name_of(symbol) or code_of(symbol) for symbol in self.symbols)
        return (
            f"{where}，{names}，每笔≤{_yuan(self.order_amount)} 元，每天≤{_yuan(self.day_amount)} 元，"
            f"{self.begins:%H:%M}-{self.ends:%H:%M}，信心≥{self.confidence}%，到 {self.until:%m-%d}"
        )


def _yuan(amount: Money) -> str:
    """Without 角 and 分 where there are none: it stands under every message."""
    return money_text(amount).removesuffix(".00")


def outside(
    policy: Policy, ticket: Ticket, decision: Decision, sent: Sequence[Ticket], now: datetime, *, quoted: bool = False
) -> tuple[Breach, ...]:
    """Why an advice is not traded without a tap; empty when it may be.

    Args:
        sent: what the policy has sent today.
        quoted: what others wrote stood among the facts, and may have been written to sway the advice.
    """
    here = market_time(now)
    used = sum((one.limit * one.shares for one in sent), Decimal(0))
    amount = (ticket.limit * ticket.shares).quantize(Decimal("0.01"))
    found: list[Breach] = []
    if not policy.live_at(now):
        found.append(Breach("policy_over", f"自动交易在 {policy.until:%m-%d} 已到期"))
    if ticket.account != policy.account or ticket.mode is not policy.mode:
        found.append(Breach("policy_account", "不是自动交易说好的账户"))
    if ticket.symbol not in policy.symbols:
        found.append(Breach("policy_share", f"{ticket.name}不在自动交易的股票里"))
    if not policy.begins <= here.time() < policy.ends:
        found.append(Breach("policy_hours", f"不在自动交易的时段 {policy.begins:%H:%M}-{policy.ends:%H:%M}"))
    if decision.confidence < policy.confidence:
        found.append(Breach("policy_confidence", f"信心 {decision.confidence}% 低于 {policy.confidence}%"))
    if amount > policy.order_amount:
        text = f"这笔约 {money_text(amount)} 元，超过每笔 {money_text(policy.order_amount)} 元"
        found.append(Breach("policy_order", text))
    if used + amount > policy.day_amount:
        text = (
            f"今天已自动 {money_text(used)} 元，加这笔 {money_text(amount)} 元，"
            f"超过每天 {money_text(policy.day_amount)} 元"
        )
        found.append(Breach("policy_day", text))
    if any((one.account, one.symbol, one.side) == (ticket.account, ticket.symbol, ticket.side) for one in sent):
        # The same advice comes again as long as its reasons last; its order may still be open, or be held by now.
        found.append(Breach("policy_once", f"今天已经自动{ticket.side.chinese}过{ticket.name}"))
    if quoted:
        found.append(Breach("policy_quoted", "这次分析参考了别人写的公告或新闻"))
    if ticket.approvers > 1:
        found.append(Breach("policy_two", "这笔要两个人确认，自动交易不算一个人"))
    return tuple(found)
