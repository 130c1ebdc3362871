"""What a person may do, and how a code is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.messages import Chat, Role
from core.people import (
    HOUSE,
    Attempt,
    Invitation,
    Member,
    Person,
    Refusal,
    code_in,
    digest_of,
    gains,
    granted,
    invitation_of,
    is_member,
    let_in,
    rights_text,
    stranger,
    why_no_account,
    why_not,
    why_not_account,
    with_role,
)

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
CHAT = Chat("telegram", "7")
ACCOUNTS = [("paper", "模拟账户"), ("wife", "老婆账户"), ("real", "实盘账户")]


def member(**changes: Any) -> Member:
    given = {
        "channel": "telegram",
        "user_id": "7",
        "name": "小王",
        "role": Role.TRADER,
        "trades": ("paper",),
        "sees": ("wife",),
        "invited_by": "老林(1)",
        "since": NOW,
    }
    return Member.model_validate(given | changes)


def invitation(code: str = "7F3K2M9A-4Q8XWZ0B", **changes: Any) -> Invitation:
    given = {
        "digest": digest_of(code),
        "role": Role.VIEWER,
        "invited_by": "老林(1)",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return Invitation.model_validate(given | changes)


OWNER = Person(HOUSE, "老林", "1", Role.OWNER)
TRADER = member().person()
VIEWER = member(role=Role.VIEWER, trades=(), sees=("paper",)).person()
STRANGER = stranger("telegram", "9", "路人")


@pytest.mark.parametrize(
    ("person", "sees", "trades"),
    [
        (OWNER, {"paper", "wife", "real"}, {"paper", "wife", "real"}),
        (TRADER, {"paper", "wife"}, {"paper"}),
        (VIEWER, {"paper"}, set()),
        (STRANGER, set(), set()),
        # Rights that stand in the row of a viewer by mistake are none.
        (member(role=Role.VIEWER, trades=("real",), sees=()).person(), {"real"}, set()),
    ],
)
def test_who_sees_and_who_trades_which_account(person: Person, sees: set[str], trades: set[str]) -> None:
    accounts = [account for account, _name in ACCOUNTS]
    assert {one for one in accounts if person.may_see(one)} == sees
    assert {one for one in accounts if person.may_trade(one)} == trades
    for one in accounts:
        assert (why_not_account(person, one, "某账户", trading=False) is None) == (one in sees)
        assert (why_not_account(person, one, "某账户", trading=True) is None) == (one in trades)


def test_who_may_not_see_an_account_is_not_told_its_name() -> None:
    assert "实盘账户" not in (why_not_account(TRADER, "real", "实盘账户", trading=True) or "")
    assert "老婆账户" in (why_not_account(TRADER, "wife", "老婆账户", trading=True) or "")


@pytest.mark.parametrize(
    ("person", "needed", "says"),
    [
        (OWNER, Role.OWNER, None),
        (TRADER, Role.TRADER, None),
        (TRADER, Role.VIEWER, None),
        (TRADER, Role.OWNER, "只有主人"),
        (VIEWER, Role.TRADER, "只有能交易的人"),
        (STRANGER, Role.VIEWER, "你的用户编号是 9"),
    ],
)
def test_a_command_needs_its_role(person: Person, needed: Role, says: str | None) -> None:
    why = why_not(person, needed, "/x")
    assert why is None if says is None else says in (why or "")


def test_who_has_no_account_is_told_so() -> None:
    assert why_no_account(OWNER, trading=True) is None
    assert why_no_account(TRADER, trading=True) is None
    assert "交易" in (why_no_account(VIEWER, trading=True) or "")
    assert "查看" in (why_no_account(STRANGER, trading=False) or "")


@pytest.mark.parametrize(
    "text",
    [
        "/join 7F3K2M9A-4Q8XWZ0B",
        "/JOIN 7f3k2m9a-4q8xwz0b",
        "加入 7F3K2M9A4Q8XWZ0B",
        "/join@dingpan_bot 7F3K 2M9A 4Q8X WZOB",
        "/start 7F3K2M9A-4Q8XWZ0B",
        "  join： 7F3K2M9A 4Q8XWZ0B ",
    ],
)
def test_a_code_is_read_as_people_write_it(text: str) -> None:
    code = code_in(text)
    assert code is not None
    assert digest_of(code) == digest_of("7F3K2M9A-4Q8XWZ0B")
    assert invitation_of(code, [invitation("00000000-00000000"), invitation()]) == invitation()


@pytest.mark.parametrize(
    "text", ["/start", "/start 你好", "/join", "加入", "把茅台加入自选", "join", "/start hello", ""]
)
def test_what_is_no_code(text: str) -> None:
    assert code_in(text) is None


def test_a_wrong_code_is_none() -> None:
    assert invitation_of("7F3K2M9A-4Q8XWZ0C", [invitation()]) is None
    assert invitation_of("7F3K2M9A-4Q8XWZ0B", []) is None


def test_an_invitation_is_open_until_it_is_used_or_over() -> None:
    assert invitation().open_at(NOW)
    assert not invitation().open_at(NOW + timedelta(days=1))
    assert not invitation(used_by="telegram:8").open_at(NOW)


def test_an_invitation_takes_nothing_away_from_who_is_a_member() -> None:
    more = invitation(role=Role.VIEWER, sees=("real",))
    after = let_in(more, member(), CHAT, "7", "王", NOW + timedelta(days=1))
    assert after == member(name="王", sees=("wife", "real"))
    assert gains(more, member())
    assert not gains(more, after)
    assert not gains(invitation(sees=("paper",)), member()), "what he trades he sees"
    assert gains(invitation(role=Role.TRADER, trades=("wife",)), member())


def test_who_has_been_removed_begins_anew() -> None:
    gone = member(ended_at=NOW)
    assert gains(invitation(), gone)
    after = let_in(invitation(), gone, CHAT, "7", "王", NOW)
    assert (after.role, after.trades, after.sees, after.ended_at) == (Role.VIEWER, (), (), None)


def test_rights_are_changed_account_by_account() -> None:
    assert granted(member(), "wife", "trade") == member(trades=("paper", "wife"), sees=())
    assert granted(member(), "paper", "see") == member(trades=(), sees=("wife", "paper"))
    assert granted(member(), "paper", "none") == member(trades=())
    assert with_role(member(), Role.VIEWER) == member(role=Role.VIEWER, trades=(), sees=("wife", "paper"))
    assert with_role(member(), Role.TRADER) == member()


def test_rights_in_words() -> None:
    assert rights_text(Role.TRADER, ("paper",), ("wife",), ACCOUNTS) == "交易模拟账户；查看老婆账户"
    assert rights_text(Role.VIEWER, ("paper",), (), ACCOUNTS) == "查看模拟账户"
    assert rights_text(Role.VIEWER, (), (), ACCOUNTS) == "不看任何账户"
    assert rights_text(Role.TRADER, ("gone",), (), ACCOUNTS) == "不看任何账户"


def test_what_is_a_members_is_told_from_what_is_the_houses() -> None:
    assert is_member(member().key)
    assert not is_member(HOUSE)


def test_an_attempt_is_told_once_per_person_kind_and_day() -> None:
    one = Refusal(kind=Attempt.ROLE, who="telegram:7", at=NOW, day=NOW.date())
    again = one.model_copy(update={"at": NOW + timedelta(hours=1), "what": "/panic off", "why": "…"})
    others = (
        {"who": "telegram:8"},
        {"kind": Attempt.ACCOUNT},
        {"day": NOW.date() + timedelta(days=1)},
    )
    assert one.subject == again.subject
    assert len({one.subject, *(one.model_copy(update=change).subject for change in others)}) == 4
