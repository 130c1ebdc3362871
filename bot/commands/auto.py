"""Auto: let the advice on named shares be traded without a tap, inside bounds that are said in full and read back."""

from __future__ import annotations

import re
from datetime import time, timedelta
from decimal import Decimal
from typing import Final

from pydantic import ValidationError

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from bot.language.marks import normal
from bot.language.numerals import NUMBER, number
from bot.validation import problem_text
from core import render_auto
from core.clock import market_time
from core.errors import Conflict, Invalid
from core.messages import Role
from core.policy import LONGEST, Policy

_USAGE: Final = (
    "写法：/auto 茅台 招行 每笔20000 每天50000 9:35-14:50 信心70 30天\n"
    "股票、每笔、每天、时段、信心都要写；天数不写是 7 天，最多 31 天。最后可以写账户名。关闭：/auto off"
)
_ON: Final = "yes"
_OFF: Final = frozenset({"off", "关", "关闭", "取消", "停止"})
_MONEY: Final = re.compile(rf"(?P<what>每笔|每天)(?:最多)?(?P<value>{NUMBER})元?$")
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})[-~至到](\d{1,2}):(\d{2})$")
_SURE: Final = re.compile(r"信心(?:至少)?(\d{1,3})%?$")
_DAYS: Final = re.compile(r"(\d{1,2})天$")
_USUAL_DAYS: Final = 7
PENDING: Final = "auto_pending:"
"""Under this key and the owner the store keeps what was read back and waits for the tap."""
_TAP_WITHIN: Final = timedelta(minutes=5)


@command("auto", "自动交易", help="自动交易：默认关闭，在你定的范围内不用点确认", example="/auto", role=Role.TRADER)
async def auto(ctx: Context, call: Call) -> Reply:
    """Show, read back, switch on or off. It is switched on by a tap on exactly what was read back."""
    house, owner = ctx.house, ctx.person.owner
    words = call.words
    if not words:
        now = house.autotrade.of(owner)
        used = await house.autotrade.used(owner)
        return render_auto.shown(now, "" if now is None else house.autotrade.text(now), used, _USAGE)
    if words[0].lower() in _OFF:
        before = await house.autotrade.end(owner)
        await house.store.set_value(f"{PENDING}{owner}", None)
        return render_auto.ended(was_on=before is not None)
    if words[0] == _ON:
        return await _switch_on(ctx, words[1] if len(words) > 1 else "")
    policy = _read(ctx, [normal(word) for word in words])
    await house.store.set_value(f"{PENDING}{owner}", policy.model_dump_json())
    return render_auto.read_back(policy, house.autotrade.text(policy), f"auto {_ON} {policy.stamp}")


async def _switch_on(ctx: Context, stamp: str) -> Reply:
    house, key = ctx.house, f"{PENDING}{ctx.person.owner}"
    stored = await house.store.value(key)
    policy = None if stored is None else Policy.model_validate_json(stored)
    if policy is None or policy.stamp != stamp or house.now() - policy.set_at > _TAP_WITHIN:
        raise Conflict("这张卡片已经过期或者被新的代替，自动交易没有变化。要开请重新发送 /auto 加上范围。")
    broker = targets.broker(ctx, policy.account, trading=True)
    if broker.mode is not policy.mode:
        raise Conflict("账户在这期间变了，自动交易没有打开。请重新发送 /auto 加上范围。")
    await house.autotrade.set(policy)
    await house.store.set_value(key, None)
    return render_auto.switched_on(house.autotrade.text(policy))


def _read(ctx: Context, words: list[str]) -> Policy:
    """Raises Invalid, naming what is missing or not understood."""
    money: dict[str, Decimal] = {}
    hours: tuple[time, time] | None = None
    confidence, days = 0, _USUAL_DAYS
    rest: list[str] = []
    for word in words:
        if (found := _MONEY.match(word)) is not None and (value := number(found["value"])) is not None:
            money[found["what"]] = value
        elif (found := _HOURS.match(word)) is not None:
            hours = _hours(*map(int, found.groups()))
        elif (found := _SURE.match(word)) is not None:
            confidence = int(found[1])
        elif (found := _DAYS.match(word)) is not None:
            days = int(found[1])
        else:
            rest.append(word)
    account, names = _account(ctx, rest)
    missing = [word for word in ("每笔", "每天") if word not in money]
    missing += ["时段"] * (hours is None) + ["信心"] * (not confidence) + ["股票"] * (not names)
    if missing or hours is None:
        raise Invalid(f"还缺：{'、'.join(missing)}。{_USAGE}")
    if not 0 < days <= LONGEST.days:
        raise Invalid(f"天数要在 1 到 {LONGEST.days} 之间。{_USAGE}")
    broker = targets.broker(ctx, account, trading=True)
    now = ctx.house.now()
    try:
        return Policy(
            owner=ctx.person.owner,
            chat=ctx.chat,
            by=ctx.person.signature,
            account=account,
            mode=broker.mode,
            symbols=tuple(dict.fromkeys(targets.symbols(ctx, Call(tuple(names))))),
            order_amount=money["每笔"],
            day_amount=money["每天"],
            begins=hours[0],
            ends=hours[1],
            confidence=confidence,
            until=market_time(now).date() + timedelta(days=days - 1),  # today counts
            set_at=now,
        )
    except ValidationError as error:
        raise Invalid(f"{problem_text(error.errors()[0])}。{_USAGE}") from error


def _hours(hour: int, minute: int, until: int, until_minute: int) -> tuple[time, time]:
    try:
        return time(hour, minute), time(until, until_minute)
    except ValueError:
        raise Invalid(f"时段请写成 9:35-14:50 这样。{_USAGE}") from None


def _account(ctx: Context, words: list[str]) -> tuple[str, list[str]]:
    """The account that one of the words names, else the usual one; and the other words."""
    mine = targets.accounts(ctx, trading=True)
    called = {name: broker.account for broker in mine for name in (broker.account, broker.name)}
    named = [word for word in words if word in called]
    account = called[named[0]] if named else targets.account(ctx, None, trading=True)
    return account, [word for word in words if word not in called]
