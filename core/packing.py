"""Packing: from what is known of a share to the pack of facts that an analysis stands on, and the pack as a model reads
it. Pure.

The text has a block ``<事实>`` with one JSON object, and a block ``<材料>`` with one JSON list where others wrote
something. Within both ``<`` and ``>`` are escaped, so that nothing in them can end its block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from core.clock import market_time
from core.known import Known, Watched
from core.market import LOTS, board_of, tick
from core.news import quoted
from core.pack import Given, Pack, Section
from core.pack_account import alert_section, held_of, most_of, position_section, watch_section
from core.pack_days import days_of, days_section, series_of
from core.pack_market import index_section, limits_of, line_of, line_section, others_of, price_of, quote_section, sealed
from core.portfolio import Account
from core.types import Price, price_text
from core.zones import Missing


def pack(known: Known) -> Pack:
    """The facts. The same knowledge gives the same pack, whenever it is packed within a phase."""
    quote, price, limits = known.seen, price_of(known), limits_of(known)
    account, most = known.account, most_of(known)
    lower, upper = (None, None) if isinstance(limits, Missing) else limits
    board = board_of(known.symbol)
    sections = (
        quote_section(known),
        line_section(known),
        days_section(known),
        index_section(known),
        position_section(known),
        watch_section(known),
        alert_section(known),
        *_material_sections(known),
    )
    return Pack(
        symbol=known.symbol,
        name=known.name,
        at=known.now,
        quoted_at=None if quote is None else quote.quoted_at,
        source="" if quote is None else quote.source,
        phase=known.phase,
        forming=known.forming,
        tick=tick(board),
        lot=LOTS[board].minimum if board in LOTS else 1,
        price=None if isinstance(price, Missing) else price,
        lower=lower,
        upper=upper,
        suspended=quote is not None and quote.suspended,
        sealed=sealed(known),
        held=held_of(known),
        sellable=account.sellable(known.symbol) if isinstance(account, Account) else 0,
        most=0 if isinstance(most, Missing) else most,
        account=known.looked,
        mode=account.mode if isinstance(account, Account) else None,
        sections=tuple(one for one in sections if one.given or one.lines),
        days=days_of(series_of(known)),
        line=line_of(known),
        watches=tuple(one.watch.id for one in known.watches),
        fired=() if isinstance(known.alerts, Missing) else tuple(one.id for one in known.alerts),
        others=others_of(known.symbol),
        literals=("T+1", "T+0", *_numbers(known.watches)),
        materials=() if isinstance(known.materials, Missing) else quoted(known.materials, known.now),
    )


def _numbers(watches: Sequence[Watched]) -> Iterator[str]:
    for one in watches:
        yield f"#{one.watch.number}"


def _material_sections(known: Known) -> Iterator[Section]:
    if isinstance(known.materials, Missing):
        yield Section(title="资讯", lines=(f"资讯缺失：{known.materials.what}。",))


# -- the text for the model


def text(facts: Pack) -> str:
    """The pack as a model reads it. Everything has the age that it had when the pack was put together."""
    blocks = [f"<事实>\n{_json(_object(facts))}\n</事实>"]
    if facts.materials:
        rows = [
            {
                "编号": one.id,
                "来源": one.source,
                "时间": f"{market_time(one.at):%Y-%m-%d %H:%M}",
                "标题": one.title,
                "正文": one.text,
            }
            for one in facts.materials
        ]
        blocks.append(f"<材料>\n{_json(rows)}\n</材料>")
    return "\n".join(blocks)


def _json(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e")


def _object(facts: Pack) -> dict[str, Any]:
    quoted_at = facts.quoted_at
    return {
        "版本": facts.version,
        "证券": {
            "代码": facts.symbol,
            "名称": facts.name,
            "板块": board_of(facts.symbol).chinese,
            "最小变动": str(facts.tick),
            "每手": facts.lot,
        },
        "时间": {
            "现在": f"{market_time(facts.at):%Y-%m-%d %H:%M:%S}",
            "行情时间": None if quoted_at is None else f"{market_time(quoted_at):%Y-%m-%d %H:%M:%S}",
            "行情年龄": None if quoted_at is None else f"{age_text(facts.at - quoted_at)}前",
            "来源": facts.source,
            "阶段": facts.phase,
            "K线未完成": facts.forming,
        },
        "边界": {
            "现价": _price(facts.price),
            "跌停价": _price(facts.lower),
            "涨停价": _price(facts.upper),
            "可卖": facts.sellable,
            "最多可买": facts.most,
            "账户": facts.account,
            "模式": None if facts.mode is None else facts.mode.chinese,
        },
        "分组": [
            {"名": section.title, "数据": [_figure(one) for one in section.given], "说明": list(section.lines)}
            for section in facts.sections
        ],
        "日线": [
            [f"{one.day}", *map(price_text, (one.open, one.high, one.low, one.close)), one.volume] for one in facts.days
        ],
        "分时": [[one.at, price_text(one.price), _price(one.average)] for one in facts.line],
    }


def _price(price: Price | None) -> str | None:
    return None if price is None else price_text(price)


def _figure(one: Given) -> dict[str, Any]:
    row: dict[str, Any] = {"槽": one.name, "标签": one.label}
    fact = one.fact()
    if fact is None:
        row["缺失"] = one.why or "不知道"
    else:
        number, unit = fact.parts()
        row |= {"值": number.replace(",", ""), "单位": unit}
    if one.of:
        row["归属"] = one.of
    return row


def age_text(age: timedelta) -> str:
    """``12 秒``, ``5 分钟``, ``3 小时``, ``2 天``.

    >>> [age_text(timedelta(seconds=number)) for number in (-1, 12, 300, 7_300, 200_000)]
    ['0 秒', '12 秒', '5 分钟', '2 小时', '2 天']
    """
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"
