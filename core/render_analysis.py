"""What people read of an analysis: while it is made, what came of it, the comment on an alert, and its facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from core.analysis import Analysis, Decision
from core.clock import stamp_text, time_text
from core.messages import ANALYSIS_CARD, Button, Message
from core.pack import MISSING, Pack, Section
from core.render import age_text, name_text
from core.tariffs import SCRIPTED
from core.tickets import Ticket
from core.types import Money, Symbol, price_text

RULES: Final = "内置规则"
"""What people call the model that is none."""
MANY_MISSING: Final = 6
MANY_LISTED: Final = 8
_ICONS: Final = {"buy": "🟢", "sell": "🔴", "hold": "✊", "wait": "👀"}
_CAUTION: Final = "仅供参考，买卖由你决定。"


def _is_ours(analysis: Analysis) -> bool:
    return (analysis.model or analysis.model_asked) == SCRIPTED


def model_text(model: str) -> str:
    """What people call it."""
    return RULES if model == SCRIPTED else model


def who(analysis: Analysis) -> str:
    """Who answered, by the provider's word."""
    return model_text(analysis.model or analysis.model_asked)


def card_of(analysis_id: str) -> str:
    return f"{ANALYSIS_CARD}{analysis_id}"


Made = tuple[Analysis, Pack] | str
"""An analysis with its facts, or why there is none."""

# -- while it is made


def under_way(card: str, names: Sequence[str], symbols: Sequence[Symbol], model: str) -> Message:
    by = f"用{RULES}" if model == SCRIPTED else f"问 {model}"
    what = name_text(names[0], symbols[0]) if len(symbols) == 1 else f"{len(symbols)} 只股票"
    long = "通常不到一分钟" if len(symbols) == 1 else "做好一只显示一只"
    text = f"先取行情、K 线和持仓，再{by}，{long}。结果会换到这条消息里。"
    return Message(title=f"⏳ 正在分析 {what}", text=text, card=card_of(card))


def many(count: int, most: int) -> Message:
    """A look at several shares, of which only the first are analysed."""
    return Message(text=f"一共 {count} 只，一次最多分析 {most} 只，先看前 {most} 只。其余的请直接说名字。")


INTERRUPTED: Final = "分析到一半程序重启了，没有做完。请再问一次。"


# -- what came of it


def result(card: str, names: Sequence[str], symbols: Sequence[Symbol], made: Sequence[Made]) -> Message:
    """What came of it so far, in place of the message that it was under way."""
    if len(symbols) > 1:
        return _check_up(card, names, symbols, made)
    [one] = made
    if not isinstance(one, str):
        return analysis_card(*one)
    return Message(
        title=f"⚠️ {name_text(names[0], symbols[0])} 没有分析成",
        text=one,
        buttons=((Button("再分析一次", f"analyze {symbols[0]}"),),),
        card=card_of(card),
    )


def _check_up(card: str, names: Sequence[str], symbols: Sequence[Symbol], made: Sequence[Made]) -> Message:
    """Several shares in short, a paragraph each; who wants more of one, or to trade it, taps it."""
    lines: list[str] = []
    for place, (name, symbol) in enumerate(zip(names, symbols, strict=True)):
        what = name_text(name, symbol)
        if place >= len(made):
            lines.append(f"⏳ {what}")
            continue
        lines += _in_short(what, made[place])
    done = [one for one in made if not isinstance(one, str)]
    if done:
        lines += [_made_by(done[-1][0]), _CAUTION]
    more = [Button(name or str(symbol), f"analyze {symbol}") for name, symbol in zip(names, symbols, strict=True)]
    left = f"（{len(made)}/{len(symbols)}）" if len(made) < len(symbols) else ""
    return Message(
        title=f"🩺 {len(symbols)} 只股票的分析{left}",
        text="\n".join(lines),
        buttons=tuple(tuple(more[at : at + 2]) for at in range(0, len(more), 2)),
        card=card_of(card),
    )


def _in_short(what: str, made: Made) -> list[str]:
    if isinstance(made, str):
        return [f"⚠️ {what} 没有分析成：{made}"]
    analysis, pack = made
    decision = analysis.decision
    if decision is None:
        return [f"⚠️ {what} 没有结果：{analysis.problem}"]
    price = f" {price_text(pack.price)}" if pack.price is not None else ""
    first = [f"　{one.text}" for one in decision.reasons[:1]]
    return [f"{_ICONS[decision.action.value]} {what}{price} {_advice(decision)}", *first]


