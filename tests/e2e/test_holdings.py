"""A watch on the holdings is about what the account holds now: bought, it is watched; sold, it is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from core.types import Symbol
from core.watches import Watch
from tests.e2e.theatre import Theatre

MOUTAI = Symbol("600519.SH")
CMB = Symbol("600036.SH")


async def quoted(stage: Theatre, moutai: str = "1430", cmb: str = "41") -> None:
    await stage.tick(MOUTAI, moutai, preclose=Decimal(1430), bid=Decimal(moutai), ask=Decimal(moutai))
    await stage.tick(CMB, cmb, preclose=Decimal(41), bid=Decimal(cmb), ask=Decimal(cmb))


async def traded(stage: Theatre, text: str) -> None:
    await stage.say(text)
    await stage.press("确认")
    await quoted(stage)


def watched(stage: Theatre) -> Watch:
    [watch] = stage.app.house.watchlist.of("owner")
    return watch


async def test_what_is_bought_is_watched_and_what_is_sold_is_not(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={CMB: (1000, Decimal(40))}) as stage:
        await quoted(stage)
        assert "持仓（现在 1 只" in (await stage.say("所有持仓跌5%提醒我")).text
        await traded(stage, "买100股茅台 价格1430")
        assert watched(stage).symbols == (CMB, MOUTAI)
        await quoted(stage, moutai="1350")
        assert len(stage.seen("🔔 贵州茅台(600519) 1350.00")) == 1
        await stage.kill()
        assert watched(stage).symbols == (CMB, MOUTAI)
        await traded(stage, "卖1000股招行 价格41")
        assert watched(stage).symbols == (MOUTAI,)
        assert "持仓（现在 1 只：贵州茅台" in (await stage.say("列表")).text


async def test_with_nothing_left_the_watch_stays_says_so_and_goes_on_with_the_next_purchase(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={CMB: (1000, Decimal(40))}) as stage:
        await quoted(stage)
        await stage.say("所有持仓跌5%提醒我")
        await traded(stage, "卖1000股招行 价格41")
        [said] = stage.seen("现在没有持仓")
        assert "招商银行(600036)已经不在持仓里" in said.text
        assert watched(stage).symbols == ()
        await stage.kill()
        assert "持仓（现在没有持仓）" in (await stage.say("列表")).text
        assert "没有在判断：现在没有持仓" in (await stage.say("/why 1")).text
        assert "已暂停" in (await stage.say("暂停1")).title
        await stage.say("恢复1")
        assert "symbols: []" in (await stage.say("/export")).text
        await traded(stage, "买100股茅台 价格1430")
        assert watched(stage).symbols == (MOUTAI,)
        await quoted(stage, moutai="1350")
        assert len(stage.seen("🔔 贵州茅台(600519) 1350.00")) == 1


async def test_what_happened_while_the_program_was_off_is_caught_up_with(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={CMB: (1000, Decimal(40))}) as stage:
        await quoted(stage)
        await stage.say("所有持仓跌5%提醒我")
        watch = watched(stage)
        await stage.app.house.watchlist.follow(watch, (CMB, MOUTAI))
        await stage.kill()
        await quoted(stage)
        assert watched(stage).symbols == (CMB,)


async def test_a_share_that_holds_already_when_it_is_bought_says_so(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={CMB: (1000, Decimal(40))}) as stage:
        await quoted(stage, moutai="1350")
        await stage.say("所有持仓跌5%提醒我")
        await stage.say("买100股茅台 价格1350")
        await stage.press("确认")
        await quoted(stage, moutai="1350")
        assert len(stage.seen("已经满足条件")) == 1
