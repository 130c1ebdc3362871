"""The error tree. The class says who must act.

::

    DingpanError
    ├─ UserError          the person can fix it; the text is shown as it stands
    │  ├─ Invalid 422   ├─ NotFound 404   ├─ Forbidden 403   ├─ Conflict 409   └─ Breached 409
    ├─ OutsideError       something outside failed; ``source`` says what
    │  ├─ Unavailable     may work later: the caller may retry                  503
    │  ├─ Refused         they said no: never retry                             502
    │  └─ Malformed       they sent what we cannot read: never retry            502
    └─ ConfigError        start-up only: every problem at once, exit 2

An adapter catches its vendor's exceptions at its own edge and raises one of the three outside errors. Anything else is
a bug: logged with its traceback and shown as 内部错误 with an id, never swallowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar


class DingpanError(Exception):
    status: ClassVar[int] = 500


class UserError(DingpanError):
    """The person can fix it. ``str(error)`` is a whole Chinese sentence that says what happened and what to do."""

    status = 400


class Invalid(UserError):
    status = 422


class NotFound(UserError):
    status = 404


class Forbidden(UserError):
    """The person has no right to this.

    Args:
        of_account: what is lacking is a right on an account, and not a role.
    """

    status = 403

    def __init__(self, text: str, *, of_account: bool = False) -> None:
        super().__init__(text)
        self.of_account = of_account


class Conflict(UserError):
    """Somebody was faster, or it has expired."""

    status = 409


class Breached(UserError):
    """A rule of the market or a limit of the person forbids it; the text names the rule and its number."""

    status = 409


class OutsideError(DingpanError):
    """Something outside failed.

    Args:
        source: what failed, as the person knows it: 腾讯行情, Telegram, 数据库.
        reason: what happened, in words that may be shown and hold no secret.
    """

    status = 502

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}：{reason}")
        self.source = source
        self.reason = reason


class Unavailable(OutsideError):
    """It may work later.

    Args:
        retry_after: how long the other side asked us to wait; None leaves it to the caller.
    """

    status = 503

    def __init__(self, source: str, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(source, reason)
        self.retry_after = retry_after


class Refused(OutsideError):
    """They said no. Asking again would get the same answer."""


class Malformed(OutsideError):
    """They sent what we cannot read. The operator must look."""


class ConfigError(DingpanError):
    """Start-up only."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
