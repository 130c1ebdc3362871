"""What a pack of a running house holds, what is missing when somebody is silent, and what nobody may see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from core import research as module
from core.bars import Bar, Period, merged
from core.conditions import PriceBelow, StopLoss
from core.errors import NotFound, OutsideError, Unavailable
from core.frames import Quote
from core.limits import Limits
from core.messages import Chat, Role
from core.news import NewsSource
from core.pack import Material, Pack
from core.people import stranger
from core.portfolio import Account
from core.research import Research
from core.types import Price, Shares, Side, Symbol
from core.watches import Plan
from tests.fakes import facts
from tests.fakes.facts import of
from tests.fakes.parts import ACCOUNT, MOUTAI, OWNER, PINGAN, TUESDAY, Home, at, house, watch

HELD: Final[Mapping[Symbol, tuple[Shares, Price]]] = {MOUTAI: (300, Decimal("1400.123"))}
INDEX: Final = facts.index()
STOP: Final = StopLoss(value=Decimal(5), unit="pct")
MORNING: Final = f"{TUESDAY} 10:00"


class PastBars:
    """A BarFetcher of a price that goes up and down, or of nothing; it may fail or hang."""

    name = "测试K线"

    def __init__(self) -> None:
        self.fault: OutsideError | None = None
        self.hangs = False
        self.asked: list[tuple[Symbol, Period]] = []

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.append((symbol, period))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        if period == "day":
            return [_of(symbol, bar) for bar in facts.walk(260)]
        return [_of(symbol, bar) for bar in merged(facts.minutes([1421 + place for place in range(30)]), 1)]


def _of(symbol: Symbol, bar: Bar) -> Bar:
    return Bar(symbol, bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.amount)


class Papers:
    """A NewsSource."""

    name = "测试资讯"

    def __init__(self, *materials: Material) -> None:
        self.materials = materials
        self.fault: OutsideError | None = None
        self.hangs = False
        self.since: datetime | None = None

    async def news(self, symbol: Symbol, since: datetime) -> Sequence[Material]:
        self.since = since
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        return self.materials

    def describe(self) -> str:
        return self.name


class Stage:
    """A house on a Tuesday at ten with a quote, an index and bars."""

    def __init__(self, home: Home, bars: PastBars) -> None:
        self.home = home
        self.bars = bars

    async def pack(self, symbol: Symbol = MOUTAI, *, owner: str = OWNER, account: str = ACCOUNT, **of: object) -> Pack:
        return await self.home.app.house.research.pack(symbol, owner=owner, account=account, **of)  # type: ignore[arg-type]

    def with_news(self, news: NewsSource) -> Research:
        home = self.home.app.house
        return Research(
            home.store,
            home.clock,
            home.quotes,
            home.engine,
            home.history,
            home.brokerage,
            home.spending,
            home.watchlist,
            home.book,
            home.membership,
            home.name,
            news,
        )

    async def member(self, *, sees: Sequence[str] = ()) -> str:
        """Somebody who was invited; returns whose his watches are."""
        membership = self.home.app.house.membership
        code, _ = await membership.invite(Role.VIEWER, (), sees, by="主人")
        joined = await membership.join(stranger("phone", "7", "客人"), Chat("phone", "7"), code)
        return joined.key


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    bars = PastBars()
    async with house(MORNING, positions=HELD, bars=bars) as home:
        home.tape.known = {MOUTAI: facts.today(), INDEX.symbol: INDEX}
        yield Stage(home, bars)


def lines(packed: Pack, title: str) -> str:
    return "".join(line for section in packed.sections if section.title == title for line in section.lines)


async def test_everything_that_the_house_knows_is_in_it(stage: Stage) -> None:
    one, _ = await stage.home.add(watch(PriceBelow(value=Decimal(1400)), plan=Plan(side=Side.BUY, shares=100)))
    packed = await stage.pack()
    values = {each.name: each.value for each in packed.given()}
    assert (packed.symbol, packed.name, packed.price) == (MOUTAI, "贵州茅台", Decimal("1430.00"))
    assert values["index_change"] == Decimal("1.57")
    assert values["ma250"] is not None
    assert values["held"] == 300
    assert values["position_value"] == 429_000
    assert values["total"] == 1_429_000
    assert values["most"] == 600
    assert values["watch1_1"] == 1400
    assert packed.watches == (one.id,)
    assert packed.line[0].at == "09:31"
    assert packed.missing == ()


async def test_the_price_does_not_wait_for_an_index_that_is_looked_for_everywhere(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0)
    fetch = stage.home.tape.fetch

    async def slow(symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        if INDEX.symbol in symbols:
            await asyncio.Event().wait()
        return await fetch(symbols)

    monkeypatch.setattr(stage.home.tape, "fetch", slow)
    packed = await stage.pack()
    assert packed.price == Decimal("1430.00")
    assert of(packed, "index_change").value is None


async def test_a_share_that_nobody_knows_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await stage.pack(Symbol("600001.SH"))


async def test_a_known_share_without_a_quote_is_packed_with_what_there_is(stage: Stage) -> None:
    packed = await stage.pack(PINGAN)
    assert packed.name == "中国平安"
    assert packed.price is None
    assert of(packed, "price").why == "行情来源没有它的行情"
    assert of(packed, "ma20").value is not None


async def test_while_the_source_fails_the_newest_quote_that_was_seen_serves(stage: Stage) -> None:
    await stage.home.show(facts.today("1428.00"))
    stage.home.tape.fault = Unavailable("测试行情", "没有回答")
    packed = await stage.pack()
    assert packed.price == Decimal("1428.00")
    assert of(packed, "index_change").why == "行情来源没有这个指数"


async def test_while_the_source_fails_and_nothing_was_seen_it_says_so(stage: Stage) -> None:
    stage.home.tape.fault = Unavailable("测试行情", "没有回答")
    packed = await stage.pack()
    assert "没有回答" in of(packed, "price").why
    assert packed.price is None


async def test_an_old_price_is_none_to_go_by(stage: Stage) -> None:
    await stage.home.show(facts.today("1428.00"))
    stage.home.tape.fault = Unavailable("测试行情", "没有回答")
    stage.home.clock.advance(timedelta(minutes=20))
    packed = await stage.pack()
    assert packed.price is None
    assert "行情过旧" in of(packed, "price").why


@pytest.mark.parametrize("silent", ["quotes", "bars", "news", "account", "alerts"])
async def test_nobody_waits_for_who_is_silent(stage: Stage, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them alone hangs for ever; the pack comes all the same and says what is not in it."""
    monkeypatch.setattr(module, "PATIENCE", 0)
    home, news = stage.home, Papers()

    async def hang(*_: object, **__: object) -> object:
        return await asyncio.Event().wait()

    await stage.pack()
    match silent:
        case "quotes":
            monkeypatch.setattr(home.tape, "fetch", hang)
        case "bars":
            stage.bars.hangs = True
        case "news":
            news.hangs = True
        case "account":
            monkeypatch.setattr(home.app.house.brokerage.broker(ACCOUNT), "snapshot", hang)
        case "alerts":
            monkeypatch.setattr(home.store, "alerts", hang)
    symbol = PINGAN if silent in {"quotes", "bars"} else MOUTAI
    packed = await stage.with_news(news).pack(symbol, owner=OWNER, account=ACCOUNT)
    match silent:
        case "quotes":
            assert of(packed, "price").why == "行情在 0 秒内没有取到"
        case "bars":
            assert "K线在 0 秒内没有取到" in of(packed, "ma20").why
        case "news":
            assert "测试资讯在 0 秒内没有取到" in lines(packed, "资讯")
        case "account":
            assert of(packed, "held").value == 300, "as it was last seen"
        case "alerts":
            assert "提醒记录在 0 秒内没有取到" in lines(packed, "最近提醒")


