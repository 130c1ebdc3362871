"""How many sentences become the right request: ``python -m tests.evals [FILE.jsonl …] [-v]``; without a file, our own.

A line is ``{"id", "text", "context"?, "expect", "accept"?, "tags"?}`` in the words of the sentence schema. The clock
stands on a Wednesday morning in November 2026, a trading day, so that dates in the expectations are dates. A line
counts when the result equals ``expect`` or one of ``accept`` in meaning: see :func:`meaning`. A line without
``expect`` is nearly an order and is none: nothing counts but that no order is read out of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from bot.language.grammar import NO_CONTEXT, Context, read
from bot.language.names import known

SENTENCES: Final = Path(__file__).with_name("sentences.jsonl")
WAYS: Final = Path(__file__).with_name("ways.jsonl")
"""Many ways of speaking: tagged by who speaks."""
NEAR_ORDERS: Final = Path(__file__).with_name("near_orders.jsonl")
NOW: Final = datetime(2026, 11, 18, 10, 15, tzinfo=ZoneInfo("Asia/Shanghai"))
ORDERS: Final = frozenset({"order_buy", "order_sell", "order_cancel"})

Result = dict[str, Any]


class Scored(NamedTuple):
    line: Result
    result: Result
    exact: bool
    intent: bool
    ms: float

    @property
    def wanted(self) -> list[Result]:
        return wanted(self.line)

    @property
    def order_from_non_order(self) -> bool:
        """An order was read out of something else. There is no good number of these but zero."""
        return self.result["intent"] in ORDERS and not any(one["intent"] in ORDERS for one in self.wanted)

    @property
    def order_with_wrong_slots(self) -> bool:
        return self.result["intent"] in ORDERS and not self.exact

    @property
    def not_understood(self) -> bool:
        return self.result["intent"] == "unknown" and not any(one["intent"] == "unknown" for one in self.wanted)


def wanted(line: Result) -> list[Result]:
    return [line["expect"], *line.get("accept", ())]


def load(path: Path) -> list[Result]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def score(line: Result) -> Scored:
    """Read one line with the grammar alone and compare."""
    context = Context.model_validate(line["context"]) if line.get("context") else NO_CONTEXT
    names = known()
    begun = time.perf_counter()
    request = read(line["text"], names, now=NOW, context=context)
    ms = (time.perf_counter() - begun) * 1000
    result = request.as_json()
    return Scored(
        line,
        result,
        any(alike(result, one) for one in wanted(line)),
        any(result["intent"] == one["intent"] for one in wanted(line)),
        ms,
    )


def alike(result: Result, expected: Result) -> bool:
    """True when both mean the same. More candidates may be offered than expected, never fewer."""
    loose = any(
        one.get("kind") == "volume_ratio" and one.get("value") is None
        for task in (expected.get("tasks") or [expected])
        for one in task.get("conditions") or ()
    )
    found, meant = meaning(result, loose_volume=loose), meaning(expected, loose_volume=loose)
    if found == meant:
        return True
    if not (expected.get("ambiguous") and result.get("ambiguous")):
        return False
    offered = [set(one["candidates"]) for one in result["ambiguous"]]
    needed = [set(one["candidates"]) for one in expected["ambiguous"]]
    if len(offered) != len(needed) or not all(any(one <= other for other in offered) for one in needed):
        return False
    return _without_choice(found) == _without_choice(meant)


def _without_choice(meant: Result) -> Result:
    rest = {key: value for key, value in meant.items() if key != "ambiguous"}
    missing = frozenset(rest.pop("missing", ())) - {"symbols"}
    return rest | ({"missing": missing} if missing else {})


def meaning(result: Result, *, loose_volume: bool = False) -> Result:
    """The result without what does not matter: order, defaults, the two ways of writing "any"."""
    meant: Result = {"intent": result["intent"]}
    rest = dict(result)
    del rest["intent"]
    if result["intent"] in ("watch_create", "watch_update") and (rest.get("conditions") or rest.get("tasks")):
        meant["watched"] = frozenset(_watched(result, loose_volume))
        for key in ("symbols", "conditions", "tasks", "combine"):
            rest.pop(key, None)
    elif len(rest.get("conditions") or ()) < 2:
        rest.pop("combine", None)
    for key, value in rest.items():
        plain = _plain(key, value, loose_volume)
        if plain not in (None, frozenset(), "", False):
            meant[key] = plain
    return meant


def _watched(result: Result, loose_volume: bool) -> Iterable[tuple[str | None, frozenset[Any]]]:
    """Every (symbol, group of conditions that must hold at once)."""
    for task in result.get("tasks") or [result]:
        conditions = [_condition(one, loose_volume) for one in task.get("conditions") or ()]
        together = task.get("combine") == "all"
        groups = [frozenset(conditions)] if together else [frozenset([one]) for one in conditions]
        for symbol in task.get("symbols") or result.get("symbols") or [None]:
            for group in groups:
                yield symbol, group


def _condition(written: Result, loose_volume: bool) -> frozenset[tuple[str, Any]]:
    kind, unit = written["kind"], written.get("unit")
    plain = {key: _number(value) for key, value in written.items() if value is not None and key != "unit"}
    if kind in ("pct_up", "pct_down") and plain.get("reference") == "preclose":
        del plain["reference"]
    if kind in ("price_above", "price_below", "price_reach") and plain.get("reference") == "last":
        del plain["reference"]
    if kind in ("stop_loss", "take_profit"):
        plain["absolute"] = unit == "yuan"
        if plain.get("reference") == "cost" and unit != "yuan":
            del plain["reference"]
    if kind in ("limit_up", "limit_down"):
        plain.setdefault("event", "hit")
    if kind in ("account_profit", "account_loss"):
        plain["absolute"] = unit == "yuan"
    if kind == "volume_ratio" and loose_volume:
        plain.pop("value", None)
        plain.pop("base_days", None)
    return frozenset(plain.items())


def _plain(key: str, value: Any, loose_volume: bool) -> Any:
    if key == "channels" and value == ["chat"]:
        return None
    if key == "ambiguous":
        return frozenset(frozenset(one["candidates"]) for one in value)
    if key == "conditions":
        return frozenset(_condition(one, loose_volume) for one in value)
    if key == "action":
        return frozenset(
            (name, round(number, 2) if name == "fraction" else _number(number)) for name, number in value.items()
        )
    if key == "setting":
        return frozenset((name, _number(one)) for name, one in value.items())
    if key == "until":
        # From the close on, the rest of the day is one.
        day, _, clock = value.partition("T")
        return day, "end" if not clock or clock >= "15:00" else clock[:5]
    if key == "date_to" and value == NOW.date().isoformat():
        return None
    return frozenset(value) if isinstance(value, list) else _number(value)


def _number(value: Any) -> Any:
    return round(float(value), 3) if isinstance(value, int | float) and not isinstance(value, bool) else value


def read_as_orders(lines: Iterable[Result]) -> list[str]:
    """Of sentences that are no order, those that come out as one."""
    results = [(line["text"], read(line["text"], known(), now=NOW).intent) for line in lines]
    return [f"{text} → {intent}" for text, intent in results if intent in ORDERS]


def report(scored: Sequence[Scored], *, verbose: bool) -> None:
    """Print the rates, the counts that must be watched apart, and the tags, worst first."""
    count = len(scored)
    exact, intent = sum(one.exact for one in scored), sum(one.intent for one in scored)
    ms = sorted(one.ms for one in scored)
    print(f"句子 {count}  完全正确 {exact}({exact / count:.1%})  意图正确 {intent}({intent / count:.1%})")
    print(
        f"order_from_non_order {sum(one.order_from_non_order for one in scored)}"
        f"  order_with_wrong_slots {sum(one.order_with_wrong_slots for one in scored)}"
        f"  没听懂 {sum(one.not_understood for one in scored)}"
    )
    print(f"毫秒 中位 {ms[count // 2]:.3f}  p95 {ms[int(count * 0.95)]:.3f}  最大 {ms[-1]:.3f}")
    tags: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in scored:
        for tag in one.line.get("tags", ()):
            tags[tag][one.exact] += 1
    for tag, right in sorted(tags.items(), key=lambda item: (item[1][True] / item[1].total(), -item[1].total())):
        print(f"  {tag:20} {right[True]:3}/{right.total():3}")
    for one in scored:
        if verbose and not one.exact:
            print(f"{one.line.get('id', '')} {one.line['text']}")
            print(f"    读成 {json.dumps(one.result, ensure_ascii=False)}")
            print(f"    应为 {json.dumps(one.line['expect'], ensure_ascii=False)}")


def main(arguments: Sequence[str]) -> int:
    paths = [Path(one) for one in arguments if not one.startswith("-")]
    # Names and patterns are loaded once in a process; the first sentence does not pay for them here.
    read("茅台跌破1400提醒我", known(), now=NOW)
    lines = [line for path in paths or (SENTENCES, WAYS, NEAR_ORDERS) for line in load(path)]
    near = [line for line in lines if "expect" not in line]
    scored = [score(line) for line in lines if "expect" in line]
    if scored:
        report(scored, verbose="-v" in arguments)
    if near:
        wrong = read_as_orders(near)
        print(f"几乎是委托的句子 {len(near)}  读成委托 {len(wrong)}", *wrong, sep="\n    ")
    return 0 if all(one.exact for one in scored) and not (near and wrong) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
