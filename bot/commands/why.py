"""/why: how the watches stand, what became of them, and why nothing was said on a day."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from bot.command import Call, Context, Reply, command
from bot.commands import past, score, targets
from bot.language.moments import moments
from bot.language.request import Request
from core import render, render_why
from core.alerts import Alert, Silence
from core.calendar import AUCTION_ENDS, is_trading_day, phase, session_close, trading_date
from core.chronicle import MANY, TURNS, Approach, Entry, Kind, approach_of, begun, live_between, unjudged
from core.clock import MARKET_ZONE, market_time, midnight, stamp_text
from core.errors import NotFound, OutsideError
from core.jobs import KEEP_MESSAGES
from core.judging import Rule, judge
from core.market import board_of
from core.messages import Outgoing, Role
from core.types import Symbol
from core.watches import RuleKey, Watch, WatchState

IN_FULL: Final = 3
"""Of more watches, or shares of a watch, only the most important is said."""
WATCHES: Final = 40
ALERTS: Final = 1000
ENTRIES: Final = 300
DAYS: Final = 7
DOUBTS: Final = 5
SYMBOLS_AGAIN: Final = 3
NUMBERS_AGAIN: Final = 8
_DAY: Final = timedelta(days=1)
_DENIED: Final = re.compile("没|不|未")
"""In a question about what was not told."""
_TIMES: Final = re.compile("[几少]次")
_AS_WRITTEN: Final = re.compile(r"(\d{1,2})[-/](\d{1,2})")
"""A day as our own messages write it: 11-24."""
_PAST: Final = {
    "trades": past.trades,
    "realized_pnl": past.realized,
    "asset_curve": past.curve,
    "decisions": score.decided,
    "score": score.score,
}
"""Other histories than that of the watches."""


class _Question(NamedTuple):
    """What is asked about.

    Attributes:
        watches: with the shares where shares were named, else all of the watches that were; by number.
        days: empty where no day was named.
        words: what asks the same again.
    """

    watches: tuple[Watch, ...]
    symbols: frozenset[Symbol]
    everything: bool
    days: tuple[date, ...]
    page: int
    words: str

    def means(self, alert: Alert) -> bool:
        if self.everything:
            return True
        return alert.symbol in self.symbols if self.symbols else any(one.id == alert.watch_id for one in self.watches)

    def hushed(self, silence: Silence) -> bool:
        """Whether a silence concerns what is asked about."""
        if silence.watch_id is not None:
            return any(one.id == silence.watch_id for one in self.watches)
        if silence.symbol is None or self.everything:
            return True
        return silence.symbol in self.symbols or any(silence.symbol in one.symbols for one in self.watches)

    def rules(self, ctx: Context, watch: Watch) -> list[Rule]:
        """The rules of a watch that are meant; of one on the whole market only those of shares that were named."""
        book = ctx.house.book
        if watch.scope == "market":
            keys = [RuleKey(watch.id, symbol, group) for symbol in self.symbols for group in range(len(watch.groups()))]
            return [rule for key in keys if (rule := book.rule(key)) is not None]
        return [rule for rule in book.rules_of(watch.id) if not self.symbols or rule.key.symbol in self.symbols]

    @property
    def subjects(self) -> set[str]:
        """What the chronicle is asked for: the watches, their shares where they are not too many, and everybody."""
        shares = self.symbols or {symbol for one in self.watches if len(one.symbols) <= MANY for symbol in one.symbols}
        return {"", *shares, *(one.id for one in self.watches)}


@command(
    "why",
    "为什么",
    "原因",
    help="为什么提醒了，或没有提醒",
    example="/why 茅台 昨天",
    role=Role.VIEWER,
    intents=("history_query",),
)
async def why(ctx: Context, call: Call) -> Reply:
    """What was judged last, what became of the alerts, and how their messages went; or all that of some days."""
    ask = call.request.ask if call.request is not None else None
    if ask in _PAST:
        return await _PAST[ask](ctx, call)
    question = _question(ctx, call)
    await ctx.house.weigh()
    with suppress(OutsideError):  # what is stored already is still worth telling
        await ctx.house.chronicler.save()
    more = f"why {question.words}".rstrip()
    title, first = await _told(ctx, question, call.request)
    if question.days:
        blocks = [*first, *[block for day in question.days for block in await _day(ctx, question, day)]]
        return render_why.page(title, blocks, question.page, more, otherwise="那天没有记录。")
    blocks = [*first, *_standing(ctx, question), *await _history(ctx, question)]
    return render_why.page(title, blocks, question.page, more, otherwise="还没有盯盘任务，也没有提醒记录。")


async def _told(ctx: Context, question: _Question, request: Request | None) -> tuple[str, list[list[str]]]:
    """The short answer to what was told: how often in those days, or the last time; nothing where silence is asked of.

    Returns:
        The title, and what stands first.
    """
    plain = "🔍 判断记录"
    if request is None or _DENIED.search(ctx.dialogue.sentence):
        return plain, []
    store, owner = ctx.house.store, ctx.person.owner
    if not question.days:
        recent = await store.alerts(owner, limit=ALERTS)
        told = [one for one in recent if one.reason.tells and question.means(one)]
        if not told:
            return plain, []
        last = told[0]
        [event] = await _alert_events(ctx, [last])
        times = f"提醒过 {len(told)} 次，" if _TIMES.search(ctx.dialogue.sentence) else ""
        return f"🔔 {times}最近一次提醒：{render.headline(last)}", [[f"条件：{last.condition}", *event.lines, ""]]
    first, last_day = question.days[-1], question.days[0]
    if request.date_from is not None and request.date_from < first:
        first = request.date_from  # more days than are written out
    since = midnight(first)
    until = midnight(last_day) + _DAY
    alerts = [one for one in await store.alerts(owner, limit=ALERTS, since=since, until=until) if question.means(one)]
    count = sum(one.reason.tells for one in alerts)
    days = f"{last_day:%m-%d}" if first == last_day else f"{first:%m-%d} 至 {last_day:%m-%d}"
    silent = f"，另有 {len(alerts) - count} 次触发没有提醒" if count < len(alerts) else ""
    least = "至少" if len(alerts) >= ALERTS else ""
    return f"🔔 {days} {least}提醒 {count} 次{silent}", [_names_told(alerts)] if count else []


def _names_told(alerts: Sequence[Alert]) -> list[str]:
    """Which shares it was, the most often told first."""
    counts = Counter(one.name for one in alerts if one.reason.tells).most_common()
    names = "、".join(f"{name} {count} 次" for name, count in counts[:IN_FULL])
    return [f"{names}{'等' if len(counts) > IN_FULL else ''}", ""]


# -- what is asked


def _question(ctx: Context, call: Call) -> _Question:
    """Raises Invalid and NotFound as :func:`targets.watches`."""
    today = trading_date(ctx.house.now())
    request, page, said, words = call.request, 1, [], []
    for word in call.words if request is None else ():
        if word[0] == "p" and word[1:].isdigit():
            page = int(word[1:])
        elif found := _days(word, ctx.house.now()):
            said += found
        else:
            words.append(word)
    if request is not None and request.date_from is not None:
        said = [request.date_from, request.date_to or max(request.date_from, today)]
    days = _asked_days(min(said), max(said), today) if said else ()
    asked = Call(tuple(words), request)
    symbols = _symbols(ctx, asked)
    named = bool(words) if request is None else bool(request.symbols or request.targets)
    watches: Sequence[Watch]
    if symbols:
        everywhere = [one for one in ctx.house.watchlist.of(ctx.person.owner) if one.scope == "market"]
        watches = [*ctx.house.watchlist.on(ctx.person.owner, symbols), *everywhere]
    else:
        watches = targets.watches(ctx, asked) if named else ctx.house.watchlist.of(ctx.person.owner)
    again = [*_names_again(symbols, watches if named else ()), *dict.fromkeys(f"{day}" for day in days[-1:] + days[:1])]
    return _Question(tuple(watches[:WATCHES]), frozenset(symbols), not named, days, page, " ".join(again))


def _names_again(symbols: Sequence[Symbol], watches: Sequence[Watch]) -> Sequence[str]:
    """What names the same again on a button, which holds 64 bytes; of very many, everything is asked for."""
    if symbols and len(symbols) <= SYMBOLS_AGAIN:
        return symbols
    return [str(one.number) for one in watches] if len(watches) <= NUMBERS_AGAIN else ()


def _symbols(ctx: Context, call: Call) -> tuple[Symbol, ...]:
    """The shares that are named; none where watches are."""
    if call.request is not None:
        return () if call.request.targets else call.request.symbols
    found = [ctx.house.names.candidates(word) for word in call.words]
    return tuple(one[0] for one in found) if all(len(one) == 1 for one in found) else ()


def _days(word: str, now: datetime) -> list[date]:
    """The days that a word means, first and last; none where it is no day. ``3号`` is a watch."""
    if word in {"今天", "今日"}:
        return [trading_date(now)]
    if written := _AS_WRITTEN.fullmatch(word):
        month, day = int(written[1]), int(written[2])
        with suppress(ValueError):  # 13-45 is no day
            return [_last(month, day, trading_date(now))]
    found = moments(word, now)
    if len(found) != 1 or found[0].day is None or found[0].end - found[0].start != len(word) or word.endswith("号"):
        return []
    last = found[0].last if found[0].kind == "span" else None
    return [found[0].day, last or found[0].day]


def _last(month: int, day: int, today: date) -> date:
    """The latest day of that name that is not to come. Raises ValueError where there is none of that name."""
    this = date(today.year, month, day)
    return this if this <= today else date(today.year - 1, month, day)


def _asked_days(first: date, last: date, today: date) -> tuple[date, ...]:
    """The days of trading in this span, newest first; a weekday that has not come yet is the one that has been."""
    while first > today:
        first, last = first - 7 * _DAY, last - 7 * _DAY
    last = min(last, today)
    days = [last - step * _DAY for step in range((last - first).days + 1)]
    return tuple([day for day in days if is_trading_day(day)][:DAYS]) or (last,)


# -- how it stands now


def _standing(ctx: Context, question: _Question) -> list[list[str]]:
    """How the watches stand, with the quotes that they are judged by."""
    now, owner = ctx.house.now(), ctx.person.owner
    first = []
    silences = [one for one in ctx.house.dispatcher.silences(owner) if question.hushed(one)]
    if silences:
        numbers = {one.id: f"盯盘 #{one.number}" for one in question.watches}
        what = "；".join(f"{_hushed_what(ctx, one, numbers)} 到 {stamp_text(one.ends_at)}" for one in silences)
        first.append(f"🔕 静音中：{what}。发送“取消静音”解除。")
    hours = ctx.house.digest.quiet_hours(owner)
    if hours is not None:
        first.append(f"🌙 免打扰时段 {hours}{'，现在就是' if hours.covers(now) else ''}。")
    if sources := ctx.house.about_quotes():
        first.append(sources)
    blocks = [first]
    full = len(question.watches) <= IN_FULL
    blocks += [_watch_now(ctx, question, watch, now, full=full) for watch in question.watches]
    return blocks


def _watch_now(ctx: Context, question: _Question, watch: Watch, now: datetime, *, full: bool) -> list[str]:
    lines = [f"#{watch.number} {watch.condition_text()}（{watch.often_text()}）"]
    if watch.state is not WatchState.ACTIVE:
        return [*lines, "　没有在判断：" + {"paused": "已暂停", "done": "已完成"}.get(watch.state.value, "已删除")]
    if watch.expired_at(now):
        return [*lines, "　没有在判断：已到期"]
    if watch.scope == "market":
        lines.append(f"　全市场 {len(watch.symbols)} 只。{ctx.house.sweep.standing(watch)}")
    if not watch.symbols:
        lines.append("　没有在判断：现在没有持仓")
    rules = question.rules(ctx, watch)
    for rule in rules[: IN_FULL if full else 1]:
        lines += _rule_now(ctx, rule, now, full=full)
    if len(rules) > IN_FULL and full:
        lines.append(f"　……另有 {len(rules) - IN_FULL} 只，请写股票名，例如：/why 茅台")
    return lines


def _rule_now(ctx: Context, rule: Rule, now: datetime, *, full: bool) -> list[str]:
    """How one rule stands right now, with the quote it is judged by."""
    symbol = rule.key.symbol
    name = render.name_text(ctx.house.name(symbol), symbol)
    quote = ctx.house.engine.quote(symbol)
    if quote is None:
        return [f"　{name}：{ctx.house.unfit(symbol) or '还没有收到行情'}，没有判断过"]
    verdict = judge(rule, ctx.house.book.view(rule, quote))
    resting = "已触发" if rule.arm.told else "已在触发区"
    armed = {True: "等待穿越", False: f"{resting}，等价格离开后重新待命", None: "还没有判断过"}[rule.arm.armed]
    lines = [f"　{name}：{verdict.why}；{armed}"]
    unfit = ctx.house.unfit(symbol)
    if full:
        age = render.age_text(now - quote.quoted_at)
        lines.append(f"　　{quote.source} {age}前，{phase(now, board_of(symbol)).chinese}")
    if full and rule.arm.told_at is not None:
        lines.append(f"　　上次提醒 {stamp_text(rule.arm.told_at)}，共 {rule.arm.told} 次")
    if unfit is not None:
        lines.append(f"　　⚠️ 现在不判断：{unfit}")
    return lines


async def _history(ctx: Context, question: _Question) -> list[list[str]]:
    """What happened, newest first: alerts, told or not, also of watches that are gone, and what lies between them."""
    store, owner = ctx.house.store, ctx.person.owner
    alerts = [one for one in await store.alerts(owner, limit=ALERTS) if question.means(one)]
    subjects = {owner, *question.subjects}
    entries = [one for one in await store.entries(subjects, limit=ENTRIES) if _concerns(question, one, owner)]
    if question.symbols and not question.watches and not alerts and not entries:
        names = render.symbols_text([*question.symbols], [ctx.house.name(one) for one in question.symbols])
        raise NotFound(f"没有盯着{names}的任务，也没有它的记录。发送 /list 查看现有的。")
    events = await _alert_events(ctx, alerts)
    numbers = {watch.id: watch.number for watch in question.watches}
    events += [render_why.entry_event(one, ctx.house.name, numbers.get(one.subject)) for one in entries]
    events.sort(key=lambda event: event.at, reverse=True)
    if not events:
        return [["", "最近没有触发过。"]] if question.watches else []
    [first, *rest] = [list(event.lines) for event in events]
    return [["", "最近：" if alerts else "最近没有触发过：", *first], *rest]


def _concerns(question: _Question, entry: Entry, owner: str) -> bool:
    """Whether an entry of the owner, or of a watch with several shares, is about what was asked."""
    if entry.subject == owner and entry.kind is Kind.DELETED:
        return question.everything or entry.symbol in question.symbols
    return not entry.symbol or not question.symbols or entry.symbol in question.symbols


async def _alert_events(ctx: Context, alerts: Sequence[Alert], day: date | None = None) -> list[render_why.Event]:
    found = await ctx.house.store.deliveries([alert.id for alert in alerts])
    sent: dict[str, list[Outgoing]] = {}
    for row in found:
        for alert_id in row.alert_ids:
            sent.setdefault(alert_id, []).append(row)
    kept = ctx.house.now() - KEEP_MESSAGES
    return [render_why.alert_event(one, sent.get(one.id, ()), one.at < kept, day=day is not None) for one in alerts]


# -- how a day was


async def _day(ctx: Context, question: _Question, day: date) -> list[list[str]]:
    """What can be said of a day: what concerned everybody, and watch by watch."""
    if not is_trading_day(day):
        return [[render_why.no_trading(day)]]
    store, owner = ctx.house.store, ctx.person.owner
    since = midnight(day)
    until = since + _DAY
    entries = await store.entries({owner, *question.subjects}, since=since, until=until)
    entries = [one for one in entries[::-1] if _concerns(question, one, owner)]
    alerts = await store.alerts(owner, limit=ALERTS, since=since, until=until)
    alerts = [one for one in alerts[::-1] if question.means(one)]
    events = dict(zip((one.id for one in alerts), await _alert_events(ctx, alerts, day), strict=True))
    first = [f"{render_why.day_text(day)}："]
    first += [f"⚠️ {render_why.entry_text(one, ctx.house.name, day)}" for one in entries if one.kind is Kind.BLIND]
    doubts = [one for one in entries if one.kind is Kind.DOUBT]
    first += [f"⚠️ {render_why.entry_text(one, ctx.house.name, day)}" for one in doubts[:DOUBTS]]
    if len(doubts) > DOUBTS:
        first.append(f"⚠️ 另有 {len(doubts) - DOUBTS} 段时间行情不能用")
    first += await _hushed(ctx, question, day, since, until)
    first += [
        f"{market_time(one.at):%H:%M} {render_why.entry_text(one, ctx.house.name)}"
        for one in entries
        if one.subject == owner
    ]
    lives = await store.entries({one.id for one in question.watches}, kinds=TURNS, until=until)
    if not question.watches and not alerts:
        first.append("没有这样的任务，也没有提醒记录。")
    blocks = [first]
    for watch in question.watches:
        about = _DayOf(day, [one for one in lives if one.subject == watch.id], entries, alerts)
        blocks.append(_watch_then(ctx, question, watch, about, events))
    ids = {watch.id for watch in question.watches}
    blocks += [list(events[one.id].lines) for one in alerts if one.watch_id not in ids]
    return blocks


class _DayOf(NamedTuple):
    """What is known of a day."""

    day: date
    lives: Sequence[Entry]
    entries: Sequence[Entry]
    alerts: Sequence[Alert]


async def _hushed(ctx: Context, question: _Question, day: date, since: datetime, until: datetime) -> list[str]:
    """What kept the person from being told on that day."""
    owner, now = ctx.person.owner, ctx.house.now()
    numbers = {watch.id: f"#{watch.number}" for watch in question.watches}
    lines = []
    for one in await ctx.house.store.silences(since):
        concerns = question.everything or one.watch_id in {None, *numbers}
        if one.owner == owner and one.starts_at < until and concerns:
            lines.append(render_why.silence_text(one, _hushed_what(ctx, one, numbers), day))
    turns = await ctx.house.store.entries({owner}, kinds={Kind.QUIET})
    before = [one for one in turns if one.at < until]
    hours = before[0].note if before else "" if turns else str(ctx.house.digest.quiet_hours(owner) or "")
    if hours:
        lines.append(f"🌙 免打扰时段 {hours}")
    return lines if since <= now else []


def _hushed_what(ctx: Context, silence: Silence, numbers: dict[str, str]) -> str:
    if silence.watch_id is not None:
        return numbers.get(silence.watch_id, "一个任务")
    return "全部" if silence.symbol is None else render.name_text(ctx.house.name(silence.symbol), silence.symbol)


def _watch_then(
    ctx: Context, question: _Question, watch: Watch, about: _DayOf, events: dict[str, render_why.Event]
) -> list[str]:
    """What a watch did on a day, and why it said nothing."""
    day = about.day
    lines = [f"#{watch.number} {watch.condition_text()}（{watch.often_text()}）"]
    opens, closes = datetime.combine(day, AUCTION_ENDS, MARKET_ZONE), session_close(day)
    if watch.created_at >= closes:
        return [*lines, f"　那时还没有这个任务，{stamp_text(watch.created_at)} 才建立"]
    lived = live_between(about.lives, opens, closes, now_live=watch.state is WatchState.ACTIVE)
    mine = [one for one in about.entries if one.subject == watch.id]
    if lived is None:
        last = next((one for one in about.lives if one.at < closes), None)
        why_not = f"：{stamp_text(last.at)} {render_why.entry_text(last, ctx.house.name)}" if last is not None else ""
        return [*lines, f"　那天没有在判断{why_not}"]
    fired = [one for one in about.alerts if one.watch_id == watch.id]
    for one in fired:
        lines += [f"　{line}" for line in events[one.id].lines]
    lines += _approaches(ctx, question, watch, about, {(one.symbol, one.group) for one in fired})
    name_of = ctx.house.name
    told = [one for one in mine if one.kind not in {Kind.NEAREST, Kind.UNJUDGED}]
    lines += [f"　{market_time(one.at):%H:%M} {render_why.entry_text(one, name_of)}" for one in told]
    return lines


def _approaches(
    ctx: Context, question: _Question, watch: Watch, about: _DayOf, fired: Collection[tuple[Symbol, int]]
) -> list[str]:
    """How near the rules of a watch came on a day, the nearest first; those that fired need no such line."""
    noted = [one for one in about.entries if one.subject == watch.id and one.kind in {Kind.NEAREST, Kind.UNJUDGED}]
    today = about.day == trading_date(ctx.house.now())
    if not noted and today:
        since = begun(about.entries, about.day).get(watch.id)
        noted = _so_far(ctx, question, watch, about.day, since)
    if not noted:
        return [] if fired else ["　没有当天的小结，收盘时程序没有在运行"]
    quiet = [one for one in noted if (one.symbol, one.group) not in fired]
    quiet.sort(key=lambda one: approach_of(one).apart if one.kind is Kind.NEAREST else 0.0)
    lines = []
    for one in quiet[:IN_FULL]:
        lines.append(f"　{render_why.entry_text(one, ctx.house.name, when='今天到现在' if today else '当天')}")
        if one.kind is Kind.NEAREST and render_why.held_all_day(one):
            lines.append("　　没有先离开触发区，不算新的穿越，所以不提醒")
    if len(quiet) > IN_FULL:
        lines.append(f"　……另有 {len(quiet) - IN_FULL} 只离得更远")
    return lines


def _so_far(ctx: Context, question: _Question, watch: Watch, day: date, since: datetime | None) -> list[Entry]:
    """The same while the day goes on."""
    found = []
    for rule in question.rules(ctx, watch)[:MANY]:
        near = ctx.house.chronicler.nearest(rule, day, since)
        at = ctx.house.now()
        if isinstance(near, Approach):
            found.append(near.entry(rule, at))
        else:
            found.append(unjudged(rule, at, near))
    return found
