"""Analysis: what a model made of a pack of facts, what came of it, and how it fared. Frozen records."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.messages import Chat
from core.types import Money, Noun, Price, Shares, Side, Symbol

HORIZONS: Final = (1, 3, 5, 10)
"""After how many sessions an advice is held against the market."""


class Action(StrEnum):
    BUY = "buy"
    SELL = "sell"
    HOLD = "hold"
    WAIT = "wait"

    @property
    def chinese(self) -> str:
        return {"buy": "买入", "sell": "卖出", "hold": "持有", "wait": "观望"}[self.value]

    @property
    def side(self) -> Side | None:
        """What is traded; None where nothing is."""
        return {Action.BUY: Side.BUY, Action.SELL: Side.SELL}.get(self)


class Occasion(StrEnum):
    """Why it was made."""

    ASKED = "asked"
    INTERVAL = "interval"
    ALERT = "alert"
    REPORT = "report"

    @property
    def chinese(self) -> str:
        return {"asked": "你问的", "interval": "定时分析", "alert": "提醒后点评", "report": "报告里的点评"}[self.value]


class Reason(Noun):
    """One reason.

    Attributes:
        facts: names of the figures it stands on.
        text: as people read it, its figures filled in by us.
    """

    facts: tuple[str, ...]
    text: str


class Decision(Noun):
    """An advice that was held against its facts.

    Attributes:
        confidence: percent, 0 to 100, by the model's own word; the score says what it is worth.
        entry, take_profit, stop_loss: yuan, on the tick; None where the advice needs none.
        shares: to trade; None for HOLD and WAIT.
        horizon: sessions, one of HORIZONS.
        wrong_if: what would prove it wrong, as people read it.
    """

    action: Action
    confidence: int
    reasons: tuple[Reason, ...]
    entry: Price | None = None
    take_profit: Price | None = None
    stop_loss: Price | None = None
    shares: Shares | None = None
    horizon: int = 5
    wrong_if: str = ""


class Analysis(Noun):
    """One analysis, whether anything came of it or not.

    Attributes:
        owner: whose it is; ``chat`` where it was told.
        pack: the digest of its facts, which the store keeps.
        price: the last price in them, which it is anchored to; ``quoted_at`` its time.
        prompt: the version of the prompt.
        model_asked, model: what was asked for, and who answered by the provider's word; empty where nobody did.
        decision: None where there is none; ``problem`` says why then, in Chinese.
        tokens, yuan, took: of all calls for it together; nothing where an earlier answer was used again.
        reused: the analysis whose answer this is, where the facts were the same.
        ticket_id: the card that it proposed, if any; what the person did is said by that ticket.
        note: why no card was made of an advice to trade.
        by_policy: the card was approved by the person's own policy, without a tap.
    """

    id: str
    at: datetime
    owner: str
    chat: Chat
    account: str
    symbol: Symbol
    name: str
    occasion: Occasion
    watch_id: str | None = None
    alert_id: str | None = None
    pack: str
    price: Price | None
    quoted_at: datetime | None
    prompt: str
    model_asked: str
    model: str = ""
    decision: Decision | None = None
    problem: str = ""
    tokens: int = 0
    yuan: Money = Decimal(0)
    took: timedelta = timedelta()
    reused: str | None = None
    ticket_id: str | None = None
    note: str = ""
    by_policy: bool = False


class Standing(StrEnum):
    """How an advice stood the test. OPEN is not over yet and never stored."""

    HIT = "hit"
    MISS = "miss"
    NEUTRAL = "neutral"
    UNABLE = "unable"

    @property
    def chinese(self) -> str:
        return {"hit": "命中", "miss": "未中", "neutral": "平", "unable": "无法评分"}[self.value]


class Touched(StrEnum):
    """Which level of an advice the price reached first."""

    TARGET = "target"
    STOP = "stop"
    SAME_DAY = "same_day"
    """Both on one day: a bar of a day does not say which came first, and it counts as the stop."""


class Outcome(Noun):
    """What the price did after an advice.

    Attributes:
        horizon: sessions.
        engine: version of the scoring.
        why: why it cannot be scored, in Chinese, for UNABLE.
        anchor_on, anchor: the first price that one could have had after the answer.
        ended_on: the session whose close is compared.
        percent: from anchor to end, adjusted for dividends.
        excess: the same less that of the index; None without the index.
        highest, lowest: percent from the anchor, on the way.
        hit_target, hit_stop: whether its own levels were touched on the way; ``touched`` which of them first.
    """

    analysis_id: str
    horizon: int
    engine: int
    standing: Standing
    why: str = ""
    anchor_on: date | None = None
    anchor: Price | None = None
    ended_on: date | None = None
    percent: Decimal | None = None
    excess: Decimal | None = None
    highest: Decimal | None = None
    lowest: Decimal | None = None
    hit_target: bool = False
    hit_stop: bool = False
    touched: Touched | None = None