def analysis_card(analysis: Analysis, pack: Pack) -> Message:
    """What came of it, in place of the message that it was under way."""
    what = name_text(analysis.name, analysis.symbol)
    decision = analysis.decision
    if decision is None:
        return Message(
            title=f"⚠️ {what} 没有分析结果",
            text="\n".join([analysis.problem, _basis(pack), *([_made_by(analysis)] if analysis.model else [])]),
            buttons=_buttons(analysis),
            card=card_of(analysis.id),
        )
    lines = [
        _basis(pack),
        "",
        *(f"{place}. {one.text}" for place, one in enumerate(decision.reasons, 1)),
        "",
        *_levels(decision),
        *_missing(pack),
        *_outcome(analysis),
        _made_by(analysis),
        _CAUTION,
    ]
    return Message(
        title=f"{_ICONS[decision.action.value]} {what} {_advice(decision)}",
        text="\n".join(lines),
        buttons=_buttons(analysis),
        card=card_of(analysis.id),
    )


def on_interval(analysis: Analysis, pack: Pack, number: int, why: str) -> Message:
    """The same, told because a watch asks for an analysis again and again.

    Args:
        number: of the watch.
        why: why this one is told.
    """
    message = analysis_card(analysis, pack)
    text = f"#{number} 定时分析：{why}\n{message.text}"
    return message.model_copy(update={"text": text})


def _advice(decision: Decision) -> str:
    return f"{decision.action.chinese}（信心 {decision.confidence}%）"


def _basis(pack: Pack) -> str:
    if pack.price is None:
        return "现在没有成交价。"
    at = f"，{stamp_text(pack.quoted_at)[:5]} {time_text(pack.quoted_at)}" if pack.quoted_at is not None else ""
    forming = "，当天 K 线还没走完" if pack.forming else ""
    return f"现价 {price_text(pack.price)}（{pack.source}{at}，{pack.phase}{forming}）"


def _levels(decision: Decision) -> list[str]:
    name = {"sell": "卖出价"}.get(decision.action.value, "买入价")
    levels = ((name, decision.entry), ("止盈", decision.take_profit), ("止损", decision.stop_loss))
    said = "，".join(f"{label} {price_text(price)}" for label, price in levels if price is not None)
    size = f"，{decision.shares} 股" if decision.shares is not None and said else ""
    lines = [f"价位：{said}{size}"] if said else []
    lines.append(f"看多久：{decision.horizon} 个交易日")
    if decision.wrong_if:
        lines.append(f"看错的标志：{decision.wrong_if}")
    return lines


def _missing(pack: Pack) -> list[str]:
    missing = pack.missing
    if not missing:
        return []
    more = f" 等 {len(missing)} 项" if len(missing) > MANY_MISSING else ""
    return [f"缺的数据：{'、'.join(missing[:MANY_MISSING])}{more}"]


def _outcome(analysis: Analysis) -> list[str]:
    if analysis.ticket_id is None:
        return [f"没有出委托：{analysis.note}"] if analysis.note else []
    if analysis.note:  # it says itself whether the card waits
        return [f"📝 委托卡片 {analysis.ticket_id}：{analysis.note}"]
    if analysis.by_policy:
        return [f"🤖 交给你设的自动交易确认（{analysis.ticket_id}），结果看它的卡片。"]
    return [f"📝 已出一张待确认的委托（{analysis.ticket_id}），点“确认”才会下单。"]


def _made_by(analysis: Analysis) -> str:
    if _is_ours(analysis):
        return f"{RULES}（没有接模型），不花钱"
    if analysis.reused is not None:
        return f"{who(analysis)}，数据没变，用的是刚才的回答，不另花钱"
    cost = f"，{_yuan(analysis.yuan)}" if analysis.tokens else ""
    return f"{who(analysis)}{cost}{_took(analysis.took)}"


def _took(took: timedelta) -> str:
    return f"，用时 {age_text(took)}" if took >= timedelta(seconds=1) else ""


def _yuan(yuan: Money) -> str:
    """What it cost, in a word.

    >>> _yuan(Decimal("0.00213")), _yuan(Decimal("0.1")), _yuan(Decimal(0))
    ('约 0.0021 元', '约 0.10 元', '免费')
    """
    if not yuan:
        return "免费"
    return f"约 {yuan:.2f} 元" if yuan >= Decimal("0.01") else f"约 {yuan:.4f} 元"


def _buttons(analysis: Analysis) -> tuple[tuple[Button, ...], ...]:
    return (
        (
            Button("看事实", f"facts {analysis.id}"),
            Button("看图", f"chart {analysis.symbol}"),
            Button("再分析一次", f"analyze {analysis.symbol}"),
        ),
    )


