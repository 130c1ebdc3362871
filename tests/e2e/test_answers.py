"""Questions about an account through the whole house: two accounts, days that pass, prices that are missing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.evals.portfolio import play, stage
from tests.fakes.market import market_instant

MOUTAI = Symbol("600519.SH")
CMB = Symbol("600036.SH")
HELD = {MOUTAI: (100, Decimal(1400)), CMB: (1000, Decimal(40))}


async def quoted(house: Theatre, moutai: str | None = "1430", cmb: str | None = "41") -> None:
    await house.tick(MOUTAI, moutai, preclose=Decimal(1420))
    await house.tick(CMB, cmb, preclose=Decimal(40))


async def test_a_share_whose_price_nobody_knows_is_named_and_not_counted_as_nothing(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        house.market.down = True
        total = await house.say("总资产")
        assert total.title == "💰 总资产 1,000,000.00 元（不含 2 只）"
        assert "⚠️ 不含 贵州茅台(600519)：没有行情" in total.text
        assert (await house.say("今天赚了多少")).title == "📅 今天盈亏未知"
        house.market.down = False
        await house.tick(CMB, "41", preclose=Decimal(40))
        today = await house.say("今天赚了多少")
        assert today.title == "📅 今天盈亏 +1,000.00 元，不含 1 只"
        assert "⚠️ 不含 贵州茅台(600519)：没有行情" in today.text
        assert (await house.say("茅台占多少仓位")).title == "贵州茅台(600519)　占总资产 未知".replace(
            "占总资产 未知", "占比未知"
        )


async def test_bad_prices_make_nobody_richer(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        await quoted(house)
        await house.tick(MOUTAI, "14300", limit_up=Decimal(1562))
        assert "⚠️ 不含 贵州茅台(600519)：价格超出涨跌停，疑为坏数据" in (await house.say("我的持仓")).text


async def test_what_is_sold_out_today_still_counts_for_today(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        await quoted(house)
        await house.say("卖1000股招行 价格41")
        await house.press("确认")
        await quoted(house)
        today = await house.say("今天赚了多少")
        # 100 × 10 of Moutai; 1000 × 1 of the bank, less 5 + 20.5 + 0.41 yuan in commission, duty and transfer
        fee = Decimal("10.25") + Decimal("20.50") + Decimal("0.41")
        assert today.title.startswith(f"📅 今天盈亏 +{2000 - fee:,.2f} 元")
        assert (await house.say("今天哪只赚得最多")).title == "贵州茅台(600519) 今天赚得最多：+1,000.00 元"
        assert "没有招商银行(600036)的持仓" in (await house.say("招行成本多少")).text
        sold = await house.say("招行卖出赚了多少")
        assert sold.title == "💵 招商银行(600036) 已实现盈亏未知"


async def test_the_curve_is_written_after_every_close_and_survives_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as house:
        await play(house)
        await house.kill()
        house.market.down = True  # so that only what was written down is known
        shown = await house.say("资产曲线")
        assert shown.title == "📈 11-16 至 11-17 增减 +2,153.41 元（+0.18%）"
        house.market.down = False
        await house.tick(MOUTAI, "1430")
        shown = await house.say("资产曲线")
        assert [row[2] for row in shown.table] == ["", "11-18", "11-17", "11-16"]
        assert shown.table[1][:2] == ("1,190,285.01", "+5,954")
        wife = await house.say("老婆账户的资产曲线")
        assert "老婆账户·模拟" in wife.text
        assert wife.table[-1][2] == "11-16"


async def test_what_some_days_brought_is_what_the_account_did_in_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as house:
        await play(house)
        yesterday = await house.say("昨天赚了多少")
        assert yesterday.title == "📈 11-17 期间盈亏 +2,153.41 元（+0.18%）"
        assert yesterday.text.startswith("从 11-16 收盘算起，转入转出不算\n其中已实现盈亏 +1,234.61 元")
        assert yesterday.text.endswith("模拟账户·模拟，截至 11-17 14:59:33")
        week = await house.say("这周赚了多少")
        assert week.title == "📈 11-16 至 11-18 期间盈亏 +8,107.21 元（+0.69%）"
        assert week.text.startswith("更早没有资产记录，只能从 11-16 收盘算起")
        sold = await house.say("这周卖股票赚了多少")
        assert sold.title == "💵 11-16 至 11-18 已实现盈亏 +3,155.57 元"
        before = await house.say("上周赚了多少")
        assert "没有卖出" in before.title
        assert before.text.startswith("没有当时的资产记录，只知道卖出的盈亏")


async def test_a_day_without_a_record_is_said(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at="2026-11-16 14:58", positions=HELD) as house:
        for day in (16, 18):
            house.clock.set(market_instant(f"2026-11-{day} 14:58"))
            await quoted(house)
            await house.pass_time(f"2026-11-{day} 15:06")
        assert "⚠️ 缺 1 天的记录（11-17）" in (await house.say("资产曲线")).text


async def test_a_close_without_prices_is_noted_as_not_known_and_made_good_in_the_evening(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at="2026-11-16 14:30", positions=HELD) as house:
        await quoted(house)
        house.market.down = True
        await house.pass_time("2026-11-16 15:06")
        [noted] = await house.app.house.store.worths("paper")
        assert noted.total is None
        assert noted.note == "2 只持仓没有收盘价"
        house.market.down = False
        house.market.set(MOUTAI, "1440")
        house.market.set(CMB, "42")
        await house.pass_time("2026-11-16 20:01")
        [noted] = await house.app.house.store.worths("paper")
        assert noted.total == 1_000_000 + 144_000 + 42_000
        house.market.set(MOUTAI, "1000")
        await house.app.house.bookkeeper.note()
        assert await house.app.house.store.worths("paper") == [noted], "noted once"


async def test_nothing_is_noted_on_a_day_off(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at="2026-11-21 15:06", positions=HELD) as house:
        await house.app.house.bookkeeper.note()
        assert await house.app.house.store.worths("paper") == []


async def test_the_other_account_is_a_tap_away(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD, wife={CMB: (500, Decimal(38))}) as house:
        await quoted(house)
        await house.say("我的持仓")
        other = await house.press("看老婆账户")
        assert other.title == "💼 持仓 1 只，浮动盈亏 +1,500.00 元"
        assert "老婆账户·模拟" in other.text
        assert "老婆账户·模拟" in (await house.press("今天盈亏")).text
        assert "老婆账户·模拟" in (await house.press("账户资金")).plain()


async def test_orders_say_whose_they_are_where_there_are_several_accounts(tmp_path: Path) -> None:
    async with stage(tmp_path) as house:
        await play(house)
        assert "·老婆账户·模拟\n　买入五粮液(000858) 500 股" in (await house.say("/orders")).text
        waiting = await house.say("还有哪些单子没成交")
        assert waiting.title == "📑 没成交完的委托 1 笔"
        assert "·模拟账户·模拟\n　买入招商银行(600036) 1000 股，限价 39.00" in waiting.text


async def test_an_account_kept_by_hand_says_what_was_never_told(tmp_path: Path) -> None:
    async with Theatre(tmp_path, by_hand=True) as house:
        await quoted(house)
        await house.say("/hold 茅台 100 1380")
        assert (await house.say("总资产")).title == "💰 总资产未知"
        assert "可用资金没有登记" in (await house.say("总资产")).text
        assert (await house.say("今天赚了多少")).title == "📅 今天盈亏 +1,000.00 元"
        assert (await house.say("几成仓")).title == "📊 仓位未知"
        await house.say("/cash 50000")
        assert (await house.say("总资产")).title == "💰 总资产 193,000.00 元"


async def test_on_a_saturday_the_day_is_friday(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at="2026-11-20 14:59", positions=HELD) as house:
        await quoted(house)
        await house.pass_time("2026-11-21 11:00")
        assert (await house.say("今天赚了多少")).title.startswith("📅 11-20 当日盈亏 +2,000.00 元")


@pytest.mark.parametrize("line", ["/trades", "/trades 茅台", "/curve", "/trades @paper", "成交记录"])
async def test_what_has_been_can_be_asked_for_by_command(tmp_path: Path, line: str) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        await quoted(house)
        shown = await house.say(line)
        assert shown.title[:1] in "🧾📈"
        assert "模拟账户·模拟" in shown.text


async def test_the_most_in_percent_is_another_one_than_the_most_in_yuan(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        await quoted(house)
        assert (await house.say("哪只赚得最多")).title == "贵州茅台(600519) 赚得最多：+3,000.00 元（+2.14%）"
        best = await house.say("持仓里哪只涨得最多")
        assert best.title == "招商银行(600036) 按比例赚得最多：+2.50%（+1,000.00 元）"
        today = await house.say("今天持仓里哪只涨得最多")
        assert today.title == "招商银行(600036) 今天涨得最多：+2.50%（今天盈亏 +1,000.00 元）"
        worst = await house.say("今天持仓里哪只跌得最多")
        assert worst.title == "今天没有在跌的；贵州茅台(600519) 今天涨得最少：+0.70%（今天盈亏 +1,000.00 元）"


async def test_all_accounts_are_answered_one_by_one(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD, wife={CMB: (500, Decimal(38))}) as house:
        await quoted(house)
        await house.say("所有账户的总资产")
        titles = [message.title for message in house.channel.shown[-2:]]
        assert titles == ["💰 总资产 1,184,000.00 元", "💰 总资产 220,500.00 元"]


async def test_an_unknown_account_is_named_with_those_there_are(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions=HELD) as house:
        assert "没有账户“wife”。现有账户：模拟账户。" in (await house.say("老婆账户的持仓")).text
