"""What a model may answer, and what of it is believed: names and figures only as the person typed them.

A model proposes in the words of the sentence schema. It names shares by the person's own words, which our table
resolves; every number must be one that the person typed, every day one that our own reading of the sentence gives, and
a trade needs a word of the person's that trades. What does not hold is refused as a whole, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from pydantic import ValidationError

from bot.language import phrases
from bot.language.english import chinese
from bot.language.marks import Marked, normal, pattern
from bot.language.moments import Moment, moments
from bot.language.names import Mention, Names
from bot.language.numerals import NUMBER, figures, number
from bot.language.reading import UNANSWERED_S, Context, still_owed
from bot.language.request import (
    Action,
    Ask,
    Choice,
    Draft,
    Intent,
    Period,
    Request,
    Scope,
    Setting,
    Task,
    condition_of,
    lacks_value,
)
from bot.validation import problem_text
from core.clock import market_time
from core.completions import Unfounded
from core.errors import Invalid
from core.types import Noun, Side, Symbol


class ProposedTask(Noun):
    """One of several watches in one sentence."""

    names: tuple[str, ...] = ()
    conditions: tuple[Draft, ...] = ()
    combine: Literal["any", "all"] | None = None


class Proposal(Noun):
    """The answer of a model: a :class:`Request` with the person's words in place of symbols, and nothing derived."""

    intent: Intent
    names: tuple[str, ...] = ()
    scope: Scope | None = None
    conditions: tuple[Draft, ...] = ()
    combine: Literal["any", "all"] | None = None
    tasks: tuple[ProposedTask, ...] = ()
    interval_s: int | None = None
    session_only: bool | None = None
    repeat: Literal["once", "every_time", "daily"] | None = None
    cooldown_s: int | None = None
    top: int | None = None
    band: Decimal | None = None
    only_held: bool | None = None
    resolved: bool | None = None
    escalate_s: int | None = None
    analyze_s: int | None = None
    expiry: date | None = None
    channels: tuple[Literal["chat", "email", "webhook"], ...] = ()
    action: Action | None = None
    targets: tuple[str, ...] = ()
    duration_s: int | None = None
    until: datetime | None = None
    off: bool | None = None
    ask: Ask | None = None
    date_from: date | None = None
    date_to: date | None = None
    account: Literal["real", "paper", "wife"] | None = None
    chart_period: Period | None = None
    setting: Setting | None = None


LONGEST: Final = 4000
"""Characters of an answer that are looked at; a request takes a few hundred."""
ORDERS: Final[frozenset[Intent]] = frozenset({"order_buy", "order_sell"})
NEVER: Final[frozenset[Intent]] = frozenset({"draft_confirm", "draft_cancel", "ack", "snooze", "report"})
"""Answers to a card, which only the person gives; and reports, whose words the grammar knows."""


def parse(text: str, intents: Collection[str]) -> Proposal:
    """The proposal that an answer holds, as JSON and nothing else.

    Args:
        intents: what the house can do.

    Raises:
        Unfounded: it is no JSON of that shape, or asks for something that the house does not do.
    """
    if not text.strip():
        raise Unfounded("回答是空的。")
    if len(text) > LONGEST:
        raise Unfounded("回答太长。")
    try:
        found = Proposal.model_validate_json(text, strict=True)
    except ValidationError as error:
        one = error.errors()[0]
        place = ".".join(str(part) for part in one["loc"]) or "JSON"
        raise Unfounded(f"{place}：{problem_text(one)}。") from None
    if found.intent in NEVER or (found.intent != "unknown" and found.intent not in intents):
        raise Unfounded(f"没有 {found.intent} 这个工具。")
    return found


class Grounded(NamedTuple):
    """A proposal as our own request.

    Attributes:
        strangers: words that the model took for names of shares and that our table does not know.
        unused: names and figures that the person typed and that the request does not hold; the person is told.
    """

    request: Request
    strangers: tuple[str, ...]
    unused: tuple[str, ...]


def ground(
    found: Proposal,
    text: str,
    names: Names,
    *,
    now: datetime,
    context: Context,
    preferred: Collection[Symbol] = (),
) -> Grounded:
    """Hold a proposal against the sentence.

    Returns:
        A request whose ``missing`` and ``ambiguous`` say what must still be asked.

    Raises:
        Unfounded: it says something that the person did not.
    """
    typed = _Typed(text, names, now, preferred)
    for draft in (*found.conditions, *(draft for task in found.tasks for draft in task.conditions)):
        typed.check_draft(draft)
    typed.check_slots(found)
    typed.check_days(found)
    typed.check_setting(found.setting)
    action = typed.check_trade(found)
    named = typed.resolve(found.names)
    request = _request(found, action, named, typed, context)
    return Grounded(request, named.strangers, typed.unused(request) if found.intent in _TRADING else ())


