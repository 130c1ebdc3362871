"""Whatever a model answers, what is believed of it lies within all bounds."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from hypothesis import given as supposed
from hypothesis import settings, strategies

from core.advice import LEVELS, read
from core.analysis import HORIZONS, Action, Decision
from core.completions import Unfounded
from core.pack import Pack
from tests.fakes.packs import FIGURES, POSITION, pack
from tests.unit.test_advice import BUY, HELD, HOLD, NINE, SELL, WAIT, written

MUTANTS: Final = 6000


# --- what is believed lies within all bounds


def out_of_bounds(decision: Decision, facts: Pack) -> str:
    """What of a decision should never have been believed; worked out here, by nothing that judges it."""
    price, lower, upper = facts.price, facts.lower, facts.upper
    assert price is not None
    assert lower is not None
    assert upper is not None
    levels = [one for one in (decision.entry, decision.take_profit, decision.stop_loss) if one is not None]
    problems = {
        "tick": any(level <= 0 or level * 100 != int(level * 100) for level in levels),
        "limits": decision.entry is not None and not lower <= decision.entry <= upper,
        "entry far": decision.entry is not None and abs(decision.entry / price - 1) > Decimal("0.1"),
        "level far": any(abs(level / (decision.entry or price) - 1) > Decimal("0.31") for level in levels),
        "horizon": decision.horizon not in HORIZONS,
        "confidence": not 0 <= decision.confidence <= 100,
        "reasons": not 1 <= len(decision.reasons) <= 5,
        "stands on nothing": not all(reason.facts and reason.text.strip() for reason in decision.reasons),
        "unknown": any(facts.value(name) is None for reason in decision.reasons for name in reason.facts),
        "unfilled": any("{" in text or "}" in text for text in texts(decision)),
        "blank": not all(text.strip() for text in texts(decision)),
        "not mine": decision.action in {Action.SELL, Action.HOLD} and facts.held == 0,
        "mine": decision.action is Action.WAIT and facts.held > 0,
        "idle": decision.action in {Action.WAIT, Action.HOLD} and (decision.shares, decision.entry) != (None, None),
        "order": decision.action in {Action.BUY, Action.SELL} and (decision.shares or 0) <= 0 and bool(facts.account),
        "too much": decision.action is Action.BUY and (decision.shares or 0) > facts.most,
        "odd": decision.action is Action.BUY and (decision.shares or 0) % 100 != 0,
        "T+1": decision.action is Action.SELL and (decision.shares or 0) > facts.sellable,
        "upside down": decision.action is Action.BUY
        and not (decision.stop_loss or 0) < (decision.entry or 0) < (decision.take_profit or 0),
        "no account": decision.shares is not None and not facts.account,
    }
    return "、".join(name for name, wrong in problems.items() if wrong)


def texts(decision: Decision) -> list[str]:
    return [*(reason.text for reason in decision.reasons), decision.wrong_if]


NUMBERS: Final[tuple[Any, ...]] = (
    *(36, 9, 9.0, 9.01, 8.9, 8.91, 9.79, 9.8, 8.01, 8.0, 11.7, 11.71, 6.3, 6.29, 10.5, 8.6, 9.005, 0, -1, -9.0),
    *(1, 3, 5, 7, 10, 50, 99, 100, 101, 150, 200, 600, 601, 700, 1000, 1100, 5000, 5100, 100_000, 2**40, 1e-9),
    *(None, True, "9.00", "现价", [], {}),
)
SLOTS: Final = (*FIGURES, *POSITION, *LEVELS, "roe", "n1", "")
WORDS: Final = (
    "现价",
    "20日均线",
    "止损价",
    "昨收",
    "跌了",
    "涨了",
    "成本价",
    "36元",
    "三成",
    "翻倍",
    "茅台",
    "，",
    "。",
    "",
)
PLACES: Final = (
    "code",
    "name",
    "price",
    "action",
    "confidence",
    "entry",
    "take_profit",
    "stop_loss",
    "size",
    "horizon",
)


def mutate(answer: dict[str, Any], chance: random.Random) -> tuple[str, dict[str, Any]]:
    """An answer with one thing changed, and what kind of thing."""
    found: dict[str, Any] = copy.deepcopy(answer)
    kind = chance.choice(("number", "number", "field", "slot", "word", "fact", "action"))
    reason = chance.choice(found["reasons"])
    match kind:
        case "number":
            found[chance.choice(PLACES)] = chance.choice(NUMBERS)
        case "field":
            name = chance.choice([*found])
            if chance.random() < 0.5:
                del found[name]
            else:
                found[name] = chance.choice(("600519.SH", "贵州茅台", "", None, [], -1))
        case "slot":
            slot = chance.choice(SLOTS)
            before, brace, after = reason["text"].partition("{{")
            reason["text"] = f"{before}{brace}{slot}}}}}{after.partition('}}')[2]}"
            if chance.random() < 0.5:
                reason["facts"] = [*reason["facts"], slot]
        case "word":
            place = chance.randrange(len(reason["text"]) + 1)
            reason["text"] = reason["text"][:place] + chance.choice(WORDS) + reason["text"][place:]
        case "fact":
            reason["facts"] = chance.sample(SLOTS, chance.randrange(4))
        case "action":
            found["action"] = chance.choice(("buy", "sell", "hold", "wait"))
    return kind, found


def test_of_a_thousand_changed_answers_what_survives_lies_within_all_bounds() -> None:
    chance = random.Random(20261130)
    alone = pack(account="", most=0)
    sound = ((BUY, NINE), (WAIT, NINE), (HOLD, HELD), (SELL, HELD), (BUY | {"size": None}, alone))
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for _ in range(MUTANTS):
        answer, facts = chance.choice(sound)
        kind, changed = mutate(answer, chance)
        tried[kind] += 1
        try:
            decision = read(written(changed), facts)
        except Unfounded:
            continue
        survived[kind] += 1
        wrong = out_of_bounds(decision, facts)
        assert not wrong, (wrong, changed, decision)
    print(f"{tried.total()} mutants {dict(tried)}; {survived.total()} survived {dict(survived)}")
    assert set(survived) == set(tried)  # each kind leaves something sound too, or nothing was looked at


# --- whatever is written

ANYTHING: Final = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=20)
    | strategies.sampled_from(["buy", "600396.SH", "华电辽能", "现价{{price}}。", "{{ma20}}", "9.00"]),
    lambda inside: (
        strategies.lists(inside, max_size=4) | strategies.dictionaries(strategies.text(max_size=8), inside, max_size=4)
    ),
    max_leaves=12,
)
CHANGED: Final = strategies.dictionaries(strategies.sampled_from([*BUY]), ANYTHING, min_size=1, max_size=3)
PROSE: Final = strategies.text(max_size=200) | strategies.sampled_from(
    ["买入", "```json\n```", "{", "{}", "\ud800", "null"]
)


def either_or(text: str, facts: Pack) -> None:
    """It is refused in a sentence, or sound."""
    why, decision = "", None
    try:
        decision = read(text, facts)
    except Unfounded as error:
        why = str(error)
    if decision is None:
        assert why.endswith("。")
        assert len(why) < 600
    else:
        assert not out_of_bounds(decision, facts)


@settings(max_examples=400, deadline=None)
@supposed(PROSE)
def test_prose_is_refused_and_never_breaks_anything(text: str) -> None:
    either_or(text, NINE)


@settings(max_examples=300, deadline=None)
@supposed(ANYTHING)
def test_any_json_is_refused_or_sound(value: Any) -> None:
    either_or(json.dumps(value, ensure_ascii=False), NINE)


@settings(max_examples=400, deadline=None)
@supposed(CHANGED, strategies.sampled_from([(BUY, NINE), (SELL, HELD), (HOLD, HELD), (WAIT, NINE)]))
def test_an_answer_with_anything_in_its_fields_is_refused_or_sound(
    changed: dict[str, Any], sound: tuple[dict[str, Any], Pack]
) -> None:
    answer, facts = sound
    either_or(json.dumps(answer | changed, ensure_ascii=False), facts)
