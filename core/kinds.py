"""What all kinds of condition share."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from core.bars import Period
from core.types import Noun
from core.view import Input
from core.zones import (
    BAND,
    Gauge,
    Zone,
    at_least,
    at_most,
)


class Kind(Noun):
    """What all conditions share beside ``kind``, ``zone`` and ``text``; see ``Condition`` at the bottom."""

    @property
    def gauge(self) -> Gauge:
        return Gauge.PRICE

    def rearm(self, zone: Zone, tick: int, band: Decimal = BAND) -> Zone:
        """The zone that must be left, after it held in ``zone``, before the condition is armed again."""
        return zone.widened(tick if self.gauge.has_ticks else 0, band)

    @property
    def inputs(self) -> frozenset[Input]:
        """What the zone hangs on; without any it need not be asked for again."""
        return NONE

    @property
    def rising(self) -> bool | None:
        """Whether it holds from a level upwards, or downwards (False); None where it is neither."""
        return None

    def usual(self, zone: Zone) -> Decimal | None:  # noqa: ARG002 - only kinds of volume look at it
        """The lots of a usual day, of a kind whose readings are said in times of them; None of all others.

        Args:
            zone: where it holds.
        """
        return None

    @property
    def needs_cost(self) -> bool:
        return Input.COST in self.inputs

    @property
    def bars(self) -> Period | None:
        """Which closed bars it looks at."""
        if Input.DAYS in self.inputs:
            return "day"
        return getattr(self, "period", None) if Input.MINUTES in self.inputs else None

    @property
    def daily(self) -> bool:
        """Whether it is about the day: measured from its previous close, its open or its limits, and new each day."""
        return False


NONE: Final[frozenset[Input]] = frozenset()
COST: Final = frozenset({Input.COST})
REFERENCES: Final = frozenset({Input.REFERENCES})
EXTREMES: Final = frozenset({Input.REFERENCES, Input.EXTREMES})
DAYS: Final = frozenset({Input.DAYS})
MINUTES: Final = frozenset({Input.MINUTES})


class Move(Kind):
    """What a percentage does to a price: shared by kinds that measure from a price which is not the person's."""

    def _up(self, milli: int, percent: Decimal) -> Zone:
        return at_least(milli * (100 + percent) / 100, scale=1)

    def _down(self, milli: int, percent: Decimal) -> Zone:
        return at_most(milli * (100 - percent) / 100, scale=1)
