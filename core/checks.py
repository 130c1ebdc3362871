"""What is odd about one watch: it holds already, can never come true, or its trade cannot be placed.

Nothing here refuses anything. A watch stands as the person said it; what is odd is said at once, with a way to mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from core import clashes
from core.alerts import Trigger
from core.calendar import is_trading_day, next_trading_day, session_close, trading_date, trading_days
from core.clock import market_time
from core.conditions import Condition, MaCross, NewHigh, NewLow, StopLoss, TakeProfit, VolumeRatio
from core.findings import (
    Facts,
    Fault,
    Finding,
    delete,
    first_of_each,
    has_price,
    keep,
    looked_at,
    mend,
    only,
    other_way,
    set_field,
    set_price,
    threshold,
)
from core.frames import Quote
from core.kinds import COST, DAYS, REFERENCES
from core.market import Board, board_of, price_limits, round_down_lot
from core.messages import Button
from core.risk import Draft, affordable, check, no_position
from core.sizing import nothing_to_do, shares_of
from core.types import Price, Side, Symbol, from_milli, price_text, to_milli
from core.view import View
from core.watches import Watch, WatchState
from core.zones import FOREVER, Gauge, Missing, Zone

LISTED: Final = 20
FAR_DAYS: Final = 5
"""A threshold that so many days at the limit do not reach is likely a slip."""
_NO_LIMIT: Final = Decimal("0.10")
"""What counts as a day's limit for what has none, an index for example."""
_NUDGE: Final = Decimal(1)
"""Percent from the price of now at which a new threshold is offered."""
_LONGEST: Final = timedelta(days=30)
_LINES: Final = (120, 60, 30, 20, 10, 5)
_RECORDS: Final = (250, 120, 60, 30, 20, 10, 5)
_FIRST_PROFIT: Final = Decimal("1.05")


def findings(watch: Watch, already: Sequence[Trigger], others: Sequence[Watch], facts: Facts) -> Sequence[Finding]:
    """What is odd about a watch that was just made or changed, the gravest first, at most one of each kind.

    Args:
        already: what of it holds right now, as the rule book judged it.
        others: the owner's other watches.
    """
    found = [*_time(watch, facts.now), *_contradictions(watch, facts)]
    if already:
        found.append(already_true(watch, already, facts.name))
    left = None if watch.expires_on is None else days_left(watch.expires_on, facts.now)
    for symbol in looked_at(watch):
        view = facts.view(watch, symbol)
        if view is None:
            continue
        for index in range(len(watch.conditions)):
            found += _of_condition(_Part(watch, index, symbol, view, facts, left))
        found += _of_plan(watch, symbol, view, others, facts)
    found += clashes.between(watch, others, facts)
    return first_of_each(found)


class _Part(NamedTuple):
    """One condition on one symbol.

    Attributes:
        left: the trading days on which it is still judged; None where no end is set.
    """

    watch: Watch
    place: int
    symbol: Symbol
    view: View
    facts: Facts
    left: Sequence[date] | None

    @property
    def condition(self) -> Condition:
        return self.watch.conditions[self.place]

    @property
    def said(self) -> str:
        return f"“{self.condition.text()}”"

    @property
    def who(self) -> str:
        """Which share, where that is not clear."""
        return f"{self.facts.name(self.symbol)}：" if len(self.watch.symbols) > 1 else ""

    def set(self, field: str, value: str) -> Button | None:
        return set_field(self.watch, self.place, field, value)

    def set_price(self, price: Price, note: str = "") -> Button | None:
        # One price fits one share.
        return set_price(self.watch, self.place, self.symbol, price, note) if len(self.watch.symbols) == 1 else None


# -- it holds already


