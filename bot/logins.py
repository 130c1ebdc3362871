"""What the accounts of miniQMT are called outside of the gateway, where their numbers do not go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Name(NamedTuple):
    """Attributes: account: our id of it; ``name`` what people call it; ``number`` the broker's, the gateway's alone."""

    account: str
    name: str
    number: str


def names_of(numbers: Sequence[str]) -> Sequence[Name]:
    """The last four digits tell accounts apart; where they do not, they are counted.

    >>> [one.account for one in names_of(["8880001234", "8880005678", "9990001234"])]
    ['qmt1234', 'qmt5678', 'qmt1234b']
    """
    found: list[Name] = []
    for number in dict.fromkeys(numbers):
        tail = number[-4:]
        alike = sum(one.number[-4:] == tail for one in found)
        mark = chr(ord("a") + alike) if alike else ""
        found.append(Name(f"qmt{tail}{mark}", f"QMT{tail}{mark}", number))
    return found
