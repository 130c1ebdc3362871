"""Who may do what: invitations, roles, accounts, and what is refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from core.frames import Quote
from core.tickets import TicketState
from core.types import Price, Symbol
from tests.e2e.street import GROUP, OWNER, Street

MAOTAI = Symbol("600519.SH")
MINE = {MAOTAI: (200, Price("1300"))}
HERS = {MAOTAI: (300, Price("1350"))}


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    """A house with 模拟账户 and 老婆账户, on a trading day."""
    async with Street(tmp_path, positions=MINE, wife=HERS) as made:
        made.theatre.market.set(MAOTAI, "1400")
        yield made


async def ask_for_card(street: Street, *, user: str = OWNER, chat: str = "", text: str = "买100股茅台 价格1400") -> str:
    """The command of the 确认 on a new card."""
    said = await street.say(user, text, chat=chat)
    assert "确认" in said, said
    return next(one for one in street.buttons(chat or user) if one.startswith("approve "))


# -- coming in


async def test_an_invited_trader_trades_the_account_that_was_granted(street: Street) -> None:
    welcome = await street.invite("交易 模拟账户", user="7", name="小王")
    assert "交易模拟账户" in welcome
    assert street.read(OWNER, "小王(7)")
    approve = await ask_for_card(street, user="7")
    await street.press("7", approve)
    [order] = await street.orders()
    assert order.account == "paper"
    [ticket] = await street.tickets()
    assert "7" in ticket.decided_by
    assert await street.refusals() == []


async def test_a_code_is_used_once(street: Street) -> None:
    code = await street.code("查看")
    assert "已加入" in await street.say("7", f"/start {code}")
    assert "已经用过" in await street.say("8", f"/join {code}")
    assert "没有使用权限" in await street.say("8", "/list")


async def test_a_code_is_read_as_it_is_typed_on_a_phone(street: Street) -> None:
    code = (await street.code("查看")).lower().replace("-", " ").replace("0", "O")
    assert "已加入" in await street.say("7", f"加入 {code}")


async def test_a_code_expires_after_a_day(street: Street) -> None:
    code = await street.code("查看")
    street.theatre.clock.advance(timedelta(hours=24))
    assert "过期" in await street.say("7", f"/join {code}")
    assert await street.theatre.app.house.store.members() == []


async def test_after_five_wrong_codes_not_even_the_right_one_is_looked_at_for_an_hour(street: Street) -> None:
    code = await street.code("查看")
    for _ in range(5):
        assert "不对" in await street.say("7", "/join 00000000-00000000")
    assert "试错太多次" in await street.say("7", f"/join {code}")
    assert "已加入" in await street.say("8", f"/join {code}"), "somebody else is not held up"
    street.theatre.clock.advance(timedelta(hours=1))
    assert "已加入" in await street.say("7", f"/join {await street.code('查看')}")
    assert len(await street.refusals()) == 5
    assert len(street.read(OWNER, "已拒绝：邀请码不对")) == 1


async def test_a_code_that_grants_nothing_new_stays_unused(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    code = await street.code("查看 模拟账户")
    assert "没有用掉" in await street.say("7", f"/join {code}")
    assert "没有用掉" in await street.say(OWNER, f"/join {code}")
    assert "已加入" in await street.say("8", f"/join {code}")


async def test_a_second_invitation_adds_to_what_a_member_has(street: Street) -> None:
    await street.invite("查看 老婆账户", user="7")
    await street.invite("交易 模拟账户", user="7")
    said = await street.say("7", "/me")
    assert "交易模拟账户；查看老婆账户" in said


async def test_no_code_is_shown_in_a_group(street: Street) -> None:
    assert "不要发在群里" in await street.say(OWNER, "/invite 查看", chat=GROUP)
    assert await street.theatre.app.house.store.invitations(street.theatre.clock.now() - timedelta(days=1)) == []


async def test_a_member_is_still_one_after_a_restart(street: Street) -> None:
    await street.invite("查看", user="7")
    await street.theatre.kill()
    assert "查看者" in await street.say("7", "/me")


# -- what a viewer may


async def test_a_viewer_has_watches_of_his_own_without_a_plan(street: Street) -> None:
    await street.say(OWNER, "茅台跌破1300提醒我")
    await street.invite("查看", user="7")
    assert "#1" in await street.say("7", "茅台跌破1390提醒我")
    assert "1300" not in await street.say("7", "/list")
    assert "1390" not in await street.say(OWNER, "/list")
    await street.theatre.tick(MAOTAI, "1395", "1389")
    assert street.read("7", "1389")
    assert not street.read(OWNER, "1389")
    assert await street.refusals() == []


@pytest.mark.parametrize(
    "text",
    [
        "茅台跌破1300买100股",
        "买100股茅台",
        "/buy 100股茅台",
        "/cancel all",
        "全部撤单",
        "单笔最多5万",
        "/panic",
        "/panic off",
        "/cash 5",
        "/invite 查看",
        "/members",
        "/approve",
    ],
)
async def test_a_viewer_is_refused_what_trades_or_steers(street: Street, text: str) -> None:
    await street.invite("查看 模拟账户", user="7", name="小王")
    said = await street.say("7", text)
    assert "没有" in said, said
    assert "/me" in said or "交易" in said
    assert await street.orders() == []
    assert await street.tickets() == []
    assert street.theatre.app.house.watchlist.of("telegram:7") == ()
    assert street.theatre.app.house.switch.panicked is None
    [event] = await street.refusals()
    assert json.loads(event.body)["who"] == "telegram:7"
    [told] = street.read(OWNER, "🚪")
    assert "小王" in told


async def test_an_account_that_was_not_granted_is_not_shown(street: Street) -> None:
    await street.say(OWNER, "买100股茅台 价格1400")
    await street.invite("查看 老婆账户", user="7")
    for question in ("我的持仓", "/account", "/trades", "所有账户的持仓", "/mode", "/limits", "/reconcile"):
        said = await street.say("7", question)
        assert "模拟账户" not in said, (question, said)
    assert "300" in await street.say("7", "我的持仓")
    assert "没有待确认" in await street.say("7", "/tickets")
    assert "还没有" in await street.say("7", "/orders")
    for press in ("positions @paper", "account @paper", "ask pnl_today @paper", "silence today ACCT.paper"):
        assert "模拟账户" not in await street.press("7", press)
    assert "没有对你开放" in await street.press("7", "positions @paper")
    assert len(street.read(OWNER, "不是他的账户")) == 1


async def test_a_viewer_without_an_account_is_told_so(street: Street) -> None:
    await street.invite("查看", user="7")
    assert "没有对你开放" in await street.say("7", "我的持仓")
    assert "没有对你开放" in await street.say("7", "茅台止损8%提醒我")
    assert "1400" in await street.say("7", "茅台多少钱")


async def test_a_member_keeps_favourites_quiet_hours_and_silences_of_his_own(street: Street) -> None:
    await street.invite("查看", user="7")
    await street.say("7", "把茅台加入自选")
    await street.say("7", "/quiet 22:00-08:00")
    await street.say("7", "静音1小时")
    house = street.theatre.app.house
    assert "还是空的" in await street.say(OWNER, "/favourites")
    assert house.digest.quiet_hours("owner") is None
    assert house.digest.quiet_hours("telegram:7") is not None
    assert not house.dispatcher.silences("owner")
    assert "已撤销" in await street.say("7", "撤销")


async def test_nobody_changes_the_watch_of_another(street: Street) -> None:
    await street.invite("查看", user="7")
    await street.say("7", "茅台跌破1390提醒我", chat=GROUP)
    [watch] = street.theatre.app.house.watchlist.of("telegram:7")
    await street.invite("查看", user="8")
    for press in (f"undo {watch.id}", f"pause {watch.id}", f"delete {watch.id}", f"retune {watch.id} 0"):
        assert "别人的任务" in await street.press("8", press, chat=GROUP)
    assert street.theatre.app.house.watchlist.of("telegram:7") == (watch,)


# -- what the proofs ask for


async def test_a_stranger_is_told_his_id_and_the_owner_once(street: Street) -> None:
    approve = await ask_for_card(street)
    for text in ("你好", "/list", "买100股茅台", "/panic"):
        assert "你的用户编号是 99" in await street.say("99", text, name="路人")
    assert "没有使用权限" in await street.press("99", approve, name="路人")
    assert await street.orders() == []
    assert len(street.read(OWNER, "陌生人")) == 1
    await street.theatre.kill()
    await street.say("99", "还在吗")
    assert len(street.read(OWNER, "陌生人")) == 1, "a restart tells nothing twice"
    assert len(await street.refusals()) == 6
    street.theatre.clock.advance(timedelta(days=1))
    await street.say("99", "还在吗")
    assert len(street.read(OWNER, "陌生人")) == 2, "the next day it is told again"


async def test_a_storm_of_strangers_is_summed_up(street: Street) -> None:
    for number in range(100, 140):
        await street.say(str(number), "你好")
        await street.say(str(number), "你好")
    assert len(street.read(OWNER, "🚪")) == 5
    await street.theatre.app.duties.tell_crowd()
    await street.theatre.settle()
    [summed] = street.read(OWNER, "许多陌生人")
    assert "35 个陌生人试了 70 次" in summed
    assert len(await street.refusals()) == 11
    await street.theatre.app.duties.tell_crowd()
    assert len(street.read(OWNER, "许多陌生人")) == 1


async def test_a_viewer_cannot_answer_a_card(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.invite("查看 模拟账户", user="7")
    for press in (approve, approve.replace("approve", "reject"), approve.replace("approve", "requote")):
        assert "只有能交易的人" in await street.press("7", press)
    assert await street.orders() == []
    [ticket] = await street.tickets(TicketState.OPEN)
    assert ticket.id in approve
    assert len(street.read(OWNER, "超出角色")) == 1
    assert len(await street.refusals()) == 3
    await street.press(OWNER, approve)
    assert len(await street.orders()) == 1


async def test_a_trader_of_another_account_cannot_answer_a_card(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.invite("交易 老婆账户", user="7")
    for press in (approve, approve.replace("approve", "reject"), approve.replace("approve", "requote")):
        assert "没有对你开放" in await street.press("7", press)
    assert "没有对你开放" in await street.say("7", "/approve " + approve.split()[1])
    await street.press(OWNER, approve)
    [order] = await street.orders()
    assert "没有对你开放" in await street.say("7", f"/cancel {order.id}")
    assert "没有可以撤的" in await street.say("7", "/cancel all")
    assert "没有对你开放" in await street.press("7", f"unfilled {order.id}")
    assert len(street.read(OWNER, "不是他的账户")) == 1
    assert len(await street.refusals()) == 6


async def test_orders_of_another_account_are_neither_shown_nor_cancelled(street: Street) -> None:
    await street.press(OWNER, await ask_for_card(street, text="买100股茅台 价格1390"))
    [order] = await street.orders()
    await street.invite("交易 老婆账户", user="7")
    assert order.id not in await street.say("7", "/orders")
    for text in ("/cancel all", "全部撤单", "撤掉茅台的单"):
        assert "没有可以撤的" in await street.say("7", text)
    assert "撤销上一步" not in await street.say("7", "撤销")
    [same] = await street.orders()
    assert not same.state.final
    await street.press(OWNER, "member telegram:7 see paper")
    assert order.id in await street.say("7", "/orders")
    assert "没有可以撤的" in await street.say("7", "/cancel all"), "who sees it may not cancel it"
    assert "已请求撤单" in await street.say(OWNER, "/cancel all")


async def test_a_trader_sees_and_cannot_trade_an_account_granted_for_looking(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.invite("交易 老婆账户", user="7")
    await street.press(OWNER, "member telegram:7 see paper")
    assert "100" in await street.say("7", "/tickets")
    assert "只能查看" in await street.press("7", approve)
    assert await street.orders() == []


async def test_in_a_group_a_nobody_gets_a_notice_and_the_group_nothing(street: Street) -> None:
    approve = await ask_for_card(street, chat=GROUP)
    before = len(street.mail.told)
    await street.invite("查看 模拟账户", user="7")
    in_group = [to for to, _message in street.mail.told[before:] if to.id == GROUP]
    await street.press("99", approve, chat=GROUP)
    await street.press("7", approve, chat=GROUP)
    assert [user for user, _text in street.alerts] == ["99", "7"]
    assert all(len(text) <= 200 for _user, text in street.alerts)
    assert [to for to, _message in street.mail.told[before:] if to.id == GROUP] == in_group
    assert await street.orders() == []
    assert len(street.read(OWNER, "🚪")) == 2
    await street.press(OWNER, approve, chat=GROUP)
    assert len(await street.orders()) == 1


async def test_a_trader_answers_the_owners_card_in_a_group(street: Street) -> None:
    approve = await ask_for_card(street, chat=GROUP)
    await street.invite("交易 模拟账户", user="7")
    await street.press("7", approve, chat=GROUP)
    assert len(await street.orders()) == 1


async def test_a_replayed_button_sends_nothing_and_is_told_once(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.invite("交易 模拟账户", user="7")
    await street.press("7", approve)
    for _ in range(3):
        assert "不能再操作" in await street.press("7", approve)
    assert len(await street.orders()) == 1
    assert len(street.read(OWNER, "重复或过时的按钮")) == 1
    assert len(await street.refusals()) == 3


async def test_an_old_card_after_a_requote_sends_nothing(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    old = await ask_for_card(street, user="7")
    await street.press("7", old.replace("approve", "requote"))
    said = await street.press("7", old)
    assert "没有下单" in said or "已" in said
    assert await street.orders() == []
    assert len(await street.refusals()) == 1
    assert len(street.read(OWNER, "重复或过时的按钮")) == 1


@pytest.mark.parametrize("forge", ["hash", "unknown ticket", "unknown command", "other ticket's hash"])
async def test_a_forged_button_sends_nothing_and_is_told(street: Street, forge: str) -> None:
    await street.invite("交易 模拟账户", user="7")
    approve = await ask_for_card(street, user="7")
    word, ticket_id, stamp = approve.split()
    other = (await ask_for_card(street, user="7", text="买200股茅台 价格1390")).split()[2]
    press = {
        "hash": f"{word} {ticket_id} {'0' * len(stamp)}",
        "unknown ticket": f"{word} ZZZZZZZZ {stamp}",
        "unknown command": f"sudo {ticket_id} {stamp}",
        "other ticket's hash": f"{word} {ticket_id} {other}",
    }[forge]
    said = await street.press("7", press)
    assert said
    assert await street.orders() == []
    assert len(await street.tickets(TicketState.OPEN)) == 2
    [event] = await street.refusals()
    assert json.loads(event.body)["kind"] == "forged"
    assert json.loads(event.body)["what"] == press
    assert len(street.read(OWNER, "伪造的按钮")) == 1


async def test_an_owner_who_taps_twice_is_not_told_of_himself(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.press(OWNER, approve)
    await street.press(OWNER, approve)
    assert not street.read(OWNER, "🚪")
    assert len(await street.refusals()) == 1


async def test_the_button_of_an_earlier_edition_sends_nothing(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    old = await ask_for_card(street, user="7")
    ticket_id = old.split()[1]
    await street.press("7", f"edit {ticket_id} {old.split()[2]} 数量 200")
    assert "没有下单" in await street.press("7", old)
    assert await street.orders() == []
    assert len(await street.refusals()) == 1
    assert len(street.read(OWNER, "重复或过时的按钮")) == 1


async def test_a_trader_of_another_account_cannot_change_or_explain_a_card(street: Street) -> None:
    approve = await ask_for_card(street)
    await street.invite("交易 老婆账户", user="7")
    ticket_id, stamp = approve.split()[1:]
    assert "没有对你开放" in await street.press("7", f"edit {ticket_id} {stamp} 数量 200")
    assert "没有对你开放" in await street.press("7", f"edit {ticket_id} {stamp} 数量")
    for line in (f"/reject {ticket_id} all", f"/edit {ticket_id} 数量 200 all", f"/explain {ticket_id} 全部"):
        assert "没有对你开放" in await street.say("7", line)
    await street.press(OWNER, f"reject {ticket_id} {stamp}")
    assert "没有对你开放" in await street.press("7", f"explain {ticket_id} 价格")
    assert "没有对你开放" in await street.press("7", f"lookup dp{ticket_id}") or not await street.orders()


async def test_two_people_are_two_people_and_one_who_is_removed_counts_no_more(street: Street) -> None:
    def now(user: str) -> str:
        return next(one for one in street.buttons(user) if one.startswith("approve "))

    await street.say(OWNER, "/limits 双人 100000")
    await street.invite("交易 模拟账户", user="7")
    await street.press("7", await ask_for_card(street, user="7"))
    assert "你已经确认过了" in await street.press("7", now("7"))
    assert await street.orders() == []
    await street.press(OWNER, "member telegram:7 remove sure")
    [ticket] = await street.tickets()
    assert ticket.state is TicketState.WITHDRAWN

    await street.invite("交易 模拟账户", user="8")
    await street.press("8", await ask_for_card(street))
    half = now(OWNER)
    await street.press(OWNER, "member telegram:8 see paper")
    await street.press(OWNER, half)
    assert await street.orders() == [], "an approval of who may not trade any more is none"

    await street.invite("交易 模拟账户", user="9")
    await street.press(OWNER, await ask_for_card(street))
    await street.press("9", now(OWNER))
    assert len(await street.orders()) == 1


# -- changing and removing


async def test_removing_somebody_ends_his_cards_and_watches_at_once(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7", name="小王")
    await street.say("7", "茅台跌破1390提醒我")
    await street.say("7", "茅台跌破1380买100股")
    approve = await ask_for_card(street, user="7")
    assert "移出" in await street.press(OWNER, "member telegram:7 remove")
    said = await street.press(OWNER, "member telegram:7 remove sure")
    assert "暂停了他的任务 #1、#2，作废了 1 张" in said
    assert "没有使用权限" in await street.press("7", approve)
    assert "没有使用权限" in await street.say("7", "/list")
    assert "已" in await street.press(OWNER, approve), "his card is void for everybody"
    await street.theatre.tick(MAOTAI, "1389", "1379")
    assert not street.read("7", "1389")
    assert await street.orders() == []
    assert street.read("7", "你已被移出")
    assert "没有这个成员" in await street.press(OWNER, "member telegram:7 trade paper")
    await street.refusals()


async def test_who_is_removed_while_his_tap_waits_for_a_price_sends_nothing(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    approve = await ask_for_card(street)
    market, asked, go_on = street.theatre.market, asyncio.Event(), asyncio.Event()
    fetch = market.fetch

    async def slowly(symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        asked.set()
        await go_on.wait()
        return await fetch(symbols)

    market.fetch = slowly  # type: ignore[method-assign]
    tap = asyncio.create_task(street.press("7", approve))
    await asked.wait()
    await street.press(OWNER, "member telegram:7 remove sure")
    go_on.set()
    assert "收回了你的交易权限" in await tap
    assert await street.orders() == []
    assert len(await street.tickets(TicketState.OPEN)) == 1, "the owner's card stays open"
    assert len(await street.refusals()) == 1


async def test_a_trader_who_becomes_a_viewer_trades_no_more(street: Street) -> None:
    await street.invite("交易 全部", user="7")
    await street.say("7", "茅台跌破1390提醒我")
    await street.say("7", "茅台跌破1380买100股")
    approve = await ask_for_card(street, user="7")
    said = await street.press(OWNER, "member telegram:7 viewer")
    assert "暂停了他的任务 #2，作废了 1 张" in said
    assert "只有能交易的人" in await street.press("7", approve)
    assert "没有" in await street.say("7", "恢复2")
    assert "持仓" in await street.say("7", "我的持仓"), "he still sees what he could trade"
    await street.theatre.tick(MAOTAI, "1389", "1379")
    assert street.read("7", "1389"), "his reminder goes on"
    assert await street.tickets(TicketState.OPEN) == []


async def test_rights_on_one_account_are_changed_by_a_tap(street: Street) -> None:
    await street.invite("查看", user="7")
    await street.say(OWNER, "/members")
    assert "member telegram:7" in street.buttons(OWNER)
    await street.press(OWNER, "member telegram:7")
    assert "member telegram:7 trade wife" in street.buttons(OWNER)
    await street.press(OWNER, "member telegram:7 trade wife")
    assert "交易老婆账户" in await street.say("7", "/me")
    await ask_for_card(street, user="7")
    [ticket] = await street.tickets(TicketState.OPEN)
    assert ticket.account == "wife"
    assert "作废了 1 张" in await street.press(OWNER, "member telegram:7 see wife")
    assert "不看任何账户" in await street.press(OWNER, "member telegram:7 none wife")


async def test_only_an_owner_manages_members(street: Street) -> None:
    await street.invite("交易 全部", user="7")
    await street.invite("查看", user="8")
    for press in ("member telegram:7 trade paper", "member telegram:8 remove sure", "invite trader paper", "members"):
        assert "只有主人" in await street.press("7", press)
    assert {one.user_id for one in await street.theatre.app.house.membership.everybody()} == {"7", "8"}


async def test_who_may_trade_may_stop_everything_and_only_an_owner_lets_it_go_on(street: Street) -> None:
    await street.invite("交易 老婆账户", user="7", name="小王")
    assert "已紧急停止" in await street.say("7", "/panic")
    assert "只有主人" in await street.say("7", "/panic off")
    assert "小王(7)" in (street.theatre.app.house.switch.panicked or "")
    assert "已恢复" in await street.say(OWNER, "/panic off")


async def test_the_owners_limits_hold_for_everybody(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    await street.say(OWNER, "单笔最多5万")
    assert "主人设的：单笔：最多 50,000.00 元" in await street.say("7", "/limits")
    assert "50,000" in await street.say("7", "买100股茅台 价格1400")
    assert await street.tickets() == []


async def test_an_alert_of_a_member_is_not_told_to_the_owner_when_nobody_answers(street: Street) -> None:
    await street.invite("查看 模拟账户", user="7")
    await street.say("7", "茅台止损到1390提醒我")
    await street.theatre.tick(MAOTAI, "1395", "1389")
    assert street.read("7", "1389")
    street.theatre.clock.advance(timedelta(minutes=6))
    await street.theatre.app.duties.escalate()
    await street.theatre.settle()
    assert not street.read(OWNER, "1389")


async def test_a_watch_on_holdings_tells_nothing_of_an_account_that_was_closed_to_its_owner(street: Street) -> None:
    await street.invite("查看 模拟账户", user="7")
    assert "贵州茅台" in await street.say("7", "所有持仓跌3%提醒我")
    await street.press(OWNER, "member telegram:7 none paper")
    told = len(street.read("7", ""))
    await street.say(OWNER, "卖200股茅台 价格1400")
    await street.press(OWNER, next(one for one in street.buttons(OWNER) if one.startswith("approve ")))
    await street.theatre.tick(MAOTAI, "1401", "1402")
    assert street.theatre.app.house.brokerage.cost_of("paper", MAOTAI) is None, "all of it is sold"
    assert len(street.read("7", "")) == told


async def test_the_kill_switch_of_a_trader_waits_for_no_database(street: Street) -> None:
    await street.invite("交易 模拟账户", user="7")
    with closing(sqlite3.connect(street.theatre.folder / "dingpan.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "已紧急停止" in await street.say("7", "/panic")
        assert street.theatre.app.house.switch.panicked is not None


async def test_what_is_refused_is_refused_without_a_database(street: Street) -> None:
    await street.invite("查看 模拟账户", user="7")
    with closing(sqlite3.connect(street.theatre.folder / "dingpan.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "没有使用权限" in await street.say("99", "你好")
        assert "只有能交易的人" in await street.say("7", "/buy 100股茅台")
    assert await street.orders() == []


async def test_two_processes_on_one_database_let_one_person_in_and_forget_a_removed_one_at_once(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with Street(tmp_path) as one, Street(tmp_path, accounts=tmp_path / "other") as other:
        code = await one.code("交易 模拟账户")
        said = await asyncio.gather(one.say("7", f"/join {code}"), other.say("8", f"/join {code}"))
        assert sorted("已加入" in text for text in said) == [False, True]
        who, here, there = ("7", one, other) if "已加入" in said[0] else ("8", other, one)
        assert "交易者" in await there.say(who, "/me"), "what one let in is known to the other"
        await there.press(OWNER, f"member telegram:{who} remove sure")
        assert "没有使用权限" in await here.say(who, "/list")
        await here.refusals()


async def test_an_export_of_a_member_holds_his_watches_alone(street: Street) -> None:
    await street.say(OWNER, "茅台跌破1300提醒我")
    await street.invite("查看", user="7")
    await street.say("7", "茅台跌破1390提醒我")
    said = await street.say("7", "/export")
    assert "1390" in said
    assert "1300" not in said


async def test_an_empty_allow_list_means_nobody(tmp_path: Path) -> None:
    async with Street(tmp_path) as street:
        street.theatre.app.inbox._owners = {}
        said = await street.say(OWNER, "/list")
        assert "TELEGRAM_OWNER_IDS" in said
        assert await street.say("7", "/join 00000000-00000000")
        assert "没有使用权限" in await street.say("7", "/list")
