"""How the values of our nouns lie in a column."""

# ruff: noqa: ARG002 - SQLAlchemy hands the dialect to every type

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from core.analysis import Decision
from core.conditions import Condition
from core.messages import Chat, Message
from core.securities import Former
from core.tickets import Approval
from core.watches import Plan

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Exact(TypeDecorator[Decimal]):
    """A Decimal to the last digit, trailing zeros included."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Pico(TypeDecorator[Decimal]):
    """Yuan in millionths of a millionth: exact, and the database can add them up."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.scaleb(12))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        # PostgreSQL adds integers up to a Decimal.
        return None if value is None else Decimal(int(value)).scaleb(-12).normalize()


class Instant(TypeDecorator[datetime]):
    """An aware datetime; whatever zone goes in, UTC comes out, to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant without a zone: {value}")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Millis(Instant):
    """An aware datetime to the millisecond: where there are many rows, two bytes less for each."""

    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        microseconds = super().process_bind_param(value, dialect)
        return None if microseconds is None else microseconds // 1000

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return super().process_result_value(None if value is None else value * 1000, dialect)


class Span(TypeDecorator[timedelta]):
    """A duration, in microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> timedelta | None:
        return None if value is None else timedelta(microseconds=value)


class Word(TypeDecorator[str]):
    """A member of a StrEnum by its value; the noun makes the member of it again. Drivers would store the name."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)


class ChatText(TypeDecorator[Chat]):
    """``telegram:123``."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Chat | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Chat | None:
        return None if value is None else Chat(*str(value).split(":", 1))


class _Json(TypeDecorator[Any]):
    """JSON text as pydantic writes and reads it."""

    impl = Text
    cache_ok = True
    adapter: ClassVar[TypeAdapter[Any]]

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else self.adapter.dump_json(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        return None if value is None else self.adapter.validate_json(value)


class ConditionsJson(_Json):
    adapter = TypeAdapter(tuple[Condition, ...])
    cache_ok = True


class PlanJson(_Json):
    adapter = TypeAdapter(Plan)
    cache_ok = True


class MessageJson(_Json):
    adapter = TypeAdapter(Message)
    cache_ok = True


class TextsJson(_Json):
    adapter = TypeAdapter(tuple[str, ...])
    cache_ok = True


class ApprovalsJson(_Json):
    adapter = TypeAdapter(tuple[Approval, ...])
    cache_ok = True


class FormerJson(_Json):
    adapter = TypeAdapter(tuple[Former, ...])
    cache_ok = True


class DecisionJson(_Json):
    adapter = TypeAdapter(Decision)
    cache_ok = True
