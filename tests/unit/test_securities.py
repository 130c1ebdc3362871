"""What a sighting of a name says, and what it does not."""

from __future__ import annotations

from datetime import date

import pytest

from core.securities import Former, Security, Sighting, first_name, is_old_code, learnt, missing, renamed
from core.types import Symbol

SHARE, BEIJING = Symbol("600745.SH"), Symbol("920047.BJ")
MONDAY, TUESDAY = date(2026, 3, 23), date(2026, 3, 24)


@pytest.mark.parametrize(
    ("known", "written", "new"),
    [("闻泰科技", "*ST闻泰", "*ST闻泰"), ("*ST闻泰", "闻泰科技", "闻泰科技"), ("小康股份", "赛力斯", "赛力斯"), ("*ST美丽", "ST美丽", "ST美丽"),
     ("赛隆药业", "赛隆退", "赛隆退"), ("贵州茅台", "贵州茅台", None), ("贵州茅台", "XD贵州茅", None), ("*ST海华", "XD*ST海", None), ("万科A", "万  科Ａ", None),
     ("寒武纪-U", "寒武纪", None), ("寒武纪", "寒武纪-U", None), ("摩尔线程-U", "N摩尔线程", None), ("摩尔线程-U", "C摩尔线", None), ("贵州茅台", "", None),
     ("贵州茅台", "\ufffd\ufffd茅台", None), ("贵州茅台", "600519", None), ("贵州茅台", "<b>茅台</b>", None), ("TCL科技", "TCL集团", "TCL集团")],
)  # fmt: skip
def test_another_name_is_told_from_another_way_of_writing_it(known: str, written: str, new: str | None) -> None:
    assert renamed(known, written) == new


def test_a_first_name_is_what_can_be_shown() -> None:
    assert first_name("N百瑞吉") == "百瑞吉"
    assert first_name("MSCI中国A50ETF") == "MSCI中国A50ETF"
    assert [first_name(one) for one in ("", "600519", "x", "<script>", "你好" * 20)] == [None] * 5


def test_every_name_that_it_bore_is_kept_with_its_last_day() -> None:
    first = learnt("闻泰科技", None, Sighting(SHARE, "ST闻泰"), MONDAY)
    assert first == Security(symbol=SHARE, name="ST闻泰", since=MONDAY, former=(Former(name="闻泰科技", until=MONDAY),))
    second = learnt("ST闻泰", first, Sighting(SHARE, "安世科技"), TUESDAY)
    assert second is not None
    assert [one.name for one in second.former] == ["闻泰科技", "ST闻泰"]
    back = learnt("安世科技", second, Sighting(SHARE, "闻泰科技"), TUESDAY)
    assert back is not None
    assert (back.name, [one.name for one in back.former]) == ("闻泰科技", ["ST闻泰", "安世科技"])


def test_under_a_code_of_beijing_that_followed_a_rule_another_company_may_stand() -> None:
    found = learnt("诺思兰德", None, Sighting(BEIJING, "华岭股份"), MONDAY)
    assert found == Security(symbol=BEIJING, name="华岭股份", since=MONDAY)
    renamed_one = learnt("诺思兰德", None, Sighting(BEIJING, "ST诺思"), MONDAY)
    assert renamed_one is not None
    assert [one.name for one in renamed_one.former] == ["诺思兰德"]


def test_what_has_gone_is_noted_once_and_may_come_back() -> None:
    gone = missing(SHARE, "闻泰科技", None, MONDAY)
    assert gone is not None
    assert gone.gone_on == MONDAY
    assert missing(SHARE, "闻泰科技", gone, TUESDAY) is None
    back = learnt("闻泰科技", gone, Sighting(SHARE, "XD闻泰科"), TUESDAY)
    assert back is not None
    assert back.gone_on is None
    assert learnt("闻泰科技", back, Sighting(SHARE, "闻泰科技"), TUESDAY) is None


def test_old_codes_of_beijing() -> None:
    assert is_old_code(Symbol("831152.BJ"))
    assert not is_old_code(BEIJING)
    assert not is_old_code(Symbol("000831.SZ"))