_TRADING: Final[frozenset[Intent]] = frozenset({"watch_create", "watch_update", *ORDERS})
_PRONOUN: Final = re.compile("它|[这那]只|[这那]个|该股")
_OF_SHARES: Final = frozenset({"quote_query", "chart", "analyze", "favourite_add", "favourite_remove"})


def _request(found: Proposal, action: Action | None, named: _Named, typed: _Typed, context: Context) -> Request:
    symbols = named.symbols
    if not (named.anything or found.tasks or found.scope) and _PRONOUN.search(typed.said):
        symbols = context.at_hand()
    tasks = []
    for task in found.tasks:
        own = typed.resolve(task.names)
        if own.ambiguous or own.strangers:
            raise Unfounded("几个任务里有一个股票名不确定，不能一起设。")
        tasks.append(Task(symbols=own.symbols or symbols, conditions=task.conditions, combine=task.combine))
    fields = found.model_dump(exclude={"names", "tasks", "action"}, exclude_none=True)
    request = Request.model_validate(
        fields
        | {
            "symbols": () if tasks else symbols,
            "tasks": tuple(tasks),
            "ambiguous": named.ambiguous,
            "action": action,
            "until": None if found.until is None else typed.instant(found.until),
        }
    )
    if request.intent in _OF_SHARES:
        nothing = not (symbols or named.ambiguous or request.scope or request.targets)
        return request.model_copy(update={"missing": ("symbols",) if nothing else ()})
    if request.intent == "order_cancel":
        nothing = not (symbols or named.ambiguous or request.targets)
        return request.model_copy(update={"missing": ("targets",) if nothing else ()})
    return request.model_copy(update=still_owed(request))


class _Named(NamedTuple):
    """What the words of a proposal name.

    Attributes:
        strangers: words that our table does not know.
    """

    symbols: tuple[Symbol, ...]
    ambiguous: tuple[Choice, ...]
    strangers: tuple[str, ...]

    @property
    def anything(self) -> bool:
        return bool(self.symbols or self.ambiguous or self.strangers)


_YUAN: Final = frozenset({"yuan", "", "point"})
_PERCENT: Final = frozenset({"pct", "point", "tenths", "fraction", ""})
_TIMES: Final = frozenset({"times", ""})
_SHARES: Final = frozenset({"shares", ""})
_ANY: Final = _YUAN | _PERCENT | _TIMES
_IN_YUAN: Final = frozenset({"price_above", "price_below", "price_reach", "enter_range", "amount_above"})
_IN_PERCENT: Final = frozenset(
    {
        "pct_up",
        "pct_down",
        "speed",
        "trailing_stop",
        "gap_up",
        "gap_down",
        "turnover",
        "queue_shrink",
        "position_weight",
        "account_drawdown",
    }
)
_PARTS: Final = (
    (re.compile("一半|对半|半仓|腰斩|减半"), Decimal("0.5")),
    (re.compile("全|清|光|都|所有|满仓|一股不剩"), Decimal(1)),
)
"""Words that are a part of the whole."""
_DAYS: Final = (
    (re.compile("(?<!半)年线|一年"), 250),
    (re.compile("半年"), 120),
    (re.compile("季线|一个?季"), 60),
    (re.compile("月线|一个月"), 20),
    (re.compile("周线|一周"), 5),
)
"""Words that are a number of trading days."""
_UNANSWERED: Final = re.compile("没.{0,3}(?:回应|反应|回复|看)")
_LEFT: Final = re.compile("剩|(?:降|减|缩|少)到")
_BELLS: Final = frozenset({time(9, 30), time(11, 30), time(13), time(15)})
SUNDAY: Final = 6
_TODAY: Final = re.compile("今|当[天日]|现在|盘后|收盘|尾盘|早盘|午盘")
_SOME: Final = "(?=<shares>|<tenths>|<fraction>|<yuan>|<num>|一?点|一半|半仓)"
_BUY: Final = rf"{phrases.BUY}|上车|进场|入场|入手|梭哈|(?:来|整|弄|搞|拿|接|入|吃){_SOME}"
_SELL: Final = rf"{phrases.SELL}|下车|出场|了结|落袋|(?:甩|抛|撤|跑|砍|割){_SOME}"
_BUYS: Final = pattern(_BUY)
_SELLS: Final = pattern(_SELL)
_NEGATED: Final = pattern(rf"(?:不|别|勿|没有?|甭)(?:要|想|能|用|准|必|再|给我|帮我|替我|急着)*(?:{_BUY}|{_SELL})")
_PAST: Final = re.compile(
    "(?:买入?|买进|加仓|卖出|建仓|补仓|减仓|抄底)[了过](?!吧)|已经|刚才|刚刚|之前|早知道|要是|昨|前天|上[周个]"
    "|^我把?.*(?:卖|清|抛|出)[掉光仓]?了$"
)
_IN_DOUBT: Final = re.compile(
    "吗|[?]|假如|万一|听说|据说|[人友他她家]说|会不会|该不该|要不要|想想|考虑|犹豫|后悔|担心|害怕"
)
_TARGET: Final = re.compile(r"all|last|#\d{1,5}")
_SAID: Final[Mapping[tuple[str, str], re.Pattern[str]]] = {
    ("scope", "holdings"): re.compile("持仓|持有|手[里上中头]|仓"),
    ("scope", "watchlist"): re.compile("自选"),
    ("scope", "market"): re.compile("市场|所有股|全部股|任何|任意|随便|两市|全a|a股|沪深|大盘"),
    ("name", "macd"): re.compile("macd|dif|dea"),
    ("name", "kdj"): re.compile("kdj|[kdj]值"),
    ("name", "rsi"): re.compile("rsi"),
    ("name", "boll"): re.compile("boll|布林"),
    ("channels", "email"): re.compile("邮"),
    ("channels", "webhook"): re.compile("webhook|钩子"),
    ("account", "paper"): re.compile("模拟|纸"),
    ("account", "wife"): re.compile("老婆|媳妇|太太|爱人|妻"),
    ("targets", "all"): re.compile("全|所有|都|一切|统统|通通|清空"),
}
"""Words without which a slot cannot have this value."""