_QUOTED: Final = re.compile("“[^”]*”")
_PLAIN: Final = {
    "take_profit": "止盈价",
    "stop_loss": "止损价",
    "entry": "委托价",
    "size": "数量",
    "price": "现价",
    "code": "代码",
    "name": "名称",
    "reasons": "理由",
    "wrong_if": "看错的标志",
    "confidence": "信心",
    "json": "JSON",
}


def unfounded(why: str) -> str:
    """An answer that did not stand against its facts, twice.

    >>> unfounded("entry 高于今天的涨停价 9.90。size 超过可卖的 0 股。")
    '模型的回答没有通过核对：委托价高于今天的涨停价 9.90，没有采用。'
    """
    first = _QUOTED.sub("一处", why.partition("。")[0])  # what the model wrote is shown to nobody
    for word, said in _PLAIN.items():
        first = first.replace(f"{word} ", said).replace(word, said)
    return f"模型的回答没有通过核对：{first}，没有采用。"


_UNDECIDED: Final = "数据不够，没有判断"


def undecided(pack: Pack) -> str:
    """An answer of no confidence at all is none."""
    missing = pack.missing
    more = f" 等 {len(missing)} 项" if len(missing) > MANY_MISSING else ""
    return f"{_UNDECIDED}：缺 {'、'.join(missing[:MANY_MISSING])}{more}。" if missing else f"{_UNDECIDED}。"


def is_undecided(analysis: Analysis) -> bool:
    return analysis.problem.startswith(_UNDECIDED)


# -- on an alert


def comment(analyses: Sequence[Analysis]) -> Message:
    """A few lines that are added to an alert which went out before, or stand below the card of its order."""
    lines = [""]
    for analysis in analyses:
        lead = f"💬 {analysis.name}：" if len(analyses) > 1 else "💬 "
        decision = analysis.decision
        if decision is None:
            lines.append(f"{lead}没有点评：{analysis.problem}")
            continue
        first = decision.reasons[0].text if decision.reasons else ""
        lines.append(f"{lead}{_advice(decision)} {first}".rstrip())
        lines += _outcome(analysis)
    names = "、".join(one.name for one in analyses)
    by = "、".join(dict.fromkeys(map(who, analyses)))
    lines.append(f"{by}点评，仅供参考。不要点评请发送 /analyze off")
    facts_of = tuple(Button("看事实", f"facts {one.id}") for one in analyses[:1])
    return Message(title=f"💬 点评 {names}", text="\n".join(lines), buttons=(facts_of,))


# -- the card of its order


def reason(analysis: Analysis) -> str:
    """What of an advice stands on the card of its order, in every state."""
    decision = analysis.decision
    assert decision is not None, "only an advice proposes"
    kind = "规则" if _is_ours(analysis) else "AI "
    first = decision.reasons[0].text if decision.reasons else ""
    levels = [
        f"{label} {price_text(price)}"
        for label, price in (("止盈", decision.take_profit), ("止损", decision.stop_loss))
        if price is not None
    ]
    lines = [f"{kind}建议（{who(analysis)}，信心 {decision.confidence}%）：{first}".rstrip("：")]
    return "\n".join([*lines, *(["，".join(levels)] if levels else [])])


def open_already(ticket: Ticket) -> str:
    return f"已经有一张{ticket.side.chinese}它的卡片在等你确认（{ticket.id}），没有再出一张。"


# -- its facts


def facts(analysis: Analysis, pack: Pack, now: datetime) -> Message:
    """All that it stood on, with the time and the source."""
    lines = [
        f"整理于 {stamp_text(pack.at)[:5]} {time_text(pack.at)}，{age_text(now - pack.at)}前",
        _basis(pack),
    ]
    for section in pack.sections:
        lines += ["", *_section(section)]
    if pack.days:
        lines += ["", f"日线 {len(pack.days)} 根，到 {pack.days[-1].day}"]
    if pack.line:
        lines.append(f"分时 {len(pack.line)} 点，到 {pack.line[-1].at}")
    lines += [f"［{one.id}］{one.source} {stamp_text(one.at)}：{one.title}" for one in pack.materials[:MANY_LISTED]]
    return Message(title=f"🔎 {name_text(analysis.name, analysis.symbol)} 分析依据", text="\n".join(lines))


def _section(section: Section) -> list[str]:
    known = [f"{one.label} {fact.text()}" for one in section.given if (fact := one.fact()) is not None]
    missing: dict[str, list[str]] = {}
    for one in section.given:
        if one.value is None:
            missing.setdefault(one.why.partition("，")[0], []).append(one.label)
    return [
        f"【{section.title}】{'　'.join(known)}",
        *(f"{MISSING}：{'、'.join(labels)}{f'（{why}）' if why else ''}" for why, labels in missing.items()),
        *section.lines,
    ]