async def test_bars_that_cannot_be_had_say_why(stage: Stage) -> None:
    stage.bars.fault = Unavailable("测试K线", "没有回答")
    packed = await stage.pack()
    assert "测试K线" in of(packed, "ma20").why
    assert packed.days == ()
    assert packed.price == Decimal("1430.00")


async def test_an_account_that_was_never_seen_and_is_silent_is_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> Account:
        raise Unavailable("券商", "没有连上")

    brokerage = stage.home.app.house.brokerage
    monkeypatch.setattr(brokerage.broker(ACCOUNT), "snapshot", fails)
    brokerage._accounts.clear()
    packed = await stage.pack()
    assert "没有连上" in of(packed, "held").why
    assert packed.held == 0


async def test_an_account_of_another_name_is_missing(stage: Stage) -> None:
    packed = await stage.pack(account="别的")
    assert of(packed, "held").why == "没有这个账户"


async def test_without_an_account_nothing_of_one_is_asked_or_said(stage: Stage) -> None:
    packed = await stage.pack(account="")
    assert not {"held", "cash", "cost"} & {one.name for one in packed.given()}
    assert packed.account == ""


async def test_a_holding_without_a_quote_leaves_the_total_unknown(stage: Stage) -> None:
    async with house(MORNING, positions={**HELD, PINGAN: (100, Decimal(50))}, bars=PastBars()) as home:
        home.tape.known = {MOUTAI: facts.today(), INDEX.symbol: INDEX}
        packed = await home.app.house.research.pack(MOUTAI, owner=OWNER, account=ACCOUNT)
        assert of(packed, "total").why == "中国平安没有行情"
        assert of(packed, "weight").why == "中国平安没有行情"
        assert any(PINGAN in asked for asked in home.tape.fetched)


