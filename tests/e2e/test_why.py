"""For everything that keeps an alert from being told, /why says that it did, then and on a later day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.assembly import HOME_CHAT
from bot.inbox import OWNER
from core.conditions import Condition, Indicator, PriceBelow, StopLoss
from core.errors import Refused, Unavailable
from core.messages import Chat, Incoming, Message
from core.watches import Repeat, Watch
from tests.fakes.parts import MOUTAI, PINGAN, TUESDAY, Home, ShakyStore, at, house, quote, watch

BELOW = PriceBelow(value=Decimal(1420))
LOWER = PriceBelow(value=Decimal(1400))
EVERY_TIME = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}


def mine(*conditions: Condition, **changes: Any) -> Watch:
    return watch(*conditions, **{"owner": OWNER} | changes)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with house() as home:
        await home.tick("09:31", "1430")
        yield home


async def ask(home: Home, text: str = "/why 1") -> Message:
    await home.app.inbox.receive(Incoming(chat=HOME_CHAT, user="me", text=text, at=home.clock.now()))
    await home.app.house.notifier.drained()
    return home.phone.shown(HOME_CHAT)[-1]


async def press(home: Home, command: str) -> Message:
    await home.app.inbox.receive(Incoming(chat=HOME_CHAT, user="me", press=command, at=home.clock.now()))
    await home.app.house.notifier.drained()
    return home.phone.shown(HOME_CHAT)[-1]


async def whole(home: Home, text: str) -> str:
    """An answer with all its pages."""
    message = await ask(home, text)
    texts = [message.text]
    while message.buttons:
        message = await press(home, message.buttons[0][0].command)
        texts.append(message.text)
    return "\n".join(texts)


async def on_tuesday(home: Home, question: str = "周一为什么没提醒") -> str:
    """What is answered on the next day, after a close at which the jobs ran."""
    home.clock.set(at("15:05"))
    await home.app.duties.sum_up()
    home.clock.set(at("09:00", TUESDAY))
    return await whole(home, question)


async def told(home: Home, *said: str) -> None:
    """Both answers, of now and of the day after, have all of this."""
    now = await whole(home, "/why 1")
    later = await on_tuesday(home)
    assert [text for text in said if text not in now] == [], now
    assert [text for text in said if text not in later] == [], later


# -- quotes that are not fit to be judged


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"last": "1410", "quoted": "09:55"}, "行情过旧（5 分钟前的价格）"),
        ({"last": None}, "没有成交价（价格为 0）"),
        ({"last": "0.01", "limit_down": "1290"}, "价格 0.01 低于跌停价 1290.00，疑为坏数据"),
        ({"last": "9999", "limit_up": "1570"}, "价格 9999.00 超过涨停价 1570.00，疑为坏数据"),
        ({"last": None, "suspended": True}, "停牌"),
    ],
)
async def test_a_quote_that_is_not_fit_is_named_with_its_time_and_how_often(
    home: Home, changes: dict[str, Any], why: str
) -> None:
    await home.add(mine(BELOW))
    for second in range(3):
        await home.show(quote(MOUTAI, when=f"10:00:0{second}", **changes))
    await home.tick("10:01", "1430")
    await told(home, f"贵州茅台(600519) 不判断：{why}", "10:00", "3 次")


async def test_a_price_of_before_the_session_is_no_trade_of_it(home: Home) -> None:
    await home.add(mine(BELOW))
    for minute in ("09:25", "09:26", "09:27"):
        await home.show(quote(MOUTAI, "1410", f"2026-03-24 {minute}", quoted="2026-03-24 09:24:59"))
    assert "09:24:59 的价格不是交易时段内的成交（03-24 09:25–09:27，3 次）" in await whole(home, "/why 1")


async def test_the_first_seconds_of_a_session_are_no_doubt(home: Home) -> None:
    await home.add(mine(BELOW))
    await home.tick("11:29:59", "1430")
    await home.show(quote(MOUTAI, "1430", "13:00", quoted="11:29:59"))
    await home.tick("13:00:03", "1430")
    assert "不判断" not in await whole(home, "/why 1")


async def test_a_doubt_that_comes_and_goes_is_one_line_and_after_a_while_another(home: Home) -> None:
    await home.add(mine(BELOW))
    for minute in (0, 2, 4, 6, 40):
        await home.tick(f"10:{minute:02}", None)
        await home.tick(f"10:{minute + 1:02}", "1430")
    answer = await whole(home, "/why 1")
    assert answer.count("不判断") == 2
    assert "03-23 10:00–10:06，4 次" in answer


async def test_a_blind_period_is_named_with_its_hours(home: Home) -> None:
    await home.add(mine(BELOW))
    await home.tick("10:02", "1430")
    await home.tick("10:09", "1430")
    await told(home, "行情中断", "10:02–10:09")
    assert "⚠️ 行情中断（10:02–10:09），期间没有判断" in await whole(home, "周一为什么没提醒")


# -- crossings that were not told


async def cross(home: Home, *minutes: str) -> None:
    """Into the zone at each of these minutes, and out of it half a minute later."""
    for minute in minutes:
        await home.tick(minute, "1419")
        await home.tick(f"{minute}:30", "1430")


async def test_the_cooldown(home: Home) -> None:
    await home.add(mine(BELOW, repeat=Repeat.EVERY_TIME))
    await cross(home, "10:00", "10:01")
    await told(home, "首次触发，已提醒", "冷却时间内，未再提醒")


async def test_once_a_day(home: Home) -> None:
    await home.add(mine(BELOW))
    await cross(home, "10:00", "10:01")
    await told(home, "今天已经提醒过")


async def test_only_once(home: Home) -> None:
    await home.show(quote(when="09:32"), quote(PINGAN, "50", "09:32"))
    await home.add(mine(BELOW, LOWER, symbols=(MOUTAI, PINGAN), repeat=Repeat.ONCE))
    await home.tick("10:00", "1419")
    await home.tick("10:01", "1399")
    await told(home, "只提醒一次，之前已经提醒过")


async def test_a_watch_that_is_done_says_since_when(home: Home) -> None:
    await home.add(mine(BELOW, repeat=Repeat.ONCE))
    await cross(home, "10:00", "10:05")
    assert "没有在判断：已完成" in await whole(home, "/why 1")
    assert "10:00 提醒过了，任务完成" in await on_tuesday(home)
    home.clock.set(at("10:00", "2026-03-25"))
    assert "那天没有在判断：03-23 10:00 提醒过了，任务完成" in await whole(home, "昨天为什么没提醒")


async def test_quiet_hours(home: Home) -> None:
    await ask(home, "/quiet 10:00-10:30")
    await home.add(mine(BELOW))
    await cross(home, "10:00")
    await told(home, "免打扰时段，当时未提醒", "🌙 免打扰时段 10:00-10:30")


async def test_quiet_hours_that_were_ended_later_were_in_force_then(home: Home) -> None:
    await ask(home, "/quiet 10:00-10:30")
    await home.add(mine(BELOW))
    home.clock.set(at("09:00", TUESDAY))
    await ask(home, "/quiet off")
    assert "🌙 免打扰时段 10:00-10:30" in await whole(home, "昨天为什么没提醒")
    assert "🌙" not in await whole(home, "/why")
    home.clock.set(at("09:00", "2026-03-25"))
    assert "🌙" not in await whole(home, "昨天为什么没提醒")


async def test_a_silence(home: Home) -> None:
    await home.add(mine(BELOW))
    await ask(home, "/silence 1h 1")
    await cross(home, "10:00")
    await told(home, "静音中，未提醒")
    assert "🔕 静音 09:31–10:31：#1" in await whole(home, "周一为什么没提醒")


async def test_a_silence_is_named_where_it_matters_and_nowhere_else(home: Home) -> None:
    await home.add(mine(BELOW))
    await home.add(mine(BELOW, id="W0000002", number=2, symbols=(PINGAN,)))
    await ask(home, "/silence 1h 茅台")
    assert "🔕 静音中：贵州茅台(600519) 到 03-23 10:31。" in await whole(home, "/why 1")
    assert "🔕" not in await whole(home, "/why 2")
    await ask(home, "/silence 1h 2")
    assert "盯盘 #2 到 03-23 10:31" in await whole(home, "/why 2")
    assert "盯盘 #2" not in await whole(home, "/why 1")


async def test_a_stop_loss_that_was_told_mutes_the_lesser(home: Home) -> None:
    await home.add(mine(StopLoss(value=Decimal(1420), unit="yuan"), id="w1"))
    await home.add(mine(LOWER, id="w2"))
    await home.tick("10:00", "1419")
    await home.tick("10:01", "1399")
    assert "同一只股票的止损类提醒刚刚发过" in await whole(home, "/why 2")
    assert "同一只股票的止损类提醒刚刚发过" in await on_tuesday(home)


async def test_not_held(home: Home) -> None:
    await home.add(mine(BELOW, only_held=True))
    await cross(home, "10:00")
    await told(home, "设为只在持有时提醒，账户里没有持仓")


# -- watches that were not judged


async def test_a_pause_is_remembered_with_its_hours(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00"))
    await ask(home, "/pause 1")
    await cross(home, "10:30")
    assert "没有在判断：已暂停" in await whole(home, "/why 1")
    home.clock.set(at("11:00"))
    await ask(home, "/resume 1")
    answer = await on_tuesday(home)
    assert "　10:00 暂停" in answer
    assert "　11:00 恢复盯盘" in answer


async def test_a_pause_of_another_day_is_the_reason_for_this_one(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("14:00"))
    await ask(home, "/pause 1")
    home.clock.set(at("14:00", TUESDAY))
    assert "那天没有在判断：03-23 14:00 暂停" in await whole(home, "今天为什么没提醒")


async def test_an_expiry_is_remembered(home: Home) -> None:
    await home.add(mine(BELOW, expires_on=date(2026, 3, 23)))
    home.clock.set(at("09:10", TUESDAY))
    await home.app.duties.open_day()
    assert "没有在判断：已完成" in await whole(home, "/why 1")
    assert "那天没有在判断：03-24 09:10 到期，任务结束" in await whole(home, "今天为什么没提醒")


async def test_bars_that_are_missing(home: Home) -> None:
    await home.add(mine(Indicator(name="macd", event="golden_cross")))
    await home.tick("10:00", "1430")
    await told(home, "日K线还不够")


async def test_a_cost_that_is_missing(home: Home) -> None:
    await home.add(mine(StopLoss(value=Decimal(8), unit="pct")))
    await home.tick("10:00", "1430")
    await told(home, "没有持仓")


async def test_a_watch_that_did_not_exist_yet(home: Home) -> None:
    home.clock.set(at("10:00", TUESDAY))
    await home.add(mine(BELOW, created_at=at("10:00", TUESDAY)))
    assert "那时还没有这个任务，03-24 10:00 才建立" in await whole(home, "周一为什么没提醒")


async def test_what_held_already_when_it_was_made(home: Home) -> None:
    await home.add(mine(PriceBelow(value=Decimal(1450))))
    await home.tick("10:00", "1430")
    await told(home, "1430.00，开始时已经满足，先离开再回来才提醒（测试行情，0 秒前的价格）")
    assert "没有先离开触发区，不算新的穿越，所以不提醒" in await whole(home, "周一为什么没提醒")


# -- messages that did not arrive


async def test_a_message_that_was_refused(home: Home) -> None:
    home.phone.fail(Refused("手机", "对方把我拉黑了。"))
    await home.add(mine(BELOW))
    await cross(home, "10:00")
    await told(home, "首次触发，已提醒", "phone 发送失败，试了 1 次：对方把我拉黑了")


async def test_a_message_that_took_several_attempts(home: Home) -> None:
    home.phone.fail(Unavailable("手机", "没有信号"), Unavailable("手机", "没有信号"))
    await home.add(mine(BELOW))
    await cross(home, "10:00")
    await told(home, "phone 已送达，试了 3 次")


async def test_a_channel_that_is_not_there(home: Home) -> None:
    await home.add(mine(BELOW, chat=Chat("wechat", "7")))
    await cross(home, "10:00")
    await told(home, "wechat 发送失败，试了 1 次：这个渠道没有开启，已改发到 console:local")


async def test_a_storm(home: Home) -> None:
    for number in range(12):
        await home.add(mine(PriceBelow(value=Decimal(1420 - 2 * number)), id=f"w{number}"))
    for number in range(12):
        await home.tick(f"10:00:{3 * number:02}", str(1419 - 2 * number))
    assert "提醒太多，合并到汇总里发送" in await whole(home, "/why 12")


# -- how near


async def test_a_day_without_an_alert_says_how_near_it_came(home: Home) -> None:
    await home.add(mine(LOWER))
    for minute, price in ((30, "1410"), (31, "1402.1"), (32, "1409")):
        await home.show(quote(last=price, when=f"10:{minute}:10", high="1435", low=min("1410", price)))
    assert "今天到现在最低 1402.10" in await whole(home, "今天为什么没提醒")
    await home.show(quote(last="1415", when="14:59:30", high="1435", low="1402.1"))
    assert "　贵州茅台(600519) 当天最低 1402.10（10:32），离 1400.00 还差 0.15%" in await on_tuesday(home)
    assert "当天最低 1402.10（10:32），离 1400.00 还差 0.15%" in await whole(home, "/why 茅台")


async def test_what_was_reached_before_the_watch_was_made_does_not_count(home: Home) -> None:
    await home.show(quote(last="1401", when="10:00", high="1435", low="1401"))
    home.clock.set(at("10:30"))
    await home.add(mine(LOWER, created_at=at("10:30")))
    await home.show(quote(last="1420", when="14:00:30", high="1435", low="1401"))
    await home.show(quote(last="1425", when="14:01:30", high="1435", low="1401"))
    assert "当天最低 1420.00（14:01），离 1400.00 还差 1.43%" in await on_tuesday(home)


async def test_a_day_at_whose_close_nothing_ran_says_so(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("09:00", TUESDAY))
    assert "没有当天的小结，收盘时程序没有在运行" in await whole(home, "周一为什么没提醒")


# -- asking


async def test_a_day_without_trading_is_named(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00", TUESDAY))
    assert "03-21 周六休市" in await whole(home, "/why 2026-03-21")


@pytest.mark.parametrize(
    "question",
    [
        "/why 1 周一",
        "/why 茅台 昨天",
        "/why 600519 2026-03-23",
        "/why 1 03-23",
        "/why 茅台 3/23",
        "周一为什么没提醒",
        "昨天茅台为什么没提醒我",
        "为什么昨天没提醒我",
        "为什么昨天茅台没提醒我",
        "为什么茅台昨天没有提醒我",
        "前天到昨天为什么没提醒",
        "昨天1号为什么没提醒",
    ],
)
async def test_a_day_is_asked_about_in_many_ways(home: Home, question: str) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00", TUESDAY))
    assert (await ask(home, question)).text.startswith("03-23 周一：\n#1 跌到 1420.00 及以下"), question


async def test_several_days_are_told_newest_first(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00", TUESDAY))
    answer = await whole(home, "本周为什么没提醒")
    assert answer.index("03-24 周二：") < answer.index("03-23 周一：")


async def test_an_answer_fits_a_phone_and_goes_on_with_a_tap(home: Home) -> None:
    await home.add(mine(BELOW, **EVERY_TIME))
    await cross(home, *(f"10:{minute:02}" for minute in range(10)))
    first = await ask(home, "/why 茅台")
    assert first.title == "🔍 判断记录（1/5）"
    assert len(first.text.splitlines()) <= 15
    second = await press(home, first.buttons[0][0].command)
    assert second.title == "🔍 判断记录（2/5）"
    texts = (await whole(home, "/why 茅台")).splitlines()
    alerts = [line for line in texts if "触发区 ≤ 1420.00（#1）" in line]
    assert [line[6:11] for line in alerts] == [f"10:{minute:02}" for minute in range(9, -1, -1)]


async def test_a_deleted_watch_is_remembered_by_its_share(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00"))
    await ask(home, "/delete 1")
    assert "03-23 10:00 删除了 #1 贵州茅台(600519) 跌到 1420.00 及以下" in await whole(home, "/why 茅台")
    assert "没有盯着" in await whole(home, "/why 平安银行")


async def test_a_changed_condition_is_remembered(home: Home) -> None:
    await home.add(mine(BELOW))
    home.clock.set(at("10:00"))
    await ask(home, "把1改成1380")
    assert "10:00 改为 跌到 1380.00 及以下" in await on_tuesday(home)


async def test_why_answers_while_the_database_takes_nothing() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(mine(BELOW))
        await home.tick("10:00", "1430")
        store.fail("save_entries", 1)
        assert "等待穿越" in await whole(home, "/why 1")
        assert "03-23 10:00 #1 贵州茅台(600519) 1430.00，不满足，等待穿越" in await whole(home, "/why 1")
