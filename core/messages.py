"""What channels carry: Incoming from a person, Message to a chat, and the outbox row that keeps it until it is sent.

A Chart is a picture as data: it goes through the outbox with its message, and is painted when that is sent. Its times
are Unix seconds and its prices thousandths of a yuan, so that a hundred candles take a few kilobytes of JSON.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from core.columns import columns
from core.types import Noun, Symbol


class Chat(NamedTuple):
    """Where a conversation takes place. ``channel`` is the adapter's file name; ``id`` is the vendor's chat id."""

    channel: str
    id: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.id}"


class Role(StrEnum):
    """What a person may do: a viewer asks and is reminded, a trader also orders, an owner also steers."""

    VIEWER = "viewer"
    TRADER = "trader"
    OWNER = "owner"

    def covers(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)

    @property
    def chinese(self) -> str:
        return {"viewer": "查看者", "trader": "交易者", "owner": "主人"}[self.value]


class Incoming(Noun):
    """Something a person did in a chat. A press is a command that somebody typed for the person.

    Attributes:
        user: the vendor's id of the person, not of the chat: in a group they differ.
        name: how the person is called there; shown on decided cards, never trusted.
        press: the command of the button, where a button was tapped; ``text`` is then its label if known.
        at: aware UTC, when it reached us.
    """

    chat: Chat
    user: str
    name: str = ""
    text: str = ""
    press: str | None = None
    at: datetime


class Style(StrEnum):
    PLAIN = "plain"
    CONFIRM = "confirm"
    DANGER = "danger"


COMMAND_BYTES: Final = 64
"""What Telegram lets a button carry."""


class Button(NamedTuple):
    """A command under a label. ``command`` has at most COMMAND_BYTES and means the same after a restart."""

    label: str
    command: str
    style: Style = Style.PLAIN


class Candle(NamedTuple):
    """A bar as it is painted.

    ``at`` is the bar's label in Unix seconds, prices are milli, ``volume`` is shares.
    """

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class Point(NamedTuple):
    """A minute of a day's line (分时): ``minute`` of its 240 (09:30 is 0), prices are milli, ``volume`` is shares.

    ``average`` is what a share has cost on average so far today; 0 where that is not known.
    """

    minute: int
    price: int
    average: int
    volume: int


class Level(NamedTuple):
    """A price with a line across the picture: a threshold, the cost, the previous close."""

    price: int
    label: str


class Mark(NamedTuple):
    """Something that happened at this instant (Unix seconds) and price: a trigger, a fill."""

    at: int
    price: int
    label: str = ""


class Day(NamedTuple):
    """A day of an account: what it was worth and what had been put in, in thousandths of a yuan like every price.

    ``place`` counts trading days from the first one shown. ``gain`` is since the record before, without what was put
    in or taken out; ``grown`` is the same as a percentage since the first day shown, in thousandths of a percent.
    """

    place: int
    at: int
    worth: int
    paid_in: int
    gain: int
    grown: int


class Fall(NamedTuple):
    """The deepest way down of a curve, between two of its days by index; ``percent`` is negative, in thousandths."""

    top: int
    foot: int
    percent: int


class Track(NamedTuple):
    """An account day by day (收益曲线), oldest first; ``fall`` is None where it never fell."""

    name: str
    days: tuple[Day, ...]
    fall: Fall | None = None


class ChartPeriod(StrEnum):
    """What one candle holds; MINUTE is the line of one day."""

    MINUTE = "minute"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    M60 = "60m"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def chinese(self) -> str:
        return _PERIOD_CHINESE[self]

    @property
    def intraday(self) -> bool:
        """Whether a day has several."""
        return self not in {ChartPeriod.DAY, ChartPeriod.WEEK, ChartPeriod.MONTH}


_PERIOD_CHINESE: Final = {
    ChartPeriod.MINUTE: "分时",
    ChartPeriod.M5: "5分钟",
    ChartPeriod.M15: "15分钟",
    ChartPeriod.M30: "30分钟",
    ChartPeriod.M60: "60分钟",
    ChartPeriod.DAY: "日线",
    ChartPeriod.WEEK: "周线",
    ChartPeriod.MONTH: "月线",
}


class Chart(Noun):
    """A picture of one symbol: candles, or the line of one day; or the curve of accounts. Pure data.

    A Painter makes it a PNG.

    Attributes:
        title, subtitle: as people read them; a painter without a Chinese font shows symbol and period instead.
        candles: in order of time. Empty where ``points`` are not.
        lead: how many of the first candles only feed the averages and are not shown.
        averages: lengths of the moving averages, in candles.
        points: the line of one day, by minute.
        tracks: accounts, in place of candles and points; of several only how they grew is compared.
        preclose: milli; 0 where it is not known. The line of a day is coloured and scaled around it.
        dark: light writing on black; None is as the house has it.
    """

    title: str
    subtitle: str = ""
    symbol: Symbol
    period: ChartPeriod = ChartPeriod.DAY
    candles: tuple[Candle, ...] = ()
    lead: int = 0
    averages: tuple[int, ...] = (5, 10, 20)
    points: tuple[Point, ...] = ()
    tracks: tuple[Track, ...] = ()
    preclose: int = 0
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    dark: bool | None = None

    @property
    def shown(self) -> tuple[Candle, ...]:
        return self.candles[self.lead :]


ALERT_CARD: Final = "alert:"
ANALYSIS_CARD: Final = "analysis:"
CHART_CARD: Final = "chart:"
PASSING_CARDS: Final = (ALERT_CARD, ANALYSIS_CARD, CHART_CARD)
"""How the cards begin that are replaced soon or never: where they stand need not be known for ever."""


class Message(Noun):
    """What is said, without any markup: a channel makes the title bold, escapes everything and splits what is too long.

    Attributes:
        buttons: rows of buttons.
        card: a message with the key of an earlier one in the same chat replaces it in place.
        urgent: goes before what is waiting for the same chat.
        chart: shown above the words where the channel can. A newer version of a card brings its own picture; one
            without leaves the earlier picture standing above the new words.
        table: below the text, in letters of one width: the headings, then the rows; see :mod:`core.columns`.
    """

    title: str = ""
    text: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    card: str | None = None
    urgent: bool = False
    chart: Chart | None = None

    def plain(self) -> str:
        """Title, text and table as lines."""
        return "\n".join(part for part in (self.title, self.text, *columns(self.table)) if part)

    def noted(self, line: str) -> Message:
        """The same, with one more line at its end."""
        return self.model_copy(update={"text": f"{self.text}\n{line}" if self.text else line})

    def extended(self, more: Message) -> Message:
        """The same, with the text, the buttons and the picture of another one added."""
        both = self.noted(more.text) if more.text else self
        return both.model_copy(update={"buttons": self.buttons + more.buttons, "chart": more.chart or self.chart})

    def labels(self) -> tuple[str, ...]:
        return tuple(button.label for row in self.buttons for button in row)


class Delivery(StrEnum):
    """How far an outbox row has come."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Outgoing(Noun):
    """A row of the outbox.

    Attributes:
        alert_ids: the alerts this message tells, so that /why can show how their delivery went.
        next_at: aware UTC; not tried before.
        ref: the vendor's id of the sent message.
        error: why the last attempt failed, in words without secrets.
    """

    id: str
    chat: Chat
    message: Message
    created_at: datetime
    alert_ids: tuple[str, ...] = ()
    state: Delivery = Delivery.QUEUED
    attempts: int = 0
    next_at: datetime
    ref: str | None = None
    error: str = ""
