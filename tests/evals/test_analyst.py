"""The score of the built-in rules over a year of real days, reckoned a second time without a line of core/score.py."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

import pytest

from adapters.models import scripted
from core.advice import prompt, read
from core.analysis import Decision, Occasion
from core.calendar import trading_date
from core.packing import pack
from core.tally import Group, Rate
from tests.evals.analyst import FOLDER, SESSIONS, Year, load, replay, year
from tests.shared import needs_shared

pytestmark = needs_shared

BANDS: Final = {1: "1.00", 3: "1.73", 5: "2.24", 10: "3.16"}
ACTIONS: Final = ("buy", "sell", "hold", "wait")


class Row(NamedTuple):
    """What a second reckoning makes of one advice."""

    symbol: str
    action: str
    confidence: int
    horizon: int
    standing: str
    why: str
    percent: Decimal | None
    highest: Decimal | None
    lowest: Decimal | None
    touched: str | None


@pytest.fixture(scope="module")
def played() -> Year:
    return year(load())


@pytest.fixture(scope="module")
def rows(played: Year) -> dict[tuple[str, int], Row]:
    """By analysis and horizon, from the files alone: days are lines, and a horizon is so many lines further down."""
    files: dict[str, list[list[str]]] = {}
    for path in sorted(FOLDER.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            _, *lines = csv.reader(file)
        files[path.stem] = lines
    found = {}
    for one in played.analyses:
        symbol, day = one.id.split()
        place = next(number for number, line in enumerate(files[symbol]) if line[1] == day)
        assert one.decision is not None
        for horizon in BANDS:
            found[one.id, horizon] = again(symbol, files[symbol], place, horizon, one.decision)
    return found


def again(symbol: str, lines: list[list[str]], place: int, horizon: int, said: Decision) -> Row:
    action = said.action.value
    before, first, *_ = lines[place : place + 2]
    start, last = Decimal(first[2]), Decimal(lines[place + 1 + horizon][5])
    up = (Decimal(before[5]) * Decimal("1.1")).quantize(Decimal("0.01"), ROUND_HALF_UP)
    down = (Decimal(before[5]) * Decimal("0.9")).quantize(Decimal("0.01"), ROUND_HALF_UP)
    why = ""
    if action == "buy" and Decimal(first[4]) >= up - Decimal("0.02"):
        why = "一字涨停，买不到"
    if action == "sell" and Decimal(first[3]) <= down + Decimal("0.02"):
        why = "一字跌停，卖不出"
    if why:
        return Row(symbol, action, said.confidence, horizon, "unable", why, None, None, None, None)
    percent = moved(start, last)
    band = Decimal(BANDS[horizon])
    if action == "buy":
        standing = "hit" if percent > band else "miss" if percent < -band else "neutral"
    elif action == "sell":
        standing = "hit" if percent < -band else "miss" if percent > band else "neutral"
    elif action == "hold":
        standing = "miss" if percent < -band else "hit"
    else:
        standing = "miss" if percent > band else "hit"
    highest, lowest, touched = start, start, None
    for number, line in enumerate(lines[place + 1 : place + 2 + horizon]):
        high, low = Decimal(line[3]), Decimal(line[4])
        highest, lowest = max(highest, high), min(lowest, low)
        if touched is None and (action == "hold" or (action == "buy" and number > 0)):
            above = said.take_profit is not None and high >= said.take_profit
            below = said.stop_loss is not None and low <= said.stop_loss
            touched = "same_day" if above and below else "target" if above else "stop" if below else None
    return Row(
        symbol,
        action,
        said.confidence,
        horizon,
        standing,
        "",
        percent,
        moved(start, highest),
        moved(start, lowest),
        touched,
    )


def moved(start: Decimal, end: Decimal) -> Decimal:
    return rounded((end - start) * 100 / start)


def rounded(number: Decimal, places: str = "0.01") -> Decimal:
    return number.quantize(Decimal(places), ROUND_HALF_UP)


# -- one by one


def test_every_outcome_is_reckoned_again(played: Year, rows: dict[tuple[str, int], Row]) -> None:
    assert len(played.outcomes) == len(rows) == 17 * SESSIONS * 4
    for one in played.outcomes:
        row = rows[one.analysis_id, one.horizon]
        touched = one.touched.value if one.touched is not None else None
        found = (one.standing.value, one.why, one.percent, one.highest, one.lowest, touched)
        assert found == (row.standing, row.why, row.percent, row.highest, row.lowest, row.touched), one


# -- the table


def counted(rows: Sequence[Row], pool: Sequence[Row]) -> tuple[int, int, int, float]:
    """Hits, misses, neither, and the hits of chance: each action as often right as it would be on every day."""
    chance = {}
    for action in ACTIONS:
        right = wrong = 0
        for row in pool:
            assert row.percent is not None
            band = Decimal(BANDS[row.horizon])
            rises, falls = row.percent > band, row.percent < -band
            right += {"buy": rises, "sell": falls, "hold": not falls, "wait": not rises}[action]
            wrong += {"buy": falls, "sell": rises, "hold": falls, "wait": rises}[action]
        chance[action] = right / (right + wrong)
    hits = sum(row.standing == "hit" for row in rows)
    misses = sum(row.standing == "miss" for row in rows)
    neutral = sum(row.standing == "neutral" for row in rows)
    return hits, misses, neutral, sum(chance[row.action] for row in rows if row.standing in ("hit", "miss"))


def same(rate: Rate, rows: Sequence[Row], pool: Sequence[Row]) -> None:
    """A rate is what the second reckoning says, with its interval and with what chance would hit."""
    hits, misses, neutral, expected = counted(rows, pool)
    assert (rate.hits, rate.misses, rate.neutral) == (hits, misses, neutral)
    assert float(rate.expected) == pytest.approx(expected)
    decided = hits + misses
    if decided < 30:
        assert rate.percent is None
        return
    part = hits / decided
    assert float(rate.percent or -1) == pytest.approx(100 * part, abs=0.051)
    assert float(rate.chance or -1) == pytest.approx(100 * expected / decided, abs=0.051)
    # The ends of Wilson's interval are where the rate lies 1.96 standard errors away.
    for end in rate.interval or ():
        share = float(end) / 100
        assert abs(part - share) / math.sqrt(share * (1 - share) / decided) == pytest.approx(1.96, abs=0.08)


def both(group: Group, rows: Sequence[Row], pool: Sequence[Row]) -> None:
    same(group.trades, [row for row in rows if row.action in ("buy", "sell")], pool)
    same(group.stays, [row for row in rows if row.action in ("hold", "wait")], pool)
    moves = [row.percent for row in rows if row.percent is not None]
    assert group.scored == len(moves)
    assert group.percent == rounded(sum(moves, Decimal(0)) / len(moves))


def test_the_whole_table_is_reckoned_again(played: Year, rows: dict[tuple[str, int], Row]) -> None:
    found = played.tally
    assert (found.made, found.advices, found.pending, found.dropped) == (17 * SESSIONS, 17 * SESSIONS, 0, 0)
    for group in found.horizons:
        pool = [row for row in rows.values() if row.horizon == int(group.name) and row.percent is not None]
        both(group, pool, pool)
    own = [row for row in rows.values() if row.horizon == 5 and row.percent is not None]
    both(found.whole, own, own)
    by_share, by_action = defaultdict(list), defaultdict(list)
    for row in own:
        by_share[row.symbol].append(row)
        by_action[row.action].append(row)
    assert {group.name for group in found.shares} == set(by_share)
    assert {group.name for group in found.actions} == set(by_action)
    for group in found.shares:
        both(group, by_share[group.name], own)
    for group in found.actions:
        both(group, by_action[group.name], own)


def test_confidence_is_reckoned_again(played: Year, rows: dict[tuple[str, int], Row]) -> None:
    decided = [
        row
        for row in rows.values()
        if row.horizon == 5 and row.action in ("buy", "sell") and row.standing in ("hit", "miss")
    ]
    off = sum((row.confidence / 100 - (row.standing == "hit")) ** 2 for row in decided) / len(decided)
    assert float(played.tally.brier or -1) == pytest.approx(off, abs=0.00051)
    assert sum(bucket.rate.decided for bucket in played.tally.calibration) == len(decided)
    for bucket in played.tally.calibration:
        alike = [row for row in decided if bucket.low <= row.confidence <= bucket.high]
        assert bucket.rate.hits == sum(row.standing == "hit" for row in alike)
        assert bucket.rate.decided == len(alike)
        assert float(bucket.said) == pytest.approx(sum(row.confidence for row in alike) / len(alike), abs=0.051)


def test_always_holding_is_reckoned_again(played: Year, rows: dict[tuple[str, int], Row]) -> None:
    moves = [(row.action, row.percent) for row in rows.values() if row.horizon == 5 and row.percent is not None]
    inside = sum((percent for action, percent in moves if action in ("buy", "hold")), Decimal(0))
    held = sum((percent for _, percent in moves), Decimal(0))
    expected = (rounded(inside / len(moves)), rounded(held / len(moves)), len(moves))
    assert played.tally.followed == expected


# -- how it was played


def test_what_comes_later_changes_nothing_that_was_said() -> None:
    shares = dict(list(load().items())[:3])
    first, cut, last = 300, 360, 380
    altered = {
        symbol: [
            *bars[: cut + 1],
            *(
                replace(bar, open=bar.open * 2, high=bar.high * 3, low=bar.low / 2, close=bar.close * 2, volume=1)
                for bar in bars[cut + 1 :]
            ),
        ]
        for symbol, bars in shares.items()
    }
    as_it_was, otherwise = replay(shares, first, last), replay(altered, first, last)
    said = [key for key in as_it_was if as_it_was[key].decision == otherwise[key].decision]
    assert {key for key in as_it_was if key[1] <= cut} <= set(said)
    assert any(place > cut for _, place in set(as_it_was) - set(said))


async def test_the_rules_say_the_same_when_they_are_asked_as_a_model() -> None:
    """The whole way: bars and account to a pack, the pack to a prompt, the answer held to its facts."""
    model = scripted.connect()
    shares = dict(list(load().items())[::4])
    asked = 0
    seen = set()
    for (_, place), (known, decision) in replay(shares, 227, 476).items():
        if place % 60 and (decision.action.side is None or place % 5):
            continue
        facts = pack(known)
        assert trading_date(known.now) == facts.days[-1].day
        answer = await model.complete(prompt(facts, Occasion.INTERVAL))
        said = read(answer.text, facts)
        assert said.model_copy(update={"reasons": (), "wrong_if": ""}) == decision
        asked += 1
        seen.add(decision.action.value)
    assert asked >= 20
    assert seen == set(ACTIONS)
