"""The cards about money, read as the person reads them: what, how much, where, which mode, and what happens next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import render, render_order, render_ticket
from core.alerts import Alert, Reason
from core.conditions import PriceAbove
from core.messages import Chat, Message, Style
from core.orders import Fill, Order, OrderState, Report, ReportKind
from core.tickets import REASONS, Ticket, TicketState
from core.types import Mode, Side, Symbol
from core.watches import Plan, Watch

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
MOUTAI, FUND = Symbol("600519.SH"), Symbol("510300.SH")
NAME = "贵州茅台"
D = Decimal


def a_ticket(**changes: Any) -> Ticket:
    words: dict[str, Any] = {
        "id": "00000001",
        "owner": "owner",
        "chat": Chat("telegram", "42"),
        "account": "real",
        "mode": Mode.LIVE,
        "symbol": MOUTAI,
        "name": NAME,
        "side": Side.BUY,
        "shares": 100,
        "limit": D("1400.1"),
        "price": D("1400"),
        "quoted_at": AT,
        "source": "腾讯",
        "created_at": AT,
        "expires_at": AT + timedelta(minutes=5),
    }
    return Ticket(**(words | changes))


def decided(state: TicketState, by: str = "张三", note: str = "") -> Ticket:
    return a_ticket(state=state, decided_by=by, decided_at=AT + timedelta(seconds=72), note=note)


def an_order(**changes: Any) -> Order:
    words: dict[str, Any] = {
        "id": "dp00000001",
        "ticket_id": "00000001",
        "account": "real",
        "mode": Mode.LIVE,
        "symbol": MOUTAI,
        "side": Side.BUY,
        "shares": 300,
        "limit": D("1400.1"),
        "state": OrderState.ACCEPTED,
        "created_at": AT,
        "updated_at": AT,
    }
    return Order(**(words | changes))


def a_fill(shares: int = 100, price: str = "1399.9") -> Fill:
    return Fill(
        id="T1",
        order_id="dp00000001",
        account="real",
        symbol=MOUTAI,
        side=Side.BUY,
        shares=shares,
        price=D(price),
        fee=D("36.4"),
        at=AT,
    )


def news(order: Order, fill: Fill | None = None) -> Message:
    message = render_order.order_news(order, fill, "东方证券", NAME)
    assert message is not None
    return message


# -- tickets


def test_the_card_says_everything_that_the_tap_will_do() -> None:
    card = render_ticket.ticket_card(a_ticket(), "东方证券")
    assert card.title == "📝 待确认委托·实盘"
    assert card.text.splitlines() == [
        "买入 贵州茅台(600519)",
        "数量：100 股",
        "限价：1400.10",
        "金额：约 140,010.00 元",
        "账户：东方证券·实盘",
        "依据：腾讯 1400.00，10:00:00",
        "有效：到 10:05:00，过期作废",
        "编号：00000001",
    ]
    assert card.urgent
    assert card.card == "ticket:00000001"


def test_its_buttons_carry_the_number_and_the_stamp() -> None:
    ticket = a_ticket()
    (confirm, reject), (requote, *_edits) = render_ticket.ticket_card(ticket, "东方证券").buttons
    assert (confirm.label, confirm.style) == ("确认", Style.CONFIRM)
    assert (reject.label, reject.style) == ("拒绝", Style.DANGER)
    assert confirm.command == f"approve 00000001 {ticket.stamp}"
    assert reject.command == f"reject 00000001 {ticket.stamp}"
    assert requote.command == "requote 00000001"
    for button in (confirm, reject, requote):
        assert len(button.command.encode("ascii")) <= 64


def test_a_fund_is_counted_in_its_unit_and_priced_in_thousandths() -> None:
    card = render_ticket.ticket_card(a_ticket(symbol=FUND, name="沪深300ETF", limit=D("4.751"), price=D("4.75")), "甲")
    assert "数量：100 份" in card.text
    assert "限价：4.751" in card.text


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("state", list(TicketState))
def test_every_state_of_a_card_shows_the_mode(mode: Mode, state: TicketState) -> None:
    card = render_ticket.ticket_card(a_ticket(mode=mode, state=state, decided_at=AT), "甲")
    assert mode.chinese in card.title
    assert f"甲·{mode.chinese}" in card.text


@pytest.mark.parametrize(
    ("state", "parts", "labels"),
    [
        (TicketState.APPROVED, ("张三", "10:01:12", "确认"), ()),
        (TicketState.REJECTED, ("张三", "10:01:12", "拒绝，没有下单"), tuple(REASONS.values())),
        (TicketState.EXPIRED, ("过期未确认，没有下单",), ("重新报价",)),
        (TicketState.WITHDRAWN, ("已作废，没有下单",), ("重新报价",)),
    ],
)
def test_a_decided_card_says_who_when_and_what_became_of_it(
    state: TicketState, parts: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    card = render_ticket.ticket_card(decided(state), "东方证券")
    for part in parts:
        assert part in card.text
    assert "贵州茅台" in card.title
    assert state.chinese in card.title
    assert card.labels() == labels
    assert card.card == "ticket:00000001"


def test_a_withdrawn_card_says_why() -> None:
    card = render_ticket.ticket_card(decided(TicketState.WITHDRAWN, note="价格已变：超过 1.00%。"), "甲")
    assert "已作废，没有下单：价格已变：超过 1.00%。" in card.text


def test_only_an_approved_ticket_does_not_say_that_nothing_was_ordered() -> None:
    for state in TicketState:
        denied = "没有下单" in render_ticket.decision_text(decided(state))
        assert denied == (state not in {TicketState.OPEN, TicketState.APPROVED})


def test_a_second_tap_is_told_the_first_decision() -> None:
    text = render_ticket.already_decided(decided(TicketState.APPROVED))
    assert "不能再操作" in text
    assert "张三" in text
    assert "10:01:12" in text


def test_a_sentence_ends_once() -> None:
    text = render_ticket.already_decided(decided(TicketState.WITHDRAWN, note="价格已变：超过 1.00%。"))
    assert text.endswith("超过 1.00%。（实盘）")


def test_the_list_shows_what_waits_how_long_and_in_which_mode() -> None:
    waiting, over = a_ticket(), a_ticket(id="00000002", expires_at=AT)
    message = render_ticket.ticket_list([waiting, over], AT)
    assert message.title == "📝 待确认委托（1）"
    assert message.text == "00000001 买入贵州茅台(600519) 100 股，限价 1400.10·实盘，还剩 5 分钟"
    assert [button.command for row in message.buttons for button in row] == [
        f"approve 00000001 {waiting.stamp}",
        f"reject 00000001 {waiting.stamp}",
    ]
    assert render_ticket.ticket_list([over], AT).title == "没有待确认的委托"


# -- orders


def test_a_fill_says_price_amount_fee_account_and_number() -> None:
    message = news(an_order(shares=100, filled=100, state=OrderState.FILLED), a_fill())
    assert message.title == "🎉 已成交·实盘"
    assert message.text.splitlines() == [
        "买入贵州茅台(600519) 100 股，成交价 1399.90",
        "成交额 139,990.00 元，费用 36.40 元",
        "时间：11-18 10:00",
        "账户：东方证券·实盘",
        "委托：dp00000001",
    ]


def test_a_partial_fill_says_what_is_left() -> None:
    message = news(an_order(filled=100, state=OrderState.PARTIAL), a_fill())
    assert message.title == "⏳ 部分成交·实盘"
    assert "累计 100/300 股，还有 200 股未成交" in message.text


def test_a_late_fill_of_a_cancelled_order_does_not_promise_the_rest() -> None:
    message = news(an_order(filled=100, state=OrderState.CANCELLED), a_fill())
    assert "已撤单" in message.plain()
    assert "还有" not in message.text


def test_an_unknown_order_says_what_is_not_known_and_what_to_do() -> None:
    message = news(an_order(state=OrderState.UNKNOWN, note="8 秒没有回答"))
    assert message.title == "❓ 委托状态未知·实盘"
    for part in ("买入贵州茅台(600519) 300 股，限价 1400.10", "8 秒没有回答", "不会重发", "请在券商软件里核对"):
        assert part in message.text
    assert "没有下单" not in message.plain()


def test_a_refusal_gives_the_reason_or_says_that_there_is_none() -> None:
    assert "原因：资金不足" in news(an_order(state=OrderState.REJECTED, note="资金不足")).text
    message = news(an_order(state=OrderState.REJECTED))
    assert "原因：券商没有说明" in message.text
    assert message.title == "❌ 委托没有成功·实盘"


@pytest.mark.parametrize(
    ("state", "title"),
    [(OrderState.CANCELLED, "已撤单"), (OrderState.EXPIRED, "已失效")],
)
def test_an_order_that_ends_says_how_much_of_it_traded(state: OrderState, title: str) -> None:
    message = news(an_order(filled=100, state=state))
    assert title in message.title
    assert message.title.endswith("·实盘")
    assert "成交 100/300 股" in message.text
    assert "\n\n" not in message.text


def test_steps_that_tell_a_person_nothing_are_not_told() -> None:
    for state in (OrderState.NEW, OrderState.SUBMITTED, OrderState.ACCEPTED):
        assert render_order.order_news(an_order(state=state), None, "甲", NAME) is None


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "state", [state for state in OrderState if state not in {OrderState.NEW, OrderState.SUBMITTED}]
)
def test_the_mode_stands_on_all_news_of_an_order(mode: Mode, state: OrderState) -> None:
    for fill in (None, a_fill()):
        message = render_order.order_news(an_order(mode=mode, state=state, filled=100), fill, "甲", NAME)
        assert message is None or mode.chinese in message.title


@pytest.mark.parametrize("state", [state for state in OrderState if state.final or state is OrderState.UNKNOWN])
def test_a_manual_order_that_waits_for_nothing_has_its_card_and_no_button(state: OrderState) -> None:
    order = an_order(mode=Mode.MANUAL, state=state)
    message = render_order.order_news(order, None, "手动账户", "贵州茅台")
    if message is not None:  # a fill is told with the fill
        assert (message.card, message.buttons) == (f"order:{order.id}", ())


def test_an_order_placed_by_hand_tells_how_to_answer() -> None:
    card = news(an_order(mode=Mode.MANUAL, filled=100))
    assert "请手动下单" in card.title
    for part in ("买入 贵州茅台(600519) 200 股，限价 1400.10", "/filled dp00000001"):
        assert part in card.text
    (done, nothing), *_ = card.buttons
    assert done.command == "filled dp00000001 1400.1 200 100"
    assert nothing.command == "unfilled dp00000001"


def test_a_report_that_cannot_be_is_told_with_its_numbers() -> None:
    order = an_order(filled=250, state=OrderState.PARTIAL)
    report = Report(kind=ReportKind.FILL, order_id=order.id, account="real", at=AT, fill=a_fill(100))
    message = render_order.impossible_report(order, report)
    for part in ("dp00000001", "300", "250", "100", "没有记账", "核对"):
        assert part in message.text
    assert message.urgent


def test_a_report_that_cannot_be_shows_the_mode_and_the_share() -> None:
    order = an_order(filled=250, state=OrderState.PARTIAL)
    report = Report(kind=ReportKind.FILL, order_id=order.id, account="real", at=AT, fill=a_fill(100))
    message = render_order.impossible_report(order, report)
    assert "实盘" in message.plain()
    assert "600519" in message.plain()


def test_the_list_of_orders_shows_mode_state_and_what_can_still_be_cancelled() -> None:
    live = an_order(filled=100, state=OrderState.PARTIAL)
    lost = an_order(id="dp00000002", state=OrderState.UNKNOWN, note="8 秒没有回答", mode=Mode.PAPER)
    done = an_order(id="dp00000003", state=OrderState.FILLED, filled=300)
    message = render_order.order_list([live, lost, done], {MOUTAI: NAME})
    assert message.title == "📑 委托（3）"
    for part in ("11-18 10:00·实盘", "部分成交 100/300", "·模拟", "状态未知 0/300", "8 秒没有回答", "已成交 300/300"):
        assert part in message.text
    assert [button.command for row in message.buttons for button in row] == ["cancel dp00000001", "cancel dp00000002"]


# -- watches


def a_watch(**changes: Any) -> Watch:
    words: dict[str, Any] = {
        "id": "W1",
        "number": 3,
        "owner": "owner",
        "chat": Chat("telegram", "42"),
        "account": "real",
        "symbols": (MOUTAI,),
        "conditions": (PriceAbove(value=D("1420")),),
        "plan": Plan(side=Side.BUY, shares=200),
        "created_at": AT,
    }
    return Watch(**(words | changes))


def test_the_plans_of_the_list_say_in_which_account_and_mode() -> None:
    text = render.watch_list([(a_watch(), [NAME], "")], AT, {"real": "测试账户·实盘"}.__getitem__).text
    assert "计划：买入 200 股，按触发时的对手价（测试账户·实盘）" in text


# -- an alert and its order


def an_alert(**changes: Any) -> Alert:
    words: dict[str, Any] = {
        "id": "A1",
        "watch_id": "W1",
        "watch_number": 3,
        "owner": "owner",
        "symbol": MOUTAI,
        "name": f"{NAME}(600519)",
        "group": 0,
        "condition": "现价跌破 1420.00",
        "price": D("1400"),
        "why": "",
        "source": "腾讯",
        "quoted_at": AT,
        "at": AT,
        "after_gap": False,
        "reason": Reason.FIRST,
        "percent": D("-1.2"),
    }
    return Alert(**(words | changes))


@pytest.mark.parametrize("state", list(TicketState))
def test_the_alert_stays_on_the_card_of_its_order(state: TicketState) -> None:
    alert = an_alert(after_gap=True)
    card = render_ticket.ticket_card(a_ticket(reason=render.reason(alert), state=state), "测试账户")
    assert card.text.startswith("条件：现价跌破 1420.00（#3）\n⚠️ 这是行情中断后的第一笔价格")


def test_an_alert_with_an_order_says_what_fired_and_in_which_mode_it_would_be() -> None:
    alert = an_alert()
    ticket = a_ticket(reason=render.reason(alert))
    card = render_ticket.alert_with_ticket(alert, ticket, "测试账户")
    assert card.title == "🔔 贵州茅台(600519) 1400.00（-1.20%），是否买入？·实盘"
    assert card.text.count("腾讯") == 1
    assert card.text == render_ticket.ticket_card(ticket, "测试账户").text


def test_the_switch_names_who_and_when() -> None:
    assert render.panic_note("张三", AT) == "张三 于 11-18 10:00 启动"
    assert "有人" in render.panic_note("", AT)


@pytest.mark.parametrize(("amount", "text"), [("1234.5", "+1,234.50"), ("-0.1", "-0.10"), ("0", "0.00")])
def test_profit_has_a_sign_and_nothing_has_none(amount: str, text: str) -> None:
    assert render.signed(D(amount)) == text


@pytest.mark.parametrize("state", list(TicketState))
def test_what_could_not_be_checked_stands_on_the_card_in_every_state(state: TicketState) -> None:
    ticket = a_ticket(caution="没有登记资金，未检查可用资金；用 /cash 登记", state=state)
    assert "⚠️ 没有登记资金，未检查可用资金；用 /cash 登记" in render_ticket.ticket_card(ticket, "手动账户").text