def already_true(watch: Watch, already: Sequence[Trigger], name: Callable[[Symbol], str]) -> Finding:
    """It holds now, so nothing is told until it has been left: said where a slip is likeliest."""
    rest = "所以不马上提醒；离开后再回到触发区才提醒。"
    if len(already) == 1 and len(watch.symbols) == 1:
        text = f"现在已经满足条件（{already[0].why}），{rest}"
    else:
        lines = [f"　{name(one.key.symbol)} {one.why}" for one in already[:LISTED]]
        if len(already) > LISTED:
            lines.append(f"　……共 {len(already)} 项")
        text = "\n".join([f"现在已经满足条件，{rest}", *lines])
    group = watch.groups()[already[0].key.group]
    if len(already) > 1 or len(watch.symbols) > 1 or len(group) > 1:
        return Finding(Fault.ALREADY, text)
    place, quote = group[0], already[0].quote
    condition = watch.conditions[place]
    if isinstance(condition, StopLoss):
        text = f"止损价高于现价：{text}"
    nudged = None
    if quote.last is not None and condition.rising is not None:
        step = _NUDGE if condition.rising else -_NUDGE
        nudged = set_price(watch, place, quote.symbol, quote.last * (100 + step) / 100, f"（{step:+}%）")
    return Finding(Fault.ALREADY, text, only(other_way(watch, place), nudged, keep(watch)))


# -- it can never come true


def days_left(until: date, now: datetime) -> Sequence[date]:
    """The trading days up to ``until`` whose session is not over; of a far end only the first month."""
    today = trading_date(now)
    return [day for day in trading_days(today, min(until, today + _LONGEST)) if session_close(day) > now]


def week_end(now: datetime) -> date:
    """The last trading day of this week; of the next one where this week has none after today."""
    day = next_trading_day(trading_date(now))
    while is_trading_day(day + timedelta(days=1)):
        day += timedelta(days=1)
    return day


def longer(watch: Watch, now: datetime) -> Button:
    """Let it run to the end of the week."""
    today, day = trading_date(now), week_end(now)
    weeks = (day - timedelta(days=day.weekday()) - (today - timedelta(days=today.weekday()))).days // 7
    week = {0: "本周", 1: "下周"}.get(weeks, "周")
    return mend(f"改到{week}{'一二三四五'[day.weekday()]}（{day:%m-%d}）", watch, "until", day.isoformat())


def _time(watch: Watch, now: datetime) -> Iterator[Finding]:
    if watch.expires_on is None or days_left(watch.expires_on, now):
        return
    today = trading_date(now)
    what = "今天已经没有交易时间" if watch.expires_on == today else f"到 {watch.expires_on} 没有交易时间了"
    yield Finding(Fault.OVER, f"{what}，这个任务不会再判断。", (longer(watch, now),))


def _contradictions(watch: Watch, facts: Facts) -> Iterator[Finding]:
    """Two conditions that are to hold at once and never can."""
    if watch.combine != "all":
        return
    seen = (view for symbol in watch.symbols[:1] if (view := facts.view(watch, symbol)) is not None)
    view = next(seen, _nothing_seen(facts.now))
    for place, one in enumerate(watch.conditions):
        for other in watch.conditions[place + 1 :]:
            mine, theirs = one.zone(view), other.zone(view)
            if isinstance(mine, Missing) or isinstance(theirs, Missing) or not clashes.same_measure(one, other):
                continue
            both = mine.meet(theirs)
            if both.low > both.high and mine.low <= mine.high and theirs.low <= theirs.high:
                text = f"“{one.text()}”和“{other.text()}”不可能同时成立，这个任务不会触发。"
                yield Finding(Fault.NEVER, text, (mend("改成任一满足就提醒", watch, "any"), delete(watch)))


def _nothing_seen(now: datetime) -> View:
    """Nothing is known of the market: what is written in yuan has its zone all the same."""
    return View(Quote(symbol=Symbol(""), source="", quoted_at=now, received_at=now))


def _of_condition(part: _Part) -> Iterator[Finding]:
    condition, view = part.condition, part.view
    if board_of(part.symbol) is Board.INDEX and (missing := _not_of_an_index(condition, view.quote)):
        text = f"{part.facts.name(part.symbol)}是指数，{missing}，{part.said}不会触发。"
        yield Finding(Fault.NO_MEASURE, text, (delete(part.watch),))
        return
    zone = condition.zone(view)
    if isinstance(zone, Missing):
        yield from _few_bars(part, zone.what)
    elif zone.low <= zone.high:
        yield from _out_of_reach(part, zone)
        yield from _no_profit(part)


