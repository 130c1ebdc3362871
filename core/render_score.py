"""How good the advice was, as people read it: counts while there are few, rates with what they are worth, no praise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.analysis import HORIZONS, Action, Occasion, Outcome, Standing, Touched
from core.clock import market_time
from core.messages import Button, Message
from core.render import signed
from core.render_analysis import model_text, who
from core.score import BANDS
from core.tally import LEAST, Bucket, Case, Fate, Fated, Group, Rate, Tally, fate_of
from core.tickets import TicketState
from core.types import Symbol, money_text, percent_text

NameOf = Callable[[Symbol], str]
_RIGHT: Final[Mapping[Standing, str]] = {Standing.HIT: "对", Standing.MISS: "错", Standing.NEUTRAL: "平"}
_FATES: Final[Mapping[Fate, str]] = {
    Fate.TAPPED: "你确认了",
    Fate.POLICY: "自动交易确认了",
    Fate.REJECTED: "你拒绝了",
    Fate.IGNORED: "没人点，过期了",
}
_TOUCHED: Final[Mapping[Touched, str]] = {
    Touched.TARGET: "途中先到了它说的止盈价",
    Touched.STOP: "途中先到了它说的止损价",
    Touched.SAME_DAY: "同一天里碰到了止盈和止损价，分不清先后，按止损算",
}
_MOST_GROUPS: Final = 5
"""Models, prompts, shares written out; the rest is counted."""


def scored(found: Tally, asked: str, words: str, name_of: NameOf) -> Message:
    """The score.

    Args:
        asked: the shares, model or days that it is about, for people; empty for all.
        words: what asks for the same again.
    """
    about = f"{asked}：" if asked else ""
    if not found.made:
        text = "还没有做过分析。问“茅台怎么看”就会有一条，过 1、3、5、10 个交易日自动评分。"
        return Message(title=f"🎯 {about}还没有可以评分的建议", text=text)
    table, of_what = _table(found)
    lines = [_counted(found), *_whole(found)]
    if found.whole.scored:
        lines += [*_followed(found), *_calibrated(found)]
    lines += _groups("模型", found.models, model_text)
    lines += _groups("提示词", found.prompts, str)
    lines += _groups("股票", found.shares, lambda symbol: name_of(Symbol(symbol)) or symbol)
    lines += _groups("动作", found.actions, lambda action: Action(action).chinese)
    lines += _groups("缘由", found.occasions, lambda occasion: Occasion(occasion).chinese)
    lines += _fated(found.fates)
    if found.tokens:
        lines.append(f"这些分析用了 {found.tokens:,} tokens，{money_text(found.yuan)} 元")
    if table:
        lines.append(f"{of_what}过几个交易日再看：")
    buttons = (Button("每一条建议", f"analyses {words}".rstrip()), Button("怎么算的", "score 怎么算"))
    return Message(title=f"🎯 {about}{_headline(found)}", text="\n".join(lines), table=table, buttons=(buttons,))


def manner() -> Message:
    """How it is reckoned."""
    bands = "、".join(f"{days} 天 {BANDS[days]}%" for days in HORIZONS)
    text = (
        "从看到建议之后第一个肯定还能成交的价算起，不用分析里的那个价：9:25 以前看到的算当天开盘价，"
        "14:57 以前的算当天收盘价，再晚的算下一个交易日的开盘价。\n"
        "算到之后第 1、3、5、10 个交易日的收盘价，前复权，分红不算亏。总的对错按每条建议自己说的天数。\n"
        f"涨跌超过这条线才分对错：{bands}。买入要涨过线，卖出要跌过线；持有没跌过线、观望没涨过线就算对，"
        "比买卖容易对，所以分开数。\n"
        f"命中率是对的占对错之和；不满 {LEAST} 条对错不给命中率。后面的范围是 95% 把握（Wilson 区间）；"
        "相邻几天的建议互相重叠，真实的范围还要宽一些。\n"
        "“随便挑日子说”是把同样的建议随机换到这些日子里会中多少：涨的月份里，谁说买都对。\n"
        "同一天对同一只股票同样的建议只算一条。停牌、一字涨停买不到、一字跌停卖不出、缺日线的无法评分，不算对错。\n"
        "途中到没到止盈止损价：说买入的从能卖出的那天看起（T+1 当天不算），说持有的从起算价看起。\n"
        "委托卡片：确认的只算成交了的股数和金额，没成交的分开数；拒绝、过期的假设按限价全部成交，真下单不一定买得到。"
    )
    return Message(title="🎯 评分是怎么算的", text=text)


def summary(found: Tally) -> list[str]:
    """The score in a few lines, for a report; nothing where no advice has come to its end."""
    if not found.whole.scored:
        return []
    return [*_whole(found), *_followed(found)]


def _headline(found: Tally) -> str:
    """The shortest true answer."""
    trades, stays = found.whole.trades, found.whole.stays
    if not trades.decided and not stays.decided:
        return "还看不出准不准"
    said = [_short(rate, what) for rate, what in ((trades, "买卖"), (stays, "持有观望")) if rate.decided]
    return "，".join(said)


def _short(rate: Rate, what: str) -> str:
    if rate.percent is None:
        return f"{what} {rate.hits} 对 {rate.misses} 错"
    return f"{what}命中率 {rate.percent}%"


def _counted(found: Tally) -> str:
    parts = [f"分析 {found.made} 次"]
    if found.dropped:
        parts.append(f"没给出建议 {found.dropped} 次")
    parts.append(f"不同的建议 {found.advices} 条")
    if found.pending:
        parts.append(f"还没到期 {found.pending} 条")
    if found.whole.unable:
        parts.append(f"无法评分 {found.whole.unable} 条（停牌、封板、缺日线）")
    return "，".join(parts)


def _whole(found: Tally) -> list[str]:
    kinds = ((found.whole.trades, "买卖建议"), (found.whole.stays, "持有、观望"))
    return [f"{what}：{_rate_text(rate)}" for rate, what in kinds if rate.decided or rate.neutral]


def _rate_text(rate: Rate) -> str:
    counts = f"{rate.hits} 对 {rate.misses} 错" + (f" {rate.neutral} 平" if rate.neutral else "")
    if rate.percent is None or rate.interval is None:
        return f"{counts}，样本太少（满 {LEAST} 条对错才算命中率）"
    low, high = rate.interval
    return f"{counts}，命中率 {rate.percent}%（95% 把握在 {low}%～{high}%；同样的话随便挑日子说，能中 {rate.chance}%）"


def _followed(found: Tally) -> list[str]:
    followed, excess = found.followed, found.whole.excess
    if followed is None:
        return []
    advised, held = (percent_text(one, sign=True) for one in (followed.advised, followed.held))
    lines = [f"每条平均：照建议做 {advised}，不管怎么说都拿着 {held}（未计费用）"]
    if excess is not None:
        lines.append(f"这些股票同期平均比沪深300 {percent_text(excess, sign=True)}")
    return lines


def _calibrated(found: Tally) -> list[str]:
    """Whether its confidence is worth something: only where a bucket has enough."""
    said = [_bucket(one) for one in found.calibration if one.rate.percent is not None]
    lines = [f"信心可信吗：{'；'.join(said)}"] if said else []
    if found.brier is not None:
        lines.append(f"信心的误差（布赖尔分）{found.brier}，一律说 50% 是 0.250，越小越好")
    return lines


def _bucket(one: Bucket) -> str:
    return f"说 {one.said}% 的 {one.rate.decided} 条，实际对 {one.rate.percent}%"


def _groups(what: str, groups: Sequence[Group], name_of: Callable[[str], str]) -> list[str]:
    """One line each; where there is but one group, the whole has said it already."""
    if len(groups) < 2:
        return []
    lines = [f"按{what}："]
    for one in groups[:_MOST_GROUPS]:
        kinds = ((one.trades, "买卖"), (one.stays, "持有观望"))
        said = [_short(rate, kind) for rate, kind in kinds if rate.decided]
        moved = [f"平均涨跌 {percent_text(one.percent, sign=True)}"] if one.percent is not None else []
        lines.append(f"　{name_of(one.name) or '未知'}：{'，'.join([*said, *moved]) or '都无法评分'}")
    if len(groups) > _MOST_GROUPS:
        lines.append(f"　还有 {len(groups) - _MOST_GROUPS} 个没有列出")
    return lines


def _fated(fates: Sequence[Fated]) -> list[str]:
    if not fates:
        return []
    lines = ["出过的委托卡片（涨跌从评分的起算价到期末，未计费用；确认的只算成交了的）："]
    lines += [f"　{one.fate.chinese} {one.cards} 张：{_came(one)}" for one in fates]
    return lines


def _came(one: Fated) -> str:
    """What the cards of one fate brought, or would have."""
    said = []
    if one.unfilled:
        said.append(f"{one.unfilled} 张没成交" if one.unfilled < one.cards else "都没成交")
    if one.percent is not None:
        would = "" if one.fate in (Fate.TAPPED, Fate.POLICY) else "要是按限价全部成交，"
        mean = percent_text(one.percent, sign=True)
        said.append(f"{one.scored} 张到期，{would}合计 {signed(one.earned)} 元，平均 {mean}")
    elif one.unfilled < one.cards:
        said.append("其余还没到期" if one.unfilled else "还没到期")
    return "，".join(said)


def _table(found: Tally) -> tuple[tuple[tuple[str, ...], ...], str]:
    """By days, and of what: of advices to trade, or of those to hold or wait where there is nothing else."""
    trades = any(one.trades.decided or one.trades.neutral for one in found.horizons)
    rows = []
    for one in found.horizons:
        rate = one.trades if trades else one.stays
        if rate.decided or rate.neutral:
            share = f"{rate.percent}%" if rate.percent is not None else "-"
            rows.append((f"{one.name}天", str(rate.hits), str(rate.misses), str(rate.neutral), share))
    heading = ("", "对", "错", "平", "命中率")
    return ((heading, *rows) if rows else ()), "买卖建议" if trades else "持有、观望的建议"


# -- one by one


def listed(cases: Sequence[Case], asked: str, words: str, name_of: NameOf, *, page: int, is_last: bool) -> Message:
    """What was advised, newest first, what was done, and what the price did.

    Args:
        cases: of this page.
        words: what asks for the same again.
    """
    about = f"{asked}：" if asked else ""
    if not cases:
        text = "问“茅台怎么看”就会有一条分析。" if page == 1 else "再往前没有了。"
        return Message(title=f"🗒 {about}没有分析建议", text=text)
    lines = [line for case in cases for line in _case(case, name_of)]
    lines.append("涨跌从看到建议之后第一个能成交的价算起，前复权。")
    buttons = [Button("准不准", f"score {words}".rstrip())]
    if not is_last:
        buttons.append(Button("更早的", f"analyses {words} p{page + 1}".replace("  ", " ")))
    title = f"🗒 {about}分析建议" + (f"，第 {page} 页" if page > 1 else "")
    return Message(title=title, text="\n".join(lines), buttons=(tuple(buttons),))


def _case(case: Case, name_of: NameOf) -> list[str]:
    one, decision = case.analysis, case.decision
    name = name_of(one.symbol) or one.name or one.symbol
    head = f"{market_time(one.at):%m-%d %H:%M} {name} {decision.action.chinese}，信心 {decision.confidence}%"
    lines = [f"{head}，看 {decision.horizon} 天（{who(one)}）"]
    done = _done(case)
    if done:
        lines.append(f"　{done}")
    moves = [_move(case.outcomes[days]) for days in HORIZONS if days in case.outcomes]
    lines.append(f"　{'；'.join(moves) or '还没到 1 个交易日'}")
    own = case.own
    if own is not None and own.touched is not None:
        lines.append(f"　{_TOUCHED[own.touched]}")
    return lines


def _move(outcome: Outcome) -> str:
    if outcome.percent is None:
        return f"{outcome.horizon}天无法评分（{outcome.why}）"
    return f"{outcome.horizon}天 {percent_text(outcome.percent, sign=True)} {_RIGHT[outcome.standing]}"


def _done(case: Case) -> str:
    """What the person did about it."""
    fate = fate_of(case)
    if fate is not None:
        return f"{_FATES[fate]}{_filled(case)}"
    if case.ticket is not None:
        return "卡片等你确认" if case.ticket.state is TicketState.OPEN else "卡片作废了"
    return case.analysis.note


def _filled(case: Case) -> str:
    """Where an order was sent: how much less than all of it was traded."""
    order = case.order
    if order is None or not order.state.final or order.filled >= order.shares:
        return ""
    return f"，只成交 {order.filled} 股" if order.filled else f"，没成交（{order.state.chinese}）"
