"""One sentence being read in its conversation, and the pieces that several readers share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pydantic import Field

from bot.language import phrases
from bot.language.marks import CLAIMED, Marked, pattern
from bot.language.names import Names
from bot.language.numerals import number
from bot.language.request import ACCOUNT_KINDS, Action, Choice, Draft, Intent, Request, Slot, lacks_value
from core.market import Board, board_of, lot_problem
from core.types import Noun, Side, Symbol


class Context(Noun):
    """What the conversation says beside the sentence itself.

    Attributes:
        draft: the request on the card that is shown now.
        asked: the slot that was asked for.
        choices: the symbols offered, in order.
        last_alert: as stored: ``symbol`` or ``symbols``, ``price``.
        last_price: yuan by symbol; it gives 到 X its side.
        tasks: the person's watches: ``id``, ``symbols``, ``conditions``.
        orders: the person's open orders: ``id``, ``symbol``, ``side``.
    """

    draft: Request | None = None
    asked: str | None = None
    choices: tuple[Symbol, ...] = ()
    last_intent: Intent | None = None
    last_ask: str | None = None
    last_symbols: tuple[Symbol, ...] = ()
    last_alert: dict[str, Any] | None = None
    last_price: dict[Symbol, Decimal] = Field(default_factory=dict)
    tasks: tuple[dict[str, Any], ...] = ()
    orders: tuple[dict[str, Any], ...] = ()

    def at_hand(self) -> tuple[Symbol, ...]:
        """The securities that the conversation is about."""
        if self.last_symbols:
            return self.last_symbols
        alert = self.last_alert or {}
        if found := alert.get("symbols"):
            return tuple(found)
        return (alert["symbol"],) if alert.get("symbol") else ()


NO_CONTEXT: Final = Context()


class Named(NamedTuple):
    """The securities of a sentence."""

    symbols: tuple[Symbol, ...]
    ambiguous: tuple[Choice, ...]
    unknown: bool

    @property
    def anything(self) -> bool:
        return bool(self.symbols or self.ambiguous or self.unknown)


class Reading:
    """One sentence, one conversation, one moment.

    Attributes:
        lenient: words that cannot change what is asked for may stay unknown.
        unheard: those words, after a reader has found the rest covered.
    """

    def __init__(
        self, sentence: Marked, plain: str, names: Names, context: Context, now: datetime, *, lenient: bool = False
    ) -> None:
        self.sentence = sentence
        self._names = names
        self.plain = plain
        self.context = context
        self.now = now
        self.lenient = lenient
        self.unheard: tuple[str, ...] = ()

    def name_of(self, symbol: Symbol) -> str:
        return self._names.name_of(symbol)

    def named(self, text: str | None = None) -> Named:
        """What is named in ``text`` (marked); the whole sentence when None."""
        symbols: dict[Symbol, None] = {}
        choices: list[Choice] = []
        unknown = False
        for char in self.sentence.text if text is None else text:
            mention = self.sentence.mentions.get(char)
            if mention is None:
                continue
            if len(mention.symbols) == 1:
                symbols[mention.symbols[0]] = None
            elif mention.symbols:
                choice = Choice(text=mention.text, candidates=mention.symbols)
                if choice not in choices:
                    choices.append(choice)
            else:
                unknown = True
        return Named(tuple(symbols), tuple(choices), unknown)

    def covered(self, filler: re.Pattern[str] = phrases.FILLER) -> bool:
        """True when nothing is left that we do not know. Names count as known."""
        rest = NAMES.sub(" ", self.sentence.rest.replace(CLAIMED, " "))
        self.unheard = tuple(filler.sub(" ", rest).split())
        return not self.unheard or (self.lenient and innocent(self.unheard))

    def day(self, match: re.Match[str], group: str = "d") -> tuple[date, date]:
        """First and last day of what a pattern found; today for 今天, 收盘 and the like."""
        moment = self.sentence.moments.get(match[group] or "")
        if moment is None or moment.day is None:
            return self.now.date(), self.now.date()
        return moment.day, moment.last or moment.day

    def value(self, match: re.Match[str], group: str = "v") -> Decimal:
        return self.sentence.figures[match[group]].value


MOST_UNHEARD: Final = 8
"""Characters. A sentence of which more was not heard was not heard."""
_TELLING: Final = re.compile(
    # Marks of figures, times and names, and digits.
    "[\ue000-\uf8fe0-9&|/<>+=]"
    # What turns a sentence round or narrows it.
    "|[不没别勿莫甭未非无除但只]|如果|取消"
    # Numbers, their units, times.
    "|[零一二三四五六七八九十百千万亿半几两仨俩廿成点块毛蚊元手百分每隔次天周月年号日今明昨晚早前后至]|收市"
    # Measures and what happens to them.
    "|[股线均轨量倍率额仓本户金开炸封撬套]|rsi|macd|kdj|boll|turnover"
    "|[涨跌升降高低总连有回到为因午全]"
    # What is done: with money, with watches, with settings.
    "|[买卖止损盈亏赚出清沽甩抛抢进建加减补撤托停删单笔设置限确认]"
    # What makes it a question.
    "|[吗么谁何啥咩乜点?]"
)


def innocent(words: Sequence[str]) -> bool:
    """Whether words that nobody knows can hardly change what the rest of the sentence asks for.

    >>> innocent(["劳您大驾", "吼我"]), innocent(["至多"]), innocent(["收市"])
    (True, False, False)
    """
    return sum(map(len, words)) <= MOST_UNHEARD and not any(map(_TELLING.search, words))


NAMES: Final = pattern("<name>")
_PRICE: Final = pattern("<price>")


# --- pieces that several readers share ---


def read_account(reading: Reading) -> str | None:
    for written, account in phrases.ACCOUNTS:
        if reading.sentence.take(written):
            return None if account == "real" else account
    return None


def read_channels(reading: Reading) -> tuple[str, ...]:
    return tuple(name for written, name in phrases.CHANNELS if reading.sentence.take_all(written))


def read_scope(reading: Reading) -> str | None:
    for written, scope in phrases.SCOPES:
        if reading.sentence.take(written):
            return scope
    return None


def read_targets(reading: Reading) -> tuple[str, ...]:
    found: list[str] = []
    for written, target in phrases.TARGETS:
        for match in reading.sentence.take_all(written):
            if target:
                found.append(target)
                continue
            figure = reading.sentence.figures.get(match["n"])
            count = figure.value if figure else number(match["n"])
            if count is None:
                moment = reading.sentence.moments.get(match["n"])
                count = Decimal(moment.day.day) if moment and moment.day else None
            if count is not None:
                found.append(f"#{int(count)}")
    return tuple(dict.fromkeys(found))


def read_manner(reading: Reading) -> dict[str, Any]:
    """Whom it is told to and what else is told, in words that would be taken for a condition: read before those."""
    sentence = reading.sentence
    found: dict[str, Any] = {}
    for written in phrases.BAND:
        if match := sentence.take(written):
            found["band"] = reading.value(match)
            break
    if match := sentence.take(phrases.ESCALATE):
        waits = [sentence.moments[char].seconds for char in match[0] if char in sentence.moments]
        found["escalate_s"] = waits[0] if waits else UNANSWERED_S
    ends = sentence.take(phrases.NO_ANALYSIS_OF) and sentence.take(phrases.ANALYSIS_AT_TIMES)
    if ends or sentence.take(phrases.NO_ANALYSIS):
        found["analyze_s"] = 0
    elif match := sentence.take(phrases.EACH_ANALYSIS):
        found["analyze_s"] = sentence.moments[match["t"]].seconds
    if sentence.take(phrases.RESOLVED):
        found["resolved"] = True
    if sentence.take(phrases.ONLY_HELD):
        found["only_held"] = True
    return found


UNANSWERED_S: Final = 300
"""没回应 without a time: five minutes."""


def read_top(reading: Reading) -> int | None:
    match = reading.sentence.take(phrases.TOP)
    if match is None:
        return None
    figure = reading.sentence.figures.get(match["n"])
    count = figure.value if figure else number(match["n"])
    return int(count) if count else None


def read_options(reading: Reading) -> dict[str, Any]:
    """How often, until when, by which way: everything beside the condition itself."""
    sentence = reading.sentence
    found = read_manner(reading)
    for written in phrases.COOLDOWN:
        if match := sentence.take(written):
            found["cooldown_s"] = sentence.moments[match["t"]].seconds
            break
    for written, repeat in phrases.REPEATS:
        if sentence.take_all(written):
            found["repeat"] = repeat
            break
    for written in phrases.INTERVAL:
        if match := sentence.take(written):
            between = found.get("repeat") == "every_time" and not _LOOKS.search(match[0])
            # 反复提醒,隔15分钟: between two tellings, not between two looks.
            found.setdefault("cooldown_s" if between else "interval_s", sentence.moments[match["t"]].seconds)
            break
    if sentence.take(phrases.AFTER_CLOSE):
        found["session_only"] = True
    if sentence.take(phrases.TODAY_ONLY):
        found["expiry"] = reading.now.date()
    for written in phrases.EXPIRY:
        if "expiry" not in found and (match := sentence.take(written)) and not _been(reading, match):
            found["expiry"] = _last_day(reading, match)
    if "expiry" not in found and (match := phrases.WITHIN.search(sentence.rest)):
        moment = sentence.moments.get(match["d"])
        # 半小时内涨1% is a speed: what is shorter than a day ends no watch.
        if moment is None or not 0 < moment.seconds < 86_400 or _been(reading, match):
            sentence.claim(match)
        if not _been(reading, match) and (moment is None or not 0 < moment.seconds < 86_400):
            found["expiry"] = _last_day(reading, match)
    if sentence.take(phrases.SESSION):
        found["session_only"] = True
    if channels := read_channels(reading):
        found["channels"] = channels
    return found


_LOOKS: Final = re.compile("查|看|刷|扫|检|盯|轮询|频率|监")
_OVER: Final = re.compile("昨|前天")


def _been(reading: Reading, match: re.Match[str]) -> bool:
    """这两天, 最近一周: days that have been end no watch."""
    moment, today = reading.sentence.moments.get(match["d"] or ""), reading.now.date()
    return moment is not None and moment.kind == "span" and moment.day is not None and moment.day < today == moment.last


def _last_day(reading: Reading, match: re.Match[str]) -> date:
    moment = reading.sentence.moments.get(match["d"] or "")
    if moment is None or moment.day is None:
        return reading.now.date()
    if moment.kind == "span" and moment.last is not None:
        # 本周有效 ends with the week's last trading day, 本月有效 with the month.
        return (
            moment.last - timedelta(days=2)
            if moment.last.weekday() == 6 and (moment.last - moment.day).days == 6
            else moment.last
        )
    if moment.day < reading.now.date() and moment.kind == "day" and not _OVER.search(reading.plain):
        # 15号 said on the 18th is next month's.
        return (moment.day.replace(day=1) + timedelta(days=32)).replace(day=min(moment.day.day, 28))
    return moment.day


def watched_one(reading: Reading, named: Named) -> Named:
    """A short name that fits several securities means the one that is watched, when only one of them is."""
    if len(named.ambiguous) != 1 or named.symbols:
        return named
    watched = {symbol for task in reading.context.tasks for symbol in task.get("symbols", ())}
    fitting = [symbol for symbol in named.ambiguous[0].candidates if symbol in watched]
    return Named((fitting[0],), (), unknown=False) if len(fitting) == 1 else named


def conditions_of(task: Mapping[str, Any]) -> list[Draft]:
    """The conditions of one of the person's watches."""
    return [Draft.model_validate(condition) for condition in task.get("conditions", ())]