def _not_of_an_index(condition: Condition, quote: Quote) -> str:
    if condition.gauge is Gauge.TURNOVER:
        return "没有换手率"
    if condition.gauge in {Gauge.QUEUE_UP, Gauge.QUEUE_DOWN}:
        return "没有涨跌停"
    if condition.gauge in {Gauge.VOLUME, Gauge.PACE} and quote.last is not None and not quote.volume:
        return "行情里没有它的成交量"
    return ""


def _few_bars(part: _Part, missing: str) -> Iterator[Finding]:
    condition, period, past = part.condition, part.condition.bars, part.view.past
    lines = past.lines(period) if past is not None and period is not None else None
    have = 0 if lines is None else int(lines.state.count[lines.row][0])
    if not have or have >= _bars_needed(condition):
        return
    offer = None
    if isinstance(condition, MaCross) and condition.ma is not None:
        offer = next((part.set("ma", str(line)) for line in _LINES if line - 1 <= have), None)
    elif isinstance(condition, NewHigh | NewLow):
        offer = next((part.set("days", str(days)) for days in _RECORDS if days <= have), None)
    yield Finding(Fault.FEW_BARS, f"{part.who}{missing}，够了才开始判断{part.said}。", only(offer))


def _bars_needed(condition: Condition) -> int:
    if isinstance(condition, NewHigh | NewLow):
        return condition.days
    if isinstance(condition, VolumeRatio):
        return condition.base_days or 1
    return getattr(condition, "needed", 0)


class _Reach(NamedTuple):
    """The lowest and the highest price that some days can bring."""

    down: Price
    up: Price

    def misses(self, zone: Zone) -> bool:
        return zone.low > to_milli(self.up) or zone.high < to_milli(self.down)


def _reach(quote: Quote, name: str, days: Sequence[date], *, guess: bool = False) -> _Reach | None:
    """How far the limits of these days let the price go; None where there are none.

    Args:
        guess: take ten percent a day where there is no limit.
    """
    if market_time(quote.quoted_at).date() == days[0]:
        base = quote.preclose or quote.last
        down, up = quote.limit("down", name), quote.limit("up", name)
    else:
        base, down, up = quote.last or quote.preclose, None, None
    if base is None:
        return None
    reach = _Reach(down, up) if down is not None and up is not None else None
    for day in days if reach is None else days[1:]:
        lowest, highest = (base, base) if reach is None else reach
        below = price_limits(quote.symbol, quote.name or name, lowest, day)
        above = price_limits(quote.symbol, quote.name or name, highest, day)
        if below is not None and above is not None:
            reach = _Reach(below.down, above.up)
        elif guess:
            reach = _Reach(lowest * (1 - _NO_LIMIT), highest * (1 + _NO_LIMIT))
        else:
            return None
    return reach


def _out_of_reach(part: _Part, zone: Zone) -> Iterator[Finding]:
    """A threshold that the limits of the days on which it is judged do not let the price reach."""
    quote, name, condition = part.view.quote, part.facts.name(part.symbol), part.condition
    today = trading_date(part.facts.now)
    if quote.suspended or quote.last is None:
        return
    if condition.gauge is Gauge.OPEN and part.left == [today] and market_time(quote.quoted_at).date() == today:
        reading = part.view.reading(Gauge.OPEN)
        if isinstance(reading, int) and reading not in zone:
            text = f"{part.who}今天已经开盘（{price_text(from_milli(reading))}），今天有效的{part.said}不会再触发。"
            yield Finding(Fault.NEVER, text, (longer(part.watch, part.facts.now),))
            return
    if condition.daily and condition.inputs == REFERENCES and getattr(condition, "reference", "preclose") == "preclose":
        yield from _more_than_a_day(part, zone, name)
        return
    if condition.gauge is not Gauge.PRICE:
        return
    if part.left:
        fixed = condition.inputs <= (COST | REFERENCES | DAYS if part.left == [today] else COST)
        reach = _reach(quote, name, part.left) if fixed else None
        if reach is not None and reach.misses(zone):
            yield _beyond(part, zone, reach, today)
            return
    if condition.inputs <= COST and (part.left is None or len(part.left) > FAR_DAYS):
        yield from _far(part, zone, name)


