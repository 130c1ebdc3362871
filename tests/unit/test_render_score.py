"""How the score reads: counts while there are few, a rate with its interval and chance, and never a figure from nowhere."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core.analysis import Action, Occasion, Outcome, Standing
from core.columns import WIDTH, cells, columns
from core.orders import OrderState
from core.render_score import listed, manner, scored, summary
from core.tally import LEAST, Tally, cases_of, tally
from core.tickets import TicketState
from core.types import Side, Symbol
from tests.fakes.advice import analysis
from tests.unit.test_tally import moved, order, score_of, ticket, told

NAMES = {Symbol("600519.SH"): "贵州茅台", Symbol("000001.SZ"): "平安银行"}


def name_of(symbol: Symbol) -> str:
    return NAMES.get(symbol, "")


def shown(found: Tally) -> list[str]:
    return scored(found, "", "", name_of).plain().splitlines()


def test_few_are_counted_and_no_rate_is_told() -> None:
    message = scored(score_of(told("2", "-2", "0")), "", "", name_of)
    assert message.title == "🎯 买卖 1 对 1 错"
    assert "买卖建议：1 对 1 错 1 平，样本太少（满 30 条对错才算命中率）" in message.text
    assert "命中率" not in message.title
    assert "布赖尔" not in message.text


def test_a_rate_stands_with_its_interval_and_with_what_chance_would_hit() -> None:
    found = score_of(told(*["2"] * 20, *["-2"] * 10))
    assert shown(found)[0] == "🎯 买卖命中率 66.7%"
    assert "买卖建议：20 对 10 错，命中率 66.7%（95% 把握在 48.8%～80.8%；同样的话随便挑日子说，能中 66.7%）" in shown(
        found
    )


def test_what_confidence_is_worth_is_told_where_there_is_enough() -> None:
    lines = shown(score_of(told(*["2"] * 20, *["-2"] * 10, confidence=80), told("2", confidence=55)))
    assert "信心可信吗：说 80.0% 的 30 条，实际对 66.7%" in lines
    assert "信心的误差（布赖尔分）0.239，一律说 50% 是 0.250，越小越好" in lines


def test_to_do_as_advised_stands_beside_always_holding() -> None:
    lines = shown(score_of(told("4"), told("-3", action=Action.SELL)))
    assert "每条平均：照建议做 +2.00%，不管怎么说都拿着 +0.50%（未计费用）" in lines
    assert not any("沪深300" in line for line in lines)
    one = analysis(id_="A1")
    lines = shown(tally([one], [moved(one, "2", excess=Decimal("-0.3"))], {}))
    assert "这些股票同期平均比沪深300 -0.30%" in lines


def test_groups_are_told_where_there_are_several() -> None:
    lines = shown(
        score_of(told("2", model="a"), told("-2", model="b", symbol=Symbol("000001.SZ"), occasion=Occasion.ALERT))
    )
    place = lines.index("按模型：")
    assert lines[place + 1 : place + 3] == [
        "　a：买卖 1 对 0 错，平均涨跌 +2.00%",
        "　b：买卖 0 对 1 错，平均涨跌 -2.00%",
    ]
    assert "　贵州茅台：买卖 1 对 0 错，平均涨跌 +2.00%" in lines
    assert "　提醒后点评：买卖 0 对 1 错，平均涨跌 -2.00%" in lines
    assert "按提示词：" not in lines
    assert "按动作：" not in lines


def test_many_groups_are_cut_and_counted() -> None:
    lines = shown(score_of(*(told("2", model=name) for name in "abcdefg")))
    assert "　还有 2 个没有列出" in lines


def test_what_cannot_be_scored_says_so() -> None:
    one, other = analysis(id_="A1", model="a"), analysis(id_="A2", model="b")
    unable = Outcome(analysis_id="A1", horizon=1, engine=1, standing=Standing.UNABLE, why="停牌")
    lines = shown(tally([one, other], [unable, moved(other, "2")], {}))
    assert lines[1] == "分析 2 次，不同的建议 2 条，无法评分 1 条（停牌、封板、缺日线）"
    assert "　a：都无法评分" in lines


def test_what_was_dropped_and_what_is_open_is_counted() -> None:
    failed = analysis(id_="A1", decision=None, problem="没有通过核对", tokens=12345, yuan=Decimal("0.034"))
    lines = shown(tally([failed, analysis(id_="A2")], [], {}))
    assert lines[:2] == ["🎯 还看不出准不准", "分析 2 次，没给出建议 1 次，不同的建议 1 条，还没到期 1 条"]
    assert "这些分析用了 12,345 tokens，0.03 元" in lines


def test_what_rules_say_costs_nothing_and_is_not_added_up() -> None:
    assert not [line for line in shown(tally([analysis(id_="A1")], [], {})) if "tokens" in line]


def test_the_cards_say_what_they_brought_or_would_have() -> None:
    approved, rises = told("4", ticket_id="T1")
    rejected, falls = told("3", ticket_id="T2", action=Action.SELL)
    later = analysis(id_="L1", ticket_id="T3")
    cards = [
        ticket("T1", TicketState.APPROVED),
        ticket("T2", TicketState.REJECTED, Side.SELL),
        ticket("T3", TicketState.EXPIRED),
    ]
    lines = shown(
        score_of((approved, rises), (rejected, falls), ([later], []), tickets=cards, orders=[order("T1", filled=50)])
    )
    place = lines.index("出过的委托卡片（涨跌从评分的起算价到期末，未计费用；确认的只算成交了的）：")
    assert lines[place + 1 : place + 4] == [
        "　你确认的 1 张：1 张到期，合计 +100.00 元，平均 +4.00%",
        "　你拒绝的 1 张：1 张到期，要是按限价全部成交，合计 -150.00 元，平均 -3.00%",
        "　没理会、过期的 1 张：还没到期",
    ]


def test_what_was_approved_and_not_filled_is_told_apart() -> None:
    parts = [told("4", ticket_id=f"T{place}") for place in range(2)]
    cards = [ticket(f"T{place}", TicketState.APPROVED) for place in range(3)]
    refused = order("T0", OrderState.REJECTED, 0)
    assert "　你确认的 1 张：都没成交" in shown(score_of(parts[0], tickets=cards, orders=[refused]))
    both = shown(score_of(*parts, tickets=cards, orders=[refused, order("T1")]))
    assert "　你确认的 2 张：1 张没成交，1 张到期，合计 +200.00 元，平均 +4.00%" in both
    early = analysis(id_="E1", ticket_id="T2")
    waits = shown(score_of(parts[0], ([early], []), tickets=cards, orders=[refused, order("T2")]))
    assert "　你确认的 2 张：1 张没成交，其余还没到期" in waits


def test_the_table_is_by_days_and_fits_a_phone() -> None:
    made, outcomes = told(*["2"] * 20, *["-2"] * 10)
    outcomes += [moved(one, "5", horizon=3) for one in made[:3]]
    message = scored(tally(made, outcomes, {}), "", "", name_of)
    assert message.table == (
        ("", "对", "错", "平", "命中率"),
        ("1天", "20", "10", "0", "66.7%"),
        ("3天", "3", "0", "0", "-"),
    )
    assert all(cells(line) <= WIDTH for line in columns(message.table))
    assert message.text.splitlines()[-1] == "买卖建议过几个交易日再看："


def test_where_nothing_is_traded_the_table_is_of_what_is_held() -> None:
    message = scored(score_of(told("0", action=Action.HOLD)), "", "", name_of)
    assert message.table[1] == ("1天", "1", "0", "0", "-")
    assert message.text.splitlines()[-1] == "持有、观望的建议过几个交易日再看："


def test_a_report_has_the_short_form() -> None:
    assert summary(score_of(told("2", "-2"))) == [
        "买卖建议：1 对 1 错，样本太少（满 30 条对错才算命中率）",
        "每条平均：照建议做 +0.00%，不管怎么说都拿着 +0.00%（未计费用）",
    ]
    assert summary(tally([analysis()], [], {})) == []


def test_the_rate_of_a_report_needs_as_many() -> None:
    assert "命中率 100.0%" in summary(score_of(told(*["2"] * LEAST)))[0]
    assert "样本太少" in summary(score_of(told(*["2"] * (LEAST - 1))))[0]


def test_an_advice_says_what_became_of_its_card() -> None:
    states = {
        "T1": (TicketState.APPROVED, "你确认了"),
        "T2": (TicketState.EXPIRED, "没人点，过期了"),
        "T3": (TicketState.OPEN, "卡片等你确认"),
        "T4": (TicketState.WITHDRAWN, "卡片作废了"),
    }
    cards = {id_: ticket(id_, state) for id_, (state, _) in states.items()}
    made = [analysis(id_=f"A{id_}", ticket_id=id_, took=timedelta(seconds=3)) for id_ in states]
    made.append(analysis(id_="A5", ticket_id="T1", by_policy=True))
    lines = listed(cases_of(made, [], cards), "", "", name_of, page=1, is_last=True).text.splitlines()
    assert lines[1:-1:3] == ["　你确认了", "　没人点，过期了", "　卡片等你确认", "　卡片作废了", "　自动交易确认了"]
    assert lines[2] == "　还没到 1 个交易日"


def test_an_approved_advice_says_how_little_of_it_was_traded() -> None:
    ends = {
        "T1": (order("T1"), ""),
        "T2": (order("T2", OrderState.CANCELLED, 40), "，只成交 40 股"),
        "T3": (order("T3", OrderState.REJECTED, 0), "，没成交（被拒绝）"),
        "T4": (order("T4", OrderState.PARTIAL, 40), ""),
    }
    cards = {id_: ticket(id_, TicketState.APPROVED) for id_ in ends}
    made = [analysis(id_=f"A{id_}", ticket_id=id_) for id_ in ends]
    cases = cases_of(made, [], cards, {id_: one for id_, (one, _) in ends.items()})
    lines = listed(cases, "", "", name_of, page=1, is_last=True).text.splitlines()
    assert lines[1:-1:3] == [f"　你确认了{end}" for _, end in ends.values()]


def test_how_it_is_reckoned_names_what_is_no_purchase() -> None:
    text = manner().text
    assert "T+1 当天不算" in text
    assert "没成交的分开数" in text
