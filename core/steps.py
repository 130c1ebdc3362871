"""What one frame did to the rules: in numbers, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from core.alerts import Trigger
from core.ladder import Slots
from core.types import Symbol
from core.watches import Arm


class Evaluation(NamedTuple):
    """What one frame did.

    Attributes:
        changed: arms to be stored, those of the triggers included.
        doubts: symbols that would have been judged and were not, with the reason.
        met: of watches on the whole market, how many shares already hold; they are not among ``already``, because
            thousands of sentences would keep everybody waiting.
    """

    triggers: list[Trigger]
    already: list[Trigger]
    changed: list[Arm]
    doubts: list[tuple[Symbol, str]]
    met: Mapping[str, int]


class Step(NamedTuple):
    """The same in numbers of rules."""

    fired: Slots
    already: Slots
    changed: Slots
    doubts: Mapping[int, str]


class Found:
    """What a step has found so far."""

    def __init__(self) -> None:
        self.fired: list[Slots] = []
        self.already: list[Slots] = []
        self.changed: list[Slots] = []
        self.doubts: dict[int, str] = {}

    def step(self) -> Step:
        return Step(_together(self.fired), _together(self.already), _together(self.changed), self.doubts)


def _together(parts: list[Slots]) -> Slots:
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, np.int32)