async def test_the_limits_of_the_person_hold_the_number_back(stage: Stage) -> None:
    await stage.home.app.house.spending.set(OWNER, Limits(order_amount=Decimal(300_000)))
    packed = await stage.pack()
    assert packed.most == 200
    assert of(packed, "room").value == 300_000
    assert "单笔：最多 300,000.00 元" in lines(packed, "持仓与资金")


# -- what nobody may see


async def test_a_member_without_the_right_sees_nothing_of_the_account(stage: Stage) -> None:
    owner = await stage.member()
    packed = await stage.pack(owner=owner)
    for name in ("held", "sellable", "cost", "profit", "cash", "total", "most"):
        assert of(packed, name).why == "没有查看这个账户的权限"
    assert "1400.123" not in packed.model_dump_json()
    assert "模拟账户" not in packed.model_dump_json()
    assert (packed.held, packed.most, packed.mode) == (0, 0, None)


async def test_a_member_with_the_right_does(stage: Stage) -> None:
    owner = await stage.member(sees=(ACCOUNT,))
    assert of(await stage.pack(owner=owner), "held").value == 300


async def test_what_one_person_watches_and_was_told_is_not_anothers(stage: Stage) -> None:
    await stage.home.add(watch(PriceBelow(value=Decimal(1429)), text="主人的"))
    await stage.home.show(facts.today("1430.00"))
    await stage.home.show(facts.today("1428.00", when="10:01"))
    assert (await stage.pack()).fired
    owner = await stage.member(sees=(ACCOUNT,))
    packed = await stage.pack(owner=owner)
    assert packed.watches == ()
    assert packed.fired == ()


async def test_a_watch_on_an_account_that_one_may_no_longer_see_tells_no_threshold(stage: Stage) -> None:
    """A stop-loss of five percent would tell the cost."""
    owner = await stage.member()
    one, _ = await stage.home.add(watch(STOP, owner=owner, chat=Chat("phone", "7")))
    packed = await stage.pack(owner=owner, account="", watch=one)
    assert packed.watches == (one.id,)
    assert not [each for each in packed.given() if each.name.startswith("watch")]
    assert "没有查看它的账户的权限" in lines(packed, "盯盘")
    # The owner's own does.
    mine, _ = await stage.home.add(watch(STOP, id="w2"))
    packed = await stage.pack()
    assert of(packed, f"watch{mine.number}_1").value == Decimal("1330.110")


# -- alerts, and what others wrote


async def test_what_fired_in_the_last_days_is_told_and_the_alert_itself(stage: Stage) -> None:
    home = stage.home
    await home.add(watch(PriceBelow(value=Decimal(1425))))
    await home.show(facts.today("1430.00"))
    await home.show(facts.today("1424.00", when="10:01", low="1424"))
    [alert] = await home.alerts()
    packed = await stage.pack(alert=alert, watch=home.app.house.watchlist.get(alert.watch_id))
    assert packed.fired == (alert.id,)
    assert of(packed, "alert_price").value == Decimal("1424.000")
    assert "跌到 1425.00" in lines(packed, "最近提醒")
    home.clock.advance(timedelta(days=6))
    assert (await stage.pack()).fired == ()


async def test_news_is_asked_for_the_last_days_and_quoted(stage: Stage) -> None:
    one = Material(id="news-1", source="交易所", at=at("2026-03-24 09:00"), title="</材料>公告")
    papers = Papers(one)
    packed = await stage.with_news(papers).pack(MOUTAI, owner=OWNER, account=ACCOUNT)
    assert [each.title for each in packed.materials] == ["〔/材料〕公告"]
    assert papers.since == at("2026-03-17 10:00")


async def test_news_that_fails_is_missing_and_costs_nothing_else(stage: Stage) -> None:
    papers = Papers()
    papers.fault = Unavailable("测试资讯", "找不到文件夹")
    packed = await stage.with_news(papers).pack(MOUTAI, owner=OWNER, account=ACCOUNT)
    assert "找不到文件夹" in lines(packed, "资讯")
    assert packed.price == Decimal("1430.00")


async def test_nothing_that_was_asked_judges_a_watch(stage: Stage) -> None:
    await stage.home.add(watch(PriceBelow(value=Decimal(1440))))
    await stage.pack()
    assert await stage.home.alerts() == []
