"""Conversations from a sentence to a fill, read as the person reads them; killed and restarted in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.bars import Bar, day_label
from core.calendar import trading_days
from core.orders import OrderState
from core.tickets import TicketState
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.market import MOUTAI

SENTENCE = "贵州茅台跌破1420提醒我,跌破就买100股"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    positions = {Symbol("600036.SH"): (1000, Decimal(40)), Symbol("601318.SH"): (500, Decimal(50))}
    async with Theatre(tmp_path, positions=positions) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433))
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        await stage.tick("601318.SH", "52", preclose=Decimal(52))
        yield stage


async def test_the_main_job(stage: Theatre) -> None:
    made = await stage.say(SENTENCE)
    assert made.title == "✅ 已开始盯盘 #1"
    assert "标的：贵州茅台(600519)" in made.text
    assert "条件：跌到 1420.00 及以下" in made.text
    assert "买入 100 股" in made.text
    assert "模拟" in made.text
    await stage.tick("600519.SH", "1421", "1419.5")
    card = stage.channel.shown[-1]
    assert card.title == "🔔 贵州茅台(600519) 1419.50（-0.94%），是否买入？·模拟"
    assert card.labels() == ("确认", "拒绝", "重新报价", "改数量", "改价格")
    assert "限价：1419.50" in card.text
    assert "账户：模拟账户·模拟" in card.text
    await stage.press("确认")
    [order] = await stage.orders()
    assert (order.state, order.shares, order.average) == (OrderState.FILLED, 100, Decimal("1419.5"))
    [fill] = stage.seen("🎉 已成交·模拟")
    assert "买入贵州茅台(600519) 100 股，成交价 1419.50" in fill.text
    assert "✅ 10:00:15 由 我 确认" in stage.transcript()
    positions = await stage.say("我的持仓")
    assert "贵州茅台(600519)\n　持仓 100 股，可卖 0 股，成本 " in positions.text


async def test_everything_the_list_offers_is_understood(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    listed = await stage.say("列表")
    offers = listed.text.rpartition("管理：")[2].split("、")
    answers = {
        "暂停1": "已暂停",
        "恢复1": "已恢复 #1",
        "删除1": "已删除",
        "把1改成1380": "已修改 #1",
        "/why 1": "判断记录",
    }
    assert sorted(offers) == sorted(answers)
    for offer in ("/why 1", "暂停1", "恢复1", "把1改成1380", "删除1"):
        assert answers[offer] in (await stage.say(offer)).plain(), offer


async def test_a_greeting_is_answered_with_the_welcome(stage: Theatre) -> None:
    for greeting in ("你好", "您好", "在吗"):
        assert (await stage.say(greeting)).title == "👋 我是盯盘助手"


async def test_a_rejected_ticket_places_nothing_and_the_card_says_who(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    card = await stage.press("拒绝")
    assert "🚫 10:00:12 由 我 拒绝，没有下单" in card.text
    explained = await stage.press("不看好了")
    assert "🚫 10:00:12 由 我 拒绝，没有下单：不看好了" in explained.text
    assert explained.buttons == ()
    assert await stage.orders() == []


async def test_a_tap_after_expiry_says_so_and_offers_a_new_quote(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    tap = stage.button("确认").command
    await stage.pass_time("2026-11-18 10:06")
    assert "⌛ 过期未确认，没有下单" in stage.channel.shown[-1].text
    answer = await stage.send_press(tap)
    assert "过期未确认，没有下单" in answer.text
    assert await stage.orders() == []
    await stage.tick("600519.SH", "1419.8")
    await stage.press("重新报价")
    await stage.press("确认")
    assert [order.state for order in await stage.orders()] == [OrderState.FILLED]


async def test_a_price_that_has_run_away_is_not_bought(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    stage.market.set("600519.SH", "1440")
    answer = await stage.press("确认")
    assert "价格已变：生成卡片时 1419.50，现在 1440.00" in answer.text
    assert "超过 1.00%" in answer.text
    assert await stage.orders() == []
    assert "已作废，没有下单" in stage.transcript()


async def test_no_fresh_price_means_no_order_and_the_ticket_stays_open(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    stage.market.down = True
    answer = await stage.press("确认")
    assert "连不上" in answer.text
    assert await stage.orders() == []
    stage.market.down = False
    await stage.press("确认")
    assert len(await stage.orders()) == 1


@pytest.mark.parametrize("step", range(4))
async def test_killed_between_any_two_steps_there_is_one_order(stage: Theatre, step: int) -> None:
    await stage.say(SENTENCE)
    if step == 0:
        await stage.kill()
    await stage.tick("600519.SH", "1419.5")
    tap = stage.button("确认").command
    if step == 1:
        await stage.kill()
    await stage.send_press(tap)
    if step == 2:
        await stage.kill()
    answer = await stage.send_press(tap)
    assert "这笔委托不能再操作" in answer.text
    if step == 3:
        await stage.kill()
        await stage.send_press(tap)
    await stage.tick("600519.SH", "1419.4")
    [order] = await stage.orders()
    assert order.filled == 100
    [position] = [one for one in (await stage.broker.snapshot()).positions if one.symbol == MOUTAI]
    assert position.shares == 100


async def test_what_already_holds_is_said_and_not_fired(stage: Theatre) -> None:
    made = await stage.say("茅台跌破1450提醒我")
    assert "现在已经满足条件" in made.text
    before = len(stage.channel.shown)
    await stage.tick("600519.SH", "1429", "1431", "1450.5", "1449")
    assert len(stage.channel.shown) == before
    await stage.tick("600519.SH", "1458", "1449")
    assert "🔔" in stage.channel.shown[-1].title


async def test_a_correction_changes_the_watch_just_made(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    changed = await stage.say("不对，改成1380")
    assert changed.title == "✏️ 已修改 #1"
    assert "跌到 1380.00 及以下" in changed.text
    changed = await stage.say("每次都提醒")
    assert "每次穿越都提醒" in changed.text
    listed = await stage.say("列表")
    assert "#1 贵州茅台(600519)\n　跌到 1380.00 及以下；每次穿越都提醒" in listed.text


async def test_two_levels_are_two_watches_and_the_trade_belongs_to_the_second(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我，跌到1380买一手")
    first, second = stage.app.house.watchlist.of("owner")
    assert first.plan is None
    assert second.plan is not None
    assert second.plan.shares == 100


async def test_an_ambiguous_name_is_offered_as_buttons(stage: Theatre) -> None:
    question = await stage.say("平安跌破50提醒我")
    assert set(question.labels()) >= {"中国平安(601318)", "平安银行(000001)"}
    made = await stage.press("中国平安(601318)")
    assert "标的：中国平安(601318)" in made.text
    assert "跌到 50.00 及以下" in made.text


async def test_what_is_missing_is_asked_and_answered(stage: Theatre) -> None:
    question = await stage.say("盯茅台")
    assert question.title == "贵州茅台(600519)"
    assert question.text.endswith("到什么价格、涨跌多少提醒？")
    made = await stage.say("跌破1380")
    assert "跌到 1380.00 及以下" in made.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("某某股份跌破10提醒我", "没有"),
        ("茅台跌破0提醒我", "0"),
        ("茅台涨到1000000000提醒我", "不合理"),
        ("茅台跌破1420买37股", "100 股的整数倍"),
        ("比亚迪跌回成本价提醒我", "没有比亚迪(002594)的持仓"),
        ("删除9", "没有 #9"),
        ("/approve ZZZZZZZZ", "没有编号 ZZZZZZZZ"),
        ("/nosuch", "没有 /nosuch 这个命令"),
        ("今晚吃什么", "没有听懂"),
    ],
)
async def test_bad_input_gets_a_clear_answer(stage: Theatre, text: str, answer: str) -> None:
    said = await stage.say(text)
    assert answer in said.plain(), said.plain()
    assert stage.app.house.watchlist.of("owner") == ()
    assert await stage.orders() == []


async def test_pause_resume_delete(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    await stage.say("暂停1")
    before = len(stage.channel.shown)
    await stage.tick("600519.SH", "1410")
    assert len(stage.channel.shown) == before
    resumed = await stage.say("恢复1")
    assert resumed.title == "▶️ 已恢复 #1"
    assert "现在已经满足条件" in resumed.text
    await stage.tick("600519.SH", "1430", "1415")
    assert "🔔" in stage.channel.shown[-1].title
    await stage.say("删除茅台")
    assert (await stage.say("列表")).title == "还没有盯盘任务"


async def test_a_share_by_name_does_not_mean_the_watch_on_all_favourites(stage: Theatre) -> None:
    await stage.say("把茅台和招行加入自选")
    await stage.say("自选股跌3%提醒我")
    await stage.say("茅台跌破1400提醒我")
    assert "#1" not in (await stage.say("暂停茅台")).text
    await stage.say("删除2")
    assert "#1" in (await stage.say("暂停茅台")).text


async def test_a_sentence_about_the_account_is_no_correction_of_the_share_before_it(stage: Theatre) -> None:
    await stage.say("茅台跌破1300提醒我")
    made = await stage.say("账户今天亏损超过2%")
    assert made.title == "✅ 已开始盯盘 #2"
    assert "账户今天亏损达到 2.00%" in made.text
    assert "跌到 1300.00 及以下" in (await stage.say("/list")).text


async def test_silence_keeps_quiet_and_why_tells(stage: Theatre) -> None:
    await stage.say("茅台每次跌破1420都提醒我")
    quiet = await stage.say("静音一小时")
    assert "到 11-18 11:00 不再提醒" in quiet.text
    await stage.tick("600519.SH", "1419")
    assert stage.seen("🔔") == []
    told = await stage.say("为什么没提醒我茅台")
    assert "静音中，未提醒" in told.text
    assert "等价格离开后重新待命" in told.text
    await stage.say("取消静音")
    await stage.tick("600519.SH", "1430", "1418")
    assert len(stage.seen("🔔 贵州茅台")) == 1
    assert "已送达" in (await stage.say("/why 茅台")).text


async def test_panic_stops_orders_over_a_restart(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    tap = stage.button("确认").command
    await stage.say("/panic")
    await stage.kill()
    assert "紧急停止中" in (await stage.send_press(tap)).text
    assert await stage.orders() == []
    await stage.say("/panic off")
    await stage.send_press(tap)
    assert len(await stage.orders()) == 1


async def test_shares_bought_today_are_sold_tomorrow(stage: Theatre) -> None:
    await stage.say("买入茅台100股")
    await stage.press("确认")
    refused = await stage.say("清仓茅台")
    assert "可卖 0 股" in refused.text
    await stage.pass_time("2026-11-19 10:00")
    await stage.tick("600519.SH", "1450", preclose=Decimal(1430))
    await stage.say("清仓茅台")
    await stage.press("确认")
    assert len(stage.seen("已成交")) == 2


async def test_simultaneous_alerts_of_a_chat_are_one_message(stage: Theatre) -> None:
    for text in ("茅台跌破1420提醒我", "茅台跌到1410提醒我", "茅台跌2%提醒我"):
        await stage.say(text)
    await stage.tick("600519.SH", "1400", step=timedelta(seconds=6))
    assert stage.channel.shown[-1].title == "🔔 3 条提醒"


async def test_a_blind_period_is_told(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    await stage.tick("600519.SH", "1430")
    await stage.pass_time("2026-11-18 10:10")
    assert "行情中断" in stage.channel.shown[-1].title
    await stage.tick("600519.SH", "1419")
    assert stage.seen("10:00–10:10 行情中断")
    assert "行情中断后的第一笔价格" in stage.seen("🔔")[0].text


async def test_positions_and_account_in_plain_language(stage: Theatre) -> None:
    account = await stage.say("可用资金")
    assert account.title == "💰 可用资金 1,000,000.00 元"
    cost = await stage.say("招行成本多少")
    assert "成本 40.000" in cost.text
    assert "盈亏 +1,000.00 元（+2.50%）" in cost.text
    worst = await stage.say("哪只赚得最多")
    assert worst.title == "招商银行(600036) 赚得最多：+1,000.00 元（+2.50%）"


async def test_an_exit_plan_sells_what_is_held(stage: Theatre) -> None:
    await stage.say("招商银行止损8个点，到了全部卖出")
    await stage.tick("600036.SH", "36.7")
    card = stage.channel.shown[-1]
    assert "卖出 招商银行(600036)" in card.text
    assert "数量：1000 股" in card.text


async def test_help_lists_every_command_a_person_may_use(stage: Theatre) -> None:
    text = (await stage.say("帮助")).text
    for name in ("/watch", "/list", "/why", "/panic"):
        assert name in text


# -- what is not clear is asked, and until then nothing is done


async def waiting_orders(stage: Theatre) -> list[str]:
    """Two buy orders below the market."""
    for text in ("买入茅台100股 价格1400", "买入中国平安100股 价格50"):
        await stage.say(text)
        await stage.press("确认")
    return [order.id for order in await stage.orders() if not order.state.final]


@pytest.mark.parametrize("text", ["撤掉那个单", "取消委托", "取消订单"])
async def test_a_vague_cancel_cancels_nothing(stage: Theatre, text: str) -> None:
    before = await waiting_orders(stage)
    assert len(before) == 2
    assert "撤哪一笔？" in (await stage.say(text)).text
    assert [order.id for order in await stage.orders() if not order.state.final] == before


async def test_orders_are_cancelled_by_share_by_number_in_any_case_or_all(stage: Theatre) -> None:
    await waiting_orders(stage)
    await stage.say("撤掉茅台的委托")
    left = [order for order in await stage.orders() if not order.state.final]
    assert [order.symbol for order in left] == ["601318.SH"]
    await stage.say(f"/cancel {left[0].id.upper()}")
    assert [order for order in await stage.orders() if not order.state.final] == []
    assert "没有可以撤的委托" in (await stage.say("全部撤单")).text


async def test_an_ambiguous_name_silences_nobody_until_it_is_chosen(stage: Theatre) -> None:
    question = await stage.say("静音平安一小时")
    assert "中国平安(601318)" in question.labels()
    assert stage.app.house.dispatcher.silences("owner") == ()
    await stage.press("中国平安(601318)")
    [silence] = stage.app.house.dispatcher.silences("owner")
    assert silence.symbol == "601318.SH"


@pytest.mark.parametrize("text", ["暂停999999", "删除那个"])
async def test_an_unclear_target_is_never_the_last_watch(stage: Theatre, text: str) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("五粮液跌破100提醒我")
    await stage.say(text)
    assert [one.state.value for one in stage.app.house.watchlist.of("owner")] == ["active", "active"]


async def test_a_sentence_of_several_tasks_is_done_whole_or_not_at_all(stage: Theatre) -> None:
    said = await stage.say("茅台跌破1300提醒我，上证指数涨停提醒我")
    assert "盯不了涨停" in said.text
    assert stage.app.house.watchlist.of("owner") == ()


async def test_a_real_account_that_is_not_there_is_not_replaced_by_paper(stage: Theatre) -> None:
    said = await stage.say("用实盘买100股茅台")
    assert "没有实盘账户" in said.text
    assert await stage.app.house.store.tickets({TicketState.OPEN}) == []


async def test_panic_is_heard_in_the_middle_of_a_question(stage: Theatre) -> None:
    await stage.say("买茅台")
    assert "已紧急停止" in (await stage.say("紧急停止")).title


async def test_a_change_is_checked_like_a_new_watch(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    assert "没有贵州茅台(600519)的持仓" in (await stage.say("改成跌回成本价提醒")).text
    changed = await stage.say("买200股")
    assert "只提醒一次" in changed.text


async def test_resuming_everything_leaves_alone_what_runs_and_what_is_done(stage: Theatre) -> None:
    await stage.say("茅台跌破1425提醒我")
    await stage.tick("600519.SH", "1420")
    assert "没有暂停的任务" in (await stage.say("恢复茅台")).text
    await stage.tick("600519.SH", "1440", "1420")
    assert len(stage.seen("🔔 贵州茅台")) == 1


async def test_a_typed_confirmation_shows_what_waits(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    assert "待确认委托（1）" in (await stage.say("确认")).title
    assert await stage.orders() == []


async def test_a_second_tap_on_undo_says_that_it_is_gone(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    tap = stage.button("撤销").command
    await stage.send_press(tap)
    assert "已经不在了" in (await stage.send_press(tap)).text


async def test_why_remembers_the_alerts_of_watches_that_are_gone(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    await stage.tick("600519.SH", "1419")
    await stage.say("删除1")
    assert "首次触发，已提醒" in (await stage.say("/why")).text


async def test_a_watch_is_silenced_by_its_number(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    assert "盯盘 #1 到" in (await stage.say("/silence 1h 1")).text


async def test_a_lone_number_changes_no_watch(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("4")
    [watch] = stage.app.house.watchlist.of("owner")
    assert watch.condition_text() == "跌到 1400.00 及以下"


async def test_a_corrected_share_stays_corrected(stage: Theatre) -> None:
    await stage.say("茅台跌到1395提醒我")
    await stage.say("不是茅台，是五粮液")
    changed = await stage.say("改成跌到110")
    assert "标的：五粮液(000858)" in changed.text


async def test_the_same_watch_twice_is_said(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    assert "已经有一样的任务 #1" in (await stage.say("茅台跌破1400提醒我")).text


async def test_deleting_several_asks_first(stage: Theatre) -> None:
    for text in ("茅台跌破1400提醒我", "茅台跌破1300提醒我", "五粮液跌破100提醒我"):
        await stage.say(text)
    question = await stage.say("删除茅台")
    assert question.labels() == ("删除这 2 个",)
    assert len(stage.app.house.watchlist.of("owner")) == 3
    await stage.press("删除这 2 个")
    assert [one.symbols[0] for one in stage.app.house.watchlist.of("owner")] == ["000858.SZ"]


async def test_pausing_everything_revives_nothing_that_was_done(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    await stage.say("五粮液跌破100提醒我")
    await stage.say("暂停全部")
    await stage.say("恢复全部")
    assert [one.state.value for one in stage.app.house.watchlist.of("owner")] == ["done", "active"]


async def test_the_welcome_after_a_restart_names_what_waits(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    await stage.tick("600519.SH", "1419.5")
    await stage.say("/panic")
    await stage.kill()
    welcome = await stage.say("/start")
    assert "有 1 张委托等你确认" in welcome.text
    assert "紧急停止中" in welcome.text


async def test_a_percent_is_read_back_with_its_price_of_now(stage: Theatre) -> None:
    assert "按现在算：触发区 ≥ 1475.99" in (await stage.say("茅台涨3%提醒我")).text


async def test_what_hangs_on_bars_volume_or_the_position_is_read_back_with_where_it_holds(stage: Theatre) -> None:
    days = [day_label(day) for day in trading_days(date(2026, 9, 1), date(2026, 11, 17))]
    price = Decimal(1433)
    bars = [Bar(MOUTAI, day, price, price, price, price, 3_000_000) for day in days]
    await stage.app.house.history.take("day", bars, "测试")
    await stage.tick("600519.SH", "1430", volume=200_000, amount=Decimal(286_000_000), turnover=Decimal("0.02"))
    assert "按现在算：触发区 ≥ 1433.00" in (await stage.say("茅台站上20日均线提醒我")).text
    assert "按现在算：成交量触发区 ≥ 4.5万手" in (await stage.say("茅台成交量超过5日均量的1.5倍提醒")).text
    assert "按现在算：触发区 ≥ 46.00" in (await stage.say("招商银行浮盈6000元提醒")).text
    made = (await stage.say("茅台量比超过2提醒")).text
    assert "按现在算：量比触发区 ≥ 2 倍（今天的量按时间折算成全天），现在 0.51 倍，还差 1.48 倍" in made
    await stage.say("茅台换手率超过1%提醒")
    await stage.say("茅台成交额超过50亿提醒")
    listed = (await stage.say("列表")).text
    for line in (
        "现价 1430.00，触发区 ≥ 1433.00（日线，今天未走完），距触发 0.21%",
        "成交量触发区 ≥ 4.5万手，现在 2000手，还差 4.3万手",
        "换手率触发区 ≥ 1.00%，现在 0.02%，还差 0.98%",
        "成交额触发区 ≥ 50亿元，现在 2.86亿元，还差 47.14亿元",
    ):
        assert line in listed


async def test_a_level_of_an_indicator_need_not_be_a_price(stage: Theatre) -> None:
    assert "条件：KDJ 的 J 值低于 0" in (await stage.say("茅台KDJ的J值跌破0提醒")).text
    assert "请改成 1380.55 或 1380.56" in (await stage.say("茅台跌破1380.555提醒")).text


async def test_without_a_position_nothing_is_said_of_its_cost_where_only_its_gain_was_meant(stage: Theatre) -> None:
    assert "盯不了“浮盈达到 5000元”" in (await stage.say("茅台浮盈5000元提醒")).text
    assert "不知道成本价" in (await stage.say("茅台跌到成本价提醒")).text


async def test_a_misspelt_name_is_offered_and_the_sentence_goes_on(stage: Theatre) -> None:
    question = await stage.say("贵洲茅台跌破1400提醒我")
    assert "贵州茅台(600519)" in question.labels()
    made = await stage.press("贵州茅台(600519)")
    assert "条件：跌到 1400.00 及以下" in made.text


@pytest.mark.parametrize(
    "text",
    [
        "平安银行涨到12卖一半，涨到13清仓",
        "茅台跌到1380买一手，1350再买两手",
        "茅台跌到1300买100股，招商银行涨到45买200股",
        "茅台如果没跌破1337就提醒我",
        "茅台别跌破1336",
        "茅台跌破1e3提醒我",
    ],
)
async def test_what_is_not_wholly_understood_is_never_done_in_part(stage: Theatre, text: str) -> None:
    said = await stage.say(text)
    assert said.buttons == ()
    assert stage.app.house.watchlist.of("owner") == ()
    assert await stage.app.house.store.tickets({TicketState.OPEN}) == []


async def test_clearing_out_is_no_amount_to_buy(stage: Theatre) -> None:
    await stage.say("买平安银行")
    await stage.say("清仓")
    assert stage.seen("待确认委托") == []


async def test_of_several_tasks_only_the_new_ones_are_made_and_a_correction_means_the_last(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("五粮液跌破100提醒我")
    said = await stage.say("茅台跌破1400提醒我，跌到1380买一手")
    assert "已经有一样的任务 #1" in stage.transcript()
    assert "✅ 已开始盯盘 #3" in said.title
    await stage.say("茅台跌破1400提醒我")
    changed = await stage.say("不对，改成1370")
    assert changed.title == "✏️ 已修改 #1"


async def test_a_day_that_is_over_is_no_expiry(stage: Theatre) -> None:
    assert "已经过去了" in (await stage.say("茅台跌破1341提醒我，到昨天有效")).text


async def test_a_corrected_percent_from_now_keeps_where_it_began(stage: Theatre) -> None:
    await stage.say("茅台从现在起跌3%提醒我")
    await stage.tick("600519.SH", "1440")
    assert "从 1430.00 起跌 5.00%" in (await stage.say("改成5%")).text


async def test_a_typed_yes_answers_a_question_of_yes_or_no_and_only_the_next_time(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("五粮液跌破100提醒我")
    asked = await stage.say("删除全部")
    assert "要删除这 2 个任务吗？" in asked.text
    assert asked.text.startswith("#1 贵州茅台(600519)　")
    assert "什么都没有改" in (await stage.say("不")).text
    await stage.say("是")
    assert len(stage.app.house.watchlist.of("owner")) == 2
    await stage.say("删除全部")
    assert "已删除" in (await stage.say("是")).title
    assert stage.app.house.watchlist.of("owner") == ()


async def test_a_typed_yes_long_after_the_question_does_nothing(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("五粮液跌破100提醒我")
    await stage.say("删除全部")
    stage.clock.advance(timedelta(minutes=31))
    await stage.say("是")
    assert len(stage.app.house.watchlist.of("owner")) == 2


async def test_a_typed_yes_takes_no_order(stage: Theatre) -> None:
    await stage.say("买入茅台100股 价格1400")
    await stage.say("是")
    assert [order for order in await stage.orders() if not order.state.final] == []