THIS_ONE: Final = pattern("这[只个条](?:股票|股|票)?|它")


def alerted(reading: Reading) -> tuple[Symbol, ...]:
    """The share of the last alert, where the sentence says 这只."""
    return reading.context.at_hand() if THIS_ONE.search(reading.plain) else ()


class Trade(NamedTuple):
    start: int
    end: int
    action: Action


def read_trade(reading: Reading) -> Trade | None:
    """Read the trade of a sentence and claim it; None where there is none or it is not one clear trade."""
    sentence = reading.sentence
    match = sentence.take(phrases.TRADE)
    if match is None or match["past"] == "过":
        return None
    side = Side.BUY if match["buy"] else Side.SELL
    while (again := phrases.TRADE.search(sentence.rest)) is not None:
        # 减仓卖出100股 says one thing twice; buying and selling at once is no trade that we know.
        if bool(again["buy"]) != bool(match["buy"]):
            return None
        sentence.claim(again)
    verb = match["buy"] or match["sell"]
    after = match.end()
    slots: dict[str, Any] = {}
    for written, value in phrases.QUANTITY_WORDS:
        if sentence.take(written):
            slots["fraction"] = Decimal(value)
            break
    if found := sentence.take(phrases.SHARES):
        slots["shares"] = int(reading.value(found))
    elif "fraction" not in slots and (found := sentence.take(phrases.TENTHS)):
        slots["fraction"] = reading.value(found) / 100
    elif "fraction" not in slots and (found := sentence.take(phrases.FRACTION)):
        part = reading.value(found)
        slots["fraction"] = part if sentence.figures[found["v"]].unit == "fraction" else part / 100
    elif found := sentence.take(phrases.MONEY):
        slots["amount"] = reading.value(found, "v" if found["v"] else "w")
    if not slots.keys() - {"price"}:
        _quantity_after_verb(reading, after, slots)
    for written, price in phrases.AT_PRICE:
        if sentence.take(written):
            slots["price"] = price
            break
    bound = phrases.AT_MOST if side is Side.BUY else phrases.AT_LEAST
    if "price" not in slots and (found := sentence.take(bound) or sentence.take(phrases.LIMIT_PRICE)):
        slots["price"] = reading.value(found)
    if "fraction" not in slots and "shares" not in slots and "amount" not in slots and side is Side.SELL:
        everything = (
            phrases.EVERYTHING.fullmatch(verb) is not None
            or "全" in match["lead"]
            or "都" in match["lead"]
            or verb == "卖光"
        )
        if everything:
            slots["fraction"] = Decimal(1)
    if "shares" in slots and slots.get("fraction") == 1:
        return None
    if _out_of_reason(slots):
        return None
    return Trade(match.start(), match.end(), Action(side=side, **slots))


