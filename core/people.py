"""People: who belongs to the house beside its owners, what each may do, and the codes by which they come in.

The owners stand in the settings and may do everything. Everybody else is a member, who came in by an invitation: a
member has watches, silences, quiet hours, favourites and limits of his own, and sees or trades the accounts of the
house that were granted to him. Decisions return their reason, in Chinese, or None.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from core.messages import Chat, Role
from core.types import Noun

HOUSE: Final = "owner"
"""Whose the watches and limits of the owners are. Their limits hold for everybody."""
CODE_LIVES: Final = timedelta(hours=24)
_LOOKS_ALIKE: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_JOIN: Final = re.compile(r"/?(?:join|加入)(?:@\w+)?[\s:：]+(?P<code>\S.{0,60})", re.IGNORECASE)
_START: Final = re.compile(r"/start(?:@\w+)?\s+(?P<code>[0-9A-Za-z]{8}-?[0-9A-Za-z]{8})", re.IGNORECASE)


class Person(NamedTuple):
    """Somebody who talks to us.

    Attributes:
        owner: whose watches these are: the house's, or a member's own. All owners share those of the house.
        name: as the channel calls the person, who may change it at any time.
        id: the channel's own id of the person.
        sees, trades: accounts; None is every account of the house. What may be traded is seen, too.
        known: False for a stranger, who may do nothing but join.
    """

    owner: str
    name: str
    id: str
    role: Role
    sees: frozenset[str] | None = None
    trades: frozenset[str] | None = None
    known: bool = True

    @property
    def signature(self) -> str:
        """Who it was, for decided cards and records: a name alone could be anybody's."""
        return self.name if self.name == self.id else f"{self.name}({self.id})"

    def may_trade(self, account: str) -> bool:
        """Whether orders of this account may be proposed, approved, rejected and cancelled."""
        return self.role.covers(Role.TRADER) and (self.trades is None or account in self.trades)

    def may_see(self, account: str) -> bool:
        """Whether its positions, money, tickets and orders may be shown."""
        return self.sees is None or account in self.sees or self.may_trade(account)


class Member(Noun):
    """Somebody who came in by an invitation.

    Attributes:
        channel, user_id: the adapter's name, and the vendor's id of the person there.
        name: as the channel called the person when he joined; never trusted.
        role: VIEWER or TRADER: owners stand in the settings.
        trades, sees: accounts. What may be traded is seen without standing in ``sees``.
        invited_by: the signature of who made the invitation.
        ended_at: aware UTC; from then on he is a stranger again.
    """

    channel: str
    user_id: str
    name: str
    role: Role
    trades: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    invited_by: str
    since: datetime
    ended_at: datetime | None = None

    @property
    def key(self) -> str:
        """Whose his watches are."""
        return key_of(self.channel, self.user_id)

    @property
    def chat(self) -> Chat:
        """Where he is told of what concerns him: a private chat has the id of its person."""
        return Chat(self.channel, self.user_id)

    @property
    def signature(self) -> str:
        return self.person().signature

    def person(self, name: str = "") -> Person:
        """What he may do, under the name that he bears now."""
        trades = frozenset(self.trades)
        return Person(
            self.key, name or self.name, self.user_id, self.role, frozenset(self.sees) | trades, trades, known=True
        )


class Invitation(Noun):
    """A code that lets one person in, once.

    Attributes:
        digest: of the code, which is shown once and kept nowhere.
        used_by: the key of whom it let in.
    """

    digest: str
    role: Role
    trades: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    invited_by: str
    created_at: datetime
    expires_at: datetime
    used_by: str | None = None
    used_at: datetime | None = None

    def open_at(self, now: datetime) -> bool:
        return self.used_by is None and now < self.expires_at


class Attempt(StrEnum):
    """Kinds of what is refused."""

    STRANGER = "stranger"
    CODE = "code"
    ROLE = "role"
    ACCOUNT = "account"
    REPLAYED = "replayed"
    FORGED = "forged"
    CROWD = "crowd"

    @property
    def chinese(self) -> str:
        return {
            "stranger": "陌生人",
            "code": "邀请码不对",
            "role": "超出角色",
            "account": "不是他的账户",
            "replayed": "重复或过时的按钮",
            "forged": "伪造的按钮",
            "crowd": "许多陌生人",
        }[self.value]


class Refusal(Noun):
    """Something that somebody tried and was refused.

    Attributes:
        who: the key of the person; of a crowd nothing.
        name: as the channel calls him.
        what: the command, or what the button carried; never what a stranger wrote.
        why: what he was told.
        times: how often, where several are written down at once.
    """

    kind: Attempt
    who: str = ""
    name: str = ""
    chat: str = ""
    what: str = ""
    why: str = ""
    times: int = 1
    at: datetime
    day: date

    @property
    def subject(self) -> str:
        """What is told once: one kind of attempt of one person on one market day."""
        return f"refused:{self.day}:{self.kind}:{self.who}"


def key_of(channel: str, user_id: str) -> str:
    return f"{channel}:{user_id}"


def is_member(owner: str) -> bool:
    """Whether what bears this owner is a member's, and not the house's."""
    return ":" in owner