class _Typed:
    """What stands in the person's own sentence."""

    def __init__(self, text: str, names: Names, now: datetime, preferred: Collection[Symbol]) -> None:
        plain = normal(text)
        self.said = plain if (translated := chinese(plain)) is plain else normal(translated)
        self._names = names
        self._preferred = preferred
        self._here = market_time(now)
        self._marked = Marked(self.said, names, now, preferred).text
        self._mentions = names.find(self.said, preferred)
        # What is read is blanked out, so that every place stays where it was typed.
        self._plain = _blanked(self.said, self._mentions)
        found = moments(self._plain, now)
        self._figures = figures(_blanked(self._plain, found))
        self._counts = {value for one in re.findall(NUMBER, self._plain) if (value := number(one)) is not None}
        self._counts |= {Decimal(days) for written, days in _DAYS if written.search(self._plain)}
        self._seconds = {moment.seconds for moment in found if moment.seconds}
        if _UNANSWERED.search(self._plain):
            self._seconds.add(UNANSWERED_S)
        self._days = {day for moment in found for day in (moment.day, moment.last) if day is not None}
        if _TODAY.search(self._plain):
            self._days.add(self._here.date())
        # 本周 ends for the market on its Friday.
        self._days |= {day - timedelta(days=2) for day in self._days if day.weekday() == SUNDAY}
        self._instants = {market_time(moment.at) for moment in found if moment.at is not None}
        self._parts = {part for written, part in _PARTS if written.search(self._plain)}

    # --- names

    def resolve(self, words: tuple[str, ...]) -> _Named:
        """By our table alone. A word of a longer name in the sentence means that name."""
        symbols: dict[Symbol, None] = {}
        choices: list[Choice] = []
        strangers: list[str] = []
        for word in words:
            plain = normal(word)
            if not plain or plain not in self.said:
                raise Unfounded(f"用户没有说过“{word}”，names 里只能写用户原话里的词。")
            whole = next((one for one in self._mentions if plain in one.text or one.text in plain), None)
            found = whole.symbols if whole is not None else self._names.candidates(plain, self._preferred)
            if len(found) == 1:
                symbols[found[0]] = None
            elif found:
                choices.append(Choice(text=word, candidates=found))
            else:
                strangers.append(word)
        if choices and (symbols or len(choices) > 1):
            raise Unfounded(f"“{choices[0].text}”有好几只股票叫这个名字，不能和别的一起设。")
        # Half of what was named is not done.
        return _Named(() if strangers else tuple(symbols), tuple(choices), tuple(strangers))

    # --- figures

    def check_draft(self, draft: Draft) -> None:
        units = _units(draft)
        for field, value in (("value", draft.value), ("low", draft.low), ("high", draft.high)):
            left = draft.kind == "queue_shrink" and value is not None and _LEFT.search(self._plain) is not None
            if value is not None and not self._has(100 - value if left else value, units):
                raise Unfounded(f"用户没有说过 {value}（{draft.kind} 的 {field}）。")
        for field in ("ma", "fast", "slow", "base_days", "days", "n"):
            count = getattr(draft, field)
            if count is not None and Decimal(count) not in self._counts and count not in self._seconds:
                raise Unfounded(f"用户没有说过 {count}（{draft.kind} 的 {field}）。")
        self._check_seconds("period_s", draft.period_s)
        self._check_said("name", draft.name)
        if draft.kind != "price_reach" and draft.direction != "either" and not lacks_value(draft):
            try:
                condition_of(draft)
            except Invalid as error:
                raise Unfounded(str(error)) from None

    def check_slots(self, found: Proposal) -> None:
        for field in ("interval_s", "cooldown_s", "escalate_s", "analyze_s", "duration_s"):
            self._check_seconds(field, getattr(found, field))
        if found.top is not None and Decimal(found.top) not in self._counts:
            raise Unfounded(f"用户没有说过 {found.top}（top）。")
        if found.band is not None and not self._has(found.band, _PERCENT):
            raise Unfounded(f"用户没有说过 {found.band}（band）。")
        for field, value in (("scope", found.scope), ("account", found.account)):
            self._check_said(field, value)
        for channel in found.channels:
            self._check_said("channels", channel)
        for target in found.targets:
            known = _TARGET.fullmatch(target)
            if known is None or (target[0] == "#" and Decimal(target[1:]) not in self._counts):
                raise Unfounded(f"用户没有说过编号 {target}（targets）。")
            self._check_said("targets", target)

    def _check_seconds(self, field: str, seconds: int | None) -> None:
        if seconds is not None and seconds not in self._seconds:
            raise Unfounded(f"用户没有说过 {seconds} 秒这么久（{field}）。")

    def _check_said(self, field: str, value: str | None) -> None:
        written = _SAID.get((field, value or ""))
        if written is not None and written.search(self.said) is None:
            raise Unfounded(f"用户没有说过 {field} 是 {value}，没有说的要留空。")

    def check_days(self, found: Proposal) -> None:
        # A weekday that is asked about has been.
        asked = found.intent in {"history_query", "orders_query", "positions_query"}
        days = self._days | {day - timedelta(days=7) for day in self._days if asked}
        for field in ("expiry", "date_from", "date_to"):
            day = getattr(found, field)
            if day is not None and day not in days:
                raise Unfounded(f"从用户的话里推不出 {day}（{field}）。")
        if found.until is not None and self.instant(found.until) is None:
            raise Unfounded(f"从用户的话里推不出 {found.until:%Y-%m-%dT%H:%M}（until）。")

    def instant(self, said: datetime) -> datetime | None:
        """An instant in market time that the sentence gives: as typed, or a bell or the last minute of its day."""
        local = said.replace(tzinfo=self._here.tzinfo) if said.tzinfo is None else market_time(said)
        days = self._days | ({self._here.date()} if "盘" in self._plain else set())
        named = local.date() in days and local.time() in {*_BELLS, time(23, 59)}
        return local if named or local in self._instants else None

    def check_setting(self, setting: Setting | None) -> None:
        if setting is None:
            return
        value = setting.value
        if isinstance(value, Decimal):
            typed = value in self._seconds if setting.key == "default_interval_s" else self._has(value, _YUAN)
            if not typed:
                raise Unfounded(f"用户没有说过 {value}（setting）。")
        elif setting.key == "alert_pictures" and ("图" not in self._plain or value not in {"on", "off"}):
            raise Unfounded("alert_pictures 的 value 是 on 或 off，而且用户要说到图（setting）。")
        elif setting.key == "alert_comments" and ("点评" not in self._plain or value not in {"on", "off"}):
            raise Unfounded("alert_comments 的 value 是 on 或 off，而且用户要说到点评（setting）。")
        elif setting.key == "quiet_hours" and not set(value.split("-")) <= {f"{at:%H:%M}" for at in self._instants}:
            raise Unfounded(f"用户没有说过 {value}（setting）。")

    def check_trade(self, found: Proposal) -> Action | None:
        """The action, with the sentence's own figures. It needs a word that trades, that way and no other way."""
        action = found.action
        ordered = found.intent in ORDERS
        if ordered and (action is None or found.conditions or found.tasks):
            raise Unfounded(f"{found.intent} 要有 action，不能有条件；带条件的交易是 watch_create。")
        if action is None:
            return None
        if found.intent not in _TRADING:
            raise Unfounded(f"{found.intent} 不能带 action。")
        if ordered and action.side != found.intent.removeprefix("order_"):
            raise Unfounded("action 的 side 和 intent 不一致。")
        wanted, other = (_BUYS, _SELLS) if action.side is Side.BUY else (_SELLS, _BUYS)
        if wanted.search(self._marked) is None or (ordered and other.search(self._marked) is not None):
            raise Unfounded(f"用户没有明确说要{action.side.chinese}。")
        if phrases.NEGATED_TRADE.search(self._marked) or _NEGATED.search(self._marked):
            raise Unfounded("用户说的是不要交易。")
        if ordered and any(one.search(self._plain) for one in (phrases.QUESTIONED, _PAST, _IN_DOUBT)):
            raise Unfounded("用户在提问、假设，或者讲过去的事，没有要下委托。")
        self._check_quantity(action)
        if action.fraction is None:
            return action
        return action.model_copy(update={"fraction": self._fraction(action.fraction)})

    def _check_quantity(self, action: Action) -> None:
        if (action.shares, action.amount, action.fraction).count(None) < 2:
            raise Unfounded("shares、amount、fraction 只能写一个。")
        if action.shares is not None and not self._has(Decimal(action.shares), _SHARES):
            raise Unfounded(f"用户没有说过 {action.shares} 股。")
        if action.amount is not None and not self._has(action.amount, _YUAN):
            raise Unfounded(f"用户没有说过 {action.amount} 元。")
        if isinstance(action.price, Decimal) and not self._has(action.price, _YUAN):
            raise Unfounded(f"用户没有说过 {action.price} 元的价格。")
        if any(isinstance(one, int | Decimal) and one <= 0 for one in (action.shares, action.amount, action.price)):
            raise Unfounded("数量和价格都应大于 0。")

    def _fraction(self, said: Decimal) -> Decimal:
        known = self._parts | {one.value / 100 for one in self._figures if one.unit in {"pct", "tenths"}}
        known |= {one.value for one in self._figures if one.unit == "fraction"}
        for part in known:
            if abs(part - said) < Decimal("0.006") and 0 < part <= 1:
                return part
        raise Unfounded(f"用户没有说过 {said} 这个比例。")

    def _has(self, value: Decimal, units: Collection[str]) -> bool:
        """Whether the person typed this number in one of these units, or as a part of the whole."""
        for figure in self._figures:
            scaled = figure.value * 100 if figure.unit == "fraction" else figure.value
            if figure.unit in units and abs(scaled) == abs(value):
                return True
        return "pct" in units and value / 100 in self._parts

    def unused(self, request: Request) -> tuple[str, ...]:
        """Names and figures of the sentence that the request does not hold, as they were typed."""
        asked = {symbol for task in request.tasks for symbol in task.symbols} | {*request.symbols}
        asked |= {symbol for one in request.ambiguous for symbol in one.candidates}
        names = [one.text for one in self._mentions if one.symbols and not asked & {*one.symbols}]
        held = set(_numbers(request.model_dump(exclude_none=True)))
        held |= {Decimal(one[1:]) for one in request.targets if one[0] == "#"}
        held |= {one * 100 for one in held} | ({100 - one for one in held} if _LEFT.search(self._plain) else set())
        figures_left = [
            self.said[one.start : one.end]
            for one in self._figures
            if abs(one.value) not in held and not any(abs(one.value / 100 - part) < Decimal("0.006") for part in held)
        ]
        return (*names, *figures_left)


def _blanked(text: str, found: Iterable[Mention | Moment]) -> str:
    """The text with these places empty, as long as before."""
    for one in found:
        text = f"{text[: one.start]}{' ' * (one.end - one.start)}{text[one.end :]}"
    return text


def _units(draft: Draft) -> frozenset[str]:
    if draft.unit == "yuan" or draft.kind in _IN_YUAN:
        return _YUAN
    if draft.unit == "pct" or draft.kind in _IN_PERCENT:
        return _PERCENT
    return _TIMES if draft.kind == "volume_ratio" else _ANY


def _numbers(value: object) -> Iterator[Decimal]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield abs(Decimal(value))


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of an answer."""
    return Proposal.model_json_schema()
