"""What of a model's answer is believed: what the person typed, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from bot.language.grammar import NO_CONTEXT, Context, read
from bot.language.marks import normal
from bot.language.names import Names, known
from bot.language.proposal import NEVER, Grounded, ground, parse
from bot.language.readback import read_back
from bot.language.request import Intent, Request
from core.completions import Unfounded
from tests.evals.__main__ import NOW, SENTENCES, load

EVERYTHING = frozenset(get_args(Intent))
WATCH = {"intent": "watch_create", "names": ["茅台"], "conditions": [{"kind": "price_below", "value": 1400}]}
BUY = {"intent": "order_buy", "names": ["茅台"], "action": {"side": "buy", "shares": 200}}


def believed(text: str, answer: dict[str, Any], context: Context = NO_CONTEXT, names: Names | None = None) -> Grounded:
    found = parse(json.dumps(answer, ensure_ascii=False), EVERYTHING)
    return ground(found, text, names or known(), now=NOW, context=context)


def refused(text: str, answer: dict[str, Any], why: str = ".") -> None:
    with pytest.raises(Unfounded, match=why):
        believed(text, answer)


# --- the shape


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "空"),
        ("   \n ", "空"),
        ("好的，这就帮你下单！", "JSON"),
        ('好的：{"intent": "help"}', "JSON"),
        ('```json\n{"intent": "help"}\n```', "JSON"),
        ('{"intent": "help"', "JSON"),
        ("[]", "JSON"),
        ("null", "JSON"),
        ("{}", "intent"),
        ('{"intent": "execute_order"}', "intent"),
        ('{"intent": "help", "symbols": ["600519.SH"]}', "symbols"),
        ('{"intent": "help", "missing": []}', "missing"),
        ('{"intent": "quote_query", "names": "茅台"}', "names"),
        ('{"intent": "quote_query", "names": [600519]}', "names"),
        ('{"intent": "watch_create", "conditions": [{"value": 3}]}', "kind"),
        ('{"intent": "watch_create", "conditions": [{"kind": "moon_phase"}]}', "kind"),
        ('{"intent": "order_buy", "action": {"side": "buy", "shares": "两百"}}', "shares"),
        ('{"intent": "order_buy", "action": {"side": "hold", "shares": 100}}', "side"),
        ('{"intent": "order_buy", "action": {"shares": 100}}', "side"),
        ('{"intent": "order_buy", "action": {"side": "buy", "shares": 100, "confirmed": true}}', "confirmed"),
        ('{"intent": "silence", "off": "yes"}', "off"),
        (json.dumps({"intent": "help", "names": ["很" * 5000]}), "太长"),
    ],
)
def test_an_answer_of_another_shape_is_no_answer(answer: str, why: str) -> None:
    with pytest.raises(Unfounded, match=why):
        parse(answer, EVERYTHING)


def test_a_model_cannot_answer_for_the_person() -> None:
    for intent in NEVER:
        with pytest.raises(Unfounded, match="没有"):
            parse(json.dumps({"intent": intent}), EVERYTHING)


def test_a_tool_that_the_house_does_not_have_is_refused() -> None:
    with pytest.raises(Unfounded, match="analyze"):
        parse('{"intent": "analyze"}', EVERYTHING - {"analyze"})


# --- a perfect model is believed, one that changes anything is not


def proposals() -> Iterator[tuple[str, dict[str, Any], Request]]:
    """What a model that reads as our grammar does would answer, for every sentence of ours without a conversation."""
    names = known()
    for line in load(SENTENCES):
        request = read(line["text"], names, now=NOW)
        if line.get("context") or request.intent in NEVER or request.intent == "unknown" or request.problems:
            continue
        said = normal(line["text"])
        mentions = names.find(said)

        def words(symbols: Any, mentions: Any = mentions) -> list[str]:
            return [one.text for one in mentions if set(one.symbols) & set(symbols)]

        written = request.as_json()
        body = {key: value for key, value in written.items() if key not in ("symbols", "missing", "ambiguous", "tasks")}
        candidates = [symbol for one in written.get("ambiguous", ()) for symbol in one["candidates"]]
        if named := words([*written.get("symbols", ()), *candidates]):
            body["names"] = named
        if "tasks" in written:
            body["tasks"] = [
                {key: value for key, value in task.items() if key != "symbols"} | {"names": words(task["symbols"])}
                for task in written["tasks"]
            ]
        yield line["text"], body, request


def test_what_our_own_grammar_reads_would_be_believed_of_a_model_too() -> None:
    count = 0
    for text, body, request in proposals():
        found = believed(text, body)
        assert found.request == request.model_copy(update={"unheard": ()}), text
        assert not found.unused, text
        count += 1
    assert count > 600


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def changed(body: dict[str, Any], path: tuple[Any, ...], new: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(body))
    place: Any = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return copy


def test_one_wrong_number_anywhere_is_blocked_every_time() -> None:
    count = 0
    for text, body, _ in proposals():
        for path in leaves(body):
            old: Any = body
            for key in path:
                old = old[key]
            new = old * 0.7 if path[-1] == "fraction" else old * 3 + 7
            refused(text, changed(body, path, new))
            count += 1
    assert count > 500


def test_another_share_than_the_one_named_is_blocked_every_time() -> None:
    for text, body, _ in proposals():
        other = next(name for name in ("宁德时代", "洛阳钼业", "长江电力") if name not in normal(text))
        if body.get("names"):
            refused(text, body | {"names": [other]}, "没有说过")
            refused(text, body | {"names": [*body["names"], other]}, "没有说过")


# --- names


def test_a_share_goes_by_the_persons_word_and_our_table() -> None:
    assert believed("宁王啥价位嘞", {"intent": "quote_query", "names": ["宁王"]}).request.symbols == ("300750.SZ",)


def test_a_code_that_the_person_did_not_type_is_refused() -> None:
    refused("茅台啥价位嘞", {"intent": "quote_query", "names": ["600519"]}, "没有说过")
    refused("茅台啥价位嘞", {"intent": "quote_query", "names": ["贵州茅台"]}, "没有说过")


def test_a_part_of_a_longer_name_means_that_name() -> None:
    found = believed("平安银行啥价位嘞", {"intent": "quote_query", "names": ["平安"]})
    assert found.request.symbols == ("000001.SZ",)


def test_a_name_that_several_have_is_left_to_be_chosen() -> None:
    found = believed("平安啥价位嘞", {"intent": "quote_query", "names": ["平安"]}).request
    assert not found.symbols
    assert len(found.ambiguous[0].candidates) > 1
    refused("平安和茅台啥价位嘞", {"intent": "quote_query", "names": ["平安", "茅台"]}, "好几只")


def test_a_name_that_nobody_knows_is_told_and_nothing_is_named_beside_it() -> None:
    found = believed("茅台和火星矿业啥价位嘞", {"intent": "quote_query", "names": ["茅台", "火星矿业"]})
    assert found.strangers == ("火星矿业",)
    assert not found.request.symbols


def test_it_means_the_share_spoken_of_and_silence_means_none() -> None:
    context = Context(last_symbols=("600519.SH",))
    watch = {"intent": "watch_create", "conditions": [{"kind": "price_below", "value": 1400}]}
    assert believed("它要是掉到1400以下吱我一声", watch, context).request.symbols == ("600519.SH",)
    assert believed("要是掉到1400以下吱我一声", watch, context).request.missing == ("symbols",)


# --- figures


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("茅台掉到一千四以下吱一声", {"kind": "price_below", "value": 1400, "unit": "yuan"}),
        ("茅台掉到1.4k以下吱一声", {"kind": "price_below", "value": 1400}),
        ("茅台掉个三个半点吱一声", {"kind": "pct_down", "value": 3.5, "unit": "pct"}),
        ("茅台掉两成吱一声", {"kind": "pct_down", "value": 20, "unit": "pct"}),
        ("茅台成交额破50亿吱一声", {"kind": "amount_above", "value": 5_000_000_000, "unit": "yuan"}),
        ("茅台半小时内蹿两个点吱一声", {"kind": "speed", "value": 2, "period_s": 1800, "direction": "up"}),
        ("茅台戳到年线吱一声", {"kind": "ma_cross", "ma": 250, "direction": "up"}),
        ("茅台封单砍掉一半吱一声", {"kind": "queue_shrink", "value": 50, "unit": "pct"}),
    ],
)
def test_units_may_be_turned_into_ours(text: str, condition: dict[str, Any]) -> None:
    assert believed(text, {"intent": "watch_create", "names": ["茅台"], "conditions": [condition]}).request.conditions


def test_a_number_of_shares_is_no_price_and_a_price_no_number_of_shares() -> None:
    text = "给我整200股茅台，1400块"
    right = {"side": "buy", "shares": 200, "price": 1400}
    assert believed(text, BUY | {"action": right}).request.action is not None
    refused(text, BUY | {"action": {"side": "buy", "shares": 1400, "price": 200}})


def test_what_is_missing_is_not_filled_in_but_asked() -> None:
    assert believed("给我整点茅台", {**BUY, "action": {"side": "buy"}}).request.missing == ("quantity", "price")
    refused("给我整点茅台", {**BUY, "action": {"side": "buy", "shares": 100}}, "100 股")
    refused("茅台金叉吱一声", _indicator("macd"), "macd")
    assert believed("茅台金叉吱一声", _indicator(None)).request.missing == ("value",)


def _indicator(name: str | None) -> dict[str, Any]:
    condition = {"kind": "indicator", "event": "golden_cross"} | ({"name": name} if name else {})
    return {"intent": "watch_create", "names": ["茅台"], "conditions": [condition]}


def test_a_figure_that_was_not_used_is_told() -> None:
    found = believed("茅台掉到1400以下吱一声，再到1380也吱一声", WATCH)
    assert found.unused == ("1380",)


def test_days_follow_from_what_was_typed() -> None:
    text = "茅台掉到1400以下吱一声，下周五作废"
    assert believed(text, WATCH | {"expiry": "2026-11-27"}).request.expiry is not None
    refused(text, WATCH | {"expiry": "2026-11-30"}, "expiry")
    refused("茅台掉到1400以下吱一声", WATCH | {"expiry": "2026-11-18"}, "expiry")


def test_slots_that_nobody_spoke_of_are_refused() -> None:
    for slot in (
        {"scope": "market"},
        {"account": "wife"},
        {"channels": ["email"]},
        {"targets": ["all"]},
        {"targets": ["#7"]},
        {"cooldown_s": 300},
        {"top": 5},
        {"band": 1},
    ):
        refused("茅台掉到1400以下吱一声", WATCH | slot, "没有说过")


# --- trades


@pytest.mark.parametrize(
    "text",
    [
        "今天天气真好",
        "茅台今天真猛啊",
        "茅台200股",
        "别给我整200股茅台",
        "该不该整200股茅台",
        "整200股茅台行吗？",
        "昨天整了200股茅台",
        "我朋友说要整200股茅台",
        "早知道整200股茅台",
        "卖掉200股茅台再整回来",
        "茅台有200股，整不动了",
        "听说有人买入200股茅台",
    ],
)
def test_an_order_is_never_read_out_of_something_that_is_none(text: str) -> None:
    refused(text, BUY)


def test_an_order_with_a_condition_or_the_other_side_is_refused() -> None:
    text = "茅台掉到1400给我整200股"
    refused(text, BUY | {"conditions": [{"kind": "price_below", "value": 1400}]}, "watch_create")
    refused("给我整200股茅台", BUY | {"action": {"side": "sell", "shares": 200}}, "不一致")
    refused("给我整200股茅台", BUY | {"intent": "order_sell", "action": {"side": "sell", "shares": 200}}, "卖出")
    refused("给我整200股茅台", {"intent": "order_buy", "names": ["茅台"]}, "action")
    refused("给我整200股茅台", BUY | {"action": {"side": "buy", "shares": 200, "fraction": 1}}, "只能写一个")


def test_a_plan_needs_a_word_that_trades_and_no_word_against_it() -> None:
    plan = WATCH | {"action": {"side": "buy", "shares": 100}}
    assert believed("茅台掉到1400以下给我来100股", plan).request.action is not None
    refused("茅台掉到1400以下吱一声，我有100股", plan, "买入")
    refused("茅台掉到1400以下吱一声，别买100股", plan, "不要交易")


def test_every_request_can_be_said_back() -> None:
    for text, _, request in proposals():
        said = read_back(request, lambda symbol: symbol)
        assert said.strip(), text
        assert "None" not in said, text


def test_a_share_that_was_named_and_not_used_is_told() -> None:
    assert believed("茅台和宁王掉到1400以下都吱一声", WATCH).unused == ("宁王",)


@pytest.mark.parametrize("value", ["99999999", "abc", "NaN", "", 600, 99])
def test_a_limit_is_only_a_number_that_was_typed_as_one(value: object) -> None:
    refused(
        "十分钟后给我把一笔封个顶到5万呗",
        {"intent": "settings", "setting": {"key": "max_order_amount", "value": value}},
        "数字|没有说过",
    )