def stranger(channel: str, user_id: str, name: str) -> Person:
    """Somebody whom nobody has let in."""
    nothing: frozenset[str] = frozenset()
    return Person(key_of(channel, user_id), name, user_id, Role.VIEWER, nothing, nothing, known=False)


# -- what a person may do


def why_not(person: Person, needed: Role, what: str) -> str | None:
    """Why a person may not use a command of this role; None where he may.

    Args:
        what: the command, as people write it.
    """
    if not person.known:
        return f"你没有使用权限。你的用户编号是 {person.id}。"
    if person.role.covers(needed):
        return None
    who = "只有主人" if needed is Role.OWNER else "只有能交易的人"
    return f"没有做任何操作：{what} {who}可以用，你是{person.role.chinese}。发送 /me 看你能做什么。"


def why_not_account(person: Person, account: str, where: str, *, trading: bool) -> str | None:
    """Why a person may not see, or trade, an account; None where he may.

    Args:
        where: the account in words. Who may not see it is not told more than he said himself.
    """
    if person.may_trade(account) if trading else person.may_see(account):
        return None
    if not person.may_see(account):
        return "没有做任何操作：这个账户没有对你开放。需要的话请主人在 /members 里打开。"
    return f"没有做任何操作：你只能查看{where}，不能交易。需要的话请主人在 /members 里打开。"


NO_ACCOUNT: Final = "没有做任何操作：没有对你开放的账户。"


def why_no_account(person: Person, *, trading: bool) -> str | None:
    """Why a person without any account cannot be given one; None where he has one of that kind."""
    accounts = person.trades if trading else person.sees
    if accounts is None or accounts:
        return None
    what = "交易" if trading else "查看"
    return f"没有做任何操作：没有对你开放可以{what}的账户。需要的话请主人在 /members 里打开。"


# -- coming in


def digest_of(code: str) -> str:
    """Of a code as it is typed on a phone: case, spaces, strokes and O for 0 do not matter."""
    plain = re.sub(r"[\s-]", "", code).upper().translate(_LOOKS_ALIKE)
    return hashlib.sha256(plain.encode()).hexdigest()


def code_in(text: str) -> str | None:
    """The code of somebody who wants to join: ``/join CODE``, or what Telegram's link sends, ``/start CODE``."""
    found = _JOIN.fullmatch(text.strip()) or _START.fullmatch(text.strip())
    return None if found is None else found["code"]


def invitation_of(code: str, invitations: Iterable[Invitation]) -> Invitation | None:
    """The invitation with this code. All are compared, each in constant time: nothing is learnt by measuring."""
    wanted, found = digest_of(code), None
    for one in invitations:
        if hmac.compare_digest(one.digest, wanted):
            found = one
    return found


def let_in(invitation: Invitation, before: Member | None, chat: Chat, user_id: str, name: str, now: datetime) -> Member:
    """Whom an invitation makes of somebody; who is a member keeps what he has and gets what it grants."""
    if before is None or before.ended_at is not None:
        return Member(
            channel=chat.channel,
            user_id=user_id,
            name=name,
            role=invitation.role,
            trades=invitation.trades,
            sees=invitation.sees,
            invited_by=invitation.invited_by,
            since=now,
        )
    role = max(before.role, invitation.role, key=[*Role].index)
    trades, sees = _both(before.trades, invitation.trades), _both(before.sees, invitation.sees)
    return before.model_copy(update={"name": name, "role": role, "trades": trades, "sees": sees})


def gains(invitation: Invitation, before: Member | None) -> bool:
    """Whether an invitation grants anything that this person does not have."""
    if before is None or before.ended_at is not None:
        return True
    here = before.person()
    more = {*invitation.sees, *invitation.trades} - (here.sees or frozenset())
    return not before.role.covers(invitation.role) or bool(more | ({*invitation.trades} - {*before.trades}))


def granted(member: Member, account: str, right: str) -> Member:
    """A member with another right on one account: ``none``, ``see`` or ``trade``."""
    trades = [one for one in member.trades if one != account] + ([account] if right == "trade" else [])
    sees = [one for one in member.sees if one != account] + ([account] if right == "see" else [])
    return member.model_copy(update={"trades": tuple(trades), "sees": tuple(sees)})


def with_role(member: Member, role: Role) -> Member:
    """A member in another role. As a viewer he still sees what he could trade."""
    if role is Role.TRADER or member.role is role:
        return member.model_copy(update={"role": role})
    return member.model_copy(update={"role": role, "trades": (), "sees": _both(member.sees, member.trades)})


def rights_text(role: Role, trades: Collection[str], sees: Collection[str], name_of: Sequence[tuple[str, str]]) -> str:
    """``交易：模拟账户；查看：老婆账户``.

    Args:
        name_of: the accounts of the house with their names, in their order.
    """
    can_trade = [name for account, name in name_of if account in trades and role.covers(Role.TRADER)]
    can_see = [name for account, name in name_of if account in {*sees, *trades} and name not in can_trade]
    parts = [f"交易{'、'.join(can_trade)}"] if can_trade else []
    parts += [f"查看{'、'.join(can_see)}"] if can_see else []
    return "；".join(parts) or "不看任何账户"


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))
