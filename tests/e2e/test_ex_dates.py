"""An ex-date in the chat: the question before anything is judged, the tap, and the second tap."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.market import market_instant

MOUTAI = Symbol("600519.SH")
NEW = Decimal("1402.05")
ASKED = "📌 除权除息：贵州茅台(600519)"


async def evening(stage: Theatre, *sentences: str) -> None:
    """A day that ends at 1430 yuan, with watches made on it, and its bars stored."""
    await stage.tick(MOUTAI, "1440", "1450", "1430")
    for text in sentences:
        await stage.say(text)
    await stage.tick(MOUTAI, "1430")
    stage.clock.set(market_instant("2026-11-17 15:00"))
    await stage.tick(MOUTAI, "1430")
    await stage.pass_time("2026-11-17 15:06")


async def morning(stage: Theatre, last: str, day: str = "2026-11-18", preclose: Decimal = NEW) -> None:
    stage.clock.set(market_instant(f"{day} 09:30"))
    stage.market.forget()
    await stage.tick(MOUTAI, last, preclose=preclose)


def theatre(folder: Path) -> Theatre:
    return Theatre(folder, at="2026-11-17 14:00")


async def test_the_question_shows_every_price_and_a_tap_moves_them_all_once(tmp_path: Path) -> None:
    async with theatre(tmp_path) as stage:
        await evening(
            stage,
            "茅台跌破1400提醒我，跌到就买100股 价格1395",
            "茅台涨到1500提醒我",
            "茅台跌5%提醒我",
        )
        await morning(stage, "1410")
        [asked] = stage.seen(ASKED)
        assert "昨收 1430.00 → 1402.05（除权后，-1.95%）" in asked.text
        assert "#1 跌到 1400.00 及以下 → 跌到 1372.64 及以下" in asked.text
        assert "限价 1395.00 → 买入 100 股，限价 1367.73" in asked.text
        assert "#2 涨到 1500.00 及以上 → 涨到 1470.68 及以上" in asked.text
        assert "#3" not in asked.text
        assert asked.labels() == ("按除权调整", "不用")
        await stage.kill()
        done = await stage.send_press(asked.buttons[0][0].command)
        assert done.title == "✅ 已按除权调整：贵州茅台(600519)"
        assert "#1 跌到 1372.64 及以下：已调整" in done.text
        await stage.kill()
        first, second, _ = stage.app.house.watchlist.of("owner")
        assert [one.condition_text() for one in (first, second)] == ["跌到 1372.64 及以下", "涨到 1470.68 及以上"]
        again = await stage.send_press(asked.buttons[0][0].command)
        assert again.title == "ℹ️ 之前已经按除权调整过了：贵州茅台(600519)"
        assert stage.app.house.watchlist.of("owner")[0] == first
        await stage.tick(MOUTAI, "1390", "1372")
        assert len(stage.seen("🔔 贵州茅台(600519) 1372.00")) == 1
        assert stage.seen("价格未调整") == []


async def test_the_question_comes_before_the_first_price_is_judged_and_its_alert_bears_a_remark(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as stage:
        await evening(stage, "茅台跌破1405提醒我，每次都提醒")
        await morning(stage, "1402")
        [alert] = stage.seen("🔔 贵州茅台(600519) 1402.00")
        titles = [message.title for message in stage.channel.shown]
        assert titles.index(ASKED) < titles.index(alert.title)
        assert "跌到 1405.00 及以下（除权日，价格未调整）" in alert.text
        done = await stage.press("不用")
        assert "#1 跌到 1405.00 及以下：价格不变" in done.text
        await stage.tick(MOUTAI, "1440")
        stage.clock.set(market_instant("2026-11-18 10:00"))
        await stage.tick(MOUTAI, "1404")
        [alert] = stage.seen("🔔 贵州茅台(600519) 1404.00")
        assert "未调整" not in alert.text


async def test_a_watch_that_was_changed_meanwhile_is_left_alone_and_one_that_is_gone_is_said_to_be(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as stage:
        await evening(stage, "茅台跌破1400提醒我", "茅台跌破1390提醒我", "茅台跌破1380提醒我")
        await morning(stage, "1410")
        await stage.say("把1改成1350")
        await stage.say("删除2")
        done = await stage.press("按除权调整")
        assert "#1 跌到 1350.00 及以下：提示以后你已经改过，没有动" in done.text
        assert "有一个任务已经删除" in done.text
        assert "#3 跌到 1353.03 及以下：已调整" in done.text


async def test_a_trailing_stop_goes_on_from_its_highest_price_on_the_new_prices(tmp_path: Path) -> None:
    async with theatre(tmp_path) as stage:
        await evening(stage, "茅台从最高点回落3%提醒我")
        await stage.tick(MOUTAI, "1430")
        await morning(stage, "1400")
        [asked] = stage.seen(ASKED)
        assert "最高价 1430.00 → 1402.05" in asked.text
        await stage.press("按除权调整")
        await stage.kill()
        await stage.tick(MOUTAI, "1380")
        assert stage.seen("🔔 贵州茅台") == []
        await stage.tick(MOUTAI, "1359")
        assert len(stage.seen("🔔 贵州茅台(600519) 1359.00")) == 1


async def test_an_ex_date_is_noticed_and_told_once_also_over_a_night_in_which_the_program_was_off(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as stage:
        await evening(stage, "茅台跌破1400提醒我")
        await stage.kill()
        await morning(stage, "1410")
        assert len(stage.seen(ASKED)) == 1
        await stage.kill()
        await stage.tick(MOUTAI, "1409")
        await stage.pass_time("2026-11-18 09:35")
        assert stage.seen(ASKED) == []


async def test_nothing_is_asked_on_an_ordinary_morning_nor_when_nobody_has_prices(tmp_path: Path) -> None:
    async with theatre(tmp_path) as stage:
        await evening(stage, "茅台跌破1400提醒我")
        await morning(stage, "1410", preclose=Decimal("1429.90"))
        assert stage.seen("除权") == []
        await stage.say("删除1")
        await stage.say("茅台跌5%提醒我")
        stage.clock.set(market_instant("2026-11-18 15:00"))
        await stage.tick(MOUTAI, "1410")
        await stage.pass_time("2026-11-18 15:06")
        await morning(stage, "1380", day="2026-11-19", preclose=Decimal(1380))
        assert stage.seen("除权") == []


async def test_a_question_that_is_too_old_says_what_to_do(tmp_path: Path) -> None:
    async with theatre(tmp_path) as stage:
        assert "记录已经不在了" in (await stage.send_press("exdate 600519.SH 20261118 yes")).text
        assert "按除权调整" in (await stage.say("/exdate")).text
