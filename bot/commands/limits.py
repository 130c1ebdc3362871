"""Limits: what a person allows to be bought."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from pydantic import ValidationError

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from bot.language.marks import normal
from bot.language.numerals import NUMBER, number
from bot.validation import problem_text
from core.errors import Conflict, Invalid
from core.limits import NO_LIMITS, Limits
from core.messages import Message, Role
from core.people import HOUSE
from core.types import money_text

_FIELDS: Final[Mapping[str, str]] = {
    "单笔": "order_amount",
    "单日": "day_amount",
    "次数": "day_orders",
    "单只": "symbol_amount",
    "仓位": "symbol_weight",
    "双人": "second_above",
}
_USAGE: Final = (
    "可以说“单笔最多5万”，或者发送：\n"
    "　/limits 单笔 50000　　每笔买入最多多少元\n"
    "　/limits 单日 200000　　一天合计买入最多多少元\n"
    "　/limits 次数 10　　　　一天最多买入几笔\n"
    "　/limits 单只 100000　　一只股票最多持有多少元\n"
    "　/limits 仓位 30　　　　一只股票最多占总资产的百分之几\n"
    "　/limits 双人 200000　　超过这个金额的买卖要两个人点确认\n"
    "不要某一项：/limits 单笔 off；全部不要：/limits off\n"
    "除了双人，只限制买入；卖出不受限制，止损才卖得出去。"
)
_WRITTEN: Final = re.compile(f"-?{NUMBER}")
_OFF: Final = frozenset({"off", "取消", "关闭", "不限"})


@command("limits", "限额", "上限", help="买入的上限：单笔、单日、单只", example="/limits 单笔 50000", role=Role.TRADER)
async def limits(ctx: Context, call: Call) -> Reply:
    """Show or set what one may buy oneself. What the owners set holds for everybody."""
    spending, owner = ctx.house.spending, ctx.person.owner
    words = call.words
    if not words:
        return _shown(ctx, spending.of(owner)).noted(f"\n{_USAGE}")
    if len(words) == 1 and words[0] in _OFF:
        return await _set(ctx, NO_LIMITS)
    if len(words) != 2 or words[0] not in _FIELDS:
        raise Invalid(f"没有看懂要设哪一项。{_USAGE}")
    value = None if words[1] in _OFF else _number(words[1])
    return await _set(ctx, _changed(spending.of(owner), _FIELDS[words[0]], value))


def _changed(before: Limits, field: str, value: Decimal | None) -> Limits:
    """Raises Invalid where it does not fit."""
    try:
        return Limits.model_validate(before.model_dump() | {field: value})
    except ValidationError as error:
        raise Invalid(problem_text(error.errors()[0])) from error


def _number(word: str) -> Decimal:
    plain = normal(word).rstrip("元%笔")
    found = number(plain.removeprefix("-")) if _WRITTEN.fullmatch(plain) else None
    if found is None:
        raise Invalid(f"“{word}”不是数。{_USAGE}")
    return -found if plain.startswith("-") else found


async def _set(ctx: Context, after: Limits) -> Message:
    before = ctx.house.spending.of(ctx.person.owner)
    await ctx.house.spending.set(ctx.person.owner, after)
    ctx.dialogue = ctx.dialogue.did("上限的修改", limits=(before, after))
    return _shown(ctx, after, title="🧮 已设置买入上限" if after != NO_LIMITS else "🧮 已取消全部买入上限")


async def set_order_amount(ctx: Context, most: Decimal) -> Message:
    """As :func:`limits` does for one of them."""
    return await _set(ctx, _changed(ctx.house.spending.of(ctx.person.owner), "order_amount", most))


async def put_back(ctx: Context, before: Limits, after: Limits) -> Message:
    """The limits as they were before. Raises Conflict where they are no longer as they were after."""
    if ctx.house.spending.of(ctx.person.owner) != after:
        raise Conflict("上限后来又有变化，没有撤销。发送 /limits 查看。")
    await ctx.house.spending.set(ctx.person.owner, before)
    return _shown(ctx, before)


def _shown(ctx: Context, now: Limits, *, title: str = "🧮 买入上限") -> Message:
    lines = [*now.texts()] or ["没有设上限，每一笔仍然要你确认。"]
    if now.second_above is not None:
        lines.append("　第二个人用 /invite 交易 请进来；没有第二个人，超过的就下不了单。")
    if ctx.person.owner != HOUSE:
        lines += [f"主人设的：{text}" for text in ctx.house.spending.of(HOUSE).texts()]
    for broker in targets.accounts(ctx):
        used, where = ctx.house.spending.used(broker.mode), ctx.house.brokerage.where(broker.account)
        lines.append(f"今天已买入 {used.orders} 笔，{money_text(used.amount)} 元（{where}）")
    return Message(title=title, text="\n".join(lines))
