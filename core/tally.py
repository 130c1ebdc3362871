"""Tally: many outcomes in a few figures, each with what it is worth. Pure.

A rate is hits among what was decided, that is hits and misses; what moved less than the band is neither. Below
:data:`LEAST` decided outcomes there is no rate, only counts. Beside a rate stand its 95 % interval, and what the same
advices dealt out at random among the same days would have hit: a rising month makes every buyer right.
The same advice on the same share at the same anchor counts once, however often it was given that day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from core.analysis import HORIZONS, Action, Analysis, Decision, Outcome, Standing
from core.orders import Order
from core.score import BANDS, anchor_of, answered_at, standing
from core.tickets import Ticket, TicketState
from core.types import FEN, Money, Side

LEAST: Final = 30
"""Decided outcomes below which no rate is told."""
_TRADES: Final = (Action.BUY, Action.SELL)
_STAYS: Final = (Action.HOLD, Action.WAIT)
_HUNDRED: Final = Decimal(100)
_TENTH: Final = Decimal("0.1")
_Z: Final = Decimal("1.959964")
"""Of a normal spread, 95 % lie within so many standard deviations."""
_NO_ORDERS: Final[Mapping[str, Order]] = MappingProxyType({})
_BUCKETS: Final = ((0, 49), (50, 59), (60, 69), (70, 79), (80, 89), (90, 100))


class Case(NamedTuple):
    """One advice with all that is known of it.

    Attributes:
        outcomes: by horizon, as the newest rules scored them.
        ticket: the card that it proposed; ``order`` what was sent when the card was approved.
    """

    analysis: Analysis
    decision: Decision
    outcomes: Mapping[int, Outcome]
    ticket: Ticket | None = None
    order: Order | None = None

    @property
    def own(self) -> Outcome | None:
        """After as many days as it spoke of; None while they are not over."""
        return self.outcomes.get(self.decision.horizon)

    @property
    def unfilled(self) -> bool:
        """Of an approved card: that nothing was traded, and nothing will be."""
        return self.order is None or (self.order.state.final and not self.order.filled)


class Rate(NamedTuple):
    """How often something was right.

    Attributes:
        expected: hits that the same advices would have had, dealt out at random.
    """

    hits: int = 0
    misses: int = 0
    neutral: int = 0
    expected: Decimal = Decimal(0)

    @property
    def decided(self) -> int:
        return self.hits + self.misses

    @property
    def percent(self) -> Decimal | None:
        """None while there are too few."""
        return _share(Decimal(self.hits), self.decided) if self.decided >= LEAST else None

    @property
    def chance(self) -> Decimal | None:
        """Percent that chance would have hit."""
        return _share(self.expected, self.decided) if self.decided >= LEAST else None

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        return wilson(self.hits, self.decided) if self.decided >= LEAST else None


class Group(NamedTuple):
    """Outcomes that belong together.

    Attributes:
        name: of a model, a prompt, a share, an action, an occasion, a horizon.
        trades: of advices to buy or sell; ``stays`` of those to hold or wait.
        percent, excess: on average; None where there is none.
    """

    name: str
    trades: Rate
    stays: Rate
    unable: int
    scored: int
    percent: Decimal | None
    excess: Decimal | None


class Bucket(NamedTuple):
    """Advices to trade of like confidence.

    Attributes:
        said: what they said on average.
    """

    low: int
    high: int
    said: Decimal
    rate: Rate


class Fate(StrEnum):
    """What became of the card of an advice."""

    TAPPED = "tapped"
    POLICY = "policy"
    REJECTED = "rejected"
    IGNORED = "ignored"

    @property
    def chinese(self) -> str:
        return {"tapped": "你确认的", "policy": "自动确认的", "rejected": "你拒绝的", "ignored": "没理会、过期的"}[
            self.value
        ]


class Fated(NamedTuple):
    """Cards of one fate.

    Attributes:
        cards: all; ``scored`` those whose days are over, of approved ones only what was filled.
        percent: on average in favour of the side, so that a fall after a sale is a gain.
        earned: yuan, before fees: of what was filled at its price; of the others as if filled in full at the limit.
        unfilled: of approved ones, those of which nothing was filled.
    """

    fate: Fate
    cards: int
    scored: int
    rate: Rate
    percent: Decimal | None
    earned: Money
    unfilled: int = 0


class Followed(NamedTuple):
    """What it would have brought on average, percent: to do as advised, and to hold whatever was said.

    To buy and to hold is to be in; to sell and to wait is to be out, and brings nothing.
    """

    advised: Decimal
    held: Decimal
    scored: int


class Tally(NamedTuple):
    """The score.

    Attributes:
        made: analyses; ``dropped`` those without an advice.
        advices: told apart, see above; ``pending`` those whose own days are not over.
        whole: after as many days as each advice spoke of, as all that is not said otherwise.
        horizons: of all advices after 1, 3, 5, 10 days.
        brier: mean square of what confidence was off, of advices to trade; 0.25 is what always saying 50 % gives.
    """

    made: int
    dropped: int
    advices: int
    pending: int
    whole: Group
    horizons: Sequence[Group]
    models: Sequence[Group]
    prompts: Sequence[Group]
    shares: Sequence[Group]
    actions: Sequence[Group]
    occasions: Sequence[Group]
    calibration: Sequence[Bucket]
    brier: Decimal | None
    followed: Followed | None
    fates: Sequence[Fated]
    tokens: int
    yuan: Money


class _Scored(NamedTuple):
    """One outcome of an advice, with the hits that chance would have given it."""

    case: Case
    outcome: Outcome
    percent: Decimal
    chance: Decimal


def wilson(hits: int, decided: int) -> tuple[Decimal, Decimal]:
    """The 95 % interval of a rate, in percent. Source: E. B. Wilson, 1927.

    >>> wilson(15, 30)
    (Decimal('33.2'), Decimal('66.8'))
    """
    count, rate, square = Decimal(decided), Decimal(hits) / decided, _Z * _Z
    middle = rate + square / (2 * count)
    half = _Z * (rate * (1 - rate) / count + square / (4 * count * count)).sqrt()
    whole = 1 + square / count
    low, high = (max(middle - half, Decimal(0)) / whole, (middle + half) / whole)
    return _tenths(low * _HUNDRED), _tenths(high * _HUNDRED)


def cases_of(
    analyses: Iterable[Analysis],
    outcomes: Iterable[Outcome],
    tickets: Mapping[str, Ticket],
    orders: Mapping[str, Order] = _NO_ORDERS,
) -> Sequence[Case]:
    """Every advice, in the order of the analyses; of one horizon the outcome by the newest rules.

    Args:
        tickets: the cards that they proposed, by id; ``orders`` of these, by the id of the card.
    """
    found: defaultdict[str, dict[int, Outcome]] = defaultdict(dict)
    for one in sorted(outcomes, key=lambda one: one.engine):
        found[one.analysis_id][one.horizon] = one
    return [
        Case(
            one, one.decision, found.get(one.id, {}), tickets.get(one.ticket_id or ""), orders.get(one.ticket_id or "")
        )
        for one in analyses
        if one.decision is not None
    ]


def tally(
    analyses: Sequence[Analysis],
    outcomes: Iterable[Outcome],
    tickets: Mapping[str, Ticket],
    orders: Mapping[str, Order] = _NO_ORDERS,
) -> Tally:
    """The score of these analyses, whatever their order.

    Args:
        tickets: the cards that they proposed, by id; ``orders`` of these, by the id of the card.
    """
    cases = cases_of(sorted(analyses, key=lambda one: (one.at, one.id)), outcomes, tickets, orders)
    told = list({_bet(case): case for case in reversed(cases)}.values())[::-1]
    own = _scored((case, case.own) for case in told)
    unable = [case for case in told if case.own is not None and case.own.standing is Standing.UNABLE]

    def groups(name_of: Callable[[Case], str]) -> Sequence[Group]:
        found: defaultdict[str, list[_Scored]] = defaultdict(list)
        lost = Counter(name_of(case) for case in unable)
        for one in own:
            found[name_of(one.case)].append(one)
        made = [_group(name, found.get(name, ()), lost[name]) for name in sorted({*found, *lost})]
        return sorted(made, key=lambda group: -(group.scored + group.unable))

    horizons = []
    for horizon in HORIZONS:
        known = [(case, case.outcomes.get(horizon)) for case in told]
        lost = sum(one is not None and one.standing is Standing.UNABLE for _, one in known)
        horizons.append(_group(str(horizon), _scored(known), lost))
    return Tally(
        made=len(analyses),
        dropped=sum(one.decision is None for one in analyses),
        advices=len(told),
        pending=sum(case.own is None for case in told),
        whole=_group("", own, len(unable)),
        horizons=horizons,
        models=groups(lambda case: case.analysis.model or case.analysis.model_asked),
        prompts=groups(lambda case: case.analysis.prompt),
        shares=groups(lambda case: case.analysis.symbol),
        actions=groups(lambda case: case.decision.action.value),
        occasions=groups(lambda case: case.analysis.occasion.value),
        calibration=_calibration(own),
        brier=_brier(own),
        followed=_followed(own),
        fates=_fates(cases),
        tokens=sum(one.tokens for one in analyses),
        yuan=sum((one.yuan for one in analyses), Decimal(0)),
    )


def _bet(case: Case) -> tuple[object, ...]:
    """What is the same for advices that are the same bet."""
    one = case.analysis
    anchor = anchor_of(answered_at(one))
    return one.symbol, case.decision.action, case.decision.horizon, anchor, one.model or one.model_asked, one.prompt


def _scored(known: Iterable[tuple[Case, Outcome | None]]) -> list[_Scored]:
    """Those with an end, each beside what its action would have hit on all days of the same horizon."""
    ended = [
        (case, outcome, outcome.percent)
        for case, outcome in known
        if outcome is not None and outcome.percent is not None
    ]
    pools: defaultdict[int, list[Decimal]] = defaultdict(list)
    for _, outcome, percent in ended:
        pools[outcome.horizon].append(percent)
    chances = {horizon: _chances(horizon, pool) for horizon, pool in pools.items()}
    return [
        _Scored(case, outcome, percent, chances[outcome.horizon][case.decision.action])
        for case, outcome, percent in ended
    ]


def _chances(horizon: int, moves: Sequence[Decimal]) -> Mapping[Action, Decimal]:
    """How often each action would have been right, always said."""
    band = BANDS[horizon]
    rises, falls = sum(move > band for move in moves), sum(move < -band for move in moves)
    kinds = ((band + 1, rises), (Decimal(0), len(moves) - rises - falls), (-band - 1, falls))
    found = {}
    for action in Action:
        counts: Counter[Standing] = Counter()
        for move, count in kinds:
            counts[standing(action, move, horizon)] += count
        decided = counts[Standing.HIT] + counts[Standing.MISS]
        found[action] = Decimal(counts[Standing.HIT]) / decided if decided else Decimal(0)
    return found


def _rate(scored: Iterable[_Scored], actions: Sequence[Action] = tuple(Action)) -> Rate:
    hits = misses = neutral = 0
    expected = Decimal(0)
    for one in scored:
        if one.case.decision.action not in actions:
            continue
        if one.outcome.standing is Standing.NEUTRAL:
            neutral += 1
            continue
        hits += one.outcome.standing is Standing.HIT
        misses += one.outcome.standing is Standing.MISS
        expected += one.chance
    return Rate(hits, misses, neutral, expected)


def _group(name: str, scored: Sequence[_Scored], unable: int) -> Group:
    return Group(
        name,
        _rate(scored, _TRADES),
        _rate(scored, _STAYS),
        unable,
        len(scored),
        _mean([one.percent for one in scored]),
        _mean([one.outcome.excess for one in scored if one.outcome.excess is not None]),
    )


def _decided(scored: Iterable[_Scored]) -> list[_Scored]:
    """Advices to trade that hit or missed: what confidence is held against."""
    return [
        one
        for one in scored
        if one.case.decision.action in _TRADES and one.outcome.standing in (Standing.HIT, Standing.MISS)
    ]


def _calibration(scored: Sequence[_Scored]) -> Sequence[Bucket]:
    found = []
    for low, high in _BUCKETS:
        alike = [one for one in _decided(scored) if low <= one.case.decision.confidence <= high]
        if alike:
            said = sum(one.case.decision.confidence for one in alike)
            found.append(Bucket(low, high, _tenths(Decimal(said) / len(alike)), _rate(alike)))
    return found


def _brier(scored: Sequence[_Scored]) -> Decimal | None:
    decided = _decided(scored)
    if len(decided) < LEAST:
        return None
    off = (Decimal(one.case.decision.confidence) / _HUNDRED - (one.outcome.standing is Standing.HIT) for one in decided)
    return (sum((each * each for each in off), Decimal(0)) / len(decided)).quantize(Decimal("0.001"), ROUND_HALF_UP)


def _followed(scored: Sequence[_Scored]) -> Followed | None:
    inside = [one.percent for one in scored if one.case.decision.action in (Action.BUY, Action.HOLD)]
    held = _mean([one.percent for one in scored])
    if held is None:
        return None
    advised = (sum(inside, Decimal(0)) / len(scored)).quantize(FEN, ROUND_HALF_UP)
    return Followed(advised, held, len(scored))


_FATES: Final[Mapping[TicketState, Fate]] = {
    TicketState.APPROVED: Fate.TAPPED,
    TicketState.REJECTED: Fate.REJECTED,
    TicketState.EXPIRED: Fate.IGNORED,
}
"""Cards that are open still, or were withdrawn before anybody decided, say nothing about anybody."""


def fate_of(case: Case) -> Fate | None:
    fate = _FATES.get(case.ticket.state) if case.ticket is not None else None
    return Fate.POLICY if fate is Fate.TAPPED and case.analysis.by_policy else fate


def _fates(cases: Sequence[Case]) -> Sequence[Fated]:
    own = {one.case.analysis.id: one for one in _scored((case, case.own) for case in cases)}
    found = []
    for fate in Fate:
        alike = [case for case in cases if fate_of(case) is fate]
        scored = [own[case.analysis.id] for case in alike if case.analysis.id in own and _worth(case)]
        gains = [_gain(one) for one in scored]
        earned = sum((_worth(one.case) * gain for one, gain in zip(scored, gains, strict=True)), Decimal(0)) / _HUNDRED
        unfilled = sum(case.unfilled for case in alike) if fate in (Fate.TAPPED, Fate.POLICY) else 0
        if alike:
            earned = earned.quantize(FEN, ROUND_HALF_UP)
            found.append(Fated(fate, len(alike), len(scored), _rate(scored), _mean(gains), earned, unfilled))
    return found


def _gain(one: _Scored) -> Decimal:
    """Percent in favour of the side of the card."""
    ticket = one.case.ticket
    return -one.percent if ticket is not None and ticket.side is Side.SELL else one.percent


def _worth(case: Case) -> Money:
    """Yuan that a card moved, or would have moved."""
    ticket = case.ticket
    if ticket is None:
        return Decimal(0)
    if ticket.state is not TicketState.APPROVED:
        return ticket.shares * ticket.limit
    return case.order.filled_amount if case.order is not None else Decimal(0)


def _share(part: Decimal, whole: int) -> Decimal:
    return _tenths(part * _HUNDRED / whole)


def _mean(numbers: Sequence[Decimal]) -> Decimal | None:
    return (sum(numbers, Decimal(0)) / len(numbers)).quantize(FEN, ROUND_HALF_UP) if numbers else None


def _tenths(number: Decimal) -> Decimal:
    return number.quantize(_TENTH, ROUND_HALF_UP)