def _quantity_after_verb(reading: Reading, after: int, slots: dict[str, Any]) -> None:
    """``买5万块的茅台`` is an amount, ``买100茅台`` are shares; anything else bare is left to be a price or nothing."""
    sentence = reading.sentence
    found = _PRICE.match(sentence.rest, after)
    if found is None:
        return
    figure = sentence.figures[found[0]]
    following = sentence.rest[found.end() : found.end() + 2].lstrip("的钱")
    if figure.value >= {"yuan": 1000, "": 10_000}.get(figure.unit, math.inf):
        slots["amount"] = figure.value
    elif figure.unit == "" and figure.value % 100 == 0 and figure.value > 0 and following[:1] in sentence.mentions:
        slots["shares"] = int(figure.value)
    else:
        return
    sentence.claim(found)


def _out_of_reason(slots: Mapping[str, Any]) -> bool:
    fraction, price = slots.get("fraction"), slots.get("price")
    return (
        (fraction is not None and not 0 < fraction <= 1)
        or (isinstance(price, Decimal) and price <= 0)
        or slots.get("shares") == 0
    )


def owed(named: Named, action: Action | None, *, order: bool) -> tuple[tuple[Slot, ...], tuple[str, ...]]:
    """What is missing, and what is wrong, about a trade."""
    missing: list[Slot] = []
    problems: list[str] = []
    if action is not None:
        if not action.has_quantity:
            missing.append("quantity")
        if order and action.price is None:
            missing.append("price")
        if action.side is Side.BUY and action.shares is not None and len(named.symbols) == 1:
            board = board_of(named.symbols[0])
            # An index is refused by the desk with its own words.
            if board is not Board.INDEX and lot_problem(board, Side.BUY, action.shares, 0):
                problems.append("lot_size")
    if named.unknown and not named.symbols:
        problems.append("unknown_symbol")
    return tuple(missing), tuple(problems)


def still_owed(request: Request) -> dict[str, Any]:
    """``missing`` and ``problems`` of a request after it was changed."""
    named = Named(request.symbols, request.ambiguous, "unknown_symbol" in request.problems)
    order = request.intent in ("order_buy", "order_sell")
    missing, problems = owed(named, request.action, order=order)
    needs: list[Slot] = []
    drafts = (*request.conditions, *(draft for task in request.tasks for draft in task.conditions))
    placed = request.symbols or request.ambiguous or request.scope or request.tasks or "unknown_symbol" in problems
    of_account = bool(drafts) and all(draft.kind in ACCOUNT_KINDS for draft in drafts)
    if not (placed or of_account) and (order or request.intent == "watch_create"):
        needs.append("symbols")
    if request.intent == "watch_create" and not drafts and request.analyze_s is None:
        needs.append("conditions")
    if any(lacks_value(draft) for draft in drafts):
        needs.append("value")
    if "targets" in request.missing and not (request.targets or request.symbols):
        needs.append("targets")
    return {"missing": (*needs, *missing), "problems": problems}
