"""Kinds of condition about a whole account: what it has gained or lost, and how far it has come down.

They are judged by the quote of an account, see :mod:`core.accounts`: its ``last`` is what the account is worth, its
``preclose`` what it was worth at the previous close, and its ``open`` what was paid in, which is its worth without all
profit so far.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from core.kinds import Kind, Move
from core.types import Money, percent_text, to_milli
from core.view import Input, View
from core.zones import FOREVER, Gauge, Missing, Zone, yuan_text

MOST_PERCENT: Final = Decimal(1000)
_MISSING: Final = {
    "today": "还不知道账户昨天收盘时的总资产（持仓里有的没有昨收价）",
    "total": "还不知道账户投入了多少本金",
}


class _OfAccount(Kind):
    @property
    def gauge(self) -> Gauge:
        return Gauge.TOTAL


class _Result(_OfAccount, Move):
    """Yuan, or percent: of the previous close for today, of what was paid in for all.

    The profit of all is what ``/account`` shows: that of what is held, and that of what was sold.
    """

    value: Money = Field(gt=0, le=10**10, decimal_places=4)
    unit: Literal["yuan", "pct"] = "yuan"
    reference: Literal["today", "total"] = "total"

    @model_validator(mode="after")
    def _in_reason(self) -> Self:
        if self.unit == "pct" and self.value > MOST_PERCENT:
            raise ValueError(f"账户的 {percent_text(self.value)} 不合理，请写不超过 {MOST_PERCENT} 的百分数。")
        return self

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.REFERENCES, Input.ACCOUNT})

    @property
    def daily(self) -> bool:
        return self.reference == "today"

    @property
    def base(self) -> Literal["preclose", "open"]:
        """What of the quote it is measured from."""
        return "preclose" if self.reference == "today" else "open"

    def zone(self, view: View) -> Zone | Missing:
        base = getattr(view.quote, self.base)
        return self.beyond(to_milli(base)) if base else Missing(_MISSING[self.reference])

    def beyond(self, base: int) -> Zone:
        """The zone where it is measured from so many milli-yuan."""
        if self.unit == "pct":
            return self._up(base, self.value) if self.rising else self._down(base, self.value)
        size = to_milli(self.value)
        return Zone(base + size, FOREVER) if self.rising else Zone(-FOREVER, base - size)

    def _text(self, word: str) -> str:
        size = yuan_text(self.value) if self.unit == "yuan" else percent_text(self.value)
        return f"账户{'今天' if self.reference == 'today' else '总'}{word}达到 {size}"


class AccountProfit(_Result):
    """
    >>> AccountProfit(value=Decimal(50_000)).text(), AccountProfit(value=2, unit="pct", reference="today").text()
    ('账户总盈利达到 5万元', '账户今天盈利达到 2.00%')
    """

    kind: Literal["account_profit"] = "account_profit"

    @property
    def rising(self) -> bool:
        return True

    def text(self) -> str:
        return self._text("盈利")


class AccountLoss(_Result):
    kind: Literal["account_loss"] = "account_loss"

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if self.unit == "pct" and self.value >= 100:
            raise ValueError(f"账户亏损 {percent_text(self.value)} 不可能达到，请写小于 100 的百分数。")
        return self

    @property
    def rising(self) -> bool:
        return False

    def text(self) -> str:
        return self._text("亏损")


class AccountDrawdown(_OfAccount, Move):
    """The account is ``value`` percent under the most that it was worth since the watch was made.

    >>> AccountDrawdown(value=Decimal(5)).text()
    '账户从最高点回撤 5.00%'
    """

    kind: Literal["account_drawdown"] = "account_drawdown"
    value: Decimal = Field(gt=0, lt=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.PEAK})

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        last = view.reading(Gauge.TOTAL)
        known = [milli for milli in (view.peak, last) if isinstance(milli, int)]
        return self._down(max(known), self.value) if known else Missing("还不知道账户的总资产")

    def text(self) -> str:
        return f"账户从最高点回撤 {percent_text(self.value)}"