def _beyond(part: _Part, zone: Zone, reach: _Reach, today: date) -> Finding:
    days = part.left or ()
    rising = zone.low > to_milli(reach.up)
    edge, limit = (reach.up, "涨停") if rising else (reach.down, "跌停")
    if len(days) == 1:
        day = "今天" if days[0] == today else f"{days[0]:%m-%d} "
        most = f"{day}最{'高' if rising else '低'}只能到 {price_text(edge)}（{limit}）"
        text = f"{most}，只在这一天有效的{part.said}不可能触发。"
    else:
        most = f"到 {days[-1]:%m-%d} 还有 {len(days)} 个交易日，天天{limit}也只到 {price_text(edge)}"
        text = f"{most}，{part.said}不可能触发。"
    more = longer(part.watch, part.facts.now) if week_end(part.facts.now) > days[-1] else None
    return Finding(Fault.NEVER, f"{part.who}{text}", only(more, part.set_price(edge)))


def _more_than_a_day(part: _Part, zone: Zone, name: str) -> Iterator[Finding]:
    """So many percent are more than the limit lets a day bring."""
    quote = part.view.quote
    down, up = quote.limit("down", name), quote.limit("up", name)
    if down is None or up is None or not quote.preclose or not _Reach(down, up).misses(zone):
        return
    rising = zone.low > to_milli(up)
    edge, word = (up, "涨") if rising else (down, "跌")
    percent = (abs(edge - quote.preclose) / quote.preclose * 100).quantize(Decimal("0.1"), ROUND_FLOOR)
    text = f"{part.who}一天最多{word}到 {price_text(edge)}（{word}停），{part.said}不可能触发。"
    yield Finding(Fault.NEVER, text, only(part.set("value", str(percent)), delete(part.watch)))


def _far(part: _Part, zone: Zone, name: str) -> Iterator[Finding]:
    """So far away that it may be a slip of the finger."""
    quote = part.view.quote
    day = trading_date(part.facts.now)
    days = [day]
    while len(days) < FAR_DAYS:
        days.append(next_trading_day(days[-1]))
    reach, near = _reach(quote, name, days, guess=True), _reach(quote, name, days[:1], guess=True)
    if reach is None or near is None or quote.last is None or not reach.misses(zone):
        return
    rising = zone.low > to_milli(reach.up)
    value = threshold(part.condition)
    offers = []
    if value is not None and has_price(part.condition):
        offers = [part.set_price(one) for one in (value / 10, value * 10) if near.down <= one <= near.up]
    a_day = f"{FAR_DAYS} 个{'涨停' if rising else '跌停'}"
    if quote.limit("up", name) is None:
        a_day = f"{FAR_DAYS} 天每天{'涨' if rising else '跌'} {_NO_LIMIT * 100:.0f}% "
    where = f"{part.who}{part.said}离现价 {price_text(quote.last)} 很远"
    text = f"{where}，连续 {a_day}也到不了，请看看有没有写错。"
    yield Finding(Fault.FAR, text, only(*offers, keep(part.watch)))


def _no_profit(part: _Part) -> Iterator[Finding]:
    condition, cost = part.condition, part.view.cost
    if not isinstance(condition, TakeProfit) or condition.unit != "yuan" or cost is None or condition.value >= cost:
        return
    text = f"{part.who}止盈价 {price_text(condition.value)} 低于成本 {cost:.3f}，到价卖出是亏的。"
    offer = part.set_price(cost * _FIRST_PROFIT, "（成本+5%）")
    yield Finding(Fault.LOSS, text, only(offer, keep(part.watch)))


