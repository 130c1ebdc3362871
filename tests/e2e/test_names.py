"""Names in the chat: shares that are renamed, listed and taken off the list, and names that are written wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.securities import Sighting
from core.types import Symbol
from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, at="2026-11-18 08:50", finds_shares=True) as one:
        yield one


async def test_a_share_that_was_renamed_is_shown_by_its_new_name_and_answers_to_the_old_one(stage: Theatre) -> None:
    stage.market.set("603108", "12", preclose="12", name="润达医疗")
    await stage.say("润达医疗跌破11提醒我")
    await stage.pass_time("2026-11-18 09:05")
    assert "润达医疗(603108)" in (await stage.say("/list")).text
    stage.market.set("603108", "12", preclose="12", name="*ST润达")
    await stage.pass_time("2026-11-19 09:05")
    assert [one.text for one in stage.seen("名字有变化")] == ["润达医疗(603108) 现在叫 *ST润达，老名字继续能用。"]
    assert "*ST润达(603108)" in (await stage.say("/list")).text
    for text in ("润达医疗多少钱", "*ST润达多少钱", "润达多少钱", "rdyl多少钱"):
        assert "*ST润达(603108)" in (await stage.say(text)).plain(), text
    await stage.kill()
    assert "*ST润达(603108)" in (await stage.say("/list")).text
    assert "*ST润达(603108)" in (await stage.say("润达医疗多少钱")).plain()


class Listed:
    """A source that has the whole list, and is away now and then."""

    name = "QMT行情"

    def __init__(self) -> None:
        self.away = False

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        if self.away:
            raise Unavailable(self.name, "连不上")
        return [*(Sighting(symbol, "") for symbol in known), Sighting(Symbol("688999.SH"), "N火星重")]


async def test_a_source_that_has_the_whole_list_is_asked_before_every_code_is(tmp_path: Path) -> None:
    roster = Listed()
    async with Theatre(tmp_path, at="2026-11-18 08:50", finds_shares=True, roster=roster) as stage:
        await stage.pass_time("2026-11-18 09:05")
        assert "标的：火星重(688999)" in (await stage.say("688999跌破20提醒我")).text
        roster.away = True
        stage.market.set("688998", "25", preclose="18", name="N水星重")
        await stage.pass_time("2026-11-19 09:05")
        assert "标的：水星重(688998)" in (await stage.say("水星重跌破20提醒我")).text


async def test_a_new_listing_is_known_by_its_name_on_its_first_day_and_after_a_restart(stage: Theatre) -> None:
    assert "没有听懂" in (await stage.say("火星重工跌破20提醒我")).text
    stage.market.set("688999", "25", preclose="18", name="N火星重")
    await stage.pass_time("2026-11-18 09:05")
    assert "标的：火星重(688999)" in (await stage.say("688999跌破20提醒我")).text
    stage.market.set("688999", "25", preclose="25", name="火星重工")
    await stage.pass_time("2026-11-19 09:05")
    made = await stage.say("火星重工涨到30提醒我")
    assert "标的：火星重工(688999)" in made.text
    await stage.kill()
    assert "火星重工(688999)" in (await stage.say("hxzg多少钱")).plain()


async def test_a_share_that_left_the_exchange_is_said_to_have_left(stage: Theatre) -> None:
    house = stage.app.house
    for symbol in house.names.shares():
        stage.market.set(symbol, "10", preclose="10", name=house.name(symbol))
    await stage.pass_time("2026-11-18 09:05")
    before = len(house.listing.shares())
    stage.market.remove("603108")
    await stage.pass_time("2026-11-19 09:05")
    assert len(house.listing.shares()) == before - 1
    assert "润达医疗(603108)从 2026-11-19 起没有行情，可能已经退市" in (await stage.say("润达医疗多少钱")).text


async def test_the_old_code_of_a_share_of_beijing_finds_it(stage: Theatre) -> None:
    stage.market.set("920799", "20", preclose="20")
    assert "艾融软件(920799)" in (await stage.say("830799多少钱")).plain()


async def test_two_are_meant_by_one_word(stage: Theatre) -> None:
    made = await stage.say("两桶油跌2%提醒我")
    assert "标的：中国石油(601857)、中国石化(600028)" in made.text


async def test_several_funds_of_one_index_are_a_choice_the_most_traded_first(stage: Theatre) -> None:
    question = await stage.say("科创50ETF涨2%提醒我")
    assert question.labels()[0] == "科创50ETF(588000)"
    made = await stage.press("科创50ETF易方达(588080)")
    assert "标的：科创50ETF易方达(588080)" in made.text


@pytest.mark.parametrize(
    ("text", "name", "then"),
    [
        ("帮我盯着宁德时带，跌破300提醒我", "宁德时代(300750)", "条件：跌到 300.00 及以下"),
        ("片仔皇涨3%告诉我一声，每天最多一次，有效期到周五", "片仔癀(600436)", "涨 3.00%"),
        ("如果赛立斯跌破100就提醒我", "赛力斯(601127)", "条件：跌到 100.00 及以下"),
        ("茅台和宁德时带跌5%提醒我", "宁德时代(300750)", "标的：贵州茅台(600519)、宁德时代(300750)"),
    ],
)
async def test_a_misspelt_name_is_asked_about_and_a_press_goes_on_with_the_sentence(
    stage: Theatre, text: str, name: str, then: str
) -> None:
    question = await stage.say(text)
    assert name in question.labels()
    assert stage.app.house.watchlist.of("owner") == ()
    assert then in (await stage.press(name)).text


async def test_an_order_with_a_misspelt_name_is_asked_about_and_then_still_a_card(stage: Theatre) -> None:
    stage.market.set("600519", "1400", preclose="1400")
    question = await stage.say("买100股贵洲茅台，价格1380")
    assert question.labels() == ("贵州茅台(600519)",)
    await stage.press("贵州茅台(600519)")
    assert list(await stage.orders()) == []


@pytest.mark.parametrize(
    "text", ["别买宁德时带", "天气怎么样", "早上好", "我想买个房子", "推荐几只股票", "没有不买宁德时带"]
)
async def test_no_name_is_read_into_what_says_something_else(stage: Theatre, text: str) -> None:
    assert all("(" not in label for label in (await stage.say(text)).labels())