# -- its trade


def _of_plan(watch: Watch, symbol: Symbol, view: View, others: Sequence[Watch], facts: Facts) -> Iterator[Finding]:
    """Why the trade could not be placed if it came to that, as far as that is known by now."""
    plan, account = watch.plan, facts.account
    if plan is None or account is None:
        return
    name = facts.name(symbol)
    if plan.side is Side.BUY:
        yield from _buys(watch, symbol, view, facts)
        return
    held = account.position(symbol)
    if held is None or not held.shares:
        if not any(_buys_first(other, symbol) for other in others):
            text = f"{no_position(name, account).text}触发时还没有的话，只提醒，不出委托。"
            yield Finding(Fault.NOT_HELD, text)
    elif plan.shares is not None and plan.shares > held.shares:
        text = f"计划卖 {plan.shares} 股，但{name}只持有 {held.shares} 股，到时委托出不来。"
        offer = mend("改成全部卖出", watch, "everything")
        yield Finding(Fault.TOO_MANY, text, (offer, mend(f"改成 {held.shares} 股", watch, "shares", str(held.shares))))
    elif watch.expires_on == trading_date(facts.now):
        yield from _sells_today(watch, symbol, view, facts)


def _sells_today(watch: Watch, symbol: Symbol, view: View, facts: Facts) -> Iterator[Finding]:
    """What was bought today may not be sold today, and the watch sees no other day."""
    plan, account, limit = watch.plan, facts.account, _price_of_plan(watch, view)
    if plan is None or account is None or limit is None:
        return
    shares = shares_of(plan, symbol, limit, account, facts.now)
    if shares == 0:
        nothing = nothing_to_do(plan, facts.name(symbol), limit, account, symbol)
        yield Finding(Fault.TOO_MANY, f"{_AS_IT_IS}{nothing.text}", (longer(watch, facts.now),))
        return
    draft = Draft(symbol, facts.name(symbol), plan.side, shares, limit)
    for breach in check(draft, account, view.quote, facts.now):
        if breach.rule == "sellable":
            yield Finding(Fault.TOO_MANY, breach.text, (longer(watch, facts.now),))


_AS_IT_IS: Final = "照现在算，触发时会是这样："


def _buys_first(other: Watch, symbol: Symbol) -> bool:
    bought = other.plan is not None and other.plan.side is Side.BUY and symbol in other.symbols
    return bought and other.state is WatchState.ACTIVE


def _buys(watch: Watch, symbol: Symbol, view: View, facts: Facts) -> Iterator[Finding]:
    plan, account, limit = watch.plan, facts.account, _price_of_plan(watch, view)
    if plan is None or account is None or limit is None:
        return
    shares = shares_of(plan, symbol, limit, account, facts.now)
    if shares == 0:
        nothing = nothing_to_do(plan, facts.name(symbol), limit, account, symbol)
        yield Finding(Fault.CASH, f"{_AS_IT_IS}{nothing.text}")
        return
    draft = Draft(symbol, facts.name(symbol), plan.side, shares, limit)
    for breach in check(draft, account, view.quote, facts.now):
        if breach.rule == "cash":
            most = round_down_lot(board_of(symbol), affordable(symbol, account.cash, limit, facts.now))
            offer = mend(f"改成 {most} 股", watch, "shares", str(most)) if most else None
            yield Finding(Fault.CASH, f"按 {price_text(limit)} 算，{breach.text}", only(offer, keep(watch)))


def _price_of_plan(watch: Watch, view: View) -> Price | None:
    """At which price the trade is likely: its own, that of the threshold, or the last one."""
    if watch.plan is not None and watch.plan.price is not None:
        return watch.plan.price
    condition = watch.conditions[0]
    zone = condition.zone(view)
    if condition.gauge is Gauge.PRICE and isinstance(zone, Zone) and condition.rising is not None:
        edge = zone.low if condition.rising else zone.high
        if 0 < edge < FOREVER:
            return from_milli(edge)
    return view.quote.last
